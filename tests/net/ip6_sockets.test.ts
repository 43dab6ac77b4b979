import { describe, it } from "node:test";
import { errno, SysError } from "../../src/abi/errno.ts";
import { AF_INET, AF_INET6, SO_REUSEADDR, SOCK_DGRAM, SOCK_RAW, SOCK_STREAM, SOL_SOCKET } from "../../src/abi/flags.ts";
import * as IPV6 from "../../src/abi/inet6_options.ts";
import type { Calls } from "../../src/kern/dispatch.ts";
import { viewOf } from "../../src/lib/struct.ts";
import { assert, assertEquals, assertRejects, assertThrows } from "../assert.ts";
import { int, intOf, sin, text } from "./helpers.ts";
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
  named6,
  receive6,
  send6,
  set,
  settle,
  sin6,
  twoHosts6,
  udp6,
} from "./helpers6.ts";

const fails = (fn: () => unknown, e: SysError) => assertThrows(fn, SysError, e.message);
const tcp = (sys: Calls, domain = AF_INET6) => sys.socket({ domain, type: SOCK_STREAM, protocol: 0 }) as number;
const nameOf = (sys: Calls, fdes: number, peer = false) => {
  const asa = new Uint8Array(28);
  sys[peer ? "getpeername" : "getsockname"]({ fdes, asa, alen: int(28) });
  return named6(asa);
};
describe("sockets of both families", () => {
  it("one of IPv6 is for IPv6 alone, unless it is told otherwise", async () => {
    const { sys } = await inet6Host();
    const s = await udp6(sys, 7000);
    assertEquals(get(sys, s, IPV6.IPV6_V6ONLY), 1);
    const four = sys.socket({ domain: AF_INET, type: SOCK_DGRAM, protocol: 0 }) as number;
    await sys.bind({ s: four, name: sin("0.0.0.0", 7000) });
    fails(() => send6(sys, s, "x", sin6("::ffff:127.0.0.1", 9)), errno.EINVAL);
  });
  it("one that takes IPv4, too, has the port of both", async () => {
    const { sys } = await inet6Host();
    const s = await udp6(sys);
    set(sys, s, IPV6.IPV6_V6ONLY, int(0));
    await sys.bind({ s, name: sin6("::", 7000) });
    const four = sys.socket({ domain: AF_INET, type: SOCK_DGRAM, protocol: 0 }) as number;
    fails(() => sys.bind({ s: four, name: sin("127.0.0.1", 7000) }), errno.EADDRINUSE);
  });
  it("datagrams of IPv4 come from mapped addresses, and go to them", async () => {
    const { sys } = await inet6Host();
    const s = await udp6(sys);
    set(sys, s, IPV6.IPV6_V6ONLY, int(0));
    await sys.bind({ s, name: sin6("::", 7000) });
    const four = sys.socket({ domain: AF_INET, type: SOCK_DGRAM, protocol: 0 }) as number;
    await sys.bind({ s: four, name: sin("127.0.0.1", 7001) });
    await send6(sys, four, "four", sin("127.0.0.1", 7000));
    assertEquals(await receive6(sys, s), ["four", "[::ffff:127.0.0.1]:7001"]);
    await send6(sys, s, "back", sin6("::ffff:127.0.0.1", 7001));
    const buf = new Uint8Array(9);
    assertEquals([await sys.recvfrom({ s: four, buf, flags: 0 }), text(buf.slice(0, 4))], [4, "back"]);
  });
  it("what a socket takes is fixed when it has a port", async () => {
    const { sys } = await inet6Host();
    const s = await udp6(sys, 7000);
    fails(() => set(sys, s, IPV6.IPV6_V6ONLY, int(0)), errno.EINVAL);
  });
  it("a listener of both accepts both", async () => {
    const { sys } = await inet6Host();
    const l = tcp(sys);
    set(sys, l, IPV6.IPV6_V6ONLY, int(0));
    await sys.bind({ s: l, name: sin6("::", 80) });
    sys.listen({ s: l, backlog: 5 });
    const [four, six] = [tcp(sys, AF_INET), tcp(sys)];
    await sys.connect({ s: four, name: sin("127.0.0.1", 80) });
    await sys.connect({ s: six, name: sin6("::1", 80) });
    const [a, b] = [(await sys.accept({ s: l })) as number, (await sys.accept({ s: l })) as number];
    assertEquals([nameOf(sys, a), nameOf(sys, b)], ["[::ffff:127.0.0.1]:80", "[::1]:80"]);
    assertEquals(nameOf(sys, a, true).split("]")[0], "[::ffff:127.0.0.1");
  });
  it("one that is bound to IPv6 does not speak IPv4", async () => {
    const { sys } = await inet6Host();
    const s = tcp(sys);
    set(sys, s, IPV6.IPV6_V6ONLY, int(0));
    await sys.bind({ s, name: sin6("::1", 7000) });
    fails(() => sys.connect({ s, name: sin6("::ffff:127.0.0.1", 80) }), errno.EINVAL);
  });
});

