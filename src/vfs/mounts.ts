/** Calls on mounts and on a process's directories: mount, unmount, statvfs, sync, chdir, chroot, getcwd. */
import { errno } from "../abi/errno.ts";
import { MNT_FORCE, MNT_RDONLY, MNT_SYNCHRONOUS, MNT_UPDATE } from "../abi/flags.ts";
import { decodeMountArgs, type MountOptionValues } from "../abi/mount_args.ts";
import { Statvfs } from "../abi/structs.ts";
import { then, times } from "../lib/async.ts";
import { encodeName } from "../lib/text.ts";
import { viewOf } from "../lib/struct.ts";
import type { Handlers } from "../kern/dispatch.ts";
import type { Lwp } from "../kern/proc.ts";
import { requireRoot } from "../kern/identity.ts";
import type { Async, FsDriver, StatFs } from "../plugin.ts";
import { access, EXECUTE } from "./access.ts";
import { dirOf, VnodeFile, vnodeOf } from "./file.ts";
import { type Cwdi, cwdiOf, lookup } from "./namei.ts";
import type { Mount, Vnode } from "./mount.ts";
import { pathOf } from "./paths.ts";
import { takeDisk } from "./specfs.ts";
import type { Vfs } from "./vfs.ts";

/** Flags mount(2) keeps. */
const KEPT = ~(MNT_UPDATE | MNT_FORCE);

function mount(
  vfs: Vfs,
  lwp: Lwp,
  type: string,
  path: string,
  flags: number,
  data: Uint8Array | undefined,
): Async<number> {
  requireRoot(lwp);
  const driver = vfs.kernel.registry.fs(type);
  if (!(flags & MNT_UPDATE) && !driver) throw errno.ENODEV;
  return then(lookup(lwp, path), (over) => {
    if (!data && type !== "kernfs") throw errno.EINVAL;
    const { fspec, ...told } = data ? decodeMountArgs(type, data) : {};
    // Some drivers look after it themselves.
    const options = type === "msdos" && flags & MNT_SYNCHRONOUS ? { ...told, sync: true } : told;
    if (flags & MNT_UPDATE) return update(vfs, over, flags, options);
    return then(
      device(vfs, lwp, type, fspec),
      (disk) =>
        then(layersOf(lwp, driver!, fspec, options), ([source, whole]) => {
          const how = {
            from: typeof source === "string" ? source : type,
            on: pathOf(over),
            flags: flags & KEPT,
            options: whole,
            owner: lwp.proc.cred.uid,
          };
          return attempt(() => vfs.mountVolume(type, disk, how), () => disk?.close?.());
        }),
    );
  });
}
/** What a driver stands on by whole paths, as the one sees it who mounts. */
function layersOf(
  lwp: Lwp,
  driver: FsDriver,
  fspec: unknown,
  options: MountOptionValues,
): Async<readonly [source: unknown, options: MountOptionValues]> {
  if (!driver.layers) return [fspec, options];
  const whole: Record<string, unknown> = { ...options };
  const names = Object.keys(driver.layers).filter((name) => whole[name] !== undefined);
  const resolve = (path: unknown): Async<string> => {
    if (typeof path !== "string") throw errno.EINVAL;
    return then(lookup(lwp, path), (found) => then(directory(lwp, found), pathOf));
  };
  const each = times(names.length, (i) => then(resolve(whole[names[i]!]), (path) => void (whole[names[i]!] = path)));
  // Who names all of them needs no other.
  const source = fspec === driver.name && names.length > 1 ? fspec : resolve(fspec);
  return then(each, () => then(source, (path) => [path, whole] as const));
}
/** Mount, or give the disk back. */
function attempt(run: () => Async<Mount>, undo: () => Async<void> | undefined): Async<number> {
  const refused = (e: unknown): never => {
    void undo();
    throw e;
  };
  try {
    const done = run();
    return done instanceof Promise ? done.then(() => 0, refused) : 0;
  } catch (e) {
    return refused(e);
  }
}
function device(vfs: Vfs, lwp: Lwp, type: string, fspec: unknown) {
  if (!vfs.kernel.registry.fs(type)!.wantsDevice) return undefined;
  if (typeof fspec !== "string") throw errno.EINVAL;
  return then(
    lookup(lwp, fspec),
    ({ mount: { volume }, node }) => then(volume.getattr(node), (attr) => takeDisk(vfs.devices.disk(attr))),
  );
}
/** Whether somebody has a file of a mount open for writing. */
function isWritten(vfs: Vfs, m: Mount): boolean {
  for (const proc of vfs.kernel.procs) {
    for (const [, { ops, writable }] of proc.files) {
      if (writable && ops instanceof VnodeFile && ops.vnode.mount === m) return true;
    }
  }
  return false;
}
/** mount -u: read-only or not, and the driver's options. EBUSY: files are open for writing, and it is not forced. */
function update(vfs: Vfs, over: Vnode, flags: number, options: Record<string, unknown>): Async<number> {
  const { mount: m } = over;
  if (over.node !== m.volume.root) throw errno.EINVAL;
  const readOnly = (flags & MNT_RDONLY) !== 0;
  if (readOnly && !m.readOnly && !(flags & MNT_FORCE) && isWritten(vfs, m)) throw errno.EBUSY;
  if (!readOnly && (m.volume.readOnly || (m.device && !m.device.write))) throw errno.EROFS;
  return then(readOnly ? m.sync() : undefined, () =>
    then(m.volume.update(options, readOnly), () => {
      m.info.flags = (m.info.flags & ~MNT_RDONLY) | (flags & KEPT);
      return 0;
    }));
}

