/** What an operation does that a driver left out: one table (NetBSD: vn_default_error, genfs_eopnotsupp, genfs_nullop). */
import { then } from "../lib/async.ts";
import { errno, type SysError } from "../abi/errno.ts";
import type { Facts, WholeVolume } from "../lib/volume.ts";
import type { StatFs, Volume } from "../plugin.ts";

/** A volume with every operation present. */
export type FullVolume = WholeVolume & {
  /** A name that was listed may lead to another node later, unless somebody holds the one it had. */
  readonly forgets: boolean;
};

type Optional = Exclude<keyof Volume, "root" | "getattr" | "lookup" | "readdir" | Facts>;

/** The errno of an absent operation; `undefined`: nothing to do, it succeeds. EROFS is of volumes that cannot be written at all. */
export const defaults: Readonly<Record<Optional, SysError | undefined>> = {
  readlink: errno.EINVAL,
  read: errno.EOPNOTSUPP,
  write: errno.EROFS,
  setattr: errno.EOPNOTSUPP,
  create: errno.EROFS,
  mkdir: errno.EROFS,
  mknod: errno.EOPNOTSUPP,
  symlink: errno.EOPNOTSUPP,
  link: errno.EOPNOTSUPP,
  unlink: errno.EROFS,
  rmdir: errno.EROFS,
  rename: errno.EROFS,
  exchange: errno.EOPNOTSUPP,
  allocate: errno.EOPNOTSUPP,
  punch: errno.EOPNOTSUPP,
  seek: undefined,
  getxattr: errno.EOPNOTSUPP,
  setxattr: errno.EOPNOTSUPP,
  removexattr: errno.EOPNOTSUPP,
  listxattr: errno.EOPNOTSUPP,
  ioctl: errno.ENOTTY,
  statfs: undefined,
  fsync: undefined,
  sync: undefined,
  active: undefined,
  inactive: undefined,
  unmount: undefined,
  update: undefined,
};
const nothing: StatFs = { blockSize: 512, blocks: 0, free: 0 };
/** What absent operations do that neither fail nor are silent. */
const acts: Readonly<Partial<Record<Optional, (...args: never[]) => unknown>>> = {
  statfs: () => nothing,
  // mount -u: the kernel keeps the flags; options of its own a driver would have to know.
  update(options: object) {
    if (Object.keys(options).length > 0) throw errno.EOPNOTSUPP;
  },
};

/** The volume with its gaps filled. Methods keep their `this`. */
export function complete(volume: Volume): FullVolume {
  const full: Record<string, unknown> = {
    root: volume.root,
    foldsCase: volume.foldsCase ?? false,
    readOnly: volume.readOnly ?? (!volume.write && !volume.create),
    label: volume.label,
    changing: volume.changing ?? false,
    validSeconds: volume.validSeconds,
    forgets: volume.active !== undefined,
    getattr: volume.getattr.bind(volume),
    lookup: volume.lookup.bind(volume),
    readdir: volume.readdir.bind(volume),
  };
  for (const [name, absent] of Object.entries(defaults)) {
    const op = volume[name as Optional] as ((...args: unknown[]) => unknown) | undefined;
    const why = absent === errno.EROFS && full.readOnly === false ? errno.EOPNOTSUPP : absent;
    full[name] = op ? op.bind(volume) : why ? refuse(why) : acts[name as Optional] ?? (() => undefined);
  }
  // Holes are not told apart: data to the end, a hole there.
  if (!volume.seek) {
    full.seek = (node: unknown, offset: number, hole: boolean) =>
      then(volume.getattr(node), ({ size }) => (hole ? size : offset < size ? offset : -1));
  }
  return full as unknown as FullVolume;
}
const refuse = (e: SysError) => () => {
  throw e;
};
/** What open files of an unmounted volume see: EIO, and nothing to give back (NetBSD: deadfs). */
export function deadVolume(root: unknown): FullVolume {
  const dead: Record<string, unknown> = {
    root,
    foldsCase: false,
    readOnly: false,
    changing: false,
    label: undefined,
    forgets: false,
  };
  for (const name of ["getattr", "lookup", "readdir", ...Object.keys(defaults)]) dead[name] = refuse(errno.EIO);
  for (const name of ["active", "inactive", "sync", "unmount"]) dead[name] = () => undefined;
  return dead as unknown as FullVolume;
}
