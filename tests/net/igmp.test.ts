/**
 * Multicast: membership of sockets, delivery, and what routers are told (RFC 1112, 3376, 2236).
 * Of NetBSD's tests/net done here as tests of our own: mcast/t_mcast (its IPv4 half).
 */
import { describe, it } from "node:test";
import { errno, SysError } from "../../src/abi/errno.ts";
import { MSG_MCAST } from "../../src/abi/flags.ts";
import * as IP from "../../src/abi/inet_options.ts";
import { MSGHDR } from "../../src/abi/structs.ts";
import type { Calls } from "../../src/kern/dispatch.ts";
import { formatIpv4, parseIpv4 } from "../../src/lib/inet.ts";
import { viewOf } from "../../src/lib/struct.ts";
import { complement, sum } from "../../src/lib/checksum.ts";
import { assert, assertEquals, assertThrows } from "../assert.ts";
import { bytes, int, onOneLink, pass, settle, sin, udpSocket } from "./helpers.ts";

const ip = (text: string) => parseIpv4(text)!;
const fails = (fn: () => unknown, e: SysError) => assertThrows(fn, SysError, e.message);
/** struct ip_mreq */
function mreq(group: string, iface = "0.0.0.0"): Uint8Array {
  const b = new Uint8Array(8);
  viewOf(b).setUint32(0, ip(group));
  viewOf(b).setUint32(4, ip(iface));
  return b;
}
const set = (sys: Calls, s: number, name: number, val: Uint8Array) => sys.setsockopt({ s, level: 0, name, val });
const join = (sys: Calls, s: number, group: string) => set(sys, s, IP.IP_ADD_MEMBERSHIP, mreq(group));
const leave = (sys: Calls, s: number, group: string) => set(sys, s, IP.IP_DROP_MEMBERSHIP, mreq(group));
function sum16(b: Uint8Array): number {
  return complement(
    sum({ bytes: b, view: viewOf(b), words: new Int32Array(b.slice(0, b.length & ~3).buffer) } as never, 0, b.length),
  );
}

/** Hosts on a link, and every IGMP message of the first: `TYPE group to`. */
async function watched(count = 2) {
  const told: string[] = [];
  const made = await onOneLink(count, (f, from) => {
    if (from === 0 && f[12] === 8 && f[13] === 0 && f[14 + 9] === 2) told.push(...describeIgmp(f));
    return [f];
  });
  /** A message of somebody else's: behind its type its second byte, and what follows the group. */
  const message = (type: number, body: readonly number[], group: string, to: string) => {
    const message = new Uint8Array([type, body[0]!, 0, 0, 0, 0, 0, 0, ...body.slice(1)]);
    viewOf(message).setUint32(4, ip(group));
    viewOf(message).setUint16(2, sum16(message), true);
    const header = new Uint8Array([0x46, 0xc0, 0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 10, 0, 0, 200, 0, 0, 0, 0, 148, 4, 0, 0]);
    viewOf(header).setUint16(2, 24 + message.length);
    viewOf(header).setUint32(16, ip(to));
    viewOf(header).setUint16(10, sum16(header), true);
    const dst = ip(to);
    const ether = [1, 0, 0x5e, (dst >> 16) & 0x7f, (dst >> 8) & 255, dst & 255, 2, 0, 0, 0, 0, 99, 8, 0];
    const frame = new Uint8Array([...ether, ...header, ...message]);
    made.inject(0, frame);
    return frame;
  };
  const query = (body: readonly number[], group = "0.0.0.0") =>
    message(0x11, body, group, group === "0.0.0.0" ? "224.0.0.1" : group);
  const clear = () => told.splice(0);
  return { ...made, a: made.hosts[0]!, b: made.hosts[1]!, told, query, message, clear };
}
function describeIgmp(f: Uint8Array): string[] {
  const d = viewOf(f);
  assertEquals([d.getUint8(14), d.getUint8(15), d.getUint8(22), d.getUint16(34)], [0x46, 0xc0, 1, 0x9404]);
  const to = formatIpv4(d.getUint32(14 + 16));
  const type = d.getUint8(38);
  if (type !== 0x22) return [`${type.toString(16)} ${formatIpv4(d.getUint32(42))} ${to}`];
  return Array.from({ length: d.getUint16(44) }, (_, i) => {
    const at = 46 + 8 * i;
    return `v3:${d.getUint8(at)} ${formatIpv4(d.getUint32(at + 4))} ${to}`;
  });
}

