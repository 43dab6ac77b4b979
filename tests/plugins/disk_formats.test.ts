/** Formats of disk images, with qemu-img and qemu-io as the other side. */
import { spawnSync } from "node:child_process";
import {
  closeSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readFileSync,
  readSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { Buffer } from "node:buffer";
import process from "node:process";
import { describe, it } from "node:test";
import qcow2 from "../../plugins/disk_qcow2/mod.ts";
import vhd from "../../plugins/disk_vhd/mod.ts";
import vmdk from "../../plugins/disk_vmdk/mod.ts";
import { diskCases } from "../../src/conformance/disk.ts";
import { parseOptions } from "../../src/kern/driver_options.ts";
import { errno, SysError } from "../../src/abi/errno.ts";
import type { BlockDevice, DiskDriver, DiskFacts } from "../../src/plugin.ts";
import { assert, assertEquals, assertStringIncludes } from "../assert.ts";
import { plainSys, type Random, randomOf, scratchDir, seedOf } from "../cases/fat_images.ts";
import { mutateImage } from "../cases/image_walk.ts";

const scratch = scratchDir();
const MIB = 1 << 20;
const PIECE = 777 << 9;

function sh(command: string): string {
  const r = spawnSync("sh", ["-ec", command], { cwd: scratch, encoding: "utf8" });
  if (r.status !== 0) throw new Error(`${command}: ${r.stdout}${r.stderr}`);
  return r.stdout;
}
/** A file of the scratch directory as a disk that can grow. */
function fileOn(name: string): BlockDevice {
  const fd = openSync(`${scratch}/${name}`, "r+");
  return {
    name,
    blockSize: 1,
    get size() {
      return fstatSync(fd).size;
    },
    read: (into, offset) => void readSync(fd, into, 0, into.length, offset),
    write: (from, offset) => void writeSync(fd, from, 0, from.length, offset),
    resize: (size) => ftruncateSync(fd, size),
    close: () => closeSync(fd),
  };
}
/** The same in memory. */
function memoryOn(bytes: Uint8Array): BlockDevice {
  let all = bytes;
  const inside = ({ length }: Uint8Array, offset: number) => {
    if (!(offset >= 0 && offset + length <= all.length)) throw errno.EIO;
  };
  return {
    name: "memory",
    blockSize: 1,
    get size() {
      return all.length;
    },
    read(into, offset) {
      inside(into, offset);
      into.set(all.subarray(offset, offset + into.length));
    },
    write(from, offset) {
      inside(from, offset);
      all.set(from, offset);
    },
    resize(size) {
      if (size > 64 * MIB) throw new Error("grows without end");
      const more = new Uint8Array(size);
      more.set(all.subarray(0, size));
      all = more;
    },
  };
}
const opened = async (
  driver: DiskDriver,
  base: BlockDevice,
  how: { backing?: BlockDevice; readOnly?: boolean; log?: string[] } = {},
) =>
  await driver.open(plainSys((text) => how.log?.push(text)), {}, {
    source: "image",
    readOnly: how.readOnly ?? false,
    base,
    ...how.backing && { backing: how.backing },
  });
async function whole(disk: BlockDevice): Promise<Uint8Array> {
  const bytes = new Uint8Array(disk.size);
  for (let at = 0; at < bytes.length; at += PIECE) await disk.read(bytes.subarray(at, at + PIECE), at);
  return bytes;
}
const raw = (
  name: string,
  qemuName = "",
) => (sh(`qemu-img convert ${qemuName ? `-f ${qemuName}` : ""} -O raw ${name} out.raw`),
  new Uint8Array(readFileSync(`${scratch}/out.raw`)));
/** A disk of 8 MiB with something in most places. */
function source(random: Random): Uint8Array {
  const bytes = new Uint8Array(8 * MIB);
  for (let i = 0; i < 40; i++) {
    const at = random(bytes.length - 70_000);
    for (let n = random(70_000); n > 0; n--) bytes[at + n] = n * i;
  }
  writeFileSync(`${scratch}/source.raw`, bytes);
  return bytes;
}
/** Write here and there, on the disk and on the bytes it should be. */
async function scribble(disk: BlockDevice, like: Uint8Array, random: Random): Promise<void> {
  for (let i = 0; i < 120; i++) {
    const unit = disk.blockSize;
    const length = Math.ceil((1 + random(i % 10 === 0 ? 300_000 : 9000)) / unit) * unit;
    const at = Math.floor(random(like.length - length) / unit) * unit;
    if (i % 9 === 8 && disk.discard) {
      // Reads of it may give anything: written again at once.
      await disk.discard(at, length);
    }
    const bytes = new Uint8Array(length).fill(i + 1);
    await disk.write!(bytes, at);
    like.set(bytes, at);
    if (i % 30 === 29) await disk.flush?.();
  }
}

interface Format {
  readonly driver: DiskDriver;
  /** qemu-img's name, and options of images to be made. */
  readonly qemu: string;
  readonly options: readonly string[];
  /** Whether qemu-img check knows it. */
  readonly checked: boolean;
}
const list: readonly Format[] = [
  {
    driver: qcow2,
    qemu: "qcow2",
    checked: true,
    options: [
      "",
      "-o compat=0.10",
      "-o cluster_size=512",
      "-o cluster_size=2M",
      "-o refcount_bits=1",
      "-o refcount_bits=64",
      "-c",
      "-c -o compression_type=zstd",
      "-o preallocation=metadata",
    ],
  },
  { driver: vhd, qemu: "vpc", checked: false, options: ["-o force_size", "-o force_size,subformat=fixed"] },
  { driver: vmdk, qemu: "vmdk", checked: true, options: ["", "-o subformat=streamOptimized", "-o zeroed_grain=on"] },
];
for (const { driver, qemu, options, checked } of list) {
  describe(`disk images: ${qemu}`, () => {
    for (const option of options) {
      it(`${option || "plain"}: what qemu-img writes is read; what is written here it reads, and finds in order`, async () => {
        const seed = seedOf();
        const random = randomOf(seed);
        const like = source(random);
        sh(`rm -f image; qemu-img convert -f raw -O ${qemu} ${option} source.raw image`);
        const disk = await opened(driver, fileOn("image"));
        assertEquals(disk.size, like.length);
        assert(Buffer.from(await whole(disk)).equals(like), "as it was");
        if (disk.write) await scribble(disk, like, random);
        assert(Buffer.from(await whole(disk)).equals(like), `SEED=${seed}: read here`);
        await disk.close?.();
        assert(Buffer.from(raw("image", qemu)).equals(like), `SEED=${seed}: read by qemu-img`);
        if (checked) assertStringIncludes(sh("qemu-img check image"), "No errors were found");
        const again = await opened(driver, fileOn("image"), { readOnly: true });
        assertEquals(again.write, undefined);
        assert(Buffer.from(await whole(again)).equals(like), `SEED=${seed}: read again`);
        await again.close?.();
      });
    }
    it("a new, empty image is written and found in order", async () => {
      sh(`rm -f image; qemu-img create -q -f ${qemu} ${qemu === "vpc" ? "-o force_size" : ""} image 8M`);
      const like = new Uint8Array(8 * MIB);
      const disk = await opened(driver, fileOn("image"));
      await scribble(disk, like, randomOf(seedOf()));
      await disk.close?.();
      assert(Buffer.from(raw("image", qemu)).equals(like));
      if (checked) assertStringIncludes(sh("qemu-img check image"), "No errors were found");
    });
    const IMAGES = Number(process.env.IMAGES ?? 300);
    it(`${IMAGES} damaged images: an errno or bytes, soon`, async () => {
      const seed = seedOf();
      source(randomOf(seed));
      sh(
        `truncate -s 2M source.raw; rm -f image; qemu-img convert -f raw -O ${qemu} ${
          options.includes("-c") ? "-c" : ""
        } source.raw image${
          qemu === "qcow2" ? "; qemu-img snapshot -c one image; qemu-img snapshot -c two image" : ""
        }`,
      );
      const bytes = new Uint8Array(readFileSync(`${scratch}/image`));
      for (let i = 0; i < IMAGES; i++) {
        const random = randomOf(seed + i);
        const copy = bytes.slice();
        mutateImage(copy, random, [[0, 1024], [0, Math.min(copy.length, 400_000)], [copy.length - 1024, copy.length]]);
        // Now and then a piece of it is missing.
        const cut = random(8) === 0 ? copy.subarray(0, random(copy.length)) : copy;
        const began = process.cpuUsage().user;
        try {
          await abused(driver, cut, random);
          const seconds = (process.cpuUsage().user - began) / 1e6;
          if (seconds > 1) throw new Error(`took ${seconds} s`);
        } catch (e) {
          throw new Error(`SEED=${seed + i}`, { cause: e });
        }
      }
    });
  });
}
/** Read and write a damaged image; it may fail with an errno, nothing else. */
async function abused(driver: DiskDriver, bytes: Uint8Array, random: Random): Promise<void> {
  const allowed = async (work: () => unknown) => {
    try {
      return await work();
    } catch (e) {
      if (!(e instanceof SysError)) throw e;
      return undefined;
    }
  };
  const facts = await allowed(() => driver.describe!(plainSys(), memoryOn(bytes), "image")) as DiskFacts | undefined;
  if (facts) assert((facts.snapshots?.length ?? 0) <= 1000, "snapshots without end");
  const disk = await allowed(() => opened(driver, memoryOn(bytes))) as BlockDevice | undefined;
  if (!disk) return;
  let at = 0;
  for (let n = 0; at < disk.size && n < 20; n++) {
    const next = await allowed(() => disk.nextData!(at)) as number | undefined;
    if (next === undefined) break;
    assert(next >= at && next <= disk.size, `data at ${next}, asked from ${at} of ${disk.size}`);
    at = next + 65536;
  }
  const piece = new Uint8Array(20_480);
  for (let n = 0; n < 30; n++) {
    const at = random(Math.max(1, (Math.min(disk.size, 2 * MIB) - piece.length) >> 9)) * 512;
    await allowed(() => disk.read(piece, at));
    if (disk.write) await allowed(() => disk.write!(piece, at));
    if (disk.discard && n % 5 === 0) await allowed(() => disk.discard!(at, piece.length * 4));
  }
  await allowed(() => disk.flush?.());
}

/** Drivers, and options of new images. */
const created: readonly (readonly [DiskDriver, Record<string, unknown>])[] = [
  [qcow2, {}],
  [qcow2, { cluster_size: 512 }],
  [qcow2, { compress: "zlib" }],
  [qcow2, { compress: "zstd", cluster_size: 4096 }],
  [vhd, {}],
  [vhd, { subformat: "fixed" }],
  [vmdk, {}],
  [vmdk, { compress: "zlib" }],
];
for (const [driver, given] of created) {
  describe(`a new image is a disk like others: ${driver.name} ${JSON.stringify(given)}`, () => {
    const options = parseOptions(driver.creation, given);
    const open = () =>
      driver.create!(plainSys(), { source: "image", size: 3 * MIB, options, base: memoryOn(new Uint8Array(0)) });
    for (const c of diskCases(plainSys(), { kind: "disk", name: driver.name, open }, {})) it(c.name, () => c.run());
  });
}

describe("qcow2", () => {
  it("an image that is a change of another reads through, when told which that is, and writes leave it alone", async () => {
    const random = randomOf(seedOf());
    const like = source(random);
    sh(`rm -f base image; qemu-img convert -f raw -O qcow2 source.raw base
      qemu-img create -q -f qcow2 -b base -F qcow2 image 9M; qemu-io -c 'write -P 7 100k 300k' image > /dev/null; cp base before`);
    const wide = new Uint8Array(9 * MIB);
    wide.set(like);
    wide.fill(7, 100 << 10, 400 << 10);
    const log: string[] = [];
    const refused = await opened(qcow2, fileOn("image"), { log }).then(() => "", (e) => (e as { code: string }).code);
    assertEquals([refused, log], ["EINVAL", [
      'qcow2: image: a change of "base": --backing FILE says which image that is',
    ]]);
    const backing = await opened(qcow2, fileOn("base"), { readOnly: true });
    const disk = await opened(qcow2, fileOn("image"), { backing });
    assert(Buffer.from(await whole(disk)).equals(wide), "before");
    await scribble(disk, wide, random);
    await disk.close?.();
    assert(Buffer.from(raw("image")).equals(wide), "after");
    sh("cmp base before");
    assertStringIncludes(sh("qemu-img check image"), "No errors were found");
  });
  it("snapshots within an image stay what they were", async () => {
    const random = randomOf(seedOf());
    const like = source(random);
    sh(`rm -f image; qemu-img convert -f raw -O qcow2 source.raw image; qemu-img snapshot -c one image`);
    const before = like.slice();
    const disk = await opened(qcow2, fileOn("image"));
    await scribble(disk, like, random);
    await disk.close?.();
    assert(Buffer.from(raw("image")).equals(like), "written");
    assertStringIncludes(sh("qemu-img check image"), "No errors were found");
    assert(Buffer.from(raw("-l one image")).equals(before), "snapshot");
  });
  it("a process that ends in the middle leaves an image without errors, with what was flushed", async () => {
    sh(`rm -f image cut; qemu-img create -q -f qcow2 image 8M`);
    const like = new Uint8Array(8 * MIB);
    const random = randomOf(seedOf());
    const disk = await opened(qcow2, fileOn("image"));
    await scribble(disk, like, random);
    await disk.flush?.();
    const flushed = like.slice();
    for (let i = 0; i < 40; i++) {
      const at = 4 * MIB + random(3 * MIB);
      await disk.write!(new Uint8Array(5000).fill(i), at);
      like.fill(i, at, at + 5000);
    }
    // What lies on the disk at this moment, as kill -9 leaves it.
    sh("cp image cut; qemu-img check cut > said || [ $? = 3 ]; ! grep ERROR said");
    assert(Buffer.from(raw("cut").subarray(0, 4 * MIB)).equals(flushed.subarray(0, 4 * MIB)));
  });
  for (
    const [what, change, line] of [
      ["encrypted", (b: Uint8Array) => (b[35] = 1), "encrypted: not supported"],
      ["of a later version", (b: Uint8Array) => (b[7] = 4), "version 4"],
      ["with unknown features", (b: Uint8Array) => (b[78] = 1), "unknown features 0x100"],
    ] as const
  ) {
    it(`an image ${what} is refused, one line says so`, async () => {
      sh("rm -f image; qemu-img create -q -f qcow2 image 1M");
      const bytes = new Uint8Array(readFileSync(`${scratch}/image`));
      change(bytes);
      const log: string[] = [];
      const e = await opened(qcow2, memoryOn(bytes), { log }).then(() => undefined, (e) => e);
      assertEquals([(e as { code?: string }).code, log], ["EINVAL", [`qcow2: image: ${line}`]]);
    });
  }
});
