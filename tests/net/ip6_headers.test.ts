/** Extension headers and next hops that programs ask for (RFC 3542, 6 to 9): of all packets of a socket, and of one. */
import { describe, it } from "node:test";
import { errno, SysError } from "../../src/abi/errno.ts";
import { AF_INET6, SOCK_RAW, SOCK_STREAM } from "../../src/abi/flags.ts";
import * as IPV6 from "../../src/abi/inet6_options.ts";
import type { Calls } from "../../src/kern/dispatch.ts";
import { formatIpv6, In6Addr, parseIpv6 } from "../../src/lib/in6.ts";
import { viewOf } from "../../src/lib/struct.ts";
import { assert, assertEquals, assertThrows } from "../assert.ts";
import { bytes, int, sin } from "./helpers.ts";
import {
  checksum6,
  cmsg,
  frame6,
  get,
  hostOnWire,
  in6,
  inet6Host,
  LEVEL,
  message,
  PEER,
  receive6,
  send6,
  set,
  sin6,
  twoHosts6,
  udp6,
} from "./helpers6.ts";

const fails = (fn: () => unknown, e: SysError) => assertThrows(fn, SysError, e.message);
const [HOP, DST, PAD] = [[0, 0, 5, 2, 0, 0, 1, 0], [0, 0, 1, 4, 0, 0, 0, 0], [0, 1, 1, 12, ...Array(12).fill(0)]];
/** A routing header of type 0 that names nodes. */
const route = (...nodes: string[]) => [0, 2 * nodes.length, 0, nodes.length, 0, 0, 0, 0, ...nodes.flatMap(in6)];
const of = (header: readonly number[]) => Uint8Array.from(header);
/** What a socket option is, as bytes. */
function bytesOf(sys: Calls, s: number, name: number): number[] {
  const [val, avalsize] = [new Uint8Array(300), int(300)];
  sys.getsockopt({ s, level: LEVEL, name, val, avalsize });
  return [...val.subarray(0, viewOf(avalsize).getUint32(0, true))];
}
const sendWith = (sys: Calls, s: number, to: Uint8Array, ...control: Uint8Array[]) =>
  sys.sendmsg({
    s,
    msg: new Uint8Array(48),
    name: to,
    iov: bytes("x"),
    control: Uint8Array.from(control.flatMap((c) => [...c])),
    flags: 0,
  });
/** The chain of headers of a frame: numbers and bytes, up to the transport's. */
function chain(f: Uint8Array): { readonly numbers: number[]; readonly headers: number[][]; readonly at: number } {
  const [numbers, headers]: [number[], number[][]] = [[f[20]!], []];
  let at = 54;
  while ([0, 43, 60, 44].includes(numbers.at(-1)!)) {
    const end = at + 8 + (numbers.at(-1) === 44 ? 0 : 8 * f[at + 1]!);
    headers.push([...f.slice(at, end)]);
    numbers.push(f[at]!);
    at = end;
  }
  return { numbers, headers, at };
}
const SENT = [
  [IPV6.IPV6_HOPOPTS, HOP],
  [IPV6.IPV6_RTHDRDSTOPTS, PAD],
  [IPV6.IPV6_DSTOPTS, DST],
] as const;

