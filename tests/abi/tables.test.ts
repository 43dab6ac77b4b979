import { describe, it } from "node:test";
import { errno, errnoOf, SysError } from "../../src/abi/errno.ts";
import { major, makedev, minor } from "../../src/abi/flags.ts";
import { absent } from "../../src/abi/absent.ts";
import { atCalls } from "../../src/abi/calls_at.ts";
import { extattrCalls } from "../../src/abi/calls_extattr.ts";
import { kernCalls } from "../../src/abi/calls_kern.ts";
import { vfsCalls } from "../../src/abi/calls_vfs.ts";
import { waitCalls } from "../../src/abi/calls_wait.ts";
import { declared } from "../../src/abi/syscalls.ts";
import { assert, assertEquals } from "../assert.ts";

describe("errno", () => {
  it("has NetBSD's 96 numbers, each once, and finds the same object by number", () => {
    const all = Object.values(errno);
    assertEquals(all.map((e) => e.errno), [...Array(96).keys()].map((n) => n + 1));
    for (const e of all) assert(errnoOf(e.errno) === e && e instanceof SysError);
  });
  it("an unknown number is EIO", () => assertEquals(errnoOf(12345), errno.EIO));
});
describe("system call table", () => {
  const rows = Object.entries(declared);
  it("its parts are sorted by number, and no number stands twice, nor is it one of those there are not", () => {
    const parts = [kernCalls, vfsCalls, extattrCalls, atCalls, waitCalls].map((part) =>
      Object.values(part).map((d) => d.nr)
    );
    parts.push(absent.map(([nr]) => nr));
    for (const numbers of parts) assertEquals(numbers, numbers.toSorted((a, b) => a - b));
    assertEquals(new Set(parts.flat()).size, parts.flat().length);
  });
  it("every size that is named is an argument, and every length is some buffer's", () => {
    for (const [name, d] of rows) {
      for (const a of Object.values(d.args)) {
        if (typeof a.size === "string") assert(a.size in d.args, `${name}: ${a.size}`);
        if (a.kind === "len") assert(d.args[a.of!], `${name}: ${a.of}`);
      }
    }
  });
  it("every call says what it does and names real errors", () => {
    for (const [name, d] of rows) {
      assert(d.doc.endsWith("."), name);
      for (const e of d.errors) assert(errno[e], `${name}: ${e}`);
    }
  });
});
describe("device numbers", () => {
  it("major and minor come back from makedev", () => {
    for (const [ma, mi] of [[2, 2], [255, 1], [23, 0], [197, 70_000]] as const) {
      assertEquals([major(makedev(ma, mi)), minor(makedev(ma, mi))], [ma, mi]);
    }
  });
});
