/**
 * Options and ancillary data of Internet sockets (ip(4)). Of NetBSD's tests/net these are done here as tests of our own:
 * net/t_pktinfo, net/t_pktinfo_send, net/t_bind, net/t_udp, inpcb/t_broadcast_bind, inpcb/t_inpcb_bind, net/t_socket_afinet, net/sys/t_rfc6056.
 */
import { describe, it } from "node:test";
import { errno, SysError } from "../../src/abi/errno.ts";
import {
  MSG_BCAST,
  SCM_TIMESTAMP,
  SO_BROADCAST,
  SO_DONTROUTE,
  SO_REUSEADDR,
  SO_REUSEPORT,
  SO_TIMESTAMP,
  SOL_SOCKET,
} from "../../src/abi/flags.ts";
import * as IP from "../../src/abi/inet_options.ts";
import { parseSockaddrIn } from "../../src/abi/inet.ts";
import { CMSG_DATA, Cmsghdr, MSGHDR } from "../../src/abi/structs.ts";
import type { Calls } from "../../src/kern/dispatch.ts";
import { parseIpv4 } from "../../src/lib/inet.ts";
import { viewOf } from "../../src/lib/struct.ts";
import { assert, assertEquals, assertRejects, assertThrows } from "../assert.ts";
import { bytes, inetHost, int, intOf, onOneLink, routed, settle, sin, udpSocket } from "./helpers.ts";

const ip = (text: string) => parseIpv4(text)!;
const fails = (fn: () => unknown, e: SysError) => assertThrows(fn, SysError, e.message);
const { IPPROTO_IP } = IP;
const set = (sys: Calls, s: number, name: number, val: Uint8Array, level: number = IPPROTO_IP) =>
  sys.setsockopt({ s, level, name, val });
function get(sys: Calls, s: number, name: number, level: number = IPPROTO_IP): Uint8Array {
  const [val, avalsize] = [new Uint8Array(64), int(64)];
  sys.getsockopt({ s, level, name, val, avalsize });
  return val.slice(0, intOf(avalsize));
}
interface Came {
  readonly from: number;
  readonly flags: number;
  readonly data: string;
  /** By level and type. */
  readonly control: ReadonlyMap<string, Uint8Array>;
}
async function receive(sys: Calls, s: number): Promise<Came> {
  const [msg, name, iov, control] = [
    new Uint8Array(MSGHDR.size),
    new Uint8Array(16),
    new Uint8Array(2000),
    new Uint8Array(200),
  ];
  const n = await sys.recvmsg({ s, msg, name, iov, control, flags: 0 });
  const [d, c] = [viewOf(msg), viewOf(control)];
  const all = new Map<string, Uint8Array>();
  for (let at = 0; at < d.getUint32(MSGHDR.controllen, true);) {
    const len = Cmsghdr.get.len(c, at);
    all.set(`${Cmsghdr.get.level(c, at)}:${Cmsghdr.get.type(c, at)}`, control.slice(at + CMSG_DATA, at + len));
    at += (len + 7) & ~7;
  }
  return {
    from: parseSockaddrIn(name)!.address,
    flags: d.getInt32(MSGHDR.flags, true),
    data: new TextDecoder().decode(iov.subarray(0, n)),
    control: all,
  };
}
/** A control message. */
function cmsg(type: number, data: Uint8Array, level: number = IPPROTO_IP): Uint8Array {
  const control = new Uint8Array((CMSG_DATA + data.length + 7) & ~7);
  Cmsghdr.write(viewOf(control), 0, { len: CMSG_DATA + data.length, level, type });
  control.set(data, CMSG_DATA);
  return control;
}
/** struct in_pktinfo */
function pktinfo(address: string, index: number): Uint8Array {
  const data = new Uint8Array(8);
  viewOf(data).setUint32(0, ip(address));
  viewOf(data).setUint32(4, index, true);
  return data;
}
const sendmsg = (sys: Calls, s: number, to: Uint8Array, control: Uint8Array) =>
  sys.sendmsg({ s, msg: new Uint8Array(MSGHDR.size), name: to, iov: bytes("x"), control, flags: 0 });

