/** Mounts and vnodes: a driver's node on a mounted volume, held by whoever needs it to stay (NetBSD: vnode(9), vfs(9)). */
import { errno } from "../abi/errno.ts";
import { MNT_RDONLY, NOTE_ATTRIB, NOTE_WRITE } from "../abi/flags.ts";
import { lastly } from "../lib/async.ts";
import { Locks } from "../kern/locks.ts";
import type { Async, BlockDevice, FileType, Volume } from "../plugin.ts";
import { complete, deadVolume, type FullVolume } from "./defaults.ts";

/** What a mount is called and how it was made. */
export interface MountInfo {
  /** Driver's name: `msdos`. */
  readonly type: string;
  /** What is mounted: `/dev/fat`, `tmpfs`. */
  from: string;
  /** Where, as an absolute path. */
  on: string;
  /** MNT_* flags. */
  flags: number;
  /** Owner: the user who mounted. */
  owner: number;
}

/** What a name means: known because a slow driver said so. */
export interface Known {
  readonly node: unknown;
  readonly type: FileType;
}
/** Where a directory stands. */
export interface Place {
  readonly dir: unknown;
  readonly name: string;
}

/** Who keeps track of what all files of a kernel are: a file system that the host sees them through. */
export interface Observer {
  /** Something happened to a file (undefined: to any of the mount), or to the names in it. */
  happened(mount: Mount, node: unknown, names: boolean): void;
  /** Files that are held only so as to be known again need not be: the mount may go. */
  letGo(mount: Mount): void;
}

let nextDev = 0xab01;
/** Names a mount remembers; then it starts anew. */
const MAX_NAMES = 20_000;

/** A mounted volume, how often each of its nodes is held, and what is known of its names. */
export class Mount {
  readonly info: MountInfo;
  /** All fails with EIO once it is unmounted. */
  volume: FullVolume;
  readonly device: BlockDevice | undefined;
  /** Those of all mounts of a kernel: the same set. */
  observers: ReadonlySet<Observer> = new Set();
  /** st_dev and the fsid: unique per mount. */
  readonly dev: number = nextDev++;
  /** The file this mount hides; undefined for the root file system and what is mounted outside the name space. */
  covered: Vnode | undefined;
  /** Mounts on files of this volume, by node. */
  readonly covers = new Map<unknown, Mount>();
  readonly #held = new Map<unknown, number>();
  /** Removed directories that somebody still holds: nothing can be made in them. */
  readonly #removed = new Set<unknown>();
  readonly #locks = new Map<unknown, Locks>();
  /** Who waits for whose locks, on this volume. */
  readonly #lockWaits = new Map<object, object>();
  /** Name cache, by directory; only what came by a promise: what is at hand needs none. `null`: no such name. */
  readonly #names = new Map<unknown, Map<string, Known | null>>();
  #nameCount = 0;
  /** Counts changes of names: what was looked up before one is not remembered after it. */
  #changes = 0;
  /** Parents of directories, as last seen: what ".." and getcwd(3) go by. */
  readonly #places = new WeakMap<object, Place>();
  readonly #primitivePlaces = new Map<unknown, Place>();

  constructor(volume: Volume, device: BlockDevice | undefined, info: MountInfo) {
    this.volume = complete(volume);
    this.device = device;
    this.info = info;
    if (this.volume.readOnly) info.flags |= MNT_RDONLY;
  }
  get root(): Vnode {
    return new Vnode(this, this.volume.root);
  }
  get readOnly(): boolean {
    return (this.info.flags & MNT_RDONLY) !== 0;
  }
  /** The volume, or EROFS when it may not be changed. */
  writable(): FullVolume {
    if (this.readOnly) throw errno.EROFS;
    return this.volume;
  }

