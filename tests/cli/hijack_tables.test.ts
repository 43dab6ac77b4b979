/** rumphijack: /proc/net is the rump kernel's, so programs that list interfaces, routes, neighbours and sockets show those. */
import { after, before, describe, it } from "node:test";
import { assertEquals, assertMatch } from "../assert.ts";
import { missing, noFuse, Shell } from "./helpers.ts";

/** Sockets of all kinds, and a connection, while other programs look. */
const SOCKETS = `import socket, subprocess, sys
def of(family, type, address=None, protocol=0):
    s = socket.socket(family, type, protocol)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if address: s.bind(address)
    return s
tcp = of(socket.AF_INET, socket.SOCK_STREAM, ("10.8.0.1", 80)); tcp.listen(5)
tcp6 = of(socket.AF_INET6, socket.SOCK_STREAM, ("::", 99)); tcp6.listen(5)
udp = of(socket.AF_INET, socket.SOCK_DGRAM, ("0.0.0.0", 5353))
udp6 = of(socket.AF_INET6, socket.SOCK_DGRAM, ("::1", 546))
raw = of(socket.AF_INET, socket.SOCK_RAW, None, 1)
there = socket.create_connection(("10.8.0.1", 80))
there.send(b"12345")
subprocess.run(["sh", "-c", sys.argv[1]])`;

/** Lines of a table read in pieces, while sockets come and another reader has all of it. */
const PIECES = `import os, socket
def bound():
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("10.8.0.1", 0)); return s
mine = [bound()]
slow = os.open("/proc/net/udp", os.O_RDONLY); text = os.read(slow, 100)
mine += [bound(), bound()]
whole = open("/proc/net/udp").read()
while piece := os.read(slow, 7): text += piece
print(text.count(b"\\n"), whole.count("\\n"))`;