describe("what a datagram's reader is told beside its data", () => {
  it("where it came in and was sent to, its TTL, and when, as it was asked for", async () => {
    const { hosts: [a, b] } = await onOneLink(2);
    const r = await udpSocket(b!.sys, 7000);
    for (const name of [IP.IP_RECVDSTADDR, IP.IP_RECVPKTINFO, IP.IP_RECVIF, IP.IP_RECVTTL]) {
      set(b!.sys, r, name, int(1));
    }
    set(b!.sys, r, SO_TIMESTAMP, int(1), SOL_SOCKET);
    await a!.sys.sendto({ s: await udpSocket(a!.sys), buf: bytes("x"), flags: 0, to: sin("10.0.0.2", 7000) });
    const { control } = await receive(b!.sys, r);
    const index = b!.stack.interface("en0").index;
    assertEquals([...control].filter(([k]) => k.startsWith("0:")), [
      [`0:${IP.IP_RECVDSTADDR}`, new Uint8Array([10, 0, 0, 2])],
      [`0:${IP.IP_PKTINFO}`, pktinfo("10.0.0.2", index)],
      [`0:${IP.IP_RECVIF}`, new Uint8Array([8, 18, index, 0, 0, 0, 0, 0])],
      [`0:${IP.IP_RECVTTL}`, new Uint8Array([64])],
    ]);
    const when = viewOf(control.get(`${SOL_SOCKET}:${SCM_TIMESTAMP}`)!);
    assertEquals(Number(when.getBigInt64(0, true)), Math.floor(b!.host.clock / 1000));
  });
  it("nothing, where nobody asked; what has no room is cut, and that is said", async () => {
    const { sys } = await inetHost();
    const r = await udpSocket(sys, 7000);
    const s = await udpSocket(sys);
    const to = sin("127.0.0.1", 7000);
    await sys.sendto({ s, buf: bytes("x"), flags: 0, to });
    assertEquals((await receive(sys, r)).control.size, 0);
    set(sys, r, IP.IP_RECVDSTADDR, int(1));
    await sys.sendto({ s, buf: bytes("x"), flags: 0, to });
    const msg = new Uint8Array(MSGHDR.size);
    await sys.recvmsg({ s: r, msg, iov: new Uint8Array(9), control: new Uint8Array(19), flags: 0 });
    assertEquals([viewOf(msg).getUint32(MSGHDR.controllen, true), viewOf(msg).getInt32(MSGHDR.flags, true)], [0, 0x20]);
  });
  it("broadcasts are marked", async () => {
    const { hosts: [a, b] } = await onOneLink(2);
    const [r, s] = [await udpSocket(b!.sys, 7000), await udpSocket(a!.sys)];
    set(a!.sys, s, SO_BROADCAST, int(1), SOL_SOCKET);
    await a!.sys.sendto({ s, buf: bytes("x"), flags: 0, to: sin("10.0.0.255", 7000) });
    assertEquals((await receive(b!.sys, r)).flags, MSG_BCAST);
  });
});

describe("where a datagram is sent from", () => {
  async function twoAddresses() {
    const { hosts: [a, b] } = await onOneLink(2);
    const en0 = a!.stack.interface("en0");
    a!.stack.detection.count = 0;
    await a!.stack.addAddress(en0, { address: ip("10.0.0.11"), mask: ip("255.255.255.0"), broadcast: 0 });
    return { a: a!, b: b!, index: en0.index, r: await udpSocket(b!.sys, 7000), s: await udpSocket(a!.sys) };
  }
  const to = sin("10.0.0.2", 7000);
  it("IP_PKTINFO and IP_SENDSRCADDR say it for one", async () => {
    const { a, b, r, s, index } = await twoAddresses();
    await sendmsg(a.sys, s, to, cmsg(IP.IP_PKTINFO, pktinfo("10.0.0.11", 0)));
    await sendmsg(a.sys, s, to, cmsg(IP.IP_SENDSRCADDR, pktinfo("10.0.0.11", 0).slice(0, 4)));
    await sendmsg(a.sys, s, to, cmsg(IP.IP_PKTINFO, pktinfo("0.0.0.0", index)));
    await a.sys.sendto({ s, buf: bytes("x"), flags: 0, to });
    const from = [];
    for (let i = 0; i < 4; i++) from.push((await receive(b.sys, r)).from & 255);
    assertEquals(from, [11, 11, 1, 1]);
  });
  it("the option IP_PKTINFO says it for all", async () => {
    const { a, b, r, s } = await twoAddresses();
    set(a.sys, s, IP.IP_PKTINFO, pktinfo("10.0.0.11", 0));
    await a.sys.sendto({ s, buf: bytes("x"), flags: 0, to });
    assertEquals((await receive(b.sys, r)).from, ip("10.0.0.11"));
  });
  it("not an address that is not ours, nor an interface there is not; malformed messages are EINVAL, others ENOPROTOOPT", async () => {
    const { a, s } = await twoAddresses();
    fails(() => sendmsg(a.sys, s, to, cmsg(IP.IP_PKTINFO, pktinfo("9.9.9.9", 0))), errno.EADDRNOTAVAIL);
    fails(() => sendmsg(a.sys, s, to, cmsg(IP.IP_PKTINFO, pktinfo("0.0.0.0", 99))), errno.EADDRNOTAVAIL);
    fails(() => sendmsg(a.sys, s, to, cmsg(IP.IP_PKTINFO, new Uint8Array(3))), errno.EINVAL);
    fails(() => sendmsg(a.sys, s, to, cmsg(IP.IP_TTL, new Uint8Array(4))), errno.ENOPROTOOPT);
    fails(() => sendmsg(a.sys, s, to, new Uint8Array([99, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])), errno.EINVAL);
  });
});

