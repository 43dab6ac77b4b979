/**
 * mount.msdos(8) and mount.rump_msdos(8), as mount(8) of util-linux calls them for fstab and -t:
 * `mount.TYPE spec dir [-sfnv] [-N namespace] [-o options] [-t type.subtype]`. With `rump` among its options
 * mount.msdos is rump_msdos, without it the kernel's driver is asked.
 */
import type { Host } from "../host/host.ts";
import { Failure, type Grammar, parse, usage } from "./cli.ts";
import type { Run } from "./mod.ts";
import { run as rumpMsdos } from "./msdos.ts";
import { msdosMount } from "./msdos_options.ts";
import { operandsLast } from "./serve_options.ts";

const grammar: Grammar = {
  usage: "image mountpoint [-fnsv] [-o options] [-t type]",
  about: "What mount(8) runs for `mount -t msdos -o rump image dir` and for fstab lines like\n" +
    "`/path/disk.img /mnt msdos rump,user,noauto 0 0`. Options after `rump` are rump_msdos's; without it the kernel mounts.",
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
  if (program === "mount.msdos" && !words.includes("rump")) {
    const letters = ["f", "n", "s", "v"].filter(has).map((l) => `-${l}`);
    return await kernelMount(host, program, [...letters, ...words.length > 0 ? ["-o", words.join(",")] : []], rest);
  }
  const known = has("s") ? words.filter((o) => isKnown(host, program, o)) : words;
  const args = known.flatMap((o) => ["-o", o]);
  if (has("v")) host.out(`rump_msdos ${[...args, ...rest].join(" ")}\n`);
  if (!has("f")) return await rumpMsdos(host, [program, ...args, "--", ...rest]);
  msdosMount(host, program, { options: known.map((o) => ["o", o] as const), rest: [] });
  return 0;
};
function isKnown(host: Host, program: string, option: string): boolean {
  try {
    msdosMount(host, program, { options: [["o", option]], rest: [] });
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
  return await host.runChild("mount", ["-i", "-t", "msdos", ...options, "--", ...rest], {});
}
