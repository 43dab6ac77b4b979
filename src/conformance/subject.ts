/** A mounted volume as the claims on drivers and on the kernel see it. */
import type { Calls } from "../kern/dispatch.ts";
import type { Kernel } from "../kern/kernel.ts";
import type { BlockDevice, FsDriver } from "../plugin.ts";
import type { Mount } from "../vfs/mount.ts";
import { type Vfs, vfsOf } from "../vfs/vfs.ts";
import type { Titled } from "./claim.ts";

/** A fresh kernel with rumpvfs, and the calls of a process of the super-user in it. */
export type Boot = () => Promise<{ readonly kernel: Kernel; readonly sys: Calls }>;

/** What is mounted. */
export interface Volume {
  readonly driver: FsDriver;
  /** A fresh device with an empty volume on it (for a driver that cannot write: a filled one), each time another. */
  readonly device?: () => BlockDevice | Promise<BlockDevice>;
  /** Options for the driver's schema. */
  readonly options?: unknown;
  /** What the request says is mounted; left out: the driver's name. */
  readonly source?: string;
}
/** A volume mounted at /m, and what it takes to look at it from all sides. */
export interface Subject {
  readonly kernel: Kernel;
  readonly vfs: Vfs;
  /** Calls of a process of the super-user. */
  readonly sys: Calls;
  readonly driver: FsDriver;
  readonly device: BlockDevice | undefined;
  readonly options: unknown;
  readonly source: string;
}
export interface SubjectClaim extends Titled {
  run(s: Subject): Promise<void>;
}

/** A kernel with the volume at /m. */
export async function mounted(boot: Boot, { driver, device, options = {}, source }: Volume): Promise<Subject> {
  const { kernel, sys } = await boot();
  if (!kernel.registry.fs(driver.name)) await kernel.use(driver);
  await sys.mkdir({ path: "/m", mode: 0o755 });
  const disk = await device?.();
  const s: Subject = { kernel, vfs: vfsOf(kernel), sys, driver, device: disk, options, source: source ?? driver.name };
  await mountAgain(s);
  return s;
}
/** The volume's mount. */
export function mountOf({ vfs }: Subject): Mount {
  return vfs.mounts.find((m) => m.info.on === "/m")!;
}
/** Mount the driver at /m, on `device` or on its own. */
export async function mountAgain(s: Subject, device = s.device): Promise<Mount> {
  const how = { from: s.source, on: "/m", flags: 0, options: s.options };
  return await s.vfs.mountVolume(s.driver.name, device, how);
}