describe("extension headers a program sends", () => {
  it("stand in every datagram of a socket that was told so, in their order, and are told to who asked", async () => {
    const { a, b } = await twoHosts6();
    const r = await udp6(b.sys, 7000);
    for (const name of [IPV6.IPV6_RECVHOPOPTS, IPV6.IPV6_RECVDSTOPTS]) set(b.sys, r, name, int(1));
    const s = await udp6(a.sys);
    set(a.sys, s, IPV6.IPV6_DSTOPTS, of(DST));
    set(a.sys, s, IPV6.IPV6_HOPOPTS, of(HOP));
    for (let i = 0; i < 2; i++) {
      await send6(a.sys, s, "data", sin6("2001:db8::2", 7000));
      const { data, found } = await message(b.sys, r);
      const told = [IPV6.IPV6_HOPOPTS, IPV6.IPV6_DSTOPTS].map((t) => [...found.get(t)!].slice(1));
      assertEquals([data, told], ["data", [HOP.slice(1), DST.slice(1)]]);
    }
  });
  it("are read back as they were set, and gone when nothing is set", async () => {
    const { sys } = await inet6Host();
    const s = await udp6(sys);
    for (const [name, header] of [...SENT, [IPV6.IPV6_RTHDR, route("2001:db8::9")] as const]) {
      assertEquals(bytesOf(sys, s, name), []);
      set(sys, s, name, of(header));
      assertEquals(bytesOf(sys, s, name), [...header]);
    }
    for (const [name] of SENT) set(sys, s, name, new Uint8Array(0));
    assertEquals(SENT.map(([name]) => bytesOf(sys, s, name)), [[], [], []]);
    assertEquals(bytesOf(sys, s, IPV6.IPV6_RTHDR), route("2001:db8::9"));
  });
  it("of one datagram are ancillary data: others have the socket's own", async () => {
    const { a, b } = await twoHosts6();
    const r = await udp6(b.sys, 7000);
    for (const name of [IPV6.IPV6_RECVHOPOPTS, IPV6.IPV6_RECVDSTOPTS]) set(b.sys, r, name, int(1));
    const s = await udp6(a.sys);
    set(a.sys, s, IPV6.IPV6_DSTOPTS, of(DST));
    const to = sin6("2001:db8::2", 7000);
    const seen: boolean[][] = [];
    for (const control of [[cmsg(IPV6.IPV6_HOPOPTS, of(HOP))], [cmsg(IPV6.IPV6_DSTOPTS, new Uint8Array(0))], []]) {
      await sendWith(a.sys, s, to, ...control);
      const { found } = await message(b.sys, r);
      seen.push([found.has(IPV6.IPV6_HOPOPTS), found.has(IPV6.IPV6_DSTOPTS)]);
    }
    assertEquals(seen, [[true, true], [false, false], [false, true]]);
  });
  it("of options are the super-user's; a routing header is anybody's", async () => {
    const { sys, kernel } = await inet6Host();
    const proc = kernel.fork("user");
    const user = kernel.calls(proc);
    user.setuid({ uid: 100 });
    const s = await udp6(user);
    for (const [name, header] of SENT) {
      fails(() => set(user, s, name, of(header)), errno.EPERM);
      fails(() => sendWith(user, s, sin6("::1", 9), cmsg(name, of(header))), errno.EPERM);
    }
    fails(() => set(user, s, IPV6.IPV6_NEXTHOP, sin6("::1", 0)), errno.EPERM);
    set(user, s, IPV6.IPV6_RTHDR, of(route("::1")));
    assert(sys !== user);
  });
  it("that are malformed are EINVAL", async () => {
    const { sys } = await inet6Host();
    const s = await udp6(sys);
    for (const [name] of SENT) {
      for (const bad of [[0], [0, 0, 0, 0, 0, 0, 0], [0, 1, 1, 4, 0, 0, 0, 0], [...DST, ...DST]]) {
        fails(() => set(sys, s, name, of(bad)), errno.EINVAL);
      }
    }
    const good = route("::1");
    for (const [at, value] of [[1, 0], [1, 1], [2, 2], [3, 2], [3, 0]] as const) {
      const bad = good.with(at, value);
      fails(() => set(sys, s, IPV6.IPV6_RTHDR, of(bad)), errno.EINVAL);
    }
    fails(() => set(sys, s, IPV6.IPV6_HOPLIMIT, int(3)), errno.ENOPROTOOPT);
    fails(() => get(sys, s, IPV6.IPV6_HOPLIMIT), errno.ENOPROTOOPT);
    fails(() => sendWith(sys, s, sin6("::1", 9), cmsg(IPV6.IPV6_RECVDSTOPTS, int(1))), errno.ENOPROTOOPT);
  });
  it("routing: the packet goes to the first node, the last is where it is for, and its checksum says so", async () => {
    const { sys, ip6, iface, sent } = await hostOnWire("2001:db8::1/64");
    ip6.nd.set(iface, parseIpv6("2001:db8::9")!, PEER, { permanent: true });
    const s = await udp6(sys);
    set(sys, s, IPV6.IPV6_RTHDR, of(route("2001:db8::9", "2001:db8::8")));
    set(sys, s, IPV6.IPV6_RTHDRDSTOPTS, of(PAD));
    await send6(sys, s, "x", sin6("2001:db8:5::5", 7000));
    const f = sent.at(-1)!;
    const { numbers, headers, at } = chain(f);
    const address = (o: number) => formatIpv6(In6Addr.read(viewOf(f), o));
    assertEquals([address(38), [...f.slice(0, 6)]], ["2001:db8::9", [...PEER]]);
    assertEquals(numbers, [60, 43, 17]);
    assertEquals(headers[1]!.slice(8), [...in6("2001:db8::8"), ...in6("2001:db8:5::5")]);
    const udp = f.slice(at);
    assertEquals(checksum6({ from: "2001:db8::1", to: "2001:db8:5::5", next: 17 }, udp), 0);
  });
  it("in fragments: what nodes on the way look at is in each, what is for the last is cut with the data", async () => {
    const { sys, ip6, iface, sent } = await hostOnWire("2001:db8::1/64");
    ip6.nd.set(iface, parseIpv6("2001:db8::9")!, PEER, { permanent: true });
    const s = await udp6(sys);
    for (const [name, header] of SENT) set(sys, s, name, of(header));
    set(sys, s, IPV6.IPV6_RTHDR, of(route("2001:db8::9")));
    await send6(sys, s, new Uint8Array(2000), sin6("2001:db8:5::5", 7000));
    const chains = sent.slice(-2).map(chain);
    assertEquals(chains.map((c) => c.numbers), [
      [0, 60, 43, 44, 60, 17],
      [0, 60, 43, 44, 60].concat(chains[1]!.numbers.slice(5)),
    ]);
    assert(sent.slice(-2).every((f) => f.length <= 14 + 1500 && f.length % 8 === 14 % 8 || f === sent.at(-1)));
  });
  it("in segments of TCP leave less room for data, and a connection carries much with them", async () => {
    const { a, b } = await twoHosts6();
    const l = b.sys.socket({ domain: AF_INET6, type: SOCK_STREAM, protocol: 0 }) as number;
    await b.sys.bind({ s: l, name: sin6("::", 7000) });
    b.sys.listen({ s: l, backlog: 1 });
    const s = a.sys.socket({ domain: AF_INET6, type: SOCK_STREAM, protocol: 0 }) as number;
    set(a.sys, s, IPV6.IPV6_HOPOPTS, of(HOP));
    set(a.sys, s, IPV6.IPV6_DSTOPTS, of(PAD));
    await a.sys.connect({ s, name: sin6("2001:db8::2", 7000) });
    const k = await b.sys.accept({ s: l }) as number;
    const data = Uint8Array.from({ length: 200_000 }, (_, i) => i * 7);
    const writing = (async () => {
      await a.sys.write({ fd: s, buf: data });
      a.sys.shutdown({ s, how: 1 });
    })();
    const got: number[] = [];
    const buf = new Uint8Array(65_536);
    for (let n = 1; n > 0;) got.push(...buf.subarray(0, n = await b.sys.read({ fd: k, buf }) as number));
    await writing;
    assertEquals([got.length, Uint8Array.from(got)], [data.length, data]);
    assertEquals(a.ip6.counters.fragmented, 0);
  });
  it("options a routing header's nodes look at are told apart where somebody asks for them", async () => {
    const { sys, inject } = await hostOnWire("2001:db8::1/64");
    const r = await udp6(sys, 7000);
    for (const name of [IPV6.IPV6_RECVRTHDRDSTOPTS, IPV6.IPV6_RECVDSTOPTS]) set(sys, r, name, int(1));
    const to = { from: "2001:db8::9", to: "2001:db8::1" };
    const udp = Uint8Array.from([0, 9, 27, 88, 0, 9, 0, 0, 65]);
    const sum = checksum6({ ...to, next: 17 }, udp);
    udp.set([sum >> 8, sum & 255], 6);
    const [early, routing, late] = [[43, 0, 1, 4, 1, 1, 1, 1], [60, 0, 4, 0, 0, 0, 0, 0], [17, 0, 1, 4, 2, 2, 2, 2]];
    inject(frame6({ ...to, next: 60 }, Uint8Array.from([...early, ...routing, ...late, ...udp])));
    const { found } = await message(sys, r);
    const told = [IPV6.IPV6_RTHDRDSTOPTS, IPV6.IPV6_DSTOPTS].map((t) => [...found.get(t)!]);
    assertEquals(told, [early, late]);
  });
});

