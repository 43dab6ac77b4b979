/** A stream socket in the loop: nonblocking, read first, a bounded queue towards a slow peer. */
import type { Channel, SharedMemory, Watcher } from "../plugin.ts";
import { backlog } from "./backlog.ts";
import type { Handed } from "../lib/socket_end.ts";
import { addressOf, pin, raw, result } from "./ffi.ts";
import { after, writePart, writeParts } from "./gather.ts";
import { handedEnd } from "./handed.ts";
import type { Loop, Pinned, Ready } from "./host.ts";
import { cameAlong, receiveWithDescriptor, sendWithDescriptor } from "./rights.ts";
import { shareMemory } from "./shared.ts";
import { peerCredentials, peerName } from "./sockets_raw.ts";

const EAGAIN = -11;
const EINTR = -4;
/** Bytes read at once. Every socket of the process shares this memory, its content is lent to `receive`, which may keep it. */
const INPUT = 256 << 10;
let input: ReturnType<typeof fresh> | undefined;
function fresh(): { readonly bytes: Uint8Array; readonly address: number } {
  const bytes = new Uint8Array(INPUT);
  return { bytes, address: addressOf(bytes) };
}

/**
 * Short answers to what was read at once go out at once: they are put together here while its receiver is at it. One
 * connection is, at any time.
 */
let together: Pinned | undefined;
const TOGETHER = 64 << 10;
const SHORT = 4 << 10;

/** See the head of this file. */
export class LoopChannel implements Channel {
  readonly #fd: number;
  readonly #loop: Loop;
  #receive: (bytes: Uint8Array) => boolean | void = () => {};
  #drained: () => void = () => {};
  #onClosed: () => void = () => {};
  /** Told of descriptors that come along, if they may. */
  #onEnd: ((end: Handed | undefined) => void) | undefined;
  /** What could not go at once, in order. */
  #queue: Uint8Array[] = [];
  #queued = 0;
  #paused = false;
  #open = true;
  /** It is this one's answers that are put together, so many bytes of them; -1: it is not. */
  #gathered = -1;
  readonly peer: string;
  readonly credentials?: { readonly uid: number; readonly gid: number; readonly pid: number };

