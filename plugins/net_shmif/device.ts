/** An interface on a bus, or on none yet: attaching, frames in and out, waking the others (NetBSD: if_shmem.c). */
import type { Input, NetDevice, SharedFile, Sys, Watcher } from "../../src/plugin.ts";
import { BUS_SIZE, SHMIF_MAGIC, SHMIF_VERSION, ShmifBus, ShmifPacket } from "../../src/wire/shmif.ts";
import { BusLock } from "./lock.ts";
import { Reader, type Station } from "./reader.ts";
import { Ring } from "./ring.ts";

/** Ethernet's header and 1500 bytes: NetBSD's readers have no room for more. */
const MAX_FRAME = 1514;
/** Milliseconds until the lock is asked for again that somebody holds. */
const RETRY_MS = 1;
const WAKE_UP = ShmifBus.at.version;

/** A bus an interface is attached to. */
class Bus {
  readonly file: SharedFile;
  readonly lock: BusLock;
  readonly ring: Ring;
  readonly reader: Reader;

  /** ENOEXEC: it is no bus. EBUSY: it is locked for good. Throws errno. */
  constructor(sys: Sys, path: string, station: Station) {
    this.file = sys.sharedFile(path, BUS_SIZE);
    this.lock = new BusLock(sys, this.file, path);
    this.ring = new Ring(this.file);
    this.reader = new Reader(this.ring, station);
    try {
      this.#check(sys, path);
    } catch (e) {
      this.file.close();
      throw e;
    }
  }
  #check(sys: Sys, path: string): void {
    const { view } = this.file;
    if (this.#magic === 0) this.#format(sys);
    const version = ShmifBus.get.version(view, 0);
    // NetBSD's leave 0 until somebody is woken for the first time.
    if (this.#magic === SHMIF_MAGIC && (version === SHMIF_VERSION || version === 0)) return;
    sys.log(this.#magic === SHMIF_MAGIC ? `${path}: bus of version ${version}` : `${path}: bus is not magical`);
    throw sys.errno.ENOEXEC;
  }
  get #magic(): number {
    return ShmifBus.get.magic(this.file.view, 0);
  }
  /** Who comes first makes the bus. */
  #format(sys: Sys): void {
    if (!this.lock.take()) throw sys.errno.EBUSY;
    if (this.#magic === 0) {
      this.ring.format();
      ShmifBus.set.version(this.file.view, 0, SHMIF_VERSION);
      ShmifBus.set.magic(this.file.view, 0, SHMIF_MAGIC);
    }
    this.lock.give();
  }
}

/** See the head of this file. */
export class ShmifDevice implements NetDevice, Watcher {
  readonly medium = "ethernet";
  readonly mtu = 1500;
  readonly mac: Uint8Array;
  linkstr: string | undefined;
  readonly #sys: Sys;
  readonly #station: Station;
  readonly #header = new Uint8Array(ShmifPacket.size);
  readonly #headerView = new DataView(this.#header.buffer);
  #bus: Bus | undefined;
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
    this.#bus = new Bus(this.#sys, to, this.#station);
    this.linkstr = to;
    this.#bus.file.watch(this);
  }
  promiscuous(on: boolean): void {
    this.#station.promiscuous = on;
  }
  /** ENXIO: it is not attached to a bus. */
  up(input: Input): void {
    if (!this.#bus) throw this.#sys.errno.ENXIO;
    this.#input = input;
    // What others send from now on is for us.
    if (!this.#bus.lock.take()) return this.#bus.reader.forget();
    this.#bus.reader.start();
    this.#bus.lock.give();
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
    this.#retry = undefined;
    this.#bus?.file.close();
    this.#bus = this.linkstr = undefined;
  }

  /** EMSGSIZE; ENOBUFS: somebody holds the lock. */
  output(frame: Uint8Array): void {
    const bus = this.#bus;
    if (!bus || !this.#input) throw this.#sys.errno.ENETDOWN;
    if (frame.length > MAX_FRAME) throw this.#sys.errno.EMSGSIZE;
    const now = this.#sys.now();
    const seconds = Math.floor(now / 1000);
    ShmifPacket.set.length(this.#headerView, 0, frame.length);
    ShmifPacket.set.sec(this.#headerView, 0, seconds >>> 0);
    ShmifPacket.set.usec(this.#headerView, 0, ((now - seconds * 1000) * 1000) >>> 0);
    if (!bus.lock.take()) throw this.#sys.errno.ENOBUFS;
    bus.ring.append(this.#header, frame);
    bus.lock.give();
    // One wake-up for all that is sent now.
    this.#unsaid = true;
    bus.file.awake();
  }
  #say(): void {
    if (!this.#unsaid) return;
    this.#unsaid = false;
    this.#bus!.file.poke(WAKE_UP, SHMIF_VERSION);
  }

  look(): boolean {
    this.#say();
    const bus = this.#bus;
    if (!bus || !this.#input || !bus.reader.waiting) return false;
    if (!bus.lock.take()) return this.#later();
    const more = bus.reader.take();
    bus.lock.give();
    const { frames, filled } = bus.reader;
    for (let i = 0; i < filled && this.#input; i++) this.#input(frames[i]!);
    // What was sent in answer is told now: others may be waiting for it.
    this.#say();
    return more || filled > 0;
  }
  rest(): boolean {
    this.#say();
    return this.#retry === undefined && this.#input !== undefined && this.#bus !== undefined &&
      this.#bus.reader.waiting;
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
