/** Files of a volume: what their directory records say of them. */
import type { Attr, FileType } from "../../src/plugin.ts";
import type { Cd9660Options } from "./options.ts";
import type { Raw } from "./record.ts";
import type { Rock } from "./susp.ts";

/** A run of blocks; `size` bytes of it are the file's. */
export interface Extent {
  readonly block: number;
  readonly size: number;
}
export interface Node {
  readonly ino: number;
  readonly type: FileType;
  readonly size: number;
  readonly extents: readonly Extent[];
  readonly attr: Attr;
  readonly target?: Uint8Array;
  readonly packed?: Rock["packed"];
  /** Why its data cannot be read. */
  readonly unreadable?: string;
  /** The directory is made up: these are its entries. */
  readonly entries?: ReadonlyMap<string, Node>;
}

/** st_mode's types. */
const types: Readonly<Record<number, FileType>> = {
  0o010000: "fifo",
  0o020000: "chr",
  0o040000: "dir",
  0o060000: "blk",
  0o100000: "file",
  0o120000: "link",
  0o140000: "sock",
};
/** What everybody may do with what has no mode. */
const PLAIN_MODE = 0o555;

/** What a file is made of, beside its records. */
export interface Ground {
  readonly blockSize: number;
  readonly options: Cd9660Options;
  readonly over: { readonly uid: number; readonly gid: number };
}

/** The file of a record and those that go on it. `position`: the first record's, in bytes of the image. */
export function nodeOf(g: Ground, raws: readonly Raw[], rock: Rock, position: number): Node {
  const first = raws[0]!;
  const type = typeOf(first, rock);
  const extents = raws.map((r) => ({ block: r.extent, size: r.size }));
  const stored = extents.reduce((n, e) => n + e.size, 0);
  const size = type === "link" ? rock.target?.length ?? 0 : rock.packed?.size ?? stored;
  const ino = inode(g, type, position, { block: first.extent, shared: (rock.nlink ?? 1) > 1 && stored > 0 });
  const unreadable = rock.sparse
    ? "sparse file (SF)"
    : raws.some((r) => r.interleaved)
    ? "interleaved file"
    : undefined;
  return {
    ino,
    type,
    size,
    extents,
    attr: attrOf(g, { ino, type, size, allocated: stored }, first, rock),
    ...rock.target && { target: rock.target },
    ...rock.packed && { packed: rock.packed },
    ...unreadable && { unreadable },
  };
}
function typeOf(raw: Raw, rock: Rock): FileType {
  if (raw.isDirectory) return "dir";
  const type = types[(rock.mode ?? 0) & 0o170000] ?? "file";
  return type === "dir" ? "file" : type;
}
/** One number a file: directories and files with several names by their data, others by their record. Four classes, never mixed. */
function inode(g: Ground, type: FileType, position: number, data: { block: number; shared: boolean }): number {
  if (type === "dir") return data.block * g.blockSize * 4;
  return data.shared ? data.block * g.blockSize * 4 + 2 : position * 4 + 1;
}
/** The number of a boot image at a byte of the image. */
export const bootInode = (position: number): number => position * 4 + 3;

type Basics = Pick<Attr, "ino" | "type" | "size" | "allocated">;
function attrOf({ options: o, over, blockSize }: Ground, basics: Basics, raw: Raw, rock: Rock): Attr {
  const mode = rock.mode === undefined ? PLAIN_MODE : rock.mode & 0o7777;
  const mask = (basics.type === "dir" ? o.dirmask ?? o.mask : o.mask) ?? 0o7777;
  return {
    ...basics,
    mode: rock.mode === undefined ? mode & mask : mode,
    nlink: basics.type === "dir" ? Math.max(rock.nlink ?? 1, 1) : rock.nlink || 1,
    uid: o.uid ?? (rock.mode === undefined ? over.uid : rock.uid ?? 0),
    gid: o.gid ?? (rock.mode === undefined ? over.gid : rock.gid ?? 0),
    blockSize,
    ...rock.rdev !== undefined && { rdev: rock.rdev },
    ...split("atime", rock.atime ?? raw.date),
    ...split("mtime", rock.mtime ?? raw.date),
    ...split("ctime", rock.ctime ?? raw.date),
    ...split("birthtime", rock.birthtime ?? raw.date),
  };
}
function split<K extends string>(name: K, time: number): Record<K | `${K}nsec`, number> {
  const seconds = Math.floor(time);
  return { [name]: seconds, [`${name}nsec`]: Math.round((time - seconds) * 100) * 1e7 } as Record<
    K | `${K}nsec`,
    number
  >;
}
