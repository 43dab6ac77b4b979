/** mount(2)'s data: each type's C structure (tmpfs_args.h, msdosfs_args), or a JSON object of a driver's options. */
import { bytes, i32, struct, u32, u64, viewOf } from "../lib/struct.ts";
import { decodeName, encodeName } from "../lib/text.ts";
import { errno } from "./errno.ts";

/** sys/fs/tmpfs/tmpfs_args.h */
const TmpfsArgs = struct("le", {
  version: i32,
  pad0: u32,
  nodesMax: u64,
  sizeMax: u64,
  uid: u32,
  gid: u32,
  mode: u32,
  pad1: u32,
}, 40);
const TMPFS_VERSION = 1;
/** sys/msdosfs/msdosfsmount.h; `fspec` points at the device's path, which follows the structure here. */
const MsdosArgs = struct("le", {
  fspec: u64,
  exports: bytes(128),
  uid: u32,
  gid: u32,
  mask: u32,
  flags: u32,
  version: i32,
  dirmask: u32,
  gmtoff: i32,
  pad: u32,
}, 168);
const MSDOS_VERSION = 3;
/** The first version with a mask for directories, and with an offset from UTC. */
const WITH_DIRMASK = 2;
const WITH_GMTOFF = 3;
/** MSDOSFSMNT_* by the driver's names. */
const msdosFlags = { short: 1, long: 2, win95: 4, gemdos: 8, utf8: 0x20 } as const;
const VERSIONED = 0x10;

/** sys/miscfs/nullfs/null.h: `fspec` is la.target. */
const NullArgs = struct("le", { fspec: u64, exports: bytes(128) }, 136);
/** sys/fs/union/union.h. */
const UnionArgs = struct("le", { fspec: u64, mntflags: i32, pad: u32 }, 16);
/** UNMNT_*: the target goes above what is at the mount point, below it, or in its stead. */
const UNION_ABOVE = 1;
const UNION_BELOW = 2;
const UNION_OPS = 3;
/** sys/miscfs/procfs/procfs.h */
const ProcfsArgs = struct("le", { version: i32, flags: i32 }, 8);
const PROCFS_VERSION = 1;
const PROCFS_LINUX = 1;

export type MountOptionValues = Readonly<Record<string, unknown>>;
/** What stands where nothing was said: the mount point's. */
export interface Over {
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
}
const PERMISSIONS = 0o7777;

function tmpfsOptions(d: DataView): MountOptionValues {
  const { get } = TmpfsArgs;
  if (get.version(d, 0) !== TMPFS_VERSION) throw errno.EINVAL;
  return {
    nodes: get.nodesMax(d, 0),
    size: get.sizeMax(d, 0),
    uid: get.uid(d, 0),
    gid: get.gid(d, 0),
    mode: get.mode(d, 0) & PERMISSIONS,
  };
}
function msdosOptions(d: DataView, fspec: string): MountOptionValues {
  const { get } = MsdosArgs;
  const flags = get.flags(d, 0);
  const version = flags & VERSIONED ? get.version(d, 0) : 0;
  if (version > MSDOS_VERSION || version < 0) throw errno.EINVAL;
  const mask = get.mask(d, 0) & 0o777;
  return {
    fspec,
    uid: get.uid(d, 0),
    gid: get.gid(d, 0),
    mask,
    dirmask: version >= WITH_DIRMASK ? get.dirmask(d, 0) & 0o777 : mask,
    ...(version >= WITH_GMTOFF ? { gmtoff: get.gmtoff(d, 0) } : {}),
    ...Object.fromEntries(Object.entries(msdosFlags).map(([name, bit]) => [name, (flags & bit) !== 0])),
  };
}
function nullOptions(_d: DataView, fspec: string): MountOptionValues {
  return { fspec };
}
function unionOptions(d: DataView, fspec: string): MountOptionValues {
  const op = UnionArgs.get.mntflags(d, 0) & UNION_OPS;
  if (op !== UNION_ABOVE && op !== UNION_BELOW) throw errno.EOPNOTSUPP;
  return { fspec, below: op === UNION_BELOW };
}
function procfsOptions(d: DataView): MountOptionValues {
  if (ProcfsArgs.get.version(d, 0) !== PROCFS_VERSION) throw errno.EINVAL;
  return { linux: (ProcfsArgs.get.flags(d, 0) & PROCFS_LINUX) !== 0 };
}
function jsonOptions(data: Uint8Array): MountOptionValues {
  try {
    return JSON.parse(new TextDecoder().decode(data)) as MountOptionValues;
  } catch {
    throw errno.EINVAL;
  }
}
const BRACE = 0x7b;

