import { describe, it } from "node:test";
import { errno, SysError } from "../../src/abi/errno.ts";
import {
  AF_LOCAL,
  LOCAL_PEEREID,
  MSG_CTRUNC,
  MSG_DONTWAIT,
  MSG_PEEK,
  MSG_TRUNC,
  MSG_WAITALL,
  O_NONBLOCK,
  POLLHUP,
  POLLIN,
  POLLOUT,
  SO_ERROR,
  SO_RCVBUF,
  SO_REUSEADDR,
  SO_SNDBUF,
  SO_TYPE,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  SOCK_SEQPACKET,
  SOCK_STREAM,
  SOL_SOCKET,
} from "../../src/abi/flags.ts";
import { MSGHDR, Pollfd, Unpcbid } from "../../src/abi/structs.ts";
import type { Calls } from "../../src/kern/dispatch.ts";
import { viewOf } from "../../src/lib/struct.ts";
import { assert, assertEquals, assertRejects, assertThrows } from "../assert.ts";
import { bytes, fdIn, netKernel, pairOf, rights, sun, text } from "./helpers.ts";

const fails = (fn: () => unknown, e: SysError) => assertThrows(fn, SysError, e.message);
const socket = (sys: Calls, type: number) => sys.socket({ domain: AF_LOCAL, type, protocol: 0 }) as number;
async function get(sys: Calls, fd: number, n = 100): Promise<string> {
  const buf = new Uint8Array(n);
  return text(buf.subarray(0, await sys.read({ fd, buf })));
}
function ready(sys: Calls, fd: number): number {
  const fds = new Uint8Array(Pollfd.size);
  Pollfd.write(viewOf(fds), 0, { fd, events: POLLIN | POLLOUT });
  sys.poll({ fds, timeout: 0 });
  return Pollfd.get.revents(viewOf(fds), 0);
}
/** A listening stream socket, and a connection to it: both its ends. */
async function connected() {
  const { sys, other, kernel } = await netKernel();
  const s = socket(sys, SOCK_STREAM);
  await sys.bind({ s, name: sun("/tmp/sock") });
  sys.listen({ s, backlog: 2 });
  const peer = other();
  const c = socket(peer, SOCK_STREAM);
  await peer.connect({ s: c, name: sun("/tmp/sock") });
  const a = await sys.accept({ s });
  return { sys, peer, s, a, c, other, kernel };
}

