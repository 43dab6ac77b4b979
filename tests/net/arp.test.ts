/**
 * ARP. Of NetBSD's tests/net these are done here as tests of our own: arp/t_arp (arp_cache_expiration, arp_command static and
 * proxy entries, arp_garp, arp_cache_overwriting, arp_static), arp/t_dad (dad_basic, dad_duplicated, dad_count).
 */
import { describe, it } from "node:test";
import { errno, SysError } from "../../src/abi/errno.ts";
import { maskOf, parseIpv4 } from "../../src/lib/inet.ts";
import { IN_IFF_DUPLICATED, IN_IFF_TENTATIVE } from "../../src/net/interface.ts";
import { Arp, ARP_REQUEST } from "../../src/wire/ethernet.ts";
import { viewOf } from "../../src/lib/struct.ts";
import { assert, assertEquals, assertThrows } from "../assert.ts";
import { bytes, onOneLink, pass, settle, sin, udpSocket } from "./helpers.ts";

const ip = (text: string) => parseIpv4(text)!;
const fails = (fn: () => unknown, e: SysError) => assertThrows(fn, SysError, e.message);
const isArp = (f: Uint8Array) => f[12] === 8 && f[13] === 6;
/** Requests of one host: who asks for whom. */
function requests(frames: readonly Uint8Array[]): (readonly [sender: number, target: number])[] {
  const d = (f: Uint8Array) => viewOf(f.subarray(14));
  return frames.filter((f) => isArp(f) && Arp.get.operation(d(f), 0) === ARP_REQUEST)
    .map((f) => [Arp.get.senderIp(d(f), 0), Arp.get.targetIp(d(f), 0)] as const);
}
/** Hosts on a link, and what each sends. */
async function watched(count: number) {
  const sent: Uint8Array[][] = Array.from({ length: count }, () => []);
  const made = await onOneLink(count, (f, from) => (sent[from]!.push(f), [f]));
  for (const list of sent) list.length = 0;
  return { ...made, sent };
}
const second = (text: string) => ({ address: ip(text), mask: maskOf(24), broadcast: ip("10.0.0.255") });

describe("ARP", () => {
  it("an answer holds for 20 minutes, then the neighbour is asked again", async () => {
    const { hosts: [a], sent } = await watched(2);
    const s = await udpSocket(a!.sys);
    const send = () => a!.sys.sendto({ s, buf: bytes("x"), flags: 0, to: sin("10.0.0.2", 7) });
    await send();
    await settle();
    a!.host.pass(1_199_000);
    await send();
    assertEquals(requests(sent[0]!).length, 1);
    a!.host.pass(2000);
    assertEquals([...a!.stack.arp].length, 0);
    await send();
    assertEquals(requests(sent[0]!).length, 2);
  });
  it("a static entry is never asked for, and nobody changes it", async () => {
    const { hosts: [a, b], sent } = await watched(2);
    const [mac, en0] = [new Uint8Array([2, 0, 0, 0, 0, 9]), a!.stack.interface("en0")];
    a!.stack.arp.set(en0, ip("10.0.0.2"), mac, { permanent: true, published: false });
    b!.stack.arp.announce(b!.stack.interface("en0"), ip("10.0.0.2"));
    await settle();
    assert(a!.kernel.log.lines.some((l) => l.includes("attempt to overwrite permanent entry for 10.0.0.2 by b2:a0")));
    a!.host.pass(2_000_000);
    const s = await udpSocket(a!.sys);
    await a!.sys.sendto({ s, buf: bytes("x"), flags: 0, to: sin("10.0.0.2", 7) });
    assertEquals([requests(sent[0]!).length, sent[0]!.at(-1)!.slice(0, 6)], [0, mac]);
    a!.stack.arp.remove(en0, ip("10.0.0.2"));
    fails(() => a!.stack.arp.remove(en0, ip("10.0.0.2")), errno.ESRCH);
  });
  it("who moves is believed, and it is said once a second", async () => {
    const { hosts: [a], inject, sent } = await watched(2);
    const s = await udpSocket(a!.sys);
    await a!.sys.sendto({ s, buf: bytes("x"), flags: 0, to: sin("10.0.0.2", 7) });
    await settle();
    const frame = sent[1]!.find(isArp)!.slice();
    for (let i = 0; i < 5; i++) {
      frame[6 + 5] = frame[14 + Arp.at.senderMac + 5] = 0x50 + i;
      inject(0, frame);
    }
    assertEquals(a!.stack.arp.get(ip("10.0.0.2"))!.mac![5], 0x54);
    assertEquals(a!.kernel.log.lines.filter((l) => l.includes("info overwritten for 10.0.0.2")).length, 1);
  });
  it("we answer for a published entry, with its link address", async () => {
    const { hosts: [a, b], sent } = await watched(2);
    const mac = new Uint8Array([2, 0, 0, 0, 0, 7]);
    b!.stack.arp.set(b!.stack.interface("en0"), ip("10.0.0.50"), mac, { permanent: true, published: true });
    const s = await udpSocket(a!.sys);
    await a!.sys.sendto({ s, buf: bytes("x"), flags: 0, to: sin("10.0.0.50", 7) });
    await settle();
    assertEquals(sent[0]!.at(-1)!.slice(0, 6), mac);
  });
  it("to a neighbour that does not answer, sending is EHOSTDOWN; by a gateway, EHOSTUNREACH", async () => {
    const { hosts: [a] } = await watched(1);
    a!.stack.addRoute(a!.stack.gatewayRoute(ip("99.0.0.0"), maskOf(8), ip("10.0.0.78")));
    const s = await udpSocket(a!.sys);
    const send = (to: string) => a!.sys.sendto({ s, buf: bytes("x"), flags: 0, to: sin(to, 7) });
    await send("10.0.0.77");
    await send("99.1.1.1");
    await pass([a!], 6000, 1000);
    fails(() => send("10.0.0.77"), errno.EHOSTDOWN);
    fails(() => send("99.1.1.1"), errno.EHOSTUNREACH);
    a!.host.pass(20_000);
    await send("10.0.0.77");
  });
  it("a connected socket, and a connection that is begun, are told when nobody answers", async () => {
    const { hosts: [a] } = await watched(1);
    const s = await udpSocket(a!.sys);
    await a!.sys.connect({ s, name: sin("10.0.0.77", 7) });
    await a!.sys.write({ fd: s, buf: bytes("x") });
    const t = a!.sys.socket({ domain: 2, type: 1, protocol: 0 }) as number;
    const failed = Promise.resolve(a!.sys.connect({ s: t, name: sin("10.0.0.76", 7) })).then(
      () => "connected",
      (e) => e,
    );
    await pass([a!], 6000, 1000);
    fails(() => a!.sys.write({ fd: s, buf: bytes("x") }), errno.EHOSTDOWN);
    await pass([a!], 70_000, 1000);
    assertEquals(await failed, errno.EHOSTDOWN);
  });
  it("a flood of neighbours does not fill the memory", async () => {
    const { hosts: [a], inject, sent } = await watched(1);
    a!.stack.arp.announce(a!.stack.interface("en0"), ip("10.0.0.1"));
    const frame = sent[0]!.at(-1)!.slice();
    const d = viewOf(frame.subarray(14));
    a!.stack.interface("en0").addresses[0] = { address: ip("10.0.0.1"), mask: maskOf(8), broadcast: 0 };
    for (let i = 0; i < 10_000; i++) {
      frame.set([2, 1, 1, 1, i >> 8, i & 255], 6);
      frame.set([2, 1, 1, 1, i >> 8, i & 255], 14 + Arp.at.senderMac);
      Arp.set.senderIp(d, 0, ip("10.1.0.0") + i);
      Arp.set.targetIp(d, 0, ip("10.0.0.1"));
      inject(0, frame);
    }
    assert([...a!.stack.arp].length <= 4096);
  });
});

