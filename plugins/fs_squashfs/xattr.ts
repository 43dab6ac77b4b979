/** Extended attributes: lists shared by files, each a run of names and values. */
import { type Async, then, times } from "../../src/lib/async.ts";
import { viewOf } from "../../src/lib/struct.ts";
import { decodeName } from "../../src/lib/text.ts";
import type { Reading } from "./inode.ts";
import { NONE, XattrEntry, XattrHeader, XattrId } from "./layout.ts";
import { type Place, placeOf } from "./metadata.ts";
import { pointedTo } from "./tables.ts";

const prefixes: readonly string[] = ["user.", "trusted.", "security."];
/** The value is elsewhere: a place stands for it. */
const ELSEWHERE = 0x100;
/** Bytes of all attributes of a file, and of a value (Linux: XATTR_SIZE_MAX). */
const LARGEST_LIST = 1 << 20;
const LARGEST_VALUE = 64 << 10;

interface Disk {
  read(into: Uint8Array, offset: number): Async<void>;
}
type Values = ReadonlyMap<string, Uint8Array>;
const none: Values = new Map();

/** The attributes of number `n` of the table. */
export function readXattrs(r: Reading, disk: Disk, n: number): Async<Values> {
  const table = r.s.xattrTable;
  if (n === NONE || table === undefined) return none;
  if (table + XattrHeader.size > r.s.bytesUsed) throw r.eio;
  const header = new Uint8Array(XattrHeader.size);
  return then(disk.read(header, table), () => {
    const h = viewOf(header);
    if (n >= XattrHeader.get.ids(h, 0)) throw r.eio;
    const start = XattrHeader.get.start(h, 0);
    return then(pointedTo(r, disk, table + XattrHeader.size, n, XattrId.size), (id) => readList(r, start, id));
  });
}
function readList(r: Reading, start: number, id: Uint8Array): Async<Values> {
  const d = viewOf(id);
  const [count, size] = [XattrId.get.count(d, 0), XattrId.get.size(d, 0)];
  // `size` is of names and values as listxattr(2) counts: a bound, not a length.
  if (size > LARGEST_LIST || count * (XattrEntry.size + 4) > LARGEST_LIST) throw r.eio;
  const values = new Map<string, Uint8Array>();
  let total = 0;
  let at = placeOf(XattrId.get.block(d, 0));
  const one = () =>
    then(readOne(r, start, at), ({ name, value, end }) => {
      total += value.length + name.length;
      if (total > LARGEST_LIST) throw r.eio;
      values.set(name, value);
      at = end;
    });
  return then(times(count, one), () => values);
}
interface One {
  readonly name: string;
  readonly value: Uint8Array;
  readonly end: Place;
}
function readOne(r: Reading, start: number, at: Place): Async<One> {
  return then(r.blocks.read(start, at, XattrEntry.size), (entry) => {
    const d = viewOf(entry.bytes);
    const [type, length] = [XattrEntry.get.type(d, 0), XattrEntry.get.length(d, 0)];
    return then(
      r.blocks.read(start, entry.end, length),
      (text) =>
        then(readValue(r, start, text.end), ({ bytes, end }) => {
          const name = (prefixes[type & 0xff] ?? `unknown${type & 0xff}.`) + decodeName(text.bytes);
          if (!(type & ELSEWHERE)) return { name, value: bytes.slice(), end };
          if (bytes.length !== 8) throw r.eio;
          return then(readValue(r, start, placeOf(bytes)), (other) => ({ name, value: other.bytes.slice(), end }));
        }),
    );
  });
}
function readValue(r: Reading, start: number, at: Place): Async<{ readonly bytes: Uint8Array; readonly end: Place }> {
  return then(r.blocks.read(start, at, 4), ({ bytes, end }) => {
    const size = viewOf(bytes).getUint32(0, true);
    if (size > LARGEST_VALUE) throw r.eio;
    return r.blocks.read(start, end, size);
  });
}