describe("addresses of IPv6 sockets", () => {
  it("are whole, of the family, and ours", async () => {
    const { sys } = await inet6Host();
    const s = await udp6(sys);
    fails(() => sys.bind({ s, name: sin6("2001:db8::77", 7) }), errno.EADDRNOTAVAIL);
    fails(() => sys.bind({ s, name: sin6("::1", 7).subarray(0, 24) }), errno.EINVAL);
    const wrong = sin6("::1", 7);
    wrong[1] = AF_INET;
    fails(() => sys.bind({ s, name: wrong }), errno.EAFNOSUPPORT);
  });
  it(":: reaches ourselves", async () => {
    const { sys } = await inet6Host();
    const r = await udp6(sys, 7000);
    const s = await udp6(sys);
    await sys.connect({ s, name: sin6("::", 7000) });
    await sys.write({ fd: s, buf: new Uint8Array(3) });
    assertEquals([(await receive6(sys, r))[0].length, nameOf(sys, s, true)], [3, "[::1]:7000"]);
  });
  it("one port serves many addresses", async () => {
    const { a } = await twoHosts6();
    const any = await udp6(a.sys);
    set(a.sys, any, SO_REUSEADDR, int(1), SOL_SOCKET);
    await a.sys.bind({ s: any, name: sin6("::", 7000) });
    const one = await udp6(a.sys);
    set(a.sys, one, SO_REUSEADDR, int(1), SOL_SOCKET);
    await a.sys.bind({ s: one, name: sin6("2001:db8::1", 7000) });
    await send6(a.sys, any, "x", sin6("2001:db8::1", 7000));
    assertEquals((await receive6(a.sys, one))[0], "x");
  });
  it("of one link are nothing without it", async () => {
    const { a } = await twoHosts6();
    const s = tcp(a.sys);
    await assertRejects(
      async () => void (await a.sys.connect({ s, name: sin6("fe80::b0a0:ff:fe00:2", 80) })),
      SysError,
    );
  });
});

