/** rump.mount_msdos(8) and rump.mount_tmpfs(8): mount a file system inside a rump kernel. */
import { S_IFDIR, S_IFMT } from "../abi/flags.ts";
import { encodeMountArgs } from "../abi/mount_args.ts";
import type { Host } from "../host/host.ts";
import type { Grammar } from "./cli.ts";
import type { SyncCalls } from "./client.ts";
import { rumpStat, words } from "./files.ts";
import { isExpected } from "./cli.ts";
import type { Run } from "./mod.ts";
import { MSDOS_HELP, MSDOS_LETTERS, msdosMount } from "./msdos_options.ts";
import { TMPFS_HELP, TMPFS_LETTERS, tmpfsMount } from "./tmpfs_options.ts";
import { type Program, program, type Tool } from "./tool.ts";

/** mount(2) with a driver's options; failures in mount(8)'s words. */
export function mountAt(
  t: Tool,
  type: string,
  special: string,
  node: string,
  flags: number,
  driver: Readonly<Record<string, unknown>>,
): void {
  try {
    const over = rumpStat(t.sys, node, true);
    const data = encodeMountArgs(type, { ...driver, fspec: special }, over);
    t.sys.mount({ type, path: node, flags, data });
  } catch (e) {
    if (!isExpected(e)) throw e;
    t.complain(`${special} on ${node}: ${words(e)}`);
  }
}
/** As NetBSD's mount programs: a path that is not there is warned of first. */
function warn(t: Tool, path: string): boolean {
  try {
    return (rumpStat(t.sys, path, true).mode & S_IFMT) === S_IFDIR;
  } catch (e) {
    if (!isExpected(e)) throw e;
    t.host.err(`${t.name}: Warning: realpath ${path}: ${words(e)}\n`);
    return false;
  }
}
const raw = (t: Tool) => ({
  options: [...MSDOS_LETTERS, ...TMPFS_LETTERS].filter((c, i, all) => c !== ":" && all.indexOf(c) === i)
    .flatMap((c) => t.all(c).map((v) => [c, v] as const)),
  rest: t.rest,
});

const msdos: Grammar = {
  usage: "[-9GlsU] [-g gid] [-M mask] [-m mask] [-o options] [-t gmtoff] [-u uid] special mountpath",
  about: "Mount an MS-DOS file system in the rump kernel.",
  letters: MSDOS_LETTERS,
  help: MSDOS_HELP,
};
const tmpfs: Grammar = {
  usage: "[-g group] [-m mode] [-n nodes] [-o options] [-s size] [-u user] tmpfs mount_point",
  about: "Mount a memory file system in the rump kernel.",
  letters: TMPFS_LETTERS,
  help: TMPFS_HELP,
};
const programs: Readonly<Record<string, Program>> = {
  "rump.mount_msdos": program(msdos, (t) => {
    const [special, node] = t.rest;
    if (special === undefined || node === undefined || t.rest.length > 2) t.usage();
    const { driver, mount } = msdosMount(t.host, t.name, raw(t));
    for (const path of [special!, node!]) warn(t, path);
    mountAt(t, "msdos", special!, node!, mount.flags, driver);
  }),
  "rump.mount_tmpfs": program(tmpfs, (t) => {
    const [special, node] = t.rest;
    if (special === undefined || node === undefined || t.rest.length > 2) t.usage();
    const { driver, mount } = tmpfsMount(t.host, t.name, raw(t));
    if (!warn(t, node!)) return t.complain(`cannot stat \`${node}': No such file or directory`);
    mountAt(t, "tmpfs", special!, node!, mount.flags, driver);
  }),
};
export const run: Run = (host, argv) => programs[argv[0]!]!.run(host, argv);
/** The same over given system calls. */
export const over = (host: Host, argv: readonly string[], sys: SyncCalls): number =>
  programs[argv[0]!]!.over(host, argv, sys);
