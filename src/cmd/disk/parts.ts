/** Parts of images as users name them: `disk.img%GPT:1%`, found on the host's files. */
import type { Host, HostFile } from "../../host/host.ts";
import { human } from "../../lib/human.ts";
import { type Contents, probe } from "../../wire/probe.ts";
import type { Disk, Slice } from "../../wire/slice.ts";
import {
  type Locator,
  locatorText,
  partitionsOf,
  type Place,
  resolve,
  sliceLocator,
  splitLocator,
} from "../../wire/slices.ts";
import { Failure, reasonOf } from "../cli.ts";

/** An open host file as partition tables are read from it. */
export const diskOf = (file: HostFile): Disk => ({
  size: file.size,
  read(offset, length) {
    const n = Math.min(length, file.size - offset);
    if (!(n > 0) || offset < 0) return new Uint8Array(0);
    const into = new Uint8Array(n);
    return into.subarray(0, file.pread(into, offset));
  },
});
/** Look at an image through a descriptor that is closed afterwards. */
export function examine<T>(host: Host, path: string, look: (disk: Disk) => T): T {
  const file = host.open(path, {});
  try {
    return look(diskOf(file));
  } finally {
    file.close();
  }
}

/** Whether the host lets us write a file; throws for any reason but permission. */
export function isWritable(host: Host, path: string): boolean {
  try {
    host.open(path, { write: true }).close();
    return true;
  } catch (e) {
    if (["EACCES", "EROFS", "EPERM", "ETXTBSY"].includes((e as { code?: string }).code ?? "")) return false;
    throw e;
  }
}

/** The part of an image a locator names, all of it for writing, what is there for reading. Throws plain Errors. */
export const placeOf = (host: Host, path: string, locator: Locator, write: boolean): Place =>
  examine(host, path, (disk) => placeIn(disk, locator, write));
function placeIn(disk: Disk, locator: Locator, write: boolean): Place {
  const place = resolve(disk, locator);
  if (place.missing > 0 && write) {
    throw new Error(
      `truncated: ${locatorText(locator)} has ${
        place.length + place.missing
      } bytes, ${place.missing} of them behind the image's end`,
    );
  }
  return place;
}
/** Bytes of an image; nothing given: all of it. */
export interface Part {
  readonly offset?: number;
  readonly length?: number;
}
/** Like placeOf; without a locator the whole, unless it is a partitioned disk: then the Error lists what could be meant. */
export const partOf = (host: Host, path: string, locator: Locator | undefined, write: boolean): Part =>
  examine(host, path, (disk) => partIn(disk, path, locator, write));
/** The same of an image that is open. */
export function partIn(disk: Disk, path: string, locator: Locator | undefined, write: boolean): Part {
  if (locator) {
    const { offset, length } = placeIn(disk, locator, write);
    return { offset, length };
  }
  const choices = partitionsOf(disk).map((s) => choice(path, s, contents(disk, s)));
  if (choices.length > 0) throw new Error(`has partitions: which one is meant?\n${choices.join("\n")}`);
  return {};
}
/** What a partition holds, as far as it lies on the disk. */
export const contents = (disk: Disk, s: Slice): Contents | undefined =>
  s.container ? undefined : probe(disk, s.offset, s.length);

function choice(path: string, s: Slice, holds: Contents | undefined): string {
  const what = [s.type, s.label && `"${printable(s.label)}"`, human(s.length), holds?.name].filter(Boolean);
  return `  ${shellWord(path + sliceLocator(s))}  ${what.join(", ")}`;
}
/** Others' words: no control characters reach the terminal. */
export const printable = (text: string): string => text.replace(/\p{C}/gu, "?");
/** As one types it in a shell. */
const shellWord = (text: string) => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);

/** An image's path and the locator behind it. Throws Failure. */
export function splitImage(program: string, image: string): readonly [path: string, locator: Locator | undefined] {
  try {
    return splitLocator(image);
  } catch (e) {
    throw new Failure(`${program}: ${image}: ${reasonOf(e)}`);
  }
}
