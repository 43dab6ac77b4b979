/** rump.netstat and rump.sockstat against a server with an interface and some sockets. */
import { after, before, describe, it } from "node:test";
import { AF_INET, AF_INET6, AF_LOCAL, SOCK_DGRAM, SOCK_RAW, SOCK_STREAM } from "../../src/abi/flags.ts";
import { sockaddrIn, sockaddrIn6 } from "../../src/abi/inet.ts";
import { parseIpv6 } from "../../src/lib/in6.ts";
import { parseIpv4 } from "../../src/lib/inet.ts";
import { connect } from "../../src/rump.ts";
import { assert, assertEquals, assertMatch } from "../assert.ts";
import { Shell } from "./helpers.ts";

/** `rump.netstat -rn` of NetBSD 7.99.34 with such an interface; its own link-local address and lo0's MTU are ours. */
const ROUTES = `\
Routing tables

Internet:
Destination        Gateway            Flags    Refs      Use    Mtu Interface
10.0.0/24          link#2             UC          -        -      -  shmif0
10.0.0.1           link#2             UHl         -        -      -  lo0
127.0.0.1          lo0                UHl         -        -  33624  lo0

Internet6:
Destination                             Gateway                        Flags    Refs      Use    Mtu Interface
::1                                     ::1                            UH          -        -  33624  lo0
2001:db8::/64                           link#2                         UC          -        -      -  shmif0
2001:db8::1                             link#2                         UHl         -        -      -  lo0
fe80::%lo0/64                           fe80::1                        U           -        -      -  lo0
fe80::1                                 lo0                            UHl         -        -      -  lo0
fe80::%shmif0/64                        link#2                         UC          -        -      -  shmif0
fe80::b0a0:e5ff:fed8:ff45               link#2                         UHl         -        -      -  lo0
ff01:1::/32                             ::1                            UC          -        -  33624  lo0
ff01:2::/32                             link#2                         UC          -        -      -  shmif0
ff02::%lo0/32                           ::1                            UC          -        -  33624  lo0
ff02::%shmif0/32                        link#2                         UC          -        -      -  shmif0
`;
type Client = Awaited<ReturnType<typeof connect>>;
const LO = sockaddrIn(parseIpv4("127.0.0.1")!, 80);

async function listen(sys: Client["sys"], domain: number, name: Uint8Array): Promise<number> {
  const s = (await sys.socket({ domain, type: SOCK_STREAM, protocol: 0 })) as number;
  await sys.bind({ s, name });
  await sys.listen({ s, backlog: 5 });
  return s;
}
/** Descriptors 3 to 9: a listener, both ends of a connection with five bytes in it, UDP, ICMP, IPv6, local. */
async function sockets({ sys }: Client): Promise<void> {
  const s = await listen(sys, AF_INET, LO);
  const fd = (await sys.socket({ domain: AF_INET, type: SOCK_STREAM, protocol: 0 })) as number;
  await sys.connect({ s: fd, name: LO });
  await sys.accept({ s });
  await sys.write({ fd, buf: new Uint8Array(5) });
  const u = (await sys.socket({ domain: AF_INET, type: SOCK_DGRAM, protocol: 0 })) as number;
  await sys.bind({ s: u, name: sockaddrIn(0, 53) });
  await sys.socket({ domain: AF_INET, type: SOCK_RAW, protocol: 1 });
  await listen(sys, AF_INET6, sockaddrIn6(parseIpv6("2001:db8::1")!, 22));
  await listen(sys, AF_LOCAL, new Uint8Array([11, AF_LOCAL, ...new TextEncoder().encode("/tmp/ear")]));
}
/** Ports of the other side are chosen by the kernel. */
const plain = (text: string) => text.replace(/\b(127\.0\.0\.1)\.(\d{5})\b/g, "$1.PORT ");

