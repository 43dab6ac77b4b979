/** rump.route: what a NetBSD 7.99.34 rump kernel was recorded to show and to answer. */
import { after, before, describe, it } from "node:test";
import { assert, assertEquals, assertMatch } from "../assert.ts";
import { Shell } from "./helpers.ts";

const HEAD =
  "Routing tables\n\nInternet:\nDestination        Gateway            Flags    Refs      Use    Mtu Interface\n";
const line = (to: string, by: string, flags: string, mtu: string, iface: string) =>
  `${to.padEnd(18)} ${by.padEnd(18)} ${flags.padEnd(11)} -        - ${mtu.padStart(6)}  ${iface}\n`;
const OWN = [
  line("10.0.0/24", "link#2", "U", "-", "shmif0"),
  line("10.0.0.1", "link#2", "UHl", "-", "lo0"),
  line("127.0.0.1", "lo0", "UHl", "65535", "lo0"),
];
const METRICS = " recvpipe  sendpipe  ssthresh  rtt,msec    rttvar  hopcount      mtu     expire\n" +
  "       0         0         0         0         0         0  ";
const answer = (asked: string, to: string, mask: string, by: string) =>
  `   route to: ${asked}\ndestination: ${to}\n       mask: ${mask}\n    gateway: ${by}\n local addr: 10.0.0.1\n` +
  `  interface: shmif0\n      flags: <UP,GATEWAY,DONE,STATIC>\n${METRICS}       0         0 \n`;

/** Letters of flags at their places: UGHRBDMCLS12plb. */
const ALIGNED = HEAD + [
  ["default", "10.0.0.254", "UG             ", "-", "shmif0"],
  ["10.0.0/24", "link#2", "U              ", "-", "shmif0"],
  ["10.0.0.1", "link#2", "U H          l ", "-", "lo0"],
  ["127.0.0.1", "lo0", "U H          l ", "65535", "lo0"],
  ["172.16.0.1", "10.0.0.9", "UGH            ", "900", "shmif0"],
  ["192.168.6/24", "127.0.0.1", "UG             ", "65535", "lo0"],
  ["192.168.7/24", "127.0.0.1", "UG R           ", "65535", "lo0"],
].map(([to, by, flags, mtu, iface]) =>
  `${to!.padEnd(18)} ${by!.padEnd(18)} ${flags}      -        - ${mtu!.padStart(6)}  ${iface}\n`
).join("");
const FLUSHED = [["default", "10.0.0.254"], ["172.16.0.1", "10.0.0.9"], ["192.168.5/24", "10.0.0.9"]]
  .map(([to, by]) => `${to!.padEnd(20)} ${by!.padEnd(20)} done\n`).join("");
/** Arguments, what is said, the exit status and the error. */
const session: readonly (readonly [args: string, out: string, status?: number, err?: string])[] = [
  ["-n show -inet", HEAD + OWN.join("")],
  ["add default 10.0.0.254", "add net default: gateway 10.0.0.254\n"],
  ["-n show -inet", HEAD + line("default", "10.0.0.254", "UG", "-", "shmif0") + OWN.join("")],
  ["add -net 192.168.5.0/24 10.0.0.9", "add net 192.168.5.0: gateway 10.0.0.9\n"],
  [
    "add -net 192.168.5.0/24 10.0.0.9",
    "add net 192.168.5.0: gateway 10.0.0.9: File exists\n",
    1,
    "writing to routing socket: File exists",
  ],
  ["add -host 172.16.0.1 10.0.0.9 -mtu 900", "add host 172.16.0.1: gateway 10.0.0.9\n"],
  ["-n get 192.168.5.77", answer("192.168.5.77", "192.168.5.0", "255.255.255.0", "10.0.0.9")],
  ["-n get default", answer("default", "default", "default", "10.0.0.254")],
  ["-n get 8.8.8.8", answer("8.8.8.8", "default", "default", "10.0.0.254")],
  [
    "-n get 127.0.0.1",
    "   route to: 127.0.0.1\ndestination: 127.0.0.1\n local addr: 127.0.0.1\n  interface: lo0\n" +
    `      flags: <UP,HOST,DONE,LOCAL>\n${METRICS}   65535         0 \n`,
  ],
  ["-n -s get 8.8.8.8", "10.0.0.254\n"],
  ["-n -s get 10.0.0.9", "shmif0\n"],
  ["-t add -net 192.168.99.0/24 10.0.0.9", "add net 192.168.99.0: gateway 10.0.0.9\n"],
  ["-t delete default", "delete net default\n"],
  ["-t flush", FLUSHED],
  ["change -net 192.168.5.0/24 10.0.0.10", "change net 192.168.5.0: gateway 10.0.0.10\n"],
  ["delete -net 192.168.5.0/24", "delete net 192.168.5.0\n"],
  [
    "delete -net 192.168.5.0/24",
    "delete net 192.168.5.0: not in table\n",
    1,
    "writing to routing socket: not in table",
  ],
  ["add -net 192.168.6.0/24 -blackhole 127.0.0.1", "add net 192.168.6.0: gateway 127.0.0.1\n"],
  ["add -net 192.168.7.0/24 -reject 127.0.0.1", "add net 192.168.7.0: gateway 127.0.0.1\n"],
  [
    "-n show -inet",
    HEAD + line("default", "10.0.0.254", "UG", "-", "shmif0") + OWN.join("") +
    line("172.16.0.1", "10.0.0.9", "UGH", "900", "shmif0") + line("192.168.6/24", "127.0.0.1", "UG", "65535", "lo0") +
    line("192.168.7/24", "127.0.0.1", "UGR", "65535", "lo0"),
  ],
  ["-n -S show -inet", ALIGNED],
  ["add -net 1.2.3.0/24 99.99.99.99", "add net 1.2.3.0: gateway 99.99.99.99\n"],
  // NetBSD writes networks without their masks here: 1/0, 172/0, 192/0.
  [
    "flush",
    [
      ["default", "10.0.0.254"],
      ["1.2.3/24", "99.99.99.99"],
      ["172.16.0.1", "10.0.0.9"],
      ["192.168.6/24", "127.0.0.1"],
      ["192.168.7/24", "127.0.0.1"],
    ].map(([to, by]) => `${to!.padEnd(20)} ${by!.padEnd(20)} done\n`).join(""),
  ],
  ["-n show -inet", HEAD + OWN.join("")],
];

