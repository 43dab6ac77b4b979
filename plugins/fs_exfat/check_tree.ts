/** The tree, twice: first all directories get their clusters, so that no file takes them; then the files. */
import { ATTR_DIRECTORY } from "../../src/wire/fat.ts";
import { Folder } from "./check_folder.ts";
import type { Claimed, State, Steps } from "./check_state.ts";
import { END, type Run } from "./clusters.ts";
import { LARGEST_DIRECTORY } from "./data.ts";
import {
  ALLOCATES,
  ENTRY,
  FILE,
  FileEntry,
  IN_USE,
  LONGEST_NAME,
  nameHash,
  setLength,
  setName,
  STREAM,
  streamAt,
  StreamEntry,
  unitAt,
  UNITS,
} from "./entries.ts";
import { upcased } from "./upcase.ts";

/** Deeper trees are not looked into: no system could name what is there. */
const MAX_DEPTH = 1024;
/** The bits of a secondary entry's type. */
const SECONDARY = 0xc0;

/** A directory that has its clusters. */
export interface Place {
  readonly runs: readonly Run[];
  readonly size: number;
  readonly path: string;
  readonly depth: number;
}
const { get, set } = StreamEntry;

/** Directories below the root: sets that are whole, names, and clusters of directories. All of them, the root first. */
export function* checkDirectories(state: State, root: Place, upper: Uint16Array): Generator<number, Place[]> {
  const places = [root];
  for (let i = 0; i < places.length; i++) {
    const folder = open(state, places[i]!);
    const names = new Set<string>();
    for (const at of sets(folder, (from) => wrongEntry(state, folder, from))) {
      checkName(state, folder, at, upper, names);
      if (FileEntry.get.attributes(folder.view, at) & ATTR_DIRECTORY) {
        const place = checkDirectory(state, folder, at);
        if (place) places.push(place);
      }
      state.files++;
    }
    folder.save();
    yield i / places.length;
  }
  return places;
}
/** Files of the directories that were accepted. */
export function* checkFiles(state: State, places: readonly Place[]): Steps {
  for (const [i, place] of places.entries()) {
    const folder = open(state, place);
    for (const at of sets(folder, () => {})) {
      if (!(FileEntry.get.attributes(folder.view, at) & ATTR_DIRECTORY)) checkFile(state, folder, at);
      claimExtra(state, folder, at);
    }
    folder.save();
    yield i / places.length;
  }
}
const open = (state: State, { runs, size, path, depth }: Place) => new Folder(state, runs, size, path, depth);

