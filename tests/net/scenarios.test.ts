/**
 * Scenarios of NetBSD's tests/net as tests of our own. Where each is done (here, unless a file is named):
 *
 * | NetBSD | here |
 * | --- | --- |
 * | arp/t_arp, t_dad | arp.test.ts |
 * | bpf/t_bpf, t_div-by-zero, t_mbuf; bpfilter | bpf.test.ts (there is no JIT: bpfjit) |
 * | icmp/t_ping (simpleping, floodping, floodping2, pingsize, ping_of_death), t_forward (returndatabytes) | |
 * | icmp/t_ping2; net/t_ping_opts, t_ping6_opts | cli/net_ping.test.ts, net_ping6.test.ts, icmp.test.ts |
 * | icmp/t_icmp_redirect, t_icmp6_redirect | icmp.test.ts, nd.test.ts |
 * | if/t_ifconf, t_ifconfig | ioctl.test.ts, cli/net_ifconfig.test.ts (not if/t_compat: ioctls before 4.4BSD) |
 * | if_bridge/t_bridge, t_rtable | bridge.test.ts, cli/brconfig.test.ts |
 * | if_gif/t_gif; if_vlan/t_vlan; if_tap/t_tap | gif.test.ts; vlan.test.ts; virt.test.ts, virt6.test.ts |
 * | if_loop/t_pr (loopmtu, loopmtu_csum), t_basic | , ipv4.test.ts |
 * | if_shmif/t_shmif, rumpnet/t_shmif (crossping) | shmif.test.ts |
 * | inpcb/t_broadcast_bind, t_inpcb_bind; net/t_bind, t_pktinfo, t_pktinfo_send, t_socket_afinet | ip_sockets.test.ts |
 * | mcast/t_mcast | igmp.test.ts, mld.test.ts |
 * | ndp/t_dad, t_ndp, t_ra; net/t_ipv6_lifetime, t_ipv6address | nd.test.ts, ip6_control.test.ts |
 * | net/t_forwarding, t_ip_reass; t_mtudisc, t_mtudisc6 | icmp.test.ts, ip6_packets.test.ts; tcp_path.test.ts |
 * | net/t_mapped; t_raw (PRU_SENSE); t_tcp; t_udp; t_unix | ip6_sockets.test.ts; ; tcp_socket.test.ts; ; local.test.ts |
 * | route/t_change, t_flags, t_flags6, t_route | routing.test.ts, ip6_control.test.ts, cli/net_route.test.ts |
 * | sys/t_connect, t_listen, t_rfc6056, t_socketpair | , ip_sockets.test.ts, local.test.ts |
 * | tcp/t_tcp_connect_port; t_tcp_nc; t_tcp_shutdown | ; cli/net_nc.test.ts; tcp_socket.test.ts |
 * | usr.sbin/traceroute | cli/net_traceroute.test.ts |
 *
 * There are no altq, can, carp, ipsec, lagg, l2tp, mpls, npf, pppoe, vether and wg, and so no tests of theirs.
 */
import { describe, it } from "node:test";
import { errno, SysError } from "../../src/abi/errno.ts";
import { IP_PORTRANGE, IP_PORTRANGE_LOW } from "../../src/abi/inet_options.ts";
import { AF_INET, AF_LOCAL, S_IFSOCK, SOCK_RAW, SOCK_STREAM } from "../../src/abi/flags.ts";
import { Stat } from "../../src/abi/structs.ts";
import type { Calls } from "../../src/kern/dispatch.ts";
import { viewOf } from "../../src/lib/struct.ts";
import { plainChecksum } from "../../src/net/checksums.ts";
import { Packet } from "../../src/net/packet.ts";
import { assert, assertEquals, assertThrows } from "../assert.ts";
import { bytes, inetHost, onOneLink, routed, settle, sin, text, udpSocket } from "./helpers.ts";

