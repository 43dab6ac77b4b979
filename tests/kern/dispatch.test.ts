import { describe, it } from "node:test";
import { errno } from "../../src/abi/errno.ts";
import { declared } from "../../src/abi/syscalls.ts";
import type { Handlers } from "../../src/kern/dispatch.ts";
import { File } from "../../src/kern/file.ts";
import { assertEquals, assertThrows } from "../assert.ts";
import { fakeKernel } from "./fake.ts";

const nr = (name: string) => declared[name]!.nr;

/** A descriptor 0 that gives `text` and takes anything. */
async function withFile(text: string) {
  const fake = await fakeKernel();
  const data = new TextEncoder().encode(text);
  const file = new File({
    seekable: true,
    read(_file, into, offset) {
      const part = data.subarray(offset, offset + into.length);
      into.set(part);
      return part.length;
    },
    write: (_file, from) => from.length,
  }, 2);
  fake.lwp.proc.files.install(file);
  return fake;
}

describe("dispatcher, calls from a peer", () => {
  it("a number nobody declared is ENOSYS", async () => {
    const { kernel, lwp } = await fakeKernel();
    for (const n of [0, 1, -1, 511, 512, 2 ** 31, NaN, 1.5]) {
      assertEquals(kernel.dispatcher.call(lwp, n, []), { errno: 78, ret: -1, ret2: 0, outs: [] });
    }
  });
  it("a declared call without a handler is ENOSYS", async () => {
    const { kernel, lwp } = await fakeKernel();
    assertEquals(await kernel.dispatcher.call(lwp, nr("mkdir"), ["/x", 0]), { errno: 78, ret: -1, ret2: 0, outs: [] });
  });
  it("a pair comes back in two registers", async () => {
    const { kernel, lwp } = await fakeKernel();
    assertEquals(kernel.dispatcher.call(lwp, nr("getpid"), []), { errno: 0, ret: lwp.proc.pid, ret2: 1, outs: [] });
  });
  it("of a read's buffer only what was read comes back", async () => {
    const { kernel, lwp } = await withFile("hello");
    const reply = await kernel.dispatcher.call(lwp, nr("pread"), [0, 100, 1]);
    assertEquals([reply.ret, new TextDecoder().decode(reply.outs[0])], [4, "ello"]);
  });
  it("arguments of the wrong type never reach a handler", async () => {
    const { kernel, lwp } = await withFile("hello");
    const bad: unknown[][] = [["0", 1, 0], [0, -1, 0], [0, 1.5, 0], [0, 1, "x"], [0, {}, 0], [], [0], [2 ** 32, 1, 0]];
    for (const wire of bad) {
      const { errno: e } = await kernel.dispatcher.call(lwp, nr("pread"), wire);
      assertEquals(e === errno.EINVAL.errno || e === errno.EFAULT.errno, true, JSON.stringify(wire));
    }
  });
  it("a null pointer is EFAULT, a name with NUL is EINVAL, a long one ENAMETOOLONG", async () => {
    const { kernel, lwp } = await fakeKernel();
    const open = async (path: unknown) => (await kernel.dispatcher.call(lwp, nr("open"), [path, 0, 0])).errno;
    assertEquals([await open(null), await open("a\0b"), await open("x".repeat(2000))], [14, 22, 63]);
  });
  it("more than a transfer's limit is cut, not allocated", async () => {
    const { kernel, lwp } = await withFile("hello");
    let asked = 0;
    await kernel.dispatcher.call(lwp, nr("pread"), [0, 0xffffffff, 0], (n) => {
      asked = n;
      return new Uint8Array(16);
    });
    assertEquals(asked, 4 << 20);
  });
  it("a bug in a handler is EIO and reported", async () => {
    const { kernel, lwp } = await fakeKernel();
    kernel.establish(
      {
        sync: () => {
          throw new TypeError("oops");
        },
        mkdir: () => Promise.reject(new Error("later")),
      } satisfies Handlers<"sync" | "mkdir">,
    );
    assertEquals((await kernel.dispatcher.call(lwp, nr("sync"), [])).errno, 5);
    assertEquals((await kernel.dispatcher.call(lwp, nr("mkdir"), ["/x", 0])).errno, 5);
    assertEquals(kernel.log.lines.filter((l) => l.startsWith("bug in ")).length, 2);
  });
  it("a trace sees name, arguments and outcome", async () => {
    const { kernel, lwp } = await withFile("hello");
    const seen: unknown[] = [];
    kernel.dispatcher.trace = (_lwp, name) => (outcome) => seen.push([name, outcome]);
    await kernel.dispatcher.call(lwp, nr("lseek"), [0, 3, 0]);
    await kernel.dispatcher.call(lwp, nr("close"), [9]);
    assertEquals(seen, [["lseek", 3], ["close", errno.EBADF]]);
  });
});

describe("dispatcher, registration", () => {
  it("a call established twice ends the boot", async () => {
    const { kernel } = await fakeKernel();
    assertThrows(() => kernel.establish({ getppid: () => 1 }), Error, "getppid is established twice");
  });
  it("a call that is not declared ends the boot", async () => {
    const { kernel } = await fakeKernel();
    assertThrows(() => kernel.establish({ frobnicate: () => 1 }), Error, "frobnicate is not declared");
  });
});

describe("descriptors", () => {
  it("dup shares the offset, close frees the lowest number", async () => {
    const { sys } = await withFile("hello world");
    const buf = new Uint8Array(5);
    assertEquals(sys.dup({ fd: 0 }), 1);
    assertEquals(await sys.read({ fd: 0, buf }), 5);
    assertEquals(await sys.lseek({ fd: 1, offset: 0, whence: 1 }), 5);
    await sys.close({ fd: 0 });
    assertEquals(sys.dup({ fd: 1 }), 0);
  });
  it("dup2 puts a file at any number below the limit, and EBADF beyond", async () => {
    const { sys } = await withFile("x");
    assertEquals(await sys.dup2({ from: 0, to: 40 }), 40);
    for (const to of [-1, 100000]) assertThrows(() => sys.dup2({ from: 0, to }), Error, "Bad file descriptor");
  });
  it("a full table is EMFILE", async () => {
    const { sys } = await withFile("x");
    assertThrows(
      () => {
        for (let i = 0; i < 5000; i++) void sys.dup({ fd: 0 });
      },
      Error,
      "Too many open files",
    );
  });
  it("a process that ends closes everything, even past a failing close", async () => {
    const { kernel, lwp } = await fakeKernel();
    let closed = 0;
    for (let i = 0; i < 3; i++) {
      lwp.proc.files.install(
        new File({
          seekable: false,
          close: () => {
            closed++;
            if (closed === 1) throw errno.EIO;
            return closed === 2 ? Promise.reject(errno.EIO) : undefined;
          },
        }, 0),
      );
    }
    await kernel.procs.exit(lwp.proc);
    assertEquals([closed, kernel.procs.size], [3, 1]);
  });
  it("a descriptor opened for reading cannot be written, and the other way round", async () => {
    const { sys, lwp } = await fakeKernel();
    lwp.proc.files.install(new File({ seekable: true, read: () => 0, write: () => 0 }, 0));
    lwp.proc.files.install(new File({ seekable: true, read: () => 0, write: () => 0 }, 1));
    assertThrows(() => sys.write({ fd: 0, buf: new Uint8Array(1) }), Error, "Bad file descriptor");
    assertThrows(() => sys.read({ fd: 1, buf: new Uint8Array(1) }), Error, "Bad file descriptor");
  });
});