describe("options of IPv6 sockets", () => {
  it("have their limits", async () => {
    const { sys } = await inet6Host();
    const s = await udp6(sys);
    for (
      const [name, good, bad] of [
        [IPV6.IPV6_UNICAST_HOPS, 9, 256],
        [IPV6.IPV6_MULTICAST_HOPS, 255, -2],
        [IPV6.IPV6_TCLASS, 0xb8, 256],
        [IPV6.IPV6_USE_MIN_MTU, 1, 2],
        [IPV6.IPV6_MULTICAST_LOOP, 0, 2],
      ] as const
    ) {
      set(sys, s, name, int(good));
      fails(() => set(sys, s, name, int(bad)), errno.EINVAL);
      assertEquals(get(sys, s, name), good);
    }
    fails(() => set(sys, s, IPV6.IPV6_MULTICAST_IF, int(99)), errno.ENXIO);
    fails(() => get(sys, s, 99), errno.ENOPROTOOPT);
    set(sys, s, IPV6.IPV6_UNICAST_HOPS, int(-1));
    assertEquals(get(sys, s, IPV6.IPV6_UNICAST_HOPS), 64);
  });
  it("tell a reader where a datagram came to, with how many hops left, of which class", async () => {
    const { a, b, ifaces } = await twoHosts6();
    const r = await udp6(b.sys, 7000);
    for (const name of [IPV6.IPV6_RECVPKTINFO, IPV6.IPV6_RECVHOPLIMIT, IPV6.IPV6_RECVTCLASS]) {
      set(b.sys, r, name, int(1));
    }
    const s = await udp6(a.sys);
    set(a.sys, s, IPV6.IPV6_UNICAST_HOPS, int(7));
    set(a.sys, s, IPV6.IPV6_TCLASS, int(0x20));
    await send6(a.sys, s, "x", sin6("2001:db8::2", 7000));
    const { found } = await message(b.sys, r);
    assertEquals([...found.get(IPV6.IPV6_PKTINFO)!], [...in6("2001:db8::2"), ifaces[1]!.index, 0, 0, 0]);
    assertEquals([intOf(found.get(IPV6.IPV6_HOPLIMIT)!), intOf(found.get(IPV6.IPV6_TCLASS)!)], [7, 0x20]);
  });
  it("tell a reader of the headers there were", async () => {
    const { sys, inject } = await hostOnWire("2001:db8::1/64");
    const r = await udp6(sys, 7000);
    for (const name of [IPV6.IPV6_RECVHOPOPTS, IPV6.IPV6_RECVDSTOPTS, IPV6.IPV6_RECVRTHDR]) set(sys, r, name, int(1));
    const to = { from: "2001:db8::9", to: "2001:db8::1" };
    const udp = Uint8Array.from([0, 9, 27, 88, 0, 9, 0, 0, 65]);
    const sum = checksum6({ ...to, next: 17 }, udp);
    udp.set([sum >> 8, sum & 255], 6);
    const [hop, dst, route] = [[60, 0, 5, 2, 0, 0, 1, 0], [43, 0, 1, 4, 0, 0, 0, 0], [17, 0, 4, 0, 0, 0, 0, 0]];
    inject(frame6({ ...to, next: 0 }, Uint8Array.from([...hop, ...dst, ...route, ...udp])));
    const { data, found } = await message(sys, r);
    const told = [IPV6.IPV6_HOPOPTS, IPV6.IPV6_DSTOPTS, IPV6.IPV6_RTHDR].map((t) => [...found.get(t)!]);
    assertEquals([data, told], ["A", [hop, dst, route]]);
  });
  it("one datagram may have another source, interface and hop limit", async () => {
    const { a, b, ifaces } = await twoHosts6();
    const r = await udp6(b.sys, 7000);
    set(b.sys, r, IPV6.IPV6_RECVHOPLIMIT, int(1));
    const s = await udp6(a.sys);
    const info = new Uint8Array([...in6("fe80::b0a0:ff:fe00:1"), ifaces[0]!.index, 0, 0, 0]);
    const control = new Uint8Array([...cmsg(IPV6.IPV6_PKTINFO, info), ...cmsg(IPV6.IPV6_HOPLIMIT, int(3))]);
    await a.sys.sendmsg({
      s,
      msg: new Uint8Array(48),
      name: sin6("2001:db8::2", 7000),
      iov: new Uint8Array(1),
      control,
      flags: 0,
    });
    const { found } = await message(b.sys, r);
    assertEquals(intOf(found.get(IPV6.IPV6_HOPLIMIT)!), 3);
    const bad = cmsg(IPV6.IPV6_PKTINFO, new Uint8Array([...in6("2001:db8::77"), 0, 0, 0, 0]));
    fails(
      () =>
        a.sys.sendmsg({
          s,
          msg: new Uint8Array(48),
          name: sin6("2001:db8::2", 7000),
          iov: new Uint8Array(1),
          control: bad,
          flags: 0,
        }),
      errno.EADDRNOTAVAIL,
    );
  });
  it("each socket has a flow of its own, and packets of one are of one", async () => {
    const labels: number[] = [];
    const { a } = await twoHosts6((f, from) => {
      if (from === 0 && f[20] === 17) labels.push(viewOf(f).getUint32(14) & 0xfffff);
      return [f];
    });
    for (const s of [await udp6(a.sys), await udp6(a.sys)]) {
      for (let i = 0; i < 2; i++) await send6(a.sys, s, "x", sin6("2001:db8::2", 9));
    }
    await settle();
    assert(
      labels[0] !== 0 && labels[0] === labels[1] && labels[2] === labels[3] && labels[0] !== labels[2],
      String(labels),
    );
  });
  it("IPV6_PATHMTU tells how much reaches the peer", async () => {
    const { a } = await twoHosts6();
    const s = await udp6(a.sys);
    fails(() => get(a.sys, s, IPV6.IPV6_PATHMTU), errno.ENOTCONN);
    await a.sys.connect({ s, name: sin6("2001:db8::2", 9) });
    const val = new Uint8Array(32);
    a.sys.getsockopt({ s, level: LEVEL, name: IPV6.IPV6_PATHMTU, val, avalsize: int(32) });
    assertEquals(IPV6.Ip6Mtuinfo.get.mtu(viewOf(val), 0), 1500);
  });
  it("IPV6_DONTFRAG refuses what does not fit, IPV6_USE_MIN_MTU sends in the smallest pieces", async () => {
    const { a, b } = await twoHosts6();
    const s = await udp6(a.sys);
    set(a.sys, s, IPV6.IPV6_DONTFRAG, int(1));
    fails(() => send6(a.sys, s, new Uint8Array(1453), sin6("2001:db8::2", 7000)), errno.EMSGSIZE);
    set(a.sys, s, IPV6.IPV6_DONTFRAG, int(0));
    set(a.sys, s, IPV6.IPV6_USE_MIN_MTU, int(1));
    const r = await udp6(b.sys, 7000);
    await send6(a.sys, s, new Uint8Array(1400), sin6("2001:db8::2", 7000));
    assertEquals((await receive6(b.sys, r))[0].length, 1400);
    assertEquals(a.ip6.counters.fragmentsSent, 2);
  });
});

