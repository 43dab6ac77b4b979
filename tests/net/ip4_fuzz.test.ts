/**
 * Frames of every kind IPv4 knows with bytes changed, cut and grown, into a router that has all kinds of sockets: nothing is
 * thrown, every packet comes back, what is kept is bounded, and it still works afterwards. NET_FUZZ says how many milliseconds.
 */
import { describe, it } from "node:test";
import process from "node:process";
import { AF_INET, SOCK_RAW, SOCK_STREAM } from "../../src/abi/flags.ts";
import * as IP from "../../src/abi/inet_options.ts";
import { complement, sum } from "../../src/lib/checksum.ts";
import { maskOf, parseIpv4 } from "../../src/lib/inet.ts";
import { viewOf } from "../../src/lib/struct.ts";
import type { Packet } from "../../src/net/packet.ts";
import type { TcpProtocol } from "../../src/net/tcp/protocol.ts";
import { IPPROTO_TCP } from "../../src/wire/ipv4.ts";
import { assert, assertEquals } from "../assert.ts";
import { attach, bytes, cable, inetHost, int, onOneLink, pass, settle, sin, text, udpSocket } from "./helpers.ts";
import { seeded } from "./tcp_sim.ts";

const FOR = Number(process.env.NET_FUZZ ?? 1500);
const SEED = Number(process.env.SEED ?? (process.env.CI === "true" ? 1 : Math.floor(Math.random() * 1e6)));
/** Frames at least, however slow the machine. */
const LEAST = 1000;
const ip = (text: string) => parseIpv4(text)!;
const IPV4 = 14;
/** Where a protocol has its checksum, and whether that covers a pseudo header. */
const SUMS: Readonly<Record<number, readonly [at: number, pseudo: boolean]>> = {
  1: [2, false],
  2: [2, false],
  6: [16, true],
  17: [6, true],
};

function sum16(b: Uint8Array): number {
  const whole = b.slice();
  return complement(
    sum(
      { bytes: whole, view: viewOf(whole), words: new Int32Array(whole.buffer, 0, whole.length >> 2) } as never,
      0,
      b.length,
    ),
  );
}
/** Put lengths and checksums right, so that what is behind them is reached. */
function mend(f: Uint8Array): void {
  const d = viewOf(f);
  const header = (f[IPV4]! & 15) * 4;
  if (f.length < IPV4 + 20 || header < 20 || f.length < IPV4 + header) return;
  d.setUint16(IPV4 + 2, f.length - IPV4);
  const [at, pseudo] = SUMS[f[IPV4 + 9]!] ?? [0, false];
  const body = f.subarray(IPV4 + header);
  if (at > 0 && body.length >= at + 2) {
    viewOf(body).setUint16(at, 0);
    if (f[IPV4 + 9] === 17) viewOf(body).setUint16(4, body.length);
    const before = pseudo
      ? [...f.subarray(IPV4 + 12, IPV4 + 20), 0, f[IPV4 + 9]!, body.length >> 8, body.length & 255]
      : [];
    viewOf(body).setUint16(at, sum16(new Uint8Array([...before, ...body])), true);
  }
  d.setUint16(IPV4 + 10, 0);
  d.setUint16(IPV4 + 10, sum16(f.subarray(IPV4, IPV4 + header)), true);
}
type Host = Awaited<ReturnType<typeof inetHost>>;
/** Datagrams of several sizes, with options, and to a group. */
async function datagrams({ sys }: Host): Promise<void> {
  const s = await udpSocket(sys);
  const send = (s: number, n: number, to: string) =>
    sys.sendto({ s, buf: new Uint8Array(n), flags: 0, to: sin(to, 7000) });
  for (const n of [0, 10, 4000]) await send(s, n, "10.0.0.2");
  const route = [131, 11, 4, 10, 0, 0, 2, 10, 0, 0, 3, 0];
  for (const list of [[7, 39, 4, ...new Array(37).fill(0)], [68, 12, 5, 1, ...new Array(8).fill(0)], route]) {
    sys.setsockopt({ s, level: 0, name: IP.IP_OPTIONS, val: new Uint8Array(list) });
    await send(s, 7, "10.0.0.2");
  }
  const member = await udpSocket(sys);
  sys.setsockopt({ s: member, level: 0, name: IP.IP_ADD_MEMBERSHIP, val: new Uint8Array([239, 1, 1, 1, 0, 0, 0, 0]) });
  await send(member, 3, "239.1.1.1");
}
/** ICMP of all types, and a router's question for groups. */
async function messages({ sys }: Host): Promise<void> {
  const raw = (protocol: number) => sys.socket({ domain: AF_INET, type: SOCK_RAW, protocol }) as number;
  const inner = [
    0x45,
    0,
    0,
    28,
    0,
    0,
    0,
    0,
    64,
    17,
    0,
    0,
    10,
    0,
    0,
    2,
    10,
    0,
    0,
    1,
    0x1b,
    0x58,
    0x1b,
    0x58,
    0,
    8,
    0,
    0,
  ];
  for (const type of [0, 3, 5, 8, 11, 12, 13, 17]) {
    const buf = new Uint8Array([type, 1, 0, 0, 10, 0, 0, 3, ...inner]);
    await sys.sendto({ s: raw(1), buf, flags: 0, to: sin("10.0.0.2", 0) });
  }
  const query = new Uint8Array([0x11, 1, 0, 0, 0, 0, 0, 0, 0, 125, 0, 0]);
  await sys.sendto({ s: raw(2), buf: query, flags: 0, to: sin("224.0.0.1", 0) });
}
/** A whole connection, with urgent data. */
async function connection(hosts: readonly Host[]): Promise<void> {
  const [a, b] = hosts;
  const tcp = (h: Host | undefined) => h!.sys.socket({ domain: AF_INET, type: SOCK_STREAM, protocol: 0 }) as number;
  const [l, c] = [tcp(b), tcp(a)];
  await b!.sys.bind({ s: l, name: sin("10.0.0.2", 80) });
  b!.sys.listen({ s: l, backlog: 5 });
  await a!.sys.connect({ s: c, name: sin("10.0.0.2", 80) });
  await a!.sys.write({ fd: c, buf: new Uint8Array(3000) });
  await a!.sys.sendto({ s: c, buf: bytes("!"), flags: 1 });
  await pass(hosts, 500);
  await a!.sys.close({ fd: c });
  await pass(hosts, 500);
}
/** What a neighbour of 10.0.0.2 says on a day with everything. */
async function corpus(): Promise<readonly Uint8Array[]> {
  const frames: Uint8Array[] = [];
  const { hosts } = await onOneLink(3, (f, from) => {
    if (from === 0) frames.push(f.slice());
    return [f];
  });
  await datagrams(hosts[0]!);
  await messages(hosts[0]!);
  await connection(hosts);
  return frames;
}
/** 10.0.0.2, a router to 10.0.1/24, with sockets of all kinds; `input` gives it a frame. */
async function victim() {
  const host = await inetHost();
  const [one, two] = [cable(), cable()];
  const en0 = await attach(host, "en0", one[0]!, "10.0.0.2/24");
  await attach(host, "en1", two[0]!, "10.0.1.2/24");
  host.stack.addRoute(host.stack.gatewayRoute(ip("99.0.0.0"), maskOf(8), ip("10.0.0.3")));
  host.stack.ip.forwardSourceRoute = host.stack.ip.directedBroadcast = true;
  host.stack.icmp.answerBroadcasts = host.stack.icmp.answerMask = true;
  const { sys } = host;
  const udp = await udpSocket(sys, 7000);
  for (const name of [IP.IP_RECVDSTADDR, IP.IP_RECVIF, IP.IP_RECVTTL, IP.IP_RECVPKTINFO, IP.IP_RECVOPTS]) {
    sys.setsockopt({ s: udp, level: 0, name, val: int(1) });
  }
  sys.setsockopt({ s: udp, level: 0, name: IP.IP_ADD_MEMBERSHIP, val: new Uint8Array([239, 1, 1, 1, 10, 0, 0, 2]) });
  for (const protocol of [1, 2, 99]) sys.socket({ domain: AF_INET, type: SOCK_RAW, protocol });
  const l = sys.socket({ domain: AF_INET, type: SOCK_STREAM, protocol: 0 }) as number;
  await sys.bind({ s: l, name: sin("10.0.0.2", 80) });
  sys.listen({ s: l, backlog: 5 });
  await host.stack.addAddress(en0, { address: ip("10.0.0.22"), mask: maskOf(24), broadcast: 0 });
  const input: ((f: Uint8Array) => void)[] = [];
  await one[1]!.up(() => {});
  return { ...host, l, udp, input, wire: one[1]! };
}
/** How many packets are out: taken, and not given back. */
function counted(packets: { get(n: number): Packet; put(p: Packet): void }) {
  const out = new Set<Packet>();
  const { get, put } = packets;
  packets.get = function (n) {
    const p = get.call(this, n);
    out.add(p);
    return p;
  };
  packets.put = function (p) {
    assert(out.delete(p), "given back twice");
    put.call(this, p);
  };
  return out;
}

