/** Extended attributes changed: all of a file's are laid out anew, what fits in its inode and the rest in a block. */
import { encodeName } from "../../src/lib/text.ts";
import { Inode, XATTR_MAGIC, XattrEntry, XattrHeader } from "../../src/wire/ext2.ts";
import { toDiskAcl } from "./acl.ts";
import { put16, put32, u32At } from "./bytes.ts";
import type { Node } from "./node.ts";
import type { Pointers } from "./pointers.ts";
import type { Store } from "./store.ts";
import type { WriteBack } from "./writeback.ts";
import { ACL_ACCESS, ACL_DEFAULT, blockOf, MAX_VALUE, prefixes, type Xattrs } from "./xattrs.ts";

/** An attribute as it stands on the disk. */
interface Attribute {
  readonly index: number;
  readonly name: Uint8Array;
  readonly value: Uint8Array;
}
const round4 = (n: number) => (n + 3) & ~3;
const sizeOf = ({ name, value }: Attribute) => XattrEntry.size + round4(name.length) + round4(value.length);
/** Behind the last entry. */
const END = 4;

/** Where a name belongs; undefined: to no name space there is. */
function nameOf(name: string): { index: number; rest: Uint8Array } | undefined {
  for (let index = 1; index < prefixes.length; index++) {
    const prefix = prefixes[index];
    if (prefix === undefined) continue;
    if (prefix.endsWith(".") ? name.startsWith(prefix) && name.length > prefix.length : name === prefix) {
      return { index, rest: encodeName(name.slice(prefix.length)) };
    }
  }
  return undefined;
}
/** In the order of a block: by name space, length, bytes. */
function inOrder(a: Attribute, b: Attribute): number {
  return a.index - b.index || a.name.length - b.name.length || compareBytes(a.name, b.name);
}
function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const i = a.findIndex((byte, k) => byte !== b[k]);
  return i < 0 ? 0 : a[i]! - b[i]!;
}
/** ext4_xattr_hash_entry: of a name and its value. */
function hashOf({ name, value }: Attribute): number {
  let hash = 0;
  for (const byte of name) hash = (hash << 5) ^ (hash >>> 27) ^ byte;
  const padded = new Uint8Array(round4(value.length));
  padded.set(value);
  for (let at = 0; at < padded.length; at += 4) hash = (hash << 16) ^ (hash >>> 16) ^ u32At(padded, at);
  return hash >>> 0;
}

export class XattrWriter {
  readonly #store: Store;
  readonly #xattrs: Xattrs;
  readonly #pointers: Pointers;
  readonly #back: WriteBack;

