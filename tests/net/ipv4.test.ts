import { describe, it } from "node:test";
import { errno, SysError } from "../../src/abi/errno.ts";
import { AF_INET, SO_BROADCAST, SO_REUSEADDR, SOCK_DGRAM, SOCK_RAW, SOL_SOCKET } from "../../src/abi/flags.ts";
import { parseSockaddrIn } from "../../src/abi/inet.ts";
import type { Calls } from "../../src/kern/dispatch.ts";
import { formatIpv4 } from "../../src/lib/inet.ts";
import { viewOf } from "../../src/lib/struct.ts";
import { plainChecksum } from "../../src/net/checksums.ts";
import { Packet } from "../../src/net/packet.ts";
import { assert, assertEquals, assertRejects, assertThrows } from "../assert.ts";
import { bytes, inetHost, routed, settle, sin, text, twoHosts } from "./helpers.ts";

const udp = (sys: Calls) => sys.socket({ domain: AF_INET, type: SOCK_DGRAM, protocol: 0 }) as number;
const fails = (fn: () => unknown, e: SysError) => assertThrows(fn, SysError, e.message);
/** Bound to a port of any address. */
async function bound(sys: Calls, port: number, address = "0.0.0.0"): Promise<number> {
  const s = udp(sys);
  await sys.bind({ s, name: sin(address, port) });
  return s;
}
async function receive(sys: Calls, s: number): Promise<readonly [data: string, from: string]> {
  const [buf, from, fromlenaddr] = [new Uint8Array(9000), new Uint8Array(16), new Uint8Array([16, 0, 0, 0])];
  const n = await sys.recvfrom({ s, buf, flags: 0, from, fromlenaddr });
  const { address, port } = parseSockaddrIn(from)!;
  return [text(buf.subarray(0, n)), `${formatIpv4(address)}:${port}`];
}
const send = (sys: Calls, s: number, data: string | Uint8Array, to: Uint8Array) =>
  sys.sendto({ s, buf: typeof data === "string" ? bytes(data) : data, flags: 0, to });

/** An ICMP echo request. */
function echo(id: number, data: number): Uint8Array {
  const p = new Packet(2048);
  p.bytes.set([8, 0, 0, 0, id >> 8, id & 255, 0, 1], p.start);
  p.bytes.fill(7, p.start + 8, p.start + 8 + data);
  p.view.setUint16(p.start + 2, plainChecksum(p, p.start, 8 + data), true);
  return p.bytes.slice(p.start, p.start + 8 + data);
}

describe("lo0", () => {
  it("carries datagrams to ourselves, with their sender", async () => {
    const { sys } = await inetHost();
    const [r, w] = [await bound(sys, 7000), await bound(sys, 7001, "127.0.0.1")];
    await send(sys, w, "hello", sin("127.0.0.1", 7000));
    assertEquals(await receive(sys, r), ["hello", "127.0.0.1:7001"]);
  });
  it("a datagram to nobody is ECONNREFUSED for who is connected", async () => {
    const { sys } = await inetHost();
    const s = udp(sys);
    await sys.connect({ s, name: sin("127.0.0.1", 9) });
    await sys.write({ fd: s, buf: bytes("x") });
    await settle();
    fails(() => sys.write({ fd: s, buf: bytes("x") }), errno.ECONNREFUSED);
  });
});

