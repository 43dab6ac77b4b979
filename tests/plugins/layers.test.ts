import { describe, it } from "node:test";
import { builtins } from "../../plugins/mod.ts";
import ext2fs from "../../plugins/fs_ext2fs/mod.ts";
import nullfs from "../../plugins/fs_null/mod.ts";
import unionfs from "../../plugins/fs_union/mod.ts";
import type { Boot } from "../../src/conformance/subject.ts";
import type { Kernel } from "../../src/kern/kernel.ts";
import type { FsDriver } from "../../src/plugin.ts";
import { vfsOf } from "../../src/vfs/vfs.ts";
import { liveBeside } from "../cases/beside_tmpfs.ts";
import { emptyImage } from "../cases/ext_images.ts";
import { diskOn, randomOf, seedOf } from "../cases/fat_images.ts";
import { slow } from "../cases/slow.ts";
import { conformance } from "../conformance/fs.ts";
import { fakeKernel } from "../kern/fake.ts";

async function mountMemory(kernel: Kernel, type: "tmpfs" | "slowfs", ...places: string[]): Promise<void> {
  const sys = kernel.calls(kernel.proc1);
  const how = { from: type, flags: 0, options: { size: 2 ** 33 } };
  for (const on of places) {
    await sys.mkdir({ path: on, mode: 0o755 });
    await vfsOf(kernel).mountVolume(type, undefined, { ...how, on });
  }
}
/** A kernel with tmpfs, or one that answers later, at some places. */
const boots = (type: "tmpfs" | "slowfs", ...places: string[]): Boot => async () => {
  const made = await fakeKernel({ builtins, components: ["rumpvfs", "rumpfs_tmpfs"] });
  await made.kernel.use(slow);
  await mountMemory(made.kernel, type, ...places);
  return made;
};
for (const type of ["tmpfs", "slowfs"] as const) {
  const on = { source: "/upper", boot: boots(type, "/upper", "/lower") };
  conformance(nullfs, { title: `null over ${type}`, ...on });
  conformance(unionfs, { title: `union over ${type}`, ...on, options: { lower: "/lower" } });
}
// Over an image that can only be read.
conformance(unionfs, {
  title: "union over ext2",
  source: "/upper",
  options: { lower: "/lower" },
  boot: async () => {
    const made = await boots("tmpfs", "/upper")();
    await made.kernel.use(ext2fs);
    await made.kernel.calls(made.kernel.proc1).mkdir({ path: "/lower", mode: 0o755 });
    const { write: _, ...disk } = diskOn(emptyImage("-t ext2 -b 1024", 8192, "debugfs -w -R 'rmdir lost+found' e.img"));
    await vfsOf(made.kernel).mountVolume("ext2fs", disk, { from: "d.img", on: "/lower", flags: 0, options: {} });
    return made;
  },
});

/** A random life in a union whose lower directory has had one, beside the same lives in tmpfs. */
function liveInUnion(seed: number): Promise<void> {
  return liveBeside({
    driver: unionfs as FsDriver,
    random: randomOf(seed),
    steps: 1500,
    unix: true,
    source: "/upper",
    options: { lower: "/lower" },
    kept: "/lower",
    async ground(kernel, live) {
      await mountMemory(kernel, "tmpfs", "/upper", "/lower");
      live("/lower");
    },
  });
}
describe("a union", () => {
  const seed = seedOf();
  for (let i = 0; i < 3; i++) {
    it(`lives as tmpfs does, over a directory that stays as it was, and is the same when it is mounted again (seed ${seed + i})`, () =>
      liveInUnion(seed + i));
  }
});
describe("null", () => {
  const seed = seedOf();
  it(`lives as tmpfs does, above and below (seed ${seed})`, () =>
    liveBeside({
      driver: nullfs as FsDriver,
      random: randomOf(seed),
      steps: 1500,
      unix: true,
      source: "/below",
      ground: (kernel) => mountMemory(kernel, "tmpfs", "/below"),
    }));
});
