/** Locks on images of the host: one writer, or many readers, of the same bytes; qemu's programs keep to them, and we to theirs. */
import type { Host, HostFile } from "../../host/host.ts";
import { Failure } from "../cli.ts";
import { octal } from "../mount/mount_list.ts";
import type { Part } from "./parts.ts";

/** Who else has an image, as far as can be told without a lock of our own. */
interface Use {
  /** The process that has it locked is about to end: it is mounted no more. */
  readonly leaving: boolean;
  readonly loop: string | undefined;
  /** A program that has it open, for a lock that does not say whose it is. */
  readonly program: string | undefined;
}
/** See who has it: needs rights that a sandbox takes. */
export function usedBy(host: Host, path: string, file: HostFile): Use {
  const holder = file.holder(0, 0);
  const program = holder?.pid === 0 ? programWith(host, path) : undefined;
  return {
    leaving: holder !== undefined && !isMounted(host, path) && (program?.startsWith("rump") ?? true),
    program,
    loop: file.writable && file.type === "file" ? loopDevice(host, path) : undefined,
  };
}
/** One writer, or many readers, of the same bytes; whoever else has them is named. */
export function lockImage(host: Host, path: string, file: HostFile, part: Part): void {
  lock(host, file, part, usedBy(host, path, file));
}
/** The same, for who knows already; `write`: it may be written, not just the file could be. Throws Failure. */
export function lock(host: Host, file: HostFile, part: Part, use: Use, write: boolean = file.writable): void {
  const { leaving, loop, program } = use;
  const attempt = () => taken(file, inBlocks(part, file.align), write);
  let holder = attempt();
  // Unmounted already, and about to end: after `umount mnt` the image is soon free.
  for (let ms = 0; holder && leaving && ms < LEAVING_MS; ms += LOOK_MS) {
    host.sleep(LOOK_MS);
    holder = attempt();
  }
  if (holder) {
    const by = holder.pid > 0 ? `process ${holder.pid}` : program ?? "another process";
    throw new Failure(`locked by ${by}: it is ${write ? "mounted" : "being written"} already`);
  }
  if (loop && write) throw new Failure(`in use by ${loop}: it is a loop device's already`);
}
/** With what else is written when it is. */
function inBlocks(part: Part, block = 1): Part {
  const { offset = 0, length = 0 } = part;
  const start = offset - offset % block;
  return { offset: start, length: length && Math.ceil((offset + length) / block) * block - start };
}
/**
 * qemu's locks (block/file-posix.c): a byte for each thing somebody does, and one, 100 further, that somebody wants nobody
 * else to do it. All are shared; who comes asks first. Every program of qemu's reads; others of ours, with other parts of the
 * image, never say that they do.
 */
const [READS, WRITES, RESIZES, END] = [100, 101, 103, 300];
const NOBODY = 100;
type Holder = ReturnType<HostFile["lock"]>;
type Range = readonly [start: number, length: number];
/** Lock ranges, in turn; who has one instead. What was taken before goes when the file is closed. */
function have(file: HostFile, exclusive: boolean, ...ranges: readonly Range[]): Holder {
  for (const [start, length] of ranges) {
    const holder = file.lock(exclusive, start, length);
    if (holder) return holder;
  }
  return undefined;
}
const UNWRITTEN: readonly Range[] = [[WRITES + NOBODY, 1], [RESIZES + NOBODY, 1]];
/** Take what keeps others from the same bytes, and qemu's programs from the image; who has it. */
function taken(file: HostFile, { offset = 0, length = 0 }: Part, write: boolean): Holder {
  if (offset >= END) return takenPart(file, [offset, length], write);
  if (write) return have(file, true, [offset, length]);
  // Not the bytes by which qemu's readers ask whether somebody writes.
  const writer = file.holder(WRITES, 1) ?? file.holder(READS + NOBODY, 1);
  const rest = length === 0 ? 0 : Math.max(1, offset + length - END);
  return writer ?? have(file, false, [0, WRITES], ...UNWRITTEN, [END, rest]);
}
function takenPart(file: HostFile, part: Range, write: boolean): Holder {
  const reader = file.holder(READS, 1);
  if (write) return have(file, true, part) ?? reader ?? have(file, false, [WRITES, 1], [READS + NOBODY, 4]);
  return have(file, false, part) ?? (reader && file.holder(WRITES, 1)) ?? have(file, false, ...UNWRITTEN);
}
/** A program that has a file open, as far as we may know: "qemu-img (process 12)". */
function programWith(host: Host, path: string): string | undefined {
  const real = host.realpath(path);
  for (const pid of host.readdir("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      const fds = `/proc/${pid}/fd`;
      if (Number(pid) === host.pid || !host.readdir(fds).some((fd) => host.readlink(`${fds}/${fd}`) === real)) continue;
      return `${textOf(host, `/proc/${pid}/comm`) ?? "a program"} (process ${pid})`;
    } catch {
      // gone, or somebody else's
    }
  }
  return undefined;
}
/** Longest wait for the process of an unmounted image, and between looks. */
const LEAVING_MS = 1000;
const LOOK_MS = 5;
/** Whether something with the image, or a part of it, as its source is mounted. */
function isMounted(host: Host, path: string): boolean {
  const real = host.realpath(path);
  return (textOf(host, "/proc/self/mounts") ?? "").split("\n").some((line) => {
    const source = octal(line.split(" ", 1)[0]!);
    return source === real || source.startsWith(`${real}%`);
  });
}
/** The loop device the kernel has made of a file, and may be writing through. */
function loopDevice(host: Host, path: string): string | undefined {
  // Those without a file have no size, and are not listed.
  const inUse = textOf(host, "/proc/partitions")?.match(/\bloop\d+$/gm) ?? [];
  if (inUse.length === 0) return undefined;
  const real = host.realpath(path);
  const name = inUse.find((name) => textOf(host, `/sys/block/${name}/loop/backing_file`) === real);
  return name && `/dev/${name}`;
}
function textOf(host: Host, path: string): string | undefined {
  try {
    return new TextDecoder().decode(host.readFile(path)).replace(/\n$/, "");
  } catch {
    return undefined; // not attached
  }
}
