/** Packets that are not finished: cut and summed where a device does not do it; what devices say of theirs is not believed blindly. */
import { describe, it } from "node:test";
import process from "node:process";
import { HDR_F_NEEDS_CSUM, HDR_GSO_TCPV4, HDR_GSO_UDP_L4, type Offload } from "../../src/lib/offload.ts";
import { complement, sum } from "../../src/lib/checksum.ts";
import { adopt, cut } from "../../src/net/offload.ts";
import { largePacket, type Packet } from "../../src/net/packet.ts";
import type { Input, NetDevice } from "../../src/plugin.ts";
import { Ipv4, Udp } from "../../src/wire/ipv4.ts";
import { Tcp, TH_ACK, TH_CWR, TH_FIN, TH_PUSH } from "../../src/wire/tcp.ts";
import { assert, assertEquals } from "../assert.ts";
import { attach, bytes, inetHost, settle, sin, text, udpSocket } from "./helpers.ts";
import { seeded } from "./tcp_sim.ts";

const SEED = Number(process.env.NET_SEED ?? (process.env.CI === "true" ? 1 : Math.floor(Math.random() * 1e6)));
const ETHER = 14;
const IP = 20;

/** An IPv4 packet behind Ethernet's header, `length` bytes of it data behind `header` bytes of TCP or UDP. */
function packet(protocol: number, header: number, length: number): Packet {
  const p = largePacket();
  p.start += 2;
  p.end = p.start + ETHER + IP + header + length;
  const ip = p.start + ETHER;
  p.bytes[p.start + 12] = 8;
  const all = { versionIhl: 0x45, length: IP + header + length, id: 0xffff, ttl: 64, protocol };
  Ipv4.write(p.view, ip, { ...all, source: 0x0a00_0001, destination: 0x0a00_0002 });
  for (let i = 0; i < length; i++) p.bytes[ip + IP + header + i] = i * 7 + (i >> 8);
  return p;
}
const record = (o: Partial<Offload>): Offload => ({
  flags: HDR_F_NEEDS_CSUM,
  gsoType: 0,
  headerLength: 0,
  gsoSize: 0,
  checksumStart: ETHER + IP,
  checksumOffset: 16,
  ...o,
});
/** The pieces, each checked: IP's and the transport's checksum. */
function pieces(p: Packet): Uint8Array[] {
  const all: Uint8Array[] = [];
  cut(p, largePacket(), true, (piece) => {
    const ip = piece.start + ETHER;
    assertEquals(complement(sum(piece, ip, IP)), 0, "checksum of IP");
    const length = piece.end - ip - IP;
    const pseudo = sum(piece, ip + 12, 8) + (piece.bytes[ip + 9]! << 8) + ((length & 255) << 8) + (length >> 8);
    assertEquals(complement(pseudo + sum(piece, ip + IP, length)), 0, "checksum of the transport");
    all.push(piece.bytes.slice(piece.start, piece.end));
  });
  return all;
}
const viewOf = (b: Uint8Array) => new DataView(b.buffer, b.byteOffset, b.length);