describe("multicast over IPv6", () => {
  const mreq = (group: string, index: number) => new Uint8Array([...in6(group), index, 0, 0, 0]);
  it("reaches members, and those who sent it only if they want", async () => {
    const { a, b, ifaces } = await twoHosts6();
    const [s, r] = [await udp6(a.sys, 7000), await udp6(b.sys, 7000)];
    set(a.sys, s, IPV6.IPV6_JOIN_GROUP, mreq("ff02::1234", ifaces[0]!.index));
    set(a.sys, s, IPV6.IPV6_MULTICAST_IF, int(ifaces[0]!.index));
    await send6(a.sys, s, "nobody", sin6("ff02::1234", 7000));
    await settle();
    set(b.sys, r, IPV6.IPV6_JOIN_GROUP, mreq("ff02::1234", ifaces[1]!.index));
    set(a.sys, s, IPV6.IPV6_MULTICAST_LOOP, int(0));
    await send6(a.sys, s, "members", sin6("ff02::1234", 7000));
    assertEquals((await receive6(b.sys, r))[0], "members");
    assertEquals((await receive6(a.sys, s))[0], "nobody");
    fails(() => a.sys.recvfrom({ s, buf: new Uint8Array(9), flags: 0x80 }), errno.EAGAIN);
  });
  it("of IPv4 is joined in its mapped form", async () => {
    const { sys, stack } = await inet6Host();
    const s = await udp6(sys);
    set(sys, s, IPV6.IPV6_V6ONLY, int(0));
    await sys.bind({ s, name: sin6("::", 7000) });
    const lo = stack.loopback!;
    set(sys, s, IPV6.IPV6_JOIN_GROUP, mreq("::ffff:239.1.1.1", lo.index));
    assert(stack.groups.has(lo, 0xef010101));
    await sys.close({ fd: s });
    assert(!stack.groups.has(lo, 0xef010101));
  });
  it("is left with the socket", async () => {
    const { a, ifaces } = await twoHosts6();
    const s = await udp6(a.sys);
    const had = [...a.ip6.mld.of(ifaces[0]!)].length;
    set(a.sys, s, IPV6.IPV6_JOIN_GROUP, mreq("ff02::1234", ifaces[0]!.index));
    fails(() => set(a.sys, s, IPV6.IPV6_JOIN_GROUP, mreq("ff02::1234", ifaces[0]!.index)), errno.EADDRINUSE);
    fails(() => set(a.sys, s, IPV6.IPV6_LEAVE_GROUP, mreq("ff02::4321", ifaces[0]!.index)), errno.EADDRNOTAVAIL);
    fails(() => set(a.sys, s, IPV6.IPV6_JOIN_GROUP, mreq("2001:db8::1", 0)), errno.EINVAL);
    fails(() => set(a.sys, s, IPV6.IPV6_JOIN_GROUP, mreq("ff02::1", 77)), errno.ENXIO);
    assertEquals([...a.ip6.mld.of(ifaces[0]!)].length, had + 1);
    await a.sys.close({ fd: s });
    assertEquals([...a.ip6.mld.of(ifaces[0]!)].length, had);
  });
});