describe("IPv4, with hostile frames", () => {
  it(`throws nothing, keeps little, loses no packet, and goes on (SEED=${SEED})`, async () => {
    const frames = await corpus();
    const host = await victim();
    const { stack, sys } = host;
    const out = counted(stack.packets);
    const r = seeded(SEED);
    const random = (n: number) => Math.floor(r() * n);
    const mac = stack.interface("en0").device.mac!;
    const end = performance.now() + FOR;
    let n = 0;
    for (; n < LEAST || performance.now() < end; n++) {
      let f = frames[random(frames.length)]!.slice();
      if ((f[0]! & 1) === 0) f.set(mac);
      f[6 + 5] = 0x77;
      if (random(5) === 0) f = f.slice(0, random(f.length));
      for (let k = random(5); k > 0 && f.length > 14; k--) f[14 + random(Math.min(f.length - 14, 80))] = random(256);
      if (f[13] === 0 && random(10) > 0) mend(f);
      host.wire.output(f);
      if (n % 50 === 0) await settle();
      if (n % 500 === 0) await pass([host], 1000, 500);
    }
    const tcp = stack.ip.protocol(IPPROTO_TCP) as TcpProtocol;
    assert(stack.ip.fragments.size <= 200 && stack.icmp.redirects.size <= 1024 && [...stack.arp].length <= 4096);
    assert(tcp.engine.size <= 4096 && tcp.engine.half.size <= 1024, `${tcp.engine.size}, ${tcp.engine.half.size}`);
    // Whatever waits has its time: half open connections a minute, then their last packet five seconds for a neighbour.
    await pass([host], 150_000, 5000);
    assertEquals(out.size, 0, `packets that did not come back, of ${n} frames`);
    const [w, buf] = [await udpSocket(sys), new Uint8Array(100)];
    const receiver = await udpSocket(sys, 7001);
    await sys.sendto({ s: w, buf: bytes("alive"), flags: 0, to: sin("10.0.0.2", 7001) });
    assertEquals(text(buf.subarray(0, await sys.recvfrom({ s: receiver, buf, flags: 0 }))), "alive");
    await sys.close({ fd: host.l });
    assertEquals(tcp.endpoints.find(ip("10.0.0.2"), 80, ip("10.0.0.9"), 1), undefined);
  });
});
