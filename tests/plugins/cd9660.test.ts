import { readFileSync } from "node:fs";
import process from "node:process";
import { describe, it } from "node:test";
import cd9660 from "../../plugins/fs_cd9660/mod.ts";
import type { FsDriver } from "../../src/plugin.ts";
import { assert, assertEquals, assertStringIncludes } from "../assert.ts";
import { diskOn, randomOf, scratchDir, seedOf } from "../cases/fat_images.ts";
import {
  abuseImage,
  hostListing,
  imageListing,
  type Listing,
  mountImage,
  mutateImage,
  nodeAt,
  wholeFile,
} from "../cases/image_walk.ts";
import { imageSource, sh } from "../cases/image_source.ts";
import { conformance } from "../conformance/fs.ts";
import { memoryDisk } from "../kern/fake.ts";

const driver = cd9660 as FsDriver;
const scratch = scratchDir();

const images = new Map<string, Uint8Array>();
/** An image of the source by a program of these words. */
function image(words: string): Uint8Array {
  imageSource();
  let bytes = images.get(words);
  if (!bytes) {
    sh(`${words} -o made.iso image-src 2>made.log || { cat made.log; exit 1; }`);
    images.set(words, bytes = new Uint8Array(readFileSync(`${scratch}/made.iso`)));
  }
  return bytes;
}
const GENISO = "genisoimage -quiet -iso-level 3";
/** Names and contents only. */
const plainly = { mode: false, links: false, owner: false, mtime: false };
const keys = (l: Listing) => Object.keys(l).sort();
/** A listing in the other spelling of what has no place: folded to lower case. */
const files = (l: Listing): string[] => Object.values(l).filter((v) => v.startsWith("file")).sort();

conformance(driver, {
  device: () => {
    const bytes = image(`${GENISO} -R`);
    const disk = memoryDisk(bytes.length);
    disk.bytes.set(bytes);
    const { write: _, ...readable } = disk;
    return readable;
  },
  lacks: ["write"],
});