  constructor(store: Store, xattrs: Xattrs, pointers: Pointers, back: WriteBack) {
    this.#store = store;
    this.#xattrs = xattrs;
    this.#pointers = pointers;
    this.#back = back;
  }
  /** Set, or remove without a value. ENOTSUP for a name of no name space, ENOSPC, and as it was, when there is no room. */
  set(node: Node, name: string, value: Uint8Array | undefined): void {
    const { ENOTSUP, EINVAL, E2BIG } = this.#store.errno;
    const at = nameOf(name);
    if (!at || name === "system.data") throw ENOTSUP;
    if (value && value.length > MAX_VALUE) throw E2BIG;
    const isAcl = at.index === ACL_ACCESS || at.index === ACL_DEFAULT;
    const raw = value && isAcl ? toDiskAcl(value) : value;
    if (value && !raw) throw EINVAL;
    const all = this.#all(node).filter((a) =>
      a.index !== at.index || compareBytes(a.name, at.rest) !== 0 ||
      a.name.length !== at.rest.length
    );
    if (raw) all.push({ index: at.index, name: at.rest, value: raw });
    this.#back.dirty();
    this.#layOut(node, all.sort(inOrder));
  }
  #all(node: Node): Attribute[] {
    return [...this.#xattrs.entries(node)].map((e) => {
      if (e.inode !== 0) throw this.#store.errno.EOPNOTSUPP;
      const from = e.at + XattrEntry.size;
      const name = e.area.bytes.slice(from, from + e.area.bytes[e.at]!);
      return { index: e.index, name, value: this.#xattrs.bytesOf(e).slice() };
    });
  }
  #layOut(node: Node, all: readonly Attribute[]): void {
    const first = 128 + node.extra + 4;
    let room = node.extra >= 4 ? node.raw.length - first - END : 0;
    const inside: Attribute[] = [];
    const outside: Attribute[] = [];
    for (const a of all) {
      if (sizeOf(a) <= room) {
        room -= sizeOf(a);
        inside.push(a);
      } else outside.push(a);
    }
    this.#writeBlock(node, outside);
    if (node.extra >= 4 && first <= node.raw.length) {
      node.raw.fill(0, first - 4);
      if (inside.length > 0) {
        put32(node.raw, first - 4, XATTR_MAGIC);
        fill(node.raw, first, first, node.raw.length, inside, false);
      }
    }
    this.#back.inode(node);
  }
  /** A block of its own for what does not fit: one that others have, too, is left to them. */
  #writeBlock(node: Node, outside: readonly Attribute[]): void {
    const { blockSize } = this.#store.l;
    const need = outside.reduce((n, a) => n + sizeOf(a), XattrHeader.size + END);
    if (need > blockSize) throw this.#store.errno.ENOSPC;
    const had = blockOf(node);
    if (outside.length === 0) return had ? this.release(node) : undefined;
    const isOwn = had !== 0 && u32At(this.#store.block(had), XattrHeader.at.references) === 1;
    let block = had;
    if (!isOwn) {
      const got = this.#pointers.take(this.#pointers.goal(node, 0), 1);
      if (!got) throw this.#store.errno.ENOSPC;
      if (had) this.release(node);
      block = got.start;
      this.#back.fresh.add(block);
      Inode.set.blocksLow(node.view, 0, Inode.get.blocksLow(node.view, 0) + blockSize / 512);
      this.#put(node, block);
    }
    const bytes = isOwn ? this.#store.change(block) : this.#store.buffers.fresh(block);
    bytes.fill(0);
    put32(bytes, 0, XATTR_MAGIC);
    put32(bytes, XattrHeader.at.references, 1);
    put32(bytes, XattrHeader.at.blocks, 1);
    fill(bytes, XattrHeader.size, 0, blockSize, outside, true);
    put32(bytes, XattrHeader.at.hash, outside.map(hashOf).reduce((h, e) => (h << 16) ^ (h >>> 16) ^ e, 0) >>> 0);
  }
  #put(node: Node, block: number): void {
    Inode.set.xattrLow(node.view, 0, block >>> 0);
    Inode.set.xattrHigh(node.view, 0, Math.floor(block / 2 ** 32));
  }
  /** The file has no block of attributes any more; others may. */
  release(node: Node): void {
    const block = blockOf(node);
    if (block === 0) return;
    this.#xattrs.blockArea(node);
    const references = u32At(this.#store.block(block), XattrHeader.at.references);
    if (references > 1) put32(this.#store.change(block), XattrHeader.at.references, references - 1);
    else this.#pointers.giveBack({ start: block, length: 1 }, true);
    this.#put(node, 0);
    Inode.set.blocksLow(node.view, 0, Math.max(0, Inode.get.blocksLow(node.view, 0) - this.#store.l.blockSize / 512));
  }
}
/** Entries from `at` on, values from the end down. `hashed`: entries of a block have a hash. */
function fill(
  bytes: Uint8Array,
  at: number,
  base: number,
  end: number,
  all: readonly Attribute[],
  hashed: boolean,
): void {
  let value = end;
  for (const a of all) {
    value -= round4(a.value.length);
    bytes[at] = a.name.length;
    bytes[at + 1] = a.index;
    put16(bytes, at + XattrEntry.at.valueOffset, a.value.length > 0 ? value - base : 0);
    put32(bytes, at + XattrEntry.at.valueSize, a.value.length);
    if (hashed) put32(bytes, at + XattrEntry.at.hash, hashOf(a));
    bytes.set(a.name, at + XattrEntry.size);
    bytes.set(a.value, value);
    at += XattrEntry.size + round4(a.name.length);
  }
}
