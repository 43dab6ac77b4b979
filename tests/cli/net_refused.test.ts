/** Programs of the network with a grant that only reads, and with a server that is killed: one line with the reason, and status 1. */
import { describe, it } from "node:test";
import { assert, assertEquals } from "../assert.ts";
import { within } from "./helpers.ts";

const server = "rump_server -l rumpnet_netinet -l rumpnet_shmif -l rumpdev_bpf";
const NO = "Operation not permitted\n";
const refused: readonly (readonly [command: string, err: string])[] = [
  ["rump.ifconfig shmif0 mtu 1400", `rump.ifconfig: SIOCSIFMTU shmif0: ${NO}`],
  ["rump.route add default 10.0.0.9", `rump.route: writing to routing socket: ${NO}`],
  ["rump.arp -d 10.0.0.9", `rump.arp: 10.0.0.9: ${NO}`],
  ["rump.sysctl -w net.inet.ip.ttl=3", `rump.sysctl: net.inet.ip.ttl: sysctl() failed with ${NO}`],
  ["rump.dhcpclient -t 2 shmif0", `rump.dhcpclient: shmif0: ${NO}`],
  ["rump.pcap -i shmif0 -w x.pcapng", "rump.pcap: shmif0: Read-only file system\n"],
];
const patient = [
  "rump.ping -n 10.0.0.1",
  "rump.netstat -w 1",
  "rump.pcap -i shmif0 -w x.pcapng",
  "rump.nc -l 5000",
  "rump.route monitor",
];

describe("programs of the network", () => {
  it("who only reads sees everything, and is told what may not be changed", () =>
    within((sh) => {
      for (const key of ["admin", "guest"]) sh.must(`ssh-keygen -q -t ed25519 -N '' -f ${key}`);
      sh.must("{ cat admin.pub; printf 'ro '; cat guest.pub; } > authorized");
      const RUMP_SERVER = sh.must(`${server} --keys authorized tcp://127.0.0.1:0/`).trim();
      const [admin, guest] = ["admin", "guest"].map((RUMP_KEY) => ({ RUMP_SERVER, RUMP_KEY }));
      try {
        sh.must("rump.ifconfig shmif0 create linkstr $PWD/wire inet 10.0.0.1/24", admin);
        for (const c of ["ifconfig", "netstat -rn", "netstat -s", "sockstat", "arp -an"]) sh.must(`rump.${c}`, guest);
        for (const [command, err] of refused) {
          const r = sh.run(command, guest);
          assertEquals([command, r.status, r.err], [command, 1, err]);
        }
      } finally {
        sh.must("rump.halt", admin);
      }
    }));
  it("a server that is killed ends them with a line", () =>
    within(async (sh) => {
      const kernel = sh.start(`${server} -s unix://sock`);
      sh.env.RUMP_SERVER = "unix://sock";
      assert(sh.until("RUMP_SERVER=unix://sock rump.ifconfig -l >/dev/null 2>&1"));
      sh.must("rump.ifconfig shmif0 create linkstr $PWD/wire inet 10.0.0.1/24", { RUMP_SERVER: "unix://sock" });
      const all = patient.map((command, i) => sh.start(`${command} >out${i} 2>err${i}`));
      const busy = `rump.ps | awk 'NR > 1 && $NF != "rump.ps"' | wc -l`;
      assert(sh.until(`[ $(RUMP_SERVER=unix://sock; export RUMP_SERVER; ${busy}) -gt ${patient.length} ]`));
      kernel.kill("SIGKILL");
      for (const [i, { ended }] of all.entries()) {
        assertEquals([patient[i], await ended], [patient[i], 1]);
        const err = sh.must(`cat err${i}`);
        assert(/^rump\.\w+: [^\n]+\n$/.test(err), `${patient[i]}: ${err}`);
      }
    }));
});