describe("local stream sockets", () => {
  it("connect by name, and go both ways", async () => {
    const { sys, peer, a, c } = await connected();
    await peer.write({ fd: c, buf: bytes("there") });
    await sys.write({ fd: a, buf: bytes("back") });
    assertEquals([await get(sys, a), await get(peer, c)], ["there", "back"]);
  });
  it("accept waits, and ends when somebody comes", async () => {
    const { sys, other } = await netKernel();
    const s = socket(sys, SOCK_STREAM);
    await sys.bind({ s, name: sun("/tmp/sock") });
    sys.listen({ s, backlog: 1 });
    const name = new Uint8Array(106);
    const anamelen = new Uint8Array([106, 0, 0, 0]);
    const waits = sys.accept({ s, name, anamelen });
    assert(waits instanceof Promise);
    const peer = other();
    await peer.connect({ s: socket(peer, SOCK_STREAM), name: sun("/tmp/sock") });
    assert(await waits > s);
    assertEquals([...name.subarray(0, anamelen[0])], [2, AF_LOCAL], "who comes has no name");
  });
  it("names are files: taken ones are EADDRINUSE, left ones refuse, others are ENOTSOCK", async () => {
    const { sys } = await netKernel();
    const s = socket(sys, SOCK_STREAM);
    await sys.bind({ s, name: sun("/tmp/sock") });
    fails(() => sys.bind({ s, name: sun("/tmp/again") }), errno.EINVAL);
    const t = socket(sys, SOCK_STREAM);
    fails(() => sys.bind({ s: t, name: sun("/tmp/sock") }), errno.EADDRINUSE);
    fails(() => sys.connect({ s: t, name: sun("/tmp/sock") }), errno.ECONNREFUSED);
    await sys.close({ fd: s });
    fails(() => sys.connect({ s: t, name: sun("/tmp/sock") }), errno.ECONNREFUSED);
    fails(() => sys.connect({ s: t, name: sun("/dev/null") }), errno.ENOTSOCK);
    fails(() => sys.connect({ s: t, name: sun("/tmp/none") }), errno.ENOENT);
    fails(() => sys.open({ path: "/tmp/sock", flags: 0 }), errno.EOPNOTSUPP);
    await sys.unlink({ path: "/tmp/sock" });
    await sys.bind({ s: t, name: sun("/tmp/sock") });
  });
  it("only so many wait to be accepted; closing the listener ends those", async () => {
    const { s, sys, other } = await connected();
    const peers = [1, 2].map(() => {
      const sys = other();
      const c = socket(sys, SOCK_STREAM);
      sys.connect({ s: c, name: sun("/tmp/sock") });
      return { sys, c };
    });
    const late = other();
    fails(() => late.connect({ s: socket(late, SOCK_STREAM), name: sun("/tmp/sock") }), errno.ECONNREFUSED);
    await sys.close({ fd: s });
    for (const { sys, c } of peers) assertEquals(await get(sys, c), "");
  });
  it("a reader waits, sees the end after what was sent, and writing to nobody is EPIPE", async () => {
    const { sys, peer, a, c } = await connected();
    const waits = get(sys, a);
    await peer.write({ fd: c, buf: bytes("late") });
    assertEquals(await waits, "late");
    await peer.write({ fd: c, buf: bytes("last") });
    await peer.close({ fd: c });
    assertEquals([await get(sys, a), await get(sys, a)], ["last", ""]);
    fails(() => sys.write({ fd: a, buf: bytes("x") }), errno.EPIPE);
    assertEquals(ready(sys, a) & POLLHUP, POLLHUP);
  });
  it("a writer waits for room, and what is sent arrives whole", async () => {
    const { sys, peer, a, c } = await connected();
    const data = Uint8Array.from({ length: 500_000 }, (_, i) => i * 7);
    const writing = peer.write({ fd: c, buf: data });
    assert(writing instanceof Promise);
    assertEquals(ready(peer, c) & POLLOUT, 0);
    const buf = new Uint8Array(data.length);
    assertEquals(await sys.recvfrom({ s: a, buf, flags: MSG_WAITALL }), data.length);
    assertEquals([await writing, buf], [data.length, data]);
    assertEquals(ready(peer, c) & POLLOUT, POLLOUT);
  });
  it("half a shutdown ends one way only", async () => {
    const { sys, peer, a, c } = await connected();
    peer.shutdown({ s: c, how: 1 });
    assertEquals(await get(sys, a), "");
    fails(() => peer.write({ fd: c, buf: bytes("x") }), errno.EPIPE);
    await sys.write({ fd: a, buf: bytes("still") });
    assertEquals(await get(peer, c), "still");
  });
  it("peeking leaves it, not waiting is EAGAIN", async () => {
    const { sys } = await netKernel();
    const [a, b] = pairOf(sys, SOCK_STREAM | SOCK_NONBLOCK);
    fails(() => sys.read({ fd: a, buf: new Uint8Array(1) }), errno.EAGAIN);
    fails(() => sys.recvfrom({ s: a, buf: new Uint8Array(1), flags: MSG_DONTWAIT }), errno.EAGAIN);
    sys.write({ fd: b, buf: bytes("peek") });
    const buf = new Uint8Array(4);
    assertEquals([sys.recvfrom({ s: a, buf, flags: MSG_PEEK }), text(buf)], [4, "peek"]);
    assertEquals(await get(sys, a), "peek");
    const n = sys.write({ fd: a, buf: new Uint8Array(1 << 20) }) as number;
    assert(n > 0 && n < 1 << 20);
    fails(() => sys.write({ fd: a, buf: new Uint8Array(1) }), errno.EAGAIN);
    sys.fcntl({ fd: a, cmd: 4, arg: 0 });
    assertEquals((sys.fcntl({ fd: a, cmd: 3 }) as number) & O_NONBLOCK, 0);
  });
  it("who is at the other end is told", async () => {
    const { sys, peer, a, c } = await connected();
    const val = new Uint8Array(Unpcbid.size);
    const avalsize = new Uint8Array([Unpcbid.size, 0, 0, 0]);
    sys.getsockopt({ s: a, level: 0, name: LOCAL_PEEREID, val, avalsize });
    assertEquals(Unpcbid.get.pid(viewOf(val), 0), (await peer.getpid())[0]);
    peer.getsockopt({ s: c, level: 0, name: LOCAL_PEEREID, val, avalsize });
    assertEquals(Unpcbid.get.pid(viewOf(val), 0), (await sys.getpid())[0]);
    const asa = new Uint8Array(106);
    const alen = new Uint8Array([106, 0, 0, 0]);
    peer.getpeername({ fdes: c, asa, alen });
    assertEquals(asa.subarray(0, alen[0]), sun("/tmp/sock"));
  });
});

