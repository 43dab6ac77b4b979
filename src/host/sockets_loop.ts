/** Stream sockets in the loop, for servers: nonblocking, read first, a bounded queue towards slow peers. */
import type { Async, Channel, Listener, SharedMemory, SocketAddress, Sockets, Watcher } from "../plugin.ts";
import { backlog } from "./backlog.ts";
import { hostErrno } from "./errors.ts";
import { addressOf, raw, result } from "./ffi.ts";
import type { Loop, Ready } from "./host.ts";
import { shareMemory } from "./shared.ts";
import { after, writePart, writeParts } from "./gather.ts";
import {
  acceptRaw,
  connectRaw,
  listenRaw,
  NONBLOCK,
  peerCredentials,
  peerName,
  portOf,
  removeSocket,
  socketError,
  socketFile,
} from "./sockets_raw.ts";

const EAGAIN = -11;
const EINTR = -4;
/** Bytes read at once. Every socket of the process shares this memory, its content is lent to `receive`, which may keep it. */
const INPUT = 256 << 10;
let input: ReturnType<typeof fresh> | undefined;
function fresh(): { readonly bytes: Uint8Array; readonly address: number } {
  const bytes = new Uint8Array(INPUT);
  return { bytes, address: addressOf(bytes) };
}

class LoopChannel implements Channel {
  readonly #fd: number;
  readonly #loop: Loop;
  #receive: (bytes: Uint8Array) => boolean | void = () => {};
  #drained: () => void = () => {};
  #onClosed: () => void = () => {};
  /** What could not go at once, in order. */
  #queue: Uint8Array[] = [];
  #queued = 0;
  #paused = false;
  #open = true;
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
    const waiting = this.#queue.length > 0;
    const gone = !waiting && parts.length === 1 ? writePart(this.#fd, parts[0]!) : 0;
    if (gone > 0 && gone === parts[0]!.length) return true;
    const left = waiting ? parts : this.#write(after(parts, gone));
    if (left.length === 0) return !waiting;
    for (const part of left) this.#queue.push(part.slice());
    this.#queued += sizeOf(left);
    if (!waiting) this.#interest();
    backlog(this, this.#queued);
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
    if (!this.#open || !this.credentials || this.#queue.length > 0) return undefined;
    const memory = shareMemory(this.#fd, size, data, this.#loop.now);
    if (!memory) return undefined;
    this.watch(watcher);
    return { ...memory, close: () => (this.#loop.unwatch(watcher), memory.close()) };
  }
  watch(watcher: Watcher): void {
    if (this.#open) this.#loop.watch(watcher);
  }
  close(): void {
    if (!this.#open) return;
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
    const n = result(raw.read(this.#fd, address, INPUT));
    if (n === EAGAIN) return 0;
    if (n <= 0) {
      this.close();
      return 0;
    }
    this.#loop.expect(this.#look);
    if (this.#receive(bytes.subarray(0, n)) === true) input = undefined;
    return n;
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

/** A stream on a nonblocking descriptor. */
export const fdChannel = (fd: number, loop: Loop): Channel => new LoopChannel(fd, loop);

/** Bytes of memory parts take, roughly. */
const sizeOf = (parts: readonly Uint8Array[]) => parts.reduce((n, part) => n + part.length + PART, 0);
const PART = 64;

/** Connections accepted in one go. */
const ACCEPTS = 64;
/** Milliseconds to wait when descriptors have run out. */
const RETRY_MS = 100;

function listener(fd: number, address: SocketAddress, loop: Loop, accept: (channel: Channel) => void): Listener {
  let open = true;
  const file = socketFile(address);
  const take = (): boolean => {
    for (let i = 0; i < ACCEPTS; i++) {
      const client = acceptRaw(fd);
      if (client === EAGAIN) return false;
      if (client < 0) {
        // EMFILE and the like: the connection stays in the queue; asking again at once would spin.
        loop.change(fd, { read: false, write: false });
        loop.timer(RETRY_MS, () => open && loop.change(fd, { read: true, write: false }));
        return false;
      }
      accept(new LoopChannel(client, loop));
    }
    return true;
  };
  loop.add(fd, { read: true, write: false }, take);
  const port = portOf(fd);
  return {
    ...(port === undefined ? {} : { port }),
    close() {
      if (!open) return;
      open = false;
      loop.remove(fd);
      raw.close(fd);
      removeSocket(address, file);
    },
  };
}

/** Connect without waiting in the system call: unix sockets are there at once, others when they become writable. */
function dial(address: SocketAddress, loop: Loop): Async<Channel> {
  let fd: number;
  try {
    fd = connectRaw(address, NONBLOCK);
  } catch (e) {
    throw hostErrno(e);
  }
  if ("path" in address) return new LoopChannel(fd, loop);
  loop.pending(1);
  const connected = new Promise<Channel>((resolve, reject) => {
    loop.add(fd, { read: false, write: true }, () => {
      loop.remove(fd);
      const error = socketError(fd);
      if (error) raw.close(fd);
      if (error) reject(error);
      else resolve(new LoopChannel(fd, loop));
      return false;
    });
  });
  return connected.finally(() => loop.pending(-1));
}

/** Sockets whose descriptors live in `loop`. */
export function loopSockets(loop: Loop, { tls, connectBlocking }: Pick<Sockets, "tls" | "connectBlocking">): Sockets {
  return {
    listen: (address, accept) => listener(listenRaw(address), address, loop, accept),
    connect: (address) => dial(address, loop),
    connectBlocking,
    tls,
  };
}
