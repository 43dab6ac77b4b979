/** The DHCP client on a clock of the test's: what it says, when, and what it believes. */
import { describe, it } from "node:test";
import process from "node:process";
import { type Lease, leaseOf, leaseText } from "../../src/cmd/net/dhcp_lease.ts";
import { DhcpMachine, type Question } from "../../src/cmd/net/dhcp_machine.ts";
import { prefixOf } from "../../src/lib/inet.ts";
import { BOOTREPLY, buildDhcp, DHCP, type DhcpMessage, OPTION, parseDhcp } from "../../src/wire/dhcp.ts";
import { assert, assertEquals } from "../assert.ts";

const MAC = Uint8Array.of(2, 0, 0, 0, 0, 9);
const [SERVER, ADDRESS] = [0x0a00_0001, 0x0a00_0032];
const be = (n: number) => Uint8Array.of(n >>> 24, n >>> 16, n >>> 8, n);
type Options = readonly (readonly [number, Uint8Array])[];

function answer(xid: number, type: number, more: Options = [], yiaddr: number = ADDRESS): DhcpMessage {
  const options = new Map<number, Uint8Array>([
    [OPTION.TYPE, Uint8Array.of(type)],
    [OPTION.SERVER, be(SERVER)],
    [OPTION.MASK, be(0xffff_ff00)],
    [OPTION.LEASE, be(3600)],
    ...more,
  ]);
  return { op: BOOTREPLY, xid, ciaddr: 0, yiaddr, mac: MAC, options };
}
/** A client, and what it did. */
function clientOf(random: () => number = () => 0.5) {
  const sent: (Question & { readonly at: number })[] = [];
  const log: string[] = [];
  let now = 0;
  const machine = new DhcpMachine(
    {
      send: (q) => void sent.push({ ...q, at: now }),
      take: (l) => void log.push(`take ${l.address.toString(16)}`),
      drop: (l) => void log.push(`drop ${l.address.toString(16)}`),
      random,
    },
    MAC,
    0,
  );
  const pass = (to: number) => {
    for (let n = 0; machine.due <= to; n++) {
      assert(n < 10_000, "it is called again and again");
      now = Math.max(now, machine.due);
      machine.tick(now);
    }
    now = to;
  };
  const hear = (type: number, more: Options = [], yiaddr = ADDRESS) =>
    machine.heard(now, answer(sent.at(-1)?.xid ?? 0, type, more, yiaddr));
  /** Bound at a time. */
  const bound = (more: Options = []) => {
    pass(now);
    hear(DHCP.OFFER, more);
    hear(DHCP.ACK, more);
    machine.checked(now, true);
    assertEquals(machine.state, "bound");
  };
  return { machine, sent, log, pass, hear, bound, types: () => sent.map((q) => q.type) };
}