/** The mount a path names: its root, or the device it was made from. */
function unmount(vfs: Vfs, lwp: Lwp, path: string, flags: number): Async<number> {
  return then(lookup(lwp, path), ({ mount: m, node }) => {
    if (node !== m.volume.root || m === vfs.root) throw errno.EINVAL;
    if (lwp.proc.cred.euid !== 0 && lwp.proc.cred.uid !== m.info.owner) throw errno.EPERM;
    return then(vfs.unmount(m, (flags & MNT_FORCE) !== 0), () => 0);
  });
}

function fillStatvfs(into: Uint8Array, m: Mount, s: StatFs): void {
  const d = viewOf(into);
  const { set } = Statvfs;
  set.flag(d, 0, m.info.flags);
  for (const field of ["bsize", "frsize", "iosize"] as const) set[field](d, 0, s.blockSize);
  set.blocks(d, 0, s.blocks);
  set.bfree(d, 0, s.free);
  set.bavail(d, 0, s.available ?? s.free);
  set.files(d, 0, s.files ?? 0);
  set.ffree(d, 0, s.filesFree ?? 0);
  set.favail(d, 0, s.filesFree ?? 0);
  set.fsidx0(d, 0, m.dev);
  set.fsid(d, 0, m.dev);
  set.namemax(d, 0, s.nameMax ?? 255);
  set.owner(d, 0, m.info.owner);
  set.fstypename(d, 0, m.info.type);
  set.mntonname(d, 0, m.info.on);
  set.mntfromname(d, 0, m.info.from);
}
function statvfs(vnode: Vnode, buf: Uint8Array): Async<number> {
  return then(vnode.mount.volume.statfs(), (s) => {
    fillStatvfs(buf, vnode.mount, s);
    return 0;
  });
}
function getvfsstat(vfs: Vfs, buf: Uint8Array | undefined): Async<number> {
  const shown = vfs.mounts.filter((m) => m.info.on !== "");
  if (!buf) return shown.length;
  const fit = shown.slice(0, Math.floor(buf.length / Statvfs.size));
  const fill = (m: Mount, i: number) =>
    then(m.volume.statfs(), (s) => fillStatvfs(buf.subarray(i * Statvfs.size, (i + 1) * Statvfs.size), m, s));
  return then(fit.reduce<Async<void>>((done, m, i) => then(done, () => fill(m, i)), undefined), () => fit.length);
}

/** A directory one may go to. */
function directory(lwp: Lwp, vnode: Vnode): Async<Vnode> {
  return then(vnode.mount.volume.getattr(vnode.node), (attr) => {
    if (attr.type !== "dir") throw errno.ENOTDIR;
    access(attr, lwp.proc.cred, EXECUTE);
    return vnode;
  });
}
function go(vfs: Vfs, lwp: Lwp, vnode: Vnode): Async<number> {
  return then(directory(lwp, vnode), (dir) => then(vfs.move(cwdiOf(lwp), "cwd", dir), () => 0));
}
function chroot(vfs: Vfs, lwp: Lwp, where: () => Async<Vnode>): Async<number> {
  requireRoot(lwp);
  const cwdi: Cwdi = cwdiOf(lwp);
  return then(
    where(),
    (vnode) => then(directory(lwp, vnode), (dir) => then(vfs.move(cwdi, "root", dir), () => 0)),
  );
}
/** The path from the process's root; ENOENT when the directory is not below it. */
function getcwd(lwp: Lwp, into: Uint8Array): number {
  const { cwd, root } = cwdiOf(lwp);
  if (into.length === 0) throw errno.EINVAL;
  const [path, base] = [pathOf(cwd), pathOf(root)];
  const below = base === "/"
    ? path
    : path === base
    ? "/"
    : path.startsWith(`${base}/`)
    ? path.slice(base.length)
    : undefined;
  if (below === undefined) throw errno.ENOENT;
  const bytes = encodeName(`${below}\0`);
  if (bytes.length > into.length) throw errno.ERANGE;
  into.set(bytes);
  return bytes.length;
}

type Names =
  | "mount"
  | "unmount"
  | "statvfs1"
  | "fstatvfs1"
  | "getvfsstat"
  | "sync"
  | "chdir"
  | "fchdir"
  | "chroot"
  | "fchroot"
  | "__getcwd";
export const mountCalls = (vfs: Vfs): Handlers<Names> => ({
  mount: (lwp, { type, path, flags, data }) => mount(vfs, lwp, type, path, flags, data),
  unmount: (lwp, { path, flags }) => unmount(vfs, lwp, path, flags),
  statvfs1: (lwp, { path, buf }) => then(lookup(lwp, path), (v) => statvfs(v, buf)),
  fstatvfs1: (lwp, { fd, buf }) => statvfs(vnodeOf(lwp, fd), buf),
  getvfsstat: (_lwp, { buf }) => getvfsstat(vfs, buf),
  sync: () => vfs.sync().then(() => 0),
  chdir: (lwp, { path }) => then(lookup(lwp, path), (v) => go(vfs, lwp, v)),
  fchdir: (lwp, { fd }) => go(vfs, lwp, dirOf(lwp, fd)),
  chroot: (lwp, { path }) => chroot(vfs, lwp, () => lookup(lwp, path)),
  fchroot: (lwp, { fd }) => chroot(vfs, lwp, () => dirOf(lwp, fd)),
  __getcwd: (lwp, { bufp }) => getcwd(lwp, bufp),
});
