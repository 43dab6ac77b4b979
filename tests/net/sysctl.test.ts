import { describe, it } from "node:test";
import { errno, SysError } from "../../src/abi/errno.ts";
import { AF_INET, AF_LOCAL, SOCK_STREAM } from "../../src/abi/flags.ts";
import { parseSockaddrIn } from "../../src/abi/inet.ts";
import {
  ARP_STAT,
  decodeStats,
  encodeStats,
  ICMP_STAT,
  IP_STAT,
  type Stats,
  TCP_STAT,
  UDP_STAT,
} from "../../src/abi/net_stats.ts";
import { INP, KinfoPcb, PCB_ALL, SS, TCPS } from "../../src/abi/pcb_structs.ts";
import { parseRows } from "../../src/abi/tables.ts";
import { formatIpv4 } from "../../src/lib/inet.ts";
import { viewOf } from "../../src/lib/struct.ts";
import type { Kernel } from "../../src/kern/kernel.ts";
import { assert, assertEquals, assertRejects, assertThrows } from "../assert.ts";
import { inetSocket } from "./control.ts";
import { attach, bytes, cable, inetHost, pairOf, pass, settle, sin } from "./helpers.ts";

type Host = Awaited<ReturnType<typeof inetHost>>;
const fails = (fn: () => unknown, e: SysError) => assertThrows(fn, SysError, e.message);
const node = (kernel: Kernel, name: string) => kernel.tree.find(name)!;
function stats<N extends readonly string[]>({ kernel }: Host, name: string, names: N): Record<N[number], number> {
  return decodeStats(names, node(kernel, name).read(0) as Uint8Array);
}
const pcbs = ({ kernel }: Host, name: string) => {
  const all = node(kernel, `net.${name}.pcblist`).tail!([PCB_ALL, 0, KinfoPcb.size, 1000]);
  return Array.from(
    { length: all.length / KinfoPcb.size },
    (_, i) => KinfoPcb.dump(viewOf(all), i * KinfoPcb.size),
  );
};
const address = (b: Uint8Array) => {
  const { address, port } = parseSockaddrIn(b)!;
  return `${formatIpv4(address)}:${port}`;
};
/** A connection over lo0: the listener, both ends. */
async function connected(h: Host) {
  const socket = () => h.sys.socket({ domain: AF_INET, type: SOCK_STREAM, protocol: 0 }) as number;
  const [l, c] = [socket(), socket()];
  await h.sys.bind({ s: l, name: sin("127.0.0.1", 7000) });
  h.sys.listen({ s: l, backlog: 5 });
  await h.sys.connect({ s: c, name: sin("127.0.0.1", 7000) });
  return { l, c, a: await h.sys.accept({ s: l }) };
}

