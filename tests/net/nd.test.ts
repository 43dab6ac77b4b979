import { describe, it } from "node:test";
import { errno, SysError } from "../../src/abi/errno.ts";
import { AF_INET6, SOCK_RAW } from "../../src/abi/flags.ts";
import { formatIpv6, parseIpv6 } from "../../src/lib/in6.ts";
import { ND_PROBE, ND_REACHABLE, ND_STALE } from "../../src/net/ip6/nd.ts";
import { assert, assertEquals, assertThrows } from "../assert.ts";
import { pass } from "./helpers.ts";
import {
  attach6,
  be32,
  hostOnWire,
  icmp6,
  in6,
  inet6Host,
  ofType,
  PEER,
  ready,
  send6,
  settle,
  sin6,
  udp6,
  wire,
} from "./helpers6.ts";

const [NS, NA, RS] = [135, 136, 133];
const LL = "fe80::b0a0:ff:fe00:1";
const NODE = "ff02::1:ff00:1";
const source = (mac: Uint8Array) => [1, 1, ...mac];
const target = (mac: Uint8Array) => [2, 1, ...mac];
const solicitation = (about: string, ...options: number[]) => [NS, 0, 0, 0, 0, 0, 0, 0, ...in6(about), ...options];
const advertisement = (
  flags: number,
  about: string,
  ...options: number[]
) => [NA, 0, 0, 0, flags, 0, 0, 0, ...in6(about), ...options];
const [SOLICITED, OVERRIDE] = [0x40, 0x20];
const flagsOf = (if6: { readonly addresses: readonly { readonly flags: number }[] }) =>
  if6.addresses.map((a) => a.flags);
const texts = (if6: { readonly addresses: readonly { readonly address: unknown }[] }) =>
  if6.addresses.map((a) => String(a.address));

describe("duplicate address detection", () => {
  it("an address is asked for without a source, then it is ours", async () => {
    const w = wire();
    const host = await inet6Host();
    const iface = await attach6(host, "en0", w.device, "2001:db8::1/64");
    await settle();
    const asked = ofType(w.sent, NS);
    assertEquals(asked.map((m) => [m.from, m.to, m.hops]), [["::", "ff02::1:ff00:1", 255], ["::", NODE, 255]]);
    assertEquals(flagsOf(host.ip6.of(iface)), [2, 2]);
    await ready(host);
    assertEquals(flagsOf(host.ip6.of(iface)), [0, 0]);
  });
  it("a device that takes its time to come up has addresses then, too", async () => {
    const w = wire();
    const host = await inet6Host();
    const up = async (input: Parameters<typeof w.device.up>[0]) => {
      await settle();
      await w.device.up(input);
    };
    const iface = await attach6(host, "en0", { ...w.device, up });
    await ready(host);
    assertEquals(texts(host.ip6.of(iface)), [LL]);
  });
  it("an address somebody advertises is not used", async () => {
    const w = wire();
    const host = await inet6Host();
    const iface = await attach6(host, "en0", w.device, "2001:db8::1/64");
    w.inject(icmp6({ from: "2001:db8::1", to: "ff02::1" }, advertisement(OVERRIDE, "2001:db8::1", ...target(PEER))));
    await ready(host);
    assertEquals(flagsOf(host.ip6.of(iface)), [4, 0]);
    const s = await udp6(host.sys);
    assertThrows(() => host.sys.bind({ s, name: sin6("2001:db8::1", 7) }), SysError, errno.EADDRNOTAVAIL.message);
  });
  it("two who want one address at the same time both give it up", async () => {
    const w = wire();
    const host = await inet6Host();
    const iface = await attach6(host, "en0", w.device, "2001:db8::1/64");
    w.inject(icmp6({ from: "::", to: "ff02::1:ff00:1" }, solicitation("2001:db8::1", 14, 1, 9, 9, 9, 9, 9, 9)));
    await ready(host);
    assertEquals(flagsOf(host.ip6.of(iface)), [4, 0]);
  });
  it("a question of ours that comes back is no other's (RFC 7527)", async () => {
    const w = wire();
    const host = await inet6Host();
    const iface = await attach6(host, "en0", w.device, "2001:db8::1/64");
    for (const f of w.sent.splice(0)) {
      f.set(PEER, 6); // a switch that shows it from elsewhere
      w.inject(f);
    }
    await ready(host);
    assertEquals(flagsOf(host.ip6.of(iface)), [0, 0]);
  });
  it("where the link address is another's, too, IPv6 is off", async () => {
    const w = wire();
    const host = await inet6Host();
    const iface = await attach6(host, "en0", w.device);
    w.inject(icmp6({ from: LL, to: "ff02::1" }, advertisement(OVERRIDE, LL, ...target(PEER))));
    await ready(host);
    assert(host.ip6.of(iface).disabled);
    assertThrows(() => send6(host.sys, 3, "x", sin6("ff02::1", 7, iface.index)), SysError);
  });
});

