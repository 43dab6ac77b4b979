import { describe, it } from "node:test";
import { errno, SysError } from "../../src/abi/errno.ts";
import {
  AF_INET,
  MSG_WAITALL,
  O_NONBLOCK,
  POLLHUP,
  POLLIN,
  POLLOUT,
  SO_ERROR,
  SO_KEEPALIVE,
  SO_LINGER,
  SO_REUSEADDR,
  SOCK_STREAM,
  SOL_SOCKET,
} from "../../src/abi/flags.ts";
import { parseSockaddrIn } from "../../src/abi/inet.ts";
import { Linger, Pollfd } from "../../src/abi/structs.ts";
import type { Calls } from "../../src/kern/dispatch.ts";
import { maskOf, parseIpv4 } from "../../src/lib/inet.ts";
import { viewOf } from "../../src/lib/struct.ts";
import { assert, assertEquals, assertRejects, assertThrows } from "../assert.ts";
import { attach, bytes, cable, inetHost, settle, sin, text, twoHosts } from "./helpers.ts";
import { pattern, seeded } from "./tcp_sim.ts";

const F_SETFL = 4;
const LO = "127.0.0.1";
const tcp = (sys: Calls) => sys.socket({ domain: AF_INET, type: SOCK_STREAM, protocol: 0 }) as number;
const fails = (fn: () => unknown, e: SysError) => assertThrows(fn, SysError, e.message);
const failsLater = (fn: () => unknown, e: SysError) => assertRejects(async () => await fn(), SysError, e.message);
const int = (n: number) => {
  const b = new Uint8Array(4);
  viewOf(b).setInt32(0, n, true);
  return b;
};
const set = (sys: Calls, s: number, level: number, name: number, n: number) =>
  sys.setsockopt({ s, level, name, val: int(n) });
function get(sys: Calls, s: number, level: number, name: number): number {
  const val = int(0);
  sys.getsockopt({ s, level, name, val, avalsize: int(4) });
  return viewOf(val).getInt32(0, true);
}
const nonblocking = (sys: Calls, fd: number) => sys.fcntl({ fd, cmd: F_SETFL, arg: O_NONBLOCK });
async function read(sys: Calls, fd: number, n = 100): Promise<string> {
  const buf = new Uint8Array(n);
  return text(buf.subarray(0, await sys.read({ fd, buf })));
}
function ready(sys: Calls, fd: number): number {
  const fds = new Uint8Array(8);
  Pollfd.write(viewOf(fds), 0, { fd, events: POLLIN | POLLOUT, revents: 0 });
  sys.poll({ fds, timeout: 0 });
  return Pollfd.get.revents(viewOf(fds), 0);
}
async function listening(sys: Calls, port: number, address = LO, backlog = 5): Promise<number> {
  const s = tcp(sys);
  set(sys, s, SOL_SOCKET, SO_REUSEADDR, 1);
  await sys.bind({ s, name: sin(address, port) });
  sys.listen({ s, backlog });
  return s;
}
/** A connection within one kernel: its listener, both ends. */
async function connected(port = 7000) {
  const made = await inetHost();
  const { sys } = made;
  const s = await listening(sys, port);
  const c = tcp(sys);
  await sys.connect({ s: c, name: sin(LO, port) });
  const k = (await sys.accept({ s })) as number;
  return { ...made, s, c, k };
}
/** Send all of `data` one way, and check what arrives. */
async function transfer(from: Calls, out: number, to: Calls, inn: number, data: Uint8Array): Promise<void> {
  const sending = (async () => {
    await from.write({ fd: out, buf: data });
    from.shutdown({ s: out, how: 1 });
  })();
  const buf = new Uint8Array(100_000);
  let at = 0;
  for (let n = await to.read({ fd: inn, buf }); n > 0; n = await to.read({ fd: inn, buf })) {
    const same = buf.subarray(0, n).every((x, i) => x === data[at + i]);
    assert(same, `bytes from ${at} on are wrong`);
    at += n;
  }
  assertEquals(at, data.length);
  await sending;
}

