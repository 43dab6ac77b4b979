import { describe, it } from "node:test";
import { builtins } from "../../plugins/mod.ts";
import { SysError } from "../../src/abi/errno.ts";
import { assertEquals, assertThrows } from "../assert.ts";
import { fakeKernel } from "../kern/fake.ts";

describe("*at(2) calls", () => {
  it("a descriptor that is no directory is ENOTDIR, for relative paths only", async () => {
    const { sys } = await fakeKernel({ builtins, components: ["rumpvfs"] });
    const fd = sys.open({ path: "/file", flags: 0x202, mode: 0o644 }) as number;
    const [pipe] = await sys.pipe();
    const ub = new Uint8Array(152);
    const calls = (path: string, at: number): (() => unknown)[] => [
      () => sys.openat({ fd: at, path, oflags: 0 }),
      () => sys.fstatat({ fd: at, path, buf: ub, flag: 0 }),
      () => sys.utimensat({ fd: at, path, flag: 0 }),
      () => sys.mkdirat({ fd: at, path, mode: 0o755 }),
      () => sys.unlinkat({ fd: at, path, flag: 0 }),
      () => sys.readlinkat({ fd: at, path, buf: ub }),
      () => sys.renameat({ fromfd: at, from: path, tofd: at, to: path }),
    ];
    for (const at of [fd, pipe]) for (const call of calls("x", at)) assertThrows(call, SysError, "Not a directory");
    assertEquals(sys.fstatat({ fd, path: "/file", buf: ub, flag: 0 }), 0);
    for (const call of [() => sys.fchdir({ fd }), () => sys.fchroot({ fd })]) {
      assertThrows(call, SysError, "Not a directory");
    }
  });
});
