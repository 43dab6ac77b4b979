import { test } from "node:test";
import { hijackFilter, type SocketRules } from "../../src/hijack/filter.ts";
import { callsOf, type LinuxCall, numberOf } from "../../src/hijack/linux_calls.ts";
import { ALLOW, AND, architectures, ERRNO, JEQ, JGE, LD, type Machine, NOTIFY, RET } from "../../src/lib/seccomp.ts";
import { assertEquals } from "../assert.ts";

/** What the kernel's BPF makes of a call. */
function judge(program: Uint8Array, arch: number, nr: number, args: readonly number[] = []): number {
  const data = new DataView(new ArrayBuffer(64));
  data.setUint32(0, nr, true);
  data.setUint32(4, arch, true);
  for (const [i, a] of args.entries()) data.setBigUint64(16 + 8 * i, BigInt.asUintN(64, BigInt(a)), true);
  const d = new DataView(program.buffer);
  let value = 0;
  for (let at = 0; at < program.length; at += 8) {
    const [code, k] = [d.getUint16(at, true), d.getUint32(at + 4, true)];
    if (code === RET) return k;
    if (code === LD) value = data.getUint32(k, true);
    else if (code === AND) value = (value & k) >>> 0;
    else {
      const holds = code === JEQ ? value === k : code === JGE ? value >= k : undefined;
      if (holds === undefined) throw new Error(`instruction ${code}`);
      at += 8 * program[at + (holds ? 2 : 3)]!;
    }
  }
  throw new Error("the program has no end");
}
const rules: SocketRules = { families: [2, 10] };
const machines: readonly Machine[] = ["x64", "arm64"];
const on = (machine: Machine, call: LinuxCall, ...args: number[]) =>
  judge(hijackFilter(machine, rules), architectures[machine], numberOf(call, machine), args);

for (const machine of machines) {
  test(`${machine}: every call about sockets stops, whatever its arguments`, () => {
    for (const call of callsOf(machine).values()) {
      if (["socket", "sendto", "recvfrom", "ioctl", "io_uring_setup"].includes(call)) continue;
      assertEquals([call, on(machine, call, -1, -1, -1, -1, -1, -1)], [call, NOTIFY]);
    }
  });
  test(`${machine}: only sockets of the families named stop`, () => {
    assertEquals(on(machine, "socket", 2, 1, 0), NOTIFY);
    assertEquals(on(machine, "socket", 10, 2, 0), NOTIFY);
    assertEquals(on(machine, "socket", 1, 1, 0), ALLOW);
    assertEquals(
      judge(hijackFilter(machine, { families: [2] }), architectures[machine], numberOf("socket", machine), [10]),
      ALLOW,
    );
  });
  test(`${machine}: netlink does not tell of the host's sockets, and of interfaces where it stops`, () => {
    assertEquals(on(machine, "socket", 16, 3, 0), NOTIFY);
    assertEquals(on(machine, "socket", 16, 3, 4), ERRNO | 93);
    assertEquals(on(machine, "socket", 16, 3, 15), ALLOW);
    const none = hijackFilter(machine, { families: [] });
    assertEquals(judge(none, architectures[machine], numberOf("socket", machine), [16, 3, 0]), ALLOW);
  });
  test(`${machine}: sends and receives stop where they have an address`, () => {
    for (const call of ["sendto", "recvfrom"] as const) {
      assertEquals(on(machine, call, 3, 4096, 1, 0, 0, 0), ALLOW);
      assertEquals(on(machine, call, 3, 4096, 1, 0, 4096, 0), NOTIFY);
      assertEquals(on(machine, call, 3, 4096, 1, 0, 2 ** 32, 0), NOTIFY);
    }
  });
  test(`${machine}: ioctls stop where they are about interfaces`, () => {
    assertEquals(on(machine, "ioctl", 3, 0x8912), NOTIFY);
    assertEquals(on(machine, "ioctl", 3, 0x8905), ALLOW);
    assertEquals(on(machine, "ioctl", 3, 0x5421), ALLOW);
    assertEquals(on(machine, "ioctl", 3, 0x8a12), ALLOW);
  });
  test(`${machine}: there is no io_uring`, () => assertEquals(on(machine, "io_uring_setup", 8), ERRNO | 38));
  test(`${machine}: calls that are not about sockets go on`, () => {
    const ours = new Set(callsOf(machine).keys());
    for (let nr = 0; nr < 500; nr++) {
      if (!ours.has(nr)) {
        assertEquals([nr, judge(hijackFilter(machine, rules), architectures[machine], nr)], [nr, ALLOW]);
      }
    }
  });
  test(`${machine}: one message on one descriptor goes out to hand the listener over`, () => {
    const message = 0x7f12_3456_7890;
    const program = hijackFilter(machine, rules, { fd: 900, message });
    const send = (...args: number[]) => judge(program, architectures[machine], numberOf("sendmsg", machine), args);
    assertEquals(send(900, message), ALLOW);
    assertEquals(send(901, message), NOTIFY);
    assertEquals(send(900, message + 8), NOTIFY);
    assertEquals(send(900, message + 2 ** 32), NOTIFY);
  });
}
test("x32's calls are refused", () => {
  assertEquals(judge(hijackFilter("x64", rules), architectures.x64, 0x40000000 + 41), ERRNO | 38);
});
test("32-bit programs have no sockets rather than the host's", () => {
  assertEquals(judge(hijackFilter("x64", rules), 0x40000003, 102), ERRNO | 38);
  assertEquals(judge(hijackFilter("x64", rules), 0x40000003, 359), ERRNO | 38);
  assertEquals(judge(hijackFilter("x64", rules), 0x40000003, 4), ALLOW);
  assertEquals(judge(hijackFilter("arm64", rules), 0x40000028, 281), ERRNO | 38);
});
