import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import { describe, it } from "node:test";
import { parseBpb } from "../../plugins/fs_msdos/bpb.ts";
import { fromDos, toDos } from "../../plugins/fs_msdos/times.ts";
import { Statvfs } from "../../src/abi/structs.ts";
import { viewOf } from "../../src/lib/struct.ts";
import type { BlockDevice } from "../../src/plugin.ts";
import { assertEquals } from "../assert.ts";
import { Hand, mkfs, scratchDir } from "../cases/fat_images.ts";
import { answer, mounted, read, stat, touch } from "../cases/fat_mounts.ts";
import { memoryDisk } from "../kern/fake.ts";

function tool(command: string): string {
  const env = { ...process.env, PATH: `${process.env.PATH}:/sbin:/usr/sbin`, LC_ALL: "C.UTF-8" };
  const r = spawnSync("sh", ["-c", command], { cwd: scratchDir(), encoding: "utf8", env });
  return r.stdout + r.stderr;
}
/** An image as mkfs.fat makes it with some options. */
function made(options: string, size: string): ReturnType<typeof memoryDisk> {
  tool(`rm -f v.img; truncate -s ${size} v.img && mkfs.fat ${options} v.img`);
  const bytes = readFileSync(`${scratchDir()}/v.img`);
  const disk = memoryDisk(bytes.length);
  disk.bytes.set(bytes);
  return disk;
}
function fsck(disk: { readonly bytes: Uint8Array }, options = ""): string {
  writeFileSync(`${scratchDir()}/v.img`, disk.bytes);
  return tool(`fsck.fat -n ${options} v.img > out 2>&1; echo $?`).trim();
}
const free = (sys: { statvfs1: (a: { path: string; buf: Uint8Array; flags: number }) => unknown }) => {
  const buf = new Uint8Array(Statvfs.size);
  void sys.statvfs1({ path: "/m", buf, flags: 1 });
  return Statvfs.get.bfree(viewOf(buf), 0);
};

