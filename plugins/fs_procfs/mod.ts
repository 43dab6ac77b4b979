/** procfs: the processes of a rump kernel, which are its clients (NetBSD: mount_procfs(8)). */
import * as v from "valibot";
import type { FsDriver, PathNode, Sys } from "../../src/plugin.ts";
import { type Shown, shownFiles } from "../../src/lib/shown_files.ts";
import { fileNames, fileOf } from "./processes.ts";
import { systemFiles } from "./system.ts";

const options = v.strictObject({
  linux: v.optional(
    v.pipe(v.boolean(), v.description("as Linux' programs know it, with its files of the whole kernel")),
    false,
  ),
});
type Options = v.InferOutput<typeof options>;

/** Links to the one who asks; who is no process of this kernel has none. */
function links({ kernel }: Sys): Readonly<Record<string, string>> {
  const pid = kernel.caller();
  return pid === undefined ? {} : { curproc: String(pid), self: "curproc" };
}

/** What stands at a path; undefined: nothing. */
function find(sys: Sys, linux: boolean, path: string): Shown | undefined {
  const { kernel } = sys;
  const [name, ...rest] = path.split("/");
  const system = linux ? systemFiles : {};
  if (path === "") {
    const pids = kernel.processes().map((p) => String(p.pid));
    return { names: () => [...pids, ...Object.keys(links(sys)), ...Object.keys(system)] };
  }
  if (/^[1-9]\d*$/.test(name!)) {
    const proc = kernel.process(Number(name));
    if (!proc) return undefined;
    if (rest.length > 0) return fileOf(proc, rest, linux);
    return { names: () => fileNames(linux), uid: proc.euid, gid: proc.egid };
  }
  if (rest.length > 0) return undefined;
  const link = links(sys)[name!];
  if (link !== undefined) return { target: () => link };
  return Object.hasOwn(system, name!) ? { text: () => system[name!]!(sys) } : undefined;
}
const driver: FsDriver<Options, PathNode> = {
  kind: "fs",
  name: "procfs",
  about: "Mount the processes of a rump kernel: its clients, their files and where they stand.",
  readOnly: true,
  options,
  mount: (sys, _device, { options: { linux } }) =>
    sys.pathVolume({
      ...shownFiles(sys.errno, sys.now, (path) => find(sys, linux, path)),
      readOnly: true,
      label: "procfs",
    }),
};
export default driver;
