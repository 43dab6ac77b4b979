/** rumphijack: programs that ask for interfaces, addresses, routes and neighbours by netlink(7) are told the rump kernel's. */
import { after, before, describe, it } from "node:test";
import { assertEquals, assertMatch } from "../assert.ts";
import { missing, Shell } from "./helpers.ts";

const GETIFADDRS = `#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdio.h>
int main(void) {
  struct ifaddrs *a;
  if (getifaddrs(&a)) return 1;
  for (; a; a = a->ifa_next)
    if (a->ifa_addr && a->ifa_addr->sa_family == AF_INET)
      printf("%s %s\\n", a->ifa_name, inet_ntoa(((struct sockaddr_in *)a->ifa_addr)->sin_addr));
}`;
/** What a program may send that is none: nothing comes of it, and then an answer does. */
const DAMAGED = `import os, socket, struct
s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
s.settimeout(5)
s.bind((0, 0))
for junk in (b"x", b"\\xff" * 16, b"\\0" * 16, struct.pack("=IHHII", 15, 18, 1, 1, 0), struct.pack("=IHHII", 4096, 18, 0x301, 1, 0), b""):
    s.send(junk)
    if junk: s.sendto(junk, (0, 0))
s.sendto(struct.pack("=IHHIIB", 17, 18, 1, 7, 0, 0), (0, 0))
data, who = s.recvfrom(4096)
length, kind, flags, seq, pid, error = struct.unpack_from("=IHHIIi", data)
print(kind, seq, pid == s.getsockname()[0], error, who)`;
/** Dumps whose answers nobody takes: the socket is full some time, and another one works. */
const GREEDY = `import errno, socket, struct
ask = struct.pack("=IHHIIB", 17, 18, 0x301, 1, 0, 0)
s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
try:
    for i in range(20000): s.sendto(ask, (0, 0))
except OSError as e: print(errno.errorcode[e.errno])
print(len(socket.if_nameindex()))`;

describe("netlink of a hijacked program", () => {
  let sh: Shell;
  let env: Record<string, string>;
  before(() => {
    sh = new Shell();
    for (const [name, address] of [["a", "10.8.1.1"], ["b", "10.8.1.2"]] as const) {
      env = { RUMP_SERVER: `unix://${sh.dir}/${name}` };
      sh.must(`rump_server -l rumpnet_shmif,rumpnet_netinet6 unix://${name}`);
      sh.must(`rump.ifconfig shmif0 create linkstr ${sh.dir}/bus inet ${address}/24`, env);
    }
    env = { RUMP_SERVER: `unix://${sh.dir}/a` };
    sh.must("rump.route add default 10.8.1.2; rump.route add 10.77.0.0/16 10.8.1.9; rump.ping -n -c 1 10.8.1.2", env);
    sh.must(`cat > damaged.py <<'E'\n${DAMAGED}\nE\ncat > greedy.py <<'E'\n${GREEDY}\nE`);
  });
  after(() => {
    for (const name of ["a", "b"]) sh.run("rump.halt", { RUMP_SERVER: `unix://${sh.dir}/${name}` });
    sh.close();
  });
  const run = (line: string) => sh.run(`rumphijack --path none ${line}`, env);
  const rows = (line: string) => {
    const { out, err } = run(line);
    assertEquals(err, "");
    return out.trim().split("\n").map((row) => row.trim().replaceAll(/\s+/g, " "));
  };

  describe("ip", { skip: missing("ip") }, () => {
    it("lists interfaces and their addresses", () => {
      const [loop, ethernet, ...more] = rows("ip -br addr");
      assertEquals(loop, "lo0 UNKNOWN 127.0.0.1/8 ::1/128 fe80::1/64");
      assertMatch(ethernet!, /^shmif0 \w+ 10\.8\.1\.1\/24 fe80::\S+\/64$/);
      assertEquals(more, []);
    });
    it("lists routes, and by whom they were made", () =>
      assertEquals(rows("ip route"), [
        "default via 10.8.1.2 dev shmif0",
        "10.8.1.0/24 dev shmif0 proto kernel scope link src 10.8.1.1",
        "10.77.0.0/16 via 10.8.1.9 dev shmif0",
      ]));
    it("lists routes of IPv6", () => assertMatch(run("ip -6 route").out, /^fe80::\/64 dev shmif0 proto kernel/m));
    it("lists routes to own addresses in a table of their own", () =>
      assertMatch(run("ip route show table local").out, /^local 10\.8\.1\.1 dev lo0 proto kernel scope host/m));
    it("lists neighbours, whose link addresses are theirs", () => {
      const there = { RUMP_SERVER: `unix://${sh.dir}/b` };
      const mac = /address: (\S+)/.exec(sh.must("rump.ifconfig shmif0", there))![1]!;
      assertEquals(rows("ip neigh"), [`10.8.1.2 dev shmif0 lladdr ${mac} REACHABLE`]);
    });
    it("shows one interface, with what has gone through it", () => {
      const [head, link, , received] = rows("ip -s link show dev shmif0");
      assertMatch(head!, /^2: shmif0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 /);
      assertMatch(link!, /^link\/ether (\w\w:){5}\w\w brd ff:ff:ff:ff:ff:ff$/);
      assertMatch(received!, /^[1-9]\d* [1-9]/);
    });
    it("is told of what is not there", () => {
      const { status, err } = run("ip link show dev shmif9");
      assertEquals([status, err], [1, 'Device "shmif9" does not exist.\n']);
    });
    it("is told where packets to a host go", () =>
      assertEquals(
        rows("ip route get 10.77.3.4")[0]!.replace(/ uid \d+$/, ""),
        "10.77.3.4 via 10.8.1.9 dev shmif0 src 10.8.1.1",
      ));
    it("cannot change what it cannot be told", () =>
      assertEquals(run("ip rule add table 7").err, "RTNETLINK answers: Operation not supported\n"));
  });
  it("python3 lists interfaces, and finds them by number and name", () => {
    const line =
      'import socket; print(socket.if_nameindex(), socket.if_nametoindex("shmif0"), socket.if_indextoname(1))';
    assertEquals(rows(`python3 -c '${line}'`), ["[(1, 'lo0'), (2, 'shmif0')] 2 lo0"]);
  });
  it("node lists interfaces", { skip: missing("node") }, () => {
    const line = "for (const [n, a] of Object.entries(os.networkInterfaces())) console.log(n, a[0].cidr)";
    assertEquals(rows(`node -e '${line}'`), ["lo0 127.0.0.1/8", "shmif0 10.8.1.1/24"]);
  });
  it("getifaddrs(3) lists addresses", { skip: missing("gcc") }, () => {
    sh.must(`cat > list.c <<'E'\n${GETIFADDRS}\nE\ngcc -o list list.c`);
    assertEquals(rows("./list"), ["lo0 127.0.0.1", "shmif0 10.8.1.1"]);
  });
  it("what is no request is passed over, and the next one is answered by the kernel", () =>
    assertEquals(rows("python3 damaged.py"), ["2 7 True -22 (0, 0)"]));
  it("who takes no answers is refused more of them", () => assertEquals(rows("python3 greedy.py"), ["ENOBUFS", "2"]));
});
