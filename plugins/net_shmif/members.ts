/** Who is on a fast bus: a table in its file of link addresses, and how those are woken who sleep. */
import type { SharedFile } from "../../src/plugin.ts";
import { FAST_DATA, FAST_MEMBERS, FAST_WORDS, FastBus, FastMember } from "../../src/wire/shmif.ts";
import type { Station } from "./reader.ts";

const TABLE = FAST_MEMBERS >>> 2;
const ENTRY = FastMember.size >>> 2;
const END = FAST_DATA >>> 2;
const STRANGER = (FAST_WORDS + FastBus.at.stranger) >>> 2;
const LISTENERS = (FAST_WORDS + FastBus.at.listeners) >>> 2;
const { at } = FastMember;
const [MAC, ID, BELL, ASLEEP] = [at.macLow >>> 2, at.idLow >>> 2, at.bellLow >>> 2, at.asleep >>> 2];
/** What stands in `asleep`: to be woken for its own frames; for all. */
const SLEEPS = 1;
const LISTENS = 2;
/** Seconds a stranger who was heard counts as being there. */
const HEARD_S = 60;
/** Milliseconds after which one who is awake, as it seems, is woken all the same: it may be gone. */
const SEEMS_MS = 20;

/** See the head of this file. Words of others may say anything: they choose who is woken, and by which way frames go. */
export class Members {
  readonly #file: SharedFile;
  #mine = -1;
  /** Where the last one was found that was asked for. */
  #last = TABLE;
  #listening = false;
  #sleeping = false;
  /** Whom to wake, and when all were that seem to be awake. */
  readonly #told: number[] = [];
  #rung = 0;
  /** The last sender who was asked about, and found. */
  #known: readonly [number, number] | undefined;

  constructor(file: SharedFile) {
    this.#file = file;
  }
  /** The bus is locked. False: the table is full. */
  join({ mac, id }: Station): boolean {
    const { words, pid, bell = [0, 0] } = this.#file;
    const entry = this.#free();
    if (entry < 0) return false;
    [low(mac, 0), high(mac, 0), ...id, ...bell, 0].forEach((word, i) =>
      Atomics.store(words, entry + MAC + i, word | 0)
    );
    Atomics.store(words, entry, pid);
    this.#mine = entry;
    return true;
  }
  leave(id: Station["id"]): void {
    this.listen(false);
    // Its id stays: what it sent may not have been read yet. Who was taken for dead has lost its place.
    if (this.#mine >= 0 && this.#sender(this.#mine, ...id)) Atomics.store(this.#file.words, this.#mine, 0);
    this.#mine = -1;
  }
  /** A place nobody has; where there is none, one of somebody who is gone. */
  #free(): number {
    const { words } = this.#file;
    for (let e = TABLE; e < END; e += ENTRY) if (Atomics.load(words, e) === 0) return e;
    for (let e = TABLE; e < END; e += ENTRY) if (!this.#wake(e)) return e;
    return -1;
  }
  /** Where the member is whose link address is at the beginning of a frame; below 0: there is none. */
  find(frame: Uint8Array, start: number): number {
    const [a, b] = [low(frame, start), high(frame, start)];
    if (this.#is(this.#last, a, b)) return this.#last;
    for (let e = TABLE; e < END; e += ENTRY) if (this.#is(e, a, b)) return (this.#last = e);
    return -1;
  }
  #is(entry: number, a: number, b: number): boolean {
    const { words } = this.#file;
    return words[entry + MAC] === a && words[entry + MAC + 1] === b && words[entry] !== 0;
  }
  #sender(entry: number, a: number, b: number): boolean {
    const { words } = this.#file;
    return words[entry + ID] === (a | 0) && words[entry + ID + 1] === (b | 0);
  }

  /** Somebody sent a frame over the bus: if it is no member, all go that way for some time. */
  heard(sender: readonly [number, number], now: number): void {
    if (sender === this.#known) return;
    for (let e = TABLE; e < END; e += ENTRY) if (this.#sender(e, ...sender)) return void (this.#known = sender);
    Atomics.store(this.#file.words, STRANGER, Math.floor(now / 1000) | 0);
  }
  /** Whether there is somebody who sees what goes over the bus only. */
  strangers(now: number): boolean {
    const at = Atomics.load(this.#file.words, STRANGER);
    return at !== 0 && Math.abs((Math.floor(now / 1000) - at) | 0) < HEARD_S;
  }

  /** All frames, or only those for its own address. */
  listen(on: boolean): void {
    if (on !== this.#listening) Atomics.add(this.#file.words, LISTENERS, on ? 1 : -1);
    this.#listening = on;
  }
  /** Others must wake it from now on; look at the ring afterwards, as they do it the other way round. */
  sleep(): void {
    if (this.#mine < 0) return;
    this.#sleeping = true;
    Atomics.store(this.#file.words, this.#mine + ASLEEP, this.#listening ? SLEEPS | LISTENS : SLEEPS);
  }
  awake(): void {
    if (!this.#sleeping) return;
    this.#sleeping = false;
    if (this.#mine >= 0) Atomics.store(this.#file.words, this.#mine + ASLEEP, 0);
  }
  /** There is a frame for a member: it is to be told. */
  tell(entry: number): void {
    if (!this.#told.includes(entry)) this.#told.push(entry);
  }
  /** Whether somebody is to be told. */
  get telling(): boolean {
    return this.#told.length > 0;
  }
  /** Wake those who have been sent something, and who are not awake. False: it takes a poke. */
  wake(now: number): boolean {
    const { words } = this.#file;
    const all = now - this.#rung > SEEMS_MS || now < this.#rung;
    if (all) this.#rung = now;
    let sound = true;
    for (const e of this.#told) if (this.#asleep(e) || all) sound = this.#woken(e) && sound;
    this.#told.length = 0;
    if (Atomics.load(words, LISTENERS) === 0) return sound;
    for (let e = TABLE; e < END; e += ENTRY) {
      if ((words[e + ASLEEP]! & LISTENS) !== 0 && words[e] !== 0 && this.#asleep(e)) sound = this.#woken(e) && sound;
    }
    return sound;
  }
  /** Only one of those who find it asleep wakes it. */
  #asleep(entry: number): boolean {
    return Atomics.exchange(this.#file.words, entry + ASLEEP, 0) !== 0;
  }
  /** Who is gone is no member any more. False: it cannot be rung for. */
  #woken(entry: number): boolean {
    if (!this.#wake(entry)) Atomics.store(this.#file.words, entry, 0);
    return this.#rings(entry);
  }
  /** False: it is gone. */
  #wake(entry: number): boolean {
    const { words } = this.#file;
    if (!this.#rings(entry)) return this.#file.alive(words[entry]!);
    return this.#file.ring(words[entry + BELL]!, words[entry + BELL + 1]!);
  }
  #rings(entry: number): boolean {
    return this.#file.words[entry + BELL] !== 0 && this.#file.bell !== undefined;
  }
}
const low = (b: Uint8Array, at: number) => b[at]! | (b[at + 1]! << 8) | (b[at + 2]! << 16) | (b[at + 3]! << 24);
const high = (b: Uint8Array, at: number) => b[at + 4]! | (b[at + 5]! << 8);
