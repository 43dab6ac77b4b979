/** Where a new file system goes: a file or device of the host, a part of one, or a device of a rump kernel. */
import type { Host } from "../../host/host.ts";
import type { BlockDevice } from "../../plugin.ts";
import { locatorText } from "../../wire/slices.ts";
import { Failure, reasonOf } from "../cli.ts";
import { server } from "../client.ts";
import { words } from "../files.ts";
import { mustBeDisk, openTarget, targetIn, ZEROS } from "./newfs_target.ts";
import type { Target } from "./newfs_write.ts";
import { partOf, splitImage } from "./parts.ts";
import { rumpDisk } from "./rump_disk.ts";

export interface Ground {
  /** Bytes before it, and of it. */
  readonly offset: number;
  readonly room: number;
  /** Open it, write, and have it on the disk. Throws Failure or an Error with the reason. */
  use(work: (target: Target) => void): void;
}
/** Bytes: where it begins, and how large a file is to be made for it. */
interface Asked {
  readonly at: number | undefined;
  readonly create: number | undefined;
}

/** Find it. Throws Failure. */
export function groundOf(host: Host, program: string, special: string, asked: Asked): Ground {
  const onHost = special.startsWith("host:");
  if (!onHost && program.startsWith("rump.") && host.env("RUMP_SERVER") !== undefined) {
    return inKernel(host, program, special, asked);
  }
  return onDisk(host, program, onHost ? special.slice(5) : special, asked);
}
function checked(program: string, path: string, offset: number, size: number): { offset: number; room: number } {
  if (offset >= size) throw new Failure(`${program}: ${path}: -@ ${offset}: it ends at ${size}`);
  return { offset, room: size - offset };
}

function inKernel(host: Host, program: string, path: string, asked: Asked): Ground {
  if (asked.create !== undefined) throw new Failure(`${program}: ${path}: -C makes files of the host: host:path`);
  let disk: BlockDevice;
  try {
    disk = rumpDisk(server(host, program), path, true);
  } catch (e) {
    throw new Failure(`${program}: ${path}: ${words(e)}`);
  }
  const offset = asked.at ?? 0;
  const write = disk.write as ((from: Uint8Array, offset: number) => void) | undefined;
  if (!write) throw new Failure(`${program}: ${path}: Read-only file system`);
  return {
    ...checked(program, path, offset, disk.size),
    use(work) {
      work({
        write: (bytes, at) => write(bytes, offset + at),
        zero(from, length) {
          for (let at = 0; at < length; at += ZEROS.length) {
            write(ZEROS.subarray(0, Math.min(ZEROS.length, length - at)), offset + from + at);
          }
        },
      });
      void disk.flush?.();
      void disk.close?.();
    },
  };
}

function onDisk(host: Host, program: string, image: string, asked: Asked): Ground {
  const { create } = asked;
  const { path, offset, length } = where(host, program, image, asked);
  const { room } = checked(program, path, offset, create ?? sizeOf(host, program, path));
  return {
    offset,
    room: length ?? room,
    use(work) {
      if (create !== undefined) makeFile(host, program, path, create);
      const file = openTarget(host, program, path, { offset, ...(length === undefined ? {} : { length }) });
      try {
        work(targetIn(file, offset));
        file.fdatasync();
      } finally {
        file.close();
      }
    },
  };
}
/** Where in the image: -@, or behind its name; a partitioned image is not overwritten by mistake. */
function where(
  host: Host,
  program: string,
  image: string,
  { at, create }: Asked,
): { readonly path: string; readonly offset: number; readonly length?: number | undefined } {
  const [path, locator] = splitImage(program, image);
  if (locator && (at ?? create) !== undefined) {
    throw new Failure(`${program}: -${at === undefined ? "C" : "@"} and ${locatorText(locator)}: choose one`);
  }
  if (create !== undefined) return { path, offset: at ?? 0 };
  mustBeDisk(host, program, path);
  if (at !== undefined) return { path, offset: at };
  try {
    const { offset, length } = partOf(host, path, locator, true);
    return { path, offset: offset ?? 0, length };
  } catch (e) {
    throw new Failure(`${program}: ${path}: ${reasonOf(e)}${locator ? "" : `\n  ${path}%OFFSET:0%  all of it`}`);
  }
}
/** Bytes of the file or device. */
function sizeOf(host: Host, program: string, path: string): number {
  try {
    const file = host.open(path, {});
    file.close();
    return file.size;
  } catch (e) {
    throw new Failure(`${program}: ${path}: ${reasonOf(e)}`);
  }
}
/** -C: an existing file is emptied, unless somebody uses it. */
function makeFile(host: Host, program: string, path: string, size: number): void {
  host.open(path, { write: true, create: true }).close();
  mustBeDisk(host, program, path);
  const file = openTarget(host, program, path, {});
  try {
    file.truncate(0);
    file.truncate(size);
  } finally {
    file.close();
  }
}