describe("local datagrams and packets", () => {
  it("a datagram is received whole or cut, with where it came from", async () => {
    const { sys } = await netKernel();
    const [r, w] = [socket(sys, SOCK_DGRAM), socket(sys, SOCK_DGRAM)];
    await sys.bind({ s: r, name: sun("/tmp/r") });
    await sys.bind({ s: w, name: sun("/tmp/w") });
    await sys.sendto({ s: w, buf: bytes("one"), flags: 0, to: sun("/tmp/r") });
    await sys.connect({ s: w, name: sun("/tmp/r") });
    await sys.write({ fd: w, buf: bytes("second") });
    fails(() => sys.sendto({ s: w, buf: bytes("x"), flags: 0, to: sun("/tmp/r") }), errno.EISCONN);
    const from = new Uint8Array(106);
    const fromlenaddr = new Uint8Array([106, 0, 0, 0]);
    const buf = new Uint8Array(10);
    assertEquals(await sys.recvfrom({ s: r, buf, flags: 0, from, fromlenaddr }), 3);
    assertEquals(from.subarray(0, fromlenaddr[0]), sun("/tmp/w"));
    const msg = new Uint8Array(MSGHDR.size);
    const iov = new Uint8Array(3);
    assertEquals(await sys.recvmsg({ s: r, msg, iov, flags: 0 }), 3);
    assertEquals([text(iov), viewOf(msg).getInt32(MSGHDR.flags, true)], ["sec", MSG_TRUNC]);
    await sys.close({ fd: r });
    fails(() => sys.write({ fd: w, buf: bytes("x") }), errno.ECONNRESET);
    fails(() => sys.write({ fd: w, buf: bytes("x") }), errno.EDESTADDRREQ);
  });
  it("packets keep their ends, and their order", async () => {
    const { sys } = await netKernel();
    const [a, b] = pairOf(sys, SOCK_SEQPACKET);
    for (const s of ["a", "bc", "def"]) sys.write({ fd: a, buf: bytes(s) });
    assertEquals([await get(sys, b), await get(sys, b), await get(sys, b)], ["a", "bc", "def"]);
    fails(() => sys.write({ fd: a, buf: new Uint8Array(1 << 20) }), errno.EMSGSIZE);
  });
  it("what finds no room is ENOBUFS", async () => {
    const { sys } = await netKernel();
    const [a, b] = pairOf(sys, SOCK_DGRAM);
    const buf = new Uint8Array(60_000);
    sys.write({ fd: a, buf });
    fails(() => sys.write({ fd: a, buf }), errno.ENOBUFS);
    assertEquals((await get(sys, b, 60_000)).length, 60_000);
    sys.write({ fd: a, buf });
  });
});

describe("descriptors sent along", () => {
  it("are open in the one who receives them, and stay so when the sender closes its own", async () => {
    const { sys, peer, a, c } = await connected();
    const fd = await sys.open({ path: "/tmp/f", flags: 0x202, mode: 0o600 });
    await sys.write({ fd, buf: bytes("inside") });
    await sys.sendmsg({ s: a, msg: new Uint8Array(MSGHDR.size), iov: bytes("x"), control: rights(fd), flags: 0 });
    await sys.close({ fd });
    const msg = new Uint8Array(MSGHDR.size);
    const control = new Uint8Array(64);
    assertEquals(await peer.recvmsg({ s: c, msg, iov: new Uint8Array(9), control, flags: 0 }), 1);
    assertEquals(viewOf(msg).getUint32(MSGHDR.controllen, true), 20);
    await peer.lseek({ fd: fdIn(control), offset: 0, whence: 0 });
    assertEquals(await get(peer, fdIn(control)), "inside");
  });
  it("those there is no room for are closed, and it is said", async () => {
    const { sys } = await netKernel();
    const [a, b] = pairOf(sys, SOCK_STREAM);
    const [r, w] = sys.pipe() as readonly [number, number];
    sys.sendmsg({ s: a, msg: new Uint8Array(MSGHDR.size), iov: bytes("x"), control: rights(w), flags: 0 });
    await sys.close({ fd: w });
    const msg = new Uint8Array(MSGHDR.size);
    await sys.recvmsg({ s: b, msg, iov: new Uint8Array(1), flags: 0 });
    assertEquals(viewOf(msg).getInt32(MSGHDR.flags, true), MSG_CTRUNC);
    assertEquals(await get(sys, r), "", "the pipe has no writer any more");
  });
  it("a socket that is in flight only within itself is let go", async () => {
    const { sys, kernel, other } = await netKernel();
    const [r, w] = sys.pipe() as readonly [number, number];
    const [a, b] = pairOf(sys, SOCK_STREAM);
    const send = (control: Uint8Array) =>
      sys.sendmsg({ s: a, msg: new Uint8Array(MSGHDR.size), iov: bytes("x"), control, flags: 0 });
    send(rights(a, b, w));
    for (const fd of [a, b, w]) await sys.close({ fd });
    other();
    await kernel.procs.exit([...kernel.procs].at(-1)!);
    assertEquals(await get(sys, r), "");
  });
});