describe("rump.netstat", () => {
  const sh = new Shell();
  const env = { RUMP_SERVER: `unix://${sh.dir}/sock` };
  const run = (args: string) => sh.run(`rump.netstat ${args}`, env);
  const sockstat = (args: string) => plain(sh.must(`rump.sockstat ${args}`, env)).replace(/^\S+ +ear +\d+ +/gm, "ear ");
  let client: Client | undefined;
  before(async () => {
    sh.must(`rump_allserver ${env.RUMP_SERVER}`);
    sh.must(
      `rump.ifconfig shmif0 create; rump.ifconfig shmif0 linkstr ${sh.dir}/bus; rump.ifconfig lo0 mtu 33624
       rump.ifconfig shmif0 inet 10.0.0.1/24; rump.ifconfig shmif0 inet6 2001:db8::1/64; rump.ifconfig -w 5`,
      env,
    );
    await sockets(client = await connect(env.RUMP_SERVER, "ear"));
    // What was written is acknowledged a little later.
    const arrived = `RUMP_SERVER=${env.RUMP_SERVER} rump.netstat -n | grep -q '0      5 '`;
    assert(sh.until(`! ${arrived}`));
  });
  after(() => {
    client?.close();
    sh.run("rump.halt", env);
    sh.close();
  });

  it("-rn writes the tables as NetBSD's does", () => {
    const own = /fe80::b0a0\S+ +/g;
    const same = (text: string) => text.replace(own, "own ");
    assertEquals(same(run("-rn").out), same(ROUTES));
  });
  it("-f inet takes one table only", () => {
    assertEquals(run("-rn -f inet").out, ROUTES.slice(0, ROUTES.indexOf("\nInternet6")));
  });
  it("-f takes several families, -v and -X change nothing", () => {
    assertEquals(run("-rn -f inet,inet6").out, run("-rn").out);
    assertEquals(run("-rn -f inet -f inet6").out, run("-rnX").out);
    const of = (list: string) => run(`-an -f ${list}`).out.match(/^Active \S+/gm);
    assertEquals(of("inet,local"), ["Active Internet", "Active UNIX"]);
    assertEquals(run("-f inet,ipx").err, "rump.netstat: ipx: unknown address family\n");
  });
  it("-B tells who listens by bpf, and what is counted of it", () => {
    const capture = sh.start(`env RUMP_SERVER=${env.RUMP_SERVER} rump.pcap -i lo0 -w file.pcapng`);
    const peers = `RUMP_SERVER=${env.RUMP_SERVER} rump.netstat -B`;
    assert(sh.until(`${peers} | grep -q lo0`));
    sh.must("rump.ping -c 2 -i 0.01 127.0.0.1", env);
    assert(sh.until(`${peers} | grep -q 'lo0     [4-9]'`));
    const [title, head, line, ...more] = run("-B").out.split("\n");
    assertEquals([title, head, more], [
      "Active BPF peers",
      "PID\tInt\tRecv     Drop     Capt     Flags  Bufsize  Comm",
      [""],
    ]);
    assertMatch(line!, /^\d+ +lo0 {5}\d+ +0 +\d+ +[IWT][P-][R-]S- {2}\d+ +rump\.pcap$/);
    assertMatch(
      run("-B -s").out,
      /^bpf:\n\t\d+ total packets received\n\t\d+ total packets captured\n\t0 total packets dropped\n$/,
    );
    assertEquals(run("-B -I shmif0").out, `${title}\n${head}\n`);
    capture.kill("SIGINT");
  });
  it("-g: no multicasts are routed", () => {
    assertEquals(
      run("-gl").out,
      "No IPv4 multicast routing compiled into this system.\nNo IPv6 multicast routing compiled into this system.\n",
    );
  });
  it("what makes no sense is said: a word, counters of an interface, groups", () => {
    assertEquals(run("host").status, 2);
    assertEquals(run("-w 0").err, "rump.netstat: 0: not a number of seconds\n");
    const I = "rump.netstat: -I with -s or -p: protocols do not count for each interface\n";
    assertEquals(run("-I lo0 -p tcp").err, I);
    assertMatch(run("-ia").err, /^rump\.netstat: -a with -i: /);
  });
  it("-an lists all sockets", () => {
    const lines = plain(run("-an").out).split("\n");
    assertEquals(lines.slice(0, 11), [
      "Active Internet connections (including servers)",
      "Proto Recv-Q Send-Q  Local Address          Foreign Address        State",
      "tcp        0      0  127.0.0.1.80           *.*                    LISTEN",
      "tcp        0      0  127.0.0.1.PORT         127.0.0.1.80           ESTABLISHED",
      "tcp        5      0  127.0.0.1.80           127.0.0.1.PORT         ESTABLISHED",
      "udp        0      0  *.53                   *.*                   ",
      "Active Internet6 connections (including servers)",
      "Proto Recv-Q Send-Q  Local Address          Foreign Address        (state)",
      "tcp6       0      0  2001:db8::1.22         *.*                    LISTEN",
      "Active UNIX domain sockets",
      "Address  Type   Recv-Q Send-Q    Inode     Conn     Refs  Nextref Addr",
    ]);
    assert(/^ +[0-9a-f]+ stream +0 +0 +0 +0 +0 +0 \/tmp\/ear$/.test(lines[11]!), lines[11]);
  });
  it("without -a those that only wait are not shown, without -n there are names", () => {
    const { out } = run("-f inet");
    assert(!out.includes("LISTEN") && !out.includes("udp"), out);
    assert(/localhost\.http +ESTABLISHED/.test(out), out);
  });
  it("-A shows control blocks and short states", () => {
    assert(/^ +[0-9a-f]+ tcp +5 +0 127\.0\.0\.1\.80 +\S+ +ESTABL$/m.test(run("-Aan -f inet").out));
  });
  it("-in has a line for each address of an interface", () => {
    const lines = run("-in -I shmif0").out.split("\n").map((l) => l.split(/ +/).slice(0, 4).join(" "));
    assertEquals([lines[0], lines[2], lines[4]], [
      "Name Mtu Network Address",
      "shmif0 1500 10.0.0/24 10.0.0.1",
      "shmif0 1500 2001:db8::/64 2001:db8::1",
    ]);
  });
  it("-w goes on until it is ended", () => {
    const { out } = sh.run("timeout 1.5 rump.netstat -w 1 -I lo0", env);
    assert(out.split("\n").length >= 4 && out.startsWith("  lo0 in "), out);
  });
  it("-ss leaves out what did not happen", () => {
    const { out } = run("-ss -p tcp");
    assert(out.includes("\t1 connection accept\n") && !out.includes("\t0 "), out);
  });
  it("datagrams for nobody count once", async () => {
    const s = (await client!.sys.socket({ domain: AF_INET, type: SOCK_DGRAM, protocol: 0 })) as number;
    await client!.sys.sendto({ s, buf: new Uint8Array(1), flags: 0, to: sockaddrIn(parseIpv4("127.0.0.1")!, 9) });
    await client!.sys.close({ fd: s });
    assert(sh.until(`RUMP_SERVER=${env.RUMP_SERVER} rump.netstat -p udp | grep -q '1 dropped due to no socket'`));
    assert(run("-s -p udp").out.includes("\t0 broadcast/multicast datagrams"));
    assert(run("-s -p udp").out.includes("\t0 delivered\n"));
  });
  it("sockstat says who holds which socket", () => {
    assertEquals(
      sockstat("-n"),
      `\
USER     COMMAND    PID   FD PROTO  LOCAL ADDRESS         FOREIGN ADDRESS
ear 3 tcp    127.0.0.1.80          *.*
ear 4 tcp    127.0.0.1.PORT        127.0.0.1.80
ear 5 tcp    127.0.0.1.80          127.0.0.1.PORT 
ear 6 udp    *.53                  *.*
ear 7 2/1    *.*                   *.*
ear 8 tcp6   2001:db8::1.22        *.*
ear 9 stream /tmp/ear              -
`,
    );
  });
  it("-j is JSON: sockets, routes, counters", () => {
    const value = (args: string) => JSON.parse(run(args).out);
    assertEquals(value("-aj -f inet6"), [{
      family: "inet6",
      protocol: "tcp6",
      local: { address: "2001:db8::1", port: 22 },
      state: "LISTEN",
      listening: true,
      received: 0,
      unsent: 0,
    }]);
    const loop = {
      family: "inet",
      destination: "127.0.0.1",
      gateway: "lo0",
      flags: "UHl",
      mtu: 33624,
      interface: "lo0",
    };
    assertEquals(value("-rj -f inet")[2], loop);
    assertEquals(value("-j -p tcp").tcp.accepts, 1);
  });
  it("sockstat -j is JSON", () => {
    const [{ command, fd, protocol, local, listening }] = JSON.parse(sh.must("rump.sockstat -uj", env));
    assertEquals({ command, fd, protocol, local, listening }, {
      command: "ear",
      fd: 9,
      protocol: "stream",
      local: { path: "/tmp/ear" },
      listening: true,
    });
  });
  for (
    const [args, fds] of [["-c", "45"], ["-4l", "367"], ["-6", "8"], ["-u", "9"], ["-p 22,53-54", "68"], [
      "-f inet -p http",
      "345",
    ]] as const
  ) {
    it(`sockstat ${args} chooses`, () => {
      assertEquals(sockstat(args).split("\n").slice(1, -1).map((l) => l.split(" ")[1]).join(""), fds);
    });
  }
  for (
    const [command, status, err] of [
      ["rump.netstat -p nosuch", 1, "rump.netstat: nosuch: unknown or uninstrumented protocol\n"],
      ["rump.netstat -f ns", 1, "rump.netstat: ns: unknown address family\n"],
      ["rump.netstat -I wm0", 1, "rump.netstat: wm0: unknown interface\n"],
      ["rump.netstat -w 0", 1, "rump.netstat: 0: not a number of seconds\n"],
      ["rump.sockstat -f ns", 1, "rump.sockstat: ns: unsupported protocol family\n"],
      ["rump.sockstat -p 70000", 1, "rump.sockstat: 70000: Invalid argument\n"],
      ["rump.sockstat -u -p 1", 1, "rump.sockstat: local domain sockets do not have ports\n"],
    ] as const
  ) {
    it(`fails: ${command}`, () => {
      const r = sh.run(command, env);
      assertEquals([r.status, r.err], [status, err]);
    });
  }
  it("a server without network is told what it needs", () => {
    const bare = { RUMP_SERVER: `unix://${sh.dir}/bare` };
    sh.must(`rump_server ${bare.RUMP_SERVER}`);
    for (const args of ["", "-r", "-i", "-s"]) {
      assertEquals(sh.run(`rump.netstat ${args}`, bare), {
        status: 1,
        out: "",
        err: "rump.netstat: the server has no network: start it with -l rumpnet_netinet\n",
      });
    }
    sh.must("rump.halt", bare);
  });
});
