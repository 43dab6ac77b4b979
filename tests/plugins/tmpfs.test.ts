import { describe, it } from "node:test";
import { builtins } from "../../plugins/mod.ts";
import { encodeMountArgs } from "../../src/abi/mount_args.ts";
import { errno, SysError } from "../../src/abi/errno.ts";
import { O_CREAT, O_RDWR } from "../../src/abi/flags.ts";
import { Stat, Statvfs } from "../../src/abi/structs.ts";
import { viewOf } from "../../src/lib/struct.ts";
import { refused } from "../../src/conformance/claim.ts";
import { assert, assertEquals, assertThrows } from "../assert.ts";
import { fakeKernel } from "../kern/fake.ts";

const MAX = Number.MAX_SAFE_INTEGER;
const CHUNK = 64 << 10;
async function file() {
  const { sys } = await fakeKernel({ builtins, components: ["rumpvfs"] });
  const fd = (await sys.open({ path: "/file", flags: O_CREAT | O_RDWR, mode: 0o644 })) as number;
  const stat = () => {
    const sb = new Uint8Array(Stat.size);
    sys.fstat({ fd, sb });
    return { size: Stat.get.size(viewOf(sb), 0), blocks: Stat.get.blocks(viewOf(sb), 0) };
  };
  const byteAt = (offset: number) => {
    const buf = new Uint8Array(1);
    return sys.pread({ fd, buf, offset }) === 1 ? buf[0] : undefined;
  };
  return { sys, fd, stat, byteAt };
}

describe("files in memory", () => {
  it("a hole costs nothing, however far out the byte behind it is", async () => {
    const { sys, fd, stat, byteAt } = await file();
    const far = [0, 5000 * CHUNK + 7, 2 ** 40, 2 ** 52];
    for (const [i, offset] of far.entries()) {
      assertEquals(sys.pwrite({ fd, buf: new Uint8Array([i + 1]), offset }), 1);
    }
    assertEquals(far.map(byteAt), [1, 2, 3, 4]);
    assertEquals([byteAt(2 ** 51), stat().size], [0, 2 ** 52 + 1]);
    assertEquals(sys.fdiscard({ fd, pos: 1, len: 2 ** 52 - 1 }), 0);
    assertEquals(far.map(byteAt), [1, 0, 0, 4]);
    assertEquals(sys.ftruncate({ fd, length: 1 }), 0);
    assertEquals([byteAt(0), byteAt(2 ** 40), stat().size], [1, undefined, 1]);
    assertThrows(() => sys.pwrite({ fd, buf: new Uint8Array(2), offset: MAX }), SysError, errno.EFBIG.message);
  });
});

/** A tmpfs at /m with such options. */
async function tmpfs(options: Record<string, unknown>, memory = 2 ** 33) {
  const made = await fakeKernel({ builtins, components: ["rumpvfs", "rumpfs_tmpfs"] });
  made.kernel.memory.limit = memory;
  await made.sys.mkdir({ path: "/m", mode: 0o755 });
  const mount = async () =>
    await made.sys.mount({ type: "tmpfs", path: "/m", flags: 0, data: encodeMountArgs("tmpfs", options, OVER) });
  await mount();
  const open = async (name: string) =>
    (await made.sys.open({ path: `/m/${name}`, flags: O_CREAT | O_RDWR, mode: 0o644 })) as number;
  const statvfs = async () => {
    const buf = new Uint8Array(Statvfs.size);
    await made.sys.statvfs1({ path: "/m", buf, flags: 0 });
    const { get } = Statvfs;
    const d = viewOf(buf);
    return {
      blocks: get.blocks(d, 0),
      free: get.bfree(d, 0),
      available: get.bavail(d, 0),
      files: get.files(d, 0),
      filesFree: get.ffree(d, 0),
    };
  };
  return { ...made, open, statvfs, mount };
}
const OVER = { uid: 0, gid: 0, mode: 0o755 };
const said = (work: () => unknown) => refused((async () => await work())());

