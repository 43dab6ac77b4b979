/** rump.traceroute, beside recordings of NetBSD's. */
import { describe, it } from "node:test";
import { assertEquals } from "../assert.ts";
import { within } from "./helpers.ts";
import { withLab } from "./net_lab.ts";

const timeless = (text: string) => text.replace(/\d+\.\d{3} ms/g, "T ms");
const head = (host: string, hops = 64) => `rump.traceroute to ${host} (${host}), ${hops} hops max, 40 byte packets\n`;
const TWO_HOPS = " 1  10.1.0.1  T ms  T ms  T ms\n 2  10.2.0.2  T ms  T ms  T ms\n";

describe("rump.traceroute", () => {
  it("shows each hop as NetBSD's does, by UDP and by ICMP", () =>
    withLab((sh, on) => {
      for (const by of ["", "-I", "-x", "-F"]) {
        const { out, err, status } = sh.run(`rump.traceroute -n ${by} 10.2.0.2`, on);
        assertEquals([err, timeless(out), status], [head("10.2.0.2"), TWO_HOPS, 0]);
      }
    }));
  it("-P finds the largest packets that pass: by what the interface takes, then by what routers say", () =>
    withLab((sh, on) => {
      sh.must("rump.ifconfig shmif1 mtu 600", { RUMP_SERVER: on.RUMP_SERVER.replace("a.sock", "router.sock") });
      const { out, err } = sh.run("rump.traceroute -n -P -q 1 10.2.0.2", on);
      assertEquals(err, head("10.2.0.2").replace("40", "17914"));
      const [own, told] = [
        "message too big, trying new MTU = 1500\n",
        "fragmentation required and DF set, next hop MTU = 600\n",
      ];
      assertEquals(timeless(out), `${own} 1  10.1.0.1  T ms\n 2 \n${told} 2  10.2.0.2  T ms\n`);
    }));
  it("shows packets, answers' lives and lengths, and pauses", () =>
    withLab((sh, on) => {
      const { out, err } = sh.run("rump.traceroute -n -D -l -v -z 5 -q 2 -m 1 10.2.0.2", on);
      assertEquals(timeless(out), " 1  10.1.0.1 36 bytes to 10.1.0.2  T ms (ttl = 255)  T ms (ttl = 255)\n");
      assertEquals(err.match(/^packet data:\n {2}45 00 (.. ){21}..\n {2}(.. ){15}..$/gm)?.length, 2);
    }));
  it("who says that nothing is behind it ends the way, with a mark", () =>
    withLab((sh, on) => {
      const { out, err } = sh.run("rump.traceroute -n -q 1 -w 2 -m 4 10.9.9.9", on);
      assertEquals([err, timeless(out)], [head("10.9.9.9", 4), " 1  10.1.0.1  T ms\n 2  10.1.0.1  T ms !N\n"]);
    }));
  it("who says nothing is a star", () =>
    withLab((sh, on) => {
      assertEquals(sh.run("rump.traceroute -n -q 2 -m 2 -w 0.05 10.1.0.99", on).out, " 1  * *\n 2  * *\n");
    }));
  it("what cannot be sent is said once, and is not tried for other hops", () =>
    withLab((sh, on) => {
      const { out, err, status } = sh.run("rump.traceroute -n -F -q 2 10.2.0.2 3000 2>&1 >hops; cat hops", on);
      assertEquals(status, 0);
      assertEquals(err, "");
      assertEquals(
        out,
        "rump.traceroute to 10.2.0.2 (10.2.0.2), 64 hops max, 3000 byte packets\n" +
          "rump.traceroute: sendto: Message too long\n 1  * *\n",
      );
    }));
  it("an interface that is not there, and a name nobody knows, are said", () =>
    within((sh) => {
      sh.must("rump_server -l rumpnet_netinet -l rumpnet_lo unix://s");
      const on = { RUMP_SERVER: `unix://${sh.dir}/s` };
      const said = (args: string) => sh.run(`rump.traceroute ${args}`, on).err;
      assertEquals(said("-i nosuch0 127.0.0.1"), "rump.traceroute: nosuch0: Device not configured\n");
      assertEquals(said("nosuch.host.invalid"), "rump.traceroute: unknown host nosuch.host.invalid\n");
      sh.must("rump.halt", on);
    }));
});