  hold(node: unknown): void {
    const had = this.#held.get(node) ?? 0;
    this.#held.set(node, had + 1);
    if (had === 0) this.volume.active(node);
  }
  /** Give back `n` holds; the driver is told when the last one goes. */
  release(node: unknown, n = 1): Async<void> {
    const left = (this.#held.get(node) ?? 0) - n;
    if (left > 0) {
      this.#held.set(node, left);
      return undefined;
    }
    this.#held.delete(node);
    this.#removed.delete(node);
    this.#locks.delete(node);
    return this.volume.inactive(node);
  }
  /** The advisory locks on an open file. */
  locksOn(node: unknown): Locks {
    let locks = this.#locks.get(node);
    if (!locks) this.#locks.set(node, locks = new Locks(this.#lockWaits));
    return locks;
  }
  unlock(node: unknown, owner: object): void {
    const locks = this.#locks.get(node);
    locks?.clear(owner);
    if (locks?.empty) this.#locks.delete(node);
  }
  /** A directory lost its name. */
  removed(node: unknown): void {
    if (this.#held.has(node)) this.#removed.add(node);
  }
  isRemoved(node: unknown): boolean {
    return this.#removed.size > 0 && this.#removed.has(node);
  }
  isHeld(node: unknown): boolean {
    return this.#held.has(node);
  }
  /** Whether somebody holds a node, or something is mounted on one: EBUSY for unmount(2). */
  get busy(): boolean {
    this.forgetNames();
    for (const observer of this.observers) observer.letGo(this);
    return this.#held.size > 0;
  }

  /** The node of a name, from memory or from the driver; undefined: no such name. */
  lookup(dir: unknown, name: string): Async<Known | undefined> {
    if (this.#nameCount > 0) {
      const known = this.#names.get(dir)?.get(name);
      if (known !== undefined) return known ?? undefined;
    }
    const { volume } = this;
    const found = volume.lookup(dir, name);
    if (found instanceof Promise) {
      const changes = this.#changes;
      return found.then((node) => this.#remember(dir, name, node, changes));
    }
    if (found === undefined) return undefined;
    const attr = volume.getattr(found);
    return attr instanceof Promise
      ? attr.then(({ type }) => ({ node: found, type }))
      : { node: found, type: attr.type };
  }
  async #remember(dir: unknown, name: string, node: unknown, changes: number): Promise<Known | undefined> {
    const known = node === undefined ? null : { node, type: (await this.volume.getattr(node)).type };
    if (changes !== this.#changes) return known ?? undefined;
    if (this.#nameCount >= MAX_NAMES) this.forgetNames();
    let names = this.#names.get(dir);
    if (!names) this.#names.set(dir, names = new Map());
    const old = names.get(name);
    if (old !== undefined) return old ?? undefined;
    names.set(name, known);
    this.#nameCount++;
    if (known) this.hold(known.node);
    return known ?? undefined;
  }
  readonly #listeners = new Map<unknown, Set<(note: number) => void>>();
  /** Be told of what becomes of a file (NOTE_*), until the result is called; who does holds the node. */
  listen(node: unknown, on: (note: number) => void): () => void {
    const all = this.#listeners.get(node) ?? new Set();
    this.#listeners.set(node, all.add(on));
    return () => {
      all.delete(on);
      if (all.size === 0) this.#listeners.delete(node);
    };
  }
  isHeard(node: unknown): boolean {
    return this.#listeners.size > 0 && this.#listeners.has(node);
  }
  happened(node: unknown, note: number): void {
    this.#observe(node, false);
    this.#tell(node, note);
  }
  #observe(node: unknown, names: boolean): void {
    if (this.observers.size === 0) return;
    for (const observer of this.observers) observer.happened(this, node, names);
  }
  #tell(node: unknown, note: number): void {
    if (this.#listeners.size === 0) return;
    for (const on of [...this.#listeners.get(node) ?? []]) on(note);
  }
  /** Told of what the driver says has changed by other hands: a file, a name in a directory, or everything. */
  readonly watchers = new Set<(node?: unknown, name?: string) => void>();
  /** Volumes that stand on this one are told of that, and of every change of a name that is not their own. */
  readonly layers = new Set<(node?: unknown, name?: string) => void>();
  /** The driver says so. */
  touched(node?: unknown, name?: string): void {
    this.#changes++;
    if (node === undefined || name === undefined) {
      this.forgetNames();
      this.#observe(node, node === undefined);
      for (const layer of this.layers) layer(node);
    } else this.changed(node, name);
    for (const each of node === undefined ? [...this.#listeners.keys()] : name === undefined ? [node] : []) {
      this.#tell(each, NOTE_WRITE | NOTE_ATTRIB);
    }
    for (const watcher of this.watchers) watcher(node, name);
  }
  /** A name in `dir` was made, removed or moved; `by` the layer that does not need to hear of it. */
  changed(dir: unknown, name: string, by?: (node?: unknown, name?: string) => void): void {
    this.#changes++;
    this.#observe(dir, true);
    this.#tell(dir, NOTE_WRITE);
    if (this.layers.size > 0) { for (const layer of this.layers) if (layer !== by) layer(dir, name); }
    const names = this.#names.get(dir);
    if (!names) return;
    if (!this.volume.foldsCase) return this.#forget(names, name);
    for (const each of [...names.keys()]) this.#forget(names, each);
  }
  #forget(names: Map<string, Known | null>, name: string): void {
    const known = names.get(name);
    if (known === undefined) return;
    names.delete(name);
    this.#nameCount--;
    if (known) void this.#quietly(known.node);
  }
  /** Release a node for its name's sake: what goes wrong with its room is told by the next sync. */
  async #quietly(node: unknown): Promise<void> {
    try {
      await this.release(node);
    } catch {
      // nobody asked for this
    }
  }
  forgetNames(): void {
    for (const names of this.#names.values()) {
      for (const name of [...names.keys()]) this.#forget(names, name);
    }
    this.#names.clear();
  }

  /** A directory was seen at a place. */
  seen(node: unknown, dir: unknown, name: string): void {
    const old = this.place(node);
    if (old && old.dir === dir && old.name === name) return;
    if (typeof node === "object" && node !== null) this.#places.set(node, { dir, name });
    else this.#primitivePlaces.set(node, { dir, name });
  }
  /** Where a directory stands; undefined for the root, and for one never reached by name. */
  place(node: unknown): Place | undefined {
    return typeof node === "object" && node !== null ? this.#places.get(node) : this.#primitivePlaces.get(node);
  }

  sync(): Async<void> {
    return this.readOnly ? undefined : this.volume.sync();
  }
  /** Write everything and close the device. The mount is not usable afterwards, even when this fails. */
  finish(): Async<void> {
    this.forgetNames();
    const { volume } = this;
    this.volume = deadVolume(volume.root);
    return lastly(() => volume.unmount(), () => this.device?.close?.());
  }
}

/** A file of a mounted volume. Two vnodes are the same file when `same` says so, not by identity. */
export class Vnode {
  readonly mount: Mount;
  readonly node: unknown;
  constructor(mount: Mount, node: unknown) {
    this.mount = mount;
    this.node = node;
  }
  same(other: Vnode): boolean {
    return this.node === other.node && this.mount === other.mount;
  }
  hold(): this {
    this.mount.hold(this.node);
    return this;
  }
  release(): Async<void> {
    return this.mount.release(this.node);
  }
}
