/**
 * mount.NAME(8) and mount.rump_NAME(8) of every built-in file system, as mount(8) of util-linux calls them for fstab and -t:
 * `mount.TYPE spec dir [-sfnv] [-N namespace] [-o options] [-t type.subtype]`. With `rump` among its options mount.NAME is
 * rump_NAME, without it the kernel's driver is asked.
 */
import type { Host } from "../../host/host.ts";
import type { FsDriver } from "../../plugin.ts";
import { Failure, type Grammar, parse, usage } from "../cli.ts";
import { builtinType } from "./fs_names.ts";
import { builtinDriver, fsWords } from "./fs_words.ts";
import { applets, type Run } from "../mod.ts";
import { operandsLast } from "./serve_options.ts";

const grammar: Grammar = {
  usage: "image mountpoint [-fnsv] [-o options] [-t type]",
  about: "What mount(8) runs for `mount -t msdos -o rump image dir` and for fstab lines like\n" +
    "`/path/disk.img /mnt msdos rump,user,noauto 0 0`, and likewise for every other type rump has. Options after `rump`\n" +
    "are rump_msdos's; without it the kernel mounts.",
  letters: "fnsvN:o:t:",
  help: {
    f: "look at everything, but do not mount",
    n: "nothing: there is no mtab",
    s: "leave out options that are not known",
    v: "say what is done",
    N: "refused: the mount name space of another process",
    o: "mount options",
    t: "the type, for the kernel's driver",
  },
};

export const run: Run = async (host, argv) => {
  const program = argv[0]!;
  const { options, rest } = parse(host, operandsLast(argv), grammar);
  if (rest.length !== 2) return usage(host, program, grammar);
  const has = (letter: string) => options.some(([o]) => o === letter);
  if (has("N")) throw new Failure(`${program}: -N: option not supported`);
  const lists = options.filter(([o]) => o === "o").map(([, v]) => v);
  const words = lists.flatMap((l) => l.split(",")).filter((o) => o !== "");
  const name = program.slice("mount.".length);
  if (!name.startsWith("rump_") && !words.includes("rump")) {
    const letters = ["f", "n", "s", "v"].filter(has).map((l) => `-${l}`);
    const asked = [...letters, ...words.length > 0 ? ["-o", words.join(",")] : []];
    return await kernelMount(host, program, ["-t", name, ...asked], rest);
  }
  const type = builtinType(name.replace(/^rump_/, ""))!;
  const driver = await builtinDriver(type);
  const known = has("s") ? words.filter((o) => isKnown(host, program, driver, o)) : words;
  const args = known.flatMap((o) => ["-o", o]);
  if (has("v")) host.out(`rump_${type} ${[...args, ...rest].join(" ")}\n`);
  if (!has("f")) return await (await applets[`rump_${type}`]!.load()).run(host, [program, ...args, "--", ...rest]);
  check(host, program, driver, known);
  return 0;
};
/** Throws Failure for options that would not do. */
function check(host: Host, program: string, driver: FsDriver, options: readonly string[]): void {
  fsWords(driver).mount(host, program, { options: options.map((o) => ["o", o] as const), rest: [] });
}
function isKnown(host: Host, program: string, driver: FsDriver, option: string): boolean {
  try {
    check(host, program, driver, [option]);
    return true;
  } catch (e) {
    if (e instanceof Failure && e.message.endsWith("option not supported")) return false;
    throw e;
  }
}

/** The kernel's own driver: mount(8), told not to call us again. */
async function kernelMount(
  host: Host,
  program: string,
  options: readonly string[],
  rest: readonly string[],
): Promise<number> {
  if (host.uid !== 0) {
    throw new Failure(`${program}: ${rest[0]}: only root mounts by the kernel's driver; -o rump mounts without it`);
  }
  return await host.runChild("mount", ["-i", ...options, "--", ...rest], {});
}
