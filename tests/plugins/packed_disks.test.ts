/** Compressed images as disks, with gzip, xz and zstd as the other side. */
import { execFileSync } from "node:child_process";
import { Buffer } from "node:buffer";
import { readFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import { describe, it } from "node:test";
import gzip from "../../plugins/disk_gzip/mod.ts";
import xz from "../../plugins/disk_xz/mod.ts";
import zstd from "../../plugins/disk_zstd/mod.ts";
import { SysError } from "../../src/abi/errno.ts";
import type { BlockDevice, DiskDriver } from "../../src/plugin.ts";
import { assert, assertEquals } from "../assert.ts";
import { diskOn, plainSys, randomOf, scratchDir, seedOf } from "../cases/fat_images.ts";
import { mutateImage } from "../cases/image_walk.ts";

const scratch = scratchDir();
const MIB = 1 << 20;
const SIZE = 6 * MIB + 1000;

/** Some text, some noise, much of nothing. */
function source(): Uint8Array {
  const bytes = new Uint8Array(SIZE);
  const random = randomOf(3);
  for (let at = 0; at < bytes.length; at += 4096) {
    const kind = Math.floor(at / 300_000) % 3;
    if (kind === 0) bytes.fill(at >> 12, at, at + random(4096));
    else if (kind === 1) { for (let i = 0; i < 500; i++) bytes[at + i * 3] = random(256); }
  }
  return bytes;
}
const like = source();
writeFileSync(`${scratch}/raw`, like);
const BGZF = `python3 -c '
import struct, sys, zlib
d = open("raw", "rb").read()
for i in list(range(0, len(d), 60000)) + [len(d)]:
    p = d[i:i + 60000]; c = zlib.compressobj(6, 8, -15); b = c.compress(p) + c.flush()
    h = bytes([31, 139, 8, 4, 0, 0, 0, 0, 0, 255, 6, 0, 66, 67, 2, 0]) + struct.pack("<H", len(b) + 25)
    sys.stdout.buffer.write(h + b + struct.pack("<II", zlib.crc32(p), len(p)))'`;
const split = (size: number, command: string) => `split -b ${size} raw p_; for p in p_*; do ${command}; done; rm p_*`;
const rows: readonly (readonly [string, DiskDriver, string])[] = [
  ["gzip", gzip, "gzip -c raw"],
  ["gzip of several members", gzip, split(1_000_000, "gzip -c $p")],
  ["BGZF", gzip, BGZF],
  ["xz of one block", xz, "xz -1 -c raw"],
  ["xz of small blocks", xz, "xz -0 -c --block-size=300000 raw"],
  ["xz of large blocks with little windows", xz, "xz -c --lzma2=preset=0,dict=64KiB --block-size=2500000 raw"],
  ["xz for programs", xz, "xz -c --x86 --lzma2=preset=0 raw"],
  ["xz of several streams with zeros between", xz, split(2_000_000, "xz -0 -c $p; head -c 8 /dev/zero")],
  ["zstd", zstd, "zstd -qc raw"],
  ["zstd that does not tell its size", zstd, "zstd -qc < raw"],
  ["zstd of several frames", zstd, split(500_000, "zstd -qc --no-check $p")],
];
const packed = new Map<string, Uint8Array>();
function pack(command: string): Uint8Array {
  let bytes = packed.get(command);
  if (!bytes) {
    execFileSync("sh", ["-ec", `{ ${command}\n} > packed`], { cwd: scratch });
    packed.set(command, bytes = new Uint8Array(readFileSync(`${scratch}/packed`)));
  }
  return bytes;
}
/** Room in memory. */
function memoryRoom(most = 1 << 26): BlockDevice {
  let bytes = new Uint8Array(0);
  return {
    name: "room",
    blockSize: 1,
    get size() {
      return bytes.length;
    },
    read: (into, offset) => void into.set(bytes.subarray(offset, offset + into.length)),
    write: (from, offset) => void bytes.set(from, offset),
    resize(size) {
      if (size > most) throw plainSys().errno.ENOSPC;
      const more = new Uint8Array(size);
      more.set(bytes.subarray(0, size));
      bytes = more;
    },
  };
}
async function opened(driver: DiskDriver, bytes: Uint8Array, log: string[] = [], room = memoryRoom()) {
  const base = diskOn(bytes);
  return await driver.open(plainSys((text) => log.push(text)), {}, {
    source: "image",
    readOnly: true,
    base,
    scratch: () => room,
  });
}
async function whole(disk: BlockDevice): Promise<Uint8Array> {
  const bytes = new Uint8Array(disk.size);
  for (let at = 0; at < bytes.length; at += 777_777) await disk.read(bytes.subarray(at, at + 777_777), at);
  return bytes;
}
const code = async (work: () => unknown) => {
  try {
    await work();
    return "";
  } catch (e) {
    if (!(e instanceof SysError)) throw e;
    return e.code;
  }
};

describe("compressed images", () => {
  for (const [what, driver, command] of rows) {
    it(`${what}: the disk is what was packed, read anywhere and from its start to its end, and cannot be written`, async () => {
      const disk = await opened(driver, pack(command));
      assertEquals([disk.size, disk.write], [SIZE, undefined]);
      const random = randomOf(seedOf());
      for (let i = 0; i < 60; i++) {
        const into = new Uint8Array(1 + random(i % 10 === 0 ? MIB : 9000));
        const at = random(SIZE - into.length);
        await disk.read(into, at);
        assert(Buffer.from(into).equals(like.subarray(at, at + into.length)), `${into.length} bytes at ${at}`);
      }
      assert(Buffer.from(await whole(disk)).equals(like));
      assertEquals(await code(() => disk.read(new Uint8Array(2), SIZE - 1)), "EIO");
      await disk.close?.();
    });
    it(`${what}: cut short, it is refused or EIO, and one line says so`, async () => {
      const bytes = pack(command);
      const log: string[] = [];
      const failed = await code(async () =>
        await whole(await opened(driver, bytes.subarray(0, bytes.length - 200), log))
      );
      // A BGZF file that is no more is gzip, and that is unpacked whole.
      assert(failed === "EINVAL" || failed === "EIO", failed);
      assertEquals(log.length, 1, log.join("\n"));
    });
    it(`${what}: a changed byte in the middle is EIO, one line says so, and what was there before is read`, async () => {
      const bytes = pack(command).slice();
      bytes[bytes.length >> 1]! ^= 0x10;
      const log: string[] = [];
      let disk: BlockDevice | undefined;
      const failed = await code(async () => await whole(disk = await opened(driver, bytes, log)));
      if (/no-check/.test(command) && failed === "") return;
      assertEquals([failed, log.length], [disk ? "EIO" : "EINVAL", 1], log.join("\n"));
      const start = new Uint8Array(4096);
      if (disk && !/for programs|^zstd -qc raw|-1 -c/.test(command)) {
        await disk.read(start, 0);
        assert(Buffer.from(start).equals(like.subarray(0, 4096)));
      }
    });
    const IMAGES = Number(process.env.IMAGES ?? 12);
    it(`${what}: ${IMAGES} damaged images: an errno or bytes`, async () => {
      const seed = seedOf();
      for (let i = 0; i < IMAGES; i++) {
        const random = randomOf(seed + i);
        const bytes = pack(command).slice();
        mutateImage(bytes, random, [[0, 64], [0, bytes.length], [bytes.length - 64, bytes.length]]);
        const failed = await code(async () => {
          const disk = await opened(driver, bytes);
          for (let n = 0; n < 8 && disk.size >= 4096; n++) {
            await code(() => disk.read(new Uint8Array(4096), random(Math.min(disk.size, SIZE) - 4095)));
          }
        }).catch((e) => {
          throw new Error(`SEED=${seed + i}`, { cause: e });
        });
        assert(["", "EIO", "EINVAL", "ENOSPC"].includes(failed), `SEED=${seed + i}: ${failed}`);
      }
    });
  }
  it("that need more room than there is are ENOSPC, and a line says so", async () => {
    for (const command of ["gzip -c raw", "zstd -qc < raw", "xz -1 -c raw"]) {
      const log: string[] = [];
      const driver = rows.find((r) => r[2] === command)![1];
      const failed = await code(async () => await whole(await opened(driver, pack(command), log, memoryRoom(MIB))));
      assertEquals([failed, log.length], ["ENOSPC", 1], command);
    }
  });
  it("of nothing but zeros take no room", async () => {
    execFileSync("sh", ["-c", "head -c 300000000 /dev/zero | gzip -1 > zeros.gz"], { cwd: scratch });
    let written = 0;
    const room = { ...memoryRoom(), resize: () => {}, write: (from: Uint8Array) => void (written += from.length) };
    const disk = await opened(gzip, new Uint8Array(readFileSync(`${scratch}/zeros.gz`)), [], room);
    assertEquals([disk.size, written], [300_000_000, 0]);
  });
});
