/** Numbers of system calls are those of Linux' own headers, on both machines. */
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { callsOf } from "../../src/hijack/linux_calls.ts";
import type { Machine } from "../../src/lib/seccomp.ts";
import { assertEquals } from "../assert.ts";

const headers: Readonly<Record<Machine, string>> = {
  x64: "/usr/include/x86_64-linux-gnu/asm/unistd_64.h",
  arm64: "/usr/include/asm-generic/unistd.h",
};
for (const machine of ["x64", "arm64"] as const) {
  test(`${machine}: ${headers[machine]}`, { skip: !existsSync(headers[machine]) && "no such header" }, () => {
    const lines = readFileSync(headers[machine], "utf8").matchAll(/^#define __NR_(\w+)\s+(\d+)$/gm);
    const theirs = new Map([...lines].map(([, name, nr]) => [name!, Number(nr)]));
    for (const [nr, name] of callsOf(machine)) assertEquals([name, theirs.get(name)], [name, nr]);
  });
}
