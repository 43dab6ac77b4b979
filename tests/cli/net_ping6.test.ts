/** rump.ping6 and rump.traceroute6, beside recordings of NetBSD's. */
import { describe, it } from "node:test";
import { assert, assertEquals } from "../assert.ts";
import type { Shell } from "./helpers.ts";
import { withLab } from "./net_lab.ts";

type On = { readonly RUMP_SERVER: string };
/** The lab with routes of IPv6, when its addresses are no longer tentative. */
const withLab6 = (work: (sh: Shell, on: On) => void) =>
  withLab((sh, on) => {
    sh.must("rump.route add -inet6 default 2001:db8:1::1", on);
    sh.must("rump net lab.json exec b rump.route add -inet6 default 2001:db8:2::1");
    sh.must("rump net lab.json exec router rump.sysctl -w net.inet6.ip6.forwarding=1");
    assert(sh.until(`RUMP_SERVER=${on.RUMP_SERVER} timeout 2 rump.ping6 -q -o 2001:db8:2::2 >/dev/null 2>&1`));
    work(sh, on);
  });
const timeless = (text: string) =>
  text.replace(/time=\d+\.\d{3} ms/g, "time=T ms").replace(/ = \d+\.\d{3}(\/\d+\.\d{3}){3} ms/, " = T ms")
    .replace(/ \d+\.\d{3} ms/g, " T ms");
const head = (from: string, to: string, data = 8) => `PING6(${48 + data}=40+8+${data} bytes) ${from} --> ${to}\n`;
const replies = (from: string, count: number, hops: number) =>
  Array.from({ length: count }, (_, i) => `16 bytes from ${from}, icmp_seq=${i} hlim=${hops} time=T ms\n`).join("");
const statistics = (host: string, sent: number, received: number) =>
  `\n--- ${host} ping6 statistics ---\n${sent} packets transmitted, ${received} packets received, ${
    (((sent - received) * 100) / sent).toFixed(1)
  }% packet loss\n${received > 0 ? "round-trip min/avg/max/std-dev = T ms\n" : ""}`;

describe("rump.ping6", () => {
  it("tells of replies, and of what did not arrive, as NetBSD's does", () =>
    withLab6((sh, on) => {
      const ping = (args: string) => timeless(sh.run(`rump.ping6 -i 0.01 ${args}`, on).out);
      const [a, b] = ["2001:db8:1::2", "2001:db8:2::2"];
      assertEquals(ping("-c 2 ::1"), head("::1", "::1") + replies("::1", 2, 64) + statistics("::1", 2, 2));
      assertEquals(ping(`-n -c 2 ${a}`), head(a, a) + replies(a, 2, 64) + statistics(a, 2, 2));
      assertEquals(ping(`-c 2 ${b}`), head(a, b) + replies(b, 2, 63) + statistics(b, 2, 2));
      assertEquals(ping(`-q -c 3 -s 3000 ${b}`), head(a, b, 3000) + statistics(b, 3, 3));
      const over = "64 bytes from 2001:db8:1::1: Time to live exceeded for icmp_seq=0\n";
      const died = sh.run(`timeout --preserve-status -s INT 0.6 rump.ping6 -c 1 -h 1 ${b}`, on);
      assertEquals([died.out, died.status], [head(a, b) + over + statistics(b, 1, 0), 2]);
    }));
  it("a link's own addresses need their link", () =>
    withLab6((sh, on) => {
      const lines = sh.must("rump.ping6 -o -I shmif0 ff02::1", on);
      assert(/^16 bytes from fe80::[0-9a-f:]+%shmif0, icmp_seq=0 hlim=64 time=/m.test(lines), lines);
      assertEquals(
        sh.run("rump.ping6 -c 1 fe80::1%nosuch0", on).err,
        "rump.ping6: fe80::1%nosuch0: no interface nosuch0\n",
      );
    }));
  it("-g by a neighbour; -x waits so long for the last, -X so long for all", () =>
    withLab6((sh, on) => {
      const [a, b, far] = ["2001:db8:1::2", "2001:db8:1::1", "2001:db8:2::2"];
      assertEquals(
        timeless(sh.must(`rump.ping6 -c 1 -g ${b} ${far}`, on)),
        head(a, far) + replies(far, 1, 63) + statistics(far, 1, 1),
      );
      const nobody = sh.run(`rump.ping6 -c 1 -x 50 -g 2001:db8:1::77 ${far}`, on);
      assertEquals([nobody.out, nobody.status], [head(a, far) + statistics(far, 1, 0), 2]);
      assert(/\n[234] packets transmitted, [234] packets received/.test(sh.must(`rump.ping6 -X 0.35 -i 0.1 ${b}`, on)));
    }));
  it("a host no route leads to is said", () =>
    withLab((sh, on) => {
      assertEquals(sh.run("rump.ping6 -c 1 2001:db8:9::1", on).err, "rump.ping6: UDP connect: No route to host\n");
    }));
});
describe("rump.traceroute6", () => {
  it("shows each hop, by UDP and by ICMPv6, and who knows no way", () =>
    withLab6((sh, on) => {
      const trace = (args: string) => timeless(sh.must(`rump.traceroute6 -n ${args} 2>&1`, on));
      const top = (to: string) =>
        `rump.traceroute6 to ${to} (${to}) from 2001:db8:1::2, 64 hops max, 12 byte packets\n`;
      const hops = " 1  2001:db8:1::1  T ms  T ms  T ms\n 2  2001:db8:2::2  T ms  T ms  T ms\n";
      for (const by of ["", "-I"]) assertEquals(trace(`${by} 2001:db8:2::2`), top("2001:db8:2::2") + hops);
      const none = " 1  2001:db8:1::1  T ms\n 2  2001:db8:1::1  T ms !N\n";
      assertEquals(trace("-q 1 2001:db8:9::2"), top("2001:db8:9::2") + none);
    }));
});
