import { describe, it } from "node:test";
import { AF_INET6, SOCK_STREAM } from "../../src/abi/flags.ts";
import { IPV6_PATHMTU, IPV6_RECVPATHMTU } from "../../src/abi/inet6_options.ts";
import { CMSG_DATA, Cmsghdr } from "../../src/abi/structs.ts";
import { viewOf } from "../../src/lib/struct.ts";
import type { Calls } from "../../src/kern/dispatch.ts";
import { parseIpv6 } from "../../src/lib/in6.ts";
import { assert, assertEquals } from "../assert.ts";
import { cable, int, pass } from "./helpers.ts";
import {
  attach6,
  be32,
  checksum6,
  frame6,
  type Given,
  hostOnWire,
  icmp6,
  icmp6Of,
  in6,
  inet6Host,
  ofType,
  PEER,
  ready,
  receive6,
  send6,
  settle,
  sin6,
  udp6,
  wire,
} from "./helpers6.ts";

const US = "2001:db8::1";
const given: Given = { from: "2001:db8::9", to: US };
const echoRequest = (to: Given, data: readonly number[] = [1, 2, 3, 4, 5, 6, 7, 8]) => {
  const message = Uint8Array.from([128, 0, 0, 0, 0, 1, 0, 1, ...data]);
  const sum = checksum6(to, message);
  message[2] = sum >> 8;
  message[3] = sum & 255;
  return [...message];
};
/** A host whose neighbour is known, so that answers go out at once. */
async function host() {
  const made = await hostOnWire(`${US}/64`);
  made.inject(icmp6({ from: given.from, to: "ff02::1:ff00:1" }, [135, 0, 0, 0, 0, 0, 0, 0, ...in6(US), 1, 1, ...PEER]));
  made.sent.length = 0;
  const packet = (next: number, payload: readonly number[], g = given) =>
    made.inject(frame6({ ...g, next }, Uint8Array.from(payload)));
  /** Type, code and pointer or MTU of the errors that were sent. */
  const errors = () =>
    made.sent.splice(0).map(icmp6Of).filter((m) => m !== undefined && m.type < 128)
      .map((m) => [m!.type, m!.code, m!.message[7]! | (m!.message[6]! << 8)]);
  const replies = () => ofType(made.sent.splice(0), 129).length;
  return { ...made, packet, errors, replies };
}
const [HOPOPTS, ROUTING, FRAGMENT, DSTOPTS, ICMPV6] = [0, 43, 44, 60, 58];
const pad = [1, 4, 0, 0, 0, 0];

describe("extension headers", () => {
  it("of options that are known or may be skipped are passed", async () => {
    const { packet, replies } = await host();
    packet(HOPOPTS, [ICMPV6, 0, 5, 2, 0, 0, 0, 0, ...echoRequest(given)]);
    packet(DSTOPTS, [ICMPV6, 0, 0x3e, 4, 9, 9, 9, 9, ...echoRequest(given)]);
    packet(HOPOPTS, [DSTOPTS, 0, ...pad, DSTOPTS, 0, ...pad, ICMPV6, 0, ...pad, ...echoRequest(given)]);
    assertEquals(replies(), 3);
  });
  it("with unknown options do as those ask", async () => {
    const { packet, errors, replies } = await host();
    const with_ = (kind: number, g = given) => packet(DSTOPTS, [ICMPV6, 0, kind, 4, 0, 0, 0, 0, ...echoRequest(g)], g);
    const group = { ...given, to: "ff02::1" };
    with_(0x7e);
    assertEquals(errors(), []);
    with_(0xbe);
    with_(0xfe);
    with_(0xbe, group);
    assertEquals(errors(), [[4, 2, 42], [4, 2, 42], [4, 2, 42]]);
    with_(0xfe, group);
    assertEquals([errors(), replies()], [[], 0]);
  });
  it("hop-by-hop options come first or not at all", async () => {
    const { packet, errors } = await host();
    packet(DSTOPTS, [HOPOPTS, 0, ...pad, ICMPV6, 0, ...pad, ...echoRequest(given)]);
    assertEquals(errors(), [[4, 1, 40]]);
  });
  it("routing headers that ask for more hops are refused, type 0 too (RFC 5095)", async () => {
    const { packet, errors, replies } = await host();
    packet(ROUTING, [ICMPV6, 2, 0, 1, 0, 0, 0, 0, ...in6("2001:db8::2"), ...echoRequest(given)]);
    packet(ROUTING, [ICMPV6, 0, 9, 3, 0, 0, 0, 0, ...echoRequest(given)]);
    assertEquals(errors(), [[4, 0, 42], [4, 0, 42]]);
    packet(ROUTING, [ICMPV6, 0, 9, 0, 0, 0, 0, 0, ...echoRequest(given)]);
    assertEquals(replies(), 1);
  });
  it("that end behind the packet, or are too many, end it", async () => {
    const { packet, errors, replies, ip6 } = await host();
    packet(DSTOPTS, [ICMPV6, 9, ...pad]);
    packet(DSTOPTS, [ICMPV6, 0, 1, 9, 0, 0, 0, 0]);
    packet(DSTOPTS, [ICMPV6]);
    const many = Array.from({ length: 100 }, () => [DSTOPTS, 0, ...pad]).flat();
    packet(DSTOPTS, [...many, ICMPV6, 0, ...pad, ...echoRequest(given)]);
    assertEquals([errors(), replies(), ip6.counters.tooManyHeaders], [[], 0, 1]);
  });
  it("nobody has ever heard of are told of", async () => {
    const { packet, errors } = await host();
    packet(200, [1, 2, 3, 4, 5, 6, 7, 8]);
    packet(DSTOPTS, [200, 0, ...pad, 1]);
    packet(59, []);
    assertEquals(errors(), [[4, 1, 6], [4, 1, 40]]);
  });
});

