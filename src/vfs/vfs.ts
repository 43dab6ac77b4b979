/** The file systems of a kernel: mounting, unmounting, syncing, and lending host files (NetBSD: vfs_mount.c, rumpfs etfs). */
import { errno } from "../abi/errno.ts";
import { makedev, MNT_IGNORE, MNT_LOCAL, MNT_RDONLY, MNT_ROOTFS } from "../abi/flags.ts";
import type { CloningDevice } from "../kern/device_nodes.ts";
import { lastly, then } from "../lib/async.ts";
import { parseOptions } from "../kern/driver_options.ts";
import type { Kernel } from "../kern/kernel.ts";
import { Lwp, type Proc } from "../kern/proc.ts";
import type { Async, BlockDevice, FsDriver, Volume } from "../plugin.ts";
import { modeOf } from "./access.ts";
import { Mount, type Observer, Vnode } from "./mount.ts";
import { lent } from "./lent.ts";
import { type Cwdi, lookup } from "./namei.ts";
import { Devices, standardDevices } from "./specfs.ts";

/** How a volume is mounted. */
export interface MountHow {
  /** What df shows as its source. */
  readonly from: string;
  /** Mount point, a path of the kernel's own process; left out: outside the name space, for FUSE. */
  readonly on?: string;
  /** MNT_* flags. */
  readonly flags: number;
  /** Raw options for the driver's schema. */
  readonly options: unknown;
  readonly owner?: number;
  /** What the mount point looks like, when `on` is left out. */
  readonly over?: { readonly uid: number; readonly gid: number; readonly mode: number };
}

/** Major numbers of host files lent as disks: block and raw (rump's etfs). */
const ETFS_MAJOR = 197;
const ETFS_RAW_MAJOR = 198;
/** Seconds between syncs (vfs.sync.delay). */
const SYNC_DELAY = 30;

export class Vfs {
  readonly kernel: Kernel;
  readonly devices: Devices;
  /** All mounts, oldest first; those outside the name space too. */
  readonly mounts: Mount[] = [];
  /** Told of what happens to all files. */
  readonly observers = new Set<Observer>();
  syncDelay = SYNC_DELAY;
  /** By what the driver gave. */
  readonly #byVolume = new WeakMap<Volume, Mount>();
  #etfs = 0;
  #root: Mount | undefined;
  #stopSyncer: () => void = () => {};

  constructor(kernel: Kernel) {
    this.kernel = kernel;
    this.devices = new Devices(kernel.sys);
    kernel.volumeChanged = (volume, node, name) => this.#byVolume.get(volume)?.touched(node, name);
    kernel.lend = (path) => then(this.#resolve(path), (at) => lent(at, kernel.sys));
  }
  get root(): Mount {
    return this.#root!;
  }

  /** Mount rumpfs as root, give the kernel's process its directories, make /dev and /tmp. */
  boot(): Async<void> {
    const how = { from: "rumpfs", flags: MNT_LOCAL | MNT_ROOTFS, options: {} };
    return then(this.#mountDriver("rumpfs", undefined, how), (volume) => {
      const root = new Mount(volume, undefined, {
        type: "rumpfs",
        from: "rumpfs",
        on: "/",
        flags: how.flags,
        owner: 0,
      });
      this.#root = root;
      root.observers = this.observers;
      this.mounts.push(root);
      this.adopt(this.kernel.proc1, { cwd: root.root, root: root.root });
      this.#startSyncer();
      return this.#populate();
    });
  }
  /** Give a process its directories, held until it ends. */
  adopt(proc: Proc, { cwd, root }: Cwdi): void {
    const cwdi: Cwdi = { cwd: cwd.hold(), root: root.hold() };
    proc.cwdi = cwdi;
    proc.atExit.push(() => then(cwdi.cwd.release(), () => cwdi.root.release()));
  }
  /** Move one of a process's directories. */
  move(cwdi: Cwdi, which: "cwd" | "root", to: Vnode): Async<void> {
    const old = cwdi[which];
    cwdi[which] = to.hold();
    return old.release();
  }