describe("counters", () => {
  it("names are NetBSD's, each in its place", () => {
    const sizes = [IP_STAT, ICMP_STAT, UDP_STAT, TCP_STAT, ARP_STAT].map((names) => names.length);
    assertEquals(sizes, [30, 98, 9, 76, 23]);
    assertEquals([IP_STAT[22], TCP_STAT[18], TCP_STAT[54], UDP_STAT[8], ICMP_STAT[16 + 41 + 3]], [
      "noroute",
      "sndtotal",
      "noport",
      "opackets",
      "in3",
    ]);
  });
  it("what is encoded is read again, also of a kernel that has fewer", () => {
    const values: Stats<typeof UDP_STAT> = { ipackets: 7, opackets: 2 ** 40 };
    const encoded = encodeStats(UDP_STAT, values);
    assertEquals(decodeStats(UDP_STAT, encoded).opackets, 2 ** 40);
    assertEquals(decodeStats(UDP_STAT, encoded.subarray(0, 8)).opackets, 0);
  });
  it("datagrams to nobody count in IP, UDP and ICMP", async () => {
    const h = await inetHost();
    const s = inetSocket(h.sys);
    for (let i = 0; i < 34; i++) h.sys.sendto({ s, buf: bytes("x"), flags: 0, to: sin("127.0.0.1", 9) });
    await settle();
    const ip = stats(h, "net.inet.ip.stats", IP_STAT);
    assertEquals([ip.total, ip.delivered, ip.localout], [68, 68, 68]);
    const udp = stats(h, "net.inet.udp.stats", UDP_STAT);
    assertEquals([udp.ipackets, udp.noport, udp.opackets], [34, 34, 34]);
    const icmp = stats(h, "net.inet.icmp.stats", ICMP_STAT);
    assertEquals([icmp.error, icmp.out3, icmp.in3], [34, 34, 34]);
  });
  it("a connection and its data count in TCP", async () => {
    const h = await inetHost();
    const { c, a } = await connected(h);
    await h.sys.write({ fd: c, buf: bytes("hello") });
    assertEquals(await h.sys.read({ fd: a, buf: new Uint8Array(10) }), 5);
    const tcp = stats(h, "net.inet.tcp.stats", TCP_STAT);
    assertEquals([tcp.connattempt, tcp.accepts, tcp.connects, tcp.sndpack, tcp.rcvbyte], [1, 1, 2, 1, 5]);
    assert(tcp.sndtotal >= tcp.sndpack + tcp.sndacks && tcp.rcvtotal === tcp.sndtotal);
  });
  it("acknowledgments and round trips count, and acknowledgments that come late", async () => {
    const h = await inetHost();
    const { c } = await connected(h);
    await h.sys.write({ fd: c, buf: bytes("hello") });
    await pass([h], 1000);
    const tcp = stats(h, "net.inet.tcp.stats", TCP_STAT);
    assertEquals([tcp.rcvackpack, tcp.rcvackbyte, tcp.delack, tcp.segstimed], [1, 5, 1, 1]);
    assert(tcp.rttupdated >= 1 && tcp.rttupdated <= 2);
  });
  it("what comes twice, or out of order, counts, and so does what is sent again", async () => {
    const segments: Uint8Array[] = [];
    let held: Uint8Array | undefined;
    const [one, two] = cable((f, from) => {
      if (from !== 0 || f[23] !== 6 || f.length < 14 + 20 + 32 + 1000) return [f];
      segments.push(f);
      if (segments.length === 1) return [held = f, f]; // twice
      if (segments.length === 2) return []; // lost
      return [f];
    });
    const [a, b] = [await inetHost(), await inetHost()];
    await attach(a, "en0", one!, "10.0.0.1/24");
    await attach(b, "en0", two!, "10.0.0.2/24");
    await settle();
    const l = b.sys.socket({ domain: AF_INET, type: SOCK_STREAM, protocol: 0 }) as number;
    await b.sys.bind({ s: l, name: sin("10.0.0.2", 7000) });
    b.sys.listen({ s: l, backlog: 1 });
    const s = a.sys.socket({ domain: AF_INET, type: SOCK_STREAM, protocol: 0 }) as number;
    await a.sys.connect({ s, name: sin("10.0.0.2", 7000) });
    await a.sys.write({ fd: s, buf: new Uint8Array(8 * 1448) });
    await pass([a, b], 2000);
    const [us, them] = [stats(a, "net.inet.tcp.stats", TCP_STAT), stats(b, "net.inet.tcp.stats", TCP_STAT)];
    assert(held !== undefined);
    assertEquals([them.rcvduppack, them.rcvdupbyte], [1, 1448]);
    assertEquals([them.rcvoopack >= 6, them.rcvoobyte], [true, them.rcvoopack * 1448]);
    assertEquals([us.sndrexmitpack >= 1, us.sndrexmitbyte], [true, us.sndrexmitpack * 1448]);
    assertEquals(us.rcvackbyte, 8 * 1448);
    assert(us.rcvdupack >= 3);
  });
  it("a refused connection counts", async () => {
    const h = await inetHost();
    const s = h.sys.socket({ domain: AF_INET, type: SOCK_STREAM, protocol: 0 }) as number;
    await assertRejects(async () => await h.sys.connect({ s, name: sin("127.0.0.1", 9) }), SysError, "refused");
    assertEquals(stats(h, "net.inet.tcp.stats", TCP_STAT).noport, 1);
  });
  it("neighbours' questions and answers count in ARP", async () => {
    const [one, two] = cable();
    const [a, b] = [await inetHost(), await inetHost()];
    await attach(a, "en0", one!, "10.0.0.1/24");
    await attach(b, "en0", two!, "10.0.0.2/24");
    const s = inetSocket(a.sys);
    a.sys.sendto({ s, buf: bytes("x"), flags: 0, to: sin("10.0.0.2", 9) });
    await settle();
    const arp = stats(a, "net.inet.arp.stats", ARP_STAT);
    assert(arp.rcvreply >= 1);
    assertEquals([arp.dfrtotal, arp.dfrsent, arp.dfrdropped], [1, 1, 0]);
    assert(stats(b, "net.inet.arp.stats", ARP_STAT).sndreply >= 1);
  });
});
describe("lists of sockets", () => {
  it("TCP: listener and both ends, with addresses and states", async () => {
    const h = await inetHost();
    const { c } = await connected(h);
    await h.sys.write({ fd: c, buf: bytes("hello") });
    const rows = pcbs(h, "inet.tcp").map((
      p,
    ) => [address(p.src), TCPS[p.tstate], p.prstate, p.sostate & SS.ISCONNECTED]);
    const port = address(pcbs(h, "inet.tcp")[1]!.src);
    assertEquals(rows, [
      ["127.0.0.1:7000", "LISTEN", INP.BOUND, 0],
      [port, "ESTABLISHED", INP.CONNECTED, SS.ISCONNECTED],
      ["127.0.0.1:7000", "ESTABLISHED", INP.CONNECTED, SS.ISCONNECTED],
    ]);
    assertEquals(pcbs(h, "inet.tcp").map((p) => [address(p.dst), p.rcvq]), [
      ["0.0.0.0:0", 0],
      ["127.0.0.1:7000", 0],
      [port, 5],
    ]);
  });
  it("TCP: connections that wait for their end are there without a socket", async () => {
    const h = await inetHost();
    const { c, a } = await connected(h);
    await h.sys.close({ fd: c });
    await h.sys.close({ fd: a });
    await settle();
    const [, waiting] = pcbs(h, "inet.tcp");
    assertEquals([TCPS[waiting!.tstate], waiting!.sockaddr, waiting!.sostate], ["TIME_WAIT", 0, SS.NOFDREF]);
  });
  it("UDP: a socket without a port is there, too; closed ones are not", async () => {
    const h = await inetHost();
    const [a, b] = [inetSocket(h.sys), inetSocket(h.sys)];
    await h.sys.bind({ s: b, name: sin("0.0.0.0", 53) });
    assertEquals(pcbs(h, "inet.udp").map((p) => [address(p.src), p.prstate]), [
      ["0.0.0.0:0", INP.ATTACHED],
      ["0.0.0.0:53", INP.BOUND],
    ]);
    await h.sys.close({ fd: a });
    assertEquals(pcbs(h, "inet.udp").length, 1);
  });
  it("AF_LOCAL: pairs name each other", async () => {
    const h = await inetHost();
    pairOf(h.sys, SOCK_STREAM);
    const [a, b] = pcbs(h, "local.stream");
    assertEquals([a!.family, a!.conn, b!.conn], [AF_LOCAL, b!.sockaddr, a!.sockaddr]);
    assertEquals(pcbs(h, "local.dgram").length, 0);
  });
  it("open files name the sockets of their records", async () => {
    const h = await inetHost();
    inetSocket(h.sys);
    const [row] = pcbs(h, "inet.udp");
    const files = [...h.kernel.procs].flatMap((p) => [...p.files]);
    assertEquals(files.map(([, f]) => f.ops.about?.(f).socket).filter((id) => id !== undefined), [row!.sockaddr]);
    assert(parseRows("rump.sp.files", "[]"));
  });
  it("only the numbers that NetBSD's programs give are taken", async () => {
    const { kernel } = await inetHost();
    const tail = node(kernel, "net.inet.udp.pcblist").tail!;
    for (const rest of [[], [0], [1, 0, 640, 10], [0, 0, 639, 10], [0, 0, 640, -1]]) {
      fails(() => tail(rest), errno.EINVAL);
    }
    assertEquals(tail([PCB_ALL, 0, 640, 0]).length, 0);
  });
});
describe("variables of net.*", () => {
  it("each changes what it says, within its bounds", async () => {
    const { kernel, stack } = await inetHost();
    const set = (name: string, value: number) => node(kernel, name).write!(value);
    set("net.inet.ip.ttl", 13);
    set("net.inet.ip.forwarding", 0);
    set("net.inet.icmp.redirtimeout", 5);
    set("net.inet.arp.keep", 60);
    set("net.inet.ip.dad_count", 0);
    assertEquals(
      [stack.ip.ttl, stack.ip.forwarding, stack.icmp.redirects.life, stack.arp.keep, stack.detection.count],
      [13, false, 5000, 60_000, 0],
    );
    fails(() => set("net.inet.ip.ttl", 0), errno.EINVAL);
    fails(() => set("net.inet.ip.anonportmin", 70_000), errno.EINVAL);
    set("net.inet.udp.recvspace", 10_000);
    assertEquals(node(kernel, "net.inet.udp.recvspace").read(0), 10_000);
  });
  it("an interface's come and go with it", async () => {
    const { kernel, stack } = await inetHost();
    assert(kernel.tree.find("net.interfaces.lo0.rcvq.drops"));
    const [device] = cable();
    const iface = stack.attach("en0", device!);
    assertEquals(node(kernel, "net.interfaces.en0.rcvq.drops").read(0), 0);
    await stack.destroy(iface);
    assertEquals(kernel.tree.find("net.interfaces.en0.rcvq.drops"), undefined);
  });
});
