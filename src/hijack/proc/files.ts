/** Files that are made when they are read, as a volume: what Linux has in /proc (proc(5)). */
import { errno } from "../../abi/errno.ts";
import { HOST_OPEN } from "../../fuse/owners.ts";
import type { Opens } from "../../fuse/server.ts";
import { then } from "../../lib/async.ts";
import { decodeName } from "../../lib/text.ts";
import type { Async, Attr, SetAttr, StatFs, Volume } from "../../plugin.ts";

/** A directory. The same name gives the same node, for as long as the directory is there. */
export interface Dir {
  readonly names: () => Async<Iterable<string>>;
  /** Undefined: there is none. */
  readonly find: (name: string) => Async<Made | undefined>;
}
/** A file. Its text is made when it is read from its beginning; what is written is one value. */
export interface File {
  readonly read: () => Async<string>;
  /** Throws EINVAL for what is no value of it. */
  readonly write?: (text: string) => Async<void>;
}
/** A symbolic link. */
export interface Link {
  readonly target: string;
}
/** Any of them. */
export type Made = Dir | File | Link;

const isDir = (node: Made): node is Dir => "find" in node;
const isFile = (node: Made): node is File => "read" in node;
/** A value that is written is no longer than a page. */
const MOST_WRITTEN = 4096;
/** What can be a name of a file: others have made it. */
const PLAIN = /^(?!\.{1,2}$)[^/\0]{1,255}$/;
const EMPTY: StatFs = { blockSize: 4096, blocks: 0, free: 0 };

/** A directory of nodes that are always there. */
export function dir(nodes: Readonly<Record<string, Made>>): Dir {
  const all = new Map(Object.entries(nodes));
  return { names: () => all.keys(), find: (name) => all.get(name) };
}
/** Nodes of names that come and go: the same key gives the same node. */
export function keeper<T extends Made>(): (key: string, make: () => T) => T {
  const all = new Map<string, T>();
  return (key, make) => {
    const node = all.get(key) ?? make();
    all.set(key, node);
    return node;
  };
}

/** See the head of this file. */
export class MadeFiles implements Volume<Made>, Opens {
  readonly root: Made;
  /** Sizes are not known before. */
  readonly direct: NonNullable<Opens["direct"]> = {
    read: (opening, node, into, offset) => this.#read(opening, node as Made, into, offset),
    release: (opening) => void this.#texts.delete(opening),
  };
  readonly #owner: { readonly uid: number; readonly gid: number };
  readonly #since: number;
  readonly #numbers = new WeakMap<Made, number>();
  #last = 0;
  /** What is read, by opening. */
  readonly #texts = new Map<number, Uint8Array>();

  constructor(root: Dir, owner: { readonly uid: number; readonly gid: number }, now: number) {
    this.root = root;
    this.#owner = owner;
    this.#since = Math.floor(now / 1000);
  }
  getattr(node: Made): Attr {
    const { uid, gid } = this.#owner;
    const [atime, mtime, ctime] = [this.#since, this.#since, this.#since];
    const same = { ino: this.#number(node), size: 0, uid, gid, atime, mtime, ctime };
    if (isDir(node)) return { ...same, type: "dir", mode: 0o555 };
    if (isFile(node)) return { ...same, type: "file", mode: node.write ? 0o644 : 0o444 };
    return { ...same, type: "link", mode: 0o777 };
  }
  #number(node: Made): number {
    const number = this.#numbers.get(node) ?? ++this.#last;
    this.#numbers.set(node, number);
    return number;
  }
  lookup(node: Made, name: string): Async<Made | undefined> {
    return isDir(node) ? node.find(name) : undefined;
  }
  async readdir(node: Made): Promise<[string, Made][]> {
    const list: [string, Made][] = [];
    if (!isDir(node)) return list;
    for (const name of await node.names()) {
      if (!PLAIN.test(name)) continue;
      const found = await node.find(name);
      if (found) list.push([name, found]);
    }
    return list;
  }
  readlink(node: Made): string {
    if ("target" in node) return node.target;
    throw errno.EINVAL;
  }
  #read(opening: number, node: Made, into: Uint8Array, offset: number): Async<number> {
    if (!isFile(node)) throw errno.EISDIR;
    const had = offset > 0 ? this.#texts.get(opening) : undefined;
    return then(had ?? this.#begun(opening, node), (bytes) => {
      const part = bytes.subarray(offset, offset + into.length);
      into.set(part);
      return part.length;
    });
  }
  #begun(opening: number, node: File): Async<Uint8Array> {
    return then(node.read(), (text) => {
      const bytes = new TextEncoder().encode(text);
      this.#texts.set(opening, bytes);
      return bytes;
    });
  }
  write(node: Made, from: Uint8Array): Async<number> {
    if (!isFile(node) || !node.write) throw errno.EACCES;
    const length = from.length;
    if (length > MOST_WRITTEN) throw errno.EINVAL;
    return then(node.write(decodeName(from).replace(/[\s\0]+$/, "")), () => length);
  }
  /** Who writes a file cuts it first: that means nothing here. */
  setattr(_node: Made, { mode, uid, gid }: SetAttr): void {
    if (mode !== undefined || uid !== undefined || gid !== undefined) throw errno.EPERM;
  }
  open(node: Made, flags: number): boolean {
    if (flags & HOST_OPEN.ACCMODE && !(isFile(node) && node.write)) throw errno.EACCES;
    return true;
  }
  release(): void {}
  create(): never {
    throw errno.ENOENT;
  }
  statfs(): StatFs {
    return EMPTY;
  }
}
