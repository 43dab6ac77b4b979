/** Node information queries (RFC 4620): what is told, and what is not. */
import { describe, it } from "node:test";
import { parseIpv6 } from "../../src/lib/in6.ts";
import { viewOf } from "../../src/lib/struct.ts";
import { assert, assertEquals } from "../assert.ts";
import { bytes } from "./helpers.ts";
import { hostOnWire, icmp6, in6, ofType, PEER } from "./helpers6.ts";

const [US, THEM] = ["2001:db8::1", "2001:db8::9"];
const NONCE = [1, 2, 3, 4, 5, 6, 7, 8];
async function host() {
  const h = await hostOnWire(`${US}/64`);
  h.ip6.nd.set(h.iface, parseIpv6(THEM)!, PEER, { permanent: true });
  h.kernel.tree.find("kern.hostname")!.write!("Sun.example");
  /** What is answered: code, flags and data; undefined: nothing. */
  const ask = (about: number, subject: readonly number[], { code = 0, flags = 0, to = US } = {}) => {
    h.sent.length = 0;
    h.inject(icmp6({ from: THEM, to }, [139, code, 0, 0, 0, about, 0, flags, ...NONCE, ...subject]));
    const [answer] = ofType(h.sent, 140);
    if (!answer) return undefined;
    assertEquals([answer.from, answer.to, [...answer.message.slice(8, 16)]], [US, THEM, NONCE]);
    return { code: answer.code, flags: answer.message[7], data: answer.message.slice(16) };
  };
  return { ...h, ask };
}
/** A name of few parts is not whole. */
const SUN = [3, ...bytes("sun"), 7, ...bytes("example"), 0, 0];

describe("node information", () => {
  it("its name is told to who asks for its address, or for the name itself", async () => {
    const { ask } = await host();
    const told = { code: 0, flags: 0, data: Uint8Array.of(0, 0, 0, 0, ...SUN) };
    assertEquals(ask(2, in6(US)), told);
    assertEquals(ask(2, [3, ...bytes("SUN"), 0, 0], { code: 1 }), told);
    assertEquals(ask(2, [3, ...bytes("sun"), 7, ...bytes("example"), 3, ...bytes("org"), 0], { code: 1 }), told);
  });
  it("who asks for somebody else hears nothing", async () => {
    const { ask } = await host();
    const others = [[2, in6("2001:db8::77"), 0], [2, [4, ...bytes("moon"), 0, 0], 1], [2, [], 1], [2, [9], 0], [
      2,
      [],
      2,
    ]];
    for (const [about, subject, code] of others as [number, number[], number][]) {
      assertEquals(ask(about, subject, { code }), undefined);
    }
    assertEquals(ask(2, in6("ff05::1"), { to: "ff05::1" }), undefined);
  });
  it("what can be asked is told; what nobody knows is said to be so", async () => {
    const { ask } = await host();
    assertEquals(ask(0, [], { code: 1 })?.data.length, 0);
    assertEquals(ask(1, in6(US))?.data, new Uint8Array([0, 0, 0, 15]));
    assertEquals(ask(77, in6(US))?.code, 2);
    assertEquals(ask(4, in6(US)), undefined);
  });
  it("addresses are told where the administrator says so, by their scope", async () => {
    const { ask, ip6, iface } = await host();
    assertEquals(ask(3, in6(US), { flags: 32 }), undefined);
    ip6.settings.nodeInfo = 3;
    const rows = (flags: number) => {
      const { data } = ask(3, in6(US), { flags })!;
      return Array.from({ length: data.length / 20 }, (_, i) => [viewOf(data).getUint32(20 * i), data[20 * i + 4]]);
    };
    assertEquals(rows(32), [[0x7fff_ffff, 0x20]]);
    assertEquals(rows(32 | 8), [[0x7fff_ffff, 0x20], [0x7fff_ffff, 0xfe]]);
    await ip6.addresses.add(iface, {
      address: parseIpv6("2001:db8::2")!,
      length: 64,
      flags: 0x20,
      validUntil: ip6.now() + 50_000,
      preferredUntil: ip6.now() + 50_000,
    });
    assertEquals(rows(32).map(([seconds]) => seconds), [0x7fff_ffff, 50]);
  });
  it("as many addresses as one packet holds", async () => {
    const { ask, ip6, iface } = await host();
    ip6.settings.nodeInfo = 3;
    for (let i = 0; i < 80; i++) {
      await ip6.addresses.add(iface, { address: parseIpv6(`2001:db8::1:${i}`)!, length: 64, flags: 0x20 });
    }
    const { flags, data } = ask(3, in6(US), { flags: 32 })!;
    assertEquals([flags! & 1, data.length], [1, 61 * 20]);
  });
  it("nothing is told at all where it is off", async () => {
    const { ask, ip6 } = await host();
    ip6.settings.nodeInfo = 0;
    assertEquals([0, 1, 2, 3, 77].map((about) => ask(about, in6(US))), Array(5).fill(undefined));
  });
  it("a host without a name that DNS could have tells none", async () => {
    const { ask, kernel } = await host();
    for (const name of ["-x", "a..b", "under_score", `${"x".repeat(64)}.org`]) {
      kernel.tree.find("kern.hostname")!.write!(name);
      assertEquals(ask(2, in6(US)), undefined, name);
    }
  });
  it("damaged queries harm nobody", async () => {
    const { inject, ip6 } = await host();
    ip6.settings.nodeInfo = 3;
    let x = 4711;
    const random = () => (x = (x * 1103515245 + 12345) & 0x7fffffff) >>> 16;
    for (let i = 0; i < 2000; i++) {
      const message = [
        139,
        random() % 3,
        0,
        0,
        0,
        random() % 6,
        random(),
        random(),
        ...Array.from({ length: random() % 60 }, random),
      ];
      inject(icmp6({ from: THEM, to: US }, message.map((b) => b & 255)));
    }
    assert(ip6.icmp.counters.in[139]! > 1990);
  });
});
