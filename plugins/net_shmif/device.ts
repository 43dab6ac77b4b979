/** An interface on a bus, or on none yet: attaching, frames in and out, waking the others (NetBSD: if_shmem.c). */
import type { Input, NetDevice, Offload, Offloads, Sys, Watcher } from "../../src/plugin.ts";
import { complement, sum } from "../../src/lib/checksum.ts";
import { HDR_F_NEEDS_CSUM } from "../../src/lib/offload.ts";
import { SHMIF_VERSION, ShmifBus, ShmifPacket, VnetHeader } from "../../src/wire/shmif.ts";
import { BUS, Bus } from "./bus.ts";
import { FastBus, OFFLOADS } from "./fast.ts";
import type { Station } from "./reader.ts";

/** Ethernet's header and 1500 bytes: NetBSD's readers have no room for more. */
const MAX_FRAME = 1514;
/** Milliseconds until the lock is asked for again that somebody holds. */
const RETRY_MS = 1;
/** Milliseconds all frames are finished by who sends them, after one could not be sent to somebody who is on no fast bus. */
const PLAIN_MS = 10_000;
const WAKE_UP = ShmifBus.at.version;
/** At the end of a linkstr: beside the bus, the fast one. */
const ALSO_FAST = "?fast";
const UDP_CHECKSUM = 6;

/** A copy of a frame with its checksum, all that was left to do. */
function finished(frame: Uint8Array, { checksumStart: start, checksumOffset: offset }: Offload): Uint8Array {
  if (start + offset + 2 > frame.length || (start & 1) !== 0) return frame;
  const words = new Int32Array((frame.length + 3) >>> 2);
  const bytes = new Uint8Array(words.buffer, 0, frame.length);
  bytes.set(frame);
  const value = complement(sum({ bytes, words }, start, frame.length - start));
  // Of UDP, 0 would say that there is none.
  new DataView(words.buffer).setUint16(start + offset, value === 0 && offset === UDP_CHECKSUM ? 0xffff : value, true);
  return bytes;
}

/** See the head of this file. */
export class ShmifDevice implements NetDevice, Watcher {
  readonly medium = "ethernet";
  readonly mtu = 1500;
  mac: Uint8Array;
  linkstr: string | undefined;
  readonly #sys: Sys;
  readonly #station: Station;
  readonly #header = new Uint8Array(ShmifPacket.size);
  readonly #headerView = new DataView(this.#header.buffer);
  #bus: Bus | undefined;
  #fast: FastBus | undefined;
  /** Somebody is on no fast bus. */
  #plain: (() => void) | undefined;
  #input: Input | undefined;
  /** The others do not know yet what we have sent. */
  #unsaid = false;
  #retry: (() => void) | undefined;

