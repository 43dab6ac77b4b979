import { describe, it } from "node:test";
import { parseIpv6 } from "../../src/lib/in6.ts";
import { assertEquals } from "../assert.ts";
import { attach6, inet6Host, wire } from "./helpers6.ts";

const [NODAD, DEPRECATED, TEMPORARY] = [0x20, 0x10, 0x80];
/** An address that is ready at once, with more flags. */
type Own = readonly [address: string, flags?: number];

/** The source RFC 6724 chooses for a destination that is reached by en0; `other`: of en1. */
async function chosen(to: string, own: readonly Own[], other: readonly Own[] = []): Promise<string> {
  const { ip6, stack, ...rest } = await inet6Host();
  ip6.settings.autoLinkLocal = false;
  const host = { ...rest, ip6, stack };
  const ifaces = [await attach6(host, "en0", wire().device), await attach6(host, "en1", wire().device)];
  for (const [i, all] of [own, other].entries()) {
    for (const [text, flags = 0] of all) {
      const preferredUntil = flags & DEPRECATED ? 0 : Infinity;
      const address = parseIpv6(text)!;
      await ip6.addresses.add(ifaces[i]!, { address, length: 64, flags: NODAD | flags, preferredUntil });
    }
  }
  const all = { destination: parseIpv6("::")!, length: 0, gateway: undefined, flags: 1, mtu: 0, used: 0 };
  ip6.addRoute({ ...all, iface: ifaces[0]!, expires: Infinity });
  const destination = parseIpv6(to)!;
  return String(ip6.sourceFor(destination.scoped ? destination.in(ifaces[0]!.index) : destination));
}

describe("the source of packets (RFC 6724, 5 and 10.1)", () => {
  const cases: readonly (readonly [why: string, to: string, own: readonly Own[], best: string])[] = [
    [
      "is the destination itself, if that is ours",
      "2001:db8:1::1",
      [["2001:db8:2::1"], ["2001:db8:1::1"]],
      "2001:db8:1::1",
    ],
    ["reaches as far as the destination", "2001:db8:1::1", [["fe80::1"], ["2001:db8:1::2"]], "2001:db8:1::2"],
    ["reaches no farther than it must", "fe80::9", [["2001:db8:1::2"], ["fe80::1"]], "fe80::1"],
    ["of a group reaches as far as that", "ff05::1", [["fe80::1"], ["2001:db8:3::1"]], "2001:db8:3::1"],
    [
      "is none whose time is nearly over",
      "2001:db8:1::1",
      [["2001:db8:1::2", DEPRECATED], ["2001:db8:9::2"]],
      "2001:db8:9::2",
    ],
    [
      "is of the destination's kind of network",
      "2002:c633:6401::1",
      [["2001:db8:1::2"], ["2002:c633:6401::d5e3"]],
      "2002:c633:6401::d5e3",
    ],
    ["is not for a while only, unless that is preferred", "2001:4860::1", [
      ["2001:db8:1::2", TEMPORARY],
      ["2001:db8:1::3"],
    ], "2001:db8:1::3"],
    ["begins as the destination does", "2001:db8:1::1", [["2001:db8:3::2"], ["2001:db8:1::2"]], "2001:db8:1::2"],
  ];
  for (const [why, to, own, best] of cases) {
    it(why, async () => assertEquals(await chosen(to, own), best));
    it(`${why}: the order does not matter`, async () => assertEquals(await chosen(to, own.toReversed()), best));
  }
  it("is of the interface the packet goes out by, where all else is equal", async () => {
    assertEquals(await chosen("2001:4860::1", [["2001:db8:5::1"]], [["2001:4860:1::1"]]), "2001:db8:5::1");
  });
  it("is of another interface, where this one has none that reaches so far", async () => {
    assertEquals(await chosen("2001:4860::1", [["fe80::1"]], [["2001:db8:5::1"]]), "2001:db8:5::1");
  });
});
