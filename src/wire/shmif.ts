/**
 * The bus file of shmif(4), version 3 (NetBSD: sys/rump/net/lib/libshmif/shmifvar.h): 1 MiB of shared memory, a header and a
 * ring of frames, each behind a header of its own. Integers are the machine's: little-endian.
 */
import { struct, u16, u32, u64, u8 } from "../lib/struct.ts";

/** struct shmif_mem. `first` is RING as long as nothing was overwritten; `lock` is 1 while somebody works on the ring. */
export const ShmifBus = struct("le", {
  magic: u32,
  version: u32,
  /** Times the newest frame has come to the end of the ring. */
  generation: u64,
  /** Offsets in the ring of the oldest and the newest frame. */
  first: u32,
  last: u32,
  lock: u32,
  spare: u32,
}, 32);
export const SHMIF_MAGIC = 0xca11d054;
export const SHMIF_VERSION = 3;
export const BUS_SIZE = 1 << 20;
/** Bytes of the ring. */
export const RING: number = BUS_SIZE - ShmifBus.size;

/** struct shmif_pkthdr: the length of the frame that follows, when it was sent, and by which interface (64 bits at random). */
export const ShmifPacket = struct("le", {
  length: u32,
  sec: u32,
  usec: u32,
  pad: u32,
  senderLow: u32,
  senderHigh: u32,
}, 24);

/** Where the record at `offset` with a frame of `length` bytes ends in a ring: the next one's offset. */
export function shmifNext(offset: number, length: number, ring: number = RING): number {
  const next = offset + ShmifPacket.size + length;
  return next >= ring ? next - ring : next;
}

/** struct virtio_net_hdr of virtio 1 (virtio 1.2, 5.1.6): before each frame of our own fast bus. */
export const VnetHeader = struct("le", {
  flags: u8,
  gsoType: u8,
  headerLength: u16,
  gsoSize: u16,
  checksumStart: u16,
  checksumOffset: u16,
  buffers: u16,
}, 12);

/**
 * The file of our own fast bus, beside a bus: the same header, who is on it, and a ring of frames behind a VnetHeader each.
 * `stranger`: when somebody was last heard on the bus who is not on this one, seconds; `listeners`: members who want all frames.
 */
export const FastBus = struct("le", { stranger: u32, listeners: u32 }, 8);
/** Where that is. */
export const FAST_WORDS = 32;
export const FAST_MAGIC = 0xfa57d054;
export const FAST_VERSION = 2;
/** Where its ring begins; the bytes of the whole. */
export const FAST_DATA = 16 << 10;
export const FAST_SIZE: number = (8 << 20) + FAST_DATA;
/** One who is on it: its process (0: free), link address, the id it sends under, its bell, and whether that is to be rung. */
export const FastMember = struct("le", {
  pid: u32,
  macLow: u32,
  macHigh: u32,
  idLow: u32,
  idHigh: u32,
  bellLow: u32,
  bellHigh: u32,
  asleep: u32,
}, 32);
/** Where their table begins. */
export const FAST_MEMBERS = 64;
