/** File systems whose drivers run in processes of their own (`--isolate`): loaded there, mounted there, killed there. */
import { errno } from "../abi/errno.ts";
import type { Host } from "../host/host.ts";
import type { BlockDevice, Capability, FsDriver, Schema, Sys, Volume } from "../plugin.ts";
import { factsOf } from "./blocks.ts";
import type { Description, Mounted } from "./operations.ts";
import { DriverProcess, type Limits } from "./process.ts";
import { type IsolatedVolume, isolatedVolume } from "./volume.ts";

export type { Limits };

/** Load a plugin's file into a process of its own: what `Host.import` would give, without running any of it here. */
export async function isolatedImport(host: Host, file: string, limits: Limits): Promise<{ default: FsDriver }> {
  const path = host.realpath(file);
  const said: string[] = [];
  const child = new DriverProcess(host, {
    file,
    limits: { ...limits, sandbox: false },
    log: (line) => void said.push(line),
  });
  try {
    const { value } = await child.ask({ do: "describe" });
    return { default: driverOf(host, { file, path, limits }, value as Description) };
  } catch (e) {
    throw new Error(said[0] ? firstLine(said[0]) : `${file}: ${(e as Error).message}`);
  } finally {
    child.kill();
  }
}
const firstLine = (text: string) => text.replace(/: bug: Error: .*?: /, ": ").split("\n")[0]!;

interface Where {
  readonly file: string;
  readonly path: string;
  readonly limits: Limits;
}
function driverOf(host: Host, where: Where, d: Description): FsDriver {
  if (typeof d !== "object" || d === null || !/^[\w.+-]{1,31}$/.test(String(d.name))) throw errno.EINVAL;
  return {
    kind: "fs",
    name: d.name,
    ...(typeof d.about === "string" ? { about: d.about } : {}),
    wantsDevice: d.wantsDevice === true,
    readOnly: d.readOnly === true,
    lacks: (Array.isArray(d.lacks) ? d.lacks : []) as readonly Capability[],
    options: schemaOf(d.options),
    mount: (sys, device, request) => mount(host, where, d.name, sys, device, request),
  };
}
/** What the options are is known here; whether values will do is said there, when it is mounted. */
const schemaOf = (properties: Description["options"]): Schema<unknown> => ({
  "~standard": {
    version: 1,
    vendor: "rump",
    validate: (value) => ({ value }),
    ...(properties ? { jsonSchema: { input: () => ({ type: "object", properties }) } } : {}),
  },
});
async function mount(
  host: Host,
  { file, path, limits }: Where,
  name: string,
  sys: Sys,
  device: BlockDevice | undefined,
  request: unknown,
): Promise<Volume> {
  let volume: IsolatedVolume | undefined;
  const child = new DriverProcess(host, {
    file: path,
    limits,
    log: (line) => sys.log(line.startsWith(`${name}: `) ? line : line.replace(`${path}: `, `${name}: ${file}: `)),
    changed: (id, at) => volume && sys.changed(volume, volume.changed(id), at),
  });
  child.disk = device;
  try {
    const { value } = await child.ask({ do: "mount", request, disk: device && factsOf(device) });
    return volume = isolatedVolume(child, value as Mounted, () => host.now());
  } catch (e) {
    child.kill();
    throw e;
  }
}
/** Until `work` is done the loop runs, without which nothing is heard of other processes. */
export async function inLoop<T>(host: Host, work: Promise<T>): Promise<T> {
  const { loop } = host;
  loop.pending(1);
  const done = work.finally(() => {
    loop.pending(-1);
    loop.stop();
  });
  done.catch(() => {});
  await loop.run();
  return await done;
}
