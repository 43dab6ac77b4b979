import { describe, it } from "node:test";
import { AF_LOCAL, SOCK_STREAM } from "../../src/abi/flags.ts";
import { MSGHDR } from "../../src/abi/structs.ts";
import { viewOf } from "../../src/lib/struct.ts";
import { pipelinedClient } from "../../src/proxy/client.ts";
import { assertEquals } from "../assert.ts";
import { bytes, fdIn, rights, sun, text } from "../net/helpers.ts";
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
    assertEquals((await c.syscall(27, b, 16, 0)).error !== 0, true, "a header that is nowhere");
  });
});
