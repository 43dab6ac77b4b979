/**
 * Files whose sound chains lead into another file's sound chain. One of the two is wrong, and nothing on the volume tells
 * which: names, sizes and dates fit both. So each gets clusters of its own, with what is in the common ones now.
 */
import { Folder, type Place } from "./check_folder.ts";
import type { State } from "./check_state.ts";

/** Bytes copied on one volume at most: entries without end could want the same clusters. */
const MOST_BYTES = 2 ** 30;
/** Files that wait for their copies at most. */
const MOST_FILES = 4096;

/** A file, its last cluster that is its own (0: none), and the others' it wants a copy of. */
export interface Copy {
  readonly place: Place;
  readonly slot: number;
  readonly last: number;
  readonly from: number;
  readonly count: number;
  /** Bytes it has without the copy. */
  readonly holds: number;
}
/** Whether a file's chain would be whole with the other's clusters, and there is no reason to refuse it a copy. */
export function mayCopy(state: State, from: number, count: number): boolean {
  const wanted = state.copies.reduce((sum, c) => sum + c.count, count) * state.g.clusterSize;
  return wanted <= MOST_BYTES && state.copies.length < MOST_FILES && state.fits(from, count, "any");
}
/** Every file has what is its own, and what is free is known: make the copies. Those there is no room for cut the file. */
export function makeCopies(state: State): void {
  for (const copy of state.copies.splice(0)) {
    const folder = new Folder(state, copy.place);
    const first = duplicate(state, copy);
    if (first === undefined) folder.setSize(copy.slot, copy.holds);
    if (copy.last === 0) folder.setStart(copy.slot, first ?? 0);
    else if (first !== undefined) state.table.set(copy.last, first);
    folder.save();
  }
}
/** A chain with the same content; undefined: there is no room, or it cannot be read. */
function duplicate(state: State, { from, count }: Copy): number | undefined {
  const made: number[] = [];
  let at = from;
  for (let i = 0; i < count; i++, at = state.table.next(at)) {
    const cluster = state.table.allocate();
    if (cluster === undefined || !copied(state, at, cluster)) {
      for (const c of cluster === undefined ? made : [...made, cluster]) state.table.set(c, 0);
      return undefined;
    }
    if (i > 0) state.table.set(made[i - 1]!, cluster);
    made.push(cluster);
  }
  for (const c of made) state.owned.add(c);
  return made[0];
}
function copied(state: State, from: number, to: number): boolean {
  try {
    state.write(state.read(state.position(from), state.g.clusterSize), state.position(to));
    return true;
  } catch (e) {
    if (e === state.errno.EIO) return false;
    throw e;
  }
}
