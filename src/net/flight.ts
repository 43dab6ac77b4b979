/** Descriptors on their way: a socket that is in flight only within itself is nobody's, and is let go (NetBSD: unp_gc). */
import type { Kernel } from "../kern/kernel.ts";
import type { File } from "../kern/file.ts";
import { Socket } from "./socket.ts";

/** Messages with descriptors between looks. */
const OFTEN = 64;

export class Flight {
  readonly #kernel: Kernel;
  readonly #sockets = new Set<Socket>();
  /** Since the last look. */
  #sent = 0;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
    kernel.atFork((proc) => proc.atExit.push(() => (this.#sent > 0 ? this.collect() : undefined)));
  }
  add(so: Socket): void {
    this.#sockets.add(so);
  }
  delete(so: Socket): void {
    this.#sockets.delete(so);
  }
  /** A message with descriptors went. */
  sent(): void {
    if (++this.#sent % OFTEN === 0) this.collect();
  }
  /** Let go of what no process can get any more. */
  collect(): void {
    const reached = this.#reached();
    let flying = 0;
    for (const so of this.#sockets) {
      if (!reached.has(so)) so.inbox.clear();
      for (const _ of so.inbox.files()) flying++;
    }
    this.#sent = flying;
  }
  /** Sockets processes have, and those in flight to them. */
  #reached(): ReadonlySet<Socket> {
    const reached = new Set<Socket>();
    const todo: Socket[] = [];
    const mark = (so: Socket) => {
      if (!reached.has(so)) todo.push(so);
      reached.add(so);
    };
    const markFile = (file: File) => file.ops instanceof Socket && mark(file.ops);
    for (const proc of this.#kernel.procs) for (const [, file] of proc.files) markFile(file);
    for (let so = todo.pop(); so; so = todo.pop()) {
      for (const waits of so.queue) mark(waits);
      for (const file of so.inbox.files()) markFile(file);
    }
    return reached;
  }
}
