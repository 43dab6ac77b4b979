/** Stream sockets in the loop, for servers: nonblocking, read first, a bounded queue towards slow peers. */
import { unlinkSync } from "node:fs";
import type { BlockingChannel, Channel, Listener, SocketAddress, Sockets } from "../plugin.ts";
import { hostErrno } from "./errors.ts";
import { addressOf, pin, raw, result } from "./ffi.ts";
import type { Loop, Ready } from "./host.ts";
import { acceptRaw, connectRaw, listenRaw, NONBLOCK, peerCredentials, peerName } from "./sockets_raw.ts";

const EAGAIN = -11;
/** Bytes read at once; every socket of the process shares this memory, its content is lent to `receive`. */
const input = pin(256 << 10);
/** struct iovec[4]. */
const iov = pin(4 * 16);
const AT_ONCE = 4;
const HIGH = 0x1_0000_0000;

class LoopChannel implements Channel {
  readonly #fd: number;
  readonly #loop: Loop;
  #receive: (bytes: Uint8Array) => void = () => {};
  #drained: () => void = () => {};
  #onClosed: () => void = () => {};
  /** What could not go at once, in order. */
  #queue: Uint8Array[] = [];
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
    if (this.#queue.length > 0) {
      for (const part of parts) this.#queue.push(part.slice());
      return false;
    }
    const left = this.#write(parts);
    if (left.length === 0) return true;
    this.#queue = left.map((part) => part.slice());
    this.#interest();
    return false;
  }
  receive(on: (bytes: Uint8Array) => void): void {
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
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#queue = [];
    this.#loop.remove(this.#fd);
    raw.close(this.#fd);
    this.#onClosed();
  }

  #interest(): void {
    this.#loop.change(this.#fd, { read: !this.#paused, write: this.#queue.length > 0 });
  }
  /** Write what goes; what is left. */
  #write(parts: readonly Uint8Array[]): Uint8Array[] {
    let left = parts.filter((part) => part.length > 0);
    while (left.length > 0) {
      const n = left.length === 1
        ? result(raw.write(this.#fd, addressOf(left[0]!), left[0]!.length))
        : this.#writev(left.slice(0, AT_ONCE));
      if (n === EAGAIN) break;
      if (n < 0) {
        // The reader will see the end, too; what was to be sent has nobody to go to.
        return [];
      }
      left = after(left, n);
    }
    return left;
  }
  #writev(parts: readonly Uint8Array[]): number {
    const { words, address } = iov;
    for (const [i, part] of parts.entries()) {
      const at = addressOf(part);
      words[i * 4] = at >>> 0;
      words[i * 4 + 1] = Math.floor(at / HIGH);
      words[i * 4 + 2] = part.length;
      words[i * 4 + 3] = 0;
    }
    return result(raw.writev(this.#fd, address, parts.length));
  }
  #ready(what: Ready): boolean {
    if (what.writable) this.#flush();
    if (!what.readable && !what.error) return false;
    if (this.#paused && !what.error) return false;
    const n = result(raw.read(this.#fd, input.address, input.bytes.length));
    if (n === EAGAIN) return false;
    if (n <= 0) {
      this.close();
      return false;
    }
    this.#receive(input.bytes.subarray(0, n));
    // More to read at once only when the buffer was filled: a client that waits for its reply has sent nothing yet, and the
    // empty read would cost it a system call (one CPU: 19 against 15 us a round trip).
    return n === input.bytes.length && this.#open && !this.#paused;
  }
  #flush(): void {
    if (this.#queue.length === 0) return;
    this.#queue = this.#write(this.#queue);
    if (this.#queue.length > 0) return;
    this.#interest();
    this.#drained();
  }
}

function after(parts: readonly Uint8Array[], n: number): Uint8Array[] {
  let i = 0;
  while (i < parts.length && n >= parts[i]!.length) n -= parts[i++]!.length;
  return i === parts.length ? [] : [parts[i]!.subarray(n), ...parts.slice(i + 1)];
}

/** Connections accepted in one go. */
const ACCEPTS = 64;
/** Milliseconds to wait when descriptors have run out. */
const RETRY_MS = 100;

function listener(fd: number, address: SocketAddress, loop: Loop, accept: (channel: Channel) => void): Listener {
  let open = true;
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
  return {
    close() {
      if (!open) return;
      open = false;
      loop.remove(fd);
      raw.close(fd);
      if ("path" in address && !address.path.startsWith("\0")) {
        try {
          unlinkSync(address.path);
        } catch {
          // somebody removed it before us
        }
      }
    },
  };
}

/** Sockets whose descriptors live in `loop`. */
export function loopSockets(loop: Loop, connectBlocking: (address: SocketAddress) => BlockingChannel): Sockets {
  return {
    listen: (address, accept) => listener(listenRaw(address), address, loop, accept),
    connect(address) {
      try {
        return new LoopChannel(connectRaw(address, NONBLOCK), loop);
      } catch (e) {
        throw hostErrno(e);
      }
    },
    connectBlocking,
  };
}