/** A type's C structure: what it says, and where in it a pointer to the source is, whose text follows it here. */
interface Structure {
  readonly size: number;
  readonly at?: { readonly fspec: number };
  decode(d: DataView, fspec: string): MountOptionValues;
}
const structures: Readonly<Record<string, Structure>> = {
  tmpfs: { size: TmpfsArgs.size, decode: tmpfsOptions },
  msdos: { size: MsdosArgs.size, at: MsdosArgs.at, decode: msdosOptions },
  null: { size: NullArgs.size, at: NullArgs.at, decode: nullOptions },
  union: { size: UnionArgs.size, at: UnionArgs.at, decode: unionOptions },
  procfs: { size: ProcfsArgs.size, decode: procfsOptions },
};

/** The options in mount(2)'s data. Throws EINVAL. */
export function decodeMountArgs(type: string, data: Uint8Array): MountOptionValues {
  // A structure may begin with a pointer, whose highest byte is 0.
  if (data[0] === BRACE && data[7] !== 0) return jsonOptions(data);
  const known = Object.hasOwn(structures, type) ? structures[type]! : undefined;
  if (!known || data.length < known.size || (!known.at && data.length > known.size)) throw errno.EINVAL;
  return known.decode(viewOf(data), decodeName(data.subarray(known.size)));
}

const number = (x: unknown, otherwise: number) => (typeof x === "number" ? x : otherwise);
function tmpfsBytes(o: MountOptionValues, over: Over): Uint8Array {
  const out = new Uint8Array(TmpfsArgs.size);
  TmpfsArgs.write(viewOf(out), 0, {
    version: TMPFS_VERSION,
    nodesMax: number(o.nodes, 0),
    sizeMax: number(o.size, 0),
    uid: number(o.uid, over.uid),
    gid: number(o.gid, over.gid),
    mode: number(o.mode, over.mode & PERMISSIONS),
  });
  return out;
}
/** A structure with its source behind it. */
function pointing(size: number, source: unknown, fill: (d: DataView) => void = () => {}): Uint8Array {
  const fspec = encodeName(String(source ?? ""));
  const out = new Uint8Array(size + fspec.length);
  fill(viewOf(out));
  out.set(fspec, size);
  return out;
}
function msdosBytes(o: MountOptionValues, over: Over): Uint8Array {
  // Names are UTF-8 unless told otherwise, and a mask given alone is the other's, too.
  const chosen = { ...o, utf8: o.utf8 ?? true } as MountOptionValues;
  const flags = Object.entries(msdosFlags).reduce((all, [name, bit]) => (chosen[name] ? all | bit : all), VERSIONED);
  return pointing(MsdosArgs.size, o.fspec, (d) =>
    MsdosArgs.write(d, 0, {
      uid: number(o.uid, over.uid),
      gid: number(o.gid, over.gid),
      mask: number(o.mask ?? o.dirmask, over.mode & 0o777),
      dirmask: number(o.dirmask ?? o.mask, over.mode & 0o777),
      flags,
      version: o.gmtoff === undefined ? WITH_DIRMASK : MSDOS_VERSION,
      gmtoff: number(o.gmtoff, 0),
    }));
}
function unionBytes(o: MountOptionValues): Uint8Array {
  return pointing(UnionArgs.size, o.fspec, (d) => UnionArgs.set.mntflags(d, 0, o.below ? UNION_BELOW : UNION_ABOVE));
}
function procfsBytes(o: MountOptionValues): Uint8Array {
  const out = new Uint8Array(ProcfsArgs.size);
  ProcfsArgs.write(viewOf(out), 0, { version: PROCFS_VERSION, flags: o.linux ? PROCFS_LINUX : 0 });
  return out;
}
const only = (o: MountOptionValues, ...names: string[]) => Object.keys(o).every((name) => names.includes(name));
const inTmpfsArgs = (o: MountOptionValues) =>
  typeof o.size !== "string" && only(o, "fspec", "size", "nodes", "uid", "gid", "mode");
/** What msdosfs_args has room for. */
const inMsdosArgs = new Set(["fspec", "uid", "gid", "mask", "dirmask", "gmtoff", "sync", ...Object.keys(msdosFlags)]);
/** The same as the type's C structure, which a NetBSD kernel understands, too; as JSON where that cannot say it all. */
export function encodeMountArgs(type: string, options: MountOptionValues, over: Over): Uint8Array {
  if (type === "tmpfs" && inTmpfsArgs(options)) return tmpfsBytes(options, over);
  if (type === "msdos" && Object.keys(options).every((o) => inMsdosArgs.has(o))) return msdosBytes(options, over);
  if (type === "null" && only(options, "fspec")) return pointing(NullArgs.size, options.fspec);
  if (type === "union" && only(options, "fspec", "below")) return unionBytes(options);
  if (type === "procfs" && only(options, "fspec", "linux")) return procfsBytes(options);
  return encodeName(JSON.stringify(options));
}
/** Where a type's structure points at a string, and how long it is; undefined: it does not. */
export function mountPointer(type: unknown): { readonly at: number; readonly size: number } | undefined {
  const name = type instanceof Uint8Array ? decodeName(type) : type;
  const known = Object.hasOwn(structures, name as string) ? structures[name as string]! : undefined;
  return known?.at ? { at: known.at.fspec, size: known.size } : undefined;
}
