/** Files as memory of several processes (mmap(2)), and being told when one of them pokes such a file. */
import process from "node:process";
import { errno } from "../abi/errno.ts";
import { type Bell, bellOf } from "./bell.ts";
import type { OpenSharedFile, SharedFile, Watcher } from "../plugin.ts";
import { hostErrno } from "./errors.ts";
import { mapped, raw, result } from "./ffi.ts";
import type { Host, HostFile, Loop } from "./host.ts";
import { type FileEvents, LoopFileEvents } from "./inotify.ts";
import { late } from "./late.ts";

const READ_WRITE = 1 | 2;
const MAP_SHARED = 1;
const SEEK_END = 2;
const MODE = 0o644;
const ESRCH = -3;
const POLL_MS = 10;
/** Looks before others get their turn in the runtime's loop. */
const FAIR = 64;

/** How a watcher is asked: by the loop of our own, or by the runtime's. */
interface Asking {
  readonly events: FileEvents;
  awake(watcher: Watcher): void;
  unwatch(watcher: Watcher): void;
  /** A bell of its own, for those who wait in a loop of ours. */
  bell?(rung: () => void): Bell | undefined;
}

/** A sound file to map, of the size wanted. Throws errno, HostError. */
function sized(file: HostFile, size: number): HostFile {
  try {
    if (file.type !== "file" || (file.size !== 0 && file.size !== size)) throw errno.EFTYPE;
    if (file.size === 0) file.truncate(size);
    reserve(file.fd, size);
    return file;
  } catch (e) {
    file.close();
    throw e;
  }
}
const ENOSPC = -28;
/** Every page gets its room now: who touches one that the disk has none for ends by SIGBUS. Where that cannot be had it is left. */
function reserve(fd: number, size: number): void {
  if (result(raw.fallocate(fd, 0, 0, size)) === ENOSPC) throw errno.ENOSPC;
}
function memoryOf(file: HostFile, size: number): { readonly address: number; readonly buffer: ArrayBuffer } {
  const address = Number(raw.mmap(0, size, READ_WRITE, MAP_SHARED, file.fd, 0));
  if (address > 0) return { address, buffer: mapped(address, size) };
  file.close();
  throw errno.ENOMEM;
}
/**
 * A file that was cut is made as long as it was, with zeros. XXX: who touches its memory before we are told of the cut ends by
 * SIGBUS: only anonymous files can be sealed against it, and a signal handler cannot be written here.
 */
function mend(fd: number, size: number): void {
  if (Number(raw.lseek(fd, 0, SEEK_END)) < size) raw.ftruncate(fd, size);
}
function map(file: HostFile, size: number, path: string, asking: Asking): SharedFile {
  const { address, buffer } = memoryOf(file, size);
  const word = new Uint8Array(4);
  let watcher: Watcher = { look: () => false, rest: () => false };
  let stop: (() => void) | undefined;
  let bell: Bell | undefined;
  return {
    bytes: new Uint8Array(buffer),
    view: new DataView(buffer),
    words: new Int32Array(buffer),
    pid: process.pid,
    alive: (pid) => pid > 0 && result(raw.kill(pid, 0)) !== ESRCH,
    poke(offset, value) {
      new DataView(word.buffer).setUint32(0, value, true);
      file.pwrite(word, offset);
    },
    get bell() {
      bell ??= asking.bell?.(() => asking.awake(watcher));
      return bell?.number;
    },
    ring: (low, high) => bell?.ring(low, high) ?? false,
    watch(one) {
      watcher = one;
      stop ??= asking.events.watch({ fd: file.fd, path }, () => {
        mend(file.fd, size);
        asking.awake(watcher);
      });
    },
    awake: () => asking.awake(watcher),
    close() {
      stop?.();
      bell?.close();
      asking.unwatch(watcher);
      raw.munmap(address, size);
      file.close();
    },
  };
}
const opener = (open: Host["open"], asking: Asking): OpenSharedFile => (path, size) => {
  try {
    return map(sized(open(path, { write: true, create: true, mode: MODE }), size), size, path, asking);
  } catch (e) {
    throw hostErrno(e);
  }
};

/** Shared files whose watchers are asked by a loop of ours. */
export function loopSharedFiles(
  open: Host["open"],
  loop: Loop,
  random: (into: Uint8Array) => void,
): OpenSharedFile {
  return opener(open, {
    events: new LoopFileEvents(loop),
    awake: (watcher) => loop.watch(watcher),
    unwatch: (watcher) => loop.unwatch(watcher),
    bell: (rung) => bellOf(loop, random, rung),
  });
}

/** node:fs tells of changes, or a timer where it cannot. */
const nodeEvents: FileEvents = {
  watch({ path }, changed) {
    try {
      const watcher = late("fs").watch(path, { persistent: false }, () => changed());
      watcher.on("error", () => {});
      return () => watcher.close();
    } catch {
      const timer = setInterval(changed, POLL_MS);
      timer.unref();
      return () => clearInterval(timer);
    }
  },
};
/** Asks one watcher in the runtime's loop. */
class EventAsking {
  readonly #watcher: Watcher;
  #soon: ReturnType<typeof setImmediate> | undefined;
  #later: ReturnType<typeof setTimeout> | undefined;
  /** Looks without news. */
  #idle = 0;

  constructor(watcher: Watcher) {
    this.#watcher = watcher;
  }
  awake(): void {
    this.#idle = 0;
    clearTimeout(this.#later);
    this.#soon ??= setImmediate(() => this.#turn());
  }
  stop(): void {
    clearTimeout(this.#later);
    clearImmediate(this.#soon);
  }
  #turn(): void {
    this.#soon = undefined;
    let more = true;
    for (let i = 0; i < FAIR && more; i++) {
      more = this.#watcher.look();
      if (more) this.#idle = 0;
    }
    if (more || this.#watcher.rest()) return this.awake();
    // What a system tells of changes may come tens of milliseconds late (Bun): where something happened, more is to come.
    if (this.#soon || this.#idle++ >= LOOKS) return;
    this.#later = setTimeout(() => this.#turn(), 1);
    this.#later.unref();
  }
}
const LOOKS = 50;
/** Shared files whose watchers are asked by the runtime's loop. */
export function eventSharedFiles(open: Host["open"]): OpenSharedFile {
  const asked = new Map<Watcher, EventAsking>();
  return opener(open, {
    events: nodeEvents,
    awake(watcher) {
      let asking = asked.get(watcher);
      if (!asking) asked.set(watcher, asking = new EventAsking(watcher));
      asking.awake();
    },
    unwatch(watcher) {
      asked.get(watcher)?.stop();
      asked.delete(watcher);
    },
  });
}
