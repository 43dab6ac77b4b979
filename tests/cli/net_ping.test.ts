/** rump.ping, beside recordings of NetBSD's. */
import { writeFileSync } from "node:fs";
import { describe, it } from "node:test";
import { assert, assertEquals } from "../assert.ts";
import { within } from "./helpers.ts";
import { withLab } from "./net_lab.ts";

/** Times are not the recording's. */
const timeless = (text: string) =>
  text.replace(/time=\d+\.\d{6} ms/g, "time=T ms").replace(/ = \d+\.\d{6}(\/\d+\.\d{6}){3} ms/, " = T ms");
const statistics = (host: string, sent: number, received: number) =>
  `\n----${host} PING Statistics----\n${sent} packets transmitted, ${received} packets received, ${
    (((sent - received) * 100) / sent).toFixed(1)
  }% packet loss\n${received > 0 ? "round-trip min/avg/max/stddev = T ms\n" : ""}`;
const replies = (from: string, count: number, ttl: number, bytes = 64) =>
  Array.from({ length: count }, (_, i) => `${bytes} bytes from ${from}: icmp_seq=${i} ttl=${ttl} time=T ms\n`).join("");

describe("rump.ping", () => {
  it("tells of replies and round trips as NetBSD's does", () =>
    withLab((sh, on) => {
      const ping = (args: string) => timeless(sh.must(`rump.ping -i 0.01 ${args}`, on));
      const head = (host: string, bytes = 56) => `PING ${host} (${host}): ${bytes} data bytes\n`;
      const [own, far] = ["127.0.0.1", "10.2.0.2"];
      assertEquals(ping(`-c 3 ${own}`), head(own) + replies(own, 3, 255) + statistics(own, 3, 3));
      assertEquals(ping(`-n -c 2 ${far}`), head(far) + replies(far, 2, 254) + statistics(far, 2, 2));
      assertEquals(
        ping(`-s 3000 -c 2 -n ${far}`),
        head(far, 3000) + replies(far, 2, 254, 3008) + statistics(far, 2, 2),
      );
      assertEquals(ping(`-o -n ${far}`), head(far) + replies(far, 1, 254) + statistics(far, 1, 1));
      assertEquals(ping(`-q -c 3 ${own}`), head(own) + statistics(own, 3, 3));
    }));
  it("tells why requests do not arrive, and ends with 2", () =>
    withLab((sh, on) => {
      const ping = (args: string) => sh.run(`rump.ping -n -i 0.01 -w 0.2 ${args}`, on);
      const [far, none] = ["10.2.0.2", "10.9.9.9"];
      const short = ping(`-T 1 -c 2 ${far}`);
      const line = (i: number) => `36 bytes from 10.1.0.1: Time To Live exceeded for icmp_seq=${i}\n`;
      assertEquals(short.out, `PING ${far} (${far}): 56 data bytes\n${line(0)}${line(1)}${statistics(far, 2, 0)}`);
      assertEquals(short.status, 2);
      const told = ping(`-c 1 ${none}`);
      assert(told.out.includes("36 bytes from 10.1.0.1: Destination Net Unreachable for icmp_seq=0\n"));
      const long = ping(`-D -s 2000 -c 1 ${far}`);
      assertEquals([long.err, long.status], ["rump.ping: sendto: Message too long\n", 2]);
    }));
  it("-w ends it whatever was sent; times of old have microseconds only", () =>
    withLab((sh, on) => {
      const ended = sh.run("rump.ping -n -w 0.35 -i 0.1 10.1.0.1", on);
      assert(/\n[234] packets transmitted, [234] packets received, 0.0% packet loss\n/.test(ended.out), ended.out);
      const none = sh.run("rump.ping -n -c 1 -i 0.01 10.1.0.99", on); // ten intervals are enough for the last
      assertEquals([none.status, none.out.includes("100.0% packet loss")], [2, true]);
      for (const how of ["-C", "-s 8"]) {
        const out = sh.must(`rump.ping -n -c 1 ${how} 10.1.0.1`, on);
        assert(/ time=\d+\.\d{3} ms\n/.test(out) && !out.includes("wrong"), out);
      }
    }));
  it("the route that is recorded is shown once", () =>
    withLab((sh, on) => {
      const text = timeless(sh.must("rump.ping -n -c 2 -i 0.01 -R 127.0.0.1", on));
      const [first, again] = ["\nRR: \t127.0.0.1\n\t127.0.0.1\n", "\t(same route)\n"];
      assert(text.includes(`icmp_seq=0 ttl=255 time=T ms${first}64 bytes`));
      assert(text.includes(`icmp_seq=1 ttl=255 time=T ms${again}`));
    }));
  it("a flood ends with its rates, and draws no dot where nothing is lost", () =>
    withLab((sh, on) => {
      const text = timeless(sh.must("rump.ping -n -f -c 300 10.2.0.2", on)).replace(/\d+\.\d (?=packets)/g, "R ");
      const rates = "  R packets/sec sent,  R packets/sec received\n";
      assert(
        text.replace(/[.\b]/g, "").endsWith(`\n${statistics("10.2.0.2", 300, 300)}${rates}`.replace(/[.\b]/g, "")),
      );
    }));
  it("replies that come twice are marked, and counted apart", () =>
    within((sh) => {
      const hosts = { a: { links: { l: "10.1.0.1/24" } }, b: { links: { l: "10.1.0.2/24" } } };
      writeFileSync(`${sh.dir}/lab.json`, JSON.stringify({ hosts, links: { l: { duplicate: "100%" } } }));
      sh.must("rump net -b lab.json");
      try {
        const text = timeless(sh.must("rump net lab.json exec a rump.ping -n -c 2 -i 0.1 10.1.0.2"));
        assert(text.includes("64 bytes from 10.1.0.2: icmp_seq=0 ttl=255 time=T ms\n"), text);
        assert(text.includes("64 bytes from 10.1.0.2: icmp_seq=0 DUP! ttl=255 time=T ms\n"), text);
        assert(
          /\n2 packets transmitted, 2 packets received, \+[1-9]\d* duplicates, 0.0% packet loss\n/.test(text),
          text,
        );
      } finally {
        sh.run("rump net lab.json down");
      }
    }));
  it("a server that goes is said, and what came until then is told", () =>
    within((sh) => {
      sh.must("rump_server -l rumpnet_netinet -l rumpnet_lo unix://s");
      const on = { RUMP_SERVER: `unix://${sh.dir}/s` };
      const { out, err, status } = sh.run("{ sleep 0.4; rump.halt; } & rump.ping -i 0.05 127.0.0.1", on);
      assertEquals([err, status], ["rump.ping: the server is gone\n", 1]);
      assert(timeless(out).endsWith("round-trip min/avg/max/stddev = T ms\n"), out);
    }));
  it("^C ends it with the statistics", () =>
    withLab((sh, on) => {
      const { out, status } = sh.run("timeout --preserve-status -s INT 0.6 rump.ping -n 10.2.0.2", on);
      assert(timeless(out).endsWith("round-trip min/avg/max/stddev = T ms\n"), out);
      assertEquals(status, 0);
    }));
  it("a name nobody knows, and a server without a network, are said", () =>
    within((sh) => {
      sh.must("rump_server unix://s");
      const on = { RUMP_SERVER: `unix://${sh.dir}/s` };
      const unknown = sh.run("rump.ping nosuch.host.invalid", on);
      assertEquals(
        [unknown.err, unknown.status],
        ['rump.ping: Cannot resolve "nosuch.host.invalid" (Host name lookup failure)\n', 1],
      );
      const none = sh.run("rump.ping 127.0.0.1; rump.halt", on);
      assertEquals(none.err, "rump.ping: the server has no such network: start it with -l rumpnet_netinet\n");
    }));
});
