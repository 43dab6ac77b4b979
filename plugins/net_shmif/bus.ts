/** A file with a ring that an interface is attached to: made by who comes first, checked by the others. */
import type { SharedFile, Sys } from "../../src/plugin.ts";
import { BUS_SIZE, SHMIF_MAGIC, SHMIF_VERSION, ShmifBus, ShmifPacket } from "../../src/wire/shmif.ts";
import { BusLock } from "./lock.ts";
import { Reader, type Shape, type Station } from "./reader.ts";
import { Ring } from "./ring.ts";

/** What kind of file it is. */
export interface Format extends Shape {
  readonly magic: number;
  readonly version: number;
  /** Those who write may tell of a frame before it is there (NetBSD's do): that is seen by the lock. */
  readonly early: boolean;
  /** Bytes of the file, and where in it the ring begins. */
  readonly size: number;
  readonly data: number;
}
/** NetBSD's bus. */
export const BUS: Format = {
  magic: SHMIF_MAGIC,
  version: SHMIF_VERSION,
  size: BUS_SIZE,
  early: true,
  data: ShmifBus.size,
  longest: 2048,
  before: 0,
  batch: 32,
  margin: 128 << 10,
};

/** Say in a record's header how long what follows is, and when it was sent, milliseconds. */
export function stamp(header: DataView, length: number, now: number): void {
  const seconds = Math.floor(now / 1000);
  ShmifPacket.set.length(header, 0, length);
  ShmifPacket.set.sec(header, 0, seconds >>> 0);
  ShmifPacket.set.usec(header, 0, ((now - seconds * 1000) * 1000) >>> 0);
}

/** See the head of this file. */
export class Bus {
  readonly file: SharedFile;
  readonly lock: BusLock;
  readonly ring: Ring;
  readonly reader: Reader;
  readonly #format: Format;

  /** ENOEXEC: it is no such bus. EBUSY: it is locked for good. Throws errno. */
  constructor(sys: Sys, path: string, station: Station, format: Format) {
    this.#format = format;
    this.file = sys.sharedFile(path, format.size);
    this.lock = new BusLock(sys, this.file, path);
    this.ring = new Ring(this.file, format.data);
    this.reader = new Reader(this.ring, station, format);
    try {
      this.#check(sys, path);
    } catch (e) {
      this.file.close();
      throw e;
    }
  }
  #check(sys: Sys, path: string): void {
    const { magic } = this.#format;
    if (this.#magic === 0) this.#make(sys);
    const version = ShmifBus.get.version(this.file.view, 0);
    // NetBSD's leave 0 until somebody is woken for the first time.
    if (this.#magic === magic && (version === this.#format.version || version === 0)) return;
    sys.log(this.#magic === magic ? `${path}: bus of version ${version}` : `${path}: bus is not magical`);
    throw sys.errno.ENOEXEC;
  }
  get #magic(): number {
    return ShmifBus.get.magic(this.file.view, 0);
  }
  #make(sys: Sys): void {
    if (!this.lock.take()) throw sys.errno.EBUSY;
    if (this.#magic === 0) {
      this.ring.format();
      ShmifBus.set.version(this.file.view, 0, this.#format.version);
      ShmifBus.set.magic(this.file.view, 0, this.#format.magic);
    }
    this.lock.give();
  }
  /** What others send from now on is to be read. */
  start(): void {
    if (!this.lock.take()) return this.reader.forget();
    this.reader.start();
    this.lock.give();
  }
  /** Copy what came, to `reader.frames`. "busy": somebody holds the lock; "more": call it again. */
  take(): "none" | "some" | "more" | "busy" {
    if (!this.reader.waiting) return "none";
    let more = this.reader.peek(this.#busy);
    if (more === undefined) {
      if (!this.lock.take()) return "busy";
      more = this.reader.take();
      this.lock.give();
    }
    return more ? "more" : this.reader.filled > 0 ? "some" : "none";
  }
  readonly #busy = (): boolean => this.#format.early && this.lock.held;
  /** Throws ENOBUFS: somebody holds the lock. */
  put(sys: Sys, header: Uint8Array, frame: Uint8Array): void {
    if (!this.lock.take()) throw sys.errno.ENOBUFS;
    this.ring.append(header, frame);
    this.lock.give();
  }
}
