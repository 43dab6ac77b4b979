/** Mounts and vnodes: a driver's node on a mounted volume, held by whoever needs it to stay (NetBSD: vnode(9), vfs(9)). */
import { errno } from "../abi/errno.ts";
import { MNT_RDONLY } from "../abi/flags.ts";
import { then } from "../lib/async.ts";
import type { Async, BlockDevice, Volume } from "../plugin.ts";
import { complete, type FullVolume } from "./defaults.ts";

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

let nextDev = 0xab01;

/** A mounted volume and how often each of its nodes is held. */
export class Mount {
  readonly info: MountInfo;
  readonly volume: FullVolume;
  readonly device: BlockDevice | undefined;
  /** st_dev and the fsid: unique per mount. */
  readonly dev: number = nextDev++;
  /** The directory this mount hides; undefined for the root file system. */
  covered: Vnode | undefined;
  /** Mounts on directories of this volume, by node. */
  readonly covers = new Map<unknown, Mount>();
  readonly #held = new Map<unknown, number>();
  readonly stats = { syncWrites: 0, asyncWrites: 0, reads: 0 };

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
  /** EROFS unless it may be changed. */
  writable(): FullVolume {
    if (this.readOnly) throw errno.EROFS;
    return this.volume;
  }
  hold(node: unknown): void {
    this.#held.set(node, (this.#held.get(node) ?? 0) + 1);
  }
  /** Give back `n` holds; the driver is told when the last one goes. */
  release(node: unknown, n = 1): Async<void> {
    const left = (this.#held.get(node) ?? 0) - n;
    if (left > 0) {
      this.#held.set(node, left);
      return undefined;
    }
    this.#held.delete(node);
    return this.volume.inactive(node);
  }
  isHeld(node: unknown): boolean {
    return this.#held.has(node);
  }
  /** How many nodes somebody holds: not 0 is EBUSY for unmount(2). */
  get inUse(): number {
    return this.#held.size;
  }
  sync(): Async<void> {
    return this.readOnly ? undefined : this.volume.sync();
  }
  /** Write everything and close the device. The mount is not usable afterwards, even when this fails. */
  finish(): Async<void> {
    return then(this.volume.unmount(), () => this.device?.close?.());
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
