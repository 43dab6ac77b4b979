/**
 * ICMP, redirects, options of the IP header, PMTU. Of NetBSD's tests/net these are done here as tests of our own:
 * icmp/t_icmp_redirect (icmp_redirect_timeout, icmp_redirect), net/t_forwarding (basic, misc, fastforward's packets),
 * net/t_ping_opts (ping_opts_recordroute, ping_opts_ttl, ping_opts_interface), net/t_ip_reass.
 */
import { describe, it } from "node:test";
import { AF_INET, SOCK_RAW } from "../../src/abi/flags.ts";
import * as IP from "../../src/abi/inet_options.ts";
import { RTF } from "../../src/abi/route_structs.ts";
import type { Calls } from "../../src/kern/dispatch.ts";
import { formatIpv4, maskOf, parseIpv4 } from "../../src/lib/inet.ts";
import { CMSG_DATA } from "../../src/abi/structs.ts";
import { viewOf } from "../../src/lib/struct.ts";
import { sum } from "../../src/lib/checksum.ts";
import { assert, assertEquals } from "../assert.ts";
import { bytes, int, onOneLink, routed, settle, sin, udpSocket } from "./helpers.ts";

const ip = (text: string) => parseIpv4(text)!;
const raw = (sys: Calls, protocol = 1) => sys.socket({ domain: AF_INET, type: SOCK_RAW, protocol }) as number;
/** An ICMP message with its checksum. */
function message(type: number, code: number, rest: readonly number[]): Uint8Array {
  const m = new Uint8Array([type, code, 0, 0, ...rest, ...(rest.length % 4 ? [0, 0] : [])]);
  const memory = { bytes: m, words: new Int32Array(m.buffer.slice(0, m.length & ~3)) };
  viewOf(m).setUint16(2, ~fold(sum(memory as never, 0, m.length)) & 0xffff, true);
  return m;
}
function fold(n: number): number {
  while (n > 0xffff) n = (n & 0xffff) + Math.floor(n / 65_536);
  return n;
}
/** The next packet of a raw socket: its header's options, and what it carries. */
async function next(sys: Calls, s: number) {
  const buf = new Uint8Array(2000);
  const n = await sys.recvfrom({ s, buf, flags: 0 });
  const header = (buf[0]! & 15) * 4;
  return { from: formatIpv4(viewOf(buf).getUint32(12)), options: buf.slice(20, header), icmp: buf.slice(header, n) };
}
const echo = () => message(8, 0, [0, 42, 0, 1, ...new Array(8).fill(7)]);
const send = (sys: Calls, s: number, buf: Uint8Array, to: string) => sys.sendto({ s, buf, flags: 0, to: sin(to, 0) });
const addresses = (b: Uint8Array) =>
  Array.from({ length: b.length >> 2 }, (_, i) => formatIpv4(viewOf(b).getUint32(4 * i)));

describe("questions", () => {
  it("a timestamp is answered with our time, a mask only if that is wished", async () => {
    const { hosts: [a, b] } = await onOneLink(2);
    const s = raw(a!.sys);
    await send(a!.sys, s, message(13, 0, [0, 1, 0, 1, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0]), "10.0.0.2");
    const { icmp } = await next(a!.sys, s);
    const now = b!.host.clock % 86_400_000;
    assertEquals([icmp[0], viewOf(icmp).getUint32(8), viewOf(icmp).getUint32(12)], [14, 5, now]);
    const mask = message(17, 0, [0, 1, 0, 1, 0, 0, 0, 0]);
    await send(a!.sys, s, mask, "10.0.0.2");
    await settle();
    b!.stack.icmp.answerMask = true;
    await send(a!.sys, s, mask, "10.0.0.2");
    const answer = await next(a!.sys, s);
    assertEquals([answer.icmp[0], addresses(answer.icmp.slice(8, 12))], [18, ["255.255.255.0"]]);
    assertEquals(b!.stack.icmp.counters.out[18], 1);
  });
  it("to everybody are answered only if that is wished", async () => {
    const { hosts: [a, b] } = await onOneLink(2);
    const s = raw(a!.sys);
    a!.sys.setsockopt({ s, level: 0xffff, name: 0x20, val: int(1) });
    await send(a!.sys, s, echo(), "10.0.0.255");
    await settle();
    assertEquals(b!.stack.icmp.counters.out[0], 0);
    b!.stack.icmp.answerBroadcasts = true;
    await send(a!.sys, s, echo(), "10.0.0.255");
    await settle();
    assertEquals(b!.stack.icmp.counters.out[0], 1);
  });
});