  async #populate(): Promise<void> {
    const { volume } = this.root;
    const make = { mode: 0o755, uid: 0, gid: 0 };
    const dev = await volume.mkdir(volume.root, "dev", make);
    this.root.seen(dev, volume.root, "dev");
    await volume.mkdir(volume.root, "tmp", { ...make, mode: 0o1777 });
    for (const [name, major, minor, device] of standardDevices(this.kernel.sys)) {
      const rdev = makedev(major, minor);
      this.devices.addChar(rdev, device);
      await volume.mknod(dev, name, { mode: 0o644, uid: 0, gid: 0, type: "chr", rdev });
    }
  }
  /** A device of another layer, and its node. EEXIST: there is one. */
  addDevice({ name, major, mode, clone }: CloningDevice): Async<void> {
    const { volume } = this.root;
    const rdev = makedev(major, 0);
    return then(volume.lookup(volume.root, "dev"), (dev) => {
      if (!dev) throw errno.ENOENT;
      this.devices.addClone(rdev, clone);
      return then(volume.mknod(dev, name, { mode, uid: 0, gid: 0, type: "chr", rdev }), () => undefined);
    });
  }

  /** Load what a mount with such options will need. ENODEV: no such driver; EINVAL: its options. */
  prepare(type: string, given: unknown): Async<void> {
    const driver = this.kernel.registry.fs(type);
    if (!driver) throw errno.ENODEV;
    return driver.prepare?.(this.kernel.sys, this.#options(driver, given));
  }
  /** EINVAL, with the reason in the log, for options the driver does not have. */
  #options<O>(driver: FsDriver<O>, given: unknown): O {
    return parseOptions(driver.options, given, (why) => this.kernel.log.write(`${driver.name}: ${why}`));
  }
  #mountDriver(type: string, device: BlockDevice | undefined, how: MountHow): Async<Volume> {
    const driver = this.kernel.registry.fs(type);
    if (!driver) throw errno.ENODEV;
    const options = this.#options(driver, how.options ?? {});
    const over = how.over ?? { uid: 0, gid: 0, mode: 0o755 };
    const readOnly = (how.flags & MNT_RDONLY) !== 0;
    return driver.mount(this.kernel.sys, device, { source: how.from, options, readOnly, on: how.on, over });
  }

  /** Mount a device (or nothing) with a registered driver. ENODEV: no such driver; EINVAL: its options or its data. */
  mountVolume(type: string, device: BlockDevice | undefined, how: MountHow): Async<Mount> {
    if (how.on === undefined) return this.#finishMount(type, device, how, undefined);
    return then(this.#resolve(how.on), (covered) => this.#mountOn(type, device, how, covered));
  }
  #resolve(path: string): Async<Vnode> {
    return lookup(new Lwp(this.kernel.proc1), path);
  }
  #mountOn(type: string, device: BlockDevice | undefined, how: MountHow, covered: Vnode): Async<Mount> {
    // A layer may stand on what is mounted there already.
    if (covered.node === covered.mount.volume.root && !this.kernel.registry.fs(type)?.layers) throw errno.EBUSY;
    return then(covered.mount.volume.getattr(covered.node), (a) => {
      if (a.type !== "dir" && type !== "hostfs") throw errno.ENOTDIR;
      const over = { uid: a.uid ?? 0, gid: a.gid ?? 0, mode: modeOf(a) };
      return this.#finishMount(type, device, { over, ...how }, covered);
    });
  }
  #finishMount(type: string, device: BlockDevice | undefined, how: MountHow, covered: Vnode | undefined): Async<Mount> {
    return then(this.#mountDriver(type, device, how), (volume) => {
      const flags = how.flags | MNT_LOCAL | (device && !device.write ? MNT_RDONLY : 0);
      const mount = new Mount(volume, device, { type, from: how.from, on: how.on ?? "", flags, owner: how.owner ?? 0 });
      this.#byVolume.set(volume, mount);
      this.attach(mount, covered);
      return mount;
    });
  }
  /** Put a mounted volume over a file. */
  attach(mount: Mount, covered: Vnode | undefined): void {
    this.mounts.push(mount);
    mount.observers = this.observers;
    if (!covered) return;
    mount.covered = covered.hold();
    covered.mount.covers.set(covered.node, mount);
    this.#moved(covered.mount);
  }

  /**
   * Take a mount away; EBUSY while somebody uses it, unless `force`. The data is written first: what fails then leaves
   * the mount as it is, or with `force` is thrown after it was taken away all the same.
   */
  unmount(mount: Mount, force = false): Async<void> {
    if (mount === this.#root) throw errno.EINVAL;
    if (!force && (mount.busy || mount.covers.size > 0)) throw errno.EBUSY;
    const end = (): Async<void> => {
      this.#detach(mount);
      return mount.finish();
    };
    return force ? lastly(() => mount.sync(), end) : then(mount.sync(), end);
  }
  #detach(mount: Mount): void {
    const { covered } = mount;
    this.mounts.splice(this.mounts.indexOf(mount), 1);
    if (!covered) return;
    covered.mount.covers.delete(covered.node);
    mount.covered = undefined;
    this.#moved(covered.mount);
    void covered.release();
  }
  /** Names lead elsewhere. */
  #moved(mount: Mount): void {
    for (const observer of this.observers) observer.happened(mount, undefined, true);
  }

  /** sync(2): every volume and every block device; the first failure is thrown after all were tried. */
  async sync(): Promise<void> {
    let failure: unknown;
    for (const work of [...this.mounts.map((m) => () => m.sync()), () => this.devices.sync()]) {
      try {
        await work();
      } catch (e) {
        failure ??= e;
        this.kernel.log.write(`sync: ${e instanceof Error ? e.message : e}`);
      }
    }
    if (failure) throw failure;
  }
  #startSyncer(): void {
    const again = () => {
      void this.kernel.outstanding(this.sync()).catch(() => {});
      this.#startSyncer();
    };
    this.#stopSyncer = this.kernel.sys.callout(this.syncDelay * 1000, again);
  }
  restartSyncer(seconds: number): void {
    this.syncDelay = seconds;
    this.#stopSyncer();
    this.#startSyncer();
  }

  /** At halt: write and unmount everything, last mounted first. Every one is tried; the first failure is thrown. */
  async shutdown(): Promise<void> {
    this.#stopSyncer();
    let failure: unknown;
    const attempt = async (work: () => Async<void>) => {
      try {
        await work();
      } catch (e) {
        failure ??= e;
        this.kernel.log.write(`unmount: ${e instanceof Error ? e.message : e}`);
      }
    };
    this.kernel.log.write("syncing disks...");
    await attempt(() => this.sync());
    this.kernel.log.write("unmounting file systems...");
    for (const mount of [...this.mounts].reverse()) {
      if (mount === this.#root) continue;
      await attempt(() => this.unmount(mount, true));
    }
    await attempt(() => this.devices.close());
    this.kernel.log.write("unmounting done");
    if (failure) throw failure;
  }

  /** Lend a disk under a name: `/dev/dk` and its raw twin `/dev/rdk` (rump_pub_etfs_register). Directories are made. */
  async etfsDisk(key: string, device: BlockDevice): Promise<void> {
    const [dir, name] = await this.#etfsPlace(key);
    const unit = this.#etfs++;
    const [block, raw] = [makedev(ETFS_MAJOR, unit), makedev(ETFS_RAW_MAJOR, unit)];
    this.devices.addDisk(block, raw, device);
    const make = { mode: 0o600, uid: 0, gid: 0 };
    const { volume } = this.root;
    await volume.mknod(dir, name, { ...make, type: "blk", rdev: block });
    await volume.mknod(dir, `r${name}`, { ...make, type: "chr", rdev: raw });
  }
  /** Lend a volume (a host directory, or a single host file) under a name. */
  async etfsVolume(key: string, volume: Volume, from: string, type: "dir" | "reg"): Promise<void> {
    const [dir, name] = await this.#etfsPlace(key);
    const make = { mode: 0o755, uid: 0, gid: 0 };
    const { volume: root } = this.root;
    const node = type === "dir" ? await root.mkdir(dir, name, make) : await root.create(dir, name, make);
    if (type === "dir") this.root.seen(node, dir, name);
    const mount = new Mount(volume, undefined, {
      type: "etfs",
      from,
      on: key,
      flags: MNT_LOCAL | MNT_IGNORE,
      owner: 0,
    });
    this.attach(mount, new Vnode(this.root, node));
  }
  /** The directory a key's last name goes into. */
  async #etfsPlace(key: string): Promise<[unknown, string]> {
    if (!key.startsWith("/") || key.endsWith("/")) throw errno.EINVAL;
    const names = key.split("/").filter((n) => n !== "");
    const last = names.pop()!;
    const { volume } = this.root;
    let dir: unknown = volume.root;
    for (const name of names) {
      const next = (await volume.lookup(dir, name)) ?? (await volume.mkdir(dir, name, { mode: 0o755, uid: 0, gid: 0 }));
      this.root.seen(next, dir, name);
      dir = next;
    }
    if (await volume.lookup(dir, last)) throw errno.EEXIST;
    return [dir, last];
  }
}

/** The file systems of a kernel that has them. */
export function vfsOf(kernel: Kernel): Vfs {
  const vfs = kernel.faction.get("vfs");
  if (!(vfs instanceof Vfs)) throw errno.ENOSYS;
  return vfs;
}
