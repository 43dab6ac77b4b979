/** The options of mount_tmpfs(8). */
import type { Host } from "../host/host.ts";
import { type Options, parseSize } from "../lib/getopt.ts";
import { Failure } from "./cli.ts";
import { type MountOptions, parseMountOptions } from "./mount_options.ts";

export const TMPFS_LETTERS = "g:m:n:o:s:u:";
export const TMPFS_HELP: Readonly<Record<string, string>> = {
  g: "group of the root directory, name or number; default: the mount point's",
  m: "mode of the root directory, octal; default: the mount point's",
  n: "files there may be",
  o: "mount options: ro, noexec, nosuid, nodev, noatime, size=, nr_inodes=, mode=, uid=, gid=, …",
  s: "size of all data, with suffix k, m or g",
  u: "owner of the root directory, name or number; default: the mount point's",
};
/** Linux's names of the same. */
const linuxNames: Readonly<Record<string, string>> = { size: "s", nr_inodes: "n", mode: "m", uid: "u", gid: "g" };

/** What the driver's schema wants (plugins/fs_tmpfs/mod.ts), and the mount flags. */
export function tmpfsMount(
  host: Host,
  program: string,
  { options }: Options,
): { driver: Record<string, unknown>; mount: MountOptions } {
  const mount = parseMountOptions(
    program,
    options.filter(([o]) => o === "o").map(([, v]) => v),
    Object.keys(linuxNames),
  );
  const driver: Record<string, unknown> = {};
  const all = [...[...mount.others].map(([name, value]) => [linuxNames[name]!, value] as const), ...options];
  for (const [letter, value] of all) set(host, program, letter, value, driver);
  return { driver, mount };
}
function set(host: Host, program: string, letter: string, value: string, into: Record<string, unknown>): void {
  const bad = (): never => {
    throw new Failure(`${program}: -${letter} ${value}: not understood`);
  };
  if (letter === "u") into.uid = /^\d+$/.test(value) ? Number(value) : host.userId(value) ?? bad();
  if (letter === "g") into.gid = /^\d+$/.test(value) ? Number(value) : host.groupId(value) ?? bad();
  if (letter === "m") into.mode = /^[0-7]{1,5}$/.test(value) ? parseInt(value, 8) & 0o7777 : bad();
  if (letter === "s") into.size = parseSize(value) ?? bad();
  if (letter === "n") into.nodes = parseSize(value) ?? bad();
}
