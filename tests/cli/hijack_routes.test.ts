/** rumphijack: Linux' route(8) and arp(8) change the rump kernel's routes and neighbours. */
import { spawnSync } from "node:child_process";
import { after, before, describe, it } from "node:test";
import { assertEquals, assertMatch, assertStringIncludes } from "../assert.ts";
import { noFuse, Shell } from "./helpers.ts";

const missing = () => spawnSync("sh", ["-c", "PATH=$PATH:/sbin:/usr/sbin command -v arp"]).status !== 0;
const ASK = `import fcntl, socket, struct
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for a in "10.9.0.78", "10.9.0.99":
    r = struct.pack("HH4s8x", 2, 0, socket.inet_aton(a)) + bytes(36) + b"shmif0".ljust(16, b"\\0")
    try: r = fcntl.ioctl(s, 0x8954, r); print(r[18:24].hex(), struct.unpack_from("i", r, 32)[0])
    except OSError as e: print(e.strerror)`;

describe("route and arp, hijacked", { skip: noFuse() || (missing() && "no net-tools") }, () => {
  let sh: Shell;
  const env = () => ({ RUMP_SERVER: `unix://${sh.dir}/s` });
  const hijacked = (command: string) => sh.run(`rumphijack --path none ${command}`, env());
  const done = (...commands: string[]) =>
    assertEquals(hijacked(`sh -c '${commands.join(" && ")}'`), { status: 0, out: "", err: "" });
  before(() => {
    sh = new Shell();
    sh.must("rump_server -l rumpnet_shmif,rumpnet_netinet6,rumpvfs unix://s");
    sh.must(
      `rump.ifconfig shmif0 create linkstr bus && rump.ifconfig shmif0 inet 10.9.0.1/24 && rump.ifconfig shmif0 inet6 fd00::1/64`,
      env(),
    );
  });
  after(() => sh.close());
  const routes = () => sh.must("rump.route -n show | awk '{ print $1, $2, $3 }'", env());

  it("routes come and go: by a gateway, an interface, refused ones, and of IPv6", () => {
    const all = [
      ["-net 10.2.0.0/16 gw 10.9.0.2", "10.2/16 10.9.0.2 UG"],
      ["default gw 10.9.0.3", "default 10.9.0.3 UG"],
      ["-host 10.3.3.3 dev shmif0", "10.3.3.3 link#2 UH"],
      ["-net 10.4.0.0/16 reject", "10.4/16 127.0.0.1 UGR"],
    ] as const;
    done(...all.map(([words]) => `route add ${words}`), "route -A inet6 add fd01::/64 gw fd00::9");
    for (const line of [...all.map(([, line]) => line), "fd01::/64 fd00::9 UG"]) assertStringIncludes(routes(), line);
    done(...all.map(([words]) => `route del ${words}`), "route -A inet6 del fd01::/64");
    assertEquals(/^(default|10\.[234]|fd01)/m.test(routes()), false);
  });
  it("a broadcast address goes with the mask ifconfig sets", () => {
    sh.must("rump.ifconfig shmif1 create linkstr bus1", env());
    done("ifconfig shmif1 10.8.1.1 netmask 255.255.255.0");
    assertStringIncludes(sh.must("rump.ifconfig shmif1", env()), "10.8.1.1 netmask 0xffffff00 broadcast 10.8.1.255");
    done("ifconfig shmif1 10.8.1.1 netmask 255.255.0.0 broadcast 10.8.9.9", "ifconfig shmif1 netmask 255.255.255.0");
    assertStringIncludes(sh.must("rump.ifconfig shmif1", env()), "netmask 0xffffff00 broadcast 10.8.9.9");
    sh.must("rump.ifconfig shmif1 destroy", env());
  });
  it("what cannot be is said as on Linux", () => {
    const all = [
      ["route add -net 10.5.0.0/16 gw 10.77.0.1", "SIOCADDRT: Network is unreachable"],
      ["route add -net 10.5.0.0/16 dev nosuch0", "SIOCADDRT: No such device"],
      ["route del -net 10.5.0.0/16", "SIOCDELRT: No such process"],
      ["arp -d 10.9.0.99", "No ARP entry for 10.9.0.99"],
      ["arp -s 10.77.0.1 02:00:00:00:00:01", "SIOCSARP: No such device or address"],
    ] as const;
    const { out } = hijacked(`sh -c '(${all.map(([command]) => command).join("; ")}) 2>&1'`);
    assertEquals(out.trimEnd().split("\n"), all.map(([, says]) => says));
  });
  it("neighbours come and go, are asked for and listed", () => {
    done("arp -s 10.9.0.77 02:00:00:00:00:77", "arp -i shmif0 -s 10.9.0.78 02:00:00:00:00:78 pub");
    const listed = sh.must("rump.arp -an", env());
    assertStringIncludes(listed, "(10.9.0.77) at 02:00:00:00:00:77 on shmif0 permanent");
    assertStringIncludes(listed, "(10.9.0.78) at 02:00:00:00:00:78 on shmif0 permanent published");
    sh.must(`cat > ask.py <<'E'\n${ASK}\nE`);
    assertEquals(hijacked("python3 ask.py").out, "020000000078 14\nNo such device or address\n");
    done("arp -d 10.9.0.77");
    assertMatch(sh.must("rump.arp -an", env()), /^(?![^]*10\.9\.0\.77)/);
  });
});
