/** Explicit congestion notification (RFC 3168) over a link that marks, decided by a seed. */
import { describe, it } from "node:test";
import { TH_ACK, TH_CWR, TH_ECE, TH_SYN } from "../../src/wire/tcp.ts";
import { ECT_0 } from "../../src/net/tcp/ecn.ts";
import type { TcpProtocol } from "../../src/net/tcp/protocol.ts";
import { IPPROTO_TCP } from "../../src/wire/ipv4.ts";
import { assert, assertEquals } from "../assert.ts";
import { AF_INET, SOCK_STREAM } from "../../src/abi/flags.ts";
import { settle, sin, twoHosts } from "./helpers.ts";
import { type End, type Path, Sim, type Wire } from "./tcp_sim.ts";

const flags = (w: Wire) => w.view.getUint8(13);
const data = new Uint8Array(32 << 20);

/** Both sides speak ECN, or as it is said; the segments that a and b send are seen. */
function world(path: Path, [a, b] = [true, true]) {
  const sim = new Sim(1, path);
  sim.a.engine.settings.ecn = a!;
  sim.b.engine.settings.ecn = b!;
  const seen: { readonly from: "a" | "b"; readonly w: Wire; readonly flags: number }[] = [];
  for (const from of ["a", "b"] as const) {
    sim[from].filter = (w) => (seen.push({ from, w, flags: flags(w) }), true);
  }
  let other: End | undefined;
  sim.b.listen(80, (end) => void (other = end));
  return { sim, seen, other: () => other! };
}
const syns = (seen: ReturnType<typeof world>["seen"]) =>
  seen.filter(({ flags }) => flags & TH_SYN).map(({ flags }) => flags & (TH_ECE | TH_CWR));

describe("ECN is agreed on", () => {
  for (
    const [a, b, setup, both] of [
      [true, true, [TH_ECE | TH_CWR, TH_ECE], true],
      [true, false, [TH_ECE | TH_CWR, 0], false],
      [false, true, [0, 0], false],
    ] as const
  ) {
    it(`only when both want it: ${a}, ${b}`, () => {
      const { sim, seen, other } = world({ delay: 10 }, [a, b]);
      const end = sim.a.connect(80);
      sim.pass(100);
      assertEquals(syns(seen), [...setup]);
      assertEquals([end.c.ecn !== undefined, other().c.ecn !== undefined], [both, both]);
    });
  }
  it("by a cookie, too, where there are timestamps", () => {
    const { sim, other } = world({ delay: 10 });
    sim.b.engine.settings.synCacheLimit = 0;
    sim.a.connect(80);
    sim.pass(100);
    assertEquals([sim.b.engine.counters.cookiesGood, other().c.ecn?.echo], [1, false]);
  });
  it("a SYN that does not come through is sent without, after ecn.maxretries", () => {
    const { sim, seen } = world({ delay: 10 });
    sim.a.filter = (w) => (seen.push({ from: "a", w, flags: flags(w) }), (flags(w) & TH_ECE) === 0);
    const end = sim.a.connect(80);
    sim.run(() => end.opened, 20_000);
    assertEquals([end.opened, end.c.ecn], [true, undefined]);
    assertEquals(syns(seen.filter(({ from }) => from === "a")), [TH_ECE | TH_CWR, TH_ECE | TH_CWR, 0]);
  });
  it("with nobody whose answer only mirrors what we sent", () => {
    const { sim } = world({ delay: 10 });
    sim.b.filter = (w) => {
      if (flags(w) & TH_SYN) w.bytes[13] = TH_SYN | TH_ACK | TH_ECE | TH_CWR;
      return true;
    };
    const end = sim.a.connect(80);
    sim.pass(100);
    assertEquals([end.opened, end.c.ecn], [true, undefined]);
  });
});

