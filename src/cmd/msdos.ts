/** rump_msdos(8): mount an MS-DOS image by a process of its own. */
import type { Host } from "../host/host.ts";
import type { BlockDevice } from "../plugin.ts";
import { readDisklabel } from "../wire/disklabel.ts";
import { Failure, type Grammar, parse, reasonOf, usage } from "./cli.ts";
import { hostMount } from "./fuse_mount.ts";
import type { Run } from "./mod.ts";
import { MSDOS_HELP, MSDOS_LETTERS, msdosMount } from "./msdos_options.ts";
import { MNT_RDONLY } from "../abi/flags.ts";

const grammar: Grammar = {
  usage: "[-9GlsUf] [-g gid] [-M mask] [-m mask] [-o options] [-t gmtoff] [-u uid] image mountpoint",
  about:
    "Mount an MS-DOS (FAT12, FAT16, FAT32) image or device. A process of its own serves it, without root, loop device\n" +
    "or kernel driver, and ends when it is unmounted. image%DISKLABEL:e% is partition e of a BSD disklabel.",
  letters: `${MSDOS_LETTERS}f`,
  help: {
    ...MSDOS_HELP,
    f: "stay in the foreground, log to standard error",
    foreground: "the same",
    "log=": "file the background process logs to",
  },
  examples: ["disk.img mnt", "-o ro,uid=1000 disk.img mnt", "-u me -m 644 -M 755 disk.img mnt"],
};

const START = 64 << 10;

/** image, and the partition letter behind it. */
function split(image: string): readonly [path: string, letter: string | undefined] {
  const m = /^(.*)%DISKLABEL:(.)%$/.exec(image);
  return m ? [m[1]!, m[2]!] : [image, undefined];
}

/** The image as a disk: locked, read-only when asked or when the host says so. Throws Failure. */
function openImage(
  host: Host,
  program: string,
  path: string,
  letter: string | undefined,
  readOnly: boolean,
): BlockDevice {
  const fail = (why: string): never => {
    throw new Failure(`${program}: ${path}: ${why}`);
  };
  const attempt = <T>(work: () => T): T => {
    try {
      return work();
    } catch (e) {
      return e instanceof Failure ? fail(e.message) : fail(reasonOf(e));
    }
  };
  const { type } = attempt(() => host.stat(path));
  if (type === "dir") fail("is a directory");
  if (type !== "file" && type !== "blk") fail("neither a file nor a block device");
  const write = !readOnly && attempt(() => isWritable(host, path));
  const where = letter === undefined ? {} : attempt(() => partition(host, path, letter));
  const disk = attempt(() => host.disk(path, { write, ...where }));
  const holder = disk.file.lock(write, where.offset ?? 0, where.length ?? 0);
  if (holder) fail(`locked by process ${holder.pid}: it is mounted already`);
  return disk;
}
function isWritable(host: Host, path: string): boolean {
  try {
    host.open(path, { write: true }).close();
    return true;
  } catch (e) {
    if (["EACCES", "EROFS", "EPERM", "ETXTBSY"].includes((e as { code?: string }).code ?? "")) return false;
    throw e;
  }
}
function partition(host: Host, path: string, letter: string): { readonly offset?: number; readonly length?: number } {
  const start = new Uint8Array(START);
  const file = host.open(path, {});
  const n = file.pread(start, 0);
  file.close();
  const found = readDisklabel(start.subarray(0, n));
  if (!found) throw new Failure("no disklabel");
  const p = found.find((x) => x.letter === letter);
  if (!p || p.offset >= file.size) throw new Failure(`no partition ${letter}`);
  return { offset: p.offset, length: Math.min(p.length || Infinity, file.size - p.offset) };
}

export const run: Run = async (host, argv) => {
  const program = argv[0]!;
  const parsed = parse(host, argv, grammar);
  const [image, dir, ...more] = parsed.rest;
  if (image === undefined || dir === undefined || more.length > 0) usage(host, program, grammar);
  const { driver, mount } = msdosMount(host, program, parsed);
  const [path, letter] = split(image!);
  const readOnly = (mount.flags & MNT_RDONLY) !== 0;
  return await hostMount(host, {
    program,
    type: "msdos",
    component: "rumpfs_msdos",
    device: () => openImage(host, program, path, letter, readOnly),
    source: sourceName(host, path) + (letter === undefined ? "" : `%DISKLABEL:${letter}%`),
    dir: dir!,
    driver,
    options: mount,
    foreground: parsed.options.some(([o]) => o === "f" || o === "foreground"),
    logFile: parsed.options.findLast(([o]) => o === "log")?.[1],
  });
};
/** What df shows: the whole path, when there is one. */
function sourceName(host: Host, path: string): string {
  try {
    return host.realpath(path);
  } catch {
    return path;
  }
}
