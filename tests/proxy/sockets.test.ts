import { describe, it } from "node:test";
import { AF_LOCAL, MSG_WAITFORONE, SOCK_DGRAM, SOCK_STREAM } from "../../src/abi/flags.ts";
import { MMSGHDR, MSGHDR } from "../../src/abi/structs.ts";
import { viewOf } from "../../src/lib/struct.ts";
import { pipelinedClient } from "../../src/proxy/client.ts";
import { assertEquals } from "../assert.ts";
import { bytes, fdIn, mmsg, rights, sun, text } from "../net/helpers.ts";
import { CClient } from "./c_client.ts";
import { served } from "./helpers.ts";

const server = (version: string) => served({ version });

for (const [wire, version] of [["ours", "rump-test"], ["NetBSD's", "NetBSD-7.99.34"]] as const) {
  describe(`sockets over ${wire} wire, by our client`, () => {
    it("names, messages, descriptors and options: what goes in arrives, what comes out is filled in", async () => {
      const { dial } = await server(version);
      const { sys } = await pipelinedClient(dial(), "one");
      const { sys: peer } = await pipelinedClient(dial(), "two");
      const make = { domain: AF_LOCAL, type: SOCK_STREAM, protocol: 0 };
      const s = await sys.socket(make);
      await sys.bind({ s, name: sun("/tmp/sock") });
      await sys.listen({ s, backlog: 1 });
      const waits = sys.accept({ s });
      const c = await peer.socket(make);
      await peer.connect({ s: c, name: sun("/tmp/sock") });
      const a = await waits;
      const asa = new Uint8Array(106);
      const alen = new Uint8Array([106, 0, 0, 0]);
      await peer.getpeername({ fdes: c, asa, alen });
      assertEquals(asa.subarray(0, alen[0]), sun("/tmp/sock"));
      const fd = await sys.open({ path: "/tmp/f", flags: 0x202, mode: 0o600 });
      await sys.write({ fd, buf: bytes("inside") });
      await sys.sendmsg({ s: a, msg: new Uint8Array(MSGHDR.size), iov: bytes("x"), control: rights(fd), flags: 0 });
      const [msg, iov, control] = [new Uint8Array(MSGHDR.size), new Uint8Array(9), new Uint8Array(64)];
      assertEquals(await peer.recvmsg({ s: c, msg, iov, control, flags: 0 }), 1);
      assertEquals([iov[0], viewOf(msg).getUint32(MSGHDR.controllen, true)], [0x78, 20]);
      const buf = new Uint8Array(6);
      await peer.pread({ fd: fdIn(control), buf, offset: 0 });
      assertEquals(text(buf), "inside");
      const val = new Uint8Array(4);
      await peer.getsockopt({ s: c, level: 0xffff, name: 0x1008, val, avalsize: new Uint8Array([4, 0, 0, 0]) });
      assertEquals(val[0], SOCK_STREAM);
    });
    it("many messages at once: each with its own lengths, on its own way", async () => {
      const { dial } = await server(version);
      const { sys } = await pipelinedClient(dial(), "one");
      const rsv = new Uint8Array(8);
      await sys.socketpair({ domain: AF_LOCAL, type: SOCK_DGRAM, protocol: 0, rsv });
      const [a, b] = [viewOf(rsv).getInt32(0, true), viewOf(rsv).getInt32(4, true)];
      const none = new Uint8Array(0);
      const file = rights(a);
      const out = mmsg([3, 0, 0], [5, 0, file.length], [0, 0, 0]);
      assertEquals(
        await sys.sendmmsg({ s: a, mmsg: out, iov: bytes("onethree"), name: none, control: file, flags: 0 }),
        3,
      );
      const into = mmsg([4, 0, 0], [8, 0, 64], [1, 0, 0], [1, 0, 0]);
      const [iov, control] = [new Uint8Array(14).fill(46), new Uint8Array(64)];
      assertEquals(await sys.recvmmsg({ s: b, mmsg: into, iov, name: none, control, flags: MSG_WAITFORONE }), 3);
      const length = (i: number) => viewOf(into).getUint32(i * MMSGHDR.size + MMSGHDR.length, true);
      assertEquals([length(0), length(1), length(2)], [3, 5, 0]);
      assertEquals([text(iov.subarray(0, 3)), text(iov.subarray(4, 9))], ["one", "three"]);
      assertEquals(fdIn(control) > b, true);
    });
  });
}
describe("sockets as a C program calls them", () => {
  it("sendmsg gathers what its iovec points at, recvmsg scatters, and the header tells lengths and keeps its pointers", async () => {
    const { dial } = await server("rump-test");
    const c = new CClient(dial());
    await c.guest();
    const rsv = c.room(8);
    assertEquals((await c.syscall(135, AF_LOCAL, SOCK_STREAM, 0, rsv)).error, 0);
    const [a, b] = [viewOf(c.at(rsv, 8)).getInt32(0, true), viewOf(c.at(rsv, 8)).getInt32(4, true)];
    const header = (pieces: readonly (readonly [at: number, length: number])[], control: number, length: number) => {
      const iov = c.put(new Uint8Array(pieces.length * 16));
      for (const [i, [at, n]] of pieces.entries()) {
        viewOf(c.at(iov + 16 * i, 16)).setBigUint64(0, BigInt(at), true);
        viewOf(c.at(iov + 16 * i, 16)).setBigUint64(8, BigInt(n), true);
      }
      const msg = c.put(new Uint8Array(MSGHDR.size));
      const d = viewOf(c.at(msg, MSGHDR.size));
      d.setBigUint64(MSGHDR.iov, BigInt(iov), true);
      d.setInt32(MSGHDR.iovlen, pieces.length, true);
      d.setBigUint64(MSGHDR.control, BigInt(control), true);
      d.setUint32(MSGHDR.controllen, length, true);
      return { msg, d };
    };
    const file = rights(a);
    const out = header([[c.put(bytes("gather")), 6], [c.put(bytes("ed")), 2]], c.put(file), file.length);
    assertEquals((await c.syscall(28, a, out.msg, 0)).ret, 8);
    const [one, two, control] = [c.room(3), c.room(9), c.room(64)];
    const into = header([[one, 3], [two, 9]], control, 64);
    assertEquals((await c.syscall(27, b, into.msg, 0)).ret, 8);
    assertEquals([text(c.at(one, 3)), text(c.at(two, 5))], ["gat", "hered"]);
    assertEquals([into.d.getUint32(MSGHDR.controllen, true), into.d.getBigUint64(MSGHDR.control, true)], [
      20,
      BigInt(control),
    ]);
    assertEquals(fdIn(c.at(control, 64)) > b, true);
    assertEquals((await c.syscall(28, a, 0, 0)).error, 14, "no header");
    // Two messages by one recvmmsg(2): memory behind what came stays as it was.
    for (const t of ["one", "three"]) await c.syscall(28, a, header([[c.put(bytes(t)), t.length]], 0, 0).msg, 0);
    const [rooms, headers] = [
      [c.put(bytes("........")), c.put(bytes("........")), c.put(bytes("....")), c.room(4)],
      c.room(168),
    ];
    for (const [i, room] of rooms.slice(0, 3).entries()) {
      const iov = c.put(new Uint8Array(16));
      viewOf(c.at(iov, 16)).setBigUint64(0, BigInt(room), true);
      viewOf(c.at(iov, 16)).setBigUint64(8, 3n + BigInt(i), true);
      const d = viewOf(c.at(headers + 56 * i, 56));
      d.setBigUint64(MSGHDR.iov, BigInt(iov), true);
      d.setInt32(MSGHDR.iovlen, 1, true);
    }
    assertEquals((await c.syscall(475, b, headers, 3, MSG_WAITFORONE, 0)).ret, 3);
    assertEquals(rooms.slice(0, 3).map((room) => text(c.at(room, 4))), ["one.", "thre", "e..."]);
    assertEquals((await c.syscall(27, b, 16, 0)).error !== 0, true, "a header that is nowhere");
  });
});
