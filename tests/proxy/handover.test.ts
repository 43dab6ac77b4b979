import { describe, it } from "node:test";
import { SysError } from "../../src/abi/errno.ts";
import { type ClientOptions, pipelinedClient, Refused } from "../../src/proxy/client.ts";
import { assert, assertEquals, assertRejects } from "../assert.ts";
import { Handshake, Type } from "../../src/proxy/sysproxy.ts";
import { CClient } from "./c_client.ts";
import { served } from "./helpers.ts";

const O_CREAT_RDWR = 0x202;
const O_CLOEXEC = 0x400000;

for (const wire of ["ours", "NetBSD's"]) {
  /** A server whose banner makes clients speak the wire. */
  const start = async () => {
    const { dial, ...rest } = await served({ version: wire === "ours" ? "rump-test" : "NetBSD-7.99.34" });
    const connect = (options?: ClientOptions) => pipelinedClient(dial(), "test", options);
    return { connect, dial, ...rest };
  };
  describe(`a process handed on over ${wire} wire`, () => {
    it("a fork has the parent's descriptors, directory and offsets, and a number of its own", async () => {
      const { connect } = await start();
      const parent = await connect();
      const fd = await parent.sys.open({ path: "/tmp/f", flags: O_CREAT_RDWR, mode: 0o644 });
      await parent.sys.write({ fd, buf: new Uint8Array([1, 2, 3]) });
      await parent.sys.chdir({ path: "/tmp" });
      const child = await connect({ fork: await parent.prefork() });
      assert((await child.sys.getpid())[0] !== (await parent.sys.getpid())[0]);
      assertEquals((await child.sys.getppid())!, (await parent.sys.getpid())[0]);
      await child.sys.write({ fd, buf: new Uint8Array([4]) });
      parent.close();
      const buf = new Uint8Array(9);
      const again = await child.sys.open({ path: "f", flags: 0 });
      assertEquals([await child.sys.read({ fd: again, buf }), ...buf.subarray(0, 4)], [4, 1, 2, 3, 4]);
    });
    it("a cookie is good once, and for some seconds", async () => {
      const { connect, kernel, host } = await start();
      const parent = await connect();
      const before = kernel.procs.size;
      const fork = await parent.prefork();
      await connect({ fork });
      await assertRejects(() => connect({ fork }), Refused);
      const late = await parent.prefork();
      host.pass(20_000);
      await assertRejects(() => connect({ fork: late }), Refused);
      assertEquals(kernel.procs.size, before + 1);
    });
    it("exec ends waiting calls, closes what is close-on-exec, and takes the new name", async () => {
      const { connect, server } = await start();
      const client = await connect();
      const kept = await client.sys.open({ path: "/tmp/f", flags: O_CREAT_RDWR, mode: 0o644 });
      const closed = await client.sys.open({ path: "/tmp/f", flags: O_CLOEXEC });
      const [r] = await client.sys.pipe();
      const waits = assertRejects(() => client.sys.read({ fd: r, buf: new Uint8Array(1) }), SysError, "Interrupted");
      await client.exec("other");
      await waits;
      assertEquals([...server.clients].map((c) => c.proc!.comm), ["other"]);
      assertEquals(await client.sys.fcntl({ fd: kept, cmd: 1 }), 0);
      await assertRejects(() => client.sys.fcntl({ fd: closed, cmd: 1 }), SysError, "Bad file descriptor");
    });
  });
}

describe("clients of different wires", () => {
  it("share a pipe and an offset: a child of ours that speaks NetBSD's wire", async () => {
    const { dial } = await served();
    const { sys, prefork } = await pipelinedClient(dial(), "ours");
    const [r, w] = await sys.pipe();
    const fd = await sys.open({ path: "/tmp/f", flags: O_CREAT_RDWR, mode: 0o644 });
    const c = new CClient(dial());
    assertEquals(
      (await c.ask(Type.HANDSHAKE, Handshake.FORK, new Uint8Array([...await prefork(), 0, 0, 0, 0]))).class,
      1,
    );
    const into = c.room(16);
    const reading = c.syscall(3, r, into, 16);
    await sys.write({ fd: w, buf: new Uint8Array([1, 2, 3]) });
    assertEquals([(await reading).ret, [...c.at(into, 3)]], [3, [1, 2, 3]]);
    assertEquals((await c.syscall(4, fd, into, 3)).ret, 3);
    await sys.write({ fd, buf: new Uint8Array([4]) });
    const buf = new Uint8Array(9);
    assertEquals([await sys.pread({ fd, buf, offset: 0 }), ...buf.subarray(0, 4)], [4, 1, 2, 3, 4]);
  });
});

describe("a call taken back", () => {
  it("ends with EINTR, and the calls beside it go on", async () => {
    const { dial } = await served();
    const { sys, until } = await pipelinedClient(dial(), "test");
    const [r, w] = await sys.pipe();
    const buf = new Uint8Array(1);
    const waits = sys.read({ fd: r, buf });
    const aborted = new AbortController();
    const taken = assertRejects(
      () => until(aborted.signal).read({ fd: r, buf: new Uint8Array(1) }),
      SysError,
      "Interrupted",
    );
    aborted.abort();
    await taken;
    await sys.write({ fd: w, buf: new Uint8Array([7]) });
    assertEquals([await waits, buf[0]], [1, 7]);
    await assertRejects(() => until(aborted.signal).read({ fd: r, buf }), SysError, "Interrupted");
  });
  it("that has ended is left alone, and so is one there never was", async () => {
    const { dial, server } = await served();
    const { sys, until } = await pipelinedClient(dial(), "test");
    const done = new AbortController();
    assertEquals(await until(done.signal).getuid(), [0, 0] as never);
    done.abort();
    assertEquals((await sys.getuid())[0], 0);
    assertEquals([...server.clients][0]!.waiting, 0);
  });
});
