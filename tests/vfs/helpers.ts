/** Kernels with file systems, and FAT volumes made without mkfs. */
import { builtins } from "../../plugins/mod.ts";
import type { Kernel } from "../../src/kern/kernel.ts";
import type { BlockDevice } from "../../src/plugin.ts";
import { vfsOf } from "../../src/vfs/vfs.ts";
import { fakeKernel, memoryDisk } from "../kern/fake.ts";

/** An empty FAT volume: enough of a formatter for tests that do not need mkfs.fat. */
export function format(disk: { readonly bytes: Uint8Array }, bits: 12 | 16 | 32, perCluster = 1): void {
  const { bytes } = disk;
  const d = new DataView(bytes.buffer);
  const total = Math.floor(bytes.length / 512);
  const reserved = bits === 32 ? 32 : 1;
  const rootEntries = bits === 32 ? 0 : 512;
  const fatSectors = Math.ceil(((total / perCluster + 2) * bits) / 8 / 512);
  bytes.set([0xeb, 0x3c, 0x90, ...new TextEncoder().encode("RUMPTEST")]);
  d.setUint16(11, 512, true);
  d.setUint8(13, perCluster);
  d.setUint16(14, reserved, true);
  d.setUint8(16, 2);
  d.setUint16(17, rootEntries, true);
  if (total < 65536 && bits !== 32) d.setUint16(19, total, true);
  else d.setUint32(32, total, true);
  d.setUint8(21, 0xf8);
  d.setUint16(22, bits === 32 ? 0 : fatSectors, true);
  d.setUint16(510, 0xaa55, true);
  if (bits === 32) {
    d.setUint32(36, fatSectors, true);
    d.setUint32(44, 2, true);
    d.setUint16(48, 1, true);
    d.setUint32(512, 0x41615252, true);
    d.setUint32(512 + 484, 0x61417272, true);
    d.setUint32(512 + 488, 0xffffffff, true);
    d.setUint32(512 + 492, 0xffffffff, true);
  }
  for (let n = 0; n < 2; n++) {
    const at = (reserved + n * fatSectors) * 512;
    if (bits === 12) bytes.set([0xf8, 0xff, 0xff], at);
    else if (bits === 16) bytes.set([0xf8, 0xff, 0xff, 0xff], at);
    else bytes.set([0xf8, 0xff, 0xff, 0x0f, 0xff, 0xff, 0xff, 0x0f, 0xff, 0xff, 0xff, 0x0f], at);
  }
}

export type Fs = Awaited<ReturnType<typeof withFs>>;
/** A kernel with a file system mounted at /m and a process in it. */
export async function withFs(
  type: "rumpfs" | "tmpfs" | "msdos",
  device?: BlockDevice & { readonly bytes: Uint8Array },
  options: object = {},
  flags = 0,
) {
  const fake = await fakeKernel({ builtins, components: ["rumpvfs", "rumpfs_tmpfs", "rumpfs_msdos"] });
  const { sys, kernel } = fake;
  await sys.mkdir({ path: "/m", mode: 0o755 });
  const disk = type === "msdos" ? device ?? fatDisk(16) : undefined;
  if (disk) await vfsOf(kernel).etfsDisk("/dev/fat", disk);
  if (type !== "rumpfs") {
    await mountAt(
      fake.sys,
      type,
      "/m",
      type === "tmpfs" ? { size: 64 << 20 } : { fspec: "/dev/fat", ...options },
      flags,
    );
  }
  await sys.chdir({ path: "/m" });
  return { ...fake, disk };
}
export function mountAt(sys: ReturnType<Kernel["calls"]>, type: string, path: string, options: object, flags = 0) {
  return sys.mount({ type, path, flags, data: new TextEncoder().encode(JSON.stringify(options)) });
}
/** A FAT volume in memory. */
export function fatDisk(bits: 12 | 16 | 32) {
  const disk = memoryDisk(bits === 12 ? 1 << 20 : bits === 16 ? 8 << 20 : 40 << 20);
  format(disk, bits);
  return disk;
}