describe("marks", () => {
  it("are told until the sender says that it has slowed down; once in a round trip it does", () => {
    const { sim, seen, other } = world({ delay: 50 });
    const end = sim.a.connect(80);
    sim.pass(200);
    seen.length = 0;
    let left = 1;
    const carry = sim.a.filter;
    sim.a.filter = (w) => {
      if (w.ect && left-- > 0) w.ce = true;
      return carry(w);
    };
    end.outgoing = data.subarray(0, 100_000);
    end.pump();
    let before = 0;
    const slower = () => {
      if (sim.a.engine.counters.ecnReduced > 0) return true;
      before = end.c.congestion.window;
      return false;
    };
    assert(sim.run(slower, 1000) && end.c.congestion.window < before, `${end.c.congestion.window}, was ${before}`);
    sim.pass(1000);
    const told = seen.filter(({ from, flags }) => from === "b" && flags & TH_ECE).length;
    const heard = seen.filter(({ from, flags }) => from === "a" && flags & TH_CWR).length;
    assert(told > 1, `told ${told} times`);
    assertEquals([heard, sim.a.engine.counters.ecnReduced, other().received, other().c.ecn!.echo], [
      1,
      1,
      100_000,
      false,
    ]);
  });
  it("are only on new data: not on acknowledgements, nor on what is sent again", () => {
    const { sim, seen } = world({ delay: 5, rate: 1250, queue: 20_000, loss: 0.02 });
    const end = sim.a.connect(80);
    end.outgoing = data.subarray(0, 500_000);
    sim.run(() => end.opened, 10_000);
    end.pump();
    sim.pass(10_000);
    const highest = { a: -Infinity, b: -Infinity };
    for (const { from, w } of seen) {
      const [seq, n] = [(w.view.getInt32(4) - end.c.iss) | 0, w.bytes.length - (w.view.getUint8(12) >> 4) * 4];
      if (n === 0 || from === "b" || seq < highest.a) assertEquals(w.ect, false, `${from} ${seq}+${n}`);
      if (from === "a" && n > 0) highest.a = Math.max(highest.a, seq + n);
    }
    assert(sim.a.engine.counters.retransmitted > 0);
  });
  it("keep a queue short without losses, at the same throughput", () => {
    const run = (ecn: boolean) => {
      const { sim, other } = world({ delay: 20, rate: 1250, queue: 60_000, mark: 30_000 }, [ecn, ecn]);
      const end = sim.a.connect(80);
      end.outgoing = data;
      sim.run(() => end.opened, 10_000);
      end.pump();
      sim.pass(4000); // slow start goes beyond every queue
      const begun = sim.a.engine.counters.retransmitted;
      sim.pass(16_000);
      const { ecnReduced } = sim.a.engine.counters;
      const retransmitted = sim.a.engine.counters.retransmitted - begun;
      return { kbits: (other().received * 8) / 20_000, retransmitted, ecnReduced };
    };
    const [without, ecn] = [run(false), run(true)];
    assert(without.retransmitted > 0 && without.ecnReduced === 0, JSON.stringify(without));
    assert(ecn.retransmitted === 0 && ecn.ecnReduced > 5, JSON.stringify(ecn));
    assert(ecn.kbits > 0.93 * without.kbits && ecn.kbits > 9000, `${ecn.kbits} kbit/s, without ${without.kbits}`);
  });
});

describe("ECN in IP", () => {
  it("data has ECT(0), what routers mark is told, and the program's type of service stays", async () => {
    const tos: number[] = [];
    let mark = false;
    const { a, b } = await twoHosts((f, from) => {
      const isData = f[12] === 8 && f[13] === 0 && f[23] === 6 && (f[16]! << 8 | f[17]!) > 100;
      if (from === 0 && isData) {
        tos.push(f[15]!);
        if (mark) {
          f[15]! |= 3;
          const sum = ((f[24]! << 8 | f[25]!) - 1 + 0xffff) % 0xffff; // one more in the header
          f[24] = sum >> 8;
          f[25] = sum & 255;
        }
      }
      return [f];
    });
    for (const h of [a, b]) (h.stack.ip.protocol(IPPROTO_TCP) as TcpProtocol).engine.settings.ecn = true;
    const l = b.sys.socket({ domain: AF_INET, type: SOCK_STREAM, protocol: 0 }) as number;
    await b.sys.bind({ s: l, name: sin("10.0.0.2", 80) });
    b.sys.listen({ s: l, backlog: 1 });
    const s = a.sys.socket({ domain: AF_INET, type: SOCK_STREAM, protocol: 0 }) as number;
    a.sys.setsockopt({ s, level: 0, name: 3, val: new Uint8Array([0x10, 0, 0, 0]) });
    a.sys.setsockopt({ s, level: 6, name: 1, val: new Uint8Array([1, 0, 0, 0]) }); // TCP_NODELAY
    await a.sys.connect({ s, name: sin("10.0.0.2", 80) });
    const k = await b.sys.accept({ s: l }) as number;
    await a.sys.write({ fd: s, buf: new Uint8Array(100) });
    await settle();
    mark = true;
    await a.sys.write({ fd: s, buf: new Uint8Array(100) });
    await settle();
    assertEquals(tos, [0x10 | ECT_0, 0x10 | ECT_0]);
    assertEquals(await b.sys.read({ fd: k, buf: new Uint8Array(300) }), 200);
  });
});
