import { describe, it } from "node:test";
import { errno, SysError } from "../../src/abi/errno.ts";
import { AF_INET6, SOCK_RAW, SOCK_STREAM } from "../../src/abi/flags.ts";
import { assertEquals, assertThrows } from "../assert.ts";
import { bytes, text } from "./helpers.ts";
import { inet6Host, named6, receive6, send6, settle, sin6, twoHosts6, udp6 } from "./helpers6.ts";

const fails = (fn: () => unknown, e: SysError) => assertThrows(fn, SysError, e.message);

describe("lo0", () => {
  it("carries datagrams to ::1, with their sender", async () => {
    const { sys } = await inet6Host();
    const [r, w] = [await udp6(sys, 7000), await udp6(sys, 7001, "::1")];
    await send6(sys, w, "hello", sin6("::1", 7000));
    assertEquals(await receive6(sys, r), ["hello", "[::1]:7001"]);
  });
  it("a datagram to nobody is ECONNREFUSED for who is connected", async () => {
    const { sys } = await inet6Host();
    const s = await udp6(sys);
    await sys.connect({ s, name: sin6("::1", 9) });
    await sys.write({ fd: s, buf: bytes("x") });
    await settle();
    fails(() => sys.write({ fd: s, buf: bytes("x") }), errno.ECONNREFUSED);
  });
  it("carries TCP", async () => {
    const { sys } = await inet6Host();
    const [l, c] = [0, 1].map(() => sys.socket({ domain: AF_INET6, type: SOCK_STREAM, protocol: 0 }) as number);
    await sys.bind({ s: l!, name: sin6("::", 80) });
    sys.listen({ s: l!, backlog: 5 });
    await sys.connect({ s: c!, name: sin6("::1", 80) });
    const name = new Uint8Array(28);
    const k = (await sys.accept({ s: l!, name, anamelen: new Uint8Array([28, 0, 0, 0]) })) as number;
    await sys.write({ fd: c!, buf: bytes("over IPv6") });
    const buf = new Uint8Array(100);
    const n = (await sys.read({ fd: k, buf })) as number;
    assertEquals([text(buf.subarray(0, n)), named6(name).split("]")[0]], ["over IPv6", "[::1"]);
  });
});

describe("IPv6 between two hosts", () => {
  it("link-local addresses come by themselves, and are reached by naming their link", async () => {
    const { a, b, ifaces } = await twoHosts6();
    const r = await udp6(b.sys, 7000);
    const s = await udp6(a.sys);
    await send6(a.sys, s, "near", sin6("fe80::b0a0:ff:fe00:2", 7000, ifaces[0]!.index));
    const [data, from] = await receive6(b.sys, r);
    assertEquals([data, from.split("]")[0]], ["near", `[fe80::b0a0:ff:fe00:1%${ifaces[1]!.index}`]);
  });
  it("datagrams of any size arrive, in fragments where they must", async () => {
    const { a, b } = await twoHosts6();
    const r = await udp6(b.sys, 7000);
    const s = await udp6(a.sys);
    for (const n of [0, 1, 1452, 1453, 4000, 9216]) {
      const data = Uint8Array.from({ length: n }, (_, i) => i * 7);
      await send6(a.sys, s, data, sin6("2001:db8::2", 7000));
      const buf = new Uint8Array(10_000);
      assertEquals([await b.sys.recvfrom({ s: r, buf, flags: 0 }), buf.slice(0, n)], [n, data]);
    }
    assertEquals([a.ip6.counters.fragmented, b.ip6.fragments.counters.reassembled], [3, 3]);
  });
  it("ping is answered, and raw sockets see the answer", async () => {
    const { a } = await twoHosts6();
    const s = a.sys.socket({ domain: AF_INET6, type: SOCK_RAW, protocol: 58 }) as number;
    await send6(a.sys, s, new Uint8Array([128, 0, 0, 0, 1, 2, 0, 1, 9, 9]), sin6("2001:db8::2", 0));
    const buf = new Uint8Array(100);
    let n = 0;
    do n = (await a.sys.recvfrom({ s, buf, flags: 0 })) as number; while (buf[0] !== 129);
    assertEquals([...buf.slice(4, n)], [1, 2, 0, 1, 9, 9]);
  });
  it("a port nobody has is told by ICMPv6", async () => {
    const { a } = await twoHosts6();
    const s = await udp6(a.sys);
    await a.sys.connect({ s, name: sin6("2001:db8::2", 9) });
    await a.sys.write({ fd: s, buf: bytes("x") });
    await settle();
    await settle();
    fails(() => a.sys.write({ fd: s, buf: bytes("x") }), errno.ECONNREFUSED);
  });
});
