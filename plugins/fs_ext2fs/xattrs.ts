/** Extended attributes: behind an inode's fields, in a block several inodes may share, and long values in inodes of their own. */
import { decodeName } from "../../src/lib/text.ts";
import { FL_EA_INODE, Inode, XATTR_MAGIC, XattrEntry, XattrHeader } from "../../src/wire/ext2.ts";
import { fromDiskAcl } from "./acl.ts";
import { u16At, u32At } from "./bytes.ts";
import type { Node } from "./node.ts";
import type { Store } from "./store.ts";

/** Name spaces by number (EXT4_XATTR_INDEX_*). Those of access lists have one name each. */
export const prefixes: readonly (string | undefined)[] = [
  "",
  "user.",
  "system.posix_acl_access",
  "system.posix_acl_default",
  "trusted.",
  undefined,
  "security.",
  "system.",
  "system.richacl",
];
export const ACL_ACCESS = 2;
export const ACL_DEFAULT = 3;
const SYSTEM = 7;
/** Longest value (XATTR_SIZE_MAX). */
export const MAX_VALUE = 65536;

/** Where attributes are: entries from `at` on, values counted from `base`, all before `end`. */
export interface Area {
  readonly bytes: Uint8Array;
  readonly at: number;
  readonly base: number;
  readonly end: number;
}
export interface Entry {
  readonly area: Area;
  /** Where the entry stands. */
  readonly at: number;
  readonly name: string;
  readonly index: number;
  readonly size: number;
  /** Where the value stands; with `inode` it is a file's. */
  readonly value: number;
  readonly inode: number;
}

/** Every entry of an area; EIO when one reaches outside. */
export function* entriesIn(store: Store, area: Area, what: string): Generator<Entry> {
  const { bytes, base, end } = area;
  for (let at = area.at; at + 4 <= end && u32At(bytes, at) !== 0;) {
    const length = bytes[at]!;
    const next = at + ((XattrEntry.size + length + 3) & ~3);
    const size = u32At(bytes, at + XattrEntry.at.valueSize);
    const inode = u32At(bytes, at + XattrEntry.at.valueInode);
    const value = base + u16At(bytes, at + XattrEntry.at.valueOffset);
    if (next > end || size > MAX_VALUE || (inode === 0 && value + size > end)) {
      store.damage(`${what}: damaged extended attributes`);
    }
    const index = bytes[at + 1]!;
    const name = decodeName(bytes.subarray(at + XattrEntry.size, at + XattrEntry.size + length));
    yield { area, at, name: `${prefixes[index] ?? `unknown${index}.`}${name}`, index, size, value, inode };
    at = next;
  }
}
/** What stands behind an inode's fields, if anything does. */
export function inodeArea(node: Node): Area | undefined {
  const at = 128 + node.extra;
  const { raw } = node;
  if (raw.length <= 128 || node.extra < 4 || at + 8 > raw.length || u32At(raw, at) !== XATTR_MAGIC) return undefined;
  return { bytes: raw, at: at + 4, base: at + 4, end: raw.length };
}
export const blockOf = (node: Node): number =>
  Inode.get.xattrLow(node.view, 0) + Inode.get.xattrHigh(node.view, 0) * 2 ** 32;

export class Xattrs {
  readonly #store: Store;
  /** Reads a value that is a file's bytes. */
  readonly #valueOf: (ino: number, size: number) => Uint8Array;

  constructor(store: Store, valueOf: (ino: number, size: number) => Uint8Array) {
    this.#store = store;
    this.#valueOf = valueOf;
  }
  /** The attributes' block, if there is one. */
  blockArea(node: Node): Area | undefined {
    const block = blockOf(node);
    if (block === 0) return undefined;
    const what = () => `inode ${node.ino}: damaged block of extended attributes`;
    if (!this.#store.valid(block)) this.#store.damage(what());
    const sound = (b: Uint8Array) =>
      u32At(b, 0) === XATTR_MAGIC && u32At(b, XattrHeader.at.blocks) === 1 && this.#store.sums.xattrs(block, b);
    const bytes = this.#store.checked(block, sound, what);
    return { bytes, at: XattrHeader.size, base: 0, end: bytes.length };
  }
  *entries(node: Node): Generator<Entry> {
    for (const area of [inodeArea(node), this.blockArea(node)]) {
      if (area) yield* entriesIn(this.#store, area, `inode ${node.ino}`);
    }
  }
  /** An attribute that stands in the inode. */
  inode(node: Node, name: string): Uint8Array | undefined {
    const area = inodeArea(node);
    if (!area) return undefined;
    for (const e of entriesIn(this.#store, area, `inode ${node.ino}`)) if (e.name === name) return this.bytesOf(e);
    return undefined;
  }
  get(node: Node, name: string): Uint8Array | undefined {
    for (const e of this.entries(node)) {
      if (e.name !== name || isHidden(e)) continue;
      const value = this.bytesOf(e);
      if (e.index !== ACL_ACCESS && e.index !== ACL_DEFAULT) return value.slice();
      return fromDiskAcl(value) ?? this.#store.damage(`inode ${node.ino}: damaged access list`);
    }
    return undefined;
  }
  list(node: Node): string[] {
    return [...this.entries(node)].filter((e) => !isHidden(e)).map((e) => e.name);
  }
  bytesOf({ area, inode, size, value }: Entry): Uint8Array {
    if (inode === 0) return area.bytes.subarray(value, value + size);
    return this.#valueOf(inode, size);
  }
}
/** What is no attribute but data, or means nothing here (encryption). */
const isHidden = ({ name, index }: Entry) =>
  (index === SYSTEM && name === "system.data") || prefixes[index] === undefined;

/** An inode holds the value of an attribute. */
export const isValue = (node: Node): boolean => (node.flags & FL_EA_INODE) !== 0;
