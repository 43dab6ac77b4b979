/** rump.mount: mount file systems in a rump kernel, or list what is mounted (mount(8)). */
import {
  MNT_ASYNC,
  MNT_LOCAL,
  MNT_NOATIME,
  MNT_NODEV,
  MNT_NOEXEC,
  MNT_NOSUID,
  MNT_RDONLY,
  MNT_RELATIME,
  MNT_ROOTFS,
  MNT_SYNCHRONOUS,
  MNT_UNION,
} from "../../abi/flags.ts";
import type { Options } from "../../lib/getopt.ts";
import type { Host } from "../../host/host.ts";
import { Failure, type Grammar, parse } from "../cli.ts";
import { fsOfImages } from "../disk/disk_formats.ts";
import { builtinType } from "./fs_names.ts";
import { mountPlugin, pluginAt } from "./fs_program.ts";
import type { Run } from "../mod.ts";
import { mountAt, run as mountFs } from "./mount_fs.ts";
import { parseMountOptions } from "./mount_options.ts";
import { type Mounted, mounts } from "./statvfs.ts";

import { program, type Tool } from "../tool.ts";

/** Flags as mount(8) words them, in its order. `root file system` with -v only. */
const wording: readonly (readonly [flag: number, text: string, verbose?: true])[] = [
  [MNT_ASYNC, "asynchronous"],
  [MNT_NOATIME, "noatime"],
  [MNT_NODEV, "nodev"],
  [MNT_NOEXEC, "noexec"],
  [MNT_NOSUID, "nosuid"],
  [MNT_RDONLY, "read-only"],
  [MNT_RELATIME, "relatime"],
  [MNT_SYNCHRONOUS, "synchronous"],
  [MNT_UNION, "union"],
  [MNT_LOCAL, "local"],
  [MNT_ROOTFS, "root file system", true],
];
function line(m: Mounted, verbose: boolean): string {
  const words = wording.filter(([flag, , only]) => m.flag & flag && (verbose || !only)).map(([, text]) => text);
  if (verbose) {
    words.push(
      `fsid: 0x${m.fsidx0.toString(16)}/0x${m.fsidx1.toString(16)}`,
      `reads: sync ${m.syncreads} async ${m.asyncreads}`,
      `writes: sync ${m.syncwrites} async ${m.asyncwrites}`,
    );
  }
  return `${m.mntfromname} on ${m.mntonname} type ${m.fstypename}${words.length > 0 ? ` (${words.join(", ")})` : ""}\n`;
}
function list(t: Tool): void {
  const types = t.all("t").flatMap((x) => x.split(","));
  for (const m of mounts(t.sys)) {
    if (types.length === 0 || types.includes(m.fstypename)) t.out(line(m, t.has("v")));
  }
}
/** The -o lists; letters are short for some. */
function listsOf({ options }: Options): string[] {
  const words: Readonly<Record<string, string>> = { r: "ro", w: "rw", u: "update" };
  return options.flatMap(([o, v]) => (o === "o" ? [v] : words[o] ? [words[o]] : []));
}
const typeOf = ({ options }: Options) => options.findLast(([o]) => o === "t")?.[1] ?? "msdos";

/** A type of a plugin the server has: what is no flag is an option of its driver. */
function mount(t: Tool, asked: Options, special: string, node: string): void {
  const lists = listsOf(asked);
  const names = lists.flatMap((l) => l.split(",")).map((o) => o.split("=")[0]!);
  const { flags, others } = parseMountOptions(t.name, lists, names);
  const options = Object.fromEntries([...others].map(([k, v]) => [k, v === "" ? true : v]));
  mountAt(t, typeOf(asked), special, node, flags, options);
}
const grammar: Grammar = {
  usage: ["[-v] [-t type]", "[-ruw] [-o options] [-t type] special node", "file.ts [options] [source] mountpoint"],
  about: "Mount a file system in the rump kernel; without operands list what is mounted.\n" +
    "A plugin's file is mounted on the host, by a process of its own: `rump mount ./mine.ts --help` shows its options.",
  letters: "ado:rt:uvw",
  help: {
    o: "mount options, separated by commas",
    r: "read-only",
    t: "type; default msdos",
    u: "change the options of what is mounted",
    v: "tell more",
    w: "read-write",
    a: "nothing: a rump kernel has no fstab",
    d: "nothing",
  },
  examples: ["-t tmpfs tmpfs /tmp", "-t msdos -o ro /dev/fat /mnt", "./hellofs.ts mnt"],
};
/** Without a server an image of the host is meant: other programs mount those. */
function refuseImage(host: Host, special: string): void {
  if (host.env("RUMP_SERVER") !== undefined || !exists(host, special)) return;
  const programs = fsOfImages.map((type) => `rump_${type}`).join(", ");
  throw new Failure(`rump.mount: ${special}: RUMP_SERVER is not set; images of the host are mounted by ${programs}`);
}
function exists(host: Host, path: string): boolean {
  try {
    return host.stat(path) !== undefined;
  } catch {
    return false;
  }
}
export const run: Run = async (host, argv) => {
  const at = pluginAt(argv);
  if (at > 0 && !argv.includes("-t")) return await mountPlugin(host, argv, at);
  const asked = parse(host, argv, grammar);
  if (asked.rest.length === 2) refuseImage(host, asked.rest[0]!);
  // Built-in types have programs of their own, which know their options.
  const own = asked.rest.length === 2 ? builtinType(typeOf(asked)) : undefined;
  if (own) {
    return await mountFs(host, [`rump.mount_${own}`, ...listsOf(asked).flatMap((o) => ["-o", o]), ...asked.rest]);
  }
  return await program(grammar, (t) => {
    const [special, node, ...more] = t.rest;
    if (special === undefined) return list(t);
    if (node === undefined || more.length > 0) t.usage();
    mount(t, asked, special, node!);
  }).run(host, argv);
};
