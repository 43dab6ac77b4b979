/** Files whose text is made when they are read, by path: what kernfs and procfs are made of. */
import type { Errnos } from "../plugin.ts";
import { encodeName } from "./text.ts";
import type { PathAttr, PathDriver } from "./path_volume.ts";

/** What stands at a path: a directory's names, a file's text and what is done with what is written to it, a link's target. */
export type Shown =
  | { readonly names: () => Iterable<string>; readonly uid?: number; readonly gid?: number }
  | {
    readonly text: () => string;
    readonly write?: (text: string) => void;
    readonly uid?: number;
    readonly gid?: number;
  }
  | { readonly target: () => string };

/** Longest text that can be written. */
const MOST = 4096;

/** Path operations on what `find` says is there; `now` in milliseconds since 1970: every file is as new as it is looked at. */
export function shownFiles(errno: Errnos, now: () => number, find: (path: string) => Shown | undefined): PathDriver {
  const at = (path: string): Shown => {
    const shown = find(path);
    if (!shown) throw errno.ENOENT;
    return shown;
  };
  const bytesOf = (shown: Shown) =>
    encodeName("text" in shown ? shown.text() : "target" in shown ? shown.target() : "");
  return {
    changing: true,
    validSeconds: 0,
    getattr(path) {
      const shown = find(path);
      return shown && attrOf(shown, bytesOf(shown).length, now());
    },
    readdir(path) {
      const shown = at(path);
      if (!("names" in shown)) throw errno.ENOTDIR;
      return shown.names();
    },
    readlink(path) {
      const shown = at(path);
      if (!("target" in shown)) throw errno.EINVAL;
      return shown.target();
    },
    read(path, into, offset) {
      const bytes = bytesOf(at(path)).subarray(offset, offset + into.length);
      into.set(bytes);
      return bytes.length;
    },
    write(path, from) {
      const shown = at(path);
      if (!("text" in shown) || !shown.write) throw errno.EPERM;
      if (from.length > MOST) throw errno.EINVAL;
      shown.write(new TextDecoder().decode(from));
      return from.length;
    },
    // What is written takes the place of what was there: `>` cuts it first.
    setattr(path, change) {
      const shown = at(path);
      const cut = Object.keys(change).every((name) => /^(size|[am]time(nsec)?)$/.test(name));
      if (!cut || !("text" in shown) || !shown.write) throw errno.EPERM;
    },
  };
}
function attrOf(shown: Shown, size: number, ms: number): PathAttr {
  const sec = Math.floor(ms / 1000);
  const nsec = Math.floor((ms - sec * 1000) * 1e6);
  const time = { atime: sec, atimensec: nsec, mtime: sec, mtimensec: nsec, ctime: sec, ctimensec: nsec };
  const { uid = 0, gid = 0 } = "target" in shown ? {} : shown;
  if ("names" in shown) return { type: "dir", mode: 0o555, nlink: 2, size: 512, uid, gid, ...time };
  if ("target" in shown) return { type: "link", mode: 0o777, size, uid, gid, ...time };
  return { type: "file", mode: shown.write ? 0o644 : 0o444, size, uid, gid, ...time };
}
