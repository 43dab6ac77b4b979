/** TAP devices of Linux (Documentation/networking/tuntap.rst, linux/if_tun.h, linux/virtio_net.h). */
import { errno } from "../abi/errno.ts";
import {
  HDR_F_NEEDS_CSUM,
  HDR_GSO_NONE,
  HDR_GSO_TCPV4,
  HDR_GSO_TCPV6,
  HDR_GSO_UDP_L4,
  type Offload,
  type Offloads,
} from "../lib/offload.ts";
import type { OpenTap, Tap } from "../lib/tap.ts";
import { check, hostErrno } from "./errors.ts";
import { addressOf, cstring, darwin, pin, raw, result } from "./ffi.ts";
import type { Pinned } from "./host.ts";
import type { Watch } from "./readers.ts";

const RDWR_NONBLOCK_CLOEXEC = 2 | 0o4000 | 0o2000000;
const TUNSETIFF = 0x400454ca;
const TUNSETOFFLOAD = 0x400454d0;
const TUNSETVNETHDRSZ = 0x400454d8;
/** IFF_TAP | IFF_NO_PI, and a struct virtio_net_hdr before each frame. */
const TAP = 0x1002;
const VNET_HDR = 0x4000;
/** struct ifreq: a name, then flags; IFNAMSIZ counts its end mark. */
const IFREQ = 40;
const NAME = 16;
/** TUN_F_CSUM, TSO4, TSO6; USO4 and USO6 (since Linux 6.2). */
const OFFLOADS = [1 | 2 | 4 | 0x20 | 0x40, 1 | 2 | 4] as const;
const USO = 0x60;
/** struct virtio_net_hdr_v1, little-endian: flags, type (u8), five u16. */
const HEADER = 12;
/** The longest frame: an IP packet, Ethernet's header with two tags. */
const LONGEST = HEADER + 65_535 + 22;
/** Frames read before others have their turn. */
const BATCH = 32;
/** Up to so many bytes a copy behind the header is cheaper than a list of two places. */
const COPIED = 4096;

/** Memory of one direction, shared by all devices: it is used within a call. */
interface Memory {
  readonly into: Pinned;
  readonly from: Pinned;
  /** struct iovec[2]. */
  readonly iov: Pinned;
}
let memory: Memory | undefined;
function memoryOf(): Memory {
  if (memory) return memory;
  memory = { into: pin(LONGEST), from: pin(LONGEST), iov: pin(32) };
  const { from, iov } = memory;
  setWord(iov.view, 0, from.address);
  setWord(iov.view, 8, HEADER);
  return memory;
}
function setWord(view: DataView, at: number, n: number): void {
  view.setUint32(at, n >>> 0, true);
  view.setUint32(at + 4, Math.floor(n / 2 ** 32) >>> 0, true);
}

/** Ask the device for a name. Its flags, or minus errno. */
function setInterface(fd: number, name: string, flags: number): number {
  const { bytes, view, address } = memoryOf().from;
  bytes.fill(0, 0, IFREQ);
  bytes.set(new TextEncoder().encode(name));
  view.setUint16(NAME, flags, true);
  return result(raw.ioctl(fd, TUNSETIFF, address));
}
/** What the host agrees to do; undefined: nothing. */
function setOffload(fd: number): Offloads | undefined {
  const { view, address } = memoryOf().from;
  view.setInt32(0, HEADER, true);
  check(result(raw.ioctl(fd, TUNSETVNETHDRSZ, address)));
  const flags = OFFLOADS.find((f) => result(raw.ioctl(fd, TUNSETOFFLOAD, f)) >= 0);
  if (flags === undefined) return undefined;
  return { checksum: true, gso: [HDR_GSO_TCPV4, HDR_GSO_TCPV6, ...(flags & USO ? [HDR_GSO_UDP_L4] : [])] };
}
interface Opened {
  readonly fd: number;
  readonly offload: Offloads | undefined;
  /** Frames have a header before them. */
  readonly headed: boolean;
}
function attach(name: string, plain: boolean): Opened {
  const fd = check(result(raw.open(cstring("/dev/net/tun"), RDWR_NONBLOCK_CLOEXEC, 0)));
  try {
    const headed = !plain && setInterface(fd, name, TAP | VNET_HDR) >= 0;
    // One that is there may have been made without.
    if (!headed) check(setInterface(fd, name, TAP));
    return { fd, headed, offload: headed ? setOffload(fd) : undefined };
  } catch (e) {
    raw.close(fd);
    throw e;
  }
}