describe("options of sockets", () => {
  it("are read as they were set; what there is not is ENOPROTOOPT", async () => {
    const { sys } = await netKernel();
    const s = socket(sys, SOCK_DGRAM);
    const get = (name: number, level = SOL_SOCKET) => {
      const val = new Uint8Array(4);
      sys.getsockopt({ s, level, name, val, avalsize: new Uint8Array([4, 0, 0, 0]) });
      return viewOf(val).getInt32(0, true);
    };
    const set = (name: number, n: number, level = SOL_SOCKET) =>
      sys.setsockopt({ s, level, name, val: new Uint8Array(new Int32Array([n]).buffer) });
    assertEquals([get(SO_TYPE), get(SO_REUSEADDR), get(SO_ERROR)], [SOCK_DGRAM, 0, 0]);
    set(SO_REUSEADDR, 1);
    set(SO_RCVBUF, 12_345);
    assertEquals([get(SO_REUSEADDR) !== 0, get(SO_RCVBUF)], [true, 12_345]);
    fails(() => set(SO_SNDBUF, 100_000_000), errno.ENOBUFS);
    fails(() => set(SO_SNDBUF, 0), errno.EINVAL);
    fails(() => set(0x9999, 1), errno.ENOPROTOOPT);
    fails(() => get(1, 99), errno.ENOPROTOOPT);
    fails(() => sys.setsockopt({ s, level: SOL_SOCKET, name: SO_REUSEADDR, val: new Uint8Array(1) }), errno.EINVAL);
  });
  it("errors are those recorded of NetBSD's", async () => {
    const { sys } = await netKernel();
    const make = (domain: number, type: number, protocol = 0) => () => sys.socket({ domain, type, protocol });
    fails(make(99, 1), errno.EAFNOSUPPORT);
    fails(make(AF_LOCAL, 99), errno.EPROTOTYPE);
    fails(make(AF_LOCAL, 1, 6), errno.EPROTONOSUPPORT);
    const [s, u] = [socket(sys, SOCK_STREAM), socket(sys, SOCK_DGRAM)];
    fails(() => sys.accept({ s }), errno.EINVAL);
    fails(() => sys.accept({ s: u }), errno.EOPNOTSUPP);
    fails(() => sys.listen({ s: u, backlog: 5 }), errno.EOPNOTSUPP);
    fails(() => sys.getpeername({ fdes: s }), errno.ENOTCONN);
    fails(() => sys.read({ fd: s, buf: new Uint8Array(1) }), errno.ENOTCONN);
    fails(() => sys.write({ fd: s, buf: new Uint8Array(1) }), errno.ENOTCONN);
    fails(() => sys.sendto({ s: u, buf: bytes("x"), flags: 0 }), errno.EDESTADDRREQ);
    fails(() => sys.lseek({ fd: s, offset: 0, whence: 0 }), errno.ESPIPE);
    fails(() => sys.fsync({ fd: s }), errno.EINVAL);
    fails(() => sys.bind({ s: 77, name: sun("/x") }), errno.EBADF);
    const fd = await sys.open({ path: "/dev/null", flags: 0 });
    fails(() => sys.bind({ s: fd, name: sun("/x") }), errno.ENOTSOCK);
    fails(() => sys.bind({ s, name: new Uint8Array([1]) }), errno.EINVAL);
    fails(() => sys.bind({ s, name: new Uint8Array(300) }), errno.EINVAL);
  });
  it("a receive that waits too long is EAGAIN", async () => {
    const { sys, host } = await netKernel();
    const [a] = pairOf(sys, SOCK_STREAM);
    const val = new Uint8Array(16);
    viewOf(val).setInt32(0, 2, true);
    sys.setsockopt({ s: a, level: SOL_SOCKET, name: 0x100c, val });
    const waits = assertRejects(() => sys.read({ fd: a, buf: new Uint8Array(1) }) as Promise<number>, SysError);
    host.pass(2_500);
    await waits;
  });
});