  constructor(fd: number, loop: Loop) {
    this.#fd = fd;
    this.#loop = loop;
    const credentials = peerCredentials(fd);
    if (credentials) this.credentials = credentials;
    this.peer = credentials ? `uid ${credentials.uid} pid ${credentials.pid}` : peerName(fd) ?? "unknown";
    loop.add(fd, { read: true, write: false }, (what) => this.#ready(what));
  }
  send(...parts: Uint8Array[]): boolean {
    if (!this.#open) return true;
    if (this.#gathered >= 0 && this.#gather(parts)) return true;
    const waiting = this.#queue.length > 0;
    const gone = !waiting && parts.length === 1 ? writePart(this.#fd, parts[0]!) : 0;
    if (gone > 0 && gone === parts[0]!.length) return true;
    const left = waiting ? parts : this.#write(after(parts, gone));
    if (left.length === 0) return !waiting;
    this.#keep(left);
    return false;
  }
  receive(on: (bytes: Uint8Array) => boolean | void): void {
    this.#receive = on;
  }
  drained(on: () => void): void {
    this.#drained = on;
  }
  closed(on: () => void): void {
    this.#onClosed = on;
  }
  pause(stop: boolean): void {
    if (this.#paused === stop || !this.#open) return;
    this.#paused = stop;
    this.#interest();
  }
  share(size: number, data: Uint8Array, watcher: Watcher): SharedMemory | undefined {
    if (!this.#open || !this.credentials) return undefined;
    if (this.#gathered > 0) this.#release();
    if (this.#queue.length > 0) return undefined;
    const memory = shareMemory(this.#fd, size, data, this.#loop.now);
    if (!memory) return undefined;
    this.watch(watcher);
    return { ...memory, close: () => (this.#loop.unwatch(watcher), memory.close()) };
  }
  watch(watcher: Watcher): void {
    if (this.#open) this.#loop.watch(watcher);
  }
  receiveEnds(on: (end: Handed | undefined) => void): boolean {
    if (this.credentials) this.#onEnd = on;
    return this.credentials !== undefined;
  }
  sendWith(descriptor: number, bytes: Uint8Array): boolean {
    if (this.#gathered > 0) this.#release();
    if (!this.#open || this.#queue.length > 0) return false;
    if (sendWithDescriptor(this.#fd, bytes, descriptor) === bytes.length) return true;
    this.#keep([new Uint8Array(0)]); // nothing, but when it has gone there is room
    return false;
  }
  close(): void {
    if (!this.#open) return;
    if (this.#gathered > 0) this.#release();
    this.#open = false;
    this.#clear();
    this.#loop.remove(this.#fd);
    raw.close(this.#fd);
    this.#onClosed();
  }

  #clear(): void {
    if (this.#queued > 0) backlog(this, 0);
    this.#queue = [];
    this.#queued = 0;
  }
  #interest(): void {
    this.#loop.change(this.#fd, { read: !this.#paused, write: this.#queue.length > 0 });
  }
  /** Write what goes; what is left. */
  #write(parts: readonly Uint8Array[]): Uint8Array[] {
    let left = after(parts, 0);
    while (left.length > 0) {
      const n = writeParts(this.#fd, left);
      if (n === EAGAIN) break;
      if (n === EINTR) continue;
      if (n < 0) return []; // the reader will see the end, too: what was to be sent has nobody to go to
      left = after(left, n);
    }
    return left;
  }
  #ready(what: Ready): boolean {
    if (what.writable) this.#flush();
    if (!what.readable && !what.error) return false;
    if (this.#paused && !what.error) return false;
    // More to read at once only when the buffer was filled: a client that waits for its reply has sent nothing yet, and the
    // empty read would cost it a system call (one CPU: 19 against 15 us a round trip).
    return this.#read() === INPUT && this.#open && !this.#paused;
  }
  /** Take what has come; bytes. */
  #read(): number {
    const { address, bytes } = (input ??= fresh());
    const n = this.#take(address);
    if (n === EAGAIN) return 0;
    if (n <= 0) {
      this.close();
      return 0;
    }
    this.#loop.expect(this.#look);
    this.#gathered = 0;
    try {
      if (this.#receive(bytes.subarray(0, n)) === true) input = undefined;
    } finally {
      if (this.#gathered > 0) this.#release();
      this.#gathered = -1;
    }
    return n;
  }
  #take(address: number): number {
    const on = this.#onEnd;
    if (!on) return result(raw.read(this.#fd, address, INPUT));
    const n = receiveWithDescriptor(this.#fd, address, INPUT);
    const descriptor = n < 0 ? undefined : cameAlong();
    if (descriptor !== undefined) on(handedEnd(descriptor, this.#loop));
    return n;
  }
  /** Put it to the others; false: it is long, and goes by itself, behind those that are here. */
  #gather(parts: readonly Uint8Array[]): boolean {
    if (this.#queue.length > 0) return false;
    let size = 0;
    for (const part of parts) size += part.length;
    if (size > SHORT || this.#gathered + size > TOGETHER) this.#release();
    if (size > SHORT || this.#queue.length > 0) return false;
    const { bytes } = (together ??= pin(TOGETHER));
    for (const part of parts) {
      bytes.set(part, this.#gathered);
      this.#gathered += part.length;
    }
    return true;
  }
  /** Send what was put together. */
  #release(): void {
    const size = this.#gathered;
    this.#gathered = 0;
    if (size === 0) return;
    const n = result(raw.write(this.#fd, together!.address, size));
    if (n === size || (n < 0 && n !== EAGAIN && n !== EINTR)) return; // who is gone, the reader will see
    this.#keep([together!.bytes.subarray(Math.max(n, 0), size)]);
  }
  /** What has to wait. */
  #keep(parts: readonly Uint8Array[]): void {
    const waited = this.#queue.length > 0;
    for (const part of parts) this.#queue.push(part.slice());
    this.#queued += sizeOf(parts);
    if (!waited) this.#interest();
    backlog(this, this.#queued);
  }
  readonly #look = () => this.#open && !this.#paused && this.#read() > 0;
  #flush(): void {
    if (this.#queue.length === 0) return;
    this.#queue = this.#write(this.#queue);
    if (this.#queue.length > 0) return backlog(this, this.#queued = sizeOf(this.#queue));
    this.#clear();
    this.#interest();
    this.#drained();
  }
}

/** Bytes of memory parts take, roughly. */
const sizeOf = (parts: readonly Uint8Array[]) => parts.reduce((n, part) => n + part.length + PART, 0);
const PART = 64;
