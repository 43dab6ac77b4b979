import { describe, it } from "node:test";
import { errno, SysError } from "../../src/abi/errno.ts";
import { AF_INET6, IFF, SOCK_DGRAM } from "../../src/abi/flags.ts";
import { in6Mask, parseIn6Mask, parseSockaddrIn6, sockaddrIn6 } from "../../src/abi/inet.ts";
import {
  IfLaddrreq,
  IFLR,
  In6Aliasreq,
  In6Ifreq,
  In6IfreqFlags,
  In6IfreqLifetime,
  In6Nbrinfo,
  In6Ndireq,
  ND6_INFINITE_LIFETIME,
} from "../../src/abi/net_structs.ts";
import { In6Defrouter, In6Prefix } from "../../src/abi/nd_structs.ts";
import { decodeStats, ICMP6_STAT, IP6_STAT, UDP6_STAT, UDP_STAT } from "../../src/abi/net_stats.ts";
import { SIOC } from "../../src/abi/sockio.ts";
import { IfaMsghdr, MsgHead, NET_RT, RTA, RTF, RTM, sockaddrDl } from "../../src/abi/route_structs.ts";
import type { Calls } from "../../src/kern/dispatch.ts";
import { parseIpv6 } from "../../src/lib/in6.ts";
import { viewOf } from "../../src/lib/struct.ts";
import { assert, assertEquals, assertThrows } from "../assert.ts";
import { control, named } from "./control.ts";
import { cable, pass, sin } from "./helpers.ts";
import {
  attach6,
  hostOnWire,
  icmp6,
  in6,
  inet6Host,
  named6,
  ofType,
  PEER,
  ready,
  receive6,
  send6,
  sin6,
  twoHosts6,
  udp6,
} from "./helpers6.ts";
import { message, read, routes, routeSocket, shown, table, write } from "./route_client.ts";

const fails = (fn: () => unknown, e: SysError) => assertThrows(fn, SysError, e.message);
const socket6 = (sys: Calls) => sys.socket({ domain: AF_INET6, type: SOCK_DGRAM, protocol: 0 }) as number;
const in6ifreq = (address: string, name = "en0") => named(name, In6Ifreq.size, 16, sin6(address, 0));
function aliasreq(address: string, length: number, more: Parameters<typeof In6Aliasreq.write>[2] = {}): Uint8Array {
  const data = named("en0", In6Aliasreq.size);
  const values = { addr: sin6(address, 0), prefixmask: in6Mask(length) };
  const forever = { vltime: ND6_INFINITE_LIFETIME, pltime: ND6_INFINITE_LIFETIME };
  In6Aliasreq.write(viewOf(data), 0, { ...forever, ...values, ...more });
  return data;
}
const US = "2001:db8::1";
const flagsOf = (sys: Calls, fd: number, address: string) => {
  const data = in6ifreq(address);
  void control(sys, fd, "SIOCGIFAFLAG_IN6", data);
  return In6IfreqFlags.get.flags(viewOf(data), 0);
};