describe("rump.route", () => {
  const sh = new Shell();
  const env = { RUMP_SERVER: `unix://${sh.dir}/sock` };
  const run = (args: string) => sh.run(`rump.route ${args}`, env);
  before(() => {
    sh.must("rump_server -l rumpnet_netinet6 -l rumpnet_shmif unix://sock");
    sh.must(
      "rump.ifconfig shmif0 create && rump.ifconfig shmif0 linkstr bus && rump.ifconfig shmif0 10.0.0.1/24 && rump.ifconfig -w 10",
      env,
    );
  });
  after(() => {
    sh.run("rump.halt", env);
    sh.close();
  });

  it("answers a session as NetBSD's was recorded to", () => {
    for (const [args, out, status = 0, err] of session) {
      const r = run(args);
      assertEquals({ args, ...r }, { args, status, out, err: err === undefined ? "" : `rump.route: ${err}\n` });
    }
  });
  it("IPv6: a default route by its family, networks by their length, link-local routers by their interface", () => {
    assertEquals(run("-q add -inet6 default fe80::9%shmif0"), { status: 0, out: "", err: "" });
    sh.must("rump.route -q add 2001:db8:5::/48 fe80::7%shmif0", env);
    const table = run("-n show -inet6").out;
    assertMatch(table, /^default +fe80::9 +UG .* shmif0$/m);
    assertMatch(table, /^2001:db8:5::\/48 +fe80::7 +UG .* shmif0$/m);
    assertMatch(run("-n get 2001:db8:5::1").out, /gateway: fe80::7%shmif0\n/);
    sh.must("rump.route -q flush -inet6", env);
  });
  it("an interface is a gateway with -iface; networks may be written short", () => {
    assertEquals(run("add -net 10.7 -iface shmif0").out, "add net 10.7: gateway shmif0\n");
    assertMatch(run("-nv show -inet").out, /^10.7\/16 +link#2 +UCS/m);
    sh.must("rump.route -q delete -net 10.7", env);
  });
  it("monitor tells what changes", () => {
    const server = `RUMP_SERVER=${env.RUMP_SERVER}`;
    const watching = sh.start(`env ${server} rump.route -n monitor > seen`);
    const change = "rump.route -q add 5.5.5.5 10.0.0.9; rump.route -q delete 5.5.5.5";
    assert(sh.until(`export ${server}; sleep 0.1; ${change}; grep -q Delete seen`));
    watching.kill("SIGTERM");
    assertMatch(
      sh.must("cat seen"),
      /RTM_ADD: Add Route: .*flags: <UP,GATEWAY,HOST,DONE,STATIC>\n.*\n.*\n 5.5.5.5 10.0.0.9/,
    );
  });
  it("words that are wrong are named: usage errors end with 2, names of nobody with 1", () => {
    for (
      const [args, status, what] of [
        ["add 1.1.1.1", 2, "add 1.1.1.1: a gateway is missing"],
        ["add 1.1.1.1 -foo 10.0.0.9", 2, "-foo: bad keyword"],
        ["add 1.1.1.1/33 10.0.0.9", 2, "-prefixlen 33: more than 32"],
        ["add 1.1.1.1 10.0.0.9 -mtu x", 2, "-mtu x: not a number that makes sense"],
        ["get 1.1.1.300", 1, "1.1.1.300: bad address"],
        ["add 1.1.1.1 -ifp nosuch0 10.0.0.9", 1, "nosuch0: no such interface"],
      ] as const
    ) {
      const r = run(args);
      assertEquals([args, r.status, r.err.split("\n")[0]], [args, status, `rump.route: ${what}`]);
    }
    assertEquals(run("frob").status, 2);
  });
  it("a server without a network is told how it gets one", () => {
    sh.must("rump_server unix://plain");
    const r = sh.run("rump.route -n get 1.1.1.1", { RUMP_SERVER: `unix://${sh.dir}/plain` });
    sh.must("rump.halt", { RUMP_SERVER: `unix://${sh.dir}/plain` });
    assert(r.status === 1 && r.err.includes("the server has no network"), r.err);
  });
});