describe("TCP sockets", () => {
  it("connect and accept wait for each other, and both ends know both names", async () => {
    const { sys, c, k } = await connected();
    const name = (fdes: number, peer: boolean) => {
      const [asa, alen] = [new Uint8Array(16), int(16)];
      if (peer) sys.getpeername({ fdes, asa, alen });
      else sys.getsockname({ fdes, asa, alen });
      return parseSockaddrIn(asa)!;
    };
    assertEquals(name(c, true).port, 7000);
    assertEquals([name(c, false), name(c, true)], [name(k, true), name(k, false)]);
    fails(() => sys.connect({ s: c, name: sin(LO, 7000) }), errno.EISCONN);
  });
  it("both ways at once, megabytes arrive whole within one kernel", async () => {
    const { sys, c, k } = await connected();
    const data = pattern(3_000_000);
    await Promise.all([transfer(sys, c, sys, k, data), transfer(sys, k, sys, c, data)]);
  });
  it("MSG_WAITALL waits for all of it, a closed peer is the end, writing to it fails", async () => {
    const { sys, c, k } = await connected();
    const buf = new Uint8Array(10);
    const waits = sys.recvfrom({ s: k, buf, flags: MSG_WAITALL });
    await sys.write({ fd: c, buf: bytes("01234") });
    await sys.write({ fd: c, buf: bytes("56789") });
    assertEquals([await waits, text(buf)], [10, "0123456789"]);
    await sys.close({ fd: c });
    assertEquals(await read(sys, k), "");
    assertEquals(ready(sys, k) & POLLIN, POLLIN);
    await sys.write({ fd: k, buf: bytes("x") });
    await settle();
    assertEquals(ready(sys, k) & POLLHUP, POLLHUP);
  });
  it("half of a connection goes on when the other is shut down", async () => {
    const { sys, c, k } = await connected();
    sys.shutdown({ s: c, how: 1 });
    assertEquals(await read(sys, k), "");
    await sys.write({ fd: k, buf: bytes("still") });
    assertEquals(await read(sys, c), "still");
    fails(() => sys.write({ fd: c, buf: bytes("x") }), errno.EPIPE);
  });
  it("poll tells of connections, room and data; a full pipe is EAGAIN until it is read", async () => {
    const { sys, c, k, s } = await connected();
    assertEquals([ready(sys, s), ready(sys, c), ready(sys, k)], [0, POLLOUT, POLLOUT]);
    nonblocking(sys, c);
    let sent = 0;
    const buf = new Uint8Array(100_000);
    for (let full = false; !full;) {
      try {
        sent += sys.write({ fd: c, buf }) as number;
        await settle();
      } catch (e) {
        assertEquals(e, errno.EAGAIN);
        full = true;
      }
    }
    assertEquals([ready(sys, c), ready(sys, k)], [0, POLLIN | POLLOUT]);
    for (let got = 0; got < sent; await settle()) got += await sys.read({ fd: k, buf });
    assertEquals(ready(sys, c), POLLOUT);
  });
  it("SO_LINGER of no time resets the connection", async () => {
    const { sys, c, k } = await connected();
    const val = new Uint8Array(Linger.size);
    Linger.write(viewOf(val), 0, { onoff: 1, linger: 0 });
    sys.setsockopt({ s: c, level: SOL_SOCKET, name: SO_LINGER, val });
    await sys.close({ fd: c });
    await settle();
    assertEquals(get(sys, k, SOL_SOCKET, SO_ERROR), errno.ECONNRESET.errno);
  });
  it("only as many connections come as the backlog says; closing the listener resets those who wait", async () => {
    const { sys, host } = await inetHost();
    const s = await listening(sys, 7000, LO, 2);
    const peers = [1, 2, 3].map(() => tcp(sys));
    for (const c of peers) {
      nonblocking(sys, c);
      fails(() => sys.connect({ s: c, name: sin(LO, 7000) }), errno.EINPROGRESS);
    }
    await settle();
    nonblocking(sys, s);
    await sys.accept({ s });
    await sys.accept({ s });
    fails(() => sys.accept({ s }), errno.EAGAIN);
    // Who was not let in is asked again, and comes when there is room.
    host.pass(1500);
    await settle();
    assertEquals(ready(sys, s), POLLIN);
    await sys.close({ fd: s });
    await settle();
    assertEquals(ready(sys, peers[2]!) & POLLIN, POLLIN);
  });
  it("a port in use is refused, unless both agree; a connection that waits does not stop SO_REUSEADDR", async () => {
    const { sys, s, c, k } = await connected();
    const t = tcp(sys);
    fails(() => sys.bind({ s: t, name: sin(LO, 7000) }), errno.EADDRINUSE);
    await sys.close({ fd: k });
    await sys.close({ fd: c });
    await sys.close({ fd: s });
    await settle();
    fails(() => sys.bind({ s: t, name: sin(LO, 7000) }), errno.EADDRINUSE);
    await listening(sys, 7000);
  });
  it("keepalive finds out that the peer is gone", async () => {
    let cut = false;
    const { a, b } = await twoHosts((f) => (cut ? [] : [f]));
    const s = await listening(b.sys, 7000, "10.0.0.2");
    const c = tcp(a.sys);
    await a.sys.connect({ s: c, name: sin("10.0.0.2", 7000) });
    await b.sys.accept({ s });
    set(a.sys, c, SOL_SOCKET, SO_KEEPALIVE, 1);
    for (const [name, n] of [[3, 10], [5, 2], [6, 3]] as const) set(a.sys, c, 6, name, n);
    assertEquals([get(a.sys, c, 6, 3), get(a.sys, c, 6, 6)], [10, 3]);
    for (let i = 0; i < 60; i++) {
      a.host.pass(1000);
      await settle();
    }
    assertEquals(ready(a.sys, c), POLLOUT);
    cut = true;
    const waits = failsLater(() => read(a.sys, c), errno.ETIMEDOUT);
    for (let i = 0; i < 60; i++) a.host.pass(1000);
    await waits;
  });
  it("nobody answers: ETIMEDOUT after 75 seconds", async () => {
    let cut = false;
    const { a } = await twoHosts((f, from) => (cut && from === 0 && f[12] === 8 && f[13] === 0 ? [] : [f]));
    cut = true;
    const waits = failsLater(() => a.sys.connect({ s: tcp(a.sys), name: sin("10.0.0.2", 7000) }), errno.ETIMEDOUT);
    for (let i = 0; i < 80; i++) {
      a.host.pass(1000);
      await settle();
    }
    await waits;
  });
  it("a router's narrow link is found out: segments become as small as fits (RFC 1191)", async () => {
    // Host r forwards between a and b; its link to b takes 800 bytes.
    const [a1, r1] = cable();
    let widest = 0;
    const [r2, b2] = cable((f, from) => {
      if (from === 0) widest = Math.max(widest, f.length - 14);
      return [f];
    });
    const [a, r, b] = [await inetHost(), await inetHost(), await inetHost()];
    await attach(a, "en0", a1!, "10.0.0.1/24");
    await attach(r, "en0", r1!, "10.0.0.254/24");
    const narrow = await attach(r, "en1", r2!, "10.0.1.254/24");
    await attach(b, "en0", b2!, "10.0.1.2/24");
    narrow.setMtu(800);
    for (const [h, net, gateway] of [[a, "10.0.1.0", "10.0.0.254"], [b, "10.0.0.0", "10.0.1.254"]] as const) {
      h.stack.addRoute(h.stack.gatewayRoute(parseIpv4(net)!, maskOf(24), parseIpv4(gateway)!));
    }
    await settle();
    const s = await listening(b.sys, 7000, "10.0.1.2");
    const c = tcp(a.sys);
    await a.sys.connect({ s: c, name: sin("10.0.1.2", 7000) });
    const k = (await b.sys.accept({ s })) as number;
    await transfer(a.sys, c, b.sys, k, pattern(200_000));
    assertEquals(widest, 800);
  });
  it("halting resets connections", async () => {
    const { a, b } = await twoHosts();
    const s = await listening(b.sys, 7000, "10.0.0.2");
    const c = tcp(a.sys);
    await a.sys.connect({ s: c, name: sin("10.0.0.2", 7000) });
    await b.sys.accept({ s });
    const waits = failsLater(() => read(a.sys, c), errno.ECONNRESET);
    await b.kernel.halt();
    await waits;
  });
  for (const loss of [0, 0.02, 0.1]) {
    it(`between two kernels, with ${loss * 100}% of the frames lost and some late, megabytes arrive whole`, async () => {
      const random = seeded(7);
      const late: Uint8Array[] = [];
      const { a, b } = await twoHosts((f) => {
        if (f[12] !== 8 || f[13] !== 0) return [f];
        if (random() < loss) return [];
        if (random() < loss) {
          late.push(f);
          return [];
        }
        return [f, ...late.splice(0)];
      });
      const s = await listening(b.sys, 7000, "10.0.0.2");
      let done = false;
      const time = (async () => {
        while (!done) {
          await settle();
          a.host.pass(5);
          b.host.pass(5);
        }
      })();
      const c = tcp(a.sys);
      await a.sys.connect({ s: c, name: sin("10.0.0.2", 7000) });
      const k = (await b.sys.accept({ s })) as number;
      await transfer(a.sys, c, b.sys, k, pattern(1_000_000));
      await transfer(b.sys, k, a.sys, c, pattern(500_000));
      done = true;
      await time;
    });
  }
});
