/** Urgent data: the mark in the stream and the byte beside it (RFC 6093; tcp(4), recv(2), sockatmark(3)). */
import { describe, it } from "node:test";
import { errno, SysError } from "../../src/abi/errno.ts";
import {
  AF_INET,
  MSG_OOB,
  MSG_PEEK,
  POLLIN,
  POLLPRI,
  POLLRDBAND,
  SO_OOBINLINE,
  SOCK_DGRAM,
  SOCK_STREAM,
  SOL_SOCKET,
} from "../../src/abi/flags.ts";
import { SIOC } from "../../src/abi/sockio.ts";
import { Pollfd } from "../../src/abi/structs.ts";
import type { Calls } from "../../src/kern/dispatch.ts";
import { viewOf } from "../../src/lib/struct.ts";
import { assertEquals, assertThrows } from "../assert.ts";
import { bytes, int, intOf, settle, sin, text, twoHosts } from "./helpers.ts";

const fails = (fn: () => unknown, e: SysError) => assertThrows(fn, SysError, e.message);
/** A connection from a (s) to b (k). */
async function connected(inline = false) {
  const { a, b } = await twoHosts();
  const l = b.sys.socket({ domain: AF_INET, type: SOCK_STREAM, protocol: 0 }) as number;
  if (inline) b.sys.setsockopt({ s: l, level: SOL_SOCKET, name: SO_OOBINLINE, val: int(1) });
  await b.sys.bind({ s: l, name: sin("10.0.0.2", 80) });
  b.sys.listen({ s: l, backlog: 1 });
  const s = a.sys.socket({ domain: AF_INET, type: SOCK_STREAM, protocol: 0 }) as number;
  a.sys.setsockopt({ s, level: 6, name: 1, val: int(1) }); // TCP_NODELAY
  await a.sys.connect({ s, name: sin("10.0.0.2", 80) });
  const k = await b.sys.accept({ s: l }) as number;
  const send = async (data: string, flags = 0) => {
    await a.sys.sendto({ s, buf: bytes(data), flags });
    await settle();
  };
  return { a, b, s, k, send };
}
function oob(sys: Calls, s: number, flags = 0): string {
  const buf = new Uint8Array(4);
  return text(buf.subarray(0, sys.recvfrom({ s, buf, flags: MSG_OOB | flags }) as number));
}
async function read(sys: Calls, fd: number, n = 100): Promise<string> {
  const buf = new Uint8Array(n);
  return text(buf.subarray(0, await sys.read({ fd, buf })));
}
function atMark(sys: Calls, fd: number): number {
  const data = int(0);
  sys.ioctl({ fd, com: SIOC.SIOCATMARK, data });
  return intOf(data);
}
function ready(sys: Calls, fd: number): number {
  const fds = new Uint8Array(8);
  Pollfd.write(viewOf(fds), 0, { fd, events: POLLIN | POLLPRI | POLLRDBAND, revents: 0 });
  sys.poll({ fds, timeout: 0 });
  return Pollfd.get.revents(viewOf(fds), 0);
}

describe("urgent data", () => {
  it("is read apart from the stream, which stops at the mark", async () => {
    const { b, k, send } = await connected();
    await send("before");
    await send("ab!", MSG_OOB);
    await send("after");
    assertEquals([ready(b.sys, k), atMark(b.sys, k)], [POLLIN | POLLPRI | POLLRDBAND, 0]);
    assertEquals([oob(b.sys, k, MSG_PEEK), oob(b.sys, k)], ["!", "!"]);
    fails(() => oob(b.sys, k), errno.EINVAL);
    assertEquals([await read(b.sys, k), atMark(b.sys, k)], ["beforeab", 1]);
    assertEquals([await read(b.sys, k), atMark(b.sys, k), ready(b.sys, k)], ["after", 0, 0]);
    fails(() => oob(b.sys, k), errno.EINVAL);
  });
  it("wakes who selects for exceptions", async () => {
    const { b, k, send } = await connected();
    const ex = new Uint8Array(8);
    ex[k >> 3]! |= 1 << (k & 7);
    const waits = b.sys.select({ nd: k + 1, ex });
    await send("!", MSG_OOB);
    assertEquals([await waits, ex[k >> 3]], [1, 1 << (k & 7)]);
  });
  it("stays in the stream with SO_OOBINLINE, and the mark is before it", async () => {
    const { b, k, send } = await connected(true);
    await send("ab!", MSG_OOB);
    await send("after");
    fails(() => oob(b.sys, k), errno.EINVAL);
    assertEquals([await read(b.sys, k), atMark(b.sys, k)], ["ab", 1]);
    assertEquals([await read(b.sys, k), atMark(b.sys, k)], ["!after", 0]);
  });
  it("alone on a connection: the mark is here, and there is nothing to read", async () => {
    const { b, k, send } = await connected();
    fails(() => oob(b.sys, k), errno.EINVAL);
    await send("!", MSG_OOB);
    const fionread = int(9);
    b.sys.ioctl({ fd: k, com: 0x4004667f, data: fionread });
    assertEquals([ready(b.sys, k), atMark(b.sys, k), intOf(fionread)], [POLLPRI | POLLRDBAND, 1, 0]);
    assertEquals(oob(b.sys, k), "!");
    await send("x");
    assertEquals(await read(b.sys, k), "x");
  });
  it("a newer one takes the mark; bytes of older ones are out of the stream all the same", async () => {
    const { b, k, send } = await connected();
    await send("a1", MSG_OOB);
    await send("b2", MSG_OOB);
    assertEquals(oob(b.sys, k), "2");
    await send("c");
    assertEquals([await read(b.sys, k), await read(b.sys, k)], ["ab", "c"]);
  });
  it("is told ahead of data there is no room for; the byte itself comes later", async () => {
    const { a, b, s, k } = await connected();
    a.sys.fcntl({ fd: s, cmd: 4, arg: 4 });
    const chunk = new Uint8Array(65_536);
    for (let full = false; !full;) {
      try {
        await a.sys.write({ fd: s, buf: chunk });
      } catch {
        await settle();
        await settle();
        try {
          await a.sys.write({ fd: s, buf: chunk });
        } catch {
          full = true;
        }
      }
    }
    const grown = new Uint8Array([0, 0, 0x20, 0]);
    a.sys.setsockopt({ s, level: SOL_SOCKET, name: 0x1001, val: grown });
    await a.sys.sendto({ s, buf: bytes("!"), flags: MSG_OOB });
    await settle();
    assertEquals([ready(b.sys, k) & POLLPRI, atMark(b.sys, k)], [POLLPRI, 0]);
    fails(() => oob(b.sys, k), errno.EAGAIN);
    let [total, marked] = [0, -1];
    const into = new Uint8Array(1 << 20);
    while (marked < 0) {
      total += await b.sys.read({ fd: k, buf: into }) as number;
      await settle();
      if (atMark(b.sys, k)) marked = total;
    }
    assertEquals([total % 65_536 === 0 || total > 65_536, oob(b.sys, k)], [true, "!"]);
  });
  it("is there for TCP alone", async () => {
    const { a } = await twoHosts();
    const u = a.sys.socket({ domain: AF_INET, type: SOCK_DGRAM, protocol: 0 }) as number;
    fails(() => a.sys.sendto({ s: u, buf: bytes("x"), flags: MSG_OOB, to: sin("10.0.0.2", 7) }), errno.EOPNOTSUPP);
    fails(() => oob(a.sys, u), errno.EOPNOTSUPP);
  });
});