describe("/proc/net of a hijacked program", { skip: noFuse() }, () => {
  let sh: Shell;
  const serverOf = (name: string) => ({ RUMP_SERVER: `unix://${sh.dir}/${name}` });
  before(() => {
    sh = new Shell();
    for (const [name, address] of [["a", "10.8.0.1"], ["b", "10.8.0.2"]] as const) {
      sh.must(`rump_server -l rumpnet_shmif,rumpnet_netinet6,rumpfs_tmpfs unix://${name}`);
      sh.must(`rump.ifconfig shmif0 create linkstr ${sh.dir}/bus inet ${address}/24`, serverOf(name));
    }
    sh.must("rump.route add default 10.8.0.2; rump.route add 10.77.0.0/16 10.8.0.9; rump.ping -n -c 1 10.8.0.2", {
      ...serverOf("a"),
    });
    sh.must(`cat > sockets.py <<'E'\n${SOCKETS}\nE`);
  });
  after(() => sh.close());
  const one = (command: string) => sh.must(`rumphijack --path none ${command}`, serverOf("a"));
  /** Programs that only look, and what they say: they run in one, for to start each by itself takes longer. */
  const looking = [
    "ifconfig",
    "busybox ifconfig",
    "netstat -i",
    "route -n",
    "netstat -rn",
    "busybox route -n",
    "route -6 -n",
    "arp -n",
    "busybox arp -n",
    "netstat -s",
  ];
  let looked: readonly string[] | undefined;
  const seen = (command: string) => {
    looked ??= one(`sh -c '${looking.map((c) => `${c}; printf "|"`).join("; ")}'`).split("|");
    return looked[looking.indexOf(command)]!;
  };
  const mac = () => /address: (\S+)/.exec(sh.must("rump.ifconfig shmif0", serverOf("b")))![1]!;
  const rows = (text: string) => text.split("\n").map((line) => line.trim().replaceAll(/\s+/g, " "));

  for (const program of ["ifconfig", "busybox ifconfig"]) {
    it(
      `${program} lists the kernel's interfaces, and their addresses`,
      { skip: missing(program.split(" ")[0]!) },
      () => {
        const out = seen(program);
        assertEquals(out.match(/^\S+/gm)!.map((name) => name.replace(":", "")), ["lo0", "shmif0"]);
        assertMatch(out, /inet (addr:)?10\.8\.0\.1 /);
        assertMatch(out, /inet6 (addr: )?fe80::\S+/);
        assertMatch(out, /RX packets:?\s?[1-9]/);
      },
    );
  }
  it("netstat -i counts what the kernel's interfaces carried", { skip: missing("netstat") }, () => {
    const [, , lo, shmif, ...rest] = rows(seen("netstat -i"));
    assertMatch(lo!, /^lo0 65535 /);
    assertMatch(shmif!, /^shmif0 1500 [1-9]\d* 0 0 0 [1-9]\d* 0 0 0 BMRU$/);
    assertEquals(rest, [""]);
  });
  for (const program of ["route -n", "netstat -rn", "busybox route -n"]) {
    it(`${program} shows the kernel's routes`, { skip: missing(program.split(" ")[0]!) }, () => {
      const lines = rows(seen(program)).slice(2).map((l) => l.split(" ").filter((_, i) => i < 4 || i === 7).join(" "));
      assertEquals(lines, [
        "0.0.0.0 10.8.0.2 0.0.0.0 UG shmif0",
        "10.8.0.0 0.0.0.0 255.255.255.0 U shmif0",
        "10.77.0.0 10.8.0.9 255.255.0.0 UG shmif0",
        "",
      ]);
    });
  }
  it(
    "route -6 shows those of IPv6",
    { skip: missing("route") },
    () => assertMatch(seen("route -6 -n"), /^fe80::\/64 +:: +Un +0 +1 +0 shmif0$/m),
  );
  it(
    "arp shows the kernel's neighbours, and not itself",
    { skip: missing("arp") },
    () => assertEquals(rows(seen("arp -n")).slice(1), [`10.8.0.2 ether ${mac()} C shmif0`, ""]),
  );
  it(
    "busybox arp, too",
    { skip: missing("busybox") },
    () => assertEquals(seen("busybox arp -n"), `? (10.8.0.2) at ${mac()} [ether]  on shmif0\n`),
  );

  const listed = [
    "raw 0.0.0.0:1 0.0.0.0:*",
    "tcp 10.8.0.1:80 0.0.0.0:* LISTEN",
    "tcp 10.8.0.1:80 10.8.0.1:PORT ESTABLISHED",
    "tcp 10.8.0.1:PORT 10.8.0.1:80 ESTABLISHED",
    "tcp6 :::99 :::* LISTEN",
    "udp 0.0.0.0:5353 0.0.0.0:*",
    "udp6 ::1:546 :::*",
  ];
  it("netstat and ss show the kernel's sockets of every kind, and whose they are", {
    skip: missing("netstat") || missing("ss"),
  }, () => {
    const shown = one(
      `python3 sockets.py 'netstat -an -A inet,inet6; printf "|"; ss -tan state established; ss -H -uan; printf "|"; netstat -tlnp; ss -tlnp'`,
    );
    const [out, ss, programs] = shown.split("|").map(rows);
    const lines = out!.slice(2, -1);
    const told = lines.map((l) => l.replace(/ \d+ \d+/, "").replaceAll(/:\d{5}\b/g, ":PORT").replace(/ 7$/, ""));
    assertEquals(told.sort(), listed);
    assertMatch(ss!.join("\n"), /^\d+ 0 10\.8\.0\.1:(80 10\.8\.0\.1:\d+|\d+ 10\.8\.0\.1:80)$/m);
    assertMatch(programs!.join("\n"), /10\.8\.0\.1:80 .* LISTEN \d+\/python3\n[^]*10\.8\.0\.1:80 .*"python3"/);
    assertMatch(ss!.join("\n"), /^UNCONN 0 0 0\.0\.0\.0:5353 0\.0\.0\.0:\*$/m);
  });
  it(
    "netstat -s shows what the kernel counted",
    { skip: missing("netstat") },
    () => assertMatch(seen("netstat -s"), /Icmp:\n +[1-9]\d* ICMP messages received\n[^]*echo replies: [1-9]/),
  );
  it("sockets that stay the host's are still listed", () =>
    assertMatch(
      one(
        `python3 -c 'import socket; s = socket.socket(socket.AF_UNIX); s.bind("mine"); print(open("/proc/net/unix").read())'`,
      ),
      / mine$/m,
    ));
  it("who has no sockets of the kernel sees the host's", () =>
    assertEquals(
      sh.must("RUMPHIJACK=socket=local rumphijack head -1 /proc/net/dev /proc/net/tcp", serverOf("a")),
      sh.must("head -1 /proc/net/dev /proc/net/tcp"),
    ));
  it("a table that is being read stays as it was, whoever else reads it", () => {
    sh.must(`cat > pieces.py <<'E'\n${PIECES}\nE`);
    assertEquals(one("python3 pieces.py"), "2 4\n");
  });
  it("of one family only, those of the other stay the host's", () => {
    const line = "sh -c 'grep -c shmif0 /proc/net/route; cat /proc/net/if_inet6 | cksum'";
    assertEquals(one(`--socket inet ${line}`), `3\n${sh.must("cat /proc/net/if_inet6 | cksum")}`);
  });
  it("programs within see the same, and may mount a /proc of their own", () => {
    const nested =
      "rumphijack --path none --socket none --sysctl sh -c 'ls -d /proc/sys/rump/net; grep -c shmif0 /proc/net/dev'";
    assertEquals(one(nested), "/proc/sys/rump/net\n1\n");
    assertEquals(one("unshare -Ur --mount-proc -pf grep -c shmif0 /proc/net/dev || true"), "0\n");
  });
  it("an interface that comes is seen at once", () => {
    const line =
      "sh -c 'rump.ifconfig lo1 create; grep -c lo1 /proc/net/dev; rump.ifconfig lo1 destroy; grep -c lo1 /proc/net/dev; true'";
    assertEquals(one(line), "1\n0\n");
  });
});
