/** One disk's bytes to another: what is zeros, or what the new one shows already, is not written. */
import type { Host } from "../../host/host.ts";
import type { BlockDevice } from "../../plugin.ts";
import { nextPiece, PIECE, plain, readPiece, Turns, ZEROS } from "./disk_pieces.ts";

/** Least bytes worth a hole: of a file system's blocks, as qemu-img has it. */
const LEAST = 4096;

export interface Copy {
  readonly from: BlockDevice;
  /** At least as long. */
  readonly to: BlockDevice;
  /** What `to` shows where nothing is written: another disk, zeros (undefined), or nobody knows. */
  readonly shows: BlockDevice | "anything" | undefined;
}
/** Copy all of it. Throws Failure when it is interrupted, and what the disks throw. */
export async function copyDisk(host: Host, { from: source, to: target, shows }: Copy): Promise<void> {
  const [from, to] = [plain(source), plain(target)];
  const below = typeof shows === "object" ? plain(shows) : undefined;
  const unit = Math.min(PIECE, Math.max(LEAST, target.unit ?? LEAST));
  const turns = new Turns(host, from.size);
  const [bytes, old] = [new Uint8Array(PIECE), below ? new Uint8Array(PIECE) : ZEROS];
  const must = shows === "anything";
  try {
    for (let at = 0; at < from.size;) {
      const other = below && at < below.size ? await nextPiece(below, at) : Infinity;
      const next = must ? at : Math.min(await nextPiece(from, at), other);
      if (next > at) {
        turns.progress.add(Math.min(next, from.size) - at, 0);
        at = next;
        continue;
      }
      const piece = bytes.subarray(0, Math.min(PIECE, from.size - at));
      await readPiece(from, piece, at);
      if (below) await readPiece(below, old.subarray(0, piece.length), at);
      const same = (a: number, b: number) => host.same(piece.subarray(a, b), old.subarray(a, b));
      await writeRuns(to, piece, at, unit, must ? () => false : same);
      at += piece.length;
      turns.progress.add(piece.length);
      await turns.turn();
    }
  } finally {
    turns.progress.end();
  }
}
/** Write the runs of units that are not what is there. */
async function writeRuns(
  to: BlockDevice,
  piece: Uint8Array,
  offset: number,
  unit: number,
  same: (from: number, to: number) => boolean,
): Promise<void> {
  for (let start = 0; start < piece.length;) {
    if (same(start, Math.min(start + unit, piece.length))) {
      start += unit;
      continue;
    }
    let end = start + unit;
    while (end < piece.length && !same(end, Math.min(end + unit, piece.length))) end += unit;
    const done = to.write!(piece.subarray(start, Math.min(end, piece.length)), offset + start);
    if (done instanceof Promise) await done;
    start = end + unit;
  }
}
