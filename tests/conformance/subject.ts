/** A mounted volume as the claims on drivers and on the kernel see it. */
import { builtins } from "../../plugins/mod.ts";
import type { Calls } from "../../src/kern/dispatch.ts";
import type { Kernel } from "../../src/kern/kernel.ts";
import type { BlockDevice, FsDriver } from "../../src/plugin.ts";
import type { Mount } from "../../src/vfs/mount.ts";
import { type Vfs, vfsOf } from "../../src/vfs/vfs.ts";
import { fakeKernel } from "../kern/fake.ts";
import type { Titled } from "./claim.ts";

/** What is mounted. */
export interface Volume {
  readonly driver: FsDriver;
  /** A fresh device with an empty volume on it (for a driver that cannot write: a filled one), each time another. */
  readonly device?: () => BlockDevice | Promise<BlockDevice>;
  /** Options for the driver's schema. */
  readonly options?: unknown;
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
}
export interface SubjectClaim extends Titled {
  run(s: Subject): Promise<void>;
}

/** A kernel with the volume at /m. */
export async function mounted({ driver, device, options = {} }: Volume): Promise<Subject> {
  const { kernel, sys } = await fakeKernel({ builtins, components: ["rumpvfs"] });
  if (!kernel.registry.fs(driver.name)) await kernel.use(driver);
  await sys.mkdir({ path: "/m", mode: 0o755 });
  const s: Subject = { kernel, vfs: vfsOf(kernel), sys, driver, device: await device?.(), options };
  await mountAgain(s);
  return s;
}
/** The volume's mount. */
export function mountOf({ vfs }: Subject): Mount {
  return vfs.mounts.find((m) => m.info.on === "/m")!;
}
/** Mount the driver at /m, on `device` or on its own. */
export async function mountAgain(s: Subject, device = s.device): Promise<Mount> {
  return await s.vfs.mountVolume(s.driver.name, device, {
    from: s.driver.name,
    on: "/m",
    flags: 0,
    options: s.options,
  });
}