describe("neighbours", () => {
  it("who asks is answered, and remembered", async () => {
    const { inject, sent, ip6, iface } = await hostOnWire("2001:db8::1/64");
    inject(icmp6({ from: "2001:db8::9", to: NODE }, solicitation("2001:db8::1", ...source(PEER))));
    const [answer] = ofType(sent, NA);
    assertEquals([answer!.to, answer!.message[4], [...answer!.mac]], ["2001:db8::9", SOLICITED | OVERRIDE, [...PEER]]);
    assertEquals([...ip6.nd.macOf(iface, parseIpv6("2001:db8::9")!)!], [...PEER]);
  });
  it("messages that crossed a router, or are malformed, are not believed", async () => {
    const { inject, sent, ip6 } = await hostOnWire("2001:db8::1/64");
    const from = { from: "2001:db8::9", to: NODE };
    inject(icmp6({ ...from, hops: 254 }, solicitation("2001:db8::1", ...source(PEER))));
    inject(icmp6(from, solicitation("2001:db8::1", 1, 0, ...PEER)));
    inject(icmp6(from, solicitation("2001:db8::1", 1, 2, ...PEER)));
    inject(icmp6(from, solicitation("ff02::1", ...source(PEER))));
    inject(icmp6(from, solicitation("2001:db8::1").slice(0, 20)));
    inject(icmp6({ from: "::", to: NODE }, solicitation("2001:db8::1", ...source(PEER))));
    inject(icmp6({ from: "::", to: "ff02::1" }, solicitation("2001:db8::1")));
    const bad = icmp6(from, solicitation("2001:db8::1", ...source(PEER)));
    bad[60] = 1;
    inject(bad);
    assertEquals([sent.length, ip6.nd.size], [0, 0]);
  });
  it("one is asked for when it is needed, and what waited goes", async () => {
    const { inject, sent, sys } = await hostOnWire("2001:db8::1/64");
    const s = await udp6(sys, 7);
    await send6(sys, s, "x", sin6("2001:db8::9", 9));
    const [asked] = ofType(sent, NS);
    assertEquals([asked!.to, asked!.from], ["ff02::1:ff00:9", "2001:db8::1"]);
    sent.length = 0;
    inject(
      icmp6(
        { from: "2001:db8::9", to: "2001:db8::1" },
        advertisement(SOLICITED | OVERRIDE, "2001:db8::9", ...target(PEER)),
      ),
    );
    assertEquals(sent.map((f) => [[...f.slice(0, 6)], f[20]]), [[[...PEER], 17]]);
  });
  it("one who does not answer is given up, and the sender told", async () => {
    const { sent, sys, host } = await hostOnWire("2001:db8::1/64");
    const s = await udp6(sys, 7);
    await sys.connect({ s, name: sin6("2001:db8::9", 9) });
    await sys.write({ fd: s, buf: new Uint8Array(1) });
    await pass([{ host }], 4000, 1000);
    assertEquals(ofType(sent, NS).length, 3);
    assertThrows(() => sys.write({ fd: s, buf: new Uint8Array(1) }), SysError, errno.EHOSTUNREACH.message);
  });
  it("one not heard of for long is doubted, probed, and forgotten (RFC 4861, 7.3)", async () => {
    const { inject, sent, sys, host, ip6, iface } = await hostOnWire("2001:db8::1/64");
    const state = () => {
      const n = ip6.nd.find(parseIpv6("2001:db8::9")!, iface);
      return n && ip6.nd.stateOf(n);
    };
    const s = await udp6(sys, 7);
    const x = () => send6(sys, s, "x", sin6("2001:db8::9", 9));
    const here = () =>
      inject(
        icmp6({ from: "2001:db8::9", to: "2001:db8::1" }, advertisement(SOLICITED, "2001:db8::9", ...target(PEER))),
      );
    await x();
    here();
    assertEquals(state(), ND_REACHABLE);
    host.pass(46_000);
    assertEquals(state(), ND_STALE);
    await x();
    sent.length = 0;
    host.pass(5000);
    assertEquals([state(), ofType(sent, NS).map((m) => m.to)], [ND_PROBE, ["2001:db8::9"]]);
    here();
    assertEquals(state(), ND_REACHABLE);
    host.pass(46_000);
    await x();
    await pass([{ host }], 9000, 1000);
    assertEquals(state(), undefined);
  });
  it("for whom we answer, we say so", async () => {
    const { ip6, iface, inject, sent } = await hostOnWire("2001:db8::1/64");
    const other = new Uint8Array([2, 0, 0, 0, 0, 0x55]);
    ip6.nd.set(iface, parseIpv6("2001:db8::55")!, other, { permanent: true, published: true });
    sent.length = 0;
    inject(icmp6({ from: "2001:db8::9", to: "ff02::1:ff00:55" }, solicitation("2001:db8::55", ...source(PEER))));
    const [said] = ofType(sent, NA);
    assertEquals([said!.from, said!.message[4], [...said!.message.slice(26, 32)]], [LL, SOLICITED, [...other]]);
  });
  it("all are told when our link address is another", async () => {
    const { sent, iface } = await hostOnWire("2001:db8::1/64");
    iface.renamed();
    const told = ofType(sent, NA).map((m) => [m.from, m.to, m.message[4]]);
    assertEquals(told, [["2001:db8::1", "ff02::1", OVERRIDE], [LL, "ff02::1", OVERRIDE]]);
  });
  it("a table full of strangers keeps who was heard", async () => {
    const { inject, ip6, iface, sys } = await hostOnWire("2001:db8::1/64");
    ip6.settings.maxNeighbours = 50;
    await send6(sys, await udp6(sys), "x", sin6("2001:db8::9", 9));
    inject(icmp6({ from: "2001:db8::9", to: "2001:db8::1" }, advertisement(SOLICITED, "2001:db8::9", ...target(PEER))));
    for (let i = 0; i < 200; i++) {
      const from = `2001:db8::1:${i.toString(16)}`;
      inject(icmp6({ from, to: NODE }, solicitation("2001:db8::1", ...source(PEER))));
    }
    assert(ip6.nd.size <= 50 && ip6.nd.find(parseIpv6("2001:db8::9")!, iface));
  });
});

