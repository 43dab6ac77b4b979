/** What is on a bus file, of version 3 or 2 and either byte order, for those who only look (NetBSD: shmif_dumpbus(1)). */
import { complement, sum } from "../lib/checksum.ts";
import { HDR_F_NEEDS_CSUM } from "../lib/offload.ts";
import { viewOf } from "../lib/struct.ts";
import { Udp } from "./ipv4.ts";
import {
  FAST_DATA,
  FAST_MAGIC,
  FAST_SIZE,
  FAST_VERSION,
  RING,
  SHMIF_MAGIC,
  SHMIF_VERSION,
  ShmifBus,
  ShmifPacket,
  VnetHeader,
} from "./shmif.ts";

/** Version 2 does not tell the sender: length and time only. */
const HEADER_2 = 12;
/** A frame that says it is longer was not put there by an interface. */
const LONGEST = 64 << 10;
const LONGEST_FAST = 68 << 10;

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
  return headerOf(view, little);
}
function headerOf(view: DataView, little: boolean): BusHeader & { readonly magic: number } {
  const { at } = ShmifBus;
  const word = (offset: number) => view.getUint32(offset, little);
  return {
    magic: word(at.magic),
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

/** A ring of frames in a file, behind headers of `header` bytes each. */
interface Frames {
  readonly ring: Uint8Array;
  readonly header: number;
  readonly longest: number;
}
/** The frames, oldest first; false at the end: the ring is damaged where they stop. */
export function busFrames(file: Uint8Array, h: BusHeader): Generator<BusFrame, boolean> {
  const ring = file.subarray(ShmifBus.size, ShmifBus.size + RING);
  return framesOf(h, { ring, header: h.version === 2 ? HEADER_2 : ShmifPacket.size, longest: LONGEST });
}
/** Those on our own fast bus, as they would have been sent had they been finished. */
export function* fastFrames(file: Uint8Array): Generator<BusFrame, boolean> {
  const ring = file.subarray(FAST_DATA, FAST_SIZE);
  const frames = framesOf(headerOf(viewOf(file), true), { ring, header: ShmifPacket.size, longest: LONGEST_FAST });
  let next = frames.next();
  for (; !next.done; next = frames.next()) {
    const { frame: record, ...rest } = next.value;
    if (record.length > VnetHeader.size) yield { ...rest, frame: finished(record) };
  }
  return next.value;
}
/** Whether a file is such a bus, of the version we know. */
export function isFast(file: Uint8Array): boolean {
  const { magic, version } = headerOf(viewOf(file), true);
  return file.length === FAST_SIZE && magic === FAST_MAGIC && version === FAST_VERSION;
}
/** The frame behind its VnetHeader, with the checksum that was left to do. */
function finished(record: Uint8Array): Uint8Array {
  const head = viewOf(record);
  const { get } = VnetHeader;
  const words = new Int32Array((record.length - VnetHeader.size + 3) >>> 2);
  const frame = new Uint8Array(words.buffer, 0, record.length - VnetHeader.size);
  frame.set(record.subarray(VnetHeader.size));
  const [start, offset] = [get.checksumStart(head, 0), get.checksumOffset(head, 0)];
  const left = (get.flags(head, 0) & HDR_F_NEEDS_CSUM) !== 0 && (start & 1) === 0 && start + offset + 2 <= frame.length;
  if (!left) return frame;
  const value = complement(sum({ bytes: frame, words }, start, frame.length - start));
  // Of UDP, 0 would say that there is none.
  viewOf(frame).setUint16(start + offset, value === 0 && offset === Udp.at.checksum ? 0xffff : value, true);
  return frame;
}
function* framesOf(h: BusHeader, { ring, header: size, longest }: Frames): Generator<BusFrame, boolean> {
  const { length: whole } = ring;
  if (whole === 0 || h.first > whole || h.last >= whole) return false;
  const start = h.first === whole ? 0 : h.first;
  // All that was written in one turn of the ring, on a line.
  const end = (h.last < start ? h.last + whole : h.last) + 1;
  for (let at = start; at < end;) {
    const head = viewOf(piece(ring, at, size));
    const field = (offset: number) => head.getUint32(offset, h.little);
    const length = field(ShmifPacket.at.length);
    if (length > longest) return false;
    const offset = at + size;
    if (length > 0) {
      const frame = piece(ring, offset, length);
      yield { offset: offset % whole, sec: field(ShmifPacket.at.sec), usec: field(ShmifPacket.at.usec), frame };
    }
    at = offset + length;
  }
  return true;
}
/** A copy of bytes that may go on at the ring's beginning. */
function piece(ring: Uint8Array, offset: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  const at = offset % ring.length;
  const chunk = Math.min(length, ring.length - at);
  bytes.set(ring.subarray(at, at + chunk));
  bytes.set(ring.subarray(0, length - chunk), chunk);
  return bytes;
}
