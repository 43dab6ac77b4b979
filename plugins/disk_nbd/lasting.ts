/**
 * A disk of a server that may be gone for a while: connected again, and what was written and not flushed written again, so
 * that what a server forgets when it ends is not lost.
 */
import type { BlockDevice, Sys } from "../../src/plugin.ts";
import type { NbdDisk } from "./disk.ts";

/** Bytes not flushed that are kept; more are flushed by ourselves. */
const KEPT = 16 << 20;
/** Milliseconds between attempts. */
const PAUSE_MS = 250;

interface How {
  readonly name: string;
  readonly readOnly: boolean;
  /** How long to try again. */
  readonly seconds: number;
}
export class Lasting {
  readonly #sys: Sys;
  readonly #connect: () => NbdDisk;
  readonly #how: How;
  #disk: NbdDisk;
  #device: BlockDevice;
  /** Not flushed, in order. */
  #kept: { readonly at: number; readonly bytes: Uint8Array }[] = [];
  #size = 0;

  /** Throws what the first connection does. */
  constructor(sys: Sys, connect: () => NbdDisk, how: How) {
    [this.#sys, this.#connect, this.#how] = [sys, connect, how];
    this.#disk = connect();
    this.#device = this.#disk.device(how.name, how.readOnly);
  }
  device(): BlockDevice {
    const { name, size, blockSize, write, discard } = this.#device;
    return {
      name,
      size,
      blockSize,
      read: (into, offset) => this.#work((d) => void d.read(into, offset)),
      ...write && { write: (from: Uint8Array, offset: number) => this.#write(from, offset) },
      ...discard && {
        discard: (offset: number, length: number) => this.#work((d) => void d.discard!(offset, length)),
      },
      flush: () => this.#flush(),
      close: () => this.#device.close?.(),
    };
  }
  async #write(from: Uint8Array, offset: number): Promise<void> {
    await this.#work((d) => void d.write!(from, offset));
    this.#kept.push({ at: offset, bytes: from.slice() });
    this.#size += from.length;
    if (this.#size > KEPT) await this.#flush();
  }
  async #flush(): Promise<void> {
    await this.#work((d) => void d.flush?.());
    [this.#kept, this.#size] = [[], 0];
  }
  /** Do it, on as many connections as it takes, as long as there is time. */
  async #work(what: (d: BlockDevice) => void): Promise<void> {
    const { seconds, name } = this.#how;
    const { errno, now, log, callout } = this.#sys;
    const until = now() + seconds * 1000;
    for (;;) {
      try {
        if (this.#disk.broken) this.#again();
        return what(this.#device);
      } catch (e) {
        if (!this.#disk.broken) throw e;
        if (e === errno.ENXIO || now() > until) {
          log(`nbd: ${name}: the server is gone, and did not come back within ${seconds} s`);
          throw errno.EIO;
        }
        await new Promise<void>((resolve) => void callout(PAUSE_MS, resolve));
      }
    }
  }
  #again(): void {
    const was = this.#device;
    void was.close?.(); // a server may wait for us to go
    const disk = this.#connect();
    const device = disk.device(this.#how.name, this.#how.readOnly);
    try {
      if (device.size !== was.size || !device.write !== !was.write) throw this.#sys.errno.ENXIO; // another disk
      for (const { at, bytes } of this.#kept) void device.write!(bytes, at);
    } catch (e) {
      void device.close?.();
      throw e;
    }
    [this.#disk, this.#device] = [disk, device];
  }
}