const raw = (sys: Calls, protocol = 1) => sys.socket({ domain: AF_INET, type: SOCK_RAW, protocol }) as number;
/** An echo request with so much data. */
function echo(seq: number, data: number): Uint8Array {
  const p = new Packet(70_000 & ~3);
  p.end = p.start + 8 + data;
  for (let i = 8; i < 8 + data; i++) p.bytes[p.start + i] = i * 7;
  p.bytes.set([8, 0, 0, 0, 0, 42, seq >> 8, seq & 255], p.start);
  p.view.setUint16(p.start + 2, plainChecksum(p, p.start, p.length), true);
  return p.bytes.slice(p.start, p.end);
}
/** Ping, and check that the same comes back. */
async function ping(sys: Calls, s: number, to: string, seq: number, size: number): Promise<void> {
  const request = echo(seq, size);
  await sys.sendto({ s, buf: request, flags: 0, to: sin(to, 0) });
  const buf = new Uint8Array(66_000);
  const n = await sys.recvfrom({ s, buf, flags: 0 }) as number;
  assertEquals(n, 20 + 8 + size);
  assertEquals(buf.slice(24, n), request.slice(4), `${size} bytes`);
}

describe("ping", () => {
  it("of any size from 0 to 65,507 bytes comes back", async () => {
    const { hosts: [a] } = await onOneLink(2);
    const s = raw(a!.sys);
    a!.sys.setsockopt({ s, level: 0xffff, name: 0x1002, val: new Uint8Array([0, 0, 2, 0]) }); // SO_RCVBUF
    for (const [i, size] of [0, 1, 55, 56, 1471, 1472, 1473, 9000, 32_768, 65_506, 65_507].entries()) {
      await ping(a!.sys, s, "10.0.0.2", i, size);
    }
  });
  it("two hosts ping each other two thousand times at once", async () => {
    const { hosts: [a, b] } = await onOneLink(2);
    const flood = async (h: typeof a, to: string) => {
      const s = raw(h!.sys);
      const buf = new Uint8Array(200);
      let answers = 0;
      for (let i = 0; i < 2000; i++) {
        await h!.sys.sendto({ s, buf: echo(i, 56), flags: 0, to: sin(to, 0) });
        await settle();
        for (let ready = 1; ready > 0;) {
          ready = h!.sys.poll({ fds: new Uint8Array([s, 0, 0, 0, 1, 0, 0, 0]), timeout: 0 }) as number;
          if (ready > 0 && h!.sys.recvfrom({ s, buf, flags: 0 }) as number > 0 && buf[20] === 0) answers++;
        }
      }
      return answers;
    };
    assertEquals(await Promise.all([flood(a, "10.0.0.2"), flood(b, "10.0.0.1")]), [2000, 2000]);
  });
  it("of death, whose last fragment goes beyond 65,535 bytes, is dropped", async () => {
    const { hosts: [a, b] } = await onOneLink(2);
    const whole = raw(a!.sys);
    a!.sys.setsockopt({ s: whole, level: 0, name: 2, val: new Uint8Array([1, 0, 0, 0]) });
    for (let at = 0; at < 66_000; at += 1000) {
      const p = new Uint8Array(1020);
      const d = viewOf(p);
      p.set([0x45, 0, 0, 0, 0, 9, 0, 0, 64, 1]);
      d.setUint16(2, p.length, true); // in the host's order, as raw sockets have it
      d.setUint16(6, (at >> 3) | (at < 65_000 ? 0x2000 : 0), true);
      d.setUint32(16, 0x0a000002);
      await a!.sys.sendto({ s: whole, buf: p, flags: 0, to: sin("10.0.0.2", 0) });
    }
    await settle();
    assert(b!.stack.ip.fragments.counters.dropped > 0);
    assertEquals(b!.stack.icmp.counters.in[8], 0);
    await ping(a!.sys, raw(a!.sys), "10.0.0.2", 1, 56);
  });
});

