import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { describe, it } from "node:test";
import { errno, SysError } from "../../src/abi/errno.ts";
import { rumpList } from "../../src/cmd/files.ts";
import type { SyncCalls } from "../../src/proxy/stubs.ts";
import type { BlockDevice } from "../../src/plugin.ts";
import { assert, assertEquals, assertStringIncludes, assertThrows } from "../assert.ts";
import { fatDisk, type Fs, withFs } from "../vfs/helpers.ts";
import { memoryDisk } from "../kern/fake.ts";

const scratch = mkdtempSync(join(tmpdir(), "rump-fat-"));
process.on("exit", () => rmSync(scratch, { recursive: true, force: true }));

function tool(command: string): string {
  const r = spawnSync("sh", ["-c", `PATH=$PATH:/sbin:/usr/sbin; ${command}`], { cwd: scratch, encoding: "utf8" });
  return r.stdout + r.stderr;
}
/** What fsck.fat finds wrong with an image, without what it says anyway. */
function fsck(bytes: Uint8Array): string[] {
  writeFileSync(`${scratch}/check.img`, bytes);
  return tool("fsck.fat -n check.img").split("\n").filter((l) =>
    l !== "" && !/^fsck|check\.img:|Leaving|^ *Automatically/.test(l)
  );
}
/** A volume as mkfs.fat makes it. */
function made(bits: 12 | 16 | 32) {
  tool(
    `rm -f made.img; truncate -s ${
      bits === 12 ? 1 : bits === 16 ? 16 : 40
    }M made.img && mkfs.fat -F ${bits} -s 1 made.img`,
  );
  const bytes = readFileSync(`${scratch}/made.img`);
  const disk = memoryDisk(bytes.length);
  disk.bytes.set(bytes);
  return disk;
}
const put = (sys: Fs["sys"], path: string, n: number) => {
  const fd = sys.open({ path, flags: 0x602, mode: 0o644 }) as number;
  sys.write({ fd, buf: new Uint8Array(n).fill(n) });
  sys.close({ fd });
};

/** A life of many changes. */
function live(sys: Fs["sys"]): void {
  for (let i = 0; i < 30; i++) put(sys, `A file with a long name ${i}.txt`, i * 97);
  sys.mkdir({ path: "dir", mode: 0o755 });
  sys.mkdir({ path: "dir/sub", mode: 0o755 });
  for (let i = 0; i < 30; i += 3) sys.unlink({ path: `A file with a long name ${i}.txt` });
  for (let i = 1; i < 30; i += 3) sys.rename({ from: `A file with a long name ${i}.txt`, to: `dir/moved ${i}` });
  sys.rename({ from: "dir/moved 1", to: "dir/moved 4" });
  sys.rename({ from: "dir/sub", to: "top" });
  put(sys, "top/x", 5000);
  sys.truncate({ path: "top/x", length: 700 });
  sys.truncate({ path: "top/x", length: 9000 });
  sys.unlink({ path: "dir/moved 4" });
}

