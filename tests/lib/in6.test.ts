import { isIPv6 } from "node:net";
import { describe, it } from "node:test";
import { parseSockaddrIn6, sockaddrIn6 } from "../../src/abi/inet.ts";
import { formatIpv6, In6Addr, mapIpv4, parseIpv6 } from "../../src/lib/in6.ts";
import { assert, assertEquals } from "../assert.ts";
import { seeded } from "../net/tcp_sim.ts";

const ip = (text: string) => parseIpv6(text)!;

describe("text of IPv6 addresses", () => {
  for (
    const [text, canonical] of [
      ["::", "::"],
      ["::1", "::1"],
      ["1::", "1::"],
      ["2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
      ["0:1:0:2:0:3:0:4", "0:1:0:2:0:3:0:4"],
      ["1:0:0:2:0:0:3:4", "1::2:0:0:3:4"],
      ["::ffff:10.0.0.1", "::ffff:10.0.0.1"],
      ["::10.0.0.1", "::10.0.0.1"],
      ["64:ff9b::192.0.2.33", "64:ff9b::c000:221"],
      ["1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"],
    ] as const
  ) {
    it(`${text} is ${canonical}`, () => assertEquals(formatIpv6(ip(text)), canonical));
  }
  it("what is none is refused, as the host refuses it", () => {
    const random = seeded(6);
    for (let i = 0; i < 20_000; i++) {
      const n = Math.floor(random() * 12);
      const text = Array.from({ length: n }, () => ["1", ":", "::", "ab", "ffff", "0", "1.2.3.4"][random() * 7 | 0]!)
        .join("");
      assertEquals([text, parseIpv6(text) !== undefined], [text, isIPv6(text)]);
    }
  });
  it("text and address are each other's inverse", () => {
    const random = seeded(7);
    const word = () => (random() < 0.5 ? 0 : random() * 2 ** 32) & (random() < 0.3 ? 0xffff : -1);
    for (let i = 0; i < 5000; i++) {
      const a = new In6Addr(word(), word(), word(), word());
      assert(ip(formatIpv6(a)).equals(a), formatIpv6(a));
    }
  });
});

describe("IPv6 addresses", () => {
  it("know their scope", () => {
    const scopes = ["::1", "fe80::1", "ff02::1", "ff01::1", "ff0e::1", "2001:db8::1"].map((t) => ip(t).scope);
    assertEquals(scopes, [2, 2, 2, 1, 14, 14]);
  });
  it("networks hold what begins as they do", () => {
    const a = ip("2001:db8:1:ffff::1");
    assertEquals([47, 48, 49, 64, 128, 0].map((n) => a.within(ip("2001:db8:1::").masked(n), n)), [
      true,
      true,
      false,
      false,
      false,
      true,
    ]);
    assertEquals(formatIpv6(a.masked(63)), "2001:db8:1:fffe::");
  });
  it("a mapped one is an IPv4 address", () => {
    assertEquals([mapIpv4(0x0a000001).mapped, formatIpv6(mapIpv4(0xffffffff))], [true, "::ffff:255.255.255.255"]);
  });
  it("struct sockaddr_in6 carries the link, never inside of the address", () => {
    const name = sockaddrIn6(ip("fe80::1").in(3), 80);
    assertEquals([name[10], name[11], name[24]], [0, 0, 3]);
    const back = parseSockaddrIn6(name)!;
    assertEquals([back.address.zone, back.port, formatIpv6(back.address)], [3, 80, "fe80::1"]);
  });
  it("the KAME form of programs for NetBSD is understood", () => {
    const { address } = parseSockaddrIn6(sockaddrIn6(ip("fe80:4::1"), 0))!;
    assertEquals([address.zone, formatIpv6(address)], [4, "fe80::1"]);
  });
});