/** Router advertisement: lifetime in seconds, options. */
const advert = (
  lifetime: number,
  ...options: number[]
) => [134, 0, 0, 0, 64, 0, lifetime >> 8, lifetime & 255, ...be32(0), ...be32(0), ...options];
const prefix = (
  text: string,
  valid: number,
  preferred: number,
  flags = 0xc0,
  length = 64,
) => [3, 4, length, flags, ...be32(valid), ...be32(preferred), ...be32(0), ...in6(text)];
const fromRouter = { from: "fe80::99", to: "ff02::1" };

describe("router advertisements", () => {
  async function client(...addresses: string[]) {
    const made = await hostOnWire(...addresses);
    made.ip6.settings.acceptRtadv = true;
    return made;
  }
  it("are not believed unless they may be", async () => {
    const { inject, if6, ip6 } = await hostOnWire();
    inject(icmp6(fromRouter, advert(1800, ...prefix("2001:db8::", 3600, 1800))));
    assertEquals([texts(if6), [...ip6.routers].length], [[LL], 0]);
  });
  it("make an address and a default route, for as long as they say", async () => {
    const { inject, if6, ip6, host } = await client();
    inject(icmp6(fromRouter, advert(1800, ...source(PEER), ...prefix("2001:db8::", 3600, 1800))));
    await pass([{ host }], 3000, 500);
    assertEquals([texts(if6)[1], if6.addresses[1]!.flags], ["2001:db8::b0a0:ff:fe00:1", 0x40]);
    const route = ip6.routeTo(parseIpv6("2001:4860::1")!)!;
    assertEquals(formatIpv6(route.gateway!), "fe80::99");
    host.pass(1_800_000);
    assertEquals([ip6.routeTo(parseIpv6("2001:4860::1")!), if6.addresses[1]!.flags], [undefined, 0x50]);
    host.pass(1_800_000);
    assertEquals(texts(if6), [LL]);
  });
  it("make addresses for a while, too, where they are wanted (RFC 8981)", async () => {
    const { inject, if6, ip6, host } = await client();
    Object.assign(ip6.settings, {
      useTemporary: true,
      preferTemporary: true,
      temporaryPreferred: 3600,
      temporaryValid: 7200,
    });
    const advertise = () =>
      inject(icmp6(fromRouter, advert(9000, ...source(PEER), ...prefix("2001:db8::", 86_400, 86_400))));
    const brief = () => if6.addresses.filter((a) => a.flags & 0x80);
    advertise();
    advertise();
    await pass([{ host }], 3000, 500);
    const [first] = brief();
    assertEquals([brief().length, if6.addresses.length, first!.address.common(if6.addresses[1]!.address) < 128], [
      1,
      3,
      true,
    ]);
    assertEquals(String(ip6.sourceFor(parseIpv6("2001:4860::1")!)), String(first!.address));
    await pass([{ host }], 3_600_000, 100_000);
    await pass([{ host }], 3000, 500);
    assertEquals([brief().length, first!.flags & 0x10], [2, 0x10]);
    assertEquals(String(ip6.sourceFor(parseIpv6("2001:4860::1")!)), String(brief()[1]!.address));
    await pass([{ host }], 3_700_000, 100_000);
    assert(!if6.addresses.includes(first!));
  });
  it("make no more of them than may be, whatever they say", async () => {
    const { inject, if6, ip6, host } = await client();
    ip6.settings.useTemporary = true;
    for (let i = 0; i < 200; i++) {
      inject(icmp6(fromRouter, advert(9000, ...prefix("2001:db8::", 86_400, i % 2 ? 6 : 100))));
      host.pass(3000);
    }
    assert(if6.addresses.length <= 18, String(if6.addresses.length));
  });
  it("do not end an address at once (RFC 4862, 5.5.3)", async () => {
    const { inject, if6, host } = await client();
    inject(icmp6(fromRouter, advert(0, ...prefix("2001:db8::", 86_400, 86_400))));
    inject(icmp6(fromRouter, advert(0, ...prefix("2001:db8::", 1, 0))));
    host.pass(7_100_000);
    assertEquals(if6.addresses.length, 2);
    host.pass(200_000);
    assertEquals(if6.addresses.length, 1);
  });
  it("of a lifetime of 0 end the default route at once", async () => {
    const { inject, ip6 } = await client();
    inject(icmp6(fromRouter, advert(1800, ...source(PEER))));
    assert(ip6.routeTo(parseIpv6("2001:4860::1")!));
    inject(icmp6(fromRouter, advert(0)));
    assertEquals(ip6.routeTo(parseIpv6("2001:4860::1")!), undefined);
  });
  it("from many routers with many prefixes leave no more than may be", async () => {
    const { inject, if6, ip6 } = await client();
    for (let i = 0; i < 300; i++) {
      const from = `fe80::${i.toString(16)}:1`;
      inject(icmp6({ from, to: "ff02::1" }, advert(1800, ...prefix(`2001:db8:${i.toString(16)}::`, 3600, 1800))));
    }
    assertEquals([[...ip6.routers].length, if6.addresses.length, [...ip6.routers.prefixes].length], [16, 17, 16]);
    assert(ip6.routes.size < 64);
  });
  it("cannot make packets smaller than any link's, nor ours larger than the link's", async () => {
    const { inject, if6 } = await client();
    const mtu = (n: number) => inject(icmp6(fromRouter, advert(0, 5, 1, 0, 0, ...be32(n))));
    mtu(1279);
    mtu(9000);
    assertEquals(if6.mtu, 1500);
    mtu(1400);
    assertEquals(if6.mtu, 1400);
  });
  it("cannot take away our hops, nor keep us asking", async () => {
    const { inject, ip6, if6 } = await client();
    const hostile = advert(0);
    hostile[4] = 1;
    hostile.splice(8, 8, ...be32(1), ...be32(1));
    inject(icmp6(fromRouter, hostile));
    assertEquals([if6.hopLimit || ip6.settings.hopLimit, if6.baseReachable, if6.retransmit], [64, 30_000, 100]);
  });
  it("a router that is preferred is used (RFC 4191), and one that is gone is not", async () => {
    const { inject, ip6, host, sys } = await client("2001:db8::1/64");
    const way = () => {
      const gateway = ip6.routeTo(parseIpv6("2001:4860::1")!)?.gateway;
      return gateway && formatIpv6(gateway);
    };
    inject(icmp6({ from: "fe80::98", to: "ff02::1" }, advert(1800, ...source(PEER))));
    const high = advert(1800, ...source(PEER));
    high[5] = 0x08;
    inject(icmp6({ from: "fe80::97", to: "ff02::1" }, high));
    assertEquals(way(), "fe80::97");
    await send6(sys, await udp6(sys), "x", sin6("2001:4860::1", 9));
    await pass([{ host }], 10_000, 1000); // nobody answers: it is forgotten
    assertEquals(way(), "fe80::98");
  });
  it("what they tell of name servers and routes (RFC 8106, 4191) is for programs: raw sockets get it whole", async () => {
    const { sys, ip6, inject } = await hostOnWire();
    ip6.settings.acceptRtadv = true;
    const s = sys.socket({ domain: AF_INET6, type: SOCK_RAW, protocol: 58 }) as number;
    const servers = [25, 3, 0, 0, ...be32(3600), ...in6("2001:db8::53")];
    const domains = [31, 2, 0, 0, ...be32(3600), 3, 111, 114, 103, 0, 0, 0, 0];
    const network = [24, 2, 48, 8, ...be32(3600), 0x20, 1, 13, 184, 0, 1, 0, 0];
    const message = [134, 0, 0, 0, 64, 0, 7, 8, ...be32(0), ...be32(0), ...servers, ...domains, ...network];
    inject(icmp6({ from: "fe80::99", to: "ff02::1" }, message));
    const buf = new Uint8Array(200);
    const n = await sys.recvfrom({ s, buf, flags: 0 }) as number;
    assertEquals([...buf.slice(4, n)], message.slice(4));
    assertEquals(String(ip6.routeTo(parseIpv6("2001:4860::1")!)?.gateway), "fe80::99");
  });
  it("are asked for, until one comes", async () => {
    const w = wire();
    const host = await inet6Host();
    host.ip6.settings.acceptRtadv = true;
    await attach6(host, "en0", w.device);
    await pass([host], 20_000, 500);
    assertEquals(ofType(w.sent, RS).map((m) => [m.from, m.to]), new Array(3).fill([LL, "ff02::2"]));
  });
});

describe("redirects", () => {
  const redirect = (
    to: string,
    about: string,
    ...options: number[]
  ) => [137, 0, 0, 0, 0, 0, 0, 0, ...in6(to), ...in6(about), ...options];
  it("of the router in use are followed, of nobody else", async () => {
    const { inject, ip6 } = await hostOnWire("2001:db8::1/64");
    ip6.settings.acceptRtadv = true;
    inject(icmp6(fromRouter, advert(1800, ...source(PEER))));
    const there = parseIpv6("2001:4860::1")!;
    inject(icmp6({ from: "fe80::66", to: LL }, redirect("fe80::66", "2001:4860::1")));
    assertEquals(formatIpv6(ip6.routeTo(there)!.gateway!), "fe80::99");
    inject(icmp6({ from: "fe80::99", to: LL }, redirect("fe80::98", "2001:4860::1", ...target(PEER))));
    assertEquals(formatIpv6(ip6.routeTo(there)!.gateway!), "fe80::98");
    assertEquals(ip6.nd.size, 2);
  });
});