describe("fragments of IPv6", () => {
  const fragment = (
    offset: number,
    more: boolean,
    id: number,
    data: readonly number[],
    next = ICMPV6,
  ) => [next, 0, offset >> 8, (offset & 0xf8) | (more ? 1 : 0), ...be32(id), ...data];
  const whole = echoRequest(given, new Array(24).fill(7));
  const [first, second, third] = [whole.slice(0, 16), whole.slice(16, 24), whole.slice(24)];
  it("make a whole in any order, also when one comes twice", async () => {
    const { packet, replies } = await host();
    packet(FRAGMENT, fragment(24, false, 1, third));
    packet(FRAGMENT, fragment(24, false, 1, third));
    packet(FRAGMENT, fragment(0, true, 1, first));
    packet(FRAGMENT, fragment(16, true, 1, second));
    assertEquals(replies(), 1);
  });
  it("make a whole as long as any can be, and no longer", async () => {
    const { packet, sent, ip6 } = await host();
    const longest = echoRequest(given, new Array(65_535 - 8).fill(7));
    const pieces = (id: number) =>
      Array.from({ length: Math.ceil(longest.length / 1440) }, (_, i) => i * 1440)
        .map((at) => fragment(at, at + 1440 < longest.length, id, longest.slice(at, at + 1440)));
    for (const piece of pieces(1)) packet(FRAGMENT, piece);
    assertEquals([sent.length, ip6.fragments.counters.reassembled], [46, 1]);
    // With a header more than the payload's length can tell.
    for (const piece of pieces(2)) packet(DSTOPTS, [FRAGMENT, 0, ...pad, ...piece]);
    assertEquals([ip6.fragments.counters.reassembled, ip6.fragments.size], [1, 0]);
  });
  it("that lie on each other make none, whatever comes after (RFC 5722)", async () => {
    const { packet, replies, ip6, host: h } = await host();
    packet(FRAGMENT, fragment(0, true, 1, first));
    packet(FRAGMENT, fragment(8, true, 1, [...second, ...second]));
    packet(FRAGMENT, fragment(0, true, 1, first));
    packet(FRAGMENT, fragment(16, true, 1, second));
    packet(FRAGMENT, fragment(24, false, 1, third));
    assertEquals([replies(), ip6.fragments.counters.overlapped, ip6.fragments.size], [0, 1, 1]);
    h.pass(60_000);
    assertEquals(ip6.fragments.size, 0);
  });
  it("that are the whole are no part of any other (RFC 6946)", async () => {
    const { packet, replies } = await host();
    packet(FRAGMENT, fragment(0, true, 1, first));
    packet(FRAGMENT, fragment(0, false, 1, whole));
    assertEquals(replies(), 1);
  });
  it("that do not all come in time are told of, if the first did", async () => {
    const { packet, errors, host: h } = await host();
    packet(FRAGMENT, fragment(0, true, 1, first));
    packet(FRAGMENT, fragment(16, true, 2, second));
    h.pass(60_000);
    assertEquals(errors(), [[3, 1, 0]]);
  });
  it("of a wrong length, or beyond any packet, are told of", async () => {
    const { packet, errors } = await host();
    packet(FRAGMENT, fragment(0, true, 1, first.slice(0, 15)));
    packet(FRAGMENT, fragment(0xfff8, false, 2, first));
    assertEquals(errors(), [[4, 0, 4], [4, 0, 42]]);
  });
  it("without all headers in the first are refused (RFC 7112)", async () => {
    const { packet, errors } = await host();
    packet(FRAGMENT, fragment(0, true, 1, [ICMPV6, 2, ...pad], DSTOPTS));
    assertEquals(errors(), [[4, 3, 0]]);
  });
  it("are kept only so many", async () => {
    const { packet, ip6 } = await host();
    for (let i = 0; i < 1000; i++) packet(FRAGMENT, fragment(0, true, i, first));
    assertEquals([ip6.fragments.size, ip6.fragments.counters.dropped], [200, 800]);
  });
});

