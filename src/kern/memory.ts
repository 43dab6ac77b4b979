/** Memory of files that live in it (tmpfs, rumpfs): one bound for all of a kernel's file systems. */
import { errno } from "../abi/errno.ts";
import type { FileMemory } from "../plugin.ts";

export class KernelMemory implements FileMemory {
  /** Bytes there may be; what is there already stays when it is lowered. */
  limit: number;
  used = 0;

  constructor(limit: number) {
    this.limit = limit;
  }
  take(bytes: number): void {
    if (bytes > 0 && this.used + bytes > this.limit) throw errno.ENOSPC;
    this.used += bytes;
  }
  give(bytes: number): void {
    this.used -= bytes;
  }
}
