/** The file tools on an image, without a server: a kernel in this process that has the image as its root directory. */
import { builtins } from "../../../plugins/mod.ts";
import { errno } from "../../abi/errno.ts";
import type { Host } from "../../host/host.ts";
import type { Calls } from "../../kern/dispatch.ts";
import { bootKernel, type Kernel } from "../../kern/kernel.ts";
import type { BlockDevice } from "../../plugin.ts";
import { hypercalls } from "../../rump.ts";
import type { Mount } from "../../vfs/mount.ts";
import { cwdiOf } from "../../vfs/namei.ts";
import { Lwp } from "../../kern/proc.ts";
import { vfsOf } from "../../vfs/vfs.ts";
import { Failure, reasonOf } from "../cli.ts";
import type { SyncCalls } from "../client.ts";
import { fsOf, lookAt } from "../disk/disk_formats.ts";
import { builtinType } from "../mount/fs_names.ts";
import { openImage } from "../disk/image.ts";
import { mountDisk } from "../mount/mount_disk.ts";
import { parseMountOptions } from "../mount/mount_options.ts";
import { msdosMount } from "../mount/msdos_options.ts";

/** What has no mark of any file system is taken for this one, which has none: its driver says what is amiss. */
const UNMARKED = "msdos";

export interface ImageHow {
  readonly readOnly: boolean;
  /** File system: a built-in type, or a plugin's file; left out: what its marks say. */
  readonly type: string | undefined;
  /** -o lists of mount(8). */
  readonly options: readonly string[];
  /** Milliseconds since 1970 that what is made is dated with; left out: the clock's. */
  readonly now?: () => number;
}
/** System calls on an image, until it is closed: everything is on it then, or why not is thrown. */
export interface OnImage {
  readonly sys: SyncCalls;
  close(): Promise<void>;
}

/** Boot a kernel and mount the image as its root directory; locked, for writing unless told otherwise. Throws Failure. */
export async function onImage(host: Host, program: string, image: string, how: ImageHow): Promise<OnImage> {
  const { loop } = host;
  const machine = hypercalls(host, (ms, fn) => loop.timer(ms, fn), host.loopSockets);
  const wall = how.now ?? machine.wall;
  const kernel = await bootKernel({ ...machine, wall }, { builtins, components: ["rumpvfs"] });
  const device = await openImage(host, kernel, program, image, how.readOnly || how.options.some(isReadOnly));
  const { type, flags, driver } = await attempt(device, async () => {
    return await driverOf(host, kernel, program, how.type ?? await lookAt(device, fsOf) ?? UNMARKED, how);
  });
  kernel.log.console = (line) => line.startsWith(`${type}: `) && host.err(`${program}: ${line}\n`);
  const over = { uid: host.uid, gid: host.gid, mode: 0o755 };
  const quietly = kernel.log.console;
  kernel.log.console = () => {}; // why it cannot be mounted is said once, below
  const mount = await mountDisk(kernel, program, type, device, { from: image, flags, options: driver, over });
  kernel.log.console = quietly;
  const sys = asRoot(kernel, mount, program);
  return { sys, close: () => close(kernel, program, image) };
}
async function close(kernel: Kernel, program: string, image: string): Promise<void> {
  try {
    await kernel.halt();
  } catch (e) {
    throw new Failure(`${program}: ${image}: ${reasonOf(e)}`);
  }
}

const isReadOnly = (list: string) => /(^|,)(ro|rdonly)(,|$)/.test(list);
/** Do something that needs the disk: when it fails the disk is closed. */
async function attempt<T>(device: BlockDevice, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (e) {
    await device.close?.();
    throw e;
  }
}
/** Load the driver; what its options say. */
async function driverOf(host: Host, kernel: Kernel, program: string, asked: string, how: ImageHow) {
  const wanted = builtinType(asked) ?? asked;
  const before = new Set(kernel.registry.ofKind("fs"));
  await kernel.load(kernel.isBuiltin(wanted) ? wanted : path(program, wanted)).catch((e) => {
    throw new Failure(`${program}: ${reasonOf(e)}`);
  });
  const found = kernel.registry.ofKind("fs").find((d) => !before.has(d));
  if (!found?.wantsDevice) throw new Failure(`${program}: ${wanted}: not a file system of images`);
  const lists = how.readOnly ? [...how.options, "ro"] : how.options;
  if (found.name === "msdos") {
    const { driver, mount } = msdosMount(host, program, { options: lists.map((l) => ["o", l] as const), rest: [] });
    return { type: found.name, flags: mount.flags, driver };
  }
  // A type of a plugin: what is no flag is an option of its driver.
  const names = lists.flatMap((l) => l.split(",")).map((o) => o.split("=")[0]!);
  const { flags, others } = parseMountOptions(program, lists, names);
  return { type: found.name, flags, driver: Object.fromEntries([...others].map(([k, v]) => [k, v === "" ? true : v])) };
}
function path(program: string, type: string): string {
  if (/[/.]/.test(type)) return type;
  throw new Failure(`${program}: --type ${type}: no such file system`);
}

/** A process whose root the mount is; nothing else is to be seen. */
function asRoot(kernel: Kernel, mount: Mount, program: string): SyncCalls {
  const vfs = vfsOf(kernel);
  vfs.root.info.on = "";
  mount.info.on = "/";
  const proc = kernel.fork(program);
  const cwdi = cwdiOf(new Lwp(proc));
  for (const which of ["cwd", "root"] as const) void vfs.move(cwdi, which, mount.root);
  return atOnce(kernel.calls(proc));
}
/** The same calls, of which none may have to wait: there is nobody who could wake it. */
function atOnce(calls: Calls): SyncCalls {
  const at = (call: (args?: unknown) => unknown) => (args?: unknown) => {
    const r = call(args);
    if (!(r instanceof Promise)) return r;
    r.catch(() => {});
    throw errno.EAGAIN;
  };
  return Object.fromEntries(Object.entries(calls).map(([name, call]) => [name, at(call as never)])) as never;
}
