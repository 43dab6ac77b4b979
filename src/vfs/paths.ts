/** Whole paths of directories, by where they were last seen (NetBSD: vfs_getcwd.c). */
import { errno } from "../abi/errno.ts";
import { Vnode } from "./mount.ts";

/** Deepest tree that is climbed: directories that a driver moved into themselves have no end. */
const DEPTH = 10_000;
/** The absolute path of a directory, for the mount list. ENOENT when it has none, ELOOP when it is too deep. */
export function pathOf(vnode: Vnode): string {
  const names: string[] = [];
  let at: Vnode | undefined = vnode;
  for (let i = 0; at; i++) {
    const { mount, node }: Vnode = at;
    if (i > DEPTH) throw errno.ELOOP;
    if (mount.isRemoved(node)) throw errno.ENOENT;
    if (node === mount.volume.root) {
      at = mount.covered;
      continue;
    }
    const place = mount.place(node);
    if (!place) throw errno.ENOENT;
    names.push(place.name);
    at = new Vnode(mount, place.dir);
  }
  return `/${names.reverse().join("/")}`;
}
