/** rump.pcap: what it captures, tshark and tcpdump read. */
import { describe, it } from "node:test";
import { AF_INET, SOCK_DGRAM } from "../../src/abi/flags.ts";
import { sockaddrIn } from "../../src/abi/inet.ts";
import { Ifdrv } from "../../src/abi/net_structs.ts";
import { SIOC } from "../../src/abi/sockio.ts";
import { connect } from "../../src/rump.ts";
import { assert, assertEquals, assertStringIncludes } from "../assert.ts";
import { aliasreq, ifreq, named } from "../net/control.ts";
import { type Shell, within } from "./helpers.ts";

/** A server whose lo0 can be captured. */
function server(sh: Shell, more = ""): { readonly RUMP_SERVER: string } {
  sh.must(`rump_server -l rumpnet_netinet -l rumpdev_bpf ${more} unix://sock`);
  return { RUMP_SERVER: "unix://sock" };
}
/** Five datagrams to a port of the server's own where nobody listens: each brings an ICMP error back. */
async function send(sh: Shell): Promise<void> {
  const { sys, close } = await connect(`unix://${sh.dir}/sock`);
  const s = await sys.socket({ domain: AF_INET, type: SOCK_DGRAM, protocol: 0 });
  for (let i = 0; i < 5; i++) {
    await sys.sendto({ s, buf: new TextEncoder().encode("hello"), flags: 0, to: sockaddrIn(0x7f00_0001, 9) });
  }
  close();
}
/** Host N has 10.0.0.N on a bus they share. */
async function configure(sh: Shell, n: number): Promise<void> {
  const { sys, close } = await connect(`unix://${sh.dir}/h${n}`);
  const fd = await sys.socket({ domain: AF_INET, type: SOCK_DGRAM, protocol: 0 });
  const bus = new TextEncoder().encode(`${sh.dir}/bus\0`);
  const linkstr = named("shmif0", Ifdrv.size + bus.length, Ifdrv.size, bus);
  Ifdrv.set.length(new DataView(linkstr.buffer), 0, bus.length);
  await sys.ioctl({ fd, com: SIOC.SIOCIFCREATE, data: ifreq("shmif0") });
  await sys.ioctl({ fd, com: SIOC.SIOCSLINKSTR, data: linkstr });
  await sys.ioctl({ fd, com: SIOC.SIOCAIFADDR, data: aliasreq("shmif0", `10.0.0.${n}`, "255.255.255.0") });
  close();
}
/** A capture is under way when its file has begun. */
function started(sh: Shell, command: string, file: string) {
  const capture = sh.start(command);
  assert(sh.until(`test -s ${file}`), "no capture");
  return capture;
}