describe("groups", () => {
  it("who is a member hears, who is not does not; the TTL is 1 unless said otherwise", async () => {
    const { a, b } = await watched();
    const [r, w] = [await udpSocket(b.sys, 7000), await udpSocket(a.sys)];
    const send = (text: string) => a.sys.sendto({ s: w, buf: bytes(text), flags: 0, to: sin("239.1.1.1", 7000) });
    await send("nobody");
    join(b.sys, r, "239.1.1.1");
    set(b.sys, r, IP.IP_RECVTTL, int(1));
    await send("one");
    set(a.sys, w, IP.IP_MULTICAST_TTL, new Uint8Array([9]));
    await send("nine");
    for (const [text, ttl] of [["one", 1], ["nine", 9]] as const) {
      const [msg, iov, control] = [new Uint8Array(MSGHDR.size), new Uint8Array(20), new Uint8Array(64)];
      const n = await b.sys.recvmsg({ s: r, msg, iov, control, flags: 0 });
      assertEquals([new TextDecoder().decode(iov.subarray(0, n as number)), control[16]], [text, ttl]);
      assertEquals(viewOf(msg).getInt32(MSGHDR.flags, true), MSG_MCAST);
    }
    leave(b.sys, r, "239.1.1.1");
    await send("nobody");
    await settle();
    assertEquals(b.sys.poll({ fds: new Uint8Array([r, 0, 0, 0, 1, 0, 0, 0]), timeout: 0 }), 0);
  });
  it("we hear ourselves as members, unless IP_MULTICAST_LOOP is off", async () => {
    const { a } = await watched();
    const [r, w] = [await udpSocket(a.sys, 7000), await udpSocket(a.sys)];
    join(a.sys, r, "239.1.1.1");
    const send = (text: string) => a.sys.sendto({ s: w, buf: bytes(text), flags: 0, to: sin("239.1.1.1", 7000) });
    set(a.sys, w, IP.IP_MULTICAST_LOOP, new Uint8Array([0]));
    await send("not heard");
    set(a.sys, w, IP.IP_MULTICAST_LOOP, new Uint8Array([1]));
    await send("heard");
    const buf = new Uint8Array(20);
    assertEquals(await a.sys.recvfrom({ s: r, buf, flags: 0 }), 5);
  });
  it("IP_MULTICAST_IF says where they go out, by address or by number", async () => {
    const { a } = await watched();
    const [r, w] = [await udpSocket(a.sys, 7000), await udpSocket(a.sys)];
    set(a.sys, r, IP.IP_ADD_MEMBERSHIP, mreq("239.1.1.1", "127.0.0.1"));
    set(a.sys, w, IP.IP_MULTICAST_IF, new Uint8Array([127, 0, 0, 1]));
    const [val, avalsize] = [new Uint8Array(4), int(4)];
    a.sys.getsockopt({ s: w, level: 0, name: IP.IP_MULTICAST_IF, val, avalsize });
    assertEquals(val, new Uint8Array([127, 0, 0, 1]));
    await a.sys.sendto({ s: w, buf: bytes("lo"), flags: 0, to: sin("239.1.1.1", 7000) });
    assertEquals(await a.sys.recvfrom({ s: r, buf: new Uint8Array(9), flags: 0 }), 2);
    set(a.sys, w, IP.IP_MULTICAST_IF, new Uint8Array([0, 0, 0, a.stack.interface("en0").index]));
    fails(() => set(a.sys, w, IP.IP_MULTICAST_IF, new Uint8Array([9, 9, 9, 9])), errno.EADDRNOTAVAIL);
  });
  it("errors are those of ip(4)", async () => {
    const { a } = await watched();
    const s = await udpSocket(a.sys);
    fails(() => join(a.sys, s, "10.0.0.9"), errno.EINVAL);
    fails(() => set(a.sys, s, IP.IP_ADD_MEMBERSHIP, mreq("239.1.1.1", "9.9.9.9")), errno.EADDRNOTAVAIL);
    fails(() => leave(a.sys, s, "239.1.1.1"), errno.EADDRNOTAVAIL);
    join(a.sys, s, "239.1.1.1");
    fails(() => join(a.sys, s, "239.1.1.1"), errno.EADDRINUSE);
    for (let i = 2; i <= 20; i++) join(a.sys, s, `239.1.1.${i}`);
    fails(() => join(a.sys, s, "239.1.1.21"), errno.ETOOMANYREFS);
    fails(() => set(a.sys, s, IP.IP_MULTICAST_TTL, int(256)), errno.EINVAL);
    await a.sys.close({ fd: s });
    assertEquals(a.stack.groups.of(a.stack.interface("en0")).size, 0);
  });
});