describe("ioctls of IPv6", () => {
  it("give an address, tell of it, take it away", async () => {
    const { sys, host, ip6 } = await hostOnWire();
    const fd = socket6(sys);
    await control(sys, fd, "SIOCAIFADDR_IN6", aliasreq(US, 64));
    assertEquals(flagsOf(sys, fd, US), 2);
    await pass([{ host }], 2000, 500);
    assertEquals(flagsOf(sys, fd, US), 0);
    const mask = in6ifreq(US);
    void control(sys, fd, "SIOCGIFNETMASK_IN6", mask);
    assertEquals(parseIn6Mask(In6Ifreq.get.addr(viewOf(mask), 0)), 64);
    await control(sys, fd, "SIOCDIFADDR_IN6", in6ifreq(US));
    fails(() => flagsOf(sys, fd, US), errno.EADDRNOTAVAIL);
    assert(!ip6.isLocal(parseIpv6(US)!));
  });
  it("of addresses are the super-user's, and of lives that can be lived", async () => {
    const { sys, kernel } = await hostOnWire();
    const fd = socket6(sys);
    fails(() => control(sys, fd, "SIOCAIFADDR_IN6", aliasreq(US, 64, { vltime: 10, pltime: 20 })), errno.EINVAL);
    fails(() => control(sys, fd, "SIOCAIFADDR_IN6", aliasreq(US, 64, { vltime: 0, pltime: 0 })), errno.EINVAL);
    fails(() => control(sys, fd, "SIOCAIFADDR_IN6", aliasreq("ff02::1", 64)), errno.EINVAL);
    fails(() => control(sys, fd, "SIOCAIFADDR_IN6", aliasreq("::ffff:1.2.3.4", 64)), errno.EINVAL);
    const holes = aliasreq(US, 64);
    holes[72 + 8 + 15] = 1;
    fails(() => control(sys, fd, "SIOCAIFADDR_IN6", holes), errno.EINVAL);
    const proc = kernel.fork("user");
    const user = kernel.calls(proc);
    user.setuid({ uid: 100 });
    const own = socket6(user);
    fails(() => control(user, own, "SIOCAIFADDR_IN6", aliasreq(US, 64)), errno.EPERM);
  });
  it("lives end, and can be longer", async () => {
    const { sys, host } = await hostOnWire();
    const fd = socket6(sys);
    await control(sys, fd, "SIOCAIFADDR_IN6", aliasreq(US, 64, { vltime: 100, pltime: 50 }));
    const data = in6ifreq(US);
    void control(sys, fd, "SIOCGIFALIFETIME_IN6", data);
    const { vltime, pltime, expire } = In6IfreqLifetime.dump(viewOf(data), 0);
    assertEquals([vltime, pltime, expire - Math.floor(host.wall() / 1000)], [100, 50, 100]);
    host.pass(60_000);
    assertEquals(flagsOf(sys, fd, US), 0x10);
    await control(sys, fd, "SIOCAIFADDR_IN6", aliasreq(US, 64));
    assertEquals(flagsOf(sys, fd, US), 0);
    await control(sys, fd, "SIOCAIFADDR_IN6", aliasreq(US, 64, { vltime: 100, pltime: 50 }));
    host.pass(100_000);
    fails(() => flagsOf(sys, fd, US), errno.EADDRNOTAVAIL);
  });
  it("tell of the link and its neighbours", async () => {
    const { a, ifaces } = await twoHosts6();
    await send6(a.sys, await udp6(a.sys), "x", sin6("2001:db8::2", 9));
    await ready(a);
    const fd = socket6(a.sys);
    const info = named("en0", In6Ndireq.size);
    void control(a.sys, fd, "SIOCGIFINFO_IN6", info);
    const { linkmtu, chlim, flags, basereachable } = In6Ndireq.dump(viewOf(info), 0);
    assertEquals([linkmtu, chlim, flags, basereachable], [1500, 64, 0x23, 30_000]);
    const nbr = named("en0", In6Nbrinfo.size, 16, sin6("2001:db8::2", 0).subarray(8, 24));
    void control(a.sys, fd, "SIOCGNBRINFO_IN6", nbr);
    assertEquals(In6Nbrinfo.get.state(viewOf(nbr), 0), 1);
    void control(a.sys, fd, "SIOCSNDFLUSH_IN6", in6ifreq("::")); // is about routers only
    assert([...a.ip6.nd].some((n) => n.iface === ifaces[0]));
  });
  it("the default route is made anew of the routers that were heard of", async () => {
    const { sys, ip6, inject } = await hostOnWire();
    ip6.settings.acceptRtadv = true;
    inject(icmp6({ from: "fe80::99", to: "ff02::1" }, [134, 0, 0, 0, 64, 0, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0]));
    const any = parseIpv6("::")!;
    ip6.removeRoute(ip6.routes.get(any, 0)!);
    void control(sys, socket6(sys), "SIOCSNDFLUSH_IN6", in6ifreq("::"));
    assertEquals(String(ip6.routes.get(any, 0)?.gateway), "fe80::99");
  });
  it("SIOCALIFADDR gives an address, or the rest of it to a prefix; SIOCGLIFADDR and SIOCDLIFADDR find it by that", async () => {
    const { sys, ip6 } = await hostOnWire();
    const fd = socket6(sys);
    const request = (address: string, prefixlen: number, flags = 0) => {
      const data = named("en0", IfLaddrreq.size, IfLaddrreq.at.addr, sin6(address, 0));
      IfLaddrreq.set.prefixlen(viewOf(data), 0, prefixlen);
      IfLaddrreq.set.flags(viewOf(data), 0, flags);
      return data;
    };
    await control(sys, fd, "SIOCALIFADDR", request("2001:db8::", 64, IFLR.PREFIX));
    await control(sys, fd, "SIOCALIFADDR", request("2001:db8:1::1", 48));
    const made = request("2001:db8::", 64, IFLR.PREFIX);
    await control(sys, fd, "SIOCGLIFADDR", made);
    const { addr, prefixlen } = IfLaddrreq.dump(viewOf(made), 0);
    assertEquals([named6(addr.slice(0, 28)), prefixlen], ["[2001:db8::b0a0:ff:fe00:1]:0", 64]);
    fails(() => control(sys, fd, "SIOCGLIFADDR", request("2001:db8::1", 64, IFLR.PREFIX)), errno.EINVAL);
    fails(() => control(sys, fd, "SIOCALIFADDR", request("2001:db8::1", 64, IFLR.PREFIX)), errno.EINVAL);
    fails(() => control(sys, fd, "SIOCALIFADDR", request("2001:db8::1", 129)), errno.EINVAL);
    fails(() => control(sys, fd, "SIOCALIFADDR", named("en0", IfLaddrreq.size, 24, sin("10.0.0.1", 0))), errno.EINVAL);
    await control(sys, fd, "SIOCDLIFADDR", request("2001:db8:1::", 48, IFLR.PREFIX));
    fails(() => control(sys, fd, "SIOCDLIFADDR", request("2001:db8:1::1", 128)), errno.EADDRNOTAVAIL);
    assert(!ip6.isLocal(parseIpv6("2001:db8:1::1")!));
  });
  it("turn IPv6 off on a link, and on again", async () => {
    const { sys, sent, inject, host, if6 } = await hostOnWire(`${US}/64`);
    const fd = socket6(sys);
    const info = named("en0", In6Ndireq.size);
    In6Ndireq.set.flags(viewOf(info), 0, 0x2b);
    void control(sys, fd, "SIOCSIFINFO_FLAGS", info);
    const s = await udp6(sys);
    fails(() => send6(sys, s, "x", sin6("2001:db8::9", 9)), errno.ENETDOWN);
    In6Ndireq.set.flags(viewOf(info), 0, 0x23);
    void control(sys, fd, "SIOCSIFINFO_FLAGS", info);
    await pass([{ host }], 2000, 500);
    assert(!if6.disabled && inject !== undefined);
    await send6(sys, s, "x", sin6("2001:db8::9", 9));
    assert(ofType(sent, 135).length > 0);
  });
  it("routers and prefixes that were heard of are forgotten", async () => {
    const { sys, ip6, inject, if6 } = await hostOnWire();
    ip6.settings.acceptRtadv = true;
    const prefix = [3, 4, 64, 0xc0, 0, 0, 14, 16, 0, 0, 7, 8, 0, 0, 0, 0, ...in6("2001:db8::")];
    inject(icmp6({ from: "fe80::99", to: "ff02::1" }, [134, 0, 0, 0, 64, 0, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0, ...prefix]));
    const counts = () => [[...ip6.routers].length, [...ip6.routers.prefixes].length, if6.addresses.length];
    const there = () => [ip6.routeTo(parseIpv6("2001:4860::1")!), ip6.routes.get(parseIpv6("2001:db8::")!, 64)];
    assertEquals([counts(), there().every((r) => r)], [[1, 1, 2], true]);
    void control(sys, socket6(sys), "SIOCSRTRFLUSH_IN6", in6ifreq("::"));
    void control(sys, socket6(sys), "SIOCSPFXFLUSH_IN6", in6ifreq("::"));
    assertEquals([counts(), there()], [[0, 0, 1], [undefined, undefined]]);
  });
  it("an address may be written as KAME's programs do", async () => {
    const { sys, if6 } = await hostOnWire();
    await control(sys, socket6(sys), "SIOCAIFADDR_IN6", aliasreq(`fe80:${if6.index}::77`, 64));
    assertEquals([String(if6.addresses[1]!.address), if6.addresses[1]!.address.zone], ["fe80::77", if6.index]);
  });
  it("an interface that goes down waits, and asks again when it comes back", async () => {
    const { stack, ip6, iface, if6, sent, host } = await hostOnWire(`${US}/64`);
    ip6.nd.set(iface, parseIpv6("2001:db8::9")!, PEER, { permanent: true });
    await stack.setFlags(iface, iface.flags & ~IFF.UP);
    assertEquals([if6.addresses.map((a) => a.flags), ip6.nd.size, ip6.isLocal(parseIpv6(US)!)], [[8, 8], 0, false]);
    sent.length = 0;
    await stack.setFlags(iface, iface.flags | IFF.UP);
    assertEquals([if6.addresses.map((a) => a.flags), ofType(sent, 135).length], [[2, 2], 2]);
    await pass([{ host }], 2000, 500);
    assertEquals(if6.addresses.map((a) => a.flags), [0, 0]);
  });
  it("an interface that is destroyed takes all along", async () => {
    const { sys, stack, ip6, iface } = await hostOnWire(`${US}/64`);
    const before = [...ip6.routes].filter((r) => r.iface === iface).length;
    await sys.ioctl({ fd: socket6(sys), com: SIOC.SIOCIFDESTROY, data: named("en0", 144) });
    const after = [...ip6.routes].filter((r) => r.iface === iface).length;
    assertEquals([before, after, ip6.isLocal(parseIpv6(US)!), [...ip6.mld.of(iface)].length], [6, 0, false, 0]);
    assertEquals([...stack.interfaces].map((i) => i.name), ["lo0"]);
  });
  it("damaged ones harm nobody", async () => {
    const { sys } = await hostOnWire(`${US}/64`);
    const fd = socket6(sys);
    const names = [
      "SIOCAIFADDR_IN6",
      "SIOCDIFADDR_IN6",
      "SIOCGIFAFLAG_IN6",
      "SIOCSIFINFO_IN6",
      "SIOCGNBRINFO_IN6",
    ] as const;
    const sizes = [In6Aliasreq.size, In6Ifreq.size, In6Ifreq.size, In6Ndireq.size, In6Nbrinfo.size];
    let x = 12345;
    for (let i = 0; i < 2000; i++) {
      const which = i % names.length;
      const data = named("en0", sizes[which]!);
      for (let at = 16; at < data.length; at++) data[at] = (x = (x * 1103515245 + 12345) & 0x7fffffff) >>> 16;
      if (i % 2) data.set(sin6(US, 0), 16);
      try {
        await control(sys, fd, names[which]!, data);
      } catch (e) {
        assert(e instanceof SysError, String(e));
      }
    }
  });
});

