/**
 * What every file system driver must do, ours or a third party's: `conformance(driver, { device?, options?, lacks? })`
 * registers its tests. What a driver lacks is skipped, in sight. Runs through system calls, as programs would.
 */
import { describe, it } from "node:test";
import { errno, SysError } from "../../src/abi/errno.ts";
import { O_APPEND, O_CREAT, O_EXCL, O_RDONLY, O_RDWR, O_TRUNC } from "../../src/abi/flags.ts";
import { Dirent, Stat, Statvfs } from "../../src/abi/structs.ts";
import { decodeName } from "../../src/lib/text.ts";
import { viewOf } from "../../src/lib/struct.ts";
import type { BlockDevice, FsDriver } from "../../src/plugin.ts";
import { vfsOf } from "../../src/vfs/vfs.ts";
import { builtins } from "../../plugins/mod.ts";
import { assert, assertEquals } from "../assert.ts";
import { fakeKernel } from "../kern/fake.ts";

export type Lack = "write" | "links" | "modes" | "times" | "case" | "xattr" | "sparse";
export interface Subject {
  /** A fresh, empty medium. */
  readonly device?: () => BlockDevice;
  readonly options?: unknown;
  readonly lacks?: readonly Lack[];
}
type Calls = Awaited<ReturnType<typeof fakeKernel>>["sys"];
const CR = O_CREAT | O_RDWR;
const bytes = (s: string) => new TextEncoder().encode(s);

async function mounted(driver: FsDriver, subject: Subject) {
  const fake = await fakeKernel({ builtins, components: ["rumpvfs"] });
  await fake.kernel.use(driver);
  await fake.sys.mkdir({ path: "/t", mode: 0o777 });
  const how = { from: driver.name, on: "/t", flags: 0, options: subject.options ?? {} };
  const mount = await vfsOf(fake.kernel).mountVolume(driver.name, subject.device?.(), how);
  await fake.sys.chdir({ path: "/t" });
  return { ...fake, mount };
}
async function code(work: () => unknown): Promise<string> {
  try {
    await work();
    return "ok";
  } catch (e) {
    if (e instanceof SysError) return e.code;
    throw e;
  }
}
async function put(sys: Calls, path: string, data: Uint8Array, flags = CR | O_TRUNC): Promise<void> {
  const fd = await sys.open({ path, flags, mode: 0o644 });
  assertEquals(await sys.write({ fd, buf: data }), data.length);
  await sys.close({ fd });
}
async function get(sys: Calls, path: string): Promise<Uint8Array> {
  const { size } = await info(sys, path);
  const fd = await sys.open({ path, flags: O_RDONLY });
  const buf = new Uint8Array(size + 10);
  let n = 0;
  for (let got = -1; got !== 0; n += got) got = await sys.read({ fd, buf: buf.subarray(n) });
  await sys.close({ fd });
  return buf.subarray(0, n);
}
async function info(sys: Calls, path: string) {
  const ub = new Uint8Array(Stat.size);
  await sys.lstat({ path, ub });
  return Stat.dump(viewOf(ub), 0);
}
/** Names in a directory, sorted. */
async function list(sys: Calls, path: string): Promise<string[]> {
  const fd = await sys.open({ path, flags: O_RDONLY });
  const buf = new Uint8Array(4096);
  const d = viewOf(buf);
  const names: string[] = [];
  for (let n = await sys.getdents({ fd, buf }); n > 0; n = await sys.getdents({ fd, buf })) {
    for (let at = 0; at < n; at += Dirent.get.reclen(d, at)) {
      names.push(decodeName(buf.subarray(at + Dirent.size, at + Dirent.size + Dirent.get.namlen(d, at))));
    }
  }
  await sys.close({ fd });
  return names.filter((n) => n !== "." && n !== "..").sort();
}
/** Bytes no two of which look alike. */
const pattern = (n: number, seed = 1) =>
  Uint8Array.from({ length: n }, (_, i) => (i * 31 + seed * 17 + (i >> 8)) & 255);

