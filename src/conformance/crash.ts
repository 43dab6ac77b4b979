/** Crash tests: what is done to a disk is recorded, and the disks come of it that a crash at any moment may leave. */
import { then } from "../lib/async.ts";
import { overlayDisk } from "../lib/overlay_disk.ts";
import type { BlockDevice } from "../plugin.ts";

/** One thing done to a disk: a write that has ended, or a flush after which everything before it is on the medium. */
export type Step = { readonly at: number; readonly data: Uint8Array } | "flush";
/** A whole number from 0 to `n` - 1. */
export type Random = (n: number) => number;
/** What is written at once, or not at all. */
const SECTOR = 512;

/** The same disk, as sync as it is; every write and flush is added to `steps` when it has ended. */
export function recorded(device: BlockDevice, steps: Step[]): BlockDevice {
  return {
    name: device.name,
    blockSize: device.blockSize,
    size: device.size,
    read: (into, offset) => device.read(into, offset),
    write(from, offset) {
      const data = from.slice(); // lent
      return then(device.write!(from, offset), () => void steps.push({ at: offset, data }));
    },
    // What is discarded may stay.
    flush: () => then(device.flush?.(), () => void steps.push("flush")),
  };
}
/**
 * The writes that are on the medium when a crash comes after `n` steps: all of them (the process was killed); with `random`,
 * as the power fails: those before the last flush, and of the others any sectors.
 */
export function* survivors(
  steps: readonly Step[],
  n: number,
  random?: Random,
): Generator<readonly [number, Uint8Array]> {
  const flushed = random ? steps.lastIndexOf("flush", n - 1) + 1 : n;
  const likely = random ? random(11) : 0;
  for (const [i, step] of steps.slice(0, n).entries()) {
    if (step === "flush") continue;
    if (i < flushed) yield [step.at, step.data];
    else {
      for (let at = 0; at < step.data.length; at += SECTOR) {
        if (random!(10) < likely) yield [step.at + at, step.data.subarray(at, at + SECTOR)];
      }
    }
  }
}
/** The disk after such a crash, over what it was before, which is only read. */
export async function crashedDisk(
  before: BlockDevice,
  steps: readonly Step[],
  n: number,
  random?: Random,
): Promise<BlockDevice> {
  const disk = overlayDisk(before);
  for (const [at, bytes] of survivors(steps, n, random)) await disk.write!(bytes, at);
  return disk;
}