describe("IGMP", () => {
  it("version 3: joining and leaving are told twice, with router alert, to 224.0.0.22", async () => {
    const { a, told, clear } = await watched();
    const s = await udpSocket(a.sys);
    join(a.sys, s, "239.1.1.1");
    await pass([a], 2000);
    assertEquals(clear(), Array(2).fill("v3:4 239.1.1.1 224.0.0.22"));
    const other = await udpSocket(a.sys);
    join(a.sys, other, "239.1.1.1");
    leave(a.sys, s, "239.1.1.1");
    assertEquals(told, []);
    await a.sys.close({ fd: other });
    await pass([a], 2000);
    assertEquals(clear(), Array(2).fill("v3:3 239.1.1.1 224.0.0.22"));
  });
  it("version 3: a query is answered for all groups in one report, or for the one it asks for, within its time", async () => {
    const { a, clear, query } = await watched();
    const s = await udpSocket(a.sys);
    for (const g of ["239.1.1.1", "239.1.1.2"]) join(a.sys, s, g);
    await pass([a], 2000);
    clear();
    query([100, 0, 125, 0, 0]);
    assertEquals(clear(), []);
    await pass([a], 10_000, 1000);
    assertEquals(clear(), ["v3:2 239.1.1.1 224.0.0.22", "v3:2 239.1.1.2 224.0.0.22"]);
    query([10, 0, 125, 0, 0], "239.1.1.2");
    await pass([a], 1000);
    assertEquals(clear(), ["v3:2 239.1.1.2 224.0.0.22"]);
    query([10, 0, 125, 0, 0], "239.9.9.9");
    query([10, 0, 125]);
    await pass([a], 1000);
    assertEquals(clear(), []);
  });
  it("a router of version 2 gets what it understands, for as long as it is there", async () => {
    const { a, clear, query } = await watched();
    const s = await udpSocket(a.sys);
    join(a.sys, s, "239.1.1.1");
    await pass([a], 2000);
    clear();
    query([100]);
    await pass([a], 10_000, 1000);
    assertEquals(clear(), ["16 239.1.1.1 239.1.1.1"]);
    leave(a.sys, s, "239.1.1.1");
    assertEquals(clear(), ["17 239.1.1.1 224.0.0.2"]);
    a.host.pass(260_000);
    join(a.sys, s, "239.1.1.1");
    assertEquals(clear(), ["v3:4 239.1.1.1 224.0.0.22"]);
  });
  it("version 2: a report of somebody else is enough, and then we do not say that we leave", async () => {
    const { a, clear, query, message } = await watched();
    const s = await udpSocket(a.sys);
    join(a.sys, s, "239.1.1.1");
    await pass([a], 2000);
    query([100]);
    clear();
    message(0x16, [0], "239.1.1.1", "239.1.1.1");
    await pass([a], 10_000, 1000);
    leave(a.sys, s, "239.1.1.1");
    assertEquals(clear(), []);
  });
  it("a router of version 1 gets reports of version 1", async () => {
    const { a, clear, query } = await watched();
    join(a.sys, await udpSocket(a.sys), "239.1.1.1");
    await pass([a], 2000);
    clear();
    query([0]);
    await pass([a], 10_000, 1000);
    assertEquals(clear(), ["12 239.1.1.1 239.1.1.1"]);
  });
  it("hostile messages: what is damaged is counted, what is not asks no more than it may", async () => {
    const { a, inject, message } = await watched();
    let seed = 1;
    const random = (n: number) => (seed = (seed * 1103515245 + 12345) & 0x7fffffff) % n;
    join(a.sys, await udpSocket(a.sys), "239.1.1.1");
    for (let i = 0; i < 3000; i++) {
      const body = Array.from({ length: 1 + random(20) }, () => random(256));
      const type = [0x11, 0x11, 0x16, 0x22, random(256)][random(5)]!;
      const f = message(type, body, ["0.0.0.0", "239.1.1.1"][random(2)]!, "224.0.0.1");
      f[38 + random(f.length - 38)]! ^= 1 + random(255);
      inject(0, f);
    }
    await pass([a], 60_000, 1000);
    assertEquals(a.stack.groups.of(a.stack.interface("en0")).size, 1);
    const { bad, reportsOut } = a.stack.igmp.counters;
    assert(bad > 2000 && reportsOut < 1500, `${bad}, ${reportsOut}`);
  });
});