/** Register the suite for a driver. */
export function conformance(driver: FsDriver, subject: Subject = {}): void {
  const lacks = (...what: Lack[]) => ({ skip: what.some((w) => subject.lacks?.includes(w)) });
  const test = (
    name: string,
    work: (sys: Calls, m: Awaited<ReturnType<typeof mounted>>) => Promise<void>,
    ...needs: Lack[]
  ) =>
    it(name, lacks(...needs), async () => {
      const m = await mounted(driver, subject);
      await work(m.sys, m);
    });

  describe(`${driver.name}: conformance`, () => {
    test("the root is a directory, and a missing name is ENOENT", async (sys) => {
      assertEquals((await info(sys, ".")).mode & 0o170000, 0o040000);
      assertEquals(await code(() => sys.open({ path: "missing", flags: 0 })), "ENOENT");
    });
    test("what is listed can be looked up, with the inode it was listed with", async (sys) => {
      for (const name of await list(sys, ".")) assert((await info(sys, name)).ino > 0);
    });
    test("what is written is read back, at any size and offset", async (sys) => {
      for (const n of [0, 1, 511, 512, 513, 4096, 65537, 300_000]) {
        await put(sys, "file", pattern(n, n));
        assertEquals(await get(sys, "file"), pattern(n, n));
      }
      const fd = await sys.open({ path: "file", flags: O_RDWR });
      const want = pattern(300_000, 300_000);
      for (const [at, n] of [[0, 10], [511, 3], [4095, 4098], [131_071, 70_000], [299_999, 5000]] as const) {
        const piece = pattern(n, at);
        await sys.pwrite({ fd, buf: piece, offset: at });
        want.set(piece.subarray(0, want.length - at), at);
      }
      const buf = new Uint8Array(300_000);
      assertEquals(await sys.pread({ fd, buf, offset: 0 }), 300_000);
      assertEquals(buf, want);
    }, "write");
    test("a hole reads as zeros, however the file got it", async (sys) => {
      const fd = await sys.open({ path: "hole", flags: CR, mode: 0o644 });
      await sys.pwrite({ fd, buf: bytes("end"), offset: 200_000 });
      const buf = new Uint8Array(200_000).fill(9);
      assertEquals([await sys.pread({ fd, buf, offset: 0 }), buf.every((b) => b === 0)], [200_000, true]);
      await sys.pwrite({ fd, buf: pattern(1000), offset: 0 });
      await sys.ftruncate({ fd, length: 10 });
      await sys.ftruncate({ fd, length: 5000 });
      const again = new Uint8Array(5000).fill(9);
      assertEquals(await sys.pread({ fd, buf: again, offset: 0 }), 5000);
      assertEquals([again.subarray(0, 10), again.subarray(10).every((b) => b === 0)], [
        pattern(1000).subarray(0, 10),
        true,
      ]);
    }, "write");
    test("O_APPEND writes at the end, wherever the offset is", async (sys) => {
      await put(sys, "log", bytes("one\n"));
      await put(sys, "log", bytes("two\n"), O_RDWR | O_APPEND);
      assertEquals(new TextDecoder().decode(await get(sys, "log")), "one\ntwo\n");
    }, "write");
    test("O_EXCL makes a file once", async (sys) => {
      const open = () => sys.open({ path: "x", flags: CR | O_EXCL, mode: 0o644 });
      assertEquals([await code(open), await code(open)], ["ok", "EEXIST"]);
    }, "write");
    test("directories nest, list what is in them, and go only when empty", async (sys) => {
      for (const path of ["a", "a/b", "a/b/c"]) await sys.mkdir({ path, mode: 0o755 });
      await put(sys, "a/b/c/file", bytes("deep"));
      assertEquals([await list(sys, "a"), await list(sys, "a/b/c")], [["b"], ["file"]]);
      assertEquals(await code(() => sys.rmdir({ path: "a/b" })), "ENOTEMPTY");
      await sys.chdir({ path: "a/b/c" });
      assertEquals(new TextDecoder().decode(await get(sys, "../../b/c/./file")), "deep");
      const bufp = new Uint8Array(100);
      const n = await sys.__getcwd({ bufp });
      assertEquals(new TextDecoder().decode(bufp.subarray(0, n - 1)), "/t/a/b/c");
    }, "write");
    test("rename moves files and trees, and replaces what may be replaced", async (sys) => {
      await put(sys, "one", bytes("1"));
      await put(sys, "two", bytes("2"));
      await sys.rename({ from: "one", to: "two" });
      assertEquals([await list(sys, "."), new TextDecoder().decode(await get(sys, "two"))], [["two"], "1"]);
      for (const path of ["d", "d/e", "f"]) await sys.mkdir({ path, mode: 0o755 });
      await put(sys, "d/e/x", bytes("x"));
      await sys.rename({ from: "d/e", to: "f/g" });
      assertEquals(new TextDecoder().decode(await get(sys, "f/g/x")), "x");
      await sys.chdir({ path: "f/g" });
      assertEquals(await list(sys, ".."), ["g"]);
      assertEquals(await code(() => sys.rename({ from: "/t/f", to: "/t/f/g/h" })), "EINVAL");
    }, "write");
    test(
      "names that differ in case are different files",
      async (sys) => {
        await put(sys, "name", bytes("a"));
        await put(sys, "NAME", bytes("b"));
        assertEquals(await list(sys, "."), ["NAME", "name"]);
      },
      "write",
      "case",
    );
    test("a renaming that changes only case keeps the file", async (sys) => {
      await put(sys, "name", bytes("a"));
      await sys.rename({ from: "name", to: "NAME" });
      assertEquals([await list(sys, "."), new TextDecoder().decode(await get(sys, "NAME"))], [["NAME"], "a"]);
    }, "write");
    test("an open file survives its name", async (sys) => {
      await put(sys, "gone", pattern(5000));
      const fd = await sys.open({ path: "gone", flags: O_RDWR });
      await sys.unlink({ path: "gone" });
      await put(sys, "gone", bytes("new"));
      await sys.pwrite({ fd, buf: bytes("still"), offset: 5000 });
      const buf = new Uint8Array(6000);
      assertEquals(await sys.pread({ fd, buf, offset: 0 }), 5005);
      assertEquals(buf.subarray(0, 5000), pattern(5000));
      await sys.close({ fd });
      assertEquals(new TextDecoder().decode(await get(sys, "gone")), "new");
    }, "write");
    test(
      "hard and symbolic links lead where they should",
      async (sys) => {
        await put(sys, "file", bytes("data"));
        await sys.link({ path: "file", link: "hard" });
        await sys.symlink({ path: "hard", link: "soft" });
        await sys.unlink({ path: "file" });
        assertEquals(new TextDecoder().decode(await get(sys, "hard")), "data");
        const fd = await sys.open({ path: "soft", flags: 0 });
        assertEquals(await sys.read({ fd, buf: new Uint8Array(9) }), 4);
        assertEquals([(await info(sys, "hard")).nlink, (await info(sys, "soft")).size], [1, 4]);
      },
      "write",
      "links",
    );
    test(
      "mode bits are kept and obeyed",
      async (sys, { kernel, lwp }) => {
        await put(sys, "secret", bytes("x"));
        await sys.chmod({ path: "secret", mode: 0o600 });
        const user = { uid: 1000, euid: 1000, gid: 1000, egid: 1000, groups: [] };
        lwp.proc.cred = user;
        assertEquals(await code(() => sys.open({ path: "secret", flags: 0 })), "EACCES");
        assertEquals(await code(() => sys.chmod({ path: "secret", mode: 0o777 })), "EPERM");
        void kernel;
      },
      "write",
      "modes",
    );
    test(
      "times are set and kept",
      async (sys) => {
        await put(sys, "file", bytes("x"));
        const tptr = new Uint8Array(32);
        const d = viewOf(tptr);
        d.setBigInt64(0, 1_000_000_000n, true);
        d.setBigInt64(16, 981_173_106n, true);
        await sys.utimensat({ fd: -100, path: "file", tptr, flag: 0 });
        assertEquals((await info(sys, "file")).mtime, 981_173_106);
      },
      "write",
      "times",
    );
    test("5,000 files in one directory are made, listed, found and removed", async (sys) => {
      await sys.mkdir({ path: "many", mode: 0o755 });
      for (let i = 0; i < 5000; i++) {
        await sys.close({ fd: await sys.open({ path: `many/file number ${i}`, flags: CR, mode: 0o644 }) });
      }
      assertEquals((await list(sys, "many")).length, 5000);
      for (let i = 0; i < 5000; i += 7) assertEquals((await info(sys, `many/file number ${i}`)).size, 0);
      for (let i = 0; i < 5000; i++) await sys.unlink({ path: `many/file number ${i}` });
      await sys.rmdir({ path: "many" });
    }, "write");
    test("space that was used comes back", async (sys) => {
      const free = async () => {
        const buf = new Uint8Array(Statvfs.size);
        await sys.statvfs1({ path: ".", buf, flags: 1 });
        return Statvfs.get.bfree(viewOf(buf), 0);
      };
      const before = await free();
      await put(sys, "big", pattern(400_000));
      const between = await free();
      await sys.unlink({ path: "big" });
      await sys.sync();
      assertEquals([between < before, await free()], [true, before]);
    }, "write");
    test(
      "extended attributes",
      async (sys) => {
        await put(sys, "file", bytes("x"));
        await sys.setxattr({ path: "file", name: "user.a", value: bytes("v"), flags: 0 });
        const value = new Uint8Array(10);
        assertEquals([await sys.getxattr({ path: "file", name: "user.a", value }), value[0]], [1, 118]);
        assertEquals(await code(() => sys.getxattr({ path: "file", name: "user.b", value })), "ENOATTR");
      },
      "write",
      "xattr",
    );
    test("unmount is refused while in use, then everything is written", async (sys, { mount }) => {
      await code(() => put(sys, "file", bytes("x")));
      assertEquals(await code(() => sys.unmount({ path: "/t", flags: 0 })), "EBUSY");
      await sys.chdir({ path: "/" });
      assertEquals([await code(() => sys.unmount({ path: "/t", flags: 0 })), mount.isHeld(mount.volume.root)], [
        "ok",
        false,
      ]);
    });
    test("a file system without writing says EROFS", async (sys) => {
      if (!subject.lacks?.includes("write")) return;
      assertEquals(await code(() => sys.mkdir({ path: "x", mode: 0o755 })), errno.EROFS.code);
    });
  });
}