describe("cd9660", () => {
  for (const words of [`${GENISO} -R`, `${GENISO} -R -J -joliet-long`, "xorrisofs -quiet -R"]) {
    it(`${words}: every file is as it was, with mode, links, owner, time, device and target`, async () => {
      const seen = await imageListing(driver, image(words));
      // Where genisoimage keeps directories that are too deep; they are shown where they belong.
      delete seen.rr_moved;
      assertEquals(seen, hostListing(imageSource()));
    });
  }
  it("Joliet's names are shown where there is no Rock Ridge, and on demand", async () => {
    const bytes = image(`${GENISO} -J -joliet-long -D -l`);
    const seen = await imageListing(driver, bytes, plainly);
    assert("\u00dcml\u00e4ut and \u65e5\u672c\u8a9e.txt" in seen, keys(seen).join("\n"));
    const rock = image(`${GENISO} -R -J -joliet-long`);
    const named = await imageListing(driver, rock, { ...plainly, options: { norrip: true } });
    assert("many/a file with a longer name, number 7" in named, keys(named).slice(0, 5).join("\n"));
    assert((named.fifo ?? "file").startsWith("file"), named.fifo);
  });
  it("plain names are in lower case and without version, found in any case; as stored with gens", async () => {
    const bytes = image(`${GENISO} -D -l`);
    const seen = await imageListing(driver, bytes, plainly);
    assert(
      "random.bin" in seen && keys(seen).every((k) => k === k.toLowerCase() && !k.includes(";")),
      keys(seen).join(),
    );
    const volume = await mountImage(driver, bytes);
    assert(await nodeAt(volume, "RANDOM.BIN") === await nodeAt(volume, "random.bin"));
    const stored = await imageListing(driver, bytes, { ...plainly, options: { gens: true } });
    assert("RANDOM.BIN;1" in stored, keys(stored).join());
    assertEquals(files(stored), files(seen));
  });
  it("blocks of 512 bytes hold what blocks of 2048 hold", async () => {
    sh(
      "rm -rf small; mkdir -p small/dir; echo one > small/one; echo two > small/dir/two; genisoimage -quiet -o s.iso small",
    );
    const bytes = new Uint8Array(readFileSync(`${scratch}/s.iso`));
    const before = await imageListing(driver, bytes, { mode: true });
    inSmallBlocks(bytes);
    assertEquals(await imageListing(driver, bytes), before);
  });
  it("compressed files (zisofs) read as they were before", async () => {
    sh(
      `rm -rf packed; mkdir packed; seq 60000 > packed/seq; head -c 200000 /dev/zero > packed/zeros; head -c 99 /dev/urandom > packed/small
      mkzftree packed packed.z && genisoimage -quiet -R -z -o z.iso packed.z`,
    );
    const bytes = new Uint8Array(readFileSync(`${scratch}/z.iso`));
    assertEquals(await imageListing(driver, bytes, plainly), hostListing(`${scratch}/packed`, plainly));
  });
  it("a file of several extents is one file", async () => {
    sh(
      "rm -rf ext; mkdir ext; head -c 2048 /dev/zero | tr '\\0' A > ext/aa; head -c 1000 /dev/zero | tr '\\0' B > ext/bb",
    );
    sh("genisoimage -quiet -o e.iso ext");
    const bytes = new Uint8Array(readFileSync(`${scratch}/e.iso`));
    // AA.;1 goes on in BB.;1, which takes its name.
    const at = bytes.findIndex((_, i) => ascii(bytes, i, 5) === "AA.;1") - 33;
    const other = bytes.findIndex((_, i) => ascii(bytes, i, 5) === "BB.;1") - 33;
    bytes[at + 25]! |= 0x80;
    bytes.copyWithin(other + 33, at + 33, at + 38);
    const volume = await mountImage(driver, bytes);
    const whole = await wholeFile(volume, await nodeAt(volume, "aa"));
    assertEquals([whole.length, ascii(whole, 2046, 4)], [3048, "AABB"]);
  });
  it("boot images are shown with -o boot", async () => {
    sh("rm -rf boot; mkdir boot; head -c 4096 /dev/urandom > boot/bios.bin; head -c 1474560 /dev/zero > boot/efi.img");
    sh(`genisoimage -quiet -R -b bios.bin -no-emul-boot -boot-load-size 8 -eltorito-alt-boot -e efi.img -no-emul-boot \
      -o b.iso boot 2>/dev/null || xorrisofs -quiet -R -b bios.bin -no-emul-boot -boot-load-size 8 -eltorito-alt-boot -e efi.img -no-emul-boot -o b.iso boot`);
    const seen = await imageListing(driver, new Uint8Array(readFileSync(`${scratch}/b.iso`)), {
      ...plainly,
      options: { boot: true },
    });
    assertEquals(keys(seen).filter((k) => k.startsWith("[BOOT]/")).map((k) => k.replace(/\d-/, "")), [
      "[BOOT]/bios-none.img",
      "[BOOT]/efi-none.img",
    ]);
    assertEquals(seen["[BOOT]/1-bios-none.img"], seen["bios.bin"]);
  });
  for (
    const [what, bytes, line] of [
      ["zeros", new Uint8Array(1 << 20), "no volume descriptor"],
      ["a file of 100 bytes", new Uint8Array(100), "shorter than a volume descriptor"],
    ] as const
  ) {
    it(`${what} are no volume: one line says so`, async () => {
      const log: string[] = [];
      const e = await mountImage(driver, bytes, { log }).then(() => undefined, (e) => e);
      assertEquals((e as { code?: string }).code, "EINVAL");
      assertEquals(log.length, 1);
      assertStringIncludes(log[0]!, line);
    });
  }
  it("a cut image is read as far as it goes, then EIO and a line", async () => {
    const bytes = image(`${GENISO} -R`);
    const log: string[] = [];
    const volume = await mountImage(driver, bytes.subarray(0, bytes.length - (200 << 11)), { log });
    let failed = 0;
    for (const [, node] of await volume.readdir(await nodeAt(volume, "many"))) {
      await wholeFile(volume, node).catch((e) => (failed++, assertEquals((e as { code?: string }).code, "EIO")));
    }
    assert(failed > 0 && log.length > 0 && log.length <= 101, `${failed} ${log.length}`);
  });
  it("a disk that answers later gives the same files", async () => {
    const bytes = image(`${GENISO} -R`);
    const slow = {
      ...diskOn(bytes),
      read: (into: Uint8Array, offset: number) =>
        Promise.resolve(into.set(bytes.subarray(offset, offset + into.length))),
    };
    const { parse } = await import("valibot");
    const { plainSys } = await import("../cases/fat_images.ts");
    const { volumeListing } = await import("../cases/image_walk.ts");
    const volume = await driver.mount(plainSys(), slow, {
      options: parse(driver.options as never, {}),
      source: "image",
      readOnly: true,
      over: { uid: 0, gid: 0, mode: 0o755 },
    });
    assertEquals(await volumeListing(volume), await imageListing(driver, bytes));
  });
  const IMAGES = Number(process.env.IMAGES ?? 150);
  for (const words of [`${GENISO} -R -J -joliet-long`, `${GENISO} -D -l`]) {
    it(`${words}: ${IMAGES} damaged images: an errno or files, none takes a second`, async () => {
      const bytes = image(words);
      const seed = seedOf();
      let longest = 0;
      for (let i = 0; i < IMAGES; i++) {
        const copy = bytes.slice();
        mutateImage(copy, randomOf(seed + i), ranges(bytes));
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
const ascii = (b: Uint8Array, at: number, n: number) => String.fromCharCode(...b.subarray(at, at + n));
/** Count in blocks of 512 bytes from now on: the descriptor says so, and each record's place is four times as far. */
function inSmallBlocks(bytes: Uint8Array): void {
  const d = new DataView(bytes.buffer);
  d.setUint16(0x8000 + 128, 512, true);
  const directories = [0x8000 + 156];
  for (let at = directories.pop(); at !== undefined; at = directories.pop()) {
    const [block, size] = [d.getUint32(at + 2, true), d.getUint32(at + 10, true)];
    d.setUint32(at + 2, block * 4, true);
    let n = 0;
    for (let r = block * 2048; r < block * 2048 + size && bytes[r]; r += bytes[r]!) {
      if (n++ >= 2 && bytes[r + 25]! & 2) directories.push(r);
      else d.setUint32(r + 2, d.getUint32(r + 2, true) * 4, true);
    }
  }
}
/** Descriptors and directories: what is before the first file's data, roughly. */
function ranges(bytes: Uint8Array): [number, number][] {
  return [[16 * 2048, 19 * 2048], [18 * 2048, Math.min(bytes.length, 200 * 2048)], [
    bytes.length - (60 << 11),
    bytes.length,
  ]];
}
