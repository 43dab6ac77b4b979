/** Who wants to know of a file that was written to, inotify(7) in the loop; one descriptor a process, as a user has only 128. */
import { cstring, pin, raw, result } from "./ffi.ts";
import type { Loop, Pinned } from "./host.ts";

const NONBLOCK_CLOEXEC = 0o2004000;
const IN_MODIFY = 2;
/** struct inotify_event: s32 watch, u32 mask, cookie, length of a name that follows. */
const EVENT = 16;
const ROOM = 4096;
/** Milliseconds between looks where there is no descriptor or watch to be had; NetBSD's shmif looks as often. */
const POLL_MS = 10;

/** Tells of files that were written to. */
export interface FileEvents {
  /** Call `changed` after writes to an open file of this process, also by itself; the result ends that. */
  watch(file: { readonly fd: number; readonly path: string }, changed: () => void): () => void;
}

/** See the head of this file. */
export class LoopFileEvents implements FileEvents {
  readonly #loop: Loop;
  readonly #listeners = new Map<number, Set<() => void>>();
  #fd = -1;
  #memory: Pinned | undefined;

  constructor(loop: Loop) {
    this.#loop = loop;
  }
  watch({ fd }: { readonly fd: number }, changed: () => void): () => void {
    this.#open();
    // The link leads to the very file, whatever its name is by now.
    const id = this.#fd < 0 ? -1 : raw.inotify_add_watch(this.#fd, cstring(`/proc/self/fd/${fd}`), IN_MODIFY);
    if (id < 0) return this.#poll(changed);
    const listeners = this.#listeners.get(id) ?? new Set();
    this.#listeners.set(id, listeners.add(changed));
    return () => {
      listeners.delete(changed);
      if (listeners.size > 0 || !this.#listeners.delete(id)) return;
      raw.inotify_rm_watch(this.#fd, id);
    };
  }
  #open(): void {
    if (this.#fd >= 0) return;
    this.#fd = raw.inotify_init1(NONBLOCK_CLOEXEC);
    if (this.#fd < 0) return;
    this.#memory = pin(ROOM);
    this.#loop.add(this.#fd, { read: true, write: false }, () => this.#ready());
  }
  #ready(): boolean {
    const { view, address } = this.#memory!;
    const n = result(raw.read(this.#fd, address, ROOM));
    for (let at = 0; at + EVENT <= n; at += EVENT + view.getUint32(at + 12, true)) this.#tell(view.getInt32(at, true));
    return n > ROOM / 2;
  }
  /** -1: events were lost, so it may be any. */
  #tell(id: number): void {
    for (const [watch, listeners] of this.#listeners) {
      if (watch === id || id < 0) { for (const fn of listeners) fn(); }
    }
  }
  #poll(changed: () => void): () => void {
    let cancel = () => {};
    const again = () => {
      changed();
      cancel = this.#loop.timer(POLL_MS, again);
    };
    cancel = this.#loop.timer(POLL_MS, again);
    return () => cancel();
  }
}
