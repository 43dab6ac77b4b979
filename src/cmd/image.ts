/** Images of the host as disks: opened and locked. */
import type { Host, HostFile } from "../host/host.ts";
import type { BlockDevice } from "../plugin.ts";
import { Failure, reasonOf } from "./cli.ts";
import { octal } from "./mount_list.ts";
import { isWritable, partOf, splitImage } from "./parts.ts";

/** An image, or the part of it that is named behind its path, as a disk: locked, read-only when asked or when the host says so. Throws Failure. */
export function openImage(host: Host, program: string, image: string, readOnly: boolean): BlockDevice {
  const [path, locator] = splitImage(program, image);
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
  const where = attempt(() => partOf(host, path, locator, write));
  if (type === "blk" && !write) attempt(() => idle(host, path));
  const disk = attempt(() => host.disk(path, { write, ...where, exclusive: type === "blk" && write }));
  attempt(() => lockImage(host, path, disk.file, write, where));
  return disk;
}
/** Throws EBUSY for a block device somebody has for himself; readers share it. */
const idle = (host: Host, path: string) => void host.disk(path, { write: false, exclusive: true }).close?.();

/** One writer, or many readers, of the same bytes; whoever else has them is named. */
export function lockImage(
  host: Host,
  path: string,
  file: HostFile,
  write: boolean,
  where: { readonly offset?: number; readonly length?: number },
): void {
  const attempt = () => file.lock(write, where.offset ?? 0, where.length ?? 0);
  let holder = attempt();
  // Unmounted already, and about to end: after `umount mnt` the image is soon free.
  for (let ms = 0; holder && ms < LEAVING_MS && !isMounted(host, path); ms += LOOK_MS) {
    host.sleep(LOOK_MS);
    holder = attempt();
  }
  if (holder) {
    throw new Failure(`locked by process ${holder.pid}: it is ${write ? "mounted" : "being written"} already`);
  }
  const loop = write && file.type === "file" ? loopDevice(host, path) : undefined;
  if (loop) throw new Failure(`in use by ${loop}: it is a loop device's already`);
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
  if (host.os !== "linux") return undefined;
  const real = host.realpath(path);
  for (const name of list(host, "/sys/block").filter((n) => n.startsWith("loop"))) {
    if (textOf(host, `/sys/block/${name}/loop/backing_file`) === real) return `/dev/${name}`;
  }
  return undefined;
}
function list(host: Host, path: string): readonly string[] {
  try {
    return host.readdir(path);
  } catch {
    return []; // no such kernel
  }
}
function textOf(host: Host, path: string): string | undefined {
  try {
    return new TextDecoder().decode(host.readFile(path)).replace(/\n$/, "");
  } catch {
    return undefined; // not attached
  }
}
