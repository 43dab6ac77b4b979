/** sendmmsg(2) and recvmmsg(2). */
import { describe, it } from "node:test";
import { errno, SysError } from "../../src/abi/errno.ts";
import { MSG_DONTWAIT, MSG_WAITFORONE, SOCK_DGRAM } from "../../src/abi/flags.ts";
import { MMSGHDR, MSGHDR } from "../../src/abi/structs.ts";
import { viewOf } from "../../src/lib/struct.ts";
import { assertEquals, assertRejects } from "../assert.ts";
import { bytes, inetHost, mmsg, netKernel, pairOf, sin, text, udpSocket } from "./helpers.ts";

const lengths = (b: Uint8Array, at: number = MMSGHDR.length) =>
  Array.from({ length: b.length / MMSGHDR.size }, (_, i) => viewOf(b).getUint32(i * MMSGHDR.size + at, true));
const none = new Uint8Array(0);

describe("many messages at once", () => {
  it("go to whom each names, and come with where each is from", async () => {
    const { sys } = await inetHost();
    const [r, s] = [await udpSocket(sys, 7000), await udpSocket(sys, 7001, "127.0.0.1")];
    const out = mmsg([3, 16, 0], [0, 16, 0], [5, 16, 0]);
    const to = sin("127.0.0.1", 7000);
    const name = new Uint8Array([...to, ...to, ...to]);
    assertEquals(await sys.sendmmsg({ s, mmsg: out, iov: bytes("onethree"), name, control: none, flags: 0 }), 3);
    assertEquals(lengths(out), [3, 0, 5]);
    const into = mmsg([4, 16, 0], [4, 0, 0], [4, 16, 0], [4, 16, 0]);
    const [iov, names] = [new Uint8Array(16), new Uint8Array(48)];
    const n = await sys.recvmmsg({ s: r, mmsg: into, iov, name: names, control: none, flags: MSG_WAITFORONE });
    assertEquals([n, lengths(into).slice(0, 3), lengths(into, MSGHDR.namelen).slice(0, 3)], [3, [3, 0, 4], [
      16,
      0,
      16,
    ]]);
    assertEquals([text(iov.subarray(0, 3)), text(iov.subarray(8, 12))], ["one", "thre"]);
    assertEquals(names.slice(0, 16), sin("127.0.0.1", 7001));
    assertEquals(lengths(into, MSGHDR.flags)[2], 0x10, "MSG_TRUNC");
  });
  it("without MSG_WAITFORONE the call waits for all; a time limit ends it when the next has come", async () => {
    const { sys, host } = await netKernel();
    const [a, b] = pairOf(sys, SOCK_DGRAM);
    const into = () => ({ mmsg: mmsg([1, 0, 0], [1, 0, 0]), iov: new Uint8Array(2), name: none, control: none });
    let got: number | undefined;
    const waits = Promise.resolve(sys.recvmmsg({ s: b, ...into(), flags: 0 })).then((n) => void (got = n));
    await sys.write({ fd: a, buf: bytes("x") });
    await new Promise((resolve) => setTimeout(resolve, 5));
    assertEquals(got, undefined);
    await sys.write({ fd: a, buf: bytes("y") });
    await waits;
    assertEquals(got, 2);
    const timeout = new Uint8Array(16);
    viewOf(timeout).setBigInt64(0, 1n, true);
    const limited = sys.recvmmsg({ s: b, ...into(), flags: 0, timeout });
    host.pass(2000);
    await sys.write({ fd: a, buf: bytes("z") });
    assertEquals(await limited, 1);
  });
  it("what goes wrong with the first is the call's error, with another it is how many went", async () => {
    const { sys } = await inetHost();
    const s = await udpSocket(sys);
    const to = sin("127.0.0.1", 7000);
    const name = new Uint8Array([...to, ...sin("127.0.0.1", 0)]);
    const two = { mmsg: mmsg([1, 16, 0], [1, 16, 0]), iov: bytes("xy"), control: none, flags: 0 };
    assertEquals(await sys.sendmmsg({ s, ...two, name }), 1);
    const failed = (fn: () => unknown, e: SysError) => assertRejects(async () => await fn(), SysError, e.message);
    const bad = new Uint8Array([...sin("127.0.0.1", 0), ...to]);
    await failed(() => sys.sendmmsg({ s, ...two, name: bad }), errno.EADDRNOTAVAIL);
    const r = await udpSocket(sys, 7002);
    const into = { mmsg: mmsg([1, 0, 0]), iov: new Uint8Array(1), name: none, control: none };
    await failed(() => sys.recvmmsg({ s: r, ...into, flags: MSG_DONTWAIT }), errno.EAGAIN);
    await failed(() => sys.recvmmsg({ s: r, ...into, mmsg: mmsg([2, 0, 0]), flags: MSG_DONTWAIT }), errno.EFAULT);
    await failed(() => sys.recvmmsg({ s: 77, ...into, flags: 0 }), errno.EBADF);
  });
});
