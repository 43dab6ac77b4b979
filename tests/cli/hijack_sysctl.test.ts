/** rumphijack: variables and tables of the rump kernel in the places where programs of Linux read theirs. */
import { after, before, describe, it } from "node:test";
import { assertEquals, assertMatch } from "../assert.ts";
import { missing, noFuse, Shell } from "./helpers.ts";

describe("rumphijack on a server without file systems", { skip: noFuse() }, () => {
  let sh: Shell;
  before(() => {
    sh = new Shell();
    sh.env.RUMP_SERVER = `unix://${sh.dir}/s`;
    sh.must("rump_server -l rumpnet_netinet unix://s");
  });
  after(() => sh.close());
  const run = (command: string) => sh.run(command, { RUMP_SERVER: sh.env.RUMP_SERVER! });

  it("goes on with sockets where nobody asked for files", () => {
    const { out, err, status } = run("rumphijack sh -c 'echo here; ls /rump 2> /dev/null; true'");
    assertEquals([out, err, status], ["here\n", "", 0]);
  });
  it("has variables all the same", () =>
    assertEquals(run("rumphijack --sysctl sysctl -n net.ipv4.ip_default_ttl").out, "64\n"));
  for (
    const how of [
      "RUMPHIJACK=path=/rump rumphijack",
      "rumphijack --path /rump",
      "rumphijack --path none --blanket /rump",
    ]
  ) {
    it(`${how}: says which component is missing`, () => {
      const { err, status } = run(`${how} true`);
      const line = "rumphijack: /rump: the server has no file systems (start it with -l rumpvfs)\n";
      assertEquals([err, status], [line, 1]);
    });
  }
});

