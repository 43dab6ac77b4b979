/** Inodes: sixteen kinds of records, of eight types. */
import { type Async, then } from "../../src/lib/async.ts";
import { decodeName } from "../../src/lib/text.ts";
import { type Struct, viewOf } from "../../src/lib/struct.ts";
import type { Attr, FileType } from "../../src/plugin.ts";
import {
  DeviceInode,
  DirInode,
  FileInode,
  InodeHeader,
  LinkInode,
  LongDeviceInode,
  LongDirInode,
  LongFileInode,
  LongPlainInode,
  NONE,
  PlainInode,
} from "./layout.ts";
import type { Blocks, Place } from "./metadata.ts";
import type { Super } from "./superblock.ts";

/** Where a file's data is. */
export interface Data {
  /** Of the first block, in bytes of the image. */
  readonly start: number;
  /** Where the sizes of its blocks are. */
  readonly list: Place;
  /** The last, shorter block is part of this fragment, at this offset; NONE: it is a block of its own. */
  readonly fragment: number;
  readonly offset: number;
}
/** A directory's entries: a place in the directory table, and bytes. */
export interface Entries {
  readonly at: Place;
  readonly size: number;
}
export interface Inode {
  readonly attr: Attr;
  readonly data?: Data;
  readonly entries?: Entries;
  readonly target?: string;
  /** Number of its attributes; NONE: it has none. */
  readonly xattr: number;
}
/** What is known of a file by its name alone; the rest is read when it is asked for. */
export interface Node {
  readonly key: number;
  readonly place: Place;
  readonly type: FileType;
  inode?: Inode;
}

/** Types by number; long kinds are 7 more. */
export const types: readonly (FileType | undefined)[] = [
  undefined,
  "dir",
  "file",
  "link",
  "blk",
  "chr",
  "fifo",
  "sock",
];
const LONG = 7;
/** "." and ".." count as three bytes of a directory that has neither. */
const DOTS = 3;
const LONGEST_TARGET = 1023;

/** What reading inodes takes. */
export interface Reading {
  readonly blocks: Blocks;
  readonly s: Super;
  readonly ids: Uint32Array;
  readonly eio: Error;
}

/** A node for an inode's place; undefined: there can be none. */
export function nodeOf(place: Place, type: FileType): Node | undefined {
  return place.offset < 8192 ? { key: place.block * 8192 + place.offset, place, type } : undefined;
}

/** Read a node's inode, once. */
export function inodeOf(r: Reading, node: Node): Async<Inode> {
  if (node.inode) return node.inode;
  return then(record(r, node.place, InodeHeader), ({ d, end }) => {
    const kind = InodeHeader.get.type(d, 0);
    if (types[kind > LONG ? kind - LONG : kind] !== node.type) throw r.eio;
    return then(readers[node.type](r, end, kind > LONG), (rest) => node.inode = finish(r, node, d, rest));
  });
}
interface Rest {
  readonly size: number;
  readonly nlink: number;
  readonly rdev?: number;
  readonly xattr?: number;
  readonly data?: Data;
  readonly entries?: Entries;
  readonly target?: string;
}
function finish(r: Reading, node: Node, d: DataView, { size, nlink, rdev, xattr = NONE, ...rest }: Rest): Inode {
  const { get } = InodeHeader;
  const [uid, gid] = [r.ids[get.uid(d, 0)], r.ids[get.gid(d, 0)]];
  if (uid === undefined || gid === undefined) throw r.eio;
  const time = get.mtime(d, 0);
  const attr: Attr = {
    ino: get.number(d, 0),
    type: node.type,
    size,
    mode: get.mode(d, 0) & 0o7777,
    nlink,
    uid,
    gid,
    blockSize: r.s.blockSize,
    atime: time,
    mtime: time,
    ctime: time,
    ...rdev !== undefined && { rdev },
  };
  return { attr, xattr, ...rest };
}

/** A record at a place of the inode table. */
function record(r: Reading, at: Place, layout: Pick<Struct<never>, "size">): Async<{ d: DataView; end: Place }> {
  return then(r.blocks.read(r.s.inodeTable, at, layout.size), ({ bytes, end }) => ({ d: viewOf(bytes), end }));
}
type Read = (r: Reading, at: Place, long: boolean) => Async<Rest>;
const directory: Read = (r, at, long) =>
  then(record(r, at, long ? LongDirInode : DirInode), ({ d }) => {
    const { get } = long ? LongDirInode : DirInode;
    const size = get.size(d, 0);
    return {
      size,
      nlink: get.nlink(d, 0),
      xattr: long ? LongDirInode.get.xattr(d, 0) : NONE,
      entries: { at: { block: get.block(d, 0), offset: get.offset(d, 0) }, size: Math.max(0, size - DOTS) },
    };
  });
const file: Read = (r, at, long) =>
  then(record(r, at, long ? LongFileInode : FileInode), ({ d, end }) => {
    const { get } = long ? LongFileInode : FileInode;
    const size = get.size(d, 0);
    if (!Number.isSafeInteger(size)) throw r.eio;
    return {
      size,
      nlink: long ? LongFileInode.get.nlink(d, 0) : 1,
      xattr: long ? LongFileInode.get.xattr(d, 0) : NONE,
      data: { start: get.start(d, 0), list: end, fragment: get.fragment(d, 0), offset: get.offset(d, 0) },
    };
  });
const link: Read = (r, at, long) =>
  then(record(r, at, LinkInode), ({ d, end }) => {
    const size = LinkInode.get.size(d, 0);
    if (size > LONGEST_TARGET) throw r.eio;
    return then(r.blocks.read(r.s.inodeTable, end, size + (long ? 4 : 0)), ({ bytes }) => ({
      size,
      nlink: LinkInode.get.nlink(d, 0),
      target: decodeName(bytes.subarray(0, size)),
      xattr: long ? viewOf(bytes).getUint32(size, true) : NONE,
    }));
  });
const device: Read = (r, at, long) =>
  then(record(r, at, long ? LongDeviceInode : DeviceInode), ({ d }) => ({
    size: 0,
    nlink: DeviceInode.get.nlink(d, 0),
    // Linux's new_encode_dev() is NetBSD's makedev(3) for majors up to 4095.
    rdev: DeviceInode.get.rdev(d, 0),
    xattr: long ? LongDeviceInode.get.xattr(d, 0) : NONE,
  }));
const plain: Read = (r, at, long) =>
  then(record(r, at, long ? LongPlainInode : PlainInode), ({ d }) => ({
    size: 0,
    nlink: PlainInode.get.nlink(d, 0),
    xattr: long ? LongPlainInode.get.xattr(d, 0) : NONE,
  }));
const readers: Readonly<Record<FileType, Read>> = {
  dir: directory,
  file,
  link,
  blk: device,
  chr: device,
  fifo: plain,
  sock: plain,
};
