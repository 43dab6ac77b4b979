/** What the file tools do in one round trip where they can: whole small files, directories, many stats. */
import { errno } from "../abi/errno.ts";
import { O_CREAT, O_DIRECTORY, O_RDONLY, O_REGULAR, O_TRUNC, O_WRONLY } from "../abi/flags.ts";
import { Dirent, Stat } from "../abi/structs.ts";
import { decodeName } from "../lib/text.ts";
import { viewOf } from "../lib/struct.ts";
import type { Caller } from "./client.ts";
import type { Info } from "./files.ts";

/** Files up to here are moved whole. */
export const SMALL = 64 << 10;
/** Stats in one batch. */
const STATS = 64;

/** All of a regular file; undefined: it is longer than SMALL, or none. A pipe or device is not touched. */
export function smallFile({ batch }: Caller, path: string): Uint8Array | undefined {
  const buf = new Uint8Array(SMALL);
  const { fd, read, more } = batch((b) => {
    const fd = b.open({ path, flags: O_RDONLY | O_REGULAR });
    const read = b.read({ fd, buf });
    const more = b.read({ fd, buf: new Uint8Array(1) });
    b.close({ fd });
    return { fd, read, more };
  });
  if (fd.error === errno.EFTYPE) return undefined;
  const n = fd.value >= 0 ? read.value : 0;
  return more.value > 0 ? undefined : buf.subarray(0, n);
}
/** Make a file of these few bytes. False: not all of them could be written. */
export function storeSmall({ batch }: Caller, path: string, mode: number, buf: Uint8Array): boolean {
  const { fd, written, end } = batch((b) => {
    const fd = b.open({ path, flags: O_WRONLY | O_CREAT | O_TRUNC, mode });
    return { fd, written: b.write({ fd, buf }), end: b.close({ fd }) };
  });
  return fd.value >= 0 && written.value === buf.length && end.value === 0;
}
/** Names in the first `n` bytes of what getdents gave. */
export function direntNames(buf: Uint8Array, n: number): string[] {
  const d = viewOf(buf);
  const names: string[] = [];
  for (let at = 0; at < n; at += Dirent.get.reclen(d, at)) {
    const start = at + Dirent.size;
    names.push(decodeName(buf.subarray(start, start + Dirent.get.namlen(d, at))));
  }
  return names;
}
/** Names in a directory, "." and ".." too; undefined: there are more than come at once. */
export function fewEntries({ batch }: Caller, path: string): string[] | undefined {
  const [buf, rest] = [new Uint8Array(SMALL), new Uint8Array(SMALL)];
  const { fd, first, second } = batch((b) => {
    const fd = b.open({ path, flags: O_RDONLY | O_DIRECTORY });
    const first = b.getdents({ fd, buf });
    const second = b.getdents({ fd, buf: rest });
    b.close({ fd });
    return { fd, first, second };
  });
  const n = fd.value >= 0 ? first.value : 0;
  return second.value > 0 ? undefined : direntNames(buf, n);
}
/** What is at each path; a function throws what asking failed with. */
export function infos({ batch }: Caller, paths: readonly string[], follow: boolean): (() => Info)[] {
  const all: (() => Info)[] = [];
  for (let at = 0; at < paths.length; at += STATS) {
    const asked = batch((b) =>
      paths.slice(at, at + STATS).map((path) => {
        const ub = new Uint8Array(Stat.size);
        return { ub, done: follow ? b.stat({ path, ub }) : b.lstat({ path, ub }) };
      })
    );
    for (const { ub, done } of asked) all.push(() => done.value === 0 ? Stat.dump(viewOf(ub), 0) : unexpected());
  }
  return all;
}
function unexpected(): never {
  throw errno.EPROTO;
}