describe("IPv4 between two hosts", () => {
  it("datagrams of any size arrive, in fragments where they must", async () => {
    const { a, b } = await twoHosts();
    const r = await bound(b.sys, 7000);
    const s = udp(a.sys);
    for (const n of [0, 1, 1472, 1473, 4000, 9216]) {
      const data = Uint8Array.from({ length: n }, (_, i) => i * 7);
      await send(a.sys, s, data, sin("10.0.0.2", 7000));
      const buf = new Uint8Array(10_000);
      assertEquals([await b.sys.recvfrom({ s: r, buf, flags: 0 }), buf.slice(0, n)], [n, data]);
    }
    assertEquals(a.stack.ip.counters.fragmented, 3);
    assertEquals(b.stack.ip.fragments.counters.reassembled, 3);
  });
  it("fragments in any order make a whole; those that overlap or are missing make none, and are let go in time", async () => {
    const held: Uint8Array[] = [];
    let turn: (held: Uint8Array[]) => Uint8Array[] = (h) => h.toReversed();
    const { a, b } = await twoHosts((f, from) => {
      if (from !== 0 || f.length < 1000) return [f];
      held.push(f);
      return held.length === 3 ? turn(held.splice(0)) : [];
    });
    const r = await bound(b.sys, 7000);
    const s = udp(a.sys);
    const big = (mark: number) => send(a.sys, s, new Uint8Array(4000).fill(mark), sin("10.0.0.2", 7000));
    await big(1);
    assertEquals((await receive(b.sys, r))[0].length, 4000);
    turn = ([x, y]) => [x!, y!];
    await big(2);
    turn = ([x, y, z]) => [x!, y!, y!, z!];
    await big(3);
    await settle();
    assertEquals([b.stack.ip.fragments.counters.reassembled, b.stack.ip.fragments.size > 0], [1, true]);
    b.host.pass(31_000);
    assertEquals(b.stack.ip.fragments.size, 0);
  });
  it("ping is answered, and raw sockets see the answer as programs expect it", async () => {
    const { a } = await twoHosts();
    const s = a.sys.socket({ domain: AF_INET, type: SOCK_RAW, protocol: 1 }) as number;
    await send(a.sys, s, echo(42, 56), sin("10.0.0.2", 0));
    const buf = new Uint8Array(200);
    assertEquals(await a.sys.recvfrom({ s, buf, flags: 0 }), 84);
    assertEquals([buf[0], buf[9], buf[20], viewOf(buf).getUint16(2, true)], [0x45, 1, 0, 64]);
    assertEquals(viewOf(buf).getUint16(24), 42);
  });
  it("a neighbour that does not answer is asked five times, then given up", async () => {
    let asked = 0;
    const { a } = await twoHosts((f, from) => {
      if (from === 0 && f[13] === 6) asked++;
      return [f];
    });
    asked = 0;
    const s = udp(a.sys);
    await send(a.sys, s, "x", sin("10.0.0.77", 7000));
    for (let i = 0; i < 10; i++) a.host.pass(1000);
    assertEquals(asked, 5);
  });
  it("broadcasts reach all, when the socket may", async () => {
    const { a, b } = await twoHosts();
    const [r, own] = [await bound(b.sys, 7000), await bound(a.sys, 7000)];
    const s = udp(a.sys);
    fails(() => send(a.sys, s, "all", sin("10.0.0.255", 7000)), errno.EACCES);
    a.sys.setsockopt({ s, level: SOL_SOCKET, name: SO_BROADCAST, val: new Uint8Array([1, 0, 0, 0]) });
    await send(a.sys, s, "all", sin("10.0.0.255", 7000));
    assertEquals([(await receive(b.sys, r))[0], (await receive(a.sys, own))[0]], ["all", "all"]);
  });
});

describe("forwarding", () => {
  it("datagrams go there and back by way of a router", async () => {
    const { a, b, r } = await routed();
    const s = await bound(b.sys, 7000);
    const w = await bound(a.sys, 7001);
    await send(a.sys, w, "there", sin("10.0.1.1", 7000));
    assertEquals(await receive(b.sys, s), ["there", "10.0.0.1:7001"]);
    await send(b.sys, s, "back", sin("10.0.0.1", 7001));
    assertEquals(await receive(a.sys, w), ["back", "10.0.1.1:7000"]);
    assertEquals(r.stack.ip.counters.forwarded, 2);
  });
  it("a packet whose time is up, and one without a way, are complained of", async () => {
    const { a, r } = await routed();
    const raw = a.sys.socket({ domain: AF_INET, type: SOCK_RAW, protocol: 1 }) as number;
    const type = async () => {
      const buf = new Uint8Array(200);
      await a.sys.recvfrom({ s: raw, buf, flags: 0 });
      return [formatIpv4(viewOf(buf).getUint32(12)), buf[20], buf[21]];
    };
    const s = udp(a.sys);
    a.sys.setsockopt({ s, level: 0, name: 4, val: new Uint8Array([1, 0, 0, 0]) });
    await send(a.sys, s, "x", sin("10.0.1.1", 7000));
    assertEquals(await type(), ["10.0.0.254", 11, 0]);
    await send(a.sys, udp(a.sys), "x", sin("99.9.9.9", 7000));
    assertEquals(await type(), ["10.0.0.254", 3, 0]);
    assertEquals(r.stack.icmp.counters.out[3], 1);
  });
  it("errors have a limit a second", async () => {
    const { a, r } = await routed();
    const s = udp(a.sys);
    for (let i = 0; i < 150; i++) await send(a.sys, s, "x", sin("99.9.9.9", 7000));
    await settle();
    assertEquals([r.stack.icmp.counters.out[3], r.stack.icmp.counters.limited], [100, 50]);
  });
});