describe("rump.pcap", () => {
  it("writes pcapng until it is interrupted; tshark reads every packet, with the interface's name", () =>
    within(async (sh) => {
      sh.env.RUMP_SERVER = server(sh).RUMP_SERVER;
      const capture = started(sh, "rump.pcap -i lo0 -w a.pcapng", "a.pcapng");
      await send(sh);
      assert(sh.until("test $(tshark -r a.pcapng 2>/dev/null | wc -l) = 10"), "not in the file while it goes on");
      capture.kill("SIGINT");
      assertEquals(await capture.ended, 0);
      const fields = sh.must("tshark -r a.pcapng -T fields -e frame.interface_name -e udp.dstport -e data 2>/dev/null");
      assertEquals(fields.split("\n").filter((l) => l === "lo0\t9\t68656c6c6f").length, 5);
      assertEquals(sh.must("tshark -r a.pcapng -Y '_ws.malformed || udp.checksum.bad' 2>/dev/null"), "");
    }));
  it("-c ends it, a filter chooses, .pcap is the older format", () =>
    within(async (sh) => {
      sh.env.RUMP_SERVER = server(sh).RUMP_SERVER;
      const capture = started(sh, "rump.pcap -i lo0 -c 3 -w a.pcap udp port 9", "a.pcap");
      await send(sh);
      assertEquals(await capture.ended, 0);
      const lines = sh.must("tcpdump -nr a.pcap 2>/dev/null").trim().split("\n");
      assertEquals(lines.map((l) => /> 127\.0\.0\.1\.9: UDP, length 5$/.test(l)), [true, true, true]);
    }));
  it("shmif: what two kernels say to each other is well formed, and its checksums are right", () =>
    within(async (sh) => {
      for (const n of [1, 2]) {
        sh.must(`rump_server -l rumpdev_bpf -l rumpnet_shmif unix://h${n}`);
        // Nobody asks whether his address is another's, too.
        sh.must("rump.sysctl -w net.inet.ip.dad_count=0", { RUMP_SERVER: `unix://h${n}` });
        await configure(sh, n);
      }
      sh.env.RUMP_SERVER = "unix://h1";
      const capture = started(sh, "rump.pcap -i shmif0 -c 4 -w a.pcapng", "a.pcapng");
      const { sys, close } = await connect(`unix://${sh.dir}/h1`);
      const s = await sys.socket({ domain: AF_INET, type: SOCK_DGRAM, protocol: 0 });
      await sys.sendto({ s, buf: new Uint8Array(100), flags: 0, to: sockaddrIn(0x0a00_0002, 9) });
      close();
      assertEquals(await capture.ended, 0);
      const sums = "-o udp.check_checksum:TRUE -o ip.check_checksum:TRUE";
      const columns = "-T fields -e frame.protocols -e ip.checksum.status -e udp.checksum.status -e _ws.malformed";
      const rows = sh.must(`tshark -r a.pcapng ${sums} ${columns} 2>/dev/null`).trimEnd().split("\n");
      // Question and answer of ARP, the datagram, the error with the beginning of the datagram.
      const kinds = rows.map((r) => /^eth:ethertype:(arp|ip:icmp|ip:udp)/.exec(r)?.[1]);
      assertEquals(kinds, ["arp", "arp", "ip:udp", "ip:icmp"]);
      assert(rows.every((r) => !/malformed/i.test(r)), rows.join());
      assertEquals(rows[2]!.split("\t").slice(1, 3), ["1", "1"]);
    }));
  it("without -w it feeds another program", () =>
    within(async (sh) => {
      sh.env.RUMP_SERVER = server(sh).RUMP_SERVER;
      const capture = sh.start("sh -c 'rump.pcap -q -i lo0 -c 10 2>err | tee raw | tshark -r - >seen 2>/dev/null'");
      assert(sh.until("test -s raw"), "no capture");
      await send(sh);
      assertEquals(await capture.ended, 0);
      assertEquals(sh.must("wc -l <seen; cat err").trim(), "10");
    }));
  it("-s keeps the beginning of packets, and their length", () =>
    within(async (sh) => {
      sh.env.RUMP_SERVER = server(sh).RUMP_SERVER;
      const capture = started(sh, "rump.pcap -i lo0 -c 1 -s 20 -w a.pcapng", "a.pcapng");
      await send(sh);
      await capture.ended;
      assertEquals(sh.must("tshark -r a.pcapng -T fields -e frame.len -e frame.cap_len 2>/dev/null"), "37\t20\n");
    }));
  it("says what is wrong in one line", () =>
    within((sh) => {
      const env = server(sh);
      const wrong: readonly (readonly [string, string])[] = [
        ["-i nosuch0 -w x", "rump.pcap: nosuch0: Device not configured"],
        ["-i lo0 -w x foo", "rump.pcap: foo: neither a word of filters nor an address"],
        ["-i lo0 -i lo0 -w x.pcap", "rump.pcap: x.pcap: pcap has one interface"],
        ["-i lo0 -d up -w x", "rump.pcap: -d up: neither in, out nor inout"],
        ["-i lo0 -c 0 -w x", "rump.pcap: -c 0: not a number that makes sense"],
        ["-i lo0 -w nosuch/x", "rump.pcap: nosuch/x: No such file or directory"],
      ];
      for (const [args, line] of wrong) {
        const { status, err } = sh.run(`rump.pcap ${args}`, env);
        assertEquals([status, err], [1, `${line}\n`]);
      }
      assertEquals(sh.run("rump.pcap -w x", env).status, 2);
      sh.must("rump_server -l rumpvfs -l rumpnet_netinet unix://other");
      const { err } = sh.run("rump.pcap -i lo0 -w x", { RUMP_SERVER: "unix://other" });
      assertEquals(err, "rump.pcap: /dev/bpf: the server has no rumpdev_bpf\n");
    }));
});

