import process from "node:process";
import { describe, it } from "node:test";
import {
  BIOC,
  BPF,
  BPF_D,
  BPF_MAXINSNS,
  BpfDltlist,
  BpfHdr,
  BpfStat,
  DLT,
  encodeProgram,
  type Insn,
  programRequest,
} from "../../src/abi/bpf.ts";
import { errno, SysError } from "../../src/abi/errno.ts";
import { AF_INET, FIONREAD, IFF, O_NONBLOCK, O_RDWR, POLLIN } from "../../src/abi/flags.ts";
import { Ifreq } from "../../src/abi/net_structs.ts";
import { Pollfd, Timespec } from "../../src/abi/structs.ts";
import type { Calls } from "../../src/kern/dispatch.ts";
import { viewOf } from "../../src/lib/struct.ts";
import { Filter, parseProgram } from "../../src/net/bpf/filter.ts";
import { assert, assertEquals, assertThrows } from "../assert.ts";
import { randomOf, seedOf } from "../cases/fat_images.ts";
import { ifreq, inetSocket, int32, numberOf } from "./control.ts";
import { attach, bytes, cable, netKernel, settle, sin, text } from "./helpers.ts";
import { stackOf } from "../../src/net/interfaces.ts";

const fails = (fn: () => unknown, e: SysError) => assertThrows(fn, SysError, e.message);
const insn = (code: number, k = 0, jt = 0, jf = 0): Insn => ({ code, jt, jf, k });
const run = (program: Insn[], packet: number[] = []) => new Filter(program).run(new Uint8Array(packet));
const check = (...program: Insn[]) => parseProgram(encodeProgram(program)) !== undefined;
const RET = insn(BPF.RET_A);

async function host() {
  const made = await netKernel("rumpnet_netinet", "rumpdev_bpf");
  return { ...made, stack: stackOf(made.kernel) };
}
/** Two hosts on a cable; a listener on the first one's end. */
async function listening(timeout = 0) {
  const [one, two] = cable();
  const [a, b] = [await host(), await host()];
  const [ia] = [await attach(a, "en0", one!, "10.0.0.1/24"), await attach(b, "en0", two!, "10.0.0.2/24")];
  await settle();
  const fd = await opened(a.sys, "en0", timeout);
  return { a, b, ia, fd, sys: a.sys };
}
async function opened(sys: Calls, name: string, timeout = 0): Promise<number> {
  const fd = await sys.open({ path: "/dev/bpf", flags: O_RDWR, mode: 0 });
  await sys.ioctl({ fd, com: BIOC.BIOCSETIF, data: ifreq(name) });
  if (timeout > 0) await setTimeoutOf(sys, fd, timeout);
  return fd;
}
function setTimeoutOf(sys: Calls, fd: number, ms: number) {
  const data = new Uint8Array(16);
  Timespec.write(viewOf(data), 0, { sec: Math.floor(ms / 1000), nsec: (ms % 1000) * 1000 });
  return sys.ioctl({ fd, com: BIOC.BIOCSRTIMEOUT, data });
}
const command = (sys: Calls, fd: number, name: keyof typeof BIOC, n = 0): number => {
  const data = int32(n);
  void sys.ioctl({ fd, com: BIOC[name], data });
  return viewOf(data).getUint32(0, true);
};
/** The packets of a buffer: bytes kept, length on the link. */
function packets(buffer: Uint8Array): { readonly kept: Uint8Array; readonly length: number }[] {
  const d = viewOf(buffer);
  const found = [];
  for (let at = 0; at + BpfHdr.size <= buffer.length;) {
    const { caplen, datalen, hdrlen, sec, usec } = BpfHdr.dump(d, at);
    assert(sec > 0 && usec < 1e6);
    found.push({ kept: buffer.slice(at + hdrlen, at + hdrlen + caplen), length: datalen });
    at = (at + hdrlen + caplen + 7) & ~7;
  }
  return found;
}
async function read(sys: Calls, fd: number, size = 32_768) {
  const buf = new Uint8Array(size);
  return packets(buf.subarray(0, await sys.read({ fd, buf })));
}
const send = (sys: Calls, s: number, to: string, data: string | Uint8Array) =>
  sys.sendto({ s, buf: typeof data === "string" ? bytes(data) : data, flags: 0, to: sin(to, 9) });

