/**
 * The lock of a bus: a word of it, 1 while taken. NetBSD waits for ever if a holder dies; we leave our process number in the
 * spare word, and take the lock over from one that is gone, or holds it beyond reason.
 */
import type { SharedFile, Sys } from "../../src/plugin.ts";
import { ShmifBus } from "../../src/wire/shmif.ts";

const LOCK = ShmifBus.at.lock >>> 2;
const OWNER = ShmifBus.at.spare >>> 2;
/** Tries before a pause; NetBSD's number. */
const TRIES = 1001;
/** Pauses for a holder that was interrupted by the scheduler, and their length in milliseconds. */
const PAUSES = 5;
const PAUSE_MS = 0.2;
/** Milliseconds until a holder is given up that is gone, and one of whom nothing is known; failures in that time at least. */
const GONE_MS = 20;
const STUCK_MS = 1000;
const FAILURES = 10;

const nothing = new Int32Array(new SharedArrayBuffer(4));

/** See the head of this file. Held for one synchronous piece of work. */
export class BusLock {
  readonly #file: SharedFile;
  readonly #sys: Sys;
  readonly #path: string;
  /** Failures in a row against one owner, and since when. */
  #failures = 0;
  #owner = 0;
  #since = 0;

  /** `path`: for messages. */
  constructor(sys: Sys, file: SharedFile, path: string) {
    this.#sys = sys;
    this.#file = file;
    this.#path = path;
  }
  /** False: it is held by somebody else for longer than can be waited; try again a millisecond later. */
  take(): boolean {
    const { words } = this.#file;
    for (let i = 0; i < TRIES; i++) {
      if (Atomics.compareExchange(words, LOCK, 0, 1) === 0) return this.#taken();
    }
    return this.#patient() || this.#takeOver();
  }
  /** Whether somebody has it, after waiting a little for him. */
  get held(): boolean {
    for (let i = 0; i < TRIES; i++) if (Atomics.load(this.#file.words, LOCK) === 0) return false;
    return true;
  }
  give(): void {
    Atomics.store(this.#file.words, OWNER, 0);
    Atomics.store(this.#file.words, LOCK, 0);
  }
  /** The last try failed. */
  get stuck(): boolean {
    return this.#failures > 0;
  }

  #taken(): boolean {
    Atomics.store(this.#file.words, OWNER, this.#file.pid);
    this.#failures = 0;
    return true;
  }
  /** The first time it may only be that its holder has no processor. */
  #patient(): boolean {
    if (this.stuck) return false;
    for (let i = 0; i < PAUSES; i++) {
      Atomics.wait(nothing, 0, 0, PAUSE_MS);
      if (Atomics.compareExchange(this.#file.words, LOCK, 0, 1) === 0) return this.#taken();
    }
    return false;
  }
  #takeOver(): boolean {
    const { words, pid } = this.#file;
    const owner = Atomics.load(words, OWNER);
    const now = this.#sys.now();
    if (this.#failures === 0 || owner !== this.#owner || now < this.#since) {
      [this.#owner, this.#since, this.#failures] = [owner, now, 0];
    }
    const patience = owner > 0 && !this.#file.alive(owner) ? GONE_MS : STUCK_MS;
    if (++this.#failures < FAILURES || now - this.#since < patience) return false;
    // Of several who do this only one finds the owner unchanged.
    if (Atomics.compareExchange(words, OWNER, owner, pid) !== owner) return false;
    this.#sys.log(
      `${this.#path}: lock of the bus taken over from ${owner > 0 ? `process ${owner}` : "somebody unknown"}`,
    );
    this.#failures = 0;
    return true;
  }
}