describe("raw sockets of IPv6", () => {
  const raw = (sys: Calls, protocol: number) => sys.socket({ domain: AF_INET6, type: SOCK_RAW, protocol }) as number;
  it("ICMP6_FILTER lets through what it says", async () => {
    const { sys } = await inet6Host();
    const s = raw(sys, 58);
    const filter = new Uint8Array(32);
    filter[129 >> 3] = 1 << (129 & 7);
    set(sys, s, IPV6.ICMP6_FILTER, filter, 58);
    await send6(sys, s, new Uint8Array([128, 0, 0, 0, 0, 1, 0, 1]), sin6("::1", 0));
    const buf = new Uint8Array(100);
    await sys.recvfrom({ s, buf, flags: 0 });
    assertEquals(buf[0], 129);
  });
  it("have checksums made and looked at, where they say", async () => {
    const { sys } = await inet6Host();
    const [s, r] = [raw(sys, 200), raw(sys, 200)];
    fails(() => set(sys, s, IPV6.IPV6_CHECKSUM, int(3)), errno.EINVAL);
    set(sys, s, IPV6.IPV6_CHECKSUM, int(2));
    fails(() => send6(sys, s, new Uint8Array(3), sin6("::1", 0)), errno.EINVAL);
    await send6(sys, s, new Uint8Array([1, 2, 0, 0, 5, 6]), sin6("::1", 0));
    set(sys, r, IPV6.IPV6_CHECKSUM, int(2));
    await settle();
    const buf = new Uint8Array(100);
    const n = await sys.recvfrom({ s: r, buf, flags: 0 });
    assert(n === 6 && (buf[2] !== 0 || buf[3] !== 0));
    await send6(sys, raw(sys, 200), new Uint8Array([1, 2, 0, 0, 5, 6]), sin6("::1", 0));
    await settle();
    fails(() => sys.recvfrom({ s: r, buf, flags: 0x80 }), errno.EAGAIN);
  });
});