describe("redirects", () => {
  /** 10.0.0.1 sends everything for 99/8 to .2, which sends it on to .3 on the same link. */
  async function detour() {
    const { hosts } = await onOneLink(3);
    const [a, r, other] = hosts;
    const net = [ip("99.0.0.0"), maskOf(8)] as const;
    a!.stack.addRoute(a!.stack.gatewayRoute(...net, ip("10.0.0.2")));
    r!.stack.addRoute(r!.stack.gatewayRoute(...net, ip("10.0.0.3")));
    const s = await udpSocket(a!.sys);
    const go = async () => {
      await a!.sys.sendto({ s, buf: bytes("x"), flags: 0, to: sin("99.1.1.1", 9) });
      await settle();
      await settle();
    };
    return { a: a!, r: r!, other: other!, go };
  }
  it("are sent, obeyed for that host, and forgotten after ten minutes", async () => {
    const { a, r, other, go } = await detour();
    await go();
    assertEquals([r.stack.ip.counters.forwarded, r.stack.ip.counters.redirects], [1, 1]);
    const route = a.stack.routes.find(ip("99.1.1.1"))!;
    assertEquals([formatIpv4(route.gateway!), route.flags], [
      "10.0.0.3",
      RTF.UP | RTF.GATEWAY | RTF.HOST | RTF.DYNAMIC,
    ]);
    await go();
    assertEquals([r.stack.ip.counters.forwarded, other.stack.ip.counters.received], [1, 2]);
    assertEquals(formatIpv4(a.stack.routes.find(ip("99.1.1.2"))!.gateway!), "10.0.0.2");
    a.host.pass(600_000);
    assertEquals(formatIpv4(a.stack.routes.find(ip("99.1.1.1"))!.gateway!), "10.0.0.2");
  });
  it("are neither sent nor obeyed where that is not wished", async () => {
    const { a, r, go } = await detour();
    a.stack.icmp.redirects.accept = false;
    await go();
    assertEquals([r.stack.ip.counters.redirects, a.stack.icmp.redirects.size], [1, 0]);
    r.stack.ip.redirects = false;
    await go();
    assertEquals([r.stack.ip.counters.forwarded, r.stack.ip.counters.redirects], [2, 1]);
  });
  it("are believed only of the gateway in use, and only if they name a neighbour", async () => {
    const { a, r, other } = await detour();
    r.stack.ip.redirects = false;
    const inner = [0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 99, 1, 1, 1, 0, 1, 0, 1, 0, 8, 0, 0];
    const told = (gateway: number[]) => message(5, 1, [...gateway, ...inner]);
    await send(other.sys, raw(other.sys), told([10, 0, 0, 3]), "10.0.0.1");
    await send(r.sys, raw(r.sys), told([8, 8, 8, 8]), "10.0.0.1");
    await send(r.sys, raw(r.sys), told([10, 0, 0, 1]), "10.0.0.1");
    await settle();
    assertEquals([a.stack.icmp.counters.in[5], a.stack.icmp.redirects.size], [3, 0]);
    await send(r.sys, raw(r.sys), told([10, 0, 0, 3]), "10.0.0.1");
    await settle();
    assertEquals(a.stack.icmp.redirects.size, 1);
  });
});

