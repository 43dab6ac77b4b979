/** An open /dev/bpf: what it wants to see, and the two buffers it is kept in (bpf(4); NetBSD: bpf.c). */
import { BPF_D, BPF_STATE, BpfHdr } from "../../abi/bpf.ts";
import { errno } from "../../abi/errno.ts";
import type { Lwp } from "../../kern/proc.ts";
import { type Callout, sleep, Waiters } from "../../kern/wait.ts";
import { then } from "../../lib/async.ts";
import { viewOf } from "../../lib/struct.ts";
import type { Async } from "../../plugin.ts";
import type { Filter } from "./filter.ts";

/** Bytes of a buffer unless told otherwise, least, most (net.bpf.maxbufsize). */
const BUFFER = 32_768;
const LEAST = 32;
export const MAX_BUFFER = 1 << 20;
const ALIGN = 8;
const aligned = (n: number) => (n + ALIGN - 1) & ~(ALIGN - 1);
/** The whole packet. */
const WHOLE = 0xffff_ffff;

interface Buffer {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  used: number;
}
const makeBuffer = (size: number): Buffer => {
  const bytes = new Uint8Array(size);
  return { bytes, view: viewOf(bytes), used: 0 };
};

/** What listeners count. */
export interface BpfCounters {
  received: number;
  dropped: number;
  captured: number;
}
export class Listener {
  readonly changes = new Waiters();
  filter: Filter | undefined;
  /** Milliseconds a read waits at most; 0: as long as it takes. */
  timeout = 0;
  /** Every packet is told at once. */
  immediate = false;
  direction: number = BPF_D.INOUT;
  readonly counters: BpfCounters = { received: 0, dropped: 0, captured: 0 };
  /** Of all listeners of a kernel, for ever. */
  readonly #totals: BpfCounters;
  #size = BUFFER;
  /** What fills, and what is full and waits to be read. */
  #store: Buffer | undefined;
  #hold: Buffer | undefined;
  #spare: Buffer | undefined;
  /** The time that poll(2) waits for has come. */
  #timedOut = false;
  #cancel: (() => void) | undefined;
  readonly #callout: Callout;
  readonly #now: () => number;
  /** Bytes of the link's header: what follows it is to be aligned. */
  #link = 0;

  constructor(callout: Callout, now: () => number, totals: BpfCounters) {
    this.#totals = totals;
    this.#callout = callout;
    this.#now = now;
  }
  get size(): number {
    return this.#size;
  }
  /** EINVAL: it is in use. Returns what it became. */
  resize(size: number): number {
    if (this.#store) throw errno.EINVAL;
    return (this.#size = Math.min(Math.max(size, LEAST), MAX_BUFFER));
  }
  /** Begin: `link` bytes of header before what is in a frame. What was kept is forgotten. */
  start(link: number): void {
    this.#link = link;
    this.#store ??= makeBuffer(this.#size);
    this.#spare ??= makeBuffer(this.#size);
    this.reset();
  }
  /** Forget what is there and what was counted (BIOCFLUSH). */
  reset(): void {
    if (this.#hold) this.#spare = this.#hold;
    this.#hold = undefined;
    if (this.#store) this.#store.used = 0;
    this.#timedOut = false;
    Object.assign(this.counters, { received: 0, dropped: 0, captured: 0 });
  }

  // Packets

  #count(what: keyof BpfCounters): void {
    this.counters[what]++;
    this.#totals[what]++;
  }
  /** A packet of the interface; lent. */
  see(packet: Uint8Array): void {
    this.#count("received");
    const wanted = this.filter ? this.filter.run(packet) : WHOLE;
    if (wanted === 0) return;
    this.#count("captured");
    this.#keep(packet, Math.min(wanted, packet.length));
  }
  #keep(packet: Uint8Array, length: number): void {
    const header = aligned(this.#link + BpfHdr.size) - this.#link;
    const room = Math.min(length, this.#size - header);
    let at = aligned(this.#store!.used);
    if (at + header + room > this.#size) {
      if (this.#hold) return this.#count("dropped");
      this.#rotate();
      this.changes.wake();
      at = 0;
    }
    this.#write(at, header, packet, room);
    if (this.immediate) this.changes.wake();
  }
  #write(at: number, header: number, packet: Uint8Array, caplen: number): void {
    const store = this.#store!;
    const now = this.#now();
    const sec = Math.floor(now / 1000);
    const usec = Math.floor((now - sec * 1000) * 1000);
    const { view } = store;
    const { set } = BpfHdr;
    set.sec(view, at, sec);
    set.usec(view, at, usec);
    set.caplen(view, at, caplen);
    set.datalen(view, at, packet.length);
    set.hdrlen(view, at, header);
    store.bytes.set(caplen === packet.length ? packet : packet.subarray(0, caplen), at + header);
    store.used = at + header + caplen;
  }
  #rotate(): void {
    this.#hold = this.#store;
    this.#store = this.#spare!;
    this.#store.used = 0;
    this.#spare = undefined;
  }

  // Reading

  /** A buffer of packets; 0 bytes: the time is up. EINVAL: no room for a buffer; EAGAIN: nothing is there. */
  read(lwp: Lwp, into: Uint8Array, nonblocking: boolean, gone: () => boolean): Async<number> {
    if (into.length !== this.#size) throw errno.EINVAL;
    if (this.#ready(nonblocking)) return this.#take(into);
    if (gone()) throw errno.ENXIO;
    if (nonblocking) throw errno.EAGAIN;
    const ms = this.timeout === 0 ? undefined : this.timeout;
    return then(sleep(lwp, [this.changes], this.#callout, ms), (woken) => {
      if (woken) return this.read(lwp, into, false, gone);
      return this.#ready(true) ? this.#take(into) : 0;
    });
  }
  /** Whether there is something to give: a full buffer; or what there is of one, when that will do. */
  #ready(some: boolean): boolean {
    const { immediate } = this;
    if (!this.#hold && this.#store && this.#store.used > 0 && (some || immediate || this.#timedOut)) this.#rotate();
    return this.#hold !== undefined;
  }
  #take(into: Uint8Array): number {
    const { bytes, used } = this.#hold!;
    into.set(bytes.subarray(0, used));
    this.#spare = this.#hold;
    this.#hold = undefined;
    this.#timedOut = false;
    return used;
  }
  /** BPF_STATE: of the time that poll(2) waits for. */
  get state(): number {
    return this.#timedOut ? BPF_STATE.TIMED_OUT : this.#cancel ? BPF_STATE.WAITING : BPF_STATE.IDLE;
  }
  /** Bytes that could be read. */
  get waiting(): number {
    return (this.#hold?.used ?? 0) + (this.#store?.used ?? 0);
  }
  /** Whether a read would give something; who asks begins to wait. */
  readable(): boolean {
    const { immediate } = this;
    if (this.#hold || ((immediate || this.#timedOut) && this.waiting > 0)) return true;
    if (this.timeout > 0) this.#cancel ??= this.#callout(this.timeout, () => this.#late());
    return false;
  }
  #late(): void {
    this.#cancel = undefined;
    this.#timedOut = true;
    if (this.waiting > 0) this.changes.wake();
  }
  stop(): void {
    this.#cancel?.();
    this.#store = this.#hold = this.#spare = undefined;
    this.changes.wake();
  }
}