describe("a packet that is several", () => {
  for (const [length, segment] of [[2896, 1448], [3000, 1448], [5001, 999], [1449, 1448], [64_000, 536]] as const) {
    it(`TCP, ${length} bytes in pieces of ${segment}: numbers follow each other, the end is the last's`, () => {
      const p = packet(6, Tcp.size, length);
      const flags = TH_ACK | TH_PUSH | TH_FIN | TH_CWR;
      Tcp.write(p.view, p.start + ETHER + IP, { seq: -1000, offset: 0x50, flags });
      assert(adopt(p, record({ gsoType: HDR_GSO_TCPV4, gsoSize: segment })));
      const all = pieces(p).map((b) => ({ b, d: viewOf(b), at: ETHER + IP }));
      assertEquals(all.map(({ d, at }) => Tcp.get.seq(d, at)), all.map((_, i) => (i * segment - 1000) | 0));
      const told = all.map(({ d, at }) => Tcp.get.flags(d, at));
      assertEquals([told[0]! & TH_CWR, told.at(-1)], [TH_CWR, TH_ACK | TH_PUSH | TH_FIN]);
      assert(
        told.slice(0, -1).every((f) => (f & (TH_FIN | TH_PUSH)) === 0) && told.slice(1).every((f) => !(f & TH_CWR)),
      );
      const data = all.flatMap(({ b }) => [...b.subarray(ETHER + IP + Tcp.size)]);
      assert(data.length === length && data.every((x, i) => x === ((i * 7 + (i >> 8)) & 255)));
    });
  }
  it("UDP: datagrams of one size, each with its length", () => {
    const p = packet(17, Udp.size, 2500);
    assert(adopt(p, record({ gsoType: HDR_GSO_UDP_L4, gsoSize: 1000, checksumOffset: Udp.at.checksum })));
    assertEquals(pieces(p).map((b) => Udp.get.length(viewOf(b), ETHER + IP)), [1008, 1008, 508]);
  });
  it("what makes no sense is not taken: offsets behind the end, odd ones, no size, too many pieces, unknown kinds", () => {
    const refused = (o: Partial<Offload>) => {
      const p = packet(6, Tcp.size, 10_000);
      Tcp.write(p.view, p.start + ETHER + IP, { offset: 0x50 });
      return !adopt(p, record({ gsoType: HDR_GSO_TCPV4, gsoSize: 1000, ...o }));
    };
    assert(!refused({}));
    for (
      const o of [
        { checksumStart: 60_000 },
        { checksumStart: 35 },
        { checksumOffset: 60_000 },
        { checksumOffset: 6 },
        { gsoSize: 0 },
        { gsoSize: 1 },
        { gsoType: 3 },
        { flags: 0 },
      ]
    ) assert(refused(o), JSON.stringify(o));
  });
});

/** A device frames can be put into, with what is said of them. */
function source(end: number): NetDevice & { put: Input } {
  let input: Input | undefined;
  return {
    medium: "ethernet",
    mtu: 1500,
    mac: new Uint8Array([2, 0, 0, 0, 0, end]),
    up: (i) => void (input = i),
    output() {},
    down: () => void (input = undefined),
    put: (frame, offload) => input?.(frame, offload),
  };
}
describe("devices that say anything", () => {
  it(`of frames of any kind leave a router alive (seed ${SEED})`, async () => {
    const r = seeded(SEED);
    const below = (n: number) => Math.floor(r() * n);
    const host = await inetHost();
    const [one, two] = [source(1), source(2)];
    await attach(host, "en0", one, "10.0.0.2/24");
    await attach(host, "en1", two, "10.0.1.1/24");
    host.stack.ip.forwarding = true;
    host.stack.arp.heard(host.stack.interface("en1"), 0x0a00_0102, new Uint8Array([2, 0, 0, 0, 0, 9]), true);
    for (let i = 0; i < 3000; i++) {
      const udp = r() < 0.4;
      const p = packet(udp ? 17 : 6, 20, below(9000));
      const ip = p.start + ETHER;
      p.bytes.set([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 8], p.start);
      Ipv4.set.destination(p.view, ip, r() < 0.5 ? 0x0a00_0102 : 0x0a00_0002);
      Ipv4.set.length(p.view, ip, r() < 0.8 ? p.end - ip : below(70_000) & 0xffff);
      p.view.setUint16(ip + 10, complement(sum(p, ip, IP)), true);
      p.bytes[ip + IP + 12] = r() < 0.8 ? 0x50 : below(256);
      const small = () => below(4) ? below(64) : below(65_536);
      one.put(p.bytes.slice(p.start, p.end), {
        flags: below(8) ? HDR_F_NEEDS_CSUM : below(4),
        gsoType: below(8) ? (udp ? HDR_GSO_UDP_L4 : HDR_GSO_TCPV4) : below(256),
        headerLength: small(),
        gsoSize: below(8) ? 1000 : below(65_536),
        checksumStart: below(8) ? ETHER + IP : small(),
        checksumOffset: below(8) ? (udp ? 6 : 16) : small(),
      });
    }
    await settle();
    assert(host.stack.interface("en1").counters.outPackets > 1000, "some were sent on, in pieces");
    const [s, t] = [await udpSocket(host.sys, 9), await udpSocket(host.sys)];
    await host.sys.sendto({ s: t, buf: bytes("alive"), flags: 0, to: sin("10.0.0.2", 9) });
    const buf = new Uint8Array(10_000);
    const n = await host.sys.recvfrom({ s, buf, flags: 0 }) as number;
    assertEquals(text(buf.subarray(0, n)), "alive");
  });
});