describe("options of the header", () => {
  const record = new Uint8Array([7, 39, 4, ...new Array(36).fill(0), 0]);
  it("record route: all who send it on, there and back", async () => {
    const { a } = await routed();
    const s = raw(a.sys);
    a.sys.setsockopt({ s, level: 0, name: IP.IP_OPTIONS, val: record });
    assertEquals(a.stack.interface("en0").up, true);
    await send(a.sys, s, echo(), "10.0.1.1");
    const { options } = await next(a.sys, s);
    assertEquals([options[0], options[2]], [7, 20]);
    assertEquals(addresses(options.slice(3, 19)), ["10.0.1.254", "10.0.1.1", "10.0.0.254", "10.0.0.1"]);
  });
  it("timestamps: of all, beside their addresses", async () => {
    const { a, r } = await routed();
    const s = raw(a.sys);
    a.sys.setsockopt({
      s,
      level: 0,
      name: IP.IP_OPTIONS,
      val: new Uint8Array([68, 36, 5, 1, ...new Array(32).fill(0)]),
    });
    await send(a.sys, s, echo(), "10.0.1.1");
    const { options } = await next(a.sys, s);
    const list = addresses(options.slice(4, 36));
    assertEquals(list.filter((_, i) => i % 2 === 0), ["10.0.1.254", "10.0.1.1", "10.0.0.254", "10.0.0.1"]);
    assertEquals(viewOf(options).getUint32(8), r.host.clock % 86_400_000);
  });
  it("the answer to what came by a source route comes back by it; a router may be told to refuse such", async () => {
    const { a, r, b } = await routed();
    const s = raw(a.sys);
    // The router, then b; b is the end of it.
    const route = new Uint8Array([131, 11, 4, 10, 0, 0, 254, 10, 0, 1, 1, 0]);
    r.stack.ip.forwardSourceRoute = false;
    a.sys.setsockopt({ s, level: 0, name: IP.IP_OPTIONS, val: route });
    await send(a.sys, s, echo(), "10.0.1.1");
    const refused = await next(a.sys, s);
    assertEquals([refused.from, refused.icmp[0], refused.icmp[1]], ["10.0.0.254", 3, 5]);
    r.stack.ip.forwardSourceRoute = true;
    await send(a.sys, s, echo(), "10.0.1.1");
    const { icmp, options } = await next(a.sys, s);
    assertEquals([icmp[0], options[0]], [0, 131]);
    assertEquals(b.stack.icmp.counters.in[8], 1);
    r.stack.ip.allowSourceRoute = false;
    await send(a.sys, s, echo(), "10.0.1.1");
    assertEquals((await next(a.sys, s)).icmp.slice(0, 2), new Uint8Array([3, 5]));
  });
  it("a datagram that came by a source route is answered by it with what IP_RECVRETOPTS tells", async () => {
    const { a, b } = await routed();
    const [s, r] = [await udpSocket(a.sys, 7001), await udpSocket(b.sys, 7000)];
    const route = new Uint8Array([131, 11, 4, 10, 0, 0, 254, 10, 0, 1, 1, 0]);
    a.sys.setsockopt({ s, level: 0, name: IP.IP_OPTIONS, val: route });
    b.sys.setsockopt({ s: r, level: 0, name: IP.IP_RECVRETOPTS, val: new Uint8Array([1, 0, 0, 0]) });
    await a.sys.sendto({ s, buf: new Uint8Array(1), flags: 0, to: sin("10.0.1.1", 7000) });
    const [iov, control, msg, name] = [1, 100, 48, 16].map((n) => new Uint8Array(n));
    await b.sys.recvmsg({ s: r, iov: iov!, control: control!, msg: msg!, name: name!, flags: 0 });
    const back = control!.slice(CMSG_DATA, viewOf(control!).getUint32(0, true));
    assertEquals([control![8], ...back], [6, 131, 11, 4, 10, 0, 1, 254, 10, 0, 0, 1, 0]);
    b.sys.setsockopt({ s: r, level: 0, name: IP.IP_RETOPTS, val: back });
    a.sys.setsockopt({ s, level: 0, name: IP.IP_RECVOPTS, val: new Uint8Array([1, 0, 0, 0]) });
    await b.sys.sendto({ s: r, buf: new Uint8Array(1), flags: 0, to: sin("10.0.0.1", 7001) });
    await a.sys.recvmsg({ s, iov: iov!, control: control!, msg: new Uint8Array(48), name: name!, flags: 0 });
    assertEquals(addresses(control!.slice(CMSG_DATA + 3, CMSG_DATA + 7)), ["10.0.0.254"]);
  });
  it("what is wrong in them is told, and where", async () => {
    const { a } = await routed();
    const s = raw(a.sys);
    for (
      const [list, at] of [[[7, 7, 3, 0, 0, 0, 0, 0], 22], [[7, 2, 0, 0], 21], [[68, 8, 5, 2, 0, 0, 0, 0], 23]] as const
    ) {
      a.sys.setsockopt({ s, level: 0, name: IP.IP_OPTIONS, val: new Uint8Array(list) });
      await send(a.sys, s, echo(), "10.0.1.1");
      const { icmp } = await next(a.sys, s);
      assertEquals([icmp[0], icmp[4]], [12, at]);
    }
  });
  it("fragments behind the first repeat only those that say so", async () => {
    const { hosts: [a, b] } = await onOneLink(2);
    const s = await udpSocket(a!.sys);
    a!.sys.setsockopt({ s, level: 0, name: IP.IP_OPTIONS, val: record });
    const r = await udpSocket(b!.sys, 7000);
    const data = Uint8Array.from({ length: 5000 }, (_, i) => i * 3);
    await a!.sys.sendto({ s, buf: data, flags: 0, to: sin("10.0.0.2", 7000) });
    const buf = new Uint8Array(6000);
    const n = await b!.sys.recvfrom({ s: r, buf, flags: 0 });
    assertEquals(buf.slice(0, n), data);
  });
});

