/** The copies of the FAT: are they alike, and if not, which is to be believed. */
import type { State, Steps } from "./check_state.ts";
import { Bits, FREE, Table, WILD } from "./check_table.ts";

const PIECE = 1 << 20;

/** Compare the copies, choose one, make the others like it; count what is in use. */
export function* checkFats(state: State): Steps {
  const { g } = state;
  const differing: { copy: number; sectors: number; first: number }[] = [];
  for (let copy = 0; g.mirrored && copy < g.fats; copy++) {
    if (copy === g.activeFat) continue;
    const difference = yield* compare(state, copy);
    if (difference) differing.push(difference);
  }
  if (differing.length > 0) {
    const best = yield* choose(state, [g.activeFat, ...differing.map((d) => d.copy)]);
    state.table = new Table(g, state.device, state.errno, best);
    for (const d of differing) yield* adopt(state, best, d);
  }
  yield* count(state);
  checkFirst(state);
}
/** Bytes of a FAT that mean something. */
const length = ({ g }: State) => Math.min(g.fatSize, Math.ceil(((g.clusters + 2) * g.bits) / 8));
const start = ({ g }: State, copy: number) => g.fatStart + copy * g.fatSize;

function* compare(state: State, copy: number): Steps<{ copy: number; sectors: number; first: number } | undefined> {
  const { activeFat, sectorSize } = state.g;
  let [sectors, first] = [0, -1];
  const all = length(state);
  const [a, b] = [new Uint32Array(PIECE / 4), new Uint32Array(PIECE / 4)];
  for (let at = 0; at < all; at += PIECE) {
    yield at / all / 2;
    const n = Math.min(PIECE, all - at);
    fill(state, a, start(state, activeFat) + at, n);
    fill(state, b, start(state, copy) + at, n);
    for (let i = 0; i < n / 4; i += sectorSize / 4) {
      if (same(a, b, i, i + sectorSize / 4)) continue;
      sectors++;
      if (first < 0) first = at + i * 4;
    }
  }
  return first < 0 ? undefined : { copy, sectors, first };
}
/** The first `n` bytes come from the disk, the rest is 0. */
function fill(state: State, words: Uint32Array, at: number, n: number): void {
  if (n < PIECE) words.fill(0);
  state.readInto(new Uint8Array(words.buffer, 0, n), at);
}
function same(a: Uint32Array, b: Uint32Array, from: number, to: number): boolean {
  for (let i = from; i < to; i++) if (a[i] !== b[i]) return false;
  return true;
}
/** The copy with the least nonsense in it; of equals the first. */
function* choose(state: State, copies: readonly number[]): Steps<number> {
  let [best, least] = [copies[0]!, Infinity];
  for (const copy of copies) {
    const nonsense = yield* judge(state, new Table(state.g, state.device, state.errno, copy));
    if (nonsense < least) [best, least] = [copy, nonsense];
  }
  return best;
}
/** Entries that cannot be: out of range, free where somebody goes on, two that lead to one cluster. */
function* judge(state: State, table: Table): Steps<number> {
  const { clusters, media, bits } = state.g;
  const pointed = new Bits(clusters + 2);
  const ones = bits === 12 ? 0xf00 : bits === 16 ? 0xff00 : 0x0fffff00;
  let nonsense = table.get(0) === (ones | media) ? 0 : 2;
  for (let c = 2; c <= clusters + 1; c++) {
    if (c % 65536 === 0) yield 0.5 + c / clusters / 4;
    const next = table.next(c);
    if (next === WILD) nonsense++;
    if (next < 2) continue;
    if (pointed.has(next) || next === c || table.next(next) === FREE) nonsense++;
    pointed.add(next);
  }
  return nonsense;
}
function* adopt(state: State, best: number, d: { copy: number; sectors: number; first: number }): Steps {
  const copy = d.copy === best ? state.g.activeFat : d.copy;
  const finding = {
    kind: "fats-differ",
    text: `FAT ${d.copy + 1} differs from FAT ${state.g.activeFat + 1} in ${d.sectors} sectors`,
    block: Math.floor((d.first * 8) / state.g.bits),
    repair: `copy FAT ${best + 1} to FAT ${copy + 1}`,
    safe: true,
  };
  if (!state.found(finding)) return;
  const all = state.g.fatSize;
  for (let at = 0; at < all; at += PIECE) {
    yield at / all;
    state.write(state.read(start(state, best) + at, Math.min(PIECE, all - at)), start(state, copy) + at);
  }
}
function* count(state: State): Steps {
  for (const part of state.table.count()) yield part;
}
/** The entry of no cluster: the media byte, and ones. */
function checkFirst(state: State): void {
  const { table, g } = state;
  const ones = g.bits === 12 ? 0xf00 : g.bits === 16 ? 0xff00 : 0x0fffff00;
  if (table.get(0) === (ones | g.media)) return;
  const text = `entry 0 of the FAT is ${hex(table.get(0))}, not ${hex(ones | g.media)}`;
  if (state.found({ kind: "fat-start", text, block: 0, repair: "mend it", safe: true })) table.set(0, ones | g.media);
}
const hex = (n: number) => n.toString(16);
