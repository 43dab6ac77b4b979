/** System calls of a rump kernel elsewhere, now or later, and what goes through them. */
import { errno } from "../abi/errno.ts";
import { modeOfType, S_IFMT, UTIME_OMIT } from "../abi/flags.ts";
import { Dirent, Stat, Timespec } from "../abi/structs.ts";
import { viewOf } from "../lib/struct.ts";
import { decodeName } from "../lib/text.ts";
import type { Async, SetAttr } from "../plugin.ts";
import type { Batch } from "../proxy/batch.ts";
import type { AsyncCalls } from "../proxy/stubs.ts";

/** Calls of a client, blocking or not. */
export interface RemoteCalls {
  readonly sys: {
    readonly [K in keyof AsyncCalls]: (...args: Parameters<AsyncCalls[K]>) => Async<Awaited<ReturnType<AsyncCalls[K]>>>;
  };
  readonly batch: Batch;
}

export const isDirectory = (stat: Uint8Array): boolean => (Stat.get.mode(viewOf(stat), 0) & S_IFMT) === modeOfType.dir;
/** What of a struct stat changes with a file's data. */
export function versionOf(stat: Uint8Array): string {
  const { get } = Stat;
  const d = viewOf(stat);
  return `${get.mtime(d, 0)}.${get.mtimensec(d, 0)}/${get.size(d, 0)}`;
}
/** struct timespec[2] of what is to be changed. */
export function timesOf({ atime, atimensec = 0, mtime, mtimensec = 0 }: SetAttr): Uint8Array {
  const times = new Uint8Array(2 * Timespec.size);
  const d = viewOf(times);
  const put = (at: number, sec: number | undefined, nsec: number) =>
    Timespec.write(d, at, sec === undefined ? { sec: 0, nsec: UTIME_OMIT } : { sec, nsec });
  put(0, atime, atimensec);
  put(Timespec.size, mtime, mtimensec);
  return times;
}
/** Names in the first `n` bytes of what getdents gave, but "." and "..". Throws EIO for what is no listing. */
export function* namesIn(buf: Uint8Array, n: number): Generator<string> {
  const d = viewOf(buf);
  for (let at = 0; at + Dirent.size <= n;) {
    const length = Dirent.get.reclen(d, at);
    const end = at + Dirent.size + Dirent.get.namlen(d, at);
    if (length < Dirent.size || end > n) throw errno.EIO;
    const name = decodeName(buf.subarray(at + Dirent.size, end));
    if (name !== "." && name !== "..") yield name;
    at += length;
  }
}
