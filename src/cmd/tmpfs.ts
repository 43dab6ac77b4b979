/** rump_tmpfs(8): mount a memory file system by a process of its own. */
import { type Grammar, parse, usage } from "./cli.ts";
import { hostMount } from "./host_mount.ts";
import { otherThanMount } from "./mount_stats.ts";
import type { Run } from "./mod.ts";
import { operandsLast, SERVE_HELP, SERVE_LETTERS, serveOptions } from "./serve_options.ts";
import { TMPFS_HELP, TMPFS_LETTERS, tmpfsMount } from "./tmpfs_options.ts";

const grammar: Grammar = {
  usage: [
    "[-f] [-g group] [-m mode] [-n nodes] [-o options] [-s size] [-u user] tmpfs mountpoint",
    "-u mountpoint | --unmount [--lazy] mountpoint",
    "--stats [--count n] mountpoint",
  ],
  about:
    "Mount a file system in memory. A process of its own serves it and ends, with the files, when it is unmounted.",
  letters: `${TMPFS_LETTERS}${SERVE_LETTERS}`,
  help: {
    ...TMPFS_HELP,
    ...SERVE_HELP,
  },
  examples: ["-s 64m tmpfs mnt"],
};

export const run: Run = async (host, argv) => {
  const program = argv[0]!;
  const parsed = parse(host, operandsLast(argv), grammar);
  const done = otherThanMount(host, program, parsed);
  if (done !== undefined) return await done;
  if (parsed.rest.length !== 2) usage(host, program, grammar);
  const { driver, mount } = tmpfsMount(host, program, parsed);
  return await hostMount(host, {
    program,
    type: "tmpfs",
    component: "rumpfs_tmpfs",
    device: undefined,
    source: parsed.rest[0]!,
    dir: parsed.rest[1]!,
    driver,
    options: mount,
    serve: serveOptions(program, parsed),
  });
};