describe("duplicate address detection", () => {
  it("an address given to an interface that is up is probed three times, then used and announced twice", async () => {
    const { hosts: [a], sent } = await watched(1);
    const en0 = a!.stack.interface("en0");
    await a!.stack.addAddress(en0, second("10.0.0.9"));
    assertEquals(en0.addresses[1]!.flags, IN_IFF_TENTATIVE);
    const s = await udpSocket(a!.sys);
    fails(() => a!.sys.bind({ s, name: sin("10.0.0.9", 7) }), errno.EADDRNOTAVAIL);
    await pass([a!], 12_000);
    const nine = ip("10.0.0.9");
    assertEquals(requests(sent[0]!), [[0, nine], [0, nine], [0, nine], [nine, nine], [nine, nine]]);
    assertEquals(en0.addresses[1]!.flags, 0);
    await a!.sys.bind({ s, name: sin("10.0.0.9", 7) });
  });
  it("an address somebody has is not used: one line says whose it is, and nothing is answered for it", async () => {
    const { hosts: [a, b], sent } = await watched(2);
    const en0 = a!.stack.interface("en0");
    await a!.stack.addAddress(en0, second("10.0.0.2"));
    await pass([a!, b!], 12_000);
    assertEquals(en0.addresses[1]!.flags, IN_IFF_DUPLICATED);
    assert(a!.kernel.log.lines.some((l) => l.includes("en0: DAD detected duplicate IPv4 address 10.0.0.2: ARP out=1")));
    assertEquals(requests(sent[0]!).filter(([sender]) => sender === ip("10.0.0.2")), []);
  });
  it("of two who want an address at once neither gets it, or only one", async () => {
    const { hosts: [a, b] } = await watched(2);
    for (const h of [a!, b!]) await h.stack.addAddress(h.stack.interface("en0"), second("10.0.0.9"));
    await pass([a!, b!], 12_000);
    const flags = [a!, b!].map((h) => h.stack.interface("en0").addresses[1]!.flags);
    assert(flags.includes(IN_IFF_DUPLICATED), `${flags}`);
  });
  it("with dad_count 0, and on an interface that is down, an address is used at once", async () => {
    const { hosts: [a] } = await watched(1);
    const en0 = a!.stack.interface("en0");
    a!.stack.detection.count = 0;
    await a!.stack.addAddress(en0, second("10.0.0.9"));
    assertEquals(en0.addresses.map((x) => x.flags ?? 0), [0, 0]);
  });
  it("two hosts with one address: it is said, and the address defended, once in ten seconds", async () => {
    const { hosts: [a, b], sent } = await watched(2);
    b!.stack.detection.count = 0;
    await b!.stack.addAddress(b!.stack.interface("en0"), second("10.0.0.1"));
    await settle();
    const said = () => a!.kernel.log.lines.filter((l) => l.includes("duplicate IP address 10.0.0.1 sent from")).length;
    assertEquals([said(), requests(sent[0]!).length], [1, 1]);
    b!.stack.arp.announce(b!.stack.interface("en0"), ip("10.0.0.1"));
    await settle();
    assertEquals([said(), requests(sent[0]!).length], [1, 1]);
  });
});