describe("options at level IPPROTO_IP", () => {
  it("are set and told; what they cannot be is EINVAL, what there is not ENOPROTOOPT", async () => {
    const { sys } = await inetHost();
    const s = await udpSocket(sys);
    for (
      const [name, first, value] of [
        [IP.IP_TOS, 0, 16],
        [IP.IP_TTL, 64, 9],
        [IP.IP_MINTTL, 0, 254],
        [IP.IP_RECVTTL, 0, 1],
        [IP.IP_RECVIF, 0, 1],
        [IP.IP_PORTRANGE, 0, 2],
        [IP.IP_PKTINFO, 0, 1],
      ] as const
    ) {
      assertEquals(intOf(get(sys, s, name)), first, `option ${name}`);
      set(sys, s, name, int(value));
      assertEquals(intOf(get(sys, s, name)), value, `option ${name}`);
    }
    fails(() => set(sys, s, IP.IP_TTL, new Uint8Array(2)), errno.EINVAL);
    fails(() => set(sys, s, IP.IP_MINTTL, int(256)), errno.EINVAL);
    fails(() => set(sys, s, IP.IP_PORTRANGE, int(3)), errno.EINVAL);
    fails(() => set(sys, s, 77, int(1)), errno.ENOPROTOOPT);
    fails(() => get(sys, s, 77), errno.ENOPROTOOPT);
  });
  it("IP_MINTTL keeps away what has come from afar", async () => {
    const { a, b } = await routed();
    const r = await udpSocket(b.sys, 7000);
    set(b.sys, r, IP.IP_MINTTL, int(255));
    const s = await udpSocket(a.sys);
    set(a.sys, s, IP.IP_TTL, int(255));
    await a.sys.sendto({ s, buf: bytes("far"), flags: 0, to: sin("10.0.1.1", 7000) });
    await settle();
    set(b.sys, r, IP.IP_MINTTL, int(254));
    await a.sys.sendto({ s, buf: bytes("near"), flags: 0, to: sin("10.0.1.1", 7000) });
    assertEquals((await receive(b.sys, r)).data, "near");
  });
  it("IP_PORTRANGE_LOW gives a reserved port, to the super-user alone", async () => {
    const { sys, kernel } = await inetHost();
    const s = await udpSocket(sys);
    set(sys, s, IP.IP_PORTRANGE, int(IP.IP_PORTRANGE_LOW));
    await sys.bind({ s, name: sin("0.0.0.0", 0) });
    const [asa, alen] = [new Uint8Array(16), int(16)];
    sys.getsockname({ fdes: s, asa, alen });
    const { port } = parseSockaddrIn(asa)!;
    assert(port >= 600 && port <= 1023, `${port}`);
    const user = kernel.calls(kernel.fork("user", { uid: 9, euid: 9, gid: 9, egid: 9, groups: [9] }));
    const u = await udpSocket(user);
    set(user, u, IP.IP_PORTRANGE, int(IP.IP_PORTRANGE_LOW));
    fails(() => user.bind({ s: u, name: sin("0.0.0.0", 0) }), errno.EACCES);
  });
  it("IP_PORTALGO and net.inet.ip.anonportalgo say how ports are chosen (RFC 6056), and none is given twice", async () => {
    const { sys, stack } = await inetHost();
    const port = async (algorithm: number) => {
      const s = await udpSocket(sys);
      set(sys, s, IP.IP_PORTALGO, int(algorithm));
      assertEquals(intOf(get(sys, s, IP.IP_PORTALGO)), algorithm);
      await sys.connect({ s, name: sin("127.0.0.1", 9) });
      const [asa, alen] = [new Uint8Array(16), int(16)];
      sys.getsockname({ fdes: s, asa, alen });
      return parseSockaddrIn(asa)!.port;
    };
    const all: number[] = [];
    for (let algorithm = 0; algorithm < 6; algorithm++) {
      const ports = [await port(algorithm), await port(algorithm), await port(algorithm)];
      assert(ports.every((p) => p >= 49_152), `${algorithm}: ${ports}`);
      // In turn: bsd, and hash for one peer.
      if (algorithm === 0 || algorithm === 3) assert(ports[1]! > ports[0]! && ports[1]! - ports[0]! < 10, `${ports}`);
      all.push(...ports);
    }
    assertEquals(new Set(all).size, 18);
    const s = await udpSocket(sys);
    assertEquals(intOf(get(sys, s, IP.IP_PORTALGO)), 1);
    fails(() => set(sys, s, IP.IP_PORTALGO, int(6)), errno.EINVAL);
    [stack.ports.first, stack.ports.last] = [50_000, 50_001];
    await udpSocket(sys, 0);
    await udpSocket(sys, 0);
    await assertRejects(() => udpSocket(sys, 0), SysError, errno.EADDRNOTAVAIL.message);
  });
  it("SO_DONTROUTE reaches neighbours alone, and goes one hop", async () => {
    const { a, r } = await routed();
    const s = await udpSocket(a.sys);
    const got = await udpSocket(r.sys, 7000);
    set(r.sys, got, IP.IP_RECVTTL, int(1));
    set(a.sys, s, SO_DONTROUTE, int(1), SOL_SOCKET);
    fails(() => a.sys.sendto({ s, buf: bytes("x"), flags: 0, to: sin("10.0.1.1", 7000) }), errno.ENETUNREACH);
    await a.sys.sendto({ s, buf: bytes("x"), flags: 0, to: sin("10.0.0.254", 7000) });
    assertEquals((await receive(r.sys, got)).control.get(`0:${IP.IP_RECVTTL}`), new Uint8Array([1]));
  });
  it("an accepted connection has its listener's, and keeps them to itself", async () => {
    const { sys } = await inetHost();
    const l = sys.socket({ domain: 2, type: 1, protocol: 0 }) as number;
    set(sys, l, IP.IP_TTL, int(7));
    await sys.bind({ s: l, name: sin("127.0.0.1", 80) });
    sys.listen({ s: l, backlog: 1 });
    const c = sys.socket({ domain: 2, type: 1, protocol: 0 }) as number;
    await sys.connect({ s: c, name: sin("127.0.0.1", 80) });
    const k = await sys.accept({ s: l }) as number;
    assertEquals(intOf(get(sys, k, IP.IP_TTL)), 7);
    set(sys, k, IP.IP_TTL, int(8));
    assertEquals(intOf(get(sys, l, IP.IP_TTL)), 7);
  });
});

