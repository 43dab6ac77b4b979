/** Captures of packets as Wireshark reads them: pcapng (draft-ietf-opsawg-pcapng), and the older pcap (pcap-savefile(5)). */
import { bytes, struct, u16, u32, viewOf } from "../lib/struct.ts";

/** What a section, and so the file, begins with. */
export const SECTION = 0x0a0d_0d0a;
const INTERFACE = 1;
const STATISTICS = 5;
const PACKET = 6;
/** Options of blocks: what the section was made by; an interface's name; received and dropped packets. */
const SHB_USERAPPL = 4;
const IF_NAME = 2;
const ISB_IFRECV = 4;
const ISB_IFDROP = 5;
/** A packet's flags: in its lowest bits which way it went. */
const EPB_FLAGS = 2;
const directions: Readonly<Record<string, readonly Option[]>> = {
  in: [[EPB_FLAGS, new Uint8Array([1, 0, 0, 0])]],
  out: [[EPB_FLAGS, new Uint8Array([2, 0, 0, 0])]],
};
const BlockHead = struct("le", { type: u32, length: u32 }, 8);
const SectionBody = struct("le", { order: u32, major: u16, minor: u16, size: bytes(8) }, 16);
const InterfaceBody = struct("le", { linkType: u16, reserved: u16, snapLength: u32 }, 8);
const PacketBody = struct("le", { iface: u32, timeHigh: u32, timeLow: u32, captured: u32, length: u32 }, 20);
const StatisticsBody = struct("le", { iface: u32, timeHigh: u32, timeLow: u32 }, 12);
const TRAILER = 4;
const WORD = 2 ** 32;
const padded = (n: number) => (n + 3) & ~3;

/** One packet: microseconds since 1970, the bytes that were kept, and how many there were. */
export interface Captured {
  readonly time: number;
  readonly kept: Uint8Array;
  readonly length: number;
  readonly direction?: "in" | "out";
}
type Option = readonly [code: number, value: Uint8Array];
const text = (s: string) => new TextEncoder().encode(s);
function u64Bytes(n: number): Uint8Array {
  const out = new Uint8Array(8);
  viewOf(out).setBigUint64(0, BigInt(n), true);
  return out;
}
/** A block: what is common to all around its body, and options behind it. */
function block(type: number, body: Uint8Array, options: readonly Option[] = []): Uint8Array {
  const more = options.reduce((n, [, value]) => n + 4 + padded(value.length), options.length > 0 ? 4 : 0);
  const length = BlockHead.size + padded(body.length) + more + TRAILER;
  const out = new Uint8Array(length);
  const d = viewOf(out);
  BlockHead.write(d, 0, { type, length });
  out.set(body, BlockHead.size);
  let at = BlockHead.size + padded(body.length);
  for (const [code, value] of options) {
    d.setUint16(at, code, true);
    d.setUint16(at + 2, value.length, true);
    out.set(value, at + 4);
    at += 4 + padded(value.length);
  }
  d.setUint32(length - TRAILER, length, true);
  return out;
}
/** How a capture is written. Interfaces are numbered as they come. */
export interface CaptureFormat {
  begin(): Uint8Array;
  interface(linkType: number, name: string, snapLength: number): Uint8Array;
  packet(iface: number, p: Captured): Uint8Array;
  /** What was seen in all, when it ends at `time`. */
  end(iface: number, time: number, counts: { readonly received: number; readonly dropped: number }): Uint8Array;
}
/** pcapng; `program`: by whom. */
export const pcapng = (program: string): CaptureFormat => ({
  begin() {
    const body = new Uint8Array(SectionBody.size);
    const size = new Uint8Array(8).fill(0xff); // not known
    SectionBody.write(viewOf(body), 0, { order: 0x1a2b_3c4d, major: 1, minor: 0, size });
    return block(SECTION, body, [[SHB_USERAPPL, text(program)]]);
  },
  interface(linkType, name, snapLength) {
    const body = new Uint8Array(InterfaceBody.size);
    InterfaceBody.write(viewOf(body), 0, { linkType, snapLength });
    return block(INTERFACE, body, [[IF_NAME, text(name)]]);
  },
  packet(iface, { time, kept, length, direction }) {
    const body = new Uint8Array(PacketBody.size + kept.length);
    const times = { timeHigh: Math.floor(time / WORD), timeLow: time % WORD };
    PacketBody.write(viewOf(body), 0, { iface, ...times, captured: kept.length, length });
    body.set(kept, PacketBody.size);
    return block(PACKET, body, directions[direction ?? ""]);
  },
  end(iface, time, { received, dropped }) {
    const body = new Uint8Array(StatisticsBody.size);
    StatisticsBody.write(viewOf(body), 0, { iface, timeHigh: Math.floor(time / WORD), timeLow: time % WORD });
    return block(STATISTICS, body, [[ISB_IFRECV, u64Bytes(received)], [ISB_IFDROP, u64Bytes(dropped)]]);
  },
});

const FileHeader = struct("le", {
  magic: u32,
  major: u16,
  minor: u16,
  zone: u32,
  accuracy: u32,
  snapLength: u32,
  linkType: u32,
}, 24);
const Record = struct("le", { sec: u32, usec: u32, captured: u32, length: u32 }, 16);
const NOTHING = new Uint8Array(0);
/** pcap: of one interface, whose header is the file's. */
export const classicPcap: CaptureFormat = {
  begin: () => NOTHING,
  interface(linkType, _name, snapLength) {
    const header = new Uint8Array(FileHeader.size);
    FileHeader.write(viewOf(header), 0, { magic: 0xa1b2_c3d4, major: 2, minor: 4, snapLength, linkType });
    return header;
  },
  packet(_iface, { time, kept, length }) {
    const out = new Uint8Array(Record.size + kept.length);
    const sec = Math.floor(time / 1e6);
    Record.write(viewOf(out), 0, { sec, usec: time - sec * 1e6, captured: kept.length, length });
    out.set(kept, Record.size);
    return out;
  },
  end: () => NOTHING,
};