  constructor(sys: Sys, name: string) {
    this.#sys = sys;
    const random = new Uint8Array(12);
    sys.random(random);
    this.mac = new Uint8Array([0xb2, 0xa0, ...random.subarray(8)]);
    const id = new Uint32Array(random.buffer, 0, 2);
    this.#station = { mac: this.mac, promiscuous: false, id: [id[0]!, id[1]!] };
    ShmifPacket.write(this.#headerView, 0, { senderLow: id[0]!, senderHigh: id[1]! });
    sys.log(`${name}: Ethernet address ${[...this.mac].map((b) => b.toString(16).padStart(2, "0")).join(":")}`);
  }
  /** EBUSY: it is up, or attached already. ENOEXEC, EFTYPE: not a bus. */
  setLinkstr(to: string | undefined): void {
    if (this.#input || (to !== undefined && this.#bus)) throw this.#sys.errno.EBUSY;
    if (to === undefined) return this.#detach();
    const fast = to.endsWith(ALSO_FAST);
    const path = fast ? to.slice(0, -ALSO_FAST.length) : to;
    this.#bus = new Bus(this.#sys, path, this.#station, BUS);
    try {
      if (fast) this.#join(path);
    } catch (e) {
      this.#detach();
      throw e;
    }
    this.linkstr = to;
    this.#bus.file.watch(this);
  }
  #join(path: string): void {
    this.#fast = new FastBus(this.#sys, path, this.#station);
    this.#fast.join(this.mac);
  }
  /** Of others on the fast bus; those who are not need finished frames. */
  get offload(): Offloads | undefined {
    return this.#fast && !this.#plain ? OFFLOADS : undefined;
  }
  /** ENOBUFS: somebody holds the fast bus's lock. */
  setMac(mac: Uint8Array): void {
    this.mac = this.#station.mac = mac.slice();
    this.#fast?.members.leave();
    this.#fast?.join(this.mac);
  }
  promiscuous(on: boolean): void {
    this.#station.promiscuous = on;
  }
  /** ENXIO: it is not attached to a bus. */
  up(input: Input): void {
    if (!this.#bus) throw this.#sys.errno.ENXIO;
    this.#input = input;
    // What others send from now on is for us.
    this.#bus.start();
    this.#fast?.bus.start();
    this.#bus.file.awake();
  }
  down(): void {
    this.#say();
    this.#input = undefined;
  }
  destroy(): void {
    this.down();
    this.#detach();
  }
  #detach(): void {
    this.#retry?.();
    this.#plain?.();
    this.#fast?.close();
    this.#bus?.file.close();
    this.#retry =
      this.#plain =
      this.#fast =
      this.#bus =
      this.linkstr =
        undefined;
  }

  /** EMSGSIZE; ENOBUFS: somebody holds the lock. */
  output(frame: Uint8Array, offload?: Offload): void {
    const bus = this.#bus;
    if (!bus || !this.#input) throw this.#sys.errno.ENETDOWN;
    if (this.#fast && (frame[0]! & 1) === 0 && this.#fast.members.has(frame)) this.#fast.send(frame, offload);
    else this.#send(bus, offload ? this.#finish(frame, offload) : frame);
    // One wake-up for all that is sent now.
    this.#unsaid = true;
    bus.file.awake();
  }
  #send(bus: Bus, frame: Uint8Array): void {
    if (frame.length > MAX_FRAME) throw this.#sys.errno.EMSGSIZE;
    const now = this.#sys.now();
    const seconds = Math.floor(now / 1000);
    ShmifPacket.set.length(this.#headerView, 0, frame.length);
    ShmifPacket.set.sec(this.#headerView, 0, seconds >>> 0);
    ShmifPacket.set.usec(this.#headerView, 0, ((now - seconds * 1000) * 1000) >>> 0);
    bus.put(this.#sys, this.#header, frame);
  }
  /** For the bus. What is too large is lost; sent again, it comes in pieces. */
  #finish(frame: Uint8Array, offload: Offload): Uint8Array {
    if (offload.gsoType !== 0) this.#plain ??= this.#sys.callout(PLAIN_MS, () => (this.#plain = undefined));
    return (offload.flags & HDR_F_NEEDS_CSUM) !== 0 && offload.gsoType === 0 ? finished(frame, offload) : frame;
  }
  #say(): void {
    if (!this.#unsaid) return;
    this.#unsaid = false;
    this.#bus!.file.poke(WAKE_UP, SHMIF_VERSION);
  }

  look(): boolean {
    this.#say();
    const found = this.#take(this.#bus);
    const fast = this.#take(this.#fast?.bus);
    // What was sent in answer is told now: others may be waiting for it.
    this.#say();
    return found || fast;
  }
  #take(bus: Bus | undefined): boolean {
    const took = bus && this.#input ? bus.take() : "none";
    if (took === "none") return false;
    if (took === "busy") return this.#later();
    const { frames, filled } = bus!.reader;
    for (let i = 0; i < filled && this.#input; i++) {
      if (bus === this.#bus) this.#input(frames[i]!);
      else this.#unfinished(frames[i]!, i);
    }
    return true;
  }
  #unfinished(record: Uint8Array, i: number): void {
    const frame = record.subarray(VnetHeader.size);
    const offload = this.#fast!.offload(i);
    if (offload.flags === 0) this.#input!(frame);
    else this.#input!(frame, offload);
  }
  rest(): boolean {
    this.#say();
    if (this.#retry || !this.#input || !this.#bus) return false;
    return this.#bus.reader.waiting || (this.#fast?.bus.reader.waiting ?? false);
  }
  /** Somebody holds the lock. */
  #later(): false {
    this.#retry ??= this.#sys.callout(RETRY_MS, () => {
      this.#retry = undefined;
      this.#bus?.file.awake();
    });
    return false;
  }
}