describe("msdos: volumes of every make", () => {
  const variants: readonly (readonly [options: string, size: string])[] = [
    ...[512, 1024, 2048, 4096].map((n) => [`-S ${n} -F 12`, "8M"] as const),
    ...[512, 1024, 2048, 4096].map((n) => [`-S ${n} -F 32 -s 1`, "80M"] as const),
    ["-F 16 -s 64", "300M"],
    ["-F 12 -f 1 -r 16", "1M"],
    ["-F 16 -f 2 -R 40 -a", "20M"],
    ["-F 32 -s 1 -f 1 -R 2", "40M"],
    ["-F 12", "1440K"],
    ["-F 12", "360K"],
  ];
  for (const [options, size] of variants) {
    it(`mkfs.fat ${options} of ${size}: written, read again, clean for fsck.fat`, async () => {
      const disk = made(options, size);
      const fs = await mounted({}, disk);
      await fs.sys.mkdir({ path: "A directory", mode: 0o755 });
      for (let i = 0; i < 40; i++) touch(fs.sys, `A directory/file number ${i}`, `text ${i} `.repeat(i * 40));
      for (let i = 0; i < 40; i += 2) fs.sys.unlink({ path: `A directory/file number ${i}` });
      const again = await fs.again({});
      assertEquals(read(again.sys, "A directory/file number 33"), "text 33 ".repeat(33 * 40));
      await again.sys.chdir({ path: "/" });
      await again.kernel.halt();
      assertEquals(fsck(disk), "0", tool("cat out"));
    });
  }
  it("an Atari disk is one with -G: no signature, sectors of 1024, short names", async () => {
    const disk = made("-A -S 1024", "8M");
    const found = () => (fsck(disk, "-A"), tool("cat out").split("\n").filter((l) => !l.includes("clusters")));
    const before = found();
    disk.bytes.fill(0, 510, 512);
    assertEquals(typeof parseBpb(disk.bytes.subarray(0, 512)), "string");
    const fs = await mounted({ gemdos: true }, disk);
    touch(fs.sys, "file.txt", "text");
    const again = await fs.again({ gemdos: true });
    assertEquals([again.list(), read(again.sys, "FILE.TXT")], [["file.txt"], "text"]);
    await again.sys.chdir({ path: "/" });
    await again.kernel.halt();
    assertEquals(found(), before);
  });
  it("a boot sector older than 55 AA is taken when its FAT begins as it says", () => {
    const disk = made("-F 12", "720K");
    disk.bytes.fill(0, 510, 512);
    assertEquals(typeof parseBpb(disk.bytes.subarray(0, 4096)), "object");
    disk.bytes[512] = 0;
    assertEquals(typeof parseBpb(disk.bytes.subarray(0, 4096)), "string");
  });
  it("boot code where others keep the state byte stays as it is", async () => {
    const disk = made("-F 12", "720K");
    disk.bytes.set([0xfa, 0x33], 37);
    const fs = await mounted({}, disk);
    touch(fs.sys, "f", "x");
    await fs.sys.chdir({ path: "/" });
    await fs.kernel.halt();
    assertEquals([...disk.bytes.subarray(37, 39)], [0xfa, 0x33]);
  });
  it("without mirroring the active FAT is read and written, the other left alone", async () => {
    const disk = mkfs(32);
    const { g } = new Hand(disk.bytes);
    const other = () => disk.bytes.slice(g.fatStart, g.fatStart + g.fatSize);
    viewOf(disk.bytes).setUint16(40, 0x81, true);
    disk.bytes.fill(0xee, g.fatStart, g.fatStart + g.fatSize);
    const was = other();
    const fs = await mounted({}, disk);
    touch(fs.sys, "f", "text".repeat(1000));
    const again = await fs.again({});
    assertEquals(read(again.sys, "f"), "text".repeat(1000));
    assertEquals(other(), was);
  });
  it("a count of free clusters that is wrong is neither shown nor written back", async () => {
    const disk = mkfs(32);
    const fs = await mounted({}, disk);
    const right = free(fs.sys);
    viewOf(disk.bytes).setUint32(512 + 488, 5, true);
    const again = await fs.again({});
    assertEquals(free(again.sys), right);
    touch(again.sys, "f", "x");
    await again.sys.chdir({ path: "/" });
    await again.kernel.halt();
    assertEquals(viewOf(disk.bytes).getUint32(512 + 488, true), right - 1);
    viewOf(disk.bytes).setUint32(512 + 488, 5, true);
    const usefree = await mounted({ usefree: true }, disk);
    assertEquals(free(usefree.sys), 5);
  });
  it("a file may have 4 GiB - 1 and no byte more", async () => {
    const disk = sparseDisk("-F 32 -s 128", "9G");
    const { sys } = await mounted({}, disk);
    const fd = sys.open({ path: "f", flags: 0x602, mode: 0o644 }) as number;
    assertEquals(sys.pwrite({ fd, buf: new Uint8Array([1, 2, 3]), offset: 2 ** 32 - 3 }), 2);
    assertEquals(answer(() => sys.pwrite({ fd, buf: new Uint8Array(1), offset: 2 ** 32 - 1 })), "EFBIG");
    assertEquals(answer(() => sys.ftruncate({ fd, length: 2 ** 32 })), "EFBIG");
    const buf = new Uint8Array(4);
    assertEquals([sys.pread({ fd, buf, offset: 2 ** 32 - 4 }), [...buf.subarray(0, 3)]], [3, [0, 1, 2]]);
  });
});
/** An image in memory that keeps only what is not zero. */
function sparseDisk(options: string, size: string): BlockDevice & { readonly bytes: Uint8Array } {
  tool(`rm -f s.img; truncate -s ${size} s.img && mkfs.fat ${options} s.img`);
  const bytes = Number(tool("stat -c %s s.img"));
  const head = 1 << 20;
  const block = 4096;
  const kept = new Map<number, Uint8Array>();
  const start = Buffer.alloc(head);
  start.set(spawnSync("head", ["-c", String(head), `${scratchDir()}/s.img`], { maxBuffer: 1 << 22 }).stdout);
  for (let i = 0; i < head / block; i++) kept.set(i, new Uint8Array(start.subarray(i * block, (i + 1) * block)));
  const each = (n: number, offset: number, use: (b: number, from: number, at: number, length: number) => void) => {
    for (let at = 0; at < n;) {
      const from = (offset + at) % block;
      const length = Math.min(block - from, n - at);
      use(Math.floor((offset + at) / block), from, at, length);
      at += length;
    }
  };
  const isZero = (from: Uint8Array) => from[0] === 0 && from.at(-1) === 0 && from.every((b) => b === 0);
  let zeros: Uint8Array | undefined;
  return {
    name: "sparse",
    blockSize: 1,
    size: bytes,
    bytes: start,
    read: (into, offset) =>
      each(into.length, offset, (b, from, at, n) => {
        const have = kept.get(b);
        if (have) into.set(have.subarray(from, from + n), at);
        else into.fill(0, at, at + n);
      }),
    write(from, offset) {
      // The driver's zeros are always the same memory: looked through once.
      if (from.buffer === zeros?.buffer || (from.length > block && isZero(from))) {
        zeros = from;
        return;
      }
      each(from.length, offset, (b, to, at, n) => {
        const have = kept.get(b) ?? new Uint8Array(block);
        have.set(from.subarray(at, at + n), to);
        kept.set(b, have);
      });
    },
  };
}