describe("addresses and ports", () => {
  it("errors are those recorded of NetBSD's", async () => {
    const { sys, other, kernel } = await inetHost();
    const make = (domain: number, type: number, protocol: number) => () => sys.socket({ domain, type, protocol });
    fails(make(2, 5, 0), errno.EPROTOTYPE);
    fails(make(2, 2, 6), errno.EPROTONOSUPPORT);
    fails(make(2, 99, 0), errno.EPROTOTYPE);
    fails(make(24, 1, 0), errno.EAFNOSUPPORT);
    const u = udp(sys);
    fails(() => sys.bind({ s: u, name: sin("9.9.9.9", 1) }), errno.EADDRNOTAVAIL);
    fails(() => sys.bind({ s: u, name: sin("127.0.0.1", 1).subarray(0, 4) }), errno.EINVAL);
    fails(() => sys.sendto({ s: u, buf: bytes("x"), flags: 0 }), errno.EDESTADDRREQ);
    fails(() => send(sys, u, new Uint8Array(9217), sin("127.0.0.1", 7000)), errno.EMSGSIZE);
    assertEquals(await send(sys, u, new Uint8Array(9216), sin("127.0.0.1", 7009)), 9216);
    await sys.connect({ s: u, name: sin("127.0.0.1", 7000) });
    fails(() => send(sys, u, "x", sin("127.0.0.1", 7000)), errno.EISCONN);
    // An address of no family is refused, and takes the peer away.
    fails(() => sys.connect({ s: u, name: new Uint8Array([16, 0, ...new Uint8Array(14)]) }), errno.EAFNOSUPPORT);
    fails(
      () => sys.getpeername({ fdes: u, asa: new Uint8Array(16), alen: new Uint8Array([16, 0, 0, 0]) }),
      errno.ENOTCONN,
    );
    fails(() => sys.socketpair({ domain: AF_INET, type: 1, protocol: 0, rsv: new Uint8Array(8) }), errno.EOPNOTSUPP);
    const user = kernel.calls(kernel.fork("user", { uid: 9, euid: 9, gid: 9, egid: 9, groups: [9] }));
    fails(() => user.socket({ domain: AF_INET, type: SOCK_RAW, protocol: 1 }), errno.EACCES);
    fails(() => user.bind({ s: udp(user), name: sin("0.0.0.0", 80) }), errno.EACCES);
    await bound(other(), 7001);
    await assertRejects(() => bound(other(), 7001), SysError, errno.EADDRINUSE.message);
  });
  it("a port is shared where both say so, and who is connected gets its own", async () => {
    const { sys } = await inetHost();
    const share = () => {
      const s = udp(sys);
      sys.setsockopt({ s, level: SOL_SOCKET, name: SO_REUSEADDR, val: new Uint8Array([1, 0, 0, 0]) });
      return s;
    };
    const [any, one] = [share(), share()];
    await sys.bind({ s: any, name: sin("0.0.0.0", 7000) });
    await sys.bind({ s: one, name: sin("127.0.0.1", 7000) });
    const w = await bound(sys, 7001);
    await send(sys, w, "exact", sin("127.0.0.1", 7000));
    assertEquals((await receive(sys, one))[0], "exact");
    await sys.close({ fd: one });
    await send(sys, w, "any", sin("127.0.0.1", 7000));
    assertEquals((await receive(sys, any))[0], "any");
  });
  it("ports are given to those who ask for none", async () => {
    const { sys } = await inetHost();
    const s = udp(sys);
    await sys.bind({ s, name: sin("0.0.0.0", 0) });
    const [asa, alen] = [new Uint8Array(16), new Uint8Array([16, 0, 0, 0])];
    sys.getsockname({ fdes: s, asa, alen });
    assert(parseSockaddrIn(asa)!.port >= 49152);
  });
});

describe("hostile packets", () => {
  it("damaged, cut and forged ones are dropped, whatever they are", async () => {
    const { a, b } = await twoHosts();
    const r = await bound(b.sys, 7000);
    const frames: Uint8Array[] = [];
    const { output } = a.stack.interface("en0").device;
    const device = a.stack.interface("en0").device as { output: typeof output };
    device.output = (f) => (frames.push(f.slice()), output(f));
    const s = udp(a.sys);
    await send(a.sys, s, new Uint8Array(3000), sin("10.0.0.2", 7000));
    await send(a.sys, s, "small", sin("10.0.0.2", 7000));
    await settle();
    let seed = 1;
    const random = (n: number) => (seed = (seed * 1103515245 + 12345) & 0x7fffffff) % n;
    for (let i = 0; i < 5000; i++) {
      const f = frames[random(frames.length)]!.slice(0, random(4) === 0 ? random(1500) : undefined);
      for (let k = random(4); k > 0; k--) f[random(f.length)] = random(256);
      output(f);
      if (i % 100 === 0) await settle();
    }
    await settle();
    await send(a.sys, s, "alive", sin("10.0.0.2", 7000));
    for (let last = ""; last !== "alive";) [last] = await receive(b.sys, r);
    const { badSum, badHeader, badLength, badVersion, tooShort, badAddress } = b.stack.ip.counters;
    assert(badSum + badHeader + badLength + badVersion + tooShort + badAddress > 100);
    assert(b.stack.ip.fragments.size <= 200);
  });
});
