/** An interface on a bus, or on none yet: attaching, frames in and out, waking the others (NetBSD: if_shmem.c). */
import type { Input, NetDevice, Offload, Offloads, Sys, Watcher } from "../../src/plugin.ts";
import { SHMIF_VERSION, ShmifBus, ShmifPacket, VnetHeader } from "../../src/wire/shmif.ts";
import { BUS, Bus, stamp } from "./bus.ts";
import { FastBus, OFFLOADS } from "./fast.ts";
import type { Station } from "./reader.ts";

/** Ethernet's header and 1500 bytes: NetBSD's readers have no room for more. */
const MAX_FRAME = 1514;
/** Milliseconds until the lock is asked for again that somebody holds. */
const RETRY_MS = 1;
const WAKE_UP = ShmifBus.at.version;
/** At the end of a linkstr: with the fast bus or not at all; without it. Left out: with it if that can be. */
const FAST = "?fast";
const BUS_ONLY = "?v3";

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
    const [, path, kind] = /^(.*?)(\?fast|\?v3)?$/s.exec(to)!;
    this.#bus = new Bus(this.#sys, path!, this.#station, BUS);
    try {
      if (kind !== BUS_ONLY) this.#join(path!, kind === FAST);
    } catch (e) {
      this.#detach();
      throw e;
    }
    this.linkstr = to;
    this.#bus.file.watch(this);
    this.#fast?.bus.file.watch(this);
  }
  /** Where it is not demanded, what is wrong with it is no reason not to have the bus. */
  #join(path: string, demanded: boolean): void {
    try {
      this.#fast = new FastBus(this.#sys, path, this.#station);
    } catch (e) {
      if (demanded) throw e;
      this.#sys.log(`${path}: no fast bus: ${(e as Error).message}`);
    }
  }
  /** Between members of the fast bus. */
  get offload(): Offloads | undefined {
    return this.#fast && OFFLOADS;
  }
  unfinished(frame: Uint8Array, at: number): boolean {
    return this.#fast !== undefined && this.#fast.to(frame, at) >= 0;
  }
  /** ENOBUFS: somebody holds the fast bus's lock. */
  setMac(mac: Uint8Array): void {
    this.mac = this.#station.mac = mac.slice();
    this.#fast?.join();
  }
  promiscuous(on: boolean): void {
    this.#station.promiscuous = on;
    this.#fast?.members.listen(on);
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
    this.#fast?.close();
    this.#bus?.file.close();
    this.#retry =
      this.#fast =
      this.#bus =
      this.linkstr =
        undefined;
  }

  /** EMSGSIZE; ENOBUFS: somebody holds the lock. */
  output(frame: Uint8Array, offload?: Offload): void {
    const bus = this.#bus;
    if (!bus || !this.#input) throw this.#sys.errno.ENETDOWN;
    const member = this.#fast ? this.#fast.to(frame, 0) : -1;
    if (member >= 0) this.#fast!.send(member, frame, offload);
    else {
      this.#send(bus, frame, offload);
      this.#unsaid = true;
    }
    // One wake-up for all that is sent now.
    bus.file.awake();
  }
  /** Who was a member a moment ago, when the frame was not finished, gets it when it is sent again. */
  #send(bus: Bus, frame: Uint8Array, offload: Offload | undefined): void {
    if (offload) throw this.#sys.errno.ENOBUFS;
    if (frame.length > MAX_FRAME) throw this.#sys.errno.EMSGSIZE;
    stamp(this.#headerView, frame.length, this.#sys.now());
    bus.put(this.#sys, this.#header, frame);
  }
  #say(): void {
    if (this.#fast?.members.telling && !this.#fast.members.wake(this.#sys.now())) this.#unsaid = true;
    if (!this.#unsaid) return;
    this.#unsaid = false;
    this.#bus!.file.poke(WAKE_UP, SHMIF_VERSION);
  }

  look(): boolean {
    this.#fast?.members.awake();
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
    const { frames, filled, sender } = bus!.reader;
    if (sender && bus === this.#bus) this.#fast?.members.heard(sender, this.#sys.now());
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
    this.#fast?.members.sleep();
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
