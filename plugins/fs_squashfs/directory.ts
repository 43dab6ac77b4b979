/** A directory's entries: headers, each with up to 256 entries whose inodes are in one block. */
import { type Async, then } from "../../src/lib/async.ts";
import { viewOf } from "../../src/lib/struct.ts";
import { decodeName } from "../../src/lib/text.ts";
import { type Entries, type Node, nodeOf, type Reading, types } from "./inode.ts";
import { DirEntry, DirHeader } from "./layout.ts";

/** Bytes of entries a directory may have: half a million names. */
const LARGEST = 16 << 20;
const MOST_ENTRIES = 256;

export function readEntries(r: Reading, { at, size }: Entries): Async<Map<string, Node>> {
  if (size === 0) return new Map();
  if (size > LARGEST) throw r.eio;
  return then(r.blocks.read(r.s.directoryTable, at, size), ({ bytes }) => parseEntries(bytes, r.eio));
}
/** Throws `eio` where something does not fit. */
function parseEntries(bytes: Uint8Array, eio: Error): Map<string, Node> {
  const d = viewOf(bytes);
  const map = new Map<string, Node>();
  for (let at = 0; at < bytes.length;) {
    if (at + DirHeader.size > bytes.length) throw eio;
    const count = DirHeader.get.count(d, at) + 1;
    const block = DirHeader.get.block(d, at);
    if (count > MOST_ENTRIES) throw eio;
    at += DirHeader.size;
    for (let i = 0; i < count; i++) {
      if (at + DirEntry.size > bytes.length) throw eio;
      const nameAt = at + DirEntry.size;
      const end = nameAt + DirEntry.get.length(d, at) + 1;
      const type = types[DirEntry.get.type(d, at)];
      const node = type && nodeOf({ block, offset: DirEntry.get.offset(d, at) }, type);
      if (!node || end > bytes.length) throw eio;
      const name = decodeName(bytes.subarray(nameAt, end));
      if (isName(name) && !map.has(name)) map.set(name, node);
      at = end;
    }
  }
  return map;
}
const isName = (name: string) => name !== "." && name !== ".." && name.length <= 255 && !/[/\0]/.test(name);