describe("msdos: times", () => {
  it("-t and time_offset= shift the volume's times, and what is written comes back", async () => {
    const fs = await mounted({ gmtoff: 0 });
    touch(fs.sys, "f");
    const at = stat(fs.sys, "f").mtime;
    const east = await fs.again({ gmtoff: 3600 });
    assertEquals(stat(east.sys, "f").mtime, at - 3600);
  });
  it("1980 to 2107, odd seconds and hundredths of the creation time are kept", () => {
    for (const [sec, nsec] of [[315_532_800, 0], [951_782_399, 990_000_000], [4_354_819_199, 0]] as const) {
      const { date, time, tenth } = toDos(sec, nsec, 0);
      assertEquals(fromDos(date, time, tenth, 0), [sec, nsec]);
    }
  });
  it("tz= names a zone; its summer time is the file's", () => {
    const noon = (month: number) => fromDos((46 << 9) | (month << 5) | 15, 12 << 11, 0, "Europe/Berlin")[0];
    assertEquals([noon(1) % 86_400, noon(7) % 86_400], [11 * 3600, 10 * 3600]);
    for (const month of [1, 3, 7, 10, 12]) {
      const { date, time } = toDos(noon(month), 0, "Europe/Berlin");
      assertEquals([date, time], [(46 << 9) | (month << 5) | 15, 12 << 11]);
    }
    assertEquals(toDos(2 ** 50, 0, "Asia/Kolkata").date >> 9, 127);
  });
  it("with -9 there are no dates of creation and access", async () => {
    const disk = mkfs(16);
    const fs = await mounted({ win95: true }, disk);
    touch(fs.sys, "F", "x");
    await fs.sys.sync();
    const hand = new Hand(disk.bytes);
    const at = hand.entry("F");
    assertEquals([13, 14, 16, 18].map((i) => hand.view.getUint16(at + i, true)), [0, 0, 0, 0]);
  });
  it("summer time is the file's, not today's", () => {
    const script = `import { fromDos, toDos } from "${
      new URL("../../plugins/fs_msdos/times.ts", import.meta.url).href
    }";
      const word = (m) => (46 << 9) | (m << 5) | 15;
      console.log(fromDos(word(1), 12 << 11, 0, undefined)[0] % 86400, fromDos(word(7), 12 << 11, 0, undefined)[0] % 86400,
        toDos(1784113200, 0, undefined).time >> 11);`;
    writeFileSync(`${scratchDir()}/zone.ts`, script);
    const run = "Deno" in globalThis ? `"${process.execPath}" run -A --no-check` : `"${process.execPath}"`;
    assertEquals(tool(`TZ=Europe/Berlin ${run} zone.ts`).trim(), `${11 * 3600} ${10 * 3600} 13`);
  });
});
