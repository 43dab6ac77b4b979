/** What pings and traceroutes count, make and say. */
import { describe, it } from "node:test";
import { labelsText } from "../../src/cmd/net/icmp_extensions.ts";
import { icmpText, routesText } from "../../src/cmd/net/icmp_text.ts";
import {
  echoRequest,
  parsePacket,
  recordRoute,
  sourceRoute,
  udpDatagram,
  wholePacket,
} from "../../src/cmd/net/probe_ipv4.ts";
import { Counts, RoundTrips } from "../../src/cmd/net/probe_stats.ts";
import { assert, assertEquals } from "../assert.ts";

/** The Internet checksum word by word (RFC 1071): 0 over what has a right one. */
function left(bytes: Iterable<number>): number {
  let sum = 0;
  for (const [i, b] of [...bytes].entries()) sum += i % 2 === 0 ? b << 8 : b;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

describe("what pings count", () => {
  it("the deviation is that of all round trips", () => {
    const trips = new RoundTrips();
    for (const ms of [2, 4, 4, 4, 5, 5, 7, 9]) trips.add(ms);
    assertEquals(trips.text(3), "2.000/5.000/9.000/2.000");
  });
  it("losses, duplicates and too many replies are told apart", () => {
    const counts = Object.assign(new Counts(), { sent: 3, received: 2 });
    assertEquals(counts.line, "3 packets transmitted, 2 packets received, 33.3% packet loss");
    counts.duplicates = 4;
    assertEquals(counts.line, "3 packets transmitted, 2 packets received, +4 duplicates, 33.3% packet loss");
    counts.received = 4;
    assert(counts.line.endsWith("-- somebody's duplicating packets!"));
    assertEquals(new Counts().line, "0 packets transmitted, 0 packets received, ");
  });
});
describe("packets of probes", () => {
  it("an echo request of any length has a right checksum", () => {
    for (const length of [0, 1, 7, 56, 1473]) {
      assertEquals(left(echoRequest(0x1234, 7, Uint8Array.from({ length }, (_, i) => i * 7))), 0);
    }
  });
  it("a UDP datagram has one over its addresses, unless it is to have none", () => {
    const u = { source: 0x0a010002, destination: 0x0a020002, from: 0x8001, to: 33435 };
    const datagram = udpDatagram(u, new Uint8Array([1, 2, 3]), true);
    const pseudo = [10, 1, 0, 2, 10, 2, 0, 2, 0, 17, 0, datagram.length];
    assertEquals(left([...pseudo, ...datagram]), 0);
    assertEquals([...udpDatagram(u, new Uint8Array(3), false).subarray(6, 8)], [0, 0]);
  });
  it("a whole packet is read as it was made", () => {
    const fields = { tos: 4, ttl: 3, protocol: 1, id: 9, source: 1, destination: 2, dontFragment: true };
    const packet = wholePacket({ ...fields, options: recordRoute() }, new Uint8Array([7, 7]));
    const { ttl, tos, options, payload } = parsePacket(packet)!;
    assertEquals([ttl, tos, options.length, [...payload]], [3, 4, 40, [7, 7]]);
  });
  it("a source route ends at a multiple of four bytes", () => assertEquals(sourceRoute([1, 2]).length, 12));
  it("a packet whose header is longer than it is is none", () => {
    assertEquals(parsePacket(new Uint8Array(20).fill(0x4f, 0, 1)), undefined);
    assertEquals(parsePacket(new Uint8Array(19)), undefined);
  });
});
describe("what ping says", () => {
  it("of messages, in NetBSD's words, also of codes nobody knows", () => {
    const text = (type: number, code: number, rest = 0) => icmpText({ type, code, rest });
    assertEquals([text(11, 0), text(3, 0), text(3, 4, 1400), text(3, 99), text(5, 1, 0x0a010001), text(77, 0)], [
      "Time To Live exceeded",
      "Destination Net Unreachable",
      "frag needed and DF set.  Next MTU=1400",
      "Bad Destination Unreachable Code: 99",
      "Redirect Host (New addr: 10.1.0.1)",
      "Bad ICMP type: 77",
    ]);
  });
  it("of routes, as far as they are filled in", () => {
    const option = recordRoute();
    option.set([10, 1, 0, 1], 3);
    option[2] = 8;
    assertEquals(routesText(option, (a) => a.toString(16)), "\nRR: \ta010001");
  });
  it("of options that are none, nothing, and it ends", () => {
    for (let kind = 0; kind < 256; kind++) {
      for (let length = 0; length < 12; length++) {
        const text = routesText(new Uint8Array([kind, length, 255, 1, 2, 3, 4, 5]), String);
        assert(text.length < 40);
      }
    }
  });
});

describe("labels of MPLS in ICMP errors", () => {
  const STACK = [0x20, 0, 0, 0, 0, 12, 1, 1, 0x00, 0x01, 0x0b, 0x01, 0x00, 0x02, 0x00, 0x01];
  const data = (...behind: number[]) => Uint8Array.of(...new Array<number>(128).fill(0), ...behind);
  it("are told with their experimental bits, behind a quoted packet of 128 bytes", () => {
    assertEquals(labelsText(data(...STACK)), " [MPLS: Label 16 Exp 5] [MPLS: Label 32 Exp 0]");
  });
  it("are believed with a right checksum or none, not with a wrong one", () => {
    const sum = left(STACK);
    assertEquals(labelsText(data(0x20, 0, sum >> 8, sum & 255, ...STACK.slice(4))), labelsText(data(...STACK)));
    assertEquals(labelsText(data(0x20, 0, sum >> 8, (sum + 1) & 255, ...STACK.slice(4))), "");
  });
  it("that are cut, or of another version, are none", () => {
    for (let n = 0; n < 128 + STACK.length; n++) assertEquals(labelsText(data(...STACK).subarray(0, n)), "");
    assertEquals(labelsText(data(0x10, ...STACK.slice(1))), "");
    assertEquals(labelsText(data(0x20, 0, 0, 0, 0, 0, 1, 1)), "");
  });
});
