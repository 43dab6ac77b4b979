/** Addresses and networks as text. */
import { describe, it } from "node:test";
import { AF_INET, AF_INET6, AF_LINK, AF_LOCAL } from "../../src/abi/flags.ts";
import { in6Mask, inetMask, sockaddrIn, sockaddrIn6 } from "../../src/abi/inet.ts";
import { RTM_VERSION, RtMsghdr, sockaddrDl } from "../../src/abi/route_structs.ts";
import { endpointOf } from "../../src/abi/pcbs.ts";
import { takeApart } from "../../src/abi/route_messages.ts";
import { patientNamer } from "../../src/cmd/net/host_names.ts";
import { netName, sockaddrText } from "../../src/cmd/net/sockaddr_text.ts";
import { parseIpv6 } from "../../src/lib/in6.ts";
import { maskOf, parseIpv4 } from "../../src/lib/inet.ts";
import { viewOf } from "../../src/lib/struct.ts";
import { assert, assertEquals } from "../assert.ts";

const in4 = (text: string) => sockaddrIn(parseIpv4(text)!, 0);
const in6 = (text: string, zone = 0) => sockaddrIn6(parseIpv6(text)!.in(zone), 0);
const zone = (index: number) => `if${index}`;
const NO_MAC = new Uint8Array(0);

describe("text of addresses", () => {
  for (
    const [address, length, text] of [
      ["0.0.0.0", 0, "default"],
      ["10.0.0.0", 8, "10/8"],
      ["172.16.0.0", 12, "172.16/12"],
      ["10.0.0.0", 24, "10.0.0/24"],
      ["10.0.0.4", 30, "10.0.0.4/30"],
      ["10.0.0.4", 32, "10.0.0.4/32"],
    ] as const
  ) {
    it(`IPv4 network ${text}`, () => assertEquals(netName(in4(address), inetMask(maskOf(length))), text));
  }
  for (
    const [sa, length, text] of [
      [in6("::"), 0, "default"],
      [in6("2001:db8::1"), 64, "2001:db8::/64"],
      [in6("fe80::", 2), 64, "fe80::%if2/64"],
      [in6("ff02::", 1), 32, "ff02::%if1/32"],
      [in6("ff01::", 1), 32, "ff01:1::/32"],
    ] as const
  ) {
    it(`IPv6 network ${text}`, () => assertEquals(netName(sa, in6Mask(length), zone), text));
  }
  for (
    const [text, sa] of [
      ["default", new Uint8Array(0)],
      ["10.1.2.3", in4("10.1.2.3")],
      ["10.1.0.0", in4("10.1.0.0").subarray(0, 6)],
      ["link#3", sockaddrDl({ index: 3, type: 6, name: "", mac: NO_MAC })],
      ["02:00:00:00:00:0a", sockaddrDl({ index: 3, type: 6, name: "", mac: Uint8Array.of(2, 0, 0, 0, 0, 10) })],
      ["lo0", sockaddrDl({ index: 1, type: 24, name: "lo0", mac: NO_MAC })],
      ["gif0:a.1", sockaddrDl({ index: 1, type: 240, name: "gif0", mac: Uint8Array.of(10, 1) })],
      ["(99) Q01.02", Uint8Array.of(4, 99, 1, 2)],
      ["(18) Qff", Uint8Array.of(3, 18, 255)],
    ] as const
  ) {
    it(`address ${text}`, () => assertEquals(sockaddrText(sa), text));
  }
  it("whatever a kernel answers is text without control characters, or no message", () => {
    const seed = Date.now() >>> 0;
    let state = seed;
    const byte = () => ((state = (Math.imul(state, 1664525) + 1013904223) >>> 0) >>> 24);
    const some = () => {
      const bytes = Uint8Array.from({ length: byte() >> 2 }, () => (byte() < 64 ? 0 : byte()));
      // A family that is known, most of the time.
      if (bytes.length > 1) bytes[1] = [AF_LOCAL, AF_INET, AF_LINK, AF_INET6, byte()][byte() % 5]!;
      return bytes;
    };
    for (let i = 0; i < 20_000; i++) {
      const [sa, mask] = [some(), some()];
      const texts = [sockaddrText(sa, zone), netName(sa, mask, zone), endpointOf(sa).path];
      assert(!/\p{Cc}/u.test(texts.join("")), `seed ${seed}: ${texts}`);
      const message = new Uint8Array(RtMsghdr.size + mask.length);
      message.set(mask, RtMsghdr.size);
      RtMsghdr.write(viewOf(message), 0, { version: RTM_VERSION, addrs: byte() });
      for (const a of takeApart(message)?.addresses.values() ?? []) assertEquals(a.length, a[0] ?? 0);
    }
  });
  it("names are asked for no longer than patience lasts", () => {
    let [clock, asked] = [0, 0];
    const host = {
      now: () => clock,
      resolve: () => [],
      readFile: () => new Uint8Array(0),
      hostNameOf: (address: string) => {
        clock += 400;
        asked++;
        return `h${address.length}`;
      },
    };
    const nameOf = patientNamer(host, 1000);
    const names = [1, 2, 3, 4, 5].map((n) => nameOf(0xc0a8_0700 + n));
    assertEquals([names, asked], [["h11", "h11", "h11", undefined, undefined], 3]);
  });
});
