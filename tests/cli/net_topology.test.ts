/** Three kernels on two bus files, the one in the middle forwards: set up by the programs, as it was with NetBSD's (its recorded topology). */
import { after, before, describe, it } from "node:test";
import { assertEquals, assertStringIncludes } from "../assert.ts";
import { Shell } from "./helpers.ts";

describe("two networks and a router between them", () => {
  const sh = new Shell();
  const on = (host: string, command: string) => sh.run(command, { RUMP_SERVER: `unix://${sh.dir}/${host}` });
  const must = (host: string, command: string) => sh.must(command, { RUMP_SERVER: `unix://${sh.dir}/${host}` });
  const hosts = ["left", "router", "right"];
  before(() => {
    for (const host of hosts) sh.must(`rump_server -l rumpnet_netinet6 -l rumpnet_shmif unix://${host}`);
    must("left", "rump.ifconfig shmif0 create linkstr $PWD/bus1 inet 10.1.0.2/24");
    must("router", "rump.ifconfig shmif0 create linkstr $PWD/bus1 inet 10.1.0.1/24");
    must("router", "rump.ifconfig shmif1 create linkstr $PWD/bus2 inet 10.2.0.1/24");
    must("right", "rump.ifconfig shmif0 create linkstr $PWD/bus2 inet 10.2.0.2/24");
  });
  after(() => {
    for (const host of hosts) on(host, "rump.halt");
    sh.close();
  });

  it("routes and forwarding are switched on in NetBSD's words", () => {
    assertEquals(must("left", "rump.route add default 10.1.0.1"), "add net default: gateway 10.1.0.1\n");
    assertEquals(must("right", "rump.route add default 10.2.0.1"), "add net default: gateway 10.2.0.1\n");
    const forwarding = must("router", "rump.sysctl -w net.inet.ip.forwarding=1");
    assertEquals(forwarding, "net.inet.ip.forwarding: 1 -> 1\n");
  });
  it("the router answers, and through it the other network, also to what it takes several packets to ask", () => {
    assertStringIncludes(must("left", "rump.ping -n -c 1 10.1.0.1"), "64 bytes from 10.1.0.1: icmp_seq=0 ttl=255 ");
    assertStringIncludes(must("left", "rump.ping -n -c 1 10.2.0.2"), "64 bytes from 10.2.0.2: icmp_seq=0 ttl=254 ");
    const long = must("left", "rump.ping -n -c 1 -s 3000 10.2.0.2");
    assertStringIncludes(long, "3008 bytes from 10.2.0.2: icmp_seq=0 ttl=254 ");
  });
  it("a packet of one hop is told of by the router", () => {
    const { status, out } = on("left", "rump.ping -n -T 1 -c 1 -w 1 10.2.0.2");
    assertEquals(status, 2);
    assertStringIncludes(out, "36 bytes from 10.1.0.1: Time To Live exceeded for icmp_seq=0\n");
    assertStringIncludes(out, "1 packets transmitted, 0 packets received, 100.0% packet loss\n");
  });
  it("the routing table is NetBSD's", () => {
    assertEquals(
      must("left", "rump.netstat -rn -f inet").replace(/ (33624|65535) {2}lo0/, "    LO  lo0"),
      `Routing tables

Internet:
Destination        Gateway            Flags    Refs      Use    Mtu Interface
default            10.1.0.1           UGS         -        -      -  shmif0
10.1.0/24          link#2             UC          -        -      -  shmif0
10.1.0.2           link#2             UHl         -        -      -  lo0
127.0.0.1          lo0                UHl         -        -     LO  lo0
`,
    );
  });
  it("an interface counts what it sent", () => {
    const [shmif] = JSON.parse(must("left", "rump.ifconfig -j shmif0"));
    assertEquals([shmif.input.packets > 5, shmif.output.packets > 5, shmif.input.errors], [true, true, 0]);
  });
});