describe("others", () => {
  it("datagrams larger than lo0's MTU go in fragments", async () => {
    const { sys, stack } = await inetHost();
    stack.interface("lo0").setMtu(1500);
    const [r, s] = [await udpSocket(sys, 7000), await udpSocket(sys)];
    const data = Uint8Array.from({ length: 9000 }, (_, i) => i * 3);
    await sys.sendto({ s, buf: data, flags: 0, to: sin("127.0.0.1", 7000) });
    const buf = new Uint8Array(10_000);
    const n = await sys.recvfrom({ s: r, buf, flags: 0 }) as number;
    assertEquals([buf.slice(0, n), stack.ip.counters.fragmented], [data, 1]);
  });
  it("errors of a router return as much of the packet as icmp.returndatabytes says", async () => {
    const { a, r } = await routed();
    r.stack.icmp.returned = 164;
    const s = raw(a.sys);
    const u = await udpSocket(a.sys);
    a.sys.setsockopt({ s: u, level: 0, name: 4, val: new Uint8Array([1, 0, 0, 0]) });
    for (const [size, returned] of [[10, 18], [100, 108], [1000, 164]] as const) {
      await a.sys.sendto({ s: u, buf: new Uint8Array(size), flags: 0, to: sin("10.0.1.1", 9) });
      const buf = new Uint8Array(1000);
      assertEquals(await a.sys.recvfrom({ s, buf, flags: 0 }), 20 + 8 + 20 + returned);
    }
  });
  it("fstat of a raw socket tells that it is one", async () => {
    const { sys } = await inetHost();
    const sb = new Uint8Array(Stat.size);
    sys.fstat({ fd: raw(sys), sb });
    assertEquals(Stat.get.mode(viewOf(sb), 0) & 0o170000, S_IFSOCK);
  });
  it("a connected datagram socket hears its peer alone, and may be connected anew", async () => {
    const { sys } = await inetHost();
    const [s, one, two] = [await udpSocket(sys, 7000), await udpSocket(sys, 7001), await udpSocket(sys, 7002)];
    const buf = new Uint8Array(9);
    for (const [peer, port, other] of [[one, 7001, two], [two, 7002, one]] as const) {
      await sys.connect({ s, name: sin("127.0.0.1", port) });
      await sys.sendto({ s: other, buf: bytes("no"), flags: 0, to: sin("127.0.0.1", 7000) });
      await sys.sendto({ s: peer, buf: bytes("yes"), flags: 0, to: sin("127.0.0.1", 7000) });
      assertEquals(text(buf.subarray(0, await sys.read({ fd: s, buf }))), "yes");
    }
  });
  it("connect to another family, or of a listener, is refused (sys/t_connect)", async () => {
    const { sys } = await inetHost();
    const s = sys.socket({ domain: AF_INET, type: SOCK_STREAM, protocol: 0 }) as number;
    const foreign = new Uint8Array(16);
    foreign.set([16, AF_LOCAL]);
    assertThrows(() => sys.connect({ s, name: foreign }), SysError, errno.EAFNOSUPPORT.message);
    sys.listen({ s, backlog: 1 });
    assertThrows(() => sys.connect({ s, name: sin("127.0.0.1", 9) }), SysError, errno.EOPNOTSUPP.message);
  });
  it("listening without a name takes a port, of the reserved ones where that is asked for (sys/t_listen)", async () => {
    const { sys } = await inetHost();
    const portOf = (range: number) => {
      const s = sys.socket({ domain: AF_INET, type: SOCK_STREAM, protocol: 0 }) as number;
      sys.setsockopt({ s, level: 0, name: IP_PORTRANGE, val: new Uint8Array([range, 0, 0, 0]) });
      sys.listen({ s, backlog: 1 });
      const asa = new Uint8Array(16);
      sys.getsockname({ fdes: s, asa, alen: new Uint8Array([16, 0, 0, 0]) });
      return viewOf(asa).getUint16(2);
    };
    const [high, low] = [portOf(0), portOf(IP_PORTRANGE_LOW)];
    assert(high >= 1024 && low > 0 && low < 1024, `${high} ${low}`);
    const u = await udpSocket(sys);
    assertThrows(() => sys.listen({ s: u, backlog: 1 }), SysError, errno.EOPNOTSUPP.message);
    assertThrows(() => sys.listen({ s: 99, backlog: 1 }), SysError, errno.EBADF.message);
  });
  it("port 0 is nobody's: connect is EADDRNOTAVAIL", async () => {
    const { sys } = await inetHost();
    const s = sys.socket({ domain: AF_INET, type: SOCK_STREAM, protocol: 0 }) as number;
    assertThrows(() => sys.connect({ s, name: sin("127.0.0.1", 0) }), SysError, errno.EADDRNOTAVAIL.message);
  });
});
