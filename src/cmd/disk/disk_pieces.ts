/** Disks read from their start to their end, piece by piece; what is known to be zeros is not read. ^C ends it. */
import { errno } from "../../abi/errno.ts";
import type { Host } from "../../host/host.ts";
import { anyByte } from "../../lib/aligned.ts";
import type { Async, BlockDevice } from "../../plugin.ts";
import { Failure, reasonOf } from "../cli.ts";
import { Progress } from "../progress.ts";

/** Bytes at once: no format's clusters are larger than this. */
export const PIECE = 2 << 20;
/** How long it works before it looks whether it is to stop. */
const TURN_MS = 100;
export const ZEROS = new Uint8Array(PIECE);

/** Where the next piece with data may be at or after `offset` of a disk, whole pieces from the start; past the end: none is left. */
export async function nextPiece(disk: BlockDevice, offset: number): Promise<number> {
  if (offset >= disk.size) return offset;
  const found = disk.nextData?.(offset) ?? offset;
  const at = found instanceof Promise ? await found : found;
  return at >= disk.size ? disk.size : Math.max(offset, Math.floor(at / PIECE) * PIECE);
}
/** Fill `into` with what is at `offset`; behind the disk's end there are zeros. */
export async function readPiece(disk: BlockDevice, into: Uint8Array, offset: number): Promise<void> {
  const n = Math.max(0, Math.min(into.length, disk.size - offset));
  if (n > 0) {
    const done = disk.read(into.subarray(0, n), offset);
    if (done instanceof Promise) await done;
  }
  into.fill(0, n);
}
/** Any byte of a disk can be read and written. */
export const plain = (disk: BlockDevice): BlockDevice => anyByte(disk, errno.EIO);

/** A disk to be read, whose failures say what it is: of two disks either may be the bad one. Throws Failure. */
export function blamed(disk: BlockDevice, who: string): BlockDevice {
  const fail = (e: unknown): never => {
    throw new Failure(`${who}: ${reasonOf(e)}`);
  };
  const told = <T>(work: () => Async<T>): Async<T> => {
    try {
      const done = work();
      return done instanceof Promise ? done.catch(fail) : done;
    } catch (e) {
      return fail(e);
    }
  };
  return {
    name: disk.name,
    size: disk.size,
    blockSize: disk.blockSize,
    read: (into, offset) => told(() => disk.read(into, offset)),
    ...(disk.nextData ? { nextData: (offset: number) => told(() => disk.nextData!(offset)) } : {}),
    close: () => disk.close?.(),
  };
}

/** The turns of something long: shown on a terminal, ended by a signal. */
export class Turns {
  readonly progress: Progress;
  readonly #host: Host;
  #stopped = false;
  #next: number;

  constructor(host: Host, total: number) {
    this.#host = host;
    this.progress = new Progress(host, total);
    this.#next = host.now() + TURN_MS;
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) host.onSignal(signal, () => void (this.#stopped = true));
  }
  /** Let signals come in now and then. Throws Failure when one has come. */
  async turn(): Promise<void> {
    if (this.#host.now() < this.#next) return;
    await new Promise((resolve) => setTimeout(resolve, 0));
    if (this.#stopped) throw new Failure("interrupted");
    this.#next = this.#host.now() + TURN_MS;
  }
}