describe("ICMPv6 errors", () => {
  it("are not sent about errors, to nobody, or to groups", async () => {
    const { packet, errors, inject } = await host();
    inject(icmp6(given, [1, 4, 0, 0, 0, 0, 0, 0, ...new Array(60).fill(0)]));
    packet(200, [1], { ...given, from: "::" });
    packet(200, [1], { ...given, to: "ff02::1" });
    assertEquals(errors(), []);
  });
  it("are so many a second", async () => {
    const { packet, errors } = await host();
    for (let i = 0; i < 500; i++) packet(200, [1]);
    assertEquals(errors().length, 100);
  });
  it("carry as much of the packet as every link can", async () => {
    const { packet, sent } = await host();
    packet(200, new Array(1400).fill(1));
    assertEquals(sent[0]!.length, 14 + 1280);
  });
});

/** a (2001:db8:1::1) - router r - b (2001:db8:2::1); b's link has an MTU. */
async function routed6(mtu = 1500) {
  const [a1, r1] = cable();
  const [r2, b1] = cable();
  const [a, r, b] = [await inet6Host(), await inet6Host(), await inet6Host()];
  const ia = await attach6(a, "en0", a1!, "2001:db8:1::1/64");
  await attach6(r, "en0", r1!, "2001:db8:1::f/64");
  const far = await attach6(r, "en1", r2!, "2001:db8:2::f/64");
  const ib = await attach6(b, "en0", b1!, "2001:db8:2::1/64");
  far.setMtu(mtu);
  r.ip6.settings.forwarding = true;
  const all = { destination: parseIpv6("::")!, length: 0, flags: 3, mtu: 0, used: 0, expires: Infinity };
  a.ip6.addRoute({ ...all, gateway: parseIpv6("2001:db8:1::f")!, iface: ia });
  b.ip6.addRoute({ ...all, gateway: parseIpv6("2001:db8:2::f")!, iface: ib });
  await ready(a, r, b);
  return { a, r, b, ia, ib };
}