describe("the interface pcap", () => {
  /** Two kernels on a bus, one of them by way of a capture; its file is in `where`. */
  const pair = (sh: Shell, where: string) => {
    sh.must("rump_server -l rumpnet_pcap unix://h1; rump_server -l rumpnet_shmif unix://h2");
    sh.must("RUMP_SERVER=unix://h2 rump.ifconfig shmif0 create linkstr $PWD/bus inet 10.0.0.2/24");
    const on = { RUMP_SERVER: "unix://h1" };
    sh.must(`rump.ifconfig pcap0 create linkstr "shmif:$PWD/bus?file=${where}" inet 10.0.0.1/24`, on);
    sh.must("rump.ping -n -c 3 -i 0.1 10.0.0.2", on);
  };
  it("tshark reads what a ping leaves: both directions, in order, with the interface's name and sound times", () =>
    within((sh) => {
      pair(sh, "net.pcapng");
      const fields = ["interface_name", "packet_flags_direction", "time_epoch"].map((f) => `-e frame.${f}`).join(" ");
      const lines = sh.must(
        `tshark -r net.pcapng -Y 'icmp && !_ws.malformed' -T fields ${fields} -e icmp.type 2>/dev/null`,
      );
      const frames = lines.trimEnd().split("\n").map((l) => l.split("\t"));
      const [out, back] = [["pcap0", 2, "8"], ["pcap0", 1, "0"]];
      const seen = frames.map(([name, way, , type]) => [name, Number(way), type]);
      assertEquals(seen, [out, back, out, back, out, back]);
      const times = frames.map((f) => Number(f[2]));
      assert(times.every((t, i) => Math.abs(t - Date.now() / 1000) < 60 && t >= (times[i - 1] ?? 0)), `${times}`);
      sh.must("RUMP_SERVER=unix://h1 rump.halt; RUMP_SERVER=unix://h2 rump.halt");
    }));
  it("on a full disk the server says so once, the ping goes on, and every frame that is in the file is whole", () =>
    within((sh) => {
      const inside = `mkdir small; mount -t tmpfs -o size=16k none small
        rump_server -s -l rumpnet_pcap unix://h1 2>log & rump_server -l rumpnet_shmif unix://h2
        until test -S h1; do sleep 0.05; done
        RUMP_SERVER=unix://h2 rump.ifconfig shmif0 create linkstr $PWD/bus inet 10.0.0.2/24
        export RUMP_SERVER=unix://h1
        rump.ifconfig pcap0 create linkstr "shmif:$PWD/bus?file=small/a" inet 10.0.0.1/24
        rump.ping -n -q -c 20 -i 0.01 -s 1400 10.0.0.2; tshark -r small/a 2>&1 | grep -c ICMP
        rump.halt; RUMP_SERVER=unix://h2 rump.halt; grep -c "small/a: No space left on device" log`;
      const r = sh.run(`unshare -rm sh -c '${inside}'`);
      assertStringIncludes(r.out, "20 packets transmitted, 20 packets received");
      const [whole, told] = r.out.trim().split("\n").slice(-2).map(Number);
      assertEquals([whole! >= 8 && whole! < 12, told], [true, 1], r.out);
    }));
});
