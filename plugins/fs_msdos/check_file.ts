/** One file: its chain is its own, sound, and as long as its size wants. */
import { mayCopy } from "./check_copies.ts";
import { type Folder, pathOf } from "./check_folder.ts";
import { type Followed, type State, whyOf } from "./check_state.ts";
import { SLOT } from "./dir.ts";
import { showShort } from "./short_names.ts";

/** Give a file its clusters if its chain is free, ends, and is as long as the size wants. */
export function claimSound(state: State, folder: Folder, slot: number): void {
  const [start, size] = [folder.start(slot), folder.size(slot)];
  const need = Math.ceil(size / state.g.clusterSize);
  if (need === 0 || !state.fits(start, need)) return;
  state.claim(start, need);
  state.sound.add(start);
}
/** Check a file's size and chain; what is changed in its slot the caller saves. */
export function checkFile(state: State, folder: Folder, slot: number): void {
  const [start, size] = [folder.start(slot), folder.size(slot)];
  if (start === 0 && size === 0) return;
  const { clusterSize } = state.g;
  const path = pathOf(folder.place, showShort(folder.short(slot), folder.bytes[slot * SLOT + 12]!, state.page));
  const need = Math.ceil(size / clusterSize);
  const chain: Followed = start === 0 ? { length: 0, last: 0, stop: "end", at: 0 } : state.claim(start, need);
  if (chain.length < need) return tooShort(state, folder, slot, { chain, path });
  if (chain.stop === "end") return;
  if (chain.stop === "enough") return tooLong(state, folder, slot, { chain, path });
  // As long as it should be, but its last entry does not say so.
  if (need === 0) return unstarted(state, folder, slot, { chain, path });
  const text = `its chain ${whyOf(chain.stop)} behind its end`;
  if (state.found({ kind: "chain-end", text, path, block: chain.last, repair: "end it", safe: true })) {
    state.table.end(chain.last);
  }
}
interface Found {
  readonly chain: Followed;
  readonly path: string;
}
/** Fewer clusters than bytes. */
function tooShort(state: State, folder: Folder, slot: number, { chain, path }: Found): void {
  const size = folder.size(slot);
  const holds = chain.length * state.g.clusterSize;
  const why = chain.stop === "end" ? "ends" : whyOf(chain.stop);
  const more = Math.ceil(size / state.g.clusterSize) - chain.length;
  const twice = chain.stop === "taken" && mayCopy(state, chain.at, more);
  const finding = {
    kind: chain.stop === "taken" ? "crossed-chain" : chain.stop === "end" ? "size" : "chain",
    text: `has a size of ${size}, but its chain ${why} after ${chain.length} clusters (${holds} bytes)`,
    path,
    block: chain.at,
    repair: twice ? "give it a copy of them" : `cut it to ${holds} bytes`,
  };
  if (!state.found(finding)) return;
  if (twice) {
    const last = chain.length === 0 ? 0 : chain.last;
    return void state.copies.push({ place: folder.place, slot, last, from: chain.at, count: more, holds });
  }
  folder.setSize(slot, holds);
  if (chain.length === 0) folder.setStart(slot, 0);
  else if (chain.stop !== "end") state.table.end(chain.last);
}
/** More clusters than bytes: what a crash leaves of room taken in advance. */
function tooLong(state: State, folder: Folder, slot: number, { chain, path }: Found): void {
  const finding = {
    kind: "chain-too-long",
    text: `its chain goes on behind its end (${folder.size(slot)} bytes)`,
    path,
    block: chain.at,
    repair: "free what is behind it",
    safe: true,
  };
  const mend = state.found(finding);
  // Clusters behind the end are looked at when every file has what is its own.
  if (state.surplus.length < MAX_SURPLUS) state.surplus.push({ start: chain.at, free: mend });
  if (!mend) return;
  if (chain.length === 0) folder.setStart(slot, 0);
  else state.table.end(chain.last);
}
const MAX_SURPLUS = 1 << 20;
/** No bytes, and a first cluster that is nothing. */
function unstarted(state: State, folder: Folder, slot: number, { chain, path }: Found): void {
  const text = `is empty, but starts at cluster ${chain.at}, which ${whyOf(chain.stop).replace(/^runs into/, "is")}`;
  if (state.found({ kind: "start", text, path, block: chain.at, repair: "let it start nowhere", safe: true })) {
    folder.setStart(slot, 0);
  }
}

/** Every file has what is its own: free the rest of chains that were cut, as far as nobody owns it. */
export function freeSurplus(state: State): void {
  for (const { start, free } of state.surplus.splice(0)) {
    const { length } = state.claim(start, Infinity);
    if (!free) continue;
    for (const cluster of state.clusters(start, length)) {
      state.table.set(cluster, 0);
      state.owned.delete(cluster);
    }
  }
}