describe("bind", () => {
  it("to a broadcast address of ours, and to a group; not to one of others", async () => {
    const { hosts: [a] } = await onOneLink(1);
    await udpSocket(a!.sys, 7000, "10.0.0.255");
    await udpSocket(a!.sys, 7001, "224.0.0.9");
    await assertRejects(() => udpSocket(a!.sys, 7002, "10.0.1.255"), SysError, errno.EADDRNOTAVAIL.message);
  });
  it("shares a port when both ask for it: SO_REUSEPORT the same address, SO_REUSEADDR another one", async () => {
    const { hosts: [a] } = await onOneLink(1);
    const at = async (option: number, address: string) => {
      const s = await udpSocket(a!.sys);
      if (option) set(a!.sys, s, option, int(1), SOL_SOCKET);
      await a!.sys.bind({ s, name: sin(address, 7000) });
    };
    await at(SO_REUSEPORT, "10.0.0.1");
    await at(SO_REUSEPORT, "10.0.0.1");
    await assertRejects(() => at(0, "10.0.0.1"), SysError, errno.EADDRINUSE.message);
    await at(SO_REUSEADDR, "0.0.0.0");
  });
  it("with no interface but lo0, others have no address to be reached from", async () => {
    const { sys } = await inetHost();
    const s = await udpSocket(sys);
    fails(() => sys.sendto({ s, buf: bytes("x"), flags: 0, to: sin("9.9.9.9", 9) }), errno.EADDRNOTAVAIL);
    const { hosts: [a] } = await onOneLink(1);
    const t = await udpSocket(a!.sys);
    fails(() => a!.sys.sendto({ s: t, buf: bytes("x"), flags: 0, to: sin("9.9.9.9", 9) }), errno.EHOSTUNREACH);
  });
});
