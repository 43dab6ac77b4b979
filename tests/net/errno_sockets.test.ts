/** What NetBSD 7.99.34's kernel answered to these calls in this order, in a kernel with lo0 alone. */
import { describe, it } from "node:test";
import { SysError } from "../../src/abi/errno.ts";
import type { Calls } from "../../src/kern/dispatch.ts";
import { viewOf } from "../../src/lib/struct.ts";
import { assertEquals } from "../assert.ts";
import { bytes, inetHost, int, settle, sin } from "./helpers.ts";

const LO = sin("127.0.0.1", 7000);
const NOBODY = sin("127.0.0.1", 7999);
const FAR = sin("10.9.9.9", 80);
const ALL = sin("255.255.255.255", 9);
/** "0" or another result, or the error's name. */
async function of(fn: () => unknown): Promise<string> {
  try {
    return String(await fn());
  } catch (e) {
    if (e instanceof SysError) return e.name === "SysError" ? e.code : e.name;
    throw e;
  }
}
async function check(rows: readonly (readonly [call: () => unknown, answer: string])[]): Promise<void> {
  for (const [i, [call, answer]] of rows.entries()) assertEquals(await of(call), answer, `row ${i + 1}: ${call}`);
}
const FD = "a descriptor";
/** Make a socket; it is told by FD. */
const socket = (sys: Calls, domain: number, type: number, protocol: number) => () => {
  sys.socket({ domain, type, protocol });
  return FD;
};
async function made() {
  const { sys } = await inetHost();
  const make = (type: number) => sys.socket({ domain: 2, type, protocol: 0 }) as number;
  const [s, c, u] = [make(1), make(1), make(2)];
  const buf = new Uint8Array(65_508);
  const name = (fdes: number, peer: boolean) => {
    const [asa, alen] = [new Uint8Array(16), int(16)];
    if (peer) sys.getpeername({ fdes, asa, alen });
    else sys.getsockname({ fdes, asa, alen });
    return [...asa.subarray(0, 8), alen[0]].join(" ");
  };
  const nonblocking = (fd: number) => () => sys.fcntl({ fd, cmd: 4, arg: 4 });
  const to = (s: number, n: number, to?: Uint8Array) => () =>
    sys.sendto({ s, buf: buf.subarray(0, n), flags: 0, ...(to ? { to } : {}) });
  const set = (s: number, level: number, name: number, val: Uint8Array) => () =>
    sys.setsockopt({ s, level, name, val });
  const get = (s: number, level: number, name: number) => () => {
    const [val, avalsize] = [int(0), int(4)];
    sys.getsockopt({ s, level, name, val, avalsize });
    return viewOf(val).getInt32(0, true);
  };
  const read = (fd: number, n: number) => () => sys.read({ fd, buf: buf.subarray(0, n) });
  const write = (fd: number, text: string) => () => sys.write({ fd, buf: bytes(text) });
  return { sys, s, c, u, name, nonblocking, to, set, get, read, write };
}

