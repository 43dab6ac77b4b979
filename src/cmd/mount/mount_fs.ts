/** rump.mount_NAME of every built-in file system: mount it inside a rump kernel (mount_msdos(8), mount_tmpfs(8), …). */
import { S_IFDIR, S_IFMT } from "../../abi/flags.ts";
import { encodeMountArgs } from "../../abi/mount_args.ts";
import type { FsDriver } from "../../plugin.ts";
import { type Grammar, isExpected } from "../cli.ts";
import type { DriverWords } from "./driver_words.ts";
import { rumpStat, words } from "../files.ts";
import { builtinDriver, fsWords } from "./fs_words.ts";
import type { Run } from "../mod.ts";
import { type Program, program, type Tool } from "../tool.ts";

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
const raw = (t: Tool, letters: string) => ({
  options: [...letters].filter((c) => c !== ":").flatMap((c) => t.all(c).map((v) => [c, v] as const)),
  rest: t.rest,
});

/** What is mounted, in a usage's words. */
const sourceOf = ({ name, wantsDevice, layers }: FsDriver) => wantsDevice ? "special" : layers ? "directory" : name;

const grammarOf = (driver: FsDriver, { letters, usage, help }: DriverWords): Grammar => ({
  usage: `${usage} ${sourceOf(driver)} ${driver.wantsDevice ? "mountpath" : "mount_point"}`,
  about: driver.layers && driver.about
    ? `${driver.about} Both are the rump kernel's.`
    : `Mount a file system of type ${driver.name} in the rump kernel.`,
  letters,
  help,
});
function programOf(driver: FsDriver): Program {
  const words = fsWords(driver);
  return program(grammarOf(driver, words), (t) => {
    const [special, node] = t.rest;
    if (special === undefined || node === undefined || t.rest.length > 2) t.usage();
    const { driver: given, mount } = words.mount(t.host, t.name, raw(t, words.letters));
    if (driver.wantsDevice || driver.layers) warn(t, special!);
    const there = warn(t, node!);
    if (!there && !driver.wantsDevice) return t.complain(`cannot stat \`${node}': No such file or directory`);
    mountAt(t, driver.name, special!, node!, mount.flags, given);
  });
}
const driverOf = (name: string) => builtinDriver(name.replace(/^rump\.mount_/, ""));
export const run: Run = async (host, argv) => await programOf(await driverOf(argv[0]!)).run(host, argv);
