/** Writing what comes in parts: one system call, long parts without a copy. */
import { addressOf, pin, raw, result, views } from "./ffi.ts";
import type { Pinned } from "./host.ts";

/** Small parts are put together here: no address is asked for memory the engine may move. */
let stage: Pinned | undefined;
const STAGE = 64 << 10;
const SMALL = 4 << 10;
/** struct iovec[PIECES]: a frame has a head, what is long, and a tail. */
let iov: Pinned | undefined;
const PIECES = 8;
const HIGH = 0x1_0000_0000;
function piece(i: number, base: number, length: number): void {
  const { words } = iov!;
  words[i * 4] = base >>> 0;
  words[i * 4 + 1] = Math.floor(base / HIGH);
  words[i * 4 + 2] = length;
  words[i * 4 + 3] = 0;
}

/** One write(2) or writev(2) of as much of `parts` as goes; bytes, or minus the errno. */
export function writeParts(fd: number, parts: readonly Uint8Array[]): number {
  const { bytes, address } = (stage ??= pin(STAGE));
  iov ??= pin(PIECES * 16);
  let pieces = 0;
  /** Bytes on the stage, and where the piece begins that is on it and the last one. */
  let staged = 0;
  let open = -1;
  for (const part of parts) {
    const { length } = part;
    const small = length <= SMALL && staged + length <= STAGE;
    if (small) {
      bytes.set(part, staged);
      staged += length;
    }
    if (small && open >= 0) piece(pieces - 1, address + open, staged - open);
    else if (pieces === PIECES) break;
    else piece(pieces++, small ? address + staged - length : addressOf(part), length);
    if (!small) open = -1;
    else if (open < 0) open = staged - length;
  }
  return result(pieces === 1 && open === 0 ? raw.write(fd, address, staged) : raw.writev(fd, iov.address, pieces));
}
/** Bytes of a single part that went at once, the common case; 0: none, `writeParts` will find out why. */
export const writePart = (fd: number, part: Uint8Array): number => Math.max(0, views.write(fd, part, part.length));
/** What is left of parts after `n` bytes have gone. */
export function after(parts: readonly Uint8Array[], n: number): Uint8Array[] {
  let i = 0;
  while (i < parts.length && n >= parts[i]!.length) n -= parts[i++]!.length;
  return n === 0 ? parts.slice(i) : [parts[i]!.subarray(n), ...parts.slice(i + 1)];
}
