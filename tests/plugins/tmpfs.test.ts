import { describe, it } from "node:test";
import { builtins } from "../../plugins/mod.ts";
import { errno, SysError } from "../../src/abi/errno.ts";
import { O_CREAT, O_RDWR } from "../../src/abi/flags.ts";
import { Stat } from "../../src/abi/structs.ts";
import { viewOf } from "../../src/lib/struct.ts";
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
  it("the root file system is full at its limit, and has room again when files go", async () => {
    const { sys, fd, stat } = await file();
    assertEquals(sys.posix_fallocate({ fd, pos: 0, len: 2 ** 50 }), errno.ENOSPC.errno);
    assert(stat().blocks * 512 <= 1 << 30);
    assertThrows(() => sys.pwrite({ fd, buf: new Uint8Array(2 * CHUNK), offset: 2 ** 40 }), SysError, "No space");
    sys.ftruncate({ fd, length: 0 });
    assertEquals(sys.pwrite({ fd, buf: new Uint8Array(2 * CHUNK), offset: 0 }), 2 * CHUNK);
  });
});