describe("msdos on a disk", () => {
  for (const bits of [12, 16, 32] as const) {
    it(`FAT${bits}: after many changes fsck.fat has nothing to say`, async () => {
      const { sys, kernel, disk } = await withFs("msdos", made(bits));
      live(sys);
      await sys.chdir({ path: "/" });
      await kernel.halt();
      assertEquals(fsck(disk!.bytes), []);
    });
  }
  it("an image filled by mcopy is read; what is written mtools reads", async () => {
    tool(
      'truncate -s 8M m.img && mkfs.fat m.img && echo inside > "Some file.txt" && mcopy -i m.img "Some file.txt" ::',
    );
    const bytes = new Uint8Array(readFileSync(`${scratch}/m.img`));
    const disk = memoryDisk(bytes.length);
    disk.bytes.set(bytes);
    const { sys, kernel } = await withFs("msdos", disk);
    assertEquals(rumpList(sys as unknown as SyncCalls, "."), ["Some file.txt"]);
    put(sys, "\u00dcber \u4e2d\u6587 \ud83d\ude00.txt", 10);
    put(sys, "plain.txt", 10);
    await sys.chdir({ path: "/" });
    await kernel.halt();
    writeFileSync(`${scratch}/m.img`, disk.bytes);
    const seen = tool("LC_ALL=C.UTF-8 mdir -b -i m.img ::");
    assertStringIncludes(seen, "::/plain.txt");
    assertStringIncludes(seen, "\u00dcber \u4e2d\u6587");
  });
  it("an image whose own disk is full fails the write, and stays sound", async () => {
    const disk = made(16);
    let room = 200_000;
    const full = {
      ...disk,
      read: (into: Uint8Array, offset: number) => into.set(disk.bytes.subarray(offset, offset + into.length)),
      write(from: Uint8Array, offset: number) {
        if (from.length > room) throw errno.ENOSPC;
        if (from.length > 4096) room -= from.length;
        disk.bytes.set(from, offset);
      },
    };
    const { sys, kernel } = await withFs("msdos", full as never);
    const fd = sys.open({ path: "x", flags: 0x602, mode: 0o644 }) as number;
    const piece = new Uint8Array(65_536).fill(1);
    for (let i = 0; i < 3; i++) assertEquals(sys.write({ fd, buf: piece }), piece.length);
    assertThrows(() => sys.write({ fd, buf: piece }), SysError, errno.ENOSPC.message);
    sys.close({ fd });
    await sys.chdir({ path: "/" });
    await kernel.halt();
    assertEquals(fsck(disk.bytes), []);
  });
  it("what nobody changes any more is written after a second or two", async () => {
    const disk = made(16);
    const { sys, host } = await withFs("msdos", disk);
    put(sys, "soon", 1000);
    const clean = fsck(disk.bytes).length === 0;
    host.pass(1000);
    host.pass(1000);
    assertEquals([clean, fsck(disk.bytes)], [false, []]);
  });
  it("a loop, a crossing and a chain that points outside are EIO; the rest is read", async () => {
    const { sys, kernel, disk } = await withFs("msdos", fatDisk(16));
    for (const name of ["loop", "cross", "out", "good"]) put(sys, name, 3000);
    await sys.chdir({ path: "/" });
    await sys.unmount({ path: "/m", flags: 0 });
    const fat = new DataView(disk!.bytes.buffer, 512);
    const entry = (name: string) => {
      const at = Buffer.from(disk!.bytes).indexOf(name.toUpperCase().padEnd(11));
      return new DataView(disk!.bytes.buffer).getUint16(at + 26, true);
    };
    fat.setUint16((entry("loop") + 2) * 2, entry("loop"), true);
    fat.setUint16(entry("cross") * 2, entry("good") + 2, true);
    fat.setUint16((entry("out") + 1) * 2, 0xffee, true);
    const again = await withFs("msdos", disk);
    const read = (name: string) => {
      const fd = again.sys.open({ path: name, flags: 0 }) as number;
      try {
        return again.sys.read({ fd, buf: new Uint8Array(4000) });
      } catch (e) {
        return (e as SysError).code;
      }
    };
    assertEquals([read("good"), read("loop"), read("out"), read("cross")], [3000, "EIO", "EIO", "EIO"]);
    assertEquals(again.kernel.log.lines.filter((l) => l.includes("chain is damaged")).length, 3);
    void kernel;
  });
  it("mutated images never do worse than fail, in bounded time", async () => {
    const seed = Number(process.env.SEED ?? Date.now() & 0xffff);
    let state = seed;
    const random = (n: number) => (state = (state * 1103515245 + 12345) & 0x7fffffff) % n;
    const { sys, kernel, disk } = await withFs("msdos", fatDisk(12));
    live(sys);
    await kernel.halt();
    const until = Date.now() + 2000;
    let rounds = 0;
    for (; Date.now() < until; rounds++) {
      const bytes = disk!.bytes.slice();
      for (let i = random(30); i >= 0; i--) {
        bytes[random(3) ? random(40 << 10) : random(bytes.length)] = random(2) ? 0xff : random(256);
      }
      await abuse(bytes, `seed ${seed}, round ${rounds}`);
    }
    assert(rounds > 20, `${rounds} rounds`);
  });
});
/** Mount, walk, read, write and remove everything; only SysErrors may come. */
async function abuse(bytes: Uint8Array, what: string): Promise<void> {
  const disk: BlockDevice & { readonly bytes: Uint8Array } = Object.assign(memoryDisk(bytes.length), {});
  disk.bytes.set(bytes);
  let fs: Fs;
  try {
    fs = await withFs("msdos", disk);
  } catch (e) {
    if (e instanceof SysError) return;
    throw new Error(what, { cause: e });
  }
  const sys = fs.sys as unknown as SyncCalls;
  let left = 300;
  const quietly = (work: () => void) => {
    try {
      work();
    } catch (e) {
      if (!(e instanceof SysError)) throw new Error(what, { cause: e });
    }
  };
  const walk = (path: string, depth: number) =>
    quietly(() => {
      for (const name of rumpList(sys, path)) {
        if (left-- < 0 || depth > 8) return;
        assert(name !== "" && !name.includes("/") && !name.includes("\0"), what);
        const at = `${path}/${name}`;
        quietly(() => void sys.pread({ fd: sys.open({ path: at, flags: 0 }), buf: new Uint8Array(8192), offset: 0 }));
        quietly(() => void sys.pwrite({ fd: sys.open({ path: at, flags: 2 }), buf: new Uint8Array(600), offset: 300 }));
        walk(at, depth + 1);
        quietly(() => void sys.rename({ from: at, to: `${at}x` }));
        quietly(() => void sys.unlink({ path: `${at}x` }));
      }
    });
  walk(".", 0);
  quietly(() => void sys.mkdir({ path: "new", mode: 0o755 }));
  await fs.kernel.halt().catch((e) => {
    if (!(e instanceof SysError)) throw new Error(what, { cause: e });
  });
}