describe("errors of sockets are those that were recorded", () => {
  it("socket", async () => {
    const { sys } = await inetHost();
    await check([
      [socket(sys, 2, 1, 0), FD],
      [socket(sys, 2, 2, 0), FD],
      [socket(sys, 2, 3, 1), FD],
      [socket(sys, 2, 5, 0), "EPROTOTYPE"],
      [socket(sys, 2, 1, 17), "EPROTONOSUPPORT"],
      [socket(sys, 2, 2, 6), "EPROTONOSUPPORT"],
      [socket(sys, 99, 1, 0), "EAFNOSUPPORT"],
      [socket(sys, 1, 1, 0), FD],
      [socket(sys, 2, 99, 0), "EPROTOTYPE"],
      [socket(sys, -1, 1, 0), "EAFNOSUPPORT"],
      [() => sys.socketpair({ domain: 2, type: 1, protocol: 0, rsv: new Uint8Array(8) }), "EOPNOTSUPP"],
    ]);
  });
  it("TCP: bind, listen, connect", async () => {
    const { sys, s, c, u, name, read, write, nonblocking } = await made();
    await check([
      [() => sys.connect({ s: c, name: NOBODY }), "ECONNREFUSED"],
      [() => sys.connect({ s: c, name: FAR }), "EADDRNOTAVAIL"],
      [() => sys.bind({ s, name: sin("9.9.9.9", 7000) }), "EADDRNOTAVAIL"],
      [() => sys.bind({ s, name: LO }), "0"],
      [() => sys.bind({ s, name: LO }), "EINVAL"],
      [() => sys.bind({ s: c, name: LO }), "EINVAL"],
      [() => sys.accept({ s }), "EINVAL"],
      [() => sys.listen({ s, backlog: 5 }), "0"],
      [() => sys.listen({ s: u, backlog: 5 }), "EOPNOTSUPP"],
      [() => name(s, true), "ENOTCONN"],
      [() => name(s, false), "16 2 27 88 127 0 0 1 16"],
      [read(c, 1), "ENOTCONN"],
      [write(c, "x"), "ENOTCONN"],
      [() => sys.shutdown({ s: c, how: 2 }), "0"],
      [() => sys.connect({ s: c, name: LO }), "EINVAL"],
      [nonblocking(c), "0"],
    ]);
  });
  it("TCP: a connection, and its end", async () => {
    const { sys, s, c, read, write, nonblocking } = await made();
    await sys.bind({ s, name: LO });
    sys.listen({ s, backlog: 5 });
    let k = -1;
    await check([
      [nonblocking(c), "0"],
      [() => sys.connect({ s: c, name: LO }), "EINPROGRESS"],
      [() => sys.connect({ s: c, name: LO }), "EALREADY"],
      [async () => k = await sys.accept({ s }) as number, String(c + 2)],
      [() => read(k, 0)(), "0"],
      [() => nonblocking(k)(), "0"],
      [() => read(k, 10)(), "EAGAIN"],
      [() => write(c, "hello")(), "5"],
      [() => settle().then(() => sys.recvfrom({ s: k, buf: new Uint8Array(10), flags: 2 })), "5"],
      [() => read(k, 10)(), "5"],
      [() => sys.shutdown({ s: c, how: 1 }), "0"],
      [() => settle().then(() => read(k, 10)()), "0"],
      [() => write(c, "y")(), "EPIPE"],
      [() => sys.close({ fd: c }), "0"],
      [() => write(k, "x")(), "1"],
      [() => settle().then(() => write(k, "y")()), "EPIPE"],
      [() => write(k, "z")(), "EPIPE"],
      [() => sys.lseek({ fd: k, offset: 0, whence: 0 }), "ESPIPE"],
      [() => sys.fsync({ fd: k }), "EINVAL"],
    ]);
  });
  it("UDP", async () => {
    const { sys, u, to, set, read, write, nonblocking } = await made();
    await check([
      [to(u, 1), "EDESTADDRREQ"],
      [to(u, 65_508, LO), "EMSGSIZE"],
      [to(u, 65_507, LO), "EMSGSIZE"],
      [to(u, 9216, LO), "9216"],
      [to(u, 9217, LO), "EMSGSIZE"],
      [to(u, 1, FAR), "EADDRNOTAVAIL"],
      [to(u, 1, ALL), "EADDRNOTAVAIL"],
      [set(u, 0xffff, 0x20, int(1)), "0"],
      [to(u, 1, ALL), "EADDRNOTAVAIL"],
      [() => sys.connect({ s: u, name: NOBODY }), "0"],
      [write(u, "x"), "1"],
      [() => settle().then(write(u, "x")), "ECONNREFUSED"],
      [nonblocking(u), "0"],
      [read(u, 10), "EAGAIN"],
      [to(u, 1, LO), "EISCONN"],
      [() => sys.accept({ s: u }), "EOPNOTSUPP"],
    ]);
  });
  it("options, and addresses and descriptors that are none", async () => {
    const { sys, s, u, set, get } = await made();
    await check([
      [set(u, 0xffff, 0x9999, int(1)), "ENOPROTOOPT"],
      [set(u, 6, 1, int(1)), "ENOPROTOOPT"],
      [set(u, 99, 1, int(1)), "ENOPROTOOPT"],
      [set(s, 6, 1, int(1)), "0"],
      [set(s, 6, 1, new Uint8Array(1)), "EINVAL"],
      [set(s, 0xffff, 0x1001, int(100_000_000)), "ENOBUFS"],
      [set(s, 0xffff, 0x1001, int(0)), "EINVAL"],
      [get(s, 0xffff, 0x1001), "32768"],
      [get(s, 0xffff, 0x1002), "32768"],
      [get(s, 0xffff, 0x1008), "1"],
      [get(s, 6, 2), "536"],
      [() => sys.bind({ s: u, name: LO.subarray(0, 4) }), "EINVAL"],
      [() => sys.connect({ s, name: new Uint8Array(300) }), "EINVAL"],
      [() => sys.bind({ s: 77, name: LO }), "EBADF"],
    ]);
  });
});