describe("knobs", () => {
  it("checkinterface: an address of another interface is not answered for", async () => {
    const { a, r } = await routed();
    const s = raw(a.sys);
    await send(a.sys, s, echo(), "10.0.1.254");
    assertEquals((await next(a.sys, s)).icmp[0], 0);
    r.stack.ip.checkInterface = true;
    await send(a.sys, s, echo(), "10.0.1.254");
    await send(a.sys, s, echo(), "10.0.0.254");
    assertEquals((await next(a.sys, s)).from, "10.0.0.254");
    assertEquals(r.stack.icmp.counters.out[0], 2);
  });
  it("mtudisc: without it TCP's packets may be cut on the way", async () => {
    for (const on of [true, false]) {
      const fragments: number[] = [];
      const { hosts: [a, b] } = await onOneLink(2, (f, from) => {
        if (from === 0 && f[23] === 6) fragments.push(f[20]!);
        return [f];
      });
      a!.stack.ip.mtuDiscovery = on;
      const [l, c] = [b, a].map((h) => h!.sys.socket({ domain: AF_INET, type: 1, protocol: 0 }) as number);
      await b!.sys.bind({ s: l!, name: sin("10.0.0.2", 80) });
      b!.sys.listen({ s: l!, backlog: 1 });
      await a!.sys.connect({ s: c!, name: sin("10.0.0.2", 80) });
      assertEquals(fragments.every((x) => x === (on ? 0x40 : 0)), true, `${fragments}`);
    }
  });
});

describe("errors", () => {
  it("a packet that may not be cut is complained of with the size that fits", async () => {
    const { a, r } = await routed();
    r.stack.interface("en1").setMtu(1000);
    const s = raw(a.sys);
    const whole = raw(a.sys, 17);
    a.sys.setsockopt({ s: whole, level: 0, name: IP.IP_HDRINCL, val: int(1) });
    const p = new Uint8Array(1200);
    const d = viewOf(p);
    p.set([0x45, 0, 0, 0, 0, 0, 0, 0, 64, 17], 0);
    d.setUint16(2, p.length, true);
    d.setUint16(6, 0x4000, true);
    d.setUint32(16, ip("10.0.1.1"));
    await a.sys.sendto({ s: whole, buf: p, flags: 0, to: sin("10.0.1.1", 0) });
    const { icmp } = await next(a.sys, s);
    assertEquals([icmp[0], icmp[1], viewOf(icmp).getUint16(6)], [3, 4, 1000]);
  });
  it("the pieces that never become whole are, once their time is up", async () => {
    const { hosts: [a, b] } = await onOneLink(2, (f) => f.length > 1000 || f[13] === 6 || f[23] === 1 ? [f] : []);
    const s = raw(a!.sys);
    await a!.sys.sendto({ s: await udpSocket(a!.sys), buf: new Uint8Array(1600), flags: 0, to: sin("10.0.0.2", 9) });
    await settle();
    b!.host.pass(31_000);
    assertEquals((await next(a!.sys, s)).icmp.slice(0, 2), new Uint8Array([11, 1]));
  });
  it("nobody is told of packets to everybody, of later fragments, of errors, of multicasts", async () => {
    const { hosts: [a, b] } = await onOneLink(2);
    const s = await udpSocket(a!.sys);
    a!.sys.setsockopt({ s, level: 0xffff, name: 0x20, val: int(1) });
    await a!.sys.sendto({ s, buf: bytes("x"), flags: 0, to: sin("10.0.0.255", 9) });
    await a!.sys.sendto({ s, buf: bytes("x"), flags: 0, to: sin("224.0.0.1", 9) });
    const error = message(3, 1, [0, 0, 0, 0, 0x45, ...new Array(27).fill(0)]);
    await send(a!.sys, raw(a!.sys), error, "10.0.0.2");
    await settle();
    assertEquals(b!.stack.icmp.counters.out[3], 0);
  });
  it("a directed broadcast from another network is refused, or reaches all where that is wished", async () => {
    const { a, r, b } = await routed();
    const got = await udpSocket(b.sys, 7000);
    const s = await udpSocket(a.sys);
    const icmp = raw(a.sys);
    const go = () => a.sys.sendto({ s, buf: bytes("x"), flags: 0, to: sin("10.0.1.255", 7000) });
    await go();
    assertEquals((await next(a.sys, icmp)).icmp.slice(0, 2), new Uint8Array([3, 1]));
    r.stack.ip.directedBroadcast = true;
    await go();
    assertEquals(await b.sys.recvfrom({ s: got, buf: new Uint8Array(9), flags: 0 }), 1);
    assert(r.stack.ip.counters.forwarded === 1);
  });
});
