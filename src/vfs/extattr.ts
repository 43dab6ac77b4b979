/** Extended attributes by name space: the same as setxattr(2)'s, whose names begin with the space's (NetBSD: vfs_xattr.c). */
import { errno } from "../abi/errno.ts";
import { then } from "../lib/async.ts";
import { encodeName } from "../lib/text.ts";
import type { Handlers } from "../kern/dispatch.ts";
import { requireRoot } from "../kern/identity.ts";
import type { Lwp } from "../kern/proc.ts";
import type { Async } from "../plugin.ts";
import { access, READ } from "./access.ts";
import { vnodeOf } from "./file.ts";
import type { Vnode } from "./mount.ts";
import { lookup } from "./namei.ts";
import { checkAttributeName, remove, set } from "./xattr.ts";

/** EXTATTR_NAMESPACE_* (sys/extattr.h). */
const spaces: Readonly<Record<number, string>> = { 1: "user.", 2: "system." };
const SYSTEM = 2;
/** Longest name in a list: a byte says how long it is. */
const MOST = 255;

/** How names of a space begin. EINVAL: there is none; EPERM: it is the super-user's. */
function prefixOf(lwp: Lwp, space: number): string {
  const prefix = spaces[space];
  if (prefix === undefined) throw errno.EINVAL;
  if (space === SYSTEM) requireRoot(lwp);
  return prefix;
}
/** As much as fits; without a buffer how long it is. */
function give(value: Uint8Array, into: Uint8Array | undefined): number {
  if (!into) return value.length;
  const part = value.subarray(0, into.length);
  into.set(part);
  return part.length;
}
type Work = (vnode: Vnode, lwp: Lwp) => Async<number>;

const get = (space: number, name: string, into: Uint8Array | undefined): Work => ({ mount: { volume }, node }, lwp) => {
  const full = prefixOf(lwp, space) + name;
  checkAttributeName(name);
  return then(volume.getattr(node), (attr) => {
    access(attr, lwp.proc.cred, READ);
    return then(volume.getxattr(node, full), (value) => {
      if (!value) throw errno.ENOATTR;
      return give(value, into);
    });
  });
};
const put = (space: number, name: string, data: Uint8Array): Work => (vnode, lwp) => {
  const full = prefixOf(lwp, space) + name;
  checkAttributeName(name);
  return then(set(full, data, 0)(vnode, lwp), () => data.length);
};
const drop = (space: number, name: string): Work => (vnode, lwp) => {
  checkAttributeName(name);
  return remove(prefixOf(lwp, space) + name)(vnode, lwp);
};
const list = (space: number, into: Uint8Array | undefined): Work => ({ mount: { volume }, node }, lwp) => {
  const prefix = prefixOf(lwp, space);
  return then(volume.listxattr(node), (names) => {
    const own = [...names].filter((n) => n.startsWith(prefix)).map((n) => encodeName(n.slice(prefix.length)));
    return give(behindLengths(own.filter((n) => n.length <= MOST)), into);
  });
};
function behindLengths(names: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(names.reduce((n, name) => n + 1 + name.length, 0));
  let at = 0;
  for (const name of names) {
    out[at] = name.length;
    out.set(name, at + 1);
    at += 1 + name.length;
  }
  return out;
}
const at = (lwp: Lwp, path: string, follow: boolean, work: Work) =>
  then(lookup(lwp, path, follow), (v) => work(v, lwp));

type Names = `extattr_${"get" | "set" | "delete" | "list"}_${"file" | "fd" | "link"}`;
export const extattrCalls: Handlers<Names> = {
  extattr_set_file: (lwp, { path, attrnamespace: s, attrname: n, data }) => at(lwp, path, true, put(s, n, data)),
  extattr_set_link: (lwp, { path, attrnamespace: s, attrname: n, data }) => at(lwp, path, false, put(s, n, data)),
  extattr_set_fd: (lwp, { fd, attrnamespace: s, attrname: n, data }) => put(s, n, data)(vnodeOf(lwp, fd), lwp),
  extattr_get_file: (lwp, { path, attrnamespace: s, attrname: n, data }) => at(lwp, path, true, get(s, n, data)),
  extattr_get_link: (lwp, { path, attrnamespace: s, attrname: n, data }) => at(lwp, path, false, get(s, n, data)),
  extattr_get_fd: (lwp, { fd, attrnamespace: s, attrname: n, data }) => get(s, n, data)(vnodeOf(lwp, fd), lwp),
  extattr_delete_file: (lwp, { path, attrnamespace: s, attrname: n }) => at(lwp, path, true, drop(s, n)),
  extattr_delete_link: (lwp, { path, attrnamespace: s, attrname: n }) => at(lwp, path, false, drop(s, n)),
  extattr_delete_fd: (lwp, { fd, attrnamespace: s, attrname: n }) => drop(s, n)(vnodeOf(lwp, fd), lwp),
  extattr_list_file: (lwp, { path, attrnamespace: s, data }) => at(lwp, path, true, list(s, data)),
  extattr_list_link: (lwp, { path, attrnamespace: s, data }) => at(lwp, path, false, list(s, data)),
  extattr_list_fd: (lwp, { fd, attrnamespace: s, data }) => list(s, data)(vnodeOf(lwp, fd), lwp),
};
