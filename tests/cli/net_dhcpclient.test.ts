/** rump.dhcpclient: with a DHCP server that is a program of another rump kernel's on a bus, and with Debian's dnsmasq behind a TAP device. */
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { AF_INET, SO_BROADCAST, SOCK_DGRAM, SOL_SOCKET } from "../../src/abi/flags.ts";
import { sockaddrIn } from "../../src/abi/inet.ts";
import { connect } from "../../src/rump.ts";
import { BOOTREPLY, buildDhcp, DHCP, type DhcpMessage, OPTION, option32, parseDhcp } from "../../src/wire/dhcp.ts";
import { assert, assertEquals, assertMatch } from "../assert.ts";
import { Netns, noDnsmasq } from "../net/netns.ts";
import { type Shell, within } from "./helpers.ts";

const [OURS, THEIRS, MASK] = [0x0a00_0001, 0x0a00_0032, 0xffff_ff00];
const be = (n: number) => Uint8Array.of(n >>> 24, n >>> 16, n >>> 8, n);
const on = (n: number) => ({ RUMP_SERVER: `unix://h${n}` });
const LINE = "shmif0: 10.0.0.50/24 gateway 10.0.0.1 server 10.0.0.1 lease 3600 seconds\n";

/** Two of them; addresses of the second are used without asking, unless `dad`. */
function hosts(sh: Shell, dad = false): void {
  for (const n of [1, 2]) {
    sh.must(`rump_server -l rumpnet_netinet -l rumpnet_shmif -l rumpdev_bpf unix://h${n}`);
    if (!dad || n === 1) sh.must("rump.sysctl -qw net.inet.ip.dad_count=0", on(n));
    sh.must(`rump.ifconfig shmif0 create linkstr ${sh.dir}/bus`, on(n));
  }
  sh.must("rump.ifconfig shmif0 10.0.0.1/24", on(1));
  sh.env.RUMP_SERVER = "unix://h2";
}
/** What is answered; undefined: nothing. */
type Answer = {
  readonly type: number;
  readonly address?: number;
  readonly seconds?: number;
  readonly message?: string;
};
/** A server on the first host that answers by a script, and the types it was asked with, until there are so many. */
async function serve(
  sh: Shell,
  count: number,
  script: (type: number, n: number) => Answer | undefined,
): Promise<DhcpMessage[]> {
  const { sys, close } = await connect(`unix://${sh.dir}/h1`);
  const s = await sys.socket({ domain: AF_INET, type: SOCK_DGRAM, protocol: 0 });
  await sys.bind({ s, name: sockaddrIn(0, 67) });
  await sys.setsockopt({ s, level: SOL_SOCKET, name: SO_BROADCAST, val: Uint8Array.of(1, 0, 0, 0) });
  const [asked, buf]: [DhcpMessage[], Uint8Array] = [[], new Uint8Array(1500)];
  while (asked.length < count) {
    const n = await sys.recvfrom({ s, buf, flags: 0 });
    const question = parseDhcp(buf.slice(0, n as number))!;
    asked.push(question);
    const a = script(typeOf(question), asked.length);
    if (a) await sys.sendto({ s, buf: answerTo(question, a), flags: 0, to: sockaddrIn(0x0a00_00ff, 68) });
  }
  close();
  return asked;
}
const typeOf = (m: DhcpMessage) => m.options.get(OPTION.TYPE)![0]!;
function answerTo(question: DhcpMessage, { type, address = THEIRS, seconds = 3600, message = "" }: Answer): Uint8Array {
  const options = new Map([
    [OPTION.TYPE as number, Uint8Array.of(type)],
    [OPTION.SERVER, be(OURS)],
    [OPTION.MASK, be(MASK)],
    [OPTION.ROUTER, be(OURS)],
    [OPTION.LEASE, be(seconds)],
    [OPTION.MESSAGE, new TextEncoder().encode(message)],
  ]);
  return buildDhcp({ ...question, op: BOOTREPLY, yiaddr: address, options });
}
/** Wait, and let the server answer meanwhile. */
async function until(happens: () => boolean): Promise<void> {
  for (const end = Date.now() + 20_000; !happens();) {
    assert(Date.now() < end, "it does not happen");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
const usual = (type: number): Answer => ({ type: type === DHCP.DISCOVER ? DHCP.OFFER : DHCP.ACK });

describe("rump.dhcpclient", () => {
  it("gives an interface the address and the default route a server has for it", () =>
    within(async (sh) => {
      hosts(sh);
      const served = serve(sh, 2, usual);
      const client = sh.start("rump.dhcpclient -t 20 shmif0 >out 2>err");
      assertEquals((await served).map(typeOf), [DHCP.DISCOVER, DHCP.REQUEST]);
      assertEquals([await client.ended, sh.must("cat out err")], [0, LINE]);
      assert(sh.must("rump.ifconfig shmif0", on(2)).includes("10.0.0.50"));
      assertMatch(sh.must("rump.netstat -rn", on(2)), /^default +10\.0\.0\.1 /m);
    }));
  it("passes by offers of addresses that no host can have, and takes the one that makes sense", () =>
    within(async (sh) => {
      hosts(sh);
      const served = serve(sh, 3, (type, n) => ({ ...usual(type), ...(n === 1 ? { address: 0xe000_0001 } : {}) }));
      const client = sh.start("rump.dhcpclient -t 30 shmif0 >out 2>err");
      assertEquals((await served).map(typeOf), [DHCP.DISCOVER, DHCP.DISCOVER, DHCP.REQUEST]);
      assertEquals([await client.ended, sh.must("cat out err")], [0, LINE]);
    }));
  it("-r: a lease that is not renewed goes, another is asked for, and is given back at the end", () =>
    within(async (sh) => {
      hosts(sh);
      const served = serve(sh, 6, (type, n) => {
        if (n === 3) return { type: DHCP.NAK, message: "moved" };
        return type === DHCP.RELEASE ? undefined : { ...usual(type), seconds: 4, address: THEIRS + (n > 3 ? 1 : 0) };
      });
      const client = sh.start("rump.dhcpclient -r -t 20 shmif0 >out 2>err");
      await until(() => sh.run("grep 10.0.0.51 out").status === 0);
      client.kill("SIGINT");
      const asked = await served;
      const { DISCOVER, REQUEST, RELEASE } = DHCP;
      assertEquals(asked.map(typeOf), [DISCOVER, REQUEST, REQUEST, DISCOVER, REQUEST, RELEASE]);
      assertEquals([asked[2]!.ciaddr, asked[5]!.ciaddr], [THEIRS, THEIRS + 1]);
      assertEquals([await client.ended, sh.must("cat err")], [
        1,
        "rump.dhcpclient: shmif0: the lease is over: moved\n",
      ]);
      assert(!sh.must("rump.ifconfig shmif0", on(2)).includes("inet 10"));
      assert(!/^(default|10)/m.test(sh.must("rump.netstat -rn", on(2))));
    }));
  it("declines an address that somebody has", () =>
    within(async (sh) => {
      hosts(sh, true);
      sh.must("rump.ifconfig shmif0 10.0.0.50/24 alias", on(1));
      const served = serve(sh, 3, (type) => (type === DHCP.DECLINE ? undefined : usual(type)));
      const client = sh.start("rump.dhcpclient -t 3 shmif0 >out 2>err");
      const asked = await served;
      assertEquals(asked.map(typeOf), [DHCP.DISCOVER, DHCP.REQUEST, DHCP.DECLINE]);
      assertEquals([option32(asked[2]!, OPTION.ADDRESS), option32(asked[2]!, OPTION.SERVER)], [THEIRS, OURS]);
      assertEquals(await client.ended, 1);
      assertMatch(sh.must("cat err"), /somebody has the address\n.*no lease in 3 seconds\n$/);
      assert(!sh.must("rump.ifconfig shmif0", on(2)).includes("inet 10"));
    }));
  it("says what is missing", () =>
    within((sh) => {
      sh.must("rump_server -l rumpnet_netinet -l rumpnet_shmif unix://h1");
      sh.must("rump.ifconfig shmif0 create linkstr bus", on(1));
      const err = (args: string) => sh.run(`rump.dhcpclient ${args}`, on(1)).err;
      assertEquals(err("shmif0"), "rump.dhcpclient: shmif0: the server has no bpf: start it with -l rumpdev_bpf\n");
      assertEquals(err("shmif7"), "rump.dhcpclient: shmif7: no such interface\n");
      assertEquals(err("lo0"), "rump.dhcpclient: lo0: no Ethernet interface\n");
      assertEquals(err("-t soon shmif0"), "rump.dhcpclient: shmif0: -t soon: not a number of 1 to 999999\n");
    }));
});

describe("rump.dhcpclient with dnsmasq", { skip: noDnsmasq() }, () => {
  it("gets address, routes, domain and name servers, and is known there until it gives the lease back", () =>
    within(async (sh) => {
      using ns = new Netns();
      const inside = `ip netns exec ${ns.name}`;
      sh.must(`${inside} rump_server -l rumpnet_netinet -l rumpnet_virtif -l rumpdev_bpf unix://h1`);
      sh.must("rump.sysctl -qw net.inet.ip.dad_count=0 && rump.ifconfig virt0 create", on(1));
      sh.must(`ip -n ${ns.name} addr add 10.9.0.1/24 dev tun0 && ip -n ${ns.name} link set tun0 up`);
      const options = ["3,10.9.0.1", "6,10.9.0.1", "15,lab.example", "121,0.0.0.0/0,10.9.0.1,192.168.7.0/24,10.9.0.3"];
      const dnsmasq = ns.start(
        "dnsmasq",
        ..."--no-daemon --conf-file=/dev/null --no-ping --no-resolv --port=0 --interface=tun0 --leasefile-ro".split(
          " ",
        ),
        "--dhcp-authoritative",
        "--dhcp-range=10.9.0.50,10.9.0.50,255.255.255.0,2m",
        ...options.map((o) => `--dhcp-option=${o}`),
        `--log-facility=${sh.dir}/log`,
      );
      sh.env.RUMP_SERVER = "unix://h1";
      const client = sh.start("rump.dhcpclient -r -t 30 virt0 >out 2>err");
      assert(sh.until("grep -q lease out", 30), sh.run("cat err log").out);
      assertEquals(
        sh.must("cat out"),
        "virt0: 10.9.0.50/24 gateway 10.9.0.1 route 192.168.7.0/24 10.9.0.3 server 10.9.0.1 domain lab.example " +
          "dns 10.9.0.1 lease 120 seconds\n",
      );
      const routes = sh.must("rump.netstat -rn", on(1));
      assertMatch(routes, /^default +10\.9\.0\.1 [^]*^192\.168\.7\/24 +10\.9\.0\.3 /m);
      sh.must("rump.ping -n -o 10.9.0.1", on(1));
      client.kill("SIGTERM");
      assertEquals(await client.ended, 0);
      assert(sh.until("grep -q DHCPRELEASE log"), readFileSync(`${sh.dir}/log`, "utf8"));
      dnsmasq.kill("SIGTERM");
    }));
});