describe("the routing socket and IPv6", () => {
  it("routes are as NetBSD lists them", async () => {
    const [one] = cable();
    const host = await inet6Host();
    await attach6(host, "en0", one!, `${US}/64`);
    await ready(host);
    assertEquals(routes(host.sys, AF_INET6), [
      "::1 ::1 UH 65535 1",
      "2001:db8::/64 link#2 UC - 2",
      "2001:db8::1 link#2 UHl - 1",
      "fe80::%1/64 fe80::1%1 U - 1",
      "fe80::1%1 lo0 UHl - 1",
      "fe80::%2/64 link#2 UC - 2",
      "fe80::b0a0:ff:fe00:1%2 link#2 UHl - 1",
      "ff01::%1/32 ::1 UC 65535 1",
      "ff01::%2/32 link#2 UC - 2",
      "ff02::%1/32 ::1 UC 65535 1",
      "ff02::%2/32 link#2 UC - 2",
    ]);
  });
  const to = (text: string, length?: number) => ({
    [RTA.DST]: sin6(text, 0),
    ...(length === undefined ? {} : { [RTA.NETMASK]: in6Mask(length) }),
  });
  it("routes are added, found, changed and removed", async () => {
    const { a } = await twoHosts6();
    const fd = routeSocket(a.sys);
    const gateway = (text: string) => ({ [RTA.GATEWAY]: sin6(text, 0) });
    const flags = { flags: RTF.UP | RTF.GATEWAY | RTF.STATIC };
    write(a.sys, fd, message(RTM.ADD, flags, { ...to("::", 0), ...gateway("2001:db8::2") }));
    assertEquals(shown(await read(a.sys, fd)), "::/0 2001:db8::2 UGS - 2");
    fails(() => write(a.sys, fd, message(RTM.ADD, flags, { ...to("::", 0), ...gateway("2001:db8::2") })), errno.EEXIST);
    await read(a.sys, fd);
    write(a.sys, fd, message(RTM.GET, flags, to("2001:4860::1")));
    assertEquals(shown(await read(a.sys, fd)), "::/0 2001:db8::2 UGS - 2");
    write(a.sys, fd, message(RTM.CHANGE, flags, { ...to("::", 0), ...gateway("2001:db8::3") }));
    assertEquals(shown(await read(a.sys, fd)).split(" ")[1], "2001:db8::3");
    write(a.sys, fd, message(RTM.DELETE, flags, to("::", 0)));
    fails(() => write(a.sys, fd, message(RTM.DELETE, flags, to("::", 0))), errno.ESRCH);
    fails(
      () => write(a.sys, fd, message(RTM.ADD, flags, { ...to("2002::", 16), ...gateway("2001:4860::1") })),
      errno.ENETUNREACH,
    );
  });
  it("neighbours are entered by hand, listed and forgotten", async () => {
    const { sys, iface, sent } = await hostOnWire(`${US}/64`);
    const fd = routeSocket(sys);
    const link = { [RTA.GATEWAY]: sockaddrDl({ index: iface.index, type: 6, name: "", mac: PEER }) };
    const flags = { flags: RTF.UP | RTF.HOST | RTF.LLDATA | RTF.STATIC };
    write(sys, fd, message(RTM.ADD, flags, { ...to("2001:db8::9"), ...link }));
    await send6(sys, await udp6(sys), "x", sin6("2001:db8::9", 9));
    assertEquals([ofType(sent, 135).length, [...sent.at(-1)!.slice(0, 6)]], [0, [...PEER]]);
    assertEquals(table(sys, NET_RT.FLAGS, RTF.LLDATA, AF_INET6).length, 3);
    write(sys, fd, message(RTM.DELETE, flags, { ...to("2001:db8::9"), ...link }));
    assertEquals(table(sys, NET_RT.FLAGS, RTF.LLDATA, AF_INET6).length, 2);
  });
  it("tells of addresses that come, become ready and go", async () => {
    const { sys, ip6, iface, host } = await hostOnWire();
    const fd = routeSocket(sys, AF_INET6);
    await ip6.addresses.add(iface, { address: parseIpv6(US)!, length: 64 });
    await pass([{ host }], 2000, 500);
    ip6.addresses.remove(iface, parseIpv6(US)!);
    const seen: string[] = [];
    while (seen.at(-1) !== `${RTM.DELADDR}`) {
      const m = await read(sys, fd);
      const type = MsgHead.get.type(viewOf(m), 0);
      if (type === RTM.NEWADDR || type === RTM.DELADDR) seen.push(String(type));
      assert(m.length >= IfaMsghdr.size);
    }
    assertEquals(seen, [RTM.NEWADDR, RTM.NEWADDR, RTM.DELADDR].map(String));
  });
  it("addresses of interfaces are listed", async () => {
    const { sys } = await hostOnWire(`${US}/64`);
    const all = table(sys, NET_RT.IFLIST, 0, AF_INET6).filter((m) => MsgHead.get.type(viewOf(m), 0) === RTM.NEWADDR);
    assertEquals(all.length, 4);
    assertEquals(named6(sockaddrIn6(parseSockaddrIn6(sin6("fe80::1", 0, 2))!.address, 0)), "[fe80::1%2]:0");
  });
});

