/** rump.dhcpclient on a bus with a DHCP server that is a program of another rump kernel's. */
import { describe, it } from "node:test";
import { AF_INET, SO_BROADCAST, SOCK_DGRAM, SOL_SOCKET } from "../../src/abi/flags.ts";
import { sockaddrIn } from "../../src/abi/inet.ts";
import { connect } from "../../src/rump.ts";
import { BOOTREPLY, buildDhcp, DHCP, OPTION, parseDhcp } from "../../src/wire/dhcp.ts";
import { assert, assertEquals } from "../assert.ts";
import { type Shell, within } from "./helpers.ts";

const [OURS, THEIRS, MASK] = [0x0a00_0001, 0x0a00_0032, 0xffff_ff00];
const be = (n: number) => Uint8Array.of(n >>> 24, n >>> 16, n >>> 8, n);
const on = (n: number) => ({ RUMP_SERVER: `unix://h${n}` });

function hosts(sh: Shell): void {
  for (const n of [1, 2]) {
    sh.must(`rump_server -l rumpnet_netinet -l rumpnet_shmif -l rumpdev_bpf unix://h${n}`);
    sh.must(`rump.ifconfig shmif0 create && rump.ifconfig shmif0 linkstr ${sh.dir}/bus`, on(n));
  }
  sh.must("rump.ifconfig shmif0 10.0.0.1/24", on(1));
}
/** Answer a number of questions; the address given is `address`. */
async function serve(sh: Shell, questions: number, address: number): Promise<number[]> {
  const { sys, close } = await connect(`unix://${sh.dir}/h1`);
  const s = await sys.socket({ domain: AF_INET, type: SOCK_DGRAM, protocol: 0 });
  await sys.bind({ s, name: sockaddrIn(0, 67) });
  await sys.setsockopt({ s, level: SOL_SOCKET, name: SO_BROADCAST, val: Uint8Array.of(1, 0, 0, 0) });
  const [types, buf]: [number[], Uint8Array] = [[], new Uint8Array(1500)];
  sh.start("rump.dhcpclient -t 5 shmif0 >out 2>err");
  while (types.length < questions) {
    const n = await sys.recvfrom({ s, buf, flags: 0 });
    const asked = parseDhcp(buf.subarray(0, n as number))!;
    const type = asked.options.get(OPTION.TYPE)![0]!;
    types.push(type);
    const options = new Map([
      [OPTION.TYPE as number, Uint8Array.of(type === DHCP.DISCOVER ? DHCP.OFFER : DHCP.ACK)],
      [OPTION.SERVER, be(OURS)],
      [OPTION.MASK, be(MASK)],
      [OPTION.ROUTER, be(OURS)],
      [OPTION.LEASE, be(3600)],
    ]);
    const answer = buildDhcp({ ...asked, op: BOOTREPLY, yiaddr: address, options });
    await sys.sendto({ s, buf: answer, flags: 0, to: sockaddrIn(0x0a00_00ff, 68) });
  }
  close();
  return types;
}

describe("rump.dhcpclient", () => {
  it("gives an interface the address and the default route a server has for it", () =>
    within(async (sh) => {
      hosts(sh);
      sh.env.RUMP_SERVER = "unix://h2";
      assertEquals(await serve(sh, 2, THEIRS), [DHCP.DISCOVER, DHCP.REQUEST]);
      assert(sh.until("test -s out"), sh.run("cat err").out);
      assertEquals(sh.must("cat out"), "shmif0: 10.0.0.50/24 gateway 10.0.0.1 server 10.0.0.1 lease 3600 seconds\n");
      assert(sh.must("rump.ifconfig shmif0", on(2)).includes("10.0.0.50"));
      assert(/^default +10\.0\.0\.1 /m.test(sh.must("rump.netstat -rn", on(2))));
    }));
  it("takes no address that no host can have", () =>
    within(async (sh) => {
      hosts(sh);
      sh.env.RUMP_SERVER = "unix://h2";
      assertEquals(await serve(sh, 1, 0xe000_0001), [DHCP.DISCOVER]);
      const r = sh.run("rump.dhcpclient -t 1 shmif0", on(2));
      assertEquals([r.status, r.out, r.err], [1, "", "rump.dhcpclient: shmif0: no lease in 1 seconds\n"]);
    }));
});
