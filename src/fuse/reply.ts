/** Attributes, entries and directory records as the kernel wants them. */
import { major, makedev, minor, modeOfType } from "../abi/flags.ts";
import { encodeName } from "../lib/text.ts";
import type { Attr } from "../plugin.ts";
import { AttrOut, ENTRY_SIZE, EntryOut, FuseAttr, FuseDirent, OUT_HEADER } from "../wire/fuse.ts";
import { modeOf } from "../vfs/access.ts";
import type { Request } from "./request.ts";

/** Where we are the only writer. */
export const LONG = 3600;
const BLOCK = 512;

/** NetBSD's device numbers and Linux's (32 bits: 12 major, 20 minor, split). */
export const toLinuxDev = (dev: number): number => {
  const [ma, mi] = [major(dev), minor(dev)];
  return ((mi & 0xff) | (ma << 8) | ((mi & ~0xff) << 12)) >>> 0;
};
export const fromLinuxDev = (dev: number): number =>
  makedev((dev >>> 8) & 0xfff, (dev & 0xff) | ((dev >>> 12) & 0xfff00));

function putAttr(d: DataView, at: number, a: Attr): void {
  const { set } = FuseAttr;
  set.ino(d, at, a.ino);
  set.size(d, at, a.size);
  set.blocks(d, at, Math.ceil((a.allocated ?? a.size) / BLOCK));
  set.atime(d, at, a.atime ?? 0);
  set.mtime(d, at, a.mtime ?? 0);
  set.ctime(d, at, a.ctime ?? a.mtime ?? 0);
  set.atimensec(d, at, a.atimensec ?? 0);
  set.mtimensec(d, at, a.mtimensec ?? 0);
  set.ctimensec(d, at, a.ctimensec ?? a.mtimensec ?? 0);
  set.mode(d, at, modeOfType[a.type] | modeOf(a));
  set.nlink(d, at, a.nlink ?? 1);
  set.uid(d, at, a.uid ?? 0);
  set.gid(d, at, a.gid ?? 0);
  set.rdev(d, at, a.rdev ? toLinuxDev(a.rdev) : 0);
  set.blksize(d, at, a.blockSize ?? 4096);
  set.flags(d, at, 0);
}
/** How long the kernel may believe what it is told, in seconds. */
export interface Valid {
  readonly name: number;
  readonly attr: number;
}
const nanoseconds = (seconds: number) => Math.round((seconds % 1) * 1e9);
/** An entry at `at` of the reply buffer. */
export function putEntry(d: DataView, at: number, id: number, a: Attr, valid: Valid): void {
  const { set } = EntryOut;
  set.nodeid(d, at, id);
  set.generation(d, at, 0);
  set.entryValid(d, at, Math.floor(valid.name));
  set.attrValid(d, at, Math.floor(valid.attr));
  set.entryValidNsec(d, at, nanoseconds(valid.name));
  set.attrValidNsec(d, at, nanoseconds(valid.attr));
  putAttr(d, at + EntryOut.size, a);
}
/** Reply bodies. */
export function entryReply(req: Request, id: number, a: Attr, valid: Valid): number {
  putEntry(req.out.view, OUT_HEADER, id, a, valid);
  return ENTRY_SIZE;
}
export function attrReply(req: Request, a: Attr, valid: number): number {
  const d = req.out.view;
  AttrOut.set.valid(d, OUT_HEADER, Math.floor(valid));
  AttrOut.set.validNsec(d, OUT_HEADER, nanoseconds(valid));
  AttrOut.set.dummy(d, OUT_HEADER, 0);
  putAttr(d, OUT_HEADER + AttrOut.size, a);
  return AttrOut.size + FuseAttr.size;
}
/** "No such name", to be remembered. */
export function negativeReply(req: Request, valid: number): number {
  req.out.bytes.fill(0, OUT_HEADER, OUT_HEADER + ENTRY_SIZE);
  EntryOut.set.entryValid(req.out.view, OUT_HEADER, Math.floor(valid));
  EntryOut.set.entryValidNsec(req.out.view, OUT_HEADER, nanoseconds(valid));
  return ENTRY_SIZE;
}

/** Bytes a directory record takes. */
const recordSize = (name: number) => (FuseDirent.size + name + 7) & ~7;

/** Puts directory records into a reply, as long as they fit. */
export class DirWriter {
  readonly #req: Request;
  readonly #end: number;
  readonly #plus: boolean;
  at = OUT_HEADER;

  constructor(req: Request, size: number, plus: boolean) {
    this.#req = req;
    this.#end = OUT_HEADER + Math.min(size, req.capacity - OUT_HEADER);
    this.#plus = plus;
  }
  /** False: full. `id` (plus only): the node number the entry tells, 0 for none. */
  put(name: string, a: Attr, off: number, valid: Valid, id: () => number): boolean {
    const bytes = encodeName(name);
    const head = this.#plus ? ENTRY_SIZE : 0;
    const size = head + recordSize(bytes.length);
    if (this.at + size > this.#end) return false;
    const { view, bytes: out } = this.#req.out;
    if (this.#plus) putEntry(view, this.at, id(), a, valid);
    const d = this.at + head;
    FuseDirent.set.ino(view, d, a.ino);
    FuseDirent.set.off(view, d, off);
    FuseDirent.set.namelen(view, d, bytes.length);
    FuseDirent.set.type(view, d, modeOfType[a.type] >> 12);
    out.set(bytes, d + FuseDirent.size);
    out.fill(0, d + FuseDirent.size + bytes.length, this.at + size);
    this.at += size;
    return true;
  }
  get size(): number {
    return this.at - OUT_HEADER;
  }
}