describe("a DHCP client", () => {
  it("asks again and again, ever more seldom", () => {
    const { sent, pass } = clientOf();
    pass(200_000);
    assertEquals(sent.map((q) => q.at / 1000), [0, 1, 3, 7, 15, 31, 63, 127, 191]);
    assertEquals(new Set(sent.map((q) => q.xid)).size, 1);
    assertEquals(sent.map((q) => q.secs).slice(0, 4), [0, 1, 3, 7]);
  });
  it("requests what is offered, under the number of the offer, and is bound when nobody has the address", () => {
    const c = clientOf();
    c.pass(0);
    assert(c.hear(DHCP.OFFER));
    assertEquals([...c.sent[1]!.options], [[OPTION.ADDRESS, ADDRESS], [OPTION.SERVER, SERVER]]);
    assertEquals([c.sent[1]!.xid, c.sent[1]!.ciaddr, c.sent[1]!.unicast], [c.sent[0]!.xid, 0, false]);
    assert(c.hear(DHCP.ACK));
    assertEquals([c.machine.state, c.log], ["checking", ["take a000032"]]);
    c.machine.checked(0, true);
    assertEquals([c.machine.state, c.machine.due], ["bound", 1_800_000]);
  });
  it("begins anew when the server that offered says nothing", () => {
    const c = clientOf();
    c.pass(0);
    c.hear(DHCP.OFFER);
    c.pass(20_000);
    assertEquals(c.types(), [1, 3, 3, 3, 3, 1, 1, 1]);
  });
  it("declines an address that somebody has, and waits before it asks for another", () => {
    const c = clientOf();
    c.pass(0);
    c.hear(DHCP.OFFER);
    c.hear(DHCP.ACK);
    c.machine.checked(0, false);
    const declined = c.sent.at(-1)!;
    assertEquals([declined.type, declined.ciaddr, declined.unicast], [DHCP.DECLINE, 0, false]);
    assertEquals([...declined.options], [[OPTION.ADDRESS, ADDRESS], [OPTION.SERVER, SERVER]]);
    assertEquals(c.log, ["take a000032", "drop a000032"]);
    c.pass(9_999);
    assertEquals(c.types(), [1, 3, 4]);
    c.pass(10_000);
    assertEquals(c.types(), [1, 3, 4, 1]);
  });
  it("renews with its server at T1, with any at T2, and gives the address up when the lease is over", () => {
    const c = clientOf();
    c.bound();
    c.pass(3_599_999);
    const renewals = c.sent.slice(2);
    assertEquals(renewals.map((q) => q.at / 1000), [1800, 2475, 2812.5, 2981.25, 3065.625, 3150, 3375, 3487.5]);
    assertEquals(renewals.map((q) => q.unicast), [true, true, true, true, true, false, false, false]);
    assert(renewals.every((q) => q.type === DHCP.REQUEST && q.ciaddr === ADDRESS && q.options.size === 0));
    assertEquals(c.log, ["take a000032"]);
    c.pass(3_600_000);
    assertEquals([c.log, c.sent.at(-1)!.type], [["take a000032", "drop a000032"], DHCP.DISCOVER]);
  });
  it("a renewal counts from when it was asked for, and is not checked again", () => {
    const c = clientOf();
    c.bound();
    c.pass(1_800_000);
    assert(c.hear(DHCP.ACK, [[OPTION.LEASE, be(100)]]));
    assertEquals([c.machine.state, c.machine.due], ["bound", 1_850_000]);
    c.pass(1_850_000);
    c.hear(DHCP.ACK, [], ADDRESS + 1);
    assertEquals([c.machine.state, c.log.at(-1)], ["checking", "take a000033"]);
  });
  it("a refusal takes the lease away; it asks anew a second later, and tells the server's words", () => {
    const c = clientOf();
    c.bound();
    c.pass(1_800_000);
    assert(c.hear(DHCP.NAK, [[OPTION.MESSAGE, new TextEncoder().encode("lease\x1b[2J gone")]]));
    assertEquals([c.machine.state, c.log.at(-1), c.machine.refusal], ["init", "drop a000032", "lease?[2J gone"]);
    c.pass(1_800_999);
    assertEquals(c.sent.at(-1)!.type, DHCP.REQUEST);
    c.pass(1_801_000);
    assertEquals(c.sent.at(-1)!.type, DHCP.DISCOVER);
  });
  it("releases what it has, to its server alone, and is silent from then on", () => {
    const c = clientOf();
    c.bound();
    c.machine.release(5000);
    const q = c.sent.at(-1)!;
    assertEquals([q.type, q.ciaddr, q.unicast, ...q.options.keys()], [DHCP.RELEASE, ADDRESS, true, OPTION.SERVER]);
    assertEquals(c.log.at(-1), "drop a000032");
    const count = c.sent.length;
    c.pass(1e9);
    assertEquals(c.sent.length, count);
  });
  it("short leases are renewed no more often than every two seconds", () => {
    const c = clientOf();
    c.bound([[OPTION.LEASE, be(0)], [OPTION.T1, be(0)], [OPTION.T2, be(0)]]);
    for (let n = 0; n < 100; n++) {
      c.pass(c.machine.due);
      c.hear(DHCP.ACK, [[OPTION.LEASE, be(0)], [OPTION.T1, be(0)]]);
    }
    assert(c.sent.at(-1)!.at >= 198_000);
  });
  for (
    const [what, change] of [
      ["another number", (m) => ({ ...m, xid: m.xid ^ 1 })],
      ["another client", (m) => ({ ...m, mac: Uint8Array.of(2, 0, 0, 0, 0, 8) })],
      ["a question", (m) => ({ ...m, op: 1 })],
      ["no address of a host", (m) => ({ ...m, yiaddr: 0xe000_0001 })],
      ["the network's own address", (m) => ({ ...m, yiaddr: 0x0a00_0000 })],
      ["no server", (m) => ({ ...m, options: new Map([...m.options].filter(([k]) => k !== OPTION.SERVER)) })],
      ["a mask with holes", (m) => ({ ...m, options: new Map([...m.options, [OPTION.MASK, be(0xff00_ff00)]]) })],
    ] as readonly (readonly [string, (m: DhcpMessage) => DhcpMessage])[]
  ) {
    it(`passes by an offer with ${what}`, () => {
      const c = clientOf();
      c.pass(0);
      const offer = answer(c.sent[0]!.xid, DHCP.OFFER);
      assertEquals([c.machine.heard(0, change(offer)), c.machine.state], [false, "selecting"]);
      assertEquals([c.machine.heard(0, offer), c.machine.state], [true, "requesting"]);
    });
  }
  it("passes by an acknowledgement of another server than it asked, and refusals nobody asked for", () => {
    const c = clientOf();
    c.pass(0);
    assert(!c.hear(DHCP.NAK));
    c.hear(DHCP.OFFER);
    assert(!c.hear(DHCP.ACK, [[OPTION.SERVER, be(SERVER + 1)]]));
    assert(!c.hear(DHCP.NAK, [[OPTION.SERVER, be(SERVER + 1)]]));
    assertEquals(c.machine.state, "requesting");
  });
});

