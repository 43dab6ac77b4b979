/** Floods: what somebody sends by the hundred thousand costs no memory, and harms no connection. */
import { describe, it } from "node:test";
import { AF_INET, SOCK_STREAM } from "../../src/abi/flags.ts";
import { parseIpv4 } from "../../src/lib/inet.ts";
import { viewOf } from "../../src/lib/struct.ts";
import type { TcpProtocol } from "../../src/net/tcp/protocol.ts";
import { IPPROTO_TCP } from "../../src/wire/ipv4.ts";
import { assert, assertEquals } from "../assert.ts";
import { bytes, onOneLink, pass, settle, sin, text } from "./helpers.ts";

const ip = (text: string) => parseIpv4(text)!;
/** The checksum of 16-bit words [from, to), and of what else is to be in it (RFC 1071). */
function checksum(d: DataView, from: number, to: number, more = 0): number {
  let n = more;
  for (let at = from; at < to; at += 2) n += d.getUint16(at);
  while (n > 0xffff) n = (n & 0xffff) + (n >>> 16);
  return ~n & 0xffff;
}
/** A frame to 10.0.0.1 with one TCP segment, whose sender and number are set again for each. */
function segments(flags: number, port: number) {
  const f = new Uint8Array(14 + 20 + 20);
  const d = viewOf(f);
  f.set([0xb2, 0xa0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 9, 8, 0, 0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6, 0, 0]);
  d.setUint32(30, ip("10.0.0.1"));
  d.setUint16(36, port);
  f.set([0x50, flags, 255, 255], 46);
  return (source: number, from: number, seq: number) => {
    d.setUint32(26, source);
    d.setUint16(34, from);
    d.setUint32(38, seq);
    d.setUint16(24, 0);
    d.setUint16(24, checksum(d, 14, 34));
    d.setUint16(50, 0);
    d.setUint16(50, checksum(d, 26, 54, 6 + 20)); // addresses, and the rest of the pseudo header
    return f;
  };
}
/** a (10.0.0.1) listens at 80, and has a connection of b's (10.0.0.2). */
async function world() {
  const { hosts: [a, b], inject } = await onOneLink(2);
  const gateway = ip("10.0.0.254");
  a!.stack.arp.set(a!.stack.interface("en0"), gateway, new Uint8Array([2, 0, 0, 0, 0, 9]), {
    permanent: true,
    published: false,
  });
  a!.stack.addRoute(a!.stack.gatewayRoute(0, 0, gateway));
  const socket = (h: typeof a) => h!.sys.socket({ domain: AF_INET, type: SOCK_STREAM, protocol: 0 }) as number;
  const l = socket(a);
  await a!.sys.bind({ s: l, name: sin("10.0.0.1", 80) });
  a!.sys.listen({ s: l, backlog: 10 });
  const connect = async () => {
    const c = socket(b);
    await b!.sys.connect({ s: c, name: sin("10.0.0.1", 80) });
    return [c, await a!.sys.accept({ s: l }) as number] as const;
  };
  const tcp = a!.stack.ip.protocol(IPPROTO_TCP) as TcpProtocol;
  return { a: a!, b: b!, inject, connect, tcp };
}
async function carries(
  { a, b }: Awaited<ReturnType<typeof world>>,
  [c, k]: readonly [number, number],
): Promise<string> {
  await b.sys.write({ fd: c, buf: bytes("still here") });
  await settle();
  const buf = new Uint8Array(20);
  return text(buf.subarray(0, await a.sys.read({ fd: k, buf })));
}
const COUNT = 100_000;

describe("connections that come and go", () => {
  it("three thousand of them leave nothing behind but those that wait, and these have their time", async () => {
    const w = await world();
    const { a, b, tcp, connect } = w;
    for (let i = 0; i < 3000; i++) {
      // A port of long ago is used again: its numbers are later if time has passed.
      for (const { host } of [a, b]) host.pass(2);
      const [c, k] = await connect();
      if (i % 3 === 0) await b.sys.write({ fd: c, buf: bytes("x") });
      await (i % 2 ? b.sys.close({ fd: c }) : a.sys.close({ fd: k }));
      await settle();
      await (i % 2 ? a.sys.close({ fd: k }) : b.sys.close({ fd: c }));
    }
    await settle();
    const far = b.stack.ip.protocol(IPPROTO_TCP) as TcpProtocol;
    assert(tcp.engine.size > 500 && tcp.engine.size <= 4096, `${tcp.engine.size}`);
    await pass([a, b], 70_000, 1000);
    for (const { engine, endpoints } of [tcp, far]) {
      assertEquals([engine.size, engine.half.size, engine.timers.size, engine.pool.used], [0, 0, 0, 0]);
      assertEquals([...endpoints].length, engine === tcp.engine ? 1 : 0, "the listener");
    }
  });
});

describe(`a flood of ${COUNT} segments`, () => {
  it("SYNs: connections live on, new ones come by cookies, and no more is kept than may be", async () => {
    const w = await world();
    const { tcp, inject, a, b } = w;
    const old = await w.connect();
    const segment = segments(0x02, 80);
    for (let i = 0; i < COUNT; i++) {
      inject(0, segment(ip("44.0.0.0") + i, 1024 + (i % 60_000), i * 7919));
      if (i % 5000 === 0) {
        await settle();
        a.host.pass(10);
      }
    }
    const { cookiesSent } = tcp.engine.counters;
    assert(tcp.engine.half.size <= 1024 && tcp.engine.size === 1, `${tcp.engine.half.size}, ${tcp.engine.size}`);
    assert(cookiesSent > COUNT - 2000, `${cookiesSent}`);
    assertEquals(await carries(w, old), "still here");
    const another = await w.connect();
    assertEquals(await carries(w, another), "still here");
    await pass([a, b], 130_000, 5000);
    assertEquals([tcp.engine.half.size, tcp.engine.timers.size <= 2], [0, true]);
  });
  it("ACKs and data for no connection: a hundred RSTs a second, and nothing is kept", async () => {
    const w = await world();
    const { tcp, inject } = w;
    const old = await w.connect();
    const segment = segments(0x10, 80);
    for (let i = 0; i < COUNT; i++) inject(0, segment(ip("44.0.0.0") + i, 1024 + (i % 60_000), i * 7919));
    assertEquals([tcp.engine.half.size, tcp.engine.size], [0, 1]);
    assert(tcp.engine.counters.resetsOut <= 200, `${tcp.engine.counters.resetsOut}`);
    assertEquals(await carries(w, old), "still here");
  });
  it("RSTs and SYNs that guess at a connection: a hundred challenges a second, and it lives on", async () => {
    const w = await world();
    const { tcp, inject, b } = w;
    const old = await w.connect();
    const [asa, alen] = [new Uint8Array(16), new Uint8Array([16, 0, 0, 0])];
    b.sys.getsockname({ fdes: old[0], asa, alen });
    const port = viewOf(asa).getUint16(2);
    const [rst, syn] = [segments(0x04, 80), segments(0x02, 80)];
    const exact = [...tcp.engine.connections][0]!.rcvNxt;
    // Within the window, but never the very number.
    for (let i = 0; i < COUNT; i++) {
      inject(0, (i % 2 ? rst : syn)(ip("10.0.0.2"), port, (exact + 1 + (i % 30_000)) >>> 0));
    }
    const { challenges, segmentsOut } = tcp.engine.counters;
    assert(challenges >= 100 && challenges <= 200 && segmentsOut < 250, `${challenges}, ${segmentsOut}`);
    assertEquals(await carries(w, old), "still here");
  });
});
