import { describe, it } from "node:test";
import { builtins } from "../../plugins/mod.ts";
import { errno } from "../../src/abi/errno.ts";
import { KTRFAC_INHERIT, KTRFLAG_DESCEND, KTROP_CLEAR, KTROP_CLEARFILE, KTROP_SET } from "../../src/abi/ktrace.ts";
import { TraceText } from "../../src/cmd/server/trace_text.ts";
import type { Proc } from "../../src/kern/proc.ts";
import { assert, assertEquals, assertThrows } from "../assert.ts";
import { fakeKernel } from "./fake.ts";

/** calls, results, names, data, MIBs */
const ALL = (1 << 1) | (1 << 2) | (1 << 3) | (1 << 4) | (1 << 14);

/** A kernel, somebody who traces into a pipe, and somebody to be traced. */
async function setUp() {
  const { kernel, sys, lwp } = await fakeKernel({ builtins, components: ["rumpvfs"] });
  const proc = kernel.fork("worker");
  const [out, into] = await sys.pipe();
  const read = (): string[] => {
    const lines: string[] = [];
    const text = new TraceText({ data: 16, time: "none", pid: undefined }, (line) => lines.push(line));
    const buf = new Uint8Array(65536);
    const { ops } = lwp.proc.files.get(out);
    while (ops.poll!(lwp.proc.files.get(out)) & 1) {
      const n = sys.read({ fd: out, buf });
      if (typeof n !== "number" || n === 0) break;
      text.push(buf.subarray(0, n));
    }
    assert(!text.broken && text.left === 0);
    return lines.map((l) => l.trim().replace(/<\d+us>/, "<>"));
  };
  const trace = (pid: number, ops = KTROP_SET, facs = ALL) => sys.fktrace({ fd: into, ops, facs, pid });
  return { kernel, sys, lwp, proc, out, into, read, trace, theirs: kernel.calls(proc) };
}

