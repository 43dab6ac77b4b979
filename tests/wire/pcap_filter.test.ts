/** Filter expressions: tcpdump's own compiler is the judge of ours, on the same packets. */
import { spawnSync } from "node:child_process";
import process from "node:process";
import { describe, it } from "node:test";
import { DLT } from "../../src/abi/bpf.ts";
import { Filter } from "../../src/net/bpf/filter.ts";
import { compileFilter, FilterError } from "../../src/wire/pcap_filter.ts";
import { assert, assertEquals, assertThrows } from "../assert.ts";
import { randomOf, seedOf } from "../cases/fat_images.ts";

const SNAP = 262_144;
const expressions: readonly string[] = [
  "",
  "ip",
  "ip6",
  "arp",
  "icmp",
  "icmp6",
  "tcp",
  "udp",
  "igmp",
  "host 10.0.0.1",
  "src host 10.0.0.1",
  "dst 10.0.0.2",
  "host fe80::1",
  "src host fe80::1",
  "net 10.0.0.0/24",
  "dst net 10.0.0.0/8",
  "net fe80::/10",
  "port 80",
  "src port 80",
  "tcp port 80",
  "udp dst port 53",
  "portrange 50-90",
  "tcp src portrange 1-1023",
  "ether host 2:0:0:0:0:1",
  "ether src 2:0:0:0:0:1",
  "ether proto 0x86dd",
  "less 60",
  "greater 61",
  "not arp",
  "tcp and not port 80",
  "(tcp or udp) and host 10.0.0.1",
  "! ( icmp || arp ) && ( net 10.0.0.0/24 || ip6 )",
  "tcp or udp and port 53 or icmp",
];
/** tcpdump's program. */
function judge(expression: string, link: string): Filter {
  const { stdout, stderr, status } = spawnSync("tcpdump", ["-ddd", "-s", String(SNAP), "-y", link, expression], {
    encoding: "utf8",
  });
  assert(status === 0, stderr);
  const program = stdout.trim().split("\n").slice(1).map((line) => line.split(" ").map(Number));
  return new Filter(program.map(([code, jt, jf, k]) => ({ code: code!, jt: jt!, jf: jf!, k: k! })));
}
/** Packets that such expressions may be about: all fields from few values. */
function packets(link: number, seed: number): Uint8Array[] {
  const random = randomOf(seed);
  const one = <T>(...of: T[]): T => of[random(of.length)]!;
  const v4 = () => one([10, 0, 0, 1], [10, 0, 0, 2], [10, 9, 9, 9], [192, 168, 1, 1]);
  const v6 = () => [...one([0xfe, 0x80], [0x20, 0x01]), ...Array<number>(13).fill(0), one(1, 2)];
  const mac = () => [2, 0, 0, 0, 0, one(1, 2)];
  const ports = () => [0, one(80, 53, 1, 22), one(0, 4), one(80, 53, 9)];
  const protocol = () => one(1, 2, 6, 17, 58, 132, 44);
  const ip = () => {
    const options = Array<number>(one(0, 0, 1) * 4).fill(1);
    const offset = one(0, 0, 0, 9);
    const head = [0x45 + options.length / 4, 0, 0, 60, 0, 1, 0, offset, 64, protocol(), 0, 0, ...v4(), ...v4()];
    return [...head, ...options, ...ports()];
  };
  const ip6 = () => [0x60, 0, 0, 0, 0, 20, protocol(), 64, ...v6(), ...v6(), one(6, 17, 58), ...ports().slice(1)];
  const arp = () => [0, 1, 8, 0, 6, 4, 0, 1, ...mac(), ...v4(), ...mac(), ...v4()];
  const make = (): number[] => {
    const which = one("ip", "ip6", "arp");
    if (link === DLT.RAW) return which === "ip6" ? ip6() : ip();
    if (link === DLT.NULL) return which === "ip6" ? [24, 0, 0, 0, ...ip6()] : [2, 0, 0, 0, ...ip()];
    const [type, body] = which === "ip" ? [[8, 0], ip()] : which === "ip6" ? [[0x86, 0xdd], ip6()] : [[8, 6], arp()];
    return [...mac(), ...mac(), ...type, ...body];
  };
  return Array.from({ length: 2000 }, () => {
    const whole = make();
    const all = [...whole, ...Array<number>(random(30)).fill(0)];
    return new Uint8Array(random(20) ? all : all.slice(0, random(all.length)));
  });
}

describe("filter expressions choose what tcpdump's choose:", () => {
  const seed = seedOf();
  process.stdout.write(`pcap filter: SEED=${seed}\n`);
  const all = packets(DLT.EN10MB, seed);
  for (const text of expressions) {
    it(text || "(nothing)", () => {
      const [theirs, ours] = [judge(text, "EN10MB"), new Filter(compileFilter(text, DLT.EN10MB, SNAP))];
      for (const p of all) assertEquals(ours.run(p), theirs.run(p), `${[...p]}`);
    });
  }
  it("on links of IP packets", () => {
    const some = packets(DLT.RAW, seed);
    for (const text of ["host 10.0.0.1", "tcp port 80", "ip6", "not net 10.0.0.0/24", "icmp6"]) {
      const [theirs, ours] = [judge(text, "RAW"), new Filter(compileFilter(text, DLT.RAW, SNAP))];
      for (const p of some) assertEquals(ours.run(p), theirs.run(p), `${text}: ${[...p]}`);
    }
  });
});
describe("filter expressions", () => {
  it("on the loopback interface the family is NetBSD's", () => {
    const run = (text: string, p: number[]) => new Filter(compileFilter(text, DLT.NULL, 9)).run(new Uint8Array(p));
    const udp = [2, 0, 0, 0, 0x45, 0, 0, 32, 0, 0, 0, 0, 64, 17, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1, 0, 80, 0, 53];
    assertEquals(["host 127.0.0.1", "dst port 53", "src port 53", "ip6"].map((t) => run(t, udp)), [9, 9, 0, 0]);
    const six = [24, 0, 0, 0, 0x60, 0, 0, 0, 0, 0, 58, 1, ...Array<number>(32).fill(0)];
    assertEquals(run("icmp6", six), 9);
  });
  it("what is wrong is said with the word that is wrong", () => {
    const wrong: readonly (readonly [string, string])[] = [
      ["foo", "foo: neither a word of filters nor an address"],
      ["host 10.0.0", "10.0.0: neither a word of filters nor an address"],
      ["port http", "http: not a port"],
      ["port 70000", "70000: not a port"],
      ["portrange 90-80", "90-80: not a range of ports"],
      ["net 10.0.0.0/33", "10.0.0.0/33: not a network"],
      ["ether host 1:2:3", "1:2:3: not an Ethernet address"],
      ["less x", "x: not a number from 0 to 4294967295"],
      ["(tcp", ") is missing in the filter"],
      ["tcp and", "a condition is missing at the end of the filter"],
      ["tcp udp", "udp: not expected in a filter here"],
      [`${"(".repeat(200)}tcp${")".repeat(200)}`, "the filter is nested too deeply"],
      [Array(2000).fill("tcp").join(" or "), "the filter is too long"],
      [Array(120).fill("port 80").join(" or "), "the filter is too long"],
    ];
    for (const [text, reason] of wrong) assertThrows(() => compileFilter(text, DLT.EN10MB, 1), FilterError, reason);
  });
});