const TTL = "/proc/sys/net/ipv4/ip_default_ttl";
describe("rumphijack --sysctl", { skip: noFuse() }, () => {
  let sh: Shell;
  before(() => {
    sh = new Shell();
    sh.env.RUMP_SERVER = `unix://${sh.dir}/s`;
    sh.must("rump_allserver unix://s");
  });
  after(() => sh.close());
  const run = (command: string, env: Record<string, string> = {}) =>
    sh.run(command, { RUMP_SERVER: sh.env.RUMP_SERVER!, ...env });
  const must = (command: string) => sh.must(command, { RUMP_SERVER: sh.env.RUMP_SERVER! });
  const there = (name: string) => must(`rump.sysctl -n ${name}`).trim();

  /** A program of Linux, what it says, and then a variable of the rump kernel and its value. */
  const programs: readonly (readonly [command: string, out: string, name: string, value: string])[] = [
    ["sysctl -w net.ipv4.ip_forward=1", "net.ipv4.ip_forward = 1\n", "net.inet.ip.forwarding", "1"],
    ["sysctl -n net.ipv4.conf.all.forwarding", "1\n", "net.inet.ip.forwarding", "1"],
    ["sysctl -n net.ipv4.conf.lo0.forwarding", "1\n", "net.inet.ip.forwarding", "1"],
    [`sh -c 'echo 17 > ${TTL}; cat ${TTL}'`, "17\n", "net.inet.ip.ttl", "17"],
    ["sysctl -qw net.ipv4.tcp_keepalive_time=600", "", "net.inet.tcp.keepidle", "1200"],
    ["sysctl -n net.ipv4.tcp_keepalive_time", "600\n", "net.inet.tcp.keepidle", "1200"],
    ["sysctl -qw net.ipv4.ip_no_pmtu_disc=1", "", "net.inet.ip.mtudisc", "0"],
    [
      "sysctl -qw 'net.ipv4.ip_local_port_range=50000 60000'",
      "",
      "net.inet.ip.anonportmax",
      "60000",
    ],
    ["sysctl -qw 'net.ipv4.tcp_rmem=4096 70000 2000000'", "", "net.inet.tcp.recvspace", "70000"],
    ["cat /proc/sys/net/ipv4/tcp_rmem", "1\t70000\t2000000\n", "net.inet.tcp.recvbuf_max", "2000000"],
    ["sysctl -qw net.ipv4.tcp_congestion_control=newreno", "", "net.inet.tcp.congctl.selected", "newreno"],
    ["sysctl -qw net.core.somaxconn=9", "", "kern.somaxconn", "9"],
    ["sysctl -n net.core.rmem_max", "4194304\n", "kern.sbmax", "4194304"],
    ["sysctl -qw net.ipv6.conf.all.hop_limit=33", "", "net.inet6.ip6.hlim", "33"],
    ["sysctl -n net.ipv6.conf.lo0.hop_limit net.ipv6.conf.lo0.mtu", "33\n65535\n", "net.inet6.ip6.hlim", "33"],
    ["sysctl -qw net.ipv6.conf.default.use_tempaddr=2", "", "net.inet6.ip6.prefer_tempaddr", "1"],
    ["sysctl -qw kernel.hostname=heron", "", "kern.hostname", "heron"],
    ["cat /proc/sys/kernel/ostype /proc/sys/kernel/hostname", "NetBSD\nheron\n", "kern.hostname", "heron"],
    ["cat /proc/sys/rump/net/inet/ip/ttl", "17\n", "net.inet.ip.ttl", "17"],
    ["sysctl -qw rump.net.inet.ip.ttl=44", "", "net.inet.ip.ttl", "44"],
  ];
  describe("programs in a row", () => {
    let said: readonly string[];
    before(() => {
      // In one program: to start each by itself takes longer.
      sh.must(
        `cat > all.sh <<'E'\n${
          programs.map(([c, , n]) => `${c}; printf '|'; rump.sysctl -n ${n}; printf '|'`).join("\n")
        }\nE`,
      );
      said = must("rumphijack --sysctl sh all.sh").split("|");
    });
    for (const [i, [command, out, name, value]] of programs.entries()) {
      it(`${command}: ${name} is ${value}`, () => assertEquals(said.slice(2 * i, 2 * i + 2), [out, `${value}\n`]));
    }
  });
  it(
    "busybox reads and sets them as well",
    { skip: missing("busybox") },
    () => assertEquals(must("rumphijack --sysctl busybox sysctl -w net.ipv4.tcp_sack=0"), "net.ipv4.tcp_sack = 0\n"),
  );
  it("what an interface has for itself is set for it alone", () => {
    const set =
      "net.ipv6.conf.lo0.mtu=1400 net.ipv6.conf.lo0.disable_ipv6=1 net.ipv6.conf.lo0.accept_ra=2 net.ipv6.neigh.lo0.retrans_time_ms=500";
    assertEquals(
      must(`rumphijack --sysctl sysctl -w ${set}`),
      `${set.replaceAll("=", " = ").replaceAll(" net", "\nnet")}\n`,
    );
    const [numbers, flags] = must("rump.ndp -i lo0; rump.ndp -i lo0 -- -disabled").split("\n");
    assertMatch(numbers!, /^linkmtu=1400, .*, retrans=0s500ms$/);
    assertMatch(flags!, /accept_rtadv disabled .*override_rtadv/);
  });
  it("RUMPHIJACK=sysctl=yes does the same, alone", () => {
    const { out } = run(`rumphijack cat ${TTL}`, { RUMPHIJACK: "sysctl=yes" });
    assertEquals(out, `${there("net.inet.ip.ttl")}\n`);
  });
  it("without it, they are the host's", () =>
    assertEquals(must(`rumphijack cat ${TTL}; RUMPHIJACK=sysctl=no rumphijack cat ${TTL}`), must(`cat ${TTL} ${TTL}`)));
  it("what the kernel does not have is not there, and what is not of the network is the host's", () => {
    const { out, err } = run(
      "rumphijack --sysctl sh -c 'cat /proc/sys/kernel/pid_max; ls -d /proc/sys/net/ipv4/tcp_fin_timeout; echo 1 > /proc/sys/net/new'",
    );
    assertEquals(out, must("cat /proc/sys/kernel/pid_max"));
    assertMatch(err, /tcp_fin_timeout': No such file or directory\n.*net\/new: Directory nonexistent\n/);
  });
  it("what is no value, or not to be set, is refused", () => {
    const { err } = run(
      "rumphijack --sysctl bash -c 'cd /proc/sys; echo x > net/ipv4/ip_forward; echo 1 2 > net/ipv4/tcp_rmem; echo 1 > net/ipv6/conf/lo0/forwarding; echo 300 > rump/net/inet/ip/ttl; echo 1 > rump/kern/ostype'",
    );
    assertEquals(err.split("\n").map((line) => line.replace(/^.*: /, "")), [
      "Invalid argument",
      "Invalid argument",
      "Permission denied",
      "Invalid argument",
      "Permission denied",
      "",
    ]);
  });
  it("sysctl -a shows all of the rump kernel's", () => {
    const shown = (text: string) =>
      text.split("\n").filter((l) => !/random|= 0x|^rump\.kern\.clockrate/.test(l)).sort();
    const all = must("rumphijack --sysctl sysctl -a -r '^rump\\.' 2> /dev/null");
    assertEquals(
      shown(all.replaceAll(/^rump\./gm, "")).filter((l) => l.startsWith("net.")),
      shown(must("rump.sysctl -a")).filter((l) => l.startsWith("net.")),
    );
  });
  it("a program that has given up its rights may not set them", () => {
    const { out, err } = run(
      `rumphijack --sysctl setpriv --reuid 65534 --regid 65534 --clear-groups bash -c 'cat ${TTL} > /dev/null && echo read; echo 9 > ${TTL}'`,
    );
    assertEquals([out, err], ["read\n", `bash: line 1: ${TTL}: Permission denied\n`]);
  });
  it("a change is what a client may do: one that only reads is refused", () => {
    for (const key of ["admin", "guest"]) sh.must(`ssh-keygen -q -t ed25519 -N '' -f ${key}`);
    sh.must("{ cat admin.pub; printf 'ro '; cat guest.pub; } > authorized");
    const RUMP_SERVER = sh.must("rump_allserver --keys authorized tcp://127.0.0.1:0/").trim();
    const guest = { RUMP_SERVER, RUMP_KEY: `${sh.dir}/guest` };
    const { out, err } = run(`rumphijack --sysctl --path none bash -c 'cat ${TTL}; echo 9 > ${TTL}'`, guest);
    sh.must("rump.halt", { RUMP_SERVER, RUMP_KEY: `${sh.dir}/admin` });
    assertEquals([out, err], ["64\n", "bash: line 1: echo: write error: Operation not permitted\n"]);
  });
});
