/** What is on a bus file, of version 3 or 2 and either byte order, for those who only look (NetBSD: shmif_dumpbus(1)). */
import { viewOf } from "../lib/struct.ts";
import { RING, SHMIF_MAGIC, SHMIF_VERSION, ShmifBus, ShmifPacket } from "./shmif.ts";

/** Version 2 does not tell the sender: length and time only. */
const HEADER_2 = 12;
/** A frame that says it is longer was not put there by an interface. */
const LONGEST = 64 << 10;

/** The header, and how the rest is to be read. */
export interface BusHeader {
  readonly version: number;
  readonly lock: number;
  readonly generation: bigint;
  readonly first: number;
  readonly last: number;
  readonly little: boolean;
}
/** A frame on a bus. */
export interface BusFrame {
  /** Where in the ring its first byte is. */
  readonly offset: number;
  readonly sec: number;
  readonly usec: number;
  readonly frame: Uint8Array;
}

/** Undefined: no bus. `file` is a whole one, at least as long as its header. */
export function busHeader(file: Uint8Array): BusHeader | undefined {
  const view = viewOf(file);
  const little = view.getUint32(0, true) === SHMIF_MAGIC;
  if (!little && view.getUint32(0, false) !== SHMIF_MAGIC) return undefined;
  const { at } = ShmifBus;
  const word = (offset: number) => view.getUint32(offset, little);
  return {
    version: word(at.version),
    lock: word(at.lock),
    generation: view.getBigUint64(at.generation, little),
    first: word(at.first),
    last: word(at.last),
    little,
  };
}
/** Whether frames of this version can be shown; 0 is a bus on which nobody has said anything yet. */
export const known = (version: number): boolean => version === SHMIF_VERSION || version === 2 || version === 0;

/** The frames, oldest first; false at the end: the ring is damaged where they stop. */
export function* busFrames(file: Uint8Array, h: BusHeader): Generator<BusFrame, boolean> {
  const ring = file.subarray(ShmifBus.size, ShmifBus.size + RING);
  const size = h.version === 2 ? HEADER_2 : ShmifPacket.size;
  if (ring.length < RING || h.first > RING || h.last >= RING) return false;
  const start = h.first === RING ? 0 : h.first;
  // All that was written in one turn of the ring, on a line.
  const end = (h.last < start ? h.last + RING : h.last) + 1;
  for (let at = start; at < end;) {
    const head = viewOf(piece(ring, at, size));
    const field = (offset: number) => head.getUint32(offset, h.little);
    const length = field(ShmifPacket.at.length);
    if (length > LONGEST) return false;
    const offset = at + size;
    if (length > 0) {
      const frame = piece(ring, offset, length);
      yield { offset: offset % RING, sec: field(ShmifPacket.at.sec), usec: field(ShmifPacket.at.usec), frame };
    }
    at = offset + length;
  }
  return true;
}
/** A copy of bytes that may go on at the ring's beginning. */
function piece(ring: Uint8Array, offset: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  const at = offset % RING;
  const chunk = Math.min(length, RING - at);
  bytes.set(ring.subarray(at, at + chunk));
  bytes.set(ring.subarray(0, length - chunk), chunk);
  return bytes;
}