describe("a router", () => {
  it("sends on what is not its own", async () => {
    const { a, b, r } = await routed6();
    const s = await udp6(b.sys, 7000);
    await send6(a.sys, await udp6(a.sys, 7001), "far", sin6("2001:db8:2::1", 7000));
    assertEquals(await receive6(b.sys, s), ["far", "[2001:db8:1::1]:7001"]);
    assertEquals(r.ip6.counters.forwarded, 1);
  });
  it("does not until it is told to be one", async () => {
    const { a, r } = await routed6();
    r.ip6.settings.forwarding = false;
    await send6(a.sys, await udp6(a.sys, 7001), "far", sin6("2001:db8:2::1", 7000));
    for (let i = 0; i < 3; i++) await settle();
    assertEquals([r.ip6.counters.forwarded, r.ip6.counters.notForwarded > 0], [0, true]);
  });
  it("tells of packets too large, and what is sent next fits (RFC 8201)", async () => {
    const { a, b, r } = await routed6(1300);
    const s = await udp6(b.sys, 7000);
    const w = await udp6(a.sys, 7001);
    await send6(a.sys, w, new Uint8Array(1400), sin6("2001:db8:2::1", 7000));
    for (let i = 0; i < 5; i++) await settle();
    assertEquals([a.ip6.mtuTo(parseIpv6("2001:db8:2::1")!), r.ip6.icmp.counters.out[2]], [1300, 1]);
    await send6(a.sys, w, new Uint8Array(1400).fill(65), sin6("2001:db8:2::1", 7000));
    assertEquals((await receive6(b.sys, s))[0].length, 1400);
    a.host.pass(600_001);
    assertEquals(a.ip6.mtuTo(parseIpv6("2001:db8:2::1")!), 1500);
  });
  it("is told to who asked for it (RFC 3542)", async () => {
    const { a } = await routed6(1300);
    const s = await udp6(a.sys);
    a.sys.setsockopt({ s, level: 41, name: IPV6_RECVPATHMTU, val: int(1) });
    await a.sys.connect({ s, name: sin6("2001:db8:2::1", 7000) });
    await a.sys.write({ fd: s, buf: new Uint8Array(1400) });
    const [msg, control, name] = [new Uint8Array(48), new Uint8Array(100), new Uint8Array(28)];
    const n = await a.sys.recvmsg({ s, msg, name, iov: new Uint8Array(10), control, flags: 0 });
    const d = viewOf(control);
    assertEquals([n, Cmsghdr.get.type(d, 0), d.getUint32(CMSG_DATA + 28, true)], [0, IPV6_PATHMTU, 1300]);
  });
  it("is heard by TCP, whose segments fit from then on", async () => {
    const { a, b, r } = await routed6(1300);
    const socket = (sys: Calls) => sys.socket({ domain: AF_INET6, type: SOCK_STREAM, protocol: 0 }) as number;
    const [l, c] = [socket(b.sys), socket(a.sys)];
    await b.sys.bind({ s: l, name: sin6("::", 80) });
    b.sys.listen({ s: l, backlog: 1 });
    await a.sys.connect({ s: c, name: sin6("2001:db8:2::1", 80) });
    const k = (await b.sys.accept({ s: l })) as number;
    const data = Uint8Array.from({ length: 20_000 }, (_, i) => i * 7);
    await a.sys.write({ fd: c, buf: data });
    const got = new Uint8Array(data.length);
    for (let n = 0; n < got.length;) {
      const [more] = await Promise.all([b.sys.read({ fd: k, buf: got.subarray(n) }), pass([a, b, r], 1000, 100)]);
      n += more as number;
    }
    assertEquals([got, a.ip6.mtuTo(parseIpv6("2001:db8:2::1")!)], [data, 1300]);
    assert(r.ip6.icmp.counters.out[2]! > 0);
  });
  it("says that hops are used up, and that there is no way", async () => {
    const w = wire();
    const r = await inet6Host();
    r.ip6.settings.forwarding = true;
    const iface = await attach6(r, "en0", w.device, `${US}/64`);
    await ready(r);
    r.ip6.nd.set(iface, parseIpv6(given.from)!, PEER, { permanent: true });
    w.sent.length = 0;
    w.inject(frame6({ from: given.from, to: "2001:db8:5::1", next: 17, hops: 1 }, new Uint8Array(8)));
    w.inject(frame6({ from: given.from, to: "2001:db8:5::1", next: 17 }, new Uint8Array(8)));
    w.inject(frame6({ from: "fe80::9", to: "2001:db8:5::1", next: 17 }, new Uint8Array(8)));
    assertEquals(w.sent.map(icmp6Of).filter((m) => m!.type < 128).map((m) => [m!.type, m!.code]), [[3, 0], [1, 0]]);
  });
  it("tells a neighbour of the shorter way", async () => {
    const w = wire();
    const r = await inet6Host();
    r.ip6.settings.forwarding = true;
    const iface = await attach6(r, "en0", w.device, `${US}/64`);
    await ready(r);
    for (const who of [given.from, "2001:db8::8"]) r.ip6.nd.set(iface, parseIpv6(who)!, PEER, { permanent: true });
    w.sent.length = 0;
    w.inject(frame6({ from: given.from, to: "2001:db8::8", next: 17 }, new Uint8Array(8)));
    const [redirect] = ofType(w.sent, 137);
    assert(redirect);
    assertEquals([redirect.to, [...redirect.message.slice(8, 24)], [...redirect.message.slice(24, 40)]], [
      given.from,
      in6("2001:db8::8"),
      in6("2001:db8::8"),
    ]);
  });
  it("does not carry what is of one link alone to another", async () => {
    const { a, r, ia } = await routed6();
    const w = await udp6(a.sys);
    await a.sys.bind({ s: w, name: sin6("fe80::b0a0:ff:fe00:1", 7001, ia.index) });
    await send6(a.sys, w, "far", sin6("2001:db8:2::1", 7000));
    for (let i = 0; i < 3; i++) await settle();
    assertEquals([r.ip6.counters.forwarded, r.ip6.icmp.counters.out[1]], [0, 1]);
  });
});