describe("where packets of a socket go first, and come from", () => {
  it("a next hop is a neighbour: packets go there whatever the routes say", async () => {
    const { sys, ip6, iface, sent } = await hostOnWire("2001:db8::1/64");
    ip6.nd.set(iface, parseIpv6("2001:db8::9")!, PEER, { permanent: true });
    const s = await udp6(sys);
    const far = sin6("2001:4860::1", 9);
    fails(() => send6(sys, s, "x", far), errno.EHOSTUNREACH);
    set(sys, s, IPV6.IPV6_NEXTHOP, sin6("2001:db8::9", 0));
    assertEquals(bytesOf(sys, s, IPV6.IPV6_NEXTHOP), [...sin6("2001:db8::9", 0)]);
    await send6(sys, s, "x", far);
    assertEquals([...sent.at(-1)!.slice(0, 6)], [...PEER]);
    set(sys, s, IPV6.IPV6_NEXTHOP, new Uint8Array(0));
    fails(() => send6(sys, s, "x", far), errno.EHOSTUNREACH);
    await sendWith(sys, s, far, cmsg(IPV6.IPV6_NEXTHOP, sin6("2001:db8::9", 0)));
    fails(() => sendWith(sys, s, far, cmsg(IPV6.IPV6_NEXTHOP, sin6("2001:4860::9", 0))), errno.EHOSTUNREACH);
  });
  it("a next hop of another family, a group or nobody is refused", async () => {
    const { sys } = await inet6Host();
    const s = await udp6(sys);
    fails(() => set(sys, s, IPV6.IPV6_NEXTHOP, sin("10.0.0.1", 0)), errno.EAFNOSUPPORT);
    for (const bad of [sin6("::", 0), sin6("ff02::1", 0), new Uint8Array(9)]) {
      fails(() => set(sys, s, IPV6.IPV6_NEXTHOP, bad), errno.EINVAL);
    }
  });
  it("IPV6_PKTINFO is read back, holds for all packets, and is taken off by zeros", async () => {
    const { a, b, ifaces } = await twoHosts6();
    const r = await udp6(b.sys, 7000);
    const s = await udp6(a.sys);
    const info = [...in6("fe80::b0a0:ff:fe00:1"), ifaces[0]!.index, 0, 0, 0];
    set(a.sys, s, IPV6.IPV6_PKTINFO, of(info));
    assertEquals(bytesOf(a.sys, s, IPV6.IPV6_PKTINFO), info);
    const from = async () => {
      await send6(a.sys, s, "x", sin6("2001:db8::2", 7000));
      return (await receive6(b.sys, r))[1].split("]")[0];
    };
    const near = await from();
    set(a.sys, s, IPV6.IPV6_PKTINFO, new Uint8Array(20));
    assertEquals([near, await from()], ["[fe80::b0a0:ff:fe00:1%2", "[2001:db8::1"]);
  });
  it("a connection's source is not chosen by IPV6_PKTINFO", async () => {
    const { a } = await twoHosts6();
    const s = a.sys.socket({ domain: AF_INET6, type: SOCK_STREAM, protocol: 0 }) as number;
    fails(() => set(a.sys, s, IPV6.IPV6_PKTINFO, of([...in6("2001:db8::1"), 0, 0, 0, 0])), errno.EINVAL);
  });
  it("multicasts go in packets every link carries, unless IPV6_USE_MIN_MTU is off", async () => {
    const { a } = await twoHosts6();
    const s = await udp6(a.sys);
    const pieces = async () => {
      const before = a.ip6.counters.fragmentsSent;
      await send6(a.sys, s, new Uint8Array(1400), sin6("ff02::1", 7000, 2));
      return a.ip6.counters.fragmentsSent - before;
    };
    const first = await pieces();
    set(a.sys, s, IPV6.IPV6_USE_MIN_MTU, int(0));
    assertEquals([first, await pieces()], [2, 0]);
  });
  it("temporary addresses are preferred where a socket says so", async () => {
    const { a, b, ifaces } = await twoHosts6();
    const r = await udp6(b.sys, 7000);
    await a.ip6.addresses.add(ifaces[0]!, { address: parseIpv6("2001:db8::77")!, length: 64, flags: 0xa0 });
    const s = await udp6(a.sys);
    const seen: string[] = [];
    for (const n of [-1, 1, 0]) {
      set(a.sys, s, IPV6.IPV6_PREFER_TEMPADDR, int(n));
      assertEquals(get(a.sys, s, IPV6.IPV6_PREFER_TEMPADDR), n);
      await send6(a.sys, s, "x", sin6("2001:db8::2", 7000));
      seen.push((await receive6(b.sys, r))[1].split("]")[0]!);
    }
    assertEquals(seen, ["[2001:db8::1", "[2001:db8::77", "[2001:db8::1"]);
    fails(() => set(a.sys, s, IPV6.IPV6_PREFER_TEMPADDR, int(2)), errno.EINVAL);
  });
  it("ports are chosen as IPV6_PORTALGO says", async () => {
    const { sys } = await inet6Host();
    const s = await udp6(sys);
    for (const n of [0, 2]) {
      set(sys, s, IPV6.IPV6_PORTALGO, int(n));
      assertEquals(get(sys, s, IPV6.IPV6_PORTALGO), n);
    }
    fails(() => set(sys, s, IPV6.IPV6_PORTALGO, int(99)), errno.EINVAL);
  });
  it("raw sockets have all that, too", async () => {
    const { a, b } = await twoHosts6();
    const r = b.sys.socket({ domain: AF_INET6, type: SOCK_RAW, protocol: 200 }) as number;
    set(b.sys, r, IPV6.IPV6_RECVDSTOPTS, int(1));
    const s = a.sys.socket({ domain: AF_INET6, type: SOCK_RAW, protocol: 200 }) as number;
    set(a.sys, s, IPV6.IPV6_DSTOPTS, of(DST));
    await send6(a.sys, s, "raw", sin6("2001:db8::2", 0));
    const { data, found } = await message(b.sys, r);
    assertEquals([data, [...found.get(IPV6.IPV6_DSTOPTS)!]], ["raw", [200, ...DST.slice(1)]]);
  });
});