/** Where sound sets begin; `wrong` is told of every other entry that a file's should be. */
function* sets({ bytes }: Folder, wrong: (at: number) => void): Generator<number> {
  for (let at = 0; at + ENTRY <= bytes.length && bytes[at] !== 0; at += ENTRY) {
    const type = bytes[at]!;
    if (type !== FILE && (type & SECONDARY) !== SECONDARY) continue;
    const count = type === FILE ? setLength(bytes, at) : "an entry of no set";
    if (typeof count === "string") wrong(at);
    else {
      yield at;
      at += (count - 1) * ENTRY;
    }
  }
}
/** What is no file is removed: nobody can tell what it was. */
function wrongEntry(state: State, folder: Folder, at: number): void {
  const { bytes, path } = folder;
  const isFile = bytes[at] === FILE;
  const text = `${isFile ? setLength(bytes, at) : "an entry of no set"} at byte ${at}`;
  const kind = isFile ? "entry-set" : "stray-entry";
  if (!state.found({ kind, text, path: path || "/", repair: "remove it", safe: !isFile })) return;
  let count = 1;
  const most = isFile ? bytes[at + 1]! + 1 : 1;
  while (count < most && ((bytes[at + count * ENTRY] ?? 0) & SECONDARY) === SECONDARY) count++;
  folder.drop(at, count);
}
function checkName(state: State, folder: Folder, at: number, upper: Uint16Array, names: Set<string>): void {
  checkLength(state, folder, at);
  const name = setName(folder.view, at);
  const path = `${folder.path}/${name}`;
  const folded = upcased(name, upper);
  if (names.has(folded)) state.found({ kind: "duplicate-name", text: "two files have this name", path });
  names.add(folded);
  const hash = nameHash(folded);
  if (get.nameHash(folder.view, at + ENTRY) === hash) return;
  if (!state.found({ kind: "name-hash", text: "the name's hash is wrong", path, repair: "put it right", safe: true })) {
    return;
  }
  set.nameHash(folder.view, at + ENTRY, hash);
  folder.seal(at);
}
/** A name has no zeros, and ends where they begin. */
function checkLength(state: State, folder: Folder, at: number): void {
  const { view: d } = folder;
  const length = get.nameLength(d, at + ENTRY);
  let last = Math.min(LONGEST_NAME, Math.ceil(length / UNITS) * UNITS);
  // Its last entry stays one of its name.
  const least = (Math.ceil(length / UNITS) - 1) * UNITS + 1;
  while (last > least && d.getUint16(at + unitAt(last - 1), true) === 0) last--;
  const zeros = Array.from({ length: last }, (_, i) => at + unitAt(i)).filter((unit) => d.getUint16(unit, true) === 0);
  if (last === length && zeros.length === 0) return;
  const text = `a name of ${length} characters has ${last}, ${zeros.length} of them zeros`;
  const path = `${folder.path}/${setName(d, at)}`;
  if (!state.found({ kind: "name-length", text, path, repair: "put it right, with _ for zeros" })) return;
  for (const unit of zeros) d.setUint16(unit, 0x5f, true);
  set.nameLength(d, at + ENTRY, last);
  folder.seal(at);
}
/** Take a directory's clusters; undefined: it is none, or was removed. */
function checkDirectory(state: State, folder: Folder, at: number): Place | undefined {
  const { view: d } = folder;
  const path = `${folder.path}/${setName(d, at)}`;
  const stream = streamAt(d, at + ENTRY);
  if (folder.depth >= MAX_DEPTH || stream.size > LARGEST_DIRECTORY) {
    state.found({ kind: "too-large", text: "too deep or too large: not checked", path, block: stream.first });
    return undefined;
  }
  const claimed = state.claim(stream);
  if (claimed.count === 0) {
    const text = `a directory without a cluster of its own: ${claimed.why ?? "it is empty"}`;
    if (state.found({ kind: "directory-start", text, path, block: stream.first, repair: "remove it" })) {
      folder.drop(at, d.getUint8(at + 1) + 1);
    }
    return undefined;
  }
  checkStream(state, folder, at, claimed, path);
  const size = claimed.count * state.layout.clusterSize;
  if (get.size(d, at + ENTRY) !== size || get.valid(d, at + ENTRY) !== size) {
    const text = `a directory of ${get.size(d, at + ENTRY)} bytes in ${claimed.count} clusters`;
    if (state.found({ kind: "directory-size", text, path, repair: "put its size right", safe: true })) {
      set.size(d, at + ENTRY, size);
      set.valid(d, at + ENTRY, size);
      folder.seal(at);
    }
  }
  return { runs: claimed.runs, size, path, depth: folder.depth + 1 };
}
function checkFile(state: State, folder: Folder, at: number): void {
  const { view: d } = folder;
  const path = `${folder.path}/${setName(d, at)}`;
  const stream = streamAt(d, at + ENTRY);
  if (stream.size === 0 && (stream.first !== 0 || stream.isContiguous)) {
    const text = `an empty file that begins at cluster ${stream.first}`;
    if (state.found({ kind: "empty-start", text, path, repair: "take it off", safe: true })) place(folder, at, 0);
  } else checkStream(state, folder, at, state.claim(stream), path);
  if (get.valid(d, at + ENTRY) <= get.size(d, at + ENTRY)) return;
  const text = "more bytes are said to be written than there are";
  if (state.found({ kind: "valid-size", text, path, repair: "put it right", safe: true })) {
    set.valid(d, at + ENTRY, get.size(d, at + ENTRY));
    folder.seal(at);
  }
}
/** A stream has all its clusters, and its chain ends with them. */
function checkStream(state: State, folder: Folder, at: number, claimed: Claimed, path: string): void {
  const { view: d } = folder;
  const { first, isContiguous } = streamAt(d, at + ENTRY);
  const last = claimed.runs.at(-1);
  const end = last ? last.first + last.count - 1 : 0;
  if (claimed.why === undefined) {
    if (isContiguous || end === 0 || state.next(end) === END) return;
    const finding = { kind: "chain-too-long", text: "its chain goes on behind its end", path, block: first };
    if (state.found({ ...finding, repair: "end it there", safe: true })) state.link(end, END);
    return;
  }
  const size = claimed.count * state.layout.clusterSize;
  const text = `its clusters: after ${claimed.count} the chain ${claimed.why}`;
  if (!state.found({ kind: "chain", text, path, block: first, repair: `cut it to ${size} bytes` })) return;
  set.size(d, at + ENTRY, size);
  set.valid(d, at + ENTRY, Math.min(size, get.valid(d, at + ENTRY)));
  if (end === 0) place(folder, at, 0);
  else if (!isContiguous) state.link(end, END);
  folder.seal(at);
}
function place(folder: Folder, at: number, first: number): void {
  set.first(folder.view, at + ENTRY, first);
  set.flags(folder.view, at + ENTRY, ALLOCATES);
  folder.seal(at);
}
/** Clusters of the entries of others behind the name. */
function claimExtra(state: State, folder: Folder, at: number): void {
  const { view: d, bytes } = folder;
  const end = at + (bytes[at + 1]! + 1) * ENTRY;
  for (let e = at + (2 + Math.ceil(get.nameLength(d, at + ENTRY) / UNITS)) * ENTRY; e < end; e += ENTRY) {
    if (bytes[e]! & IN_USE && bytes[e] !== STREAM && bytes[e + 1]! & ALLOCATES) state.claim(streamAt(d, e));
  }
}
