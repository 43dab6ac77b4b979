import { readFileSync } from "node:fs";
import process from "node:process";
import { describe, it } from "node:test";
import squashfs from "../../plugins/fs_squashfs/mod.ts";
import type { FsDriver } from "../../src/plugin.ts";
import { assert, assertEquals, assertStringIncludes } from "../assert.ts";
import { randomOf, scratchDir, seedOf } from "../cases/fat_images.ts";
import { imageSource, sh } from "../cases/image_source.ts";
import {
  abuseImage,
  hostListing,
  imageListing,
  mountImage,
  mutateImage,
  nodeAt,
  wholeFile,
} from "../cases/image_walk.ts";
import { conformance } from "../conformance/fs.ts";
import { memoryDisk } from "../kern/fake.ts";

const driver = squashfs as FsDriver;
const scratch = scratchDir();

const images = new Map<string, Uint8Array>();
/** An image of the source, made with these words. */
function image(words: string): Uint8Array {
  imageSource();
  let bytes = images.get(words);
  if (!bytes) {
    sh(`rm -f made.sqfs; truncate -s 0 image-src/sparse; truncate -s 3m image-src/sparse; echo end >> image-src/sparse
      setfattr -n user.colour -v blue image-src/empty; setfattr -n user.big -v "$(printf 'v%.0s' {1..3000})" image-src/random.bin
      setfattr -n user.big -v "$(printf 'v%.0s' {1..3000})" image-src/sparse
      mksquashfs image-src made.sqfs -no-progress -quiet ${words} >/dev/null`);
    images.set(words, bytes = new Uint8Array(readFileSync(`${scratch}/made.sqfs`)));
  }
  return bytes;
}
const WORDS = [
  "-comp gzip",
  "-comp zstd -b 1M",
  "-comp lz4 -b 4k -no-fragments",
  "-comp lz4 -Xhc -always-use-fragments",
  "-noI -noD -noF -no-duplicates",
  "-comp xz",
  "-comp xz -b 256k -Xbcj x86,arm,armthumb,powerpc,sparc -Xdict-size 50%",
  "-comp lzo",
  "-comp lzo -Xalgorithm lzo1x_1 -b 16k",
  "-comp lzma -b 1M",
];

conformance(driver, {
  device: () => {
    const bytes = image(WORDS[0]!);
    const disk = memoryDisk(bytes.length);
    disk.bytes.set(bytes);
    const { write: _, ...readable } = disk;
    return readable;
  },
  lacks: ["write"],
});

describe("squashfs", () => {
  for (const words of WORDS) {
    it(`mksquashfs ${words}: every file is as it was`, async () => {
      const seen = await imageListing(driver, image(words));
      assertEquals(seen, hostListing(imageSource()));
    });
  }
  it("extended attributes are there, also long ones and shared ones", async () => {
    const volume = await mountImage(driver, image(WORDS[0]!));
    const value = async (path: string, name: string) =>
      new TextDecoder().decode(await volume.getxattr!(await nodeAt(volume, path), name));
    assertEquals(await value("empty", "user.colour"), "blue");
    assertEquals((await value("random.bin", "user.big")).length, 3000);
    assertEquals([...await volume.listxattr!(await nodeAt(volume, "sparse"))], ["user.big"]);
    assertEquals(await volume.getxattr!(await nodeAt(volume, "many"), "user.none"), undefined);
  });
  it("a directory of 20,000 files is listed whole", async () => {
    sh(`rm -rf lots; mkdir lots; (cd lots; seq -f 'file number %g' 20000 | tr '\\n' '\\0' | xargs -0 touch)
      mksquashfs lots lots.sqfs -no-progress -quiet >/dev/null; rm -rf lots`);
    const volume = await mountImage(driver, new Uint8Array(readFileSync(`${scratch}/lots.sqfs`)));
    assertEquals([...await volume.readdir(volume.root)].length, 20_000);
    assert(await volume.lookup(volume.root, "file number 19999") !== undefined);
  });
  for (
    const [what, bytes, line] of [
      ["zeros", () => new Uint8Array(1 << 16), "no superblock"],
      ["an unknown compression", () => image(WORDS[0]!).slice().fill(7, 20, 21), "compression 7 is not known"],
      ["a cut image", () => image(WORDS[0]!).subarray(0, 5000), "truncated"],
    ] as const
  ) {
    it(`${what}: refused, one line says why`, async () => {
      const log: string[] = [];
      const e = await mountImage(driver, bytes(), { log }).then(() => undefined, (e) => e);
      assertEquals((e as { code?: string }).code, "EINVAL");
      assertEquals(log.length, 1);
      assertStringIncludes(log[0]!, line);
    });
  }
  it("a damaged block is EIO and a line, and the other files are read", async () => {
    sh(`rm -rf two; mkdir two; seq 100000 > two/a; seq 5 > two/b
      mksquashfs two two.sqfs -no-progress -quiet -noappend -no-fragments >/dev/null`);
    const bytes = new Uint8Array(readFileSync(`${scratch}/two.sqfs`)).fill(0xff, 200, 300);
    const log: string[] = [];
    const volume = await mountImage(driver, bytes, { log });
    const e = await wholeFile(volume, await nodeAt(volume, "a")).then(() => undefined, (e) => e);
    assertEquals((e as { code?: string }).code, "EIO");
    assertEquals(log, ["squashfs: memory: file of inode 1 is damaged"]);
    assertEquals(new TextDecoder().decode(await wholeFile(volume, await nodeAt(volume, "b"))), "1\n2\n3\n4\n5\n");
  });
  const IMAGES = Number(process.env.IMAGES ?? 100);
  for (const words of [WORDS[0]!, WORDS[4]!, "-comp xz", "-comp lzo"]) {
    it(`mksquashfs ${words}: ${IMAGES} damaged images: an errno or files, none takes long`, async () => {
      const bytes = image(words);
      const seed = seedOf();
      let longest = 0;
      for (let i = 0; i < IMAGES; i++) {
        const copy = bytes.slice();
        mutateImage(copy, randomOf(seed + i), [[0, 96], [0, bytes.length], [bytes.length - 20_000, bytes.length]]);
        try {
          longest = Math.max(longest, await abuseImage(driver, copy));
        } catch (e) {
          throw new Error(`SEED=${seed + i}`, { cause: e });
        }
      }
      process.stderr.write(`# SEED=${seed} IMAGES=${IMAGES}: longest ${Math.round(longest)} ms\n`);
      assert(longest < 5000, `SEED=${seed}: ${longest} ms`);
    });
  }
});
