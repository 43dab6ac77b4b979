/** Names of hosts and services, by a host that answers what it is told to. */
import { describe, it } from "node:test";
import { AF_INET, AF_INET6 } from "../../src/abi/flags.ts";
import { Failure } from "../../src/cmd/cli.ts";
import {
  addressOf,
  addressText,
  familyOf,
  nameOf,
  numericAddress,
  portOf,
  serviceOf,
} from "../../src/cmd/net/host_names.ts";
import { assertEquals, assertThrows } from "../assert.ts";

const asked: string[] = [];
const host = {
  resolve(name: string) {
    asked.push(name);
    return name === "www.example" ? ["2001:db8::80", "192.0.2.80"] : [];
  },
  hostNameOf: (address: string) =>
    address === "192.0.2.80" ? "www.example" : address === "192.0.2.66" ? "\x1b[2J" : undefined,
  readFile: () => new TextEncoder().encode("# services\nssh\t22/tcp\ntraceroute 33434/udp tr # comment\nbad line\n"),
};
const text = (name: string, family?: number) => {
  const found = addressOf(host, name, family);
  return found === undefined ? undefined : addressText(found);
};

describe("host names", () => {
  it("a name has the first address of the family that is asked for", () =>
    assertEquals([text("www.example"), text("www.example", AF_INET), text("www.example", AF_INET6)], [
      "2001:db8::80",
      "192.0.2.80",
      "2001:db8::80",
    ]));
  it("an address, an option and what is no name are asked of nobody", () => {
    asked.length = 0;
    const all = ["192.0.2.1", "::1", "--help", "1.2.3", "", "a b", "1.2.3.4.5"].map((n) => text(n));
    assertEquals([all, asked], [["192.0.2.1", "::1", ...new Array(5).fill(undefined)], []]);
  });
  it("an unknown name has none", () => assertEquals(text("nosuch.host"), undefined));
  it("a zone is an interface of the rump kernel, or a number", () => {
    const zone = (t: string) =>
      (numericAddress(t, AF_INET6, (n) => (n === "shmif0" ? 2 : undefined)) as { zone: number }).zone;
    assertEquals([zone("fe80::1%shmif0"), zone("fe80::1%7"), zone("fe80::1")], [2, 7, 0]);
  });
  it("a zone that is no interface is said", () =>
    assertThrows(() => numericAddress("fe80::1%nosuch", AF_INET6, () => undefined), Failure, "no interface nosuch"));
  it("a name that would move the cursor is none", () =>
    assertEquals([nameOf(host, 0xc0000250), nameOf(host, 0xc0000242)], ["www.example", undefined]));
  it("an address has a family", () =>
    assertEquals([familyOf(1), familyOf(addressOf(host, "::1")!)], [AF_INET, AF_INET6]));
  it("services are those of /etc/services, by number and by any name", () =>
    assertEquals(
      [
        portOf(host, "ssh", "tcp"),
        portOf(host, "tr", "udp"),
        portOf(host, "80", "tcp"),
        portOf(host, "65536", "tcp"),
        portOf(host, "ssh", "udp"),
        serviceOf(host, 22, "tcp"),
        serviceOf(host, 23, "tcp"),
      ],
      [22, 33434, 80, undefined, undefined, "ssh", undefined],
    ));
});
