/** Device nodes (NetBSD: specfs, etfs, mem(4), rnd(4)): what opening a chr or blk node gives, by device number. */
import { errno, type SysError } from "../abi/errno.ts";
import { lastly, then } from "../lib/async.ts";
import { File, type Fileops } from "../kern/file.ts";
import type { Async, Attr, BlockDevice, Buffers, Sys } from "../plugin.ts";
import { fillStat } from "./access.ts";
import type { Vnode } from "./mount.ts";

/** What a character device does. Offsets are given for those that have a position. */
export interface CharDevice {
  read?(into: Uint8Array, offset: number): Async<number>;
  write?(from: Uint8Array, offset: number): Async<number>;
  readonly seekable?: boolean;
}
type Entry = { readonly char: CharDevice } | { readonly clone: () => Fileops } | { readonly disk: Disk };

/** A disk and the one cache all its openers share. */
interface Disk {
  readonly device: BlockDevice;
  buffers: Buffers | undefined;
  /** A file system is on it: nobody else may write, or mount it again. */
  mounted: boolean;
}
const BUFFER = 4096;

/** All devices of a kernel, by type and number. */
export class Devices {
  readonly #sys: Sys;
  readonly #table = new Map<string, Entry>();
  readonly #disks = new Set<Disk>();

  constructor(sys: Sys) {
    this.#sys = sys;
  }
  addChar(rdev: number, char: CharDevice): void {
    this.#table.set(`chr ${rdev}`, { char });
  }
  /** A character device whose opens are each one of their own. */
  addClone(rdev: number, clone: () => Fileops): void {
    this.#table.set(`chr ${rdev}`, { clone });
  }
  /** A disk as block device and as its raw twin. */
  addDisk(block: number, raw: number, device: BlockDevice): void {
    const disk: Disk = { device, buffers: undefined, mounted: false };
    this.#disks.add(disk);
    this.#table.set(`blk ${block}`, { disk });
    this.#table.set(`chr ${raw}`, { disk });
  }
  /** The disk behind a block device node, for mount(2); ENXIO when there is none. */
  disk(attr: Attr): Disk {
    if (attr.type !== "blk") throw errno.ENOTBLK;
    const entry = this.#table.get(`blk ${attr.rdev}`);
    if (!entry || !("disk" in entry)) throw errno.ENXIO;
    return entry.disk;
  }
  open(vnode: Vnode, attr: Attr, flags: number): Async<File> {
    const entry = this.#table.get(`${attr.type} ${attr.rdev}`);
    if (!entry) throw errno.ENXIO;
    if ("char" in entry) return new File(new SpecFile(vnode, charIo(entry.char)), flags);
    if ("clone" in entry) return new File(entry.clone(), flags);
    const { disk } = entry;
    if (flags & 3 && !disk.device.write) throw errno.EROFS;
    if (flags & 3 && disk.mounted) throw errno.EBUSY;
    return new File(new SpecFile(vnode, attr.type === "blk" ? this.#cached(disk) : rawIo(disk.device)), flags);
  }
  /** Write what block devices hold back. */
  sync(): Async<void> {
    return [...this.#disks].reduce<Async<void>>((done, d) => then(done, () => flush(d)), undefined);
  }
  /** Everything written, every disk closed. */
  close(): Async<void> {
    return then(
      this.sync(),
      () => [...this.#disks].reduce<Async<void>>((done, d) => then(done, () => d.device.close?.()), undefined),
    );
  }
  /** Memory is short: write back. A failure leaves the blocks dirty, and is told by the next sync or close. */
  #relieve(disk: Disk): void {
    const failed = (e: unknown) => this.#sys.log(`${disk.device.name}: ${e instanceof Error ? e.message : e}`);
    try {
      const done = flush(disk);
      if (done instanceof Promise) done.catch(failed);
    } catch (e) {
      failed(e);
    }
  }
  #cached(disk: Disk): Io {
    disk.buffers ??= this.#sys.buffers(disk.device, {
      size: Math.max(BUFFER, disk.device.blockSize),
      pressure: () => this.#relieve(disk),
    });
    return bufferedIo(disk.device, disk.buffers);
  }
}
/** Its cache must be written and forgotten before a file system takes the disk over. */
export function takeDisk(disk: Disk): Async<BlockDevice> {
  if (disk.mounted) throw errno.EBUSY;
  return then(flush(disk), () => {
    disk.buffers?.forget(0, Infinity);
    disk.mounted = true;
    const { device } = disk;
    // The disk stays when the file system goes: closing it is the kernel's.
    const close = () => void (disk.mounted = false);
    return {
      name: device.name,
      blockSize: device.blockSize,
      size: device.size,
      read: device.read.bind(device),
      ...(device.write ? { write: device.write.bind(device) } : {}),
      ...(device.flush ? { flush: device.flush.bind(device) } : {}),
      ...(device.discard ? { discard: device.discard.bind(device) } : {}),
      close,
    };
  });
}
function flush(disk: Disk): Async<void> {
  return then(disk.buffers?.flush(), () => disk.device.flush?.());
}