describe("what a lease says", () => {
  const lease = (...more: Options) => leaseOf(answer(1, DHCP.ACK, more));
  const ROUTER: Options = [[OPTION.ROUTER, be(SERVER)]];
  it("the router is the default route, unless there are classless ones (RFC 3442)", () => {
    assertEquals(lease(...ROUTER)?.routes, [{ destination: 0, length: 0, gateway: SERVER }]);
    const classless = Uint8Array.of(0, 10, 0, 0, 2, 24, 192, 168, 7, 10, 0, 0, 3, 32, 169, 254, 1, 1, 0, 0, 0, 0);
    assertEquals(lease(...ROUTER, [OPTION.ROUTES, classless])?.routes, [
      { destination: 0xa9fe_0101, length: 32, gateway: 0 },
      { destination: 0, length: 0, gateway: 0x0a00_0002 },
      { destination: 0xc0a8_0700, length: 24, gateway: 0x0a00_0003 },
    ]);
  });
  it("routes that are cut or no routes at all are none, and the router counts", () => {
    for (const bytes of [[24, 192, 168, 7, 10, 0, 0], [33, 1, 2, 3, 4, 5, 6, 7, 8, 9], [8]]) {
      assertEquals(lease(...ROUTER, [OPTION.ROUTES, Uint8Array.of(...bytes)])?.routes.length, 1);
    }
  });
  it("routers that cannot be reached are left out, and so are networks nobody can be on", () => {
    assertEquals(lease([OPTION.ROUTER, be(0x0b00_0001)])?.routes, []);
    assertEquals(lease([OPTION.ROUTES, Uint8Array.of(8, 127, 10, 0, 0, 2, 4, 224, 10, 0, 0, 2)])?.routes, []);
  });
  it("is told in a line, with names as far as they are names", () => {
    const text = (domain: string) =>
      leaseText(lease(...ROUTER, [OPTION.DNS, be(SERVER)], [OPTION.DOMAIN, new TextEncoder().encode(domain)])!);
    assertEquals(
      text("lab.example\0"),
      "10.0.0.50/24 gateway 10.0.0.1 server 10.0.0.1 domain lab.example dns 10.0.0.1 lease 3600 seconds",
    );
    assertEquals(text("x\x1b[2J"), "10.0.0.50/24 gateway 10.0.0.1 server 10.0.0.1 dns 10.0.0.1 lease 3600 seconds");
  });
});

/** xorshift32 */
function randomFrom(seed: number) {
  let x = seed || 1;
  return () => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return (x >>> 0) / 2 ** 32;
  };
}
describe("whatever a server sends", () => {
  const seed = Number(process.env.DHCP_SEED ?? Date.now() % 2 ** 31);
  const random = randomFrom(seed);
  const below = (n: number) => Math.floor(random() * n);
  /** An answer with some bytes changed, cut or doubled. */
  const mutated = (m: DhcpMessage): Uint8Array => {
    let bytes = buildDhcp(m);
    for (let n = below(6); n > 0; n--) bytes[below(4) === 0 ? below(bytes.length) : 240 + below(60)] = below(256);
    if (below(8) === 0) bytes = bytes.slice(0, below(bytes.length + 1));
    return bytes;
  };
  const sound = (l: Lease) => {
    const host = (a: number) => a >>> 24 > 0 && a >>> 24 < 224 && a >>> 24 !== 127;
    assert(
      host(l.address) && host(l.server) && prefixOf(l.mask) !== undefined && l.routes.length <= 64,
      `seed ${seed}`,
    );
    assert(l.seconds >= 4 && l.t1 >= 2 && l.t1 <= l.t2 && l.t2 <= l.seconds && l.seconds <= 604_800, `seed ${seed}`);
    assert(!/\p{C}/u.test(leaseText(l)), `seed ${seed}`);
  };
  it(`is parsed or not, and what is taken makes sense (seed ${seed})`, () => {
    let taken = 0;
    for (const end = Date.now() + 1000; Date.now() < end;) {
      const routes = Uint8Array.from({ length: below(40) }, () => below(34));
      const message = parseDhcp(mutated(answer(7, DHCP.ACK, [[OPTION.ROUTES, routes], [OPTION.DOMAIN, routes]])));
      const lease = message && leaseOf(message);
      if (lease) sound(lease);
      taken += lease ? 1 : 0;
    }
    assert(taken > 100, `only ${taken} of them were taken: it says nothing (seed ${seed})`);
  });
  it(`a client neither floods nor falls asleep (seed ${seed})`, () => {
    let leases = 0;
    for (let run = 0; run < 50; run++) {
      const c = clientOf(random);
      let now = 0;
      for (let step = 0; step < 200; step++) {
        c.pass(now);
        for (let n = below(3); n > 0; n--) {
          const m = parseDhcp(mutated(answer(c.sent.at(-1)?.xid ?? 0, below(8), [[OPTION.LEASE, be(below(100))]])));
          if (m) c.machine.heard(now, m);
          if (c.machine.state === "checking") c.machine.checked(now, below(4) > 0);
        }
        leases += c.machine.lease ? 1 : 0;
        assert(c.machine.due < Infinity, `seed ${seed}`);
        now += below(30_000);
      }
      assert(c.sent.length <= now / 500 + 400, `${c.sent.length} questions in ${now} ms (seed ${seed})`);
    }
    assert(leases > 100, `seed ${seed}`);
  });
});