describe("the limits of a tmpfs", () => {
  it("what there is no room for is not written; what there is room for is, and room comes back when files go", async () => {
    const { sys, open, statvfs } = await tmpfs({ size: 1 << 20 });
    const fd = await open("f");
    const part = await sys.pwrite({ fd, buf: new Uint8Array(2 << 20).fill(7).subarray(0, 1 << 20), offset: 0 });
    assertEquals(part, 1 << 20);
    const other = await open("g");
    assertEquals(await said(() => sys.pwrite({ fd: other, buf: new Uint8Array(1), offset: 0 })), "ENOSPC");
    assertEquals((await statvfs()).free, 0);
    await sys.ftruncate({ fd, length: CHUNK });
    assertEquals(await sys.pwrite({ fd: other, buf: new Uint8Array(CHUNK), offset: 0 }), CHUNK);
    assertEquals((await statvfs()).free, (1 << 20) / 4096 - 2 * CHUNK / 4096);
  });
  it("a write that does not fit whole tells how much did, and the rest is as it was", async () => {
    const { sys, open } = await tmpfs({ size: 3 * CHUNK });
    await sys.pwrite({ fd: await open("f"), buf: new Uint8Array(2 * CHUNK), offset: 0 });
    const fd = await open("g");
    assertEquals(await sys.pwrite({ fd, buf: new Uint8Array(2 * CHUNK).fill(1), offset: 0 }), CHUNK);
    const sb = new Uint8Array(Stat.size);
    sys.fstat({ fd, sb });
    assertEquals(Stat.get.size(viewOf(sb), 0), CHUNK);
  });
  it("room that cannot be set aside whole is not set aside at all", async () => {
    const { sys, open, statvfs } = await tmpfs({ size: 1 << 20 });
    await sys.pwrite({ fd: await open("f"), buf: new Uint8Array(CHUNK), offset: 0 });
    const fd = await open("g");
    assertEquals(await sys.posix_fallocate({ fd, pos: 0, len: 1 << 20 }), errno.ENOSPC.errno);
    assertEquals((await statvfs()).free, ((1 << 20) - CHUNK) / 4096);
  });
  it("files: as many as were asked for, or one for each KiB", async () => {
    const { sys, open, statvfs } = await tmpfs({ nodes: 3 });
    await open("a");
    await open("b");
    assertEquals([await said(() => open("c")), await said(() => sys.mkdir({ path: "/m/d", mode: 0o755 }))], [
      "ENOSPC",
      "ENOSPC",
    ]);
    await sys.unlink({ path: "/m/a" });
    assertEquals((await statvfs()).filesFree, 0); // it is open
    assertEquals((await (await tmpfs({ size: 1 << 20 })).statvfs()).files, 1027);
  });
  it("the length of a file", async () => {
    const { sys, open } = await tmpfs({ filesize: 1000 });
    const fd = await open("f");
    assertEquals(await said(() => sys.ftruncate({ fd, length: 1001 })), "EFBIG");
    assertEquals(await said(() => sys.pwrite({ fd, buf: new Uint8Array(2), offset: 999 })), "EFBIG");
    assertEquals(await sys.pwrite({ fd, buf: new Uint8Array(2), offset: 998 }), 2);
  });
  it("a part of the memory", async () => {
    for (const [size, bytes] of [["25%", 2 ** 31], ["ram%50", 2 ** 32], ["ram/8", 2 ** 30]] as const) {
      assertEquals((await (await tmpfs({ size })).statvfs()).blocks, bytes / 4096, size);
    }
    assertEquals(await said(() => tmpfs({ size: "half" })), "EINVAL");
  });
  it("the whole kernel's: all file systems in memory share it, files without data count, and it is given back", async () => {
    const { sys, kernel, open, mount, statvfs } = await tmpfs({}, 4 << 20);
    const fd = await open("f");
    let written = 0;
    await said(async () => {
      for (;;) written += await sys.pwrite({ fd, buf: new Uint8Array(CHUNK), offset: written });
    });
    assert(written > 3 << 20 && written < 4 << 20, `${written}`);
    const root = (await sys.open({ path: "/f", flags: O_CREAT | O_RDWR, mode: 0o644 })) as number;
    assertEquals(await said(() => sys.pwrite({ fd: root, buf: new Uint8Array(CHUNK), offset: 0 })), "ENOSPC");
    assertEquals((await statvfs()).available < 16, true);
    let n = 0;
    assertEquals(
      await said(async () => {
        for (;;) await sys.mknod({ path: `/m/n${n++}`, mode: 0o100644, dev: 0 });
      }),
      "ENOSPC",
    );
    const { used } = kernel.memory;
    await sys.close({ fd });
    await sys.unmount({ path: "/m", flags: 0 });
    assert(kernel.memory.used < used - written, "given back");
    const empty = kernel.memory.used;
    await mount();
    await sys.unmount({ path: "/m", flags: 0 });
    assertEquals(kernel.memory.used, empty);
  });
});