class LinuxTap implements Tap {
  readonly name: string;
  readonly offload: Offloads | undefined;
  readonly #fd: number;
  /** Bytes before each frame. */
  readonly #header: number;
  readonly #watch: Watch;
  readonly #memory = memoryOf();
  readonly #record: Offload = {
    flags: 0,
    gsoType: 0,
    headerLength: 0,
    gsoSize: 0,
    checksumStart: 0,
    checksumOffset: 0,
  };
  #on: ((frame: Uint8Array, offload?: Offload) => void) | undefined;
  #stop: (() => void) | undefined;

  constructor(name: string, { fd, offload, headed }: Opened, watch: Watch) {
    this.name = name;
    this.offload = offload;
    this.#fd = fd;
    this.#header = headed ? HEADER : 0;
    this.#watch = watch;
  }
  receive(on: Tap["receive"] extends (on: infer T) => void ? T : never): void {
    this.#on = on;
    this.#stop?.();
    this.#stop = on && this.#watch(this.#fd, () => this.#read());
  }
  /** Read what is there, so many frames at most; false: nothing was. */
  #read(): boolean {
    const { address } = this.#memory.into;
    for (let i = 0; i < BATCH && this.#on; i++) {
      const n = raw.read(this.#fd, address, LONGEST);
      if (n <= this.#header) return i > 0;
      this.#came(n);
    }
    return true;
  }
  #came(n: number): void {
    const { bytes, view } = this.#memory.into;
    const header = this.#header;
    const frame = bytes.subarray(header, n);
    const flags = header > 0 ? view.getUint8(0) : 0;
    if (flags === 0) return this.#on!(frame);
    const record = this.#record;
    record.flags = flags;
    record.gsoType = view.getUint8(1);
    record.headerLength = view.getUint16(2, true);
    record.gsoSize = view.getUint16(4, true);
    record.checksumStart = view.getUint16(6, true);
    record.checksumOffset = view.getUint16(8, true);
    this.#on!(frame, record);
  }
  send(frame: Uint8Array, offload?: Offload): void {
    if (frame.length > LONGEST - HEADER) throw errno.EMSGSIZE;
    const { from, iov } = this.#memory;
    const header = this.#header;
    if (header > 0) describe(from.view, offload);
    if (frame.length <= COPIED || header === 0) {
      from.bytes.set(frame, header);
      return sent(raw.write(this.#fd, from.address, header + frame.length));
    }
    setWord(iov.view, 16, addressOf(frame));
    setWord(iov.view, 24, frame.length);
    sent(raw.writev(this.#fd, iov.address, 2));
  }
  close(): void {
    this.receive(undefined);
    raw.close(this.#fd);
  }
}
/** Write struct virtio_net_hdr. */
function describe(view: DataView, o: Offload | undefined): void {
  view.setUint32(0, 0);
  view.setUint32(4, 0);
  view.setUint32(8, 0);
  if (!o || (o.flags & HDR_F_NEEDS_CSUM) === 0) return;
  view.setUint8(0, HDR_F_NEEDS_CSUM);
  view.setUint16(6, o.checksumStart, true);
  view.setUint16(8, o.checksumOffset, true);
  if (o.gsoType === HDR_GSO_NONE) return;
  view.setUint8(1, o.gsoType);
  view.setUint16(2, o.headerLength, true);
  view.setUint16(4, o.gsoSize, true);
}
function sent(r: number): void {
  if (r < 0) throw hostErrno(failure(r));
}
/** What a call just failed with. */
function failure(r: number): unknown {
  try {
    return check(result(r));
  } catch (e) {
    return e;
  }
}

/** TAP devices that `watch` reads. */
export const taps = (watch: Watch): OpenTap => (name, { plain = false } = {}) => {
  if (darwin) throw errno.EOPNOTSUPP;
  if (!/^[^\s/%:]{1,15}$/.test(name) || name === "." || name === "..") throw errno.EINVAL;
  try {
    return new LinuxTap(name, attach(name, plain), watch);
  } catch (e) {
    throw hostErrno(e);
  }
};