describe("ktrace", () => {
  it("tells calls with their arguments, names, data and errors", async () => {
    const { proc, theirs, trace, read } = await setUp();
    trace(proc.pid);
    const fd = theirs.open({ path: '/a "b"\n', flags: 0x202, mode: 0o644 }) as number;
    theirs.write({ fd, buf: new TextEncoder().encode("hello \0\x1b world, and more of it") });
    theirs.lseek({ fd, offset: 6, whence: 0 });
    theirs.read({ fd, buf: new Uint8Array(3) });
    assertThrows(() => theirs.unlink({ path: "/nosuch" }));
    theirs.rename({ from: '/a "b"\n', to: "/c" });
    const p = proc.pid;
    assertEquals(read(), [
      `${p} worker open("/a \\"b\\"\\n", O_RDWR|O_CREAT, 0644) = 0 <>`,
      `${p} worker write(0, "hello \\x00\\x1b world, "..., 30) = 30 <>`,
      `${p} worker lseek(0, 6, 0) = 6 <>`,
      `${p} worker read(0, "\\x00\\x1b ", 3) = 3 <>`,
      `${p} worker unlink("/nosuch") = -1 ENOENT No such file or directory <>`,
      `${p} worker rename("/a \\"b\\"\\n", "/c") = 0 <>`,
    ]);
  });
  it("ends when asked to, for a process or a file, and costs nothing then", async () => {
    const { kernel, proc, theirs, trace, read } = await setUp();
    for (const op of [KTROP_CLEAR, KTROP_CLEARFILE]) {
      trace(proc.pid);
      theirs.getppid();
      trace(proc.pid, op);
      theirs.getppid();
      assertEquals([read().length, kernel.dispatcher.trace], [1, undefined]);
    }
  });
  it("children are traced where it is asked for, those there are and those to come", async () => {
    const { kernel, proc, theirs, trace, read } = await setUp();
    const child = kernel.fork("child", proc.cred, proc);
    const work = (p: Proc) => void kernel.calls(p).getppid();
    trace(proc.pid, KTROP_SET);
    work(child);
    assertEquals(read().length, 0);
    trace(proc.pid, KTROP_SET | KTRFLAG_DESCEND, ALL | KTRFAC_INHERIT);
    work(child);
    work(kernel.fork("next", proc.cred, proc));
    work(kernel.fork("stranger"));
    theirs.getppid();
    assertEquals(read().map((l) => l.split(" ")[1]), ["child", "next", "worker"]);
  });
  it("everybody is process 1 and its descendants; who reads the pipe is left out", async () => {
    const { kernel, sys, theirs, trace, read } = await setUp();
    trace(1, KTROP_SET | KTRFLAG_DESCEND, ALL | KTRFAC_INHERIT);
    theirs.getppid();
    sys.getppid();
    kernel.calls(kernel.fork("late")).getppid();
    assertEquals(read().map((l) => l.split(" ")[1]), ["worker", "late"]);
  });
  it("a reader that went ends it; one that is slow loses records, not memory", async () => {
    const { kernel, sys, out, proc, theirs, trace } = await setUp();
    trace(proc.pid);
    const fd = theirs.open({ path: "/x", flags: 0x202, mode: 0o644 }) as number;
    for (let i = 0; i < 2000; i++) theirs.pwrite({ fd, buf: new Uint8Array(4096), offset: 0 });
    await sys.close({ fd: out });
    for (let i = 0; i < 3; i++) await new Promise((r) => setTimeout(r, 1));
    theirs.getppid();
    assertEquals(kernel.dispatcher.trace, undefined);
    assert(kernel.log.lines.some((l) => /ktrace: \d+ records lost/.test(l)), kernel.log.lines.join("\n"));
  });
  it("into a file of the kernel's own, by its name", async () => {
    const { kernel, lwp, sys, proc, theirs } = await setUp();
    sys.close({ fd: sys.open({ path: "/trace", flags: 0x201, mode: 0o600 }) as number });
    sys.ktrace({ fname: "/trace", ops: KTROP_SET, facs: ALL, pid: proc.pid });
    theirs.getppid();
    await kernel.procs.exit(proc);
    const buf = new Uint8Array(4096);
    const n = sys.read({ fd: sys.open({ path: "/trace", flags: 0 }) as number, buf }) as number;
    const lines: string[] = [];
    new TraceText({ data: 16, time: "none", pid: undefined }, (l) => lines.push(l)).push(buf.subarray(0, n));
    assertEquals(lines.length, 1);
    assertEquals([...lwp.proc.files].length, 3);
  });
  it("is refused to others, for nobody and for nothing", async () => {
    const { kernel, sys, proc, trace, into } = await setUp();
    assertThrows(() => trace(9999), Error, errno.ESRCH.message);
    assertThrows(() => trace(proc.pid, KTROP_SET, 0), Error, errno.EINVAL.message);
    assertThrows(() => trace(proc.pid, 3), Error, errno.EINVAL.message);
    assertThrows(() => sys.fktrace({ fd: 77, ops: 0, facs: ALL, pid: proc.pid }), Error, errno.EBADF.message);
    assertThrows(() => sys.fktrace({ fd: into - 1, ops: 0, facs: ALL, pid: proc.pid }), Error, errno.EBADF.message);
    const user = kernel.fork("user", { uid: 7, euid: 7, gid: 7, egid: 7, groups: [] });
    const theirs = kernel.calls(user);
    const [, fd] = await theirs.pipe();
    assertThrows(() => theirs.fktrace({ fd, ops: 0, facs: ALL, pid: proc.pid }), Error, errno.EPERM.message);
    assertEquals(theirs.fktrace({ fd, ops: 0, facs: ALL, pid: user.pid }), 0);
  });
  it("text that is no trace, or cut, is told; nothing else is", () => {
    const lines: string[] = [];
    let state = 7;
    const random = () => (state = (state * 1103515245 + 12345) & 0x7fffffff) >>> 8;
    for (let i = 0; i < 300; i++) {
      const text = new TraceText({ data: 16, time: "none", pid: undefined }, (l) => lines.push(l));
      text.push(Uint8Array.from({ length: 200 }, random));
      assert(text.broken || text.left > 0);
    }
    assertEquals(lines, []);
  });
});