describe("sysctls of IPv6", () => {
  const read6 = (sys: Calls, ...mib: number[]) => {
    const name = new Uint8Array(new Int32Array(mib).buffer);
    const oldlenp = new Uint8Array(8);
    sys.__sysctl({ name, oldlenp });
    const oldp = new Uint8Array(viewOf(oldlenp).getUint32(0, true));
    sys.__sysctl({ name, oldp, oldlenp });
    return oldp;
  };
  it("count what came and went", async () => {
    const { a, b } = await twoHosts6();
    const r = await udp6(b.sys, 7000);
    await send6(a.sys, await udp6(a.sys), "x", sin6("2001:db8::2", 7000));
    await receive6(b.sys, r);
    const ip = decodeStats(IP6_STAT, read6(b.sys, 4, AF_INET6, 41, 6));
    const icmp = decodeStats(ICMP6_STAT, read6(b.sys, 4, AF_INET6, 58, 1));
    const udp = decodeStats(UDP6_STAT, read6(b.sys, 4, AF_INET6, 17, 5));
    assertEquals([ip.nxthist17, icmp.in135, icmp.out136, udp.ipackets], [1, 1, 1, 1]);
    assertEquals(decodeStats(UDP_STAT, read6(b.sys, 4, 2, 17, 5)).ipackets, 0);
  });
  it("name the routers and prefixes that were heard of", async () => {
    const { sys, ip6, inject, iface } = await hostOnWire();
    ip6.settings.acceptRtadv = true;
    const prefix = [3, 4, 64, 0xc0, 0, 0, 14, 16, 0, 0, 7, 8, 0, 0, 0, 0, ...in6("2001:db8::")];
    inject(icmp6({ from: "fe80::99", to: "ff02::1" }, [134, 0, 0, 0, 64, 0, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0, ...prefix]));
    const routers = read6(sys, 4, AF_INET6, 58, 19);
    const { rtlifetime, ifIndex } = In6Defrouter.dump(viewOf(routers), 0);
    assertEquals([routers.length, named6(routers.slice(0, 28)), rtlifetime, ifIndex], [
      48,
      "[fe80::99%2]:0",
      1800,
      iface.index,
    ]);
    const { prefixlen, vltime, pltime, raflags } = In6Prefix.dump(viewOf(read6(sys, 4, AF_INET6, 58, 20)), 0);
    assertEquals([prefixlen, vltime, pltime, raflags], [64, 3600, 1800, 3]);
  });
  it("TCP's and UDP's are there for both families", async () => {
    const { kernel } = await inet6Host();
    const names = [...kernel.tree].map(([path]) => path);
    for (const name of ["tcp6.sendspace", "tcp6.congctl.selected", "udp6.recvspace", "tcp6.pcblist", "raw6.pcblist"]) {
      assert(names.includes(`net.inet6.${name}`), name);
    }
    assertEquals(kernel.tree.find("net.inet6.tcp6.stats")!.read(0), kernel.tree.find("net.inet.tcp.stats")!.read(0));
  });
});
