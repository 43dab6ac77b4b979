import { spawnSync } from "node:child_process";
import { readFileSync, statSync } from "node:fs";
import process from "node:process";
import { describe, it } from "node:test";
import exfat from "../../plugins/fs_exfat/mod.ts";
import type { FsDriver } from "../../src/plugin.ts";
import { assert, assertEquals } from "../assert.ts";
import { randomOf, scratchDir, seedOf } from "../cases/fat_images.ts";
import { abuseImage, hostListing, imageListing, mountImage, mutateImage, nodeAt } from "../cases/image_walk.ts";
import { sh } from "../cases/image_source.ts";

const driver = exfat as FsDriver;
const scratch = scratchDir();
const plainly = { mode: false, links: false, owner: false, mtime: false };
let made: Uint8Array | undefined;
/** An image filled by the peer's driver, one file in pieces, and beside it what went in. */
function image(): Uint8Array {
  if (made) return made;
  sh(`export PATH=$PATH:/sbin:/usr/sbin
    mkdir -p exfat-src/dir/deep exfat-src/many exfat-mnt; cd exfat-src
    head -c 300001 /dev/urandom > random.bin; : > empty; echo x > "dir/deep/\u00dcml\u00e4ut \u65e5\u672c.txt"
    for i in $(seq 300); do echo $i > "many/a file with a longer name $i"; done; cd ..
    truncate -s 16M exfat.img; mkfs.exfat -L LABEL exfat.img >/dev/null
    loop=$(losetup -f --show exfat.img); trap 'umount exfat-mnt; losetup -d $loop' EXIT
    mount.exfat-fuse $loop exfat-mnt >/dev/null 2>&1
    cp -r --preserve=timestamps exfat-src/. exfat-mnt/
    for i in 1 2 3 4; do for f in one two; do head -c 9000 /dev/urandom | tee -a exfat-src/$f >> exfat-mnt/$f; done; done`);
  // The peer goes on writing after the unmount, and holds the device until it is done.
  sh(
    "PATH=$PATH:/sbin:/usr/sbin; while losetup -j exfat.img | grep -q .; do sleep 0.05; done; fsck.exfat -n exfat.img",
  );
  return made = new Uint8Array(readFileSync(`${scratch}/exfat.img`));
}

/** The peer takes block devices only. */
const noPeer = () =>
  (process.getuid?.() !== 0 ||
    spawnSync("sh", ["-c", "PATH=$PATH:/sbin:/usr/sbin; losetup -f && command -v mount.exfat-fuse"]).status !== 0) &&
  "no loop devices";

describe("exfat", { skip: noPeer() }, () => {
  it("what another driver wrote is read, files in pieces too", async () => {
    assertEquals(await imageListing(driver, image(), plainly), hostListing(`${scratch}/exfat-src`, plainly));
  });
  it("times are those that were kept, to two seconds", async () => {
    const volume = await mountImage(driver, image());
    const { mtime } = await volume.getattr(await nodeAt(volume, "random.bin"));
    assert(Math.abs(mtime! - statSync(`${scratch}/exfat-src/random.bin`).mtimeMs / 1000) <= 2, `${mtime}`);
  });
  it("a name is found in any case", async () => {
    const volume = await mountImage(driver, image());
    const node = await nodeAt(volume, "DIR/Deep/\u00fcML\u00c4UT \u65e5\u672c.TXT");
    assert(node !== undefined && node === await nodeAt(volume, "dir/deep/\u00dcml\u00e4ut \u65e5\u672c.txt"));
  });
  it("a damaged boot region is made up for by its backup", async () => {
    const bytes = image().slice();
    bytes.fill(0, 0, 512);
    assertEquals(await imageListing(driver, bytes), await imageListing(driver, image()));
  });
  it("zeros are no volume: one line says so", async () => {
    const log: string[] = [];
    const e = await mountImage(driver, new Uint8Array(1 << 20), { log }).then(() => undefined, (e) => e);
    assertEquals([(e as { code?: string }).code, log.length], ["EINVAL", 1]);
  });
  const IMAGES = Number(process.env.IMAGES ?? 60);
  it(`${IMAGES} damaged images: an errno or files, none takes seconds`, async () => {
    const seed = seedOf();
    let longest = 0;
    for (let i = 0; i < IMAGES; i++) {
      const copy = image().slice();
      mutateImage(copy, randomOf(seed + i), [[1 << 20, 3 << 20], [2 << 20, (2 << 20) + 65536]]);
      try {
        longest = Math.max(longest, await abuseImage(driver, copy));
      } catch (e) {
        throw new Error(`SEED=${seed + i}`, { cause: e });
      }
    }
    process.stderr.write(`# SEED=${seed} IMAGES=${IMAGES}: longest ${Math.round(longest)} ms\n`);
    assert(longest < 5000, `SEED=${seed}: ${longest} ms`);
  });
});