interface Io {
  /** What an ioctl it does not know is. */
  readonly noIoctl: SysError;
  readonly seekable: boolean;
  readonly size: number;
  read(into: Uint8Array, offset: number): Async<number>;
  write(from: Uint8Array, offset: number): Async<number>;
  sync(): Async<void>;
}
function charIo(device: CharDevice): Io {
  return {
    noIoctl: errno.ENODEV,
    seekable: device.seekable ?? true,
    size: 0,
    read(into, offset) {
      if (!device.read) throw errno.ENODEV;
      return device.read(into, offset);
    },
    write(from, offset) {
      if (!device.write) throw errno.ENODEV;
      return device.write(from, offset);
    },
    sync: () => undefined,
  };
}
/** How much of a transfer lies on the disk: 0 at its end, EINVAL beyond for writes. */
const within = (device: BlockDevice, length: number, offset: number) =>
  Math.max(0, Math.min(length, device.size - offset));

/** The raw device: whole blocks only, nothing cached. */
function rawIo(device: BlockDevice): Io {
  const aligned = (n: number, offset: number) => {
    if (offset % device.blockSize !== 0 || n % device.blockSize !== 0) throw errno.EINVAL;
  };
  return {
    noIoctl: errno.ENOTTY,
    seekable: true,
    size: device.size,
    read(into, offset) {
      const n = within(device, into.length, offset);
      aligned(n, offset);
      return n === 0 ? 0 : then(device.read(into.subarray(0, n), offset), () => n);
    },
    write(from, offset) {
      const n = within(device, from.length, offset);
      aligned(n, offset);
      if (n === 0 && from.length > 0) throw errno.ENOSPC;
      if (!device.write) throw errno.EROFS;
      return then(device.write(from.subarray(0, n), offset), () => n);
    },
    sync: () => device.flush?.(),
  };
}
/** The block device: any offset and length, through the buffer cache. */
function bufferedIo(device: BlockDevice, buffers: Buffers): Io {
  /** Go through the blocks of [offset, offset+n), `at` bytes done. */
  const each = (
    n: number,
    offset: number,
    use: (block: number, from: number, to: number, at: number) => Async<void>,
  ) => {
    const go = (at: number): Async<number> => {
      while (at < n) {
        const block = Math.floor((offset + at) / buffers.size);
        const from = (offset + at) % buffers.size;
        const to = Math.min(buffers.size, from + n - at);
        const done = use(block, from, to, at);
        at += to - from;
        if (done instanceof Promise) return done.then(() => go(at));
      }
      return n;
    };
    return go(0);
  };
  return {
    noIoctl: errno.ENOTTY,
    seekable: true,
    size: device.size,
    read: (into, offset) =>
      each(
        within(device, into.length, offset),
        offset,
        (block, from, to, at) => then(buffers.get(block), (b) => into.set(b.subarray(from, to), at)),
      ),
    write(from, offset) {
      const n = within(device, from.length, offset);
      if (n === 0 && from.length > 0) throw errno.ENOSPC;
      return each(
        n,
        offset,
        (block, start, to, at) => then(buffers.modify(block), (b) => b.set(from.subarray(at, at + to - start), start)),
      );
    },
    sync: () => then(buffers.flush(), () => device.flush?.()),
  };
}

/** An open device node. */
class SpecFile implements Fileops {
  readonly #vnode: Vnode;
  readonly #io: Io;
  constructor(vnode: Vnode, io: Io) {
    this.#vnode = vnode.hold();
    this.#io = io;
  }
  get seekable(): boolean {
    return this.#io.seekable;
  }
  about() {
    return { type: "device", mount: this.#vnode.mount.info.on };
  }
  read(_file: File, into: Uint8Array, offset: number): Async<number> {
    return this.#io.read(into, offset);
  }
  write(_file: File, from: Uint8Array, offset: number): Async<number> {
    return this.#io.write(from, offset);
  }
  size(): number {
    return this.#io.size;
  }
  /** As drivers without ioctl, and disks without that one. */
  ioctl(): never {
    throw this.#io.noIoctl;
  }
  stat(_file: File, into: Uint8Array): Async<void> {
    const { mount, node } = this.#vnode;
    return then(mount.volume.getattr(node), (a) => fillStat(into, a, mount.dev));
  }
  sync(): Async<void> {
    return this.#io.sync();
  }
  close(): Async<void> {
    return lastly(() => this.#io.sync(), () => this.#vnode.release());
  }
}

/** mem(4) and rnd(4): null, zero, random, urandom, with the numbers NetBSD's rump kernel gives them. */
export function standardDevices(
  sys: Sys,
): readonly (readonly [name: string, major: number, minor: number, device: CharDevice])[] {
  const swallow = (from: Uint8Array) => from.length;
  const zero: CharDevice = { read: (into) => (into.fill(0), into.length), write: swallow };
  const random: CharDevice = { read: (into) => (sys.random(into), into.length), write: swallow };
  return [
    ["null", 2, 2, { read: () => 0, write: swallow }],
    ["zero", 2, 12, zero],
    ["random", 255, 0, random],
    ["urandom", 255, 1, random],
  ];
}