describe("the machine of BPF", () => {
  const programs: readonly (readonly [string, Insn[], number[], number])[] = [
    ["a constant", [insn(BPF.RET_K, 96)], [], 96],
    [
      "a word, a half, a byte",
      [
        insn(BPF.LD_W_ABS, 0),
        insn(BPF.ST, 1),
        insn(BPF.LD_H_ABS, 2),
        insn(BPF.TAX),
        insn(BPF.LD_MEM, 1),
        insn(BPF.ALU | BPF.ADD | BPF.X),
        RET,
      ],
      [0xff, 0, 0, 2],
      0xff00_0004,
    ],
    ["what an index points at", [insn(BPF.LDX_IMM, 2), insn(BPF.LD_B_IND, 1), RET], [1, 2, 3, 4], 4],
    ["the length of an IP header", [insn(BPF.LDX_MSH, 1), insn(BPF.TXA), RET], [0, 0x46], 24],
    ["the length of the packet", [insn(BPF.LD_LEN), RET], [1, 2, 3], 3],
    ["beyond the packet: nothing", [insn(BPF.LD_W_ABS, 1), insn(BPF.RET_K, 9)], [1, 2, 3, 4], 0],
    ["division by what may be 0", [insn(BPF.LD_IMM, 7), insn(BPF.ALU | BPF.DIV | BPF.X), insn(BPF.RET_K, 9)], [], 0],
    ["wrapping", [insn(BPF.LD_IMM, 0xffff_ffff), insn(BPF.ALU | BPF.MUL, 0xffff_ffff), RET], [], 1],
    ["negation", [insn(BPF.LD_IMM, 1), insn(BPF.ALU | BPF.NEG), RET], [], 0xffff_ffff],
    ["a shift by more than there are", [insn(BPF.LD_IMM, 1), insn(BPF.ALU | BPF.LSH, 32), RET], [], 0],
    ["the remainder", [insn(BPF.LD_IMM, 17), insn(BPF.ALU | BPF.MOD, 5), RET], [], 2],
    [
      "a comparison that holds",
      [
        insn(BPF.LD_IMM, 0xf000_0000),
        insn(BPF.JMP | BPF.JGT, 1, 0, 1),
        insn(BPF.RET_K, 1),
        insn(BPF.RET_K, 2),
      ],
      [],
      1,
    ],
    ["a jump", [insn(BPF.JMP | BPF.JA, 1), insn(BPF.RET_K, 1), insn(BPF.RET_K, 2)], [], 2],
  ];
  for (const [what, program, packet, result] of programs) {
    it(`${what}`, () => {
      assert(check(...program), "refused");
      assertEquals(run(program, packet), result);
    });
  }
  it("what does not end in a return, jumps out, divides by 0 or is unknown is no program", () => {
    const end = insn(BPF.RET_K, 0);
    for (
      const wrong of [
        [],
        [insn(BPF.LD_IMM, 0)],
        [insn(BPF.JMP | BPF.JA, 1), end],
        [insn(BPF.JMP | BPF.JEQ, 0, 1, 0), end],
        [insn(BPF.JMP | BPF.JEQ, 0, 0, 1), end],
        [insn(BPF.ALU | BPF.DIV, 0), end],
        [insn(BPF.ST, 16), end],
        [insn(0xffff), end],
        Array.from({ length: BPF_MAXINSNS + 1 }, () => end),
      ]
    ) assert(!check(...wrong), JSON.stringify(wrong.slice(0, 2)));
    assertEquals(parseProgram(new Uint8Array(9)), undefined);
  });
  it("random programs are refused, or end with a number", () => {
    const seed = seedOf();
    process.stdout.write(`bpf fuzz: SEED=${seed}\n`);
    const random = randomOf(seed);
    const codes = Object.values(BPF);
    const packet = new Uint8Array(60).map(() => random(256));
    let accepted = 0;
    for (let i = 0; i < 20_000; i++) {
      const program = Array.from({ length: 1 + random(12) }, () => ({
        code: codes[random(codes.length)]! | (random(8) ? 0 : codes[random(codes.length)]!),
        jt: random(4),
        jf: random(4),
        k: random(4) ? random(20) : random(2 ** 32),
      }));
      program.push(insn(random(2) ? BPF.RET_K : BPF.RET_A, random(100)));
      const parsed = parseProgram(encodeProgram(program));
      if (!parsed) continue;
      accepted++;
      const result = new Filter(parsed).run(packet);
      assert(result >= 0 && result <= 0xffff_ffff && Number.isInteger(result), JSON.stringify(program));
    }
    assert(accepted > 500, `${accepted} accepted`);
  });
});
describe("/dev/bpf", () => {
  it("shows what goes in and out, whole, with its time, when somebody asks", async () => {
    const { a, fd, sys } = await listening();
    command(sys, fd, "BIOCIMMEDIATE", 1);
    const s = inetSocket(sys);
    send(a.sys, s, "10.0.0.2", "hello");
    await settle();
    const seen = await read(sys, fd);
    const types = seen.map(({ kept }) => viewOf(kept).getUint16(12));
    // ARP question and answer, the datagram, and the ICMP error that comes back.
    assertEquals(types, [0x0806, 0x0806, 0x0800, 0x0800]);
    assertEquals(text(seen[2]!.kept.subarray(42, 47)), "hello");
    assert(seen.every(({ kept, length }) => kept.length === length));
  });
  it("a filter says which, and how much of them", async () => {
    const { a, fd, sys } = await listening();
    const program = [
      insn(BPF.LD_H_ABS, 12),
      insn(BPF.JMP | BPF.JEQ, 0x0800, 0, 1),
      insn(BPF.RET_K, 20),
      insn(BPF.RET_K, 0),
    ];
    await sys.ioctl({ fd, com: BIOC.BIOCSETF, data: programRequest(program) });
    command(sys, fd, "BIOCIMMEDIATE", 1);
    send(a.sys, inetSocket(sys), "10.0.0.2", "hello");
    await settle();
    assertEquals((await read(sys, fd)).map((p) => [p.kept.length, p.length]), [[20, 60], [20, 70]]);
    const data = new Uint8Array(BpfStat.size);
    await sys.ioctl({ fd, com: BIOC.BIOCGSTATS, data });
    const { received, captured, dropped } = BpfStat.dump(viewOf(data), 0);
    assertEquals([received, captured, dropped], [4, 2, 0]);
    fails(
      () => sys.ioctl({ fd, com: BIOC.BIOCSETF, data: programRequest([insn(0xffff)]) }),
      errno.EINVAL,
    );
  });
  it("only what comes in, only what goes out", async () => {
    for (const [direction, count] of [[BPF_D.IN, 2], [BPF_D.OUT, 2], [BPF_D.INOUT, 4]] as const) {
      const { a, fd, sys } = await listening();
      command(sys, fd, "BIOCIMMEDIATE", 1);
      command(sys, fd, "BIOCSSEESENT", direction);
      send(a.sys, inetSocket(sys), "10.0.0.2", "x");
      await settle();
      assertEquals((await read(sys, fd)).length, count);
    }
  });
  it("a buffer that is not full waits for the time: then what there is, or nothing", async () => {
    const { a, fd, sys } = await listening(500);
    const early = read(sys, fd);
    await settle();
    a.host.pass(600);
    assertEquals(await early, []);
    const later = read(sys, fd);
    send(a.sys, inetSocket(sys), "10.0.0.2", "x");
    await settle();
    a.host.pass(600);
    assertEquals((await later).length, 4);
  });
  it("a full buffer wakes who waits; what does not fit then is dropped and counted", async () => {
    const [one] = cable();
    const { sys, ...a } = await host();
    await attach({ ...a }, "en0", one!, "10.0.0.1/24");
    const fd = await sys.open({ path: "/dev/bpf", flags: O_RDWR, mode: 0 });
    assertEquals(command(sys, fd, "BIOCSBLEN", 256), 256);
    await sys.ioctl({ fd, com: BIOC.BIOCSETIF, data: ifreq("lo0") });
    const s = inetSocket(sys);
    const waiting = read(sys, fd, 256);
    for (let i = 0; i < 20; i++) send(sys, s, "127.0.0.1", new Uint8Array(100));
    await settle();
    assertEquals((await waiting).map((p) => p.length), [132]);
    const data = new Uint8Array(BpfStat.size);
    await sys.ioctl({ fd, com: BIOC.BIOCGSTATS, data });
    assert(BpfStat.get.dropped(viewOf(data), 0) > 10);
    fails(() => command(sys, fd, "BIOCSBLEN", 512), errno.EINVAL);
  });
  it("a read has just the buffer's size; without waiting it is EAGAIN", async () => {
    const { fd, sys } = await listening();
    fails(() => sys.read({ fd, buf: new Uint8Array(100) }), errno.EINVAL);
    const nb = await sys.open({ path: "/dev/bpf", flags: O_RDWR | O_NONBLOCK, mode: 0 });
    await sys.ioctl({ fd: nb, com: BIOC.BIOCSETIF, data: ifreq("en0") });
    fails(() => sys.read({ fd: nb, buf: new Uint8Array(32_768) }), errno.EAGAIN);
  });
  it("poll says when; FIONREAD how much", async () => {
    const { a, fd, sys } = await listening(500);
    const pfd = new Uint8Array(Pollfd.size);
    Pollfd.write(viewOf(pfd), 0, { fd, events: POLLIN });
    assertEquals(await sys.poll({ fds: pfd, timeout: 0 }), 0);
    send(a.sys, inetSocket(sys), "10.0.0.2", "x");
    await settle();
    const waits = sys.poll({ fds: pfd, timeout: -1 });
    a.host.pass(600);
    assertEquals(await waits, 1);
    const n = int32(0);
    await sys.ioctl({ fd, com: FIONREAD, data: n });
    assert(viewOf(n).getUint32(0, true) > 4 * BpfHdr.size);
    assertEquals((await read(sys, fd)).length, 4);
  });
  it("what is written is sent, with our address unless it is said that it is complete", async () => {
    const { b, fd, sys } = await listening();
    const far = await opened(b.sys, "en0");
    command(b.sys, far, "BIOCIMMEDIATE", 1);
    const frame = new Uint8Array(60).fill(0xff, 0, 6);
    frame.set([0x88, 0xb5], 12);
    assertEquals(await sys.write({ fd, buf: frame }), 60);
    await settle();
    const [first] = await read(b.sys, far);
    assertEquals([...first!.kept.subarray(6, 12)], [0xb2, 0xa0, 0, 0, 0, 1]);
    command(sys, fd, "BIOCSHDRCMPLT", 1);
    await sys.write({ fd, buf: frame });
    await settle();
    assertEquals([...(await read(b.sys, far))[0]!.kept.subarray(6, 12)], [0, 0, 0, 0, 0, 0]);
    fails(() => sys.write({ fd, buf: new Uint8Array(10) }), errno.EMSGSIZE);
    fails(() => sys.write({ fd, buf: new Uint8Array(2000) }), errno.EMSGSIZE);
  });
  it("lo0: packets have their family before them, going out and coming in", async () => {
    const { sys } = await host();
    const fd = await opened(sys, "lo0");
    command(sys, fd, "BIOCIMMEDIATE", 1);
    assertEquals(command(sys, fd, "BIOCGDLT"), DLT.NULL);
    send(sys, inetSocket(sys), "127.0.0.1", "x");
    await settle();
    const seen = await read(sys, fd);
    assertEquals(seen.map(({ kept }) => [kept[0], kept[4]]), [[AF_INET, 0x45], [AF_INET, 0x45]]);
    // The same once more: its receiver answers again.
    await sys.write({ fd, buf: seen[0]!.kept });
    await settle();
    assertEquals((await read(sys, fd)).length, 2);
  });
  it("what it is attached to, and what that is", async () => {
    const { ia, fd, sys } = await listening();
    const data = ifreq("");
    await sys.ioctl({ fd, com: BIOC.BIOCGETIF, data });
    assertEquals(Ifreq.get.name(viewOf(data), 0), "en0");
    const list = new Uint8Array(BpfDltlist.size + 8);
    BpfDltlist.set.length(viewOf(list), 0, 2);
    await sys.ioctl({ fd, com: BIOC.BIOCGDLTLIST, data: list });
    assertEquals([viewOf(list).getUint32(0, true), viewOf(list).getUint32(16, true)], [1, DLT.EN10MB]);
    const s = inetSocket(sys);
    await sys.ioctl({ fd, com: BIOC.BIOCPROMISC });
    assert(numberOf(sys, s, "SIOCGIFFLAGS", "en0") & IFF.PROMISC);
    await sys.close({ fd });
    assertEquals([numberOf(sys, s, "SIOCGIFFLAGS", "en0") & IFF.PROMISC, ia.taps.any], [0, false]);
  });
  it("an interface that goes ends what is read of it", async () => {
    const { a, ia, fd, sys } = await listening();
    const waiting = read(sys, fd);
    await a.stack.destroy(ia);
    await waiting.then(() => assert(false), (e) => assertEquals(e, errno.ENXIO));
  });
  it("is the super-user's, and needs an interface that is there", async () => {
    const { sys } = await host();
    const fd = await sys.open({ path: "/dev/bpf", flags: O_RDWR, mode: 0 });
    fails(() => sys.ioctl({ fd, com: BIOC.BIOCSETIF, data: ifreq("en9") }), errno.ENXIO);
    fails(() => command(sys, fd, "BIOCGDLT"), errno.EINVAL);
    fails(() => sys.write({ fd, buf: new Uint8Array(60) }), errno.ENXIO);
    await sys.setuid({ uid: 1000 });
    await assertOpenFails(sys);
  });
});
async function assertOpenFails(sys: Calls): Promise<void> {
  try {
    await sys.open({ path: "/dev/bpf", flags: O_RDWR, mode: 0 });
  } catch (e) {
    return assertEquals(e, errno.EACCES);
  }
  assert(false, "opened");
}
