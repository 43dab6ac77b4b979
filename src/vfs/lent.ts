/** Mounted directories lent to drivers that stand on others: what is done by a layer is done as the kernel does it (layerfs). */
import { errno } from "../abi/errno.ts";
import { NOTE_ATTRIB, NOTE_DELETE, NOTE_LINK, NOTE_RENAME, NOTE_WRITE } from "../abi/flags.ts";
import { then } from "../lib/async.ts";
import type { Async, Attr, Sys, WholeVolume } from "../plugin.ts";
import { defaults } from "./defaults.ts";
import type { Mount, Vnode } from "./mount.ts";

type Operation = keyof typeof defaults | "getattr" | "lookup" | "readdir";
type Op = (...args: never[]) => unknown;

/** What changes a file, and what those who watch it are told. */
const changes: Readonly<Partial<Record<Operation, number>>> = {
  write: NOTE_WRITE,
  setattr: NOTE_ATTRIB,
  setxattr: NOTE_ATTRIB,
  removexattr: NOTE_ATTRIB,
  allocate: NOTE_WRITE,
  punch: NOTE_WRITE,
};
const making = ["create", "mkdir", "mknod", "symlink"] as const;

/** The directory and what is below it, held until `unmount`. ENOTDIR for anything else. */
export function lent(at: Vnode, sys: Sys): Async<WholeVolume> {
  return then(at.mount.volume.getattr(at.node), ({ type }: Attr) => {
    if (type !== "dir") throw errno.ENOTDIR;
    return lentDirectory(at, sys);
  });
}
function lentDirectory(at: Vnode, sys: Sys): WholeVolume {
  const { mount, node: root } = at.hold();
  const layer = (node?: unknown, name?: string) => sys.changed(volume, node, name);
  mount.layers.add(layer);
  const volume = {
    ...plain(mount),
    ...naming(mount, layer),
    root,
    // Facts may change with the mount's flags.
    get readOnly() {
      return mount.readOnly;
    },
    foldsCase: mount.volume.foldsCase ?? false,
    changing: mount.volume.changing ?? false,
    validSeconds: mount.volume.validSeconds,
    label: mount.volume.label ?? mount.info.from,
    active: (node: unknown) => mount.hold(node),
    inactive: (node: unknown) => mount.release(node),
    sync: () => mount.sync(),
    update: () => undefined,
    unmount() {
      mount.layers.delete(layer);
      return at.release();
    },
  } as unknown as WholeVolume;
  return volume;
}
/** Operations on files: the driver's as long as it is mounted, and may be written. */
function plain(mount: Mount): Record<string, Op> {
  const ops: Record<string, Op> = {};
  for (const name of ["getattr", "lookup", "readdir", ...Object.keys(defaults)] as Operation[]) {
    const note = changes[name];
    ops[name] = note === undefined
      ? (...args) => (mount.volume[name] as Op)(...args)
      : (...args) =>
        then((mount.writable()[name] as Op)(...args), (value) => {
          mount.happened(args[0], note);
          return value;
        });
  }
  return ops;
}
/** Operations on names: the mount's memory of them, and of where directories stand, stays true. */
function naming(mount: Mount, layer: (node?: unknown, name?: string) => void): Record<string, Op> {
  const changed = (dir: unknown, name: string) => mount.changed(dir, name, layer);
  /** Where something can be made. */
  const within = (dir: unknown) => {
    if (mount.isRemoved(dir)) throw errno.ENOENT;
    return mount.writable();
  };
  const make = (op: (typeof making)[number]): Op => (dir: unknown, name: string, ...rest: never[]) =>
    then((within(dir)[op] as (...args: unknown[]) => Async<unknown>)(dir, name, ...rest), (node) => {
      changed(dir, name);
      return node;
    });
  const remove = (op: "unlink" | "rmdir"): Op => (dir: unknown, name: string, node: unknown) =>
    then(mount.writable()[op](dir, name, node), () => {
      changed(dir, name);
      if (op === "rmdir") mount.removed(node);
      mount.happened(node, NOTE_DELETE);
    });
  const move = (node: unknown, dir: unknown, name: string) => {
    if (mount.place(node)) mount.seen(node, dir, name);
    changed(dir, name);
    mount.happened(node, NOTE_RENAME);
  };
  return {
    ...Object.fromEntries(making.map((op) => [op, make(op)])),
    unlink: remove("unlink"),
    rmdir: remove("rmdir"),
    link: (node: unknown, dir: unknown, name: string) =>
      then(within(dir).link(node, dir, name), () => {
        changed(dir, name);
        mount.happened(node, NOTE_LINK);
      }),
    rename: (from: unknown, fromName: string, node: unknown, to: unknown, toName: string, target: unknown) =>
      then(within(to).rename(from, fromName, node, to, toName, target), () => {
        changed(from, fromName);
        move(node, to, toName);
        if (target !== undefined) mount.removed(target);
      }),
    exchange: (from: unknown, fromName: string, to: unknown, toName: string) =>
      then(within(to).exchange(from, fromName, to, toName), () => {
        changed(from, fromName);
        changed(to, toName);
        // Directories among them stand elsewhere now.
        const seen = (dir: unknown, name: string) =>
          then(mount.volume.lookup(dir, name), (node) => node !== undefined && move(node, dir, name));
        return then(seen(from, fromName), () => then(seen(to, toName), () => undefined));
      }),
  };
}
