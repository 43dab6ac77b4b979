import { describe, it } from "node:test";
import { errno, SysError } from "../../src/abi/errno.ts";
import { declared } from "../../src/abi/syscalls.ts";
import { pipelinedClient } from "../../src/proxy/client.ts";
import { encodeFrame } from "../../src/proxy/encode.ts";
import { decodeFrame } from "../../src/proxy/decode.ts";
import { Frames, MAGIC } from "../../src/proxy/frame.ts";
import { assert, assertEquals, assertRejects, assertThrows } from "../assert.ts";
import { parseAllow } from "../../src/proxy/admission.ts";
import { served } from "./helpers.ts";

const text = (s: string) => new TextEncoder().encode(s);
async function client(uid?: number, options: Parameters<typeof served>[0] = {}) {
  const { dial, server, kernel } = await served(options);
  return { ...await pipelinedClient(dial(uid), "test"), server, kernel, dial };
}
/** Frames sent as they are, and the replies to them. */
async function rawClient() {
  const { dial, server, kernel } = await served();
  const replies: unknown[][] = [];
  const frames = new Frames((body) => replies.push(decodeFrame(body.slice())!) > 0);
  const channel = dial();
  let banner = true;
  channel.receive((bytes) => (banner ? void (banner = false) : void frames.push(bytes)));
  channel.send(MAGIC, ...encodeFrame([1, "raw"]));
  return {
    server,
    kernel,
    ask(...items: unknown[]) {
      channel.send(...encodeFrame([7, "batch", ...items]));
      return replies.at(-1)!;
    },
  };
}
const nr = (name: string) => declared[name]!.nr;

describe("batches", () => {
  it("open, write, pread and close are one request", async () => {
    const { batch, server } = await client();
    const before = server.requests;
    const buf = new Uint8Array(5);
    const made = await batch((b) => {
      const fd = b.open({ path: "/tmp/x", flags: 0x202, mode: 0o644 });
      return {
        wrote: b.write({ fd, buf: text("hello") }),
        read: b.pread({ fd, buf, offset: 0 }),
        end: b.close({ fd }),
      };
    });
    assertEquals([made.wrote.value, made.read.value, made.end.value], [5, 5, 0]);
    assertEquals(new TextDecoder().decode(buf), "hello");
    assertEquals([server.requests - before, server.calls], [1, 4]);
  });
  it("a failed call takes those that need its result with it, not the others", async () => {
    const { batch } = await client();
    const made = await batch((b) => {
      const fd = b.open({ path: "/nosuch", flags: 0 });
      return { fd, end: b.close({ fd }), pid: b.getpid() };
    });
    assertEquals([made.fd.error, made.end.error], [errno.ENOENT, errno.EINVAL]);
    assert(made.pid.value[0] > 0);
    assertThrows(() => made.fd.value, SysError, "No such file");
  });
  it("stop: nothing is made after a failure", async () => {
    const { batch, sys } = await client();
    const made = await batch((b) => [
      b.mkdir({ path: "/tmp/a", mode: 0o755 }),
      b.mkdir({ path: "/tmp/a", mode: 0o755 }),
      b.mkdir({ path: "/tmp/b", mode: 0o755 }),
    ], { stop: true });
    assertEquals(made.map((x) => x.error), [undefined, errno.EEXIST, errno.ECANCELED]);
    await assertRejects(() => sys.rmdir({ path: "/tmp/b" }), SysError, "No such file");
  });
  it("both results of pipe can be referred to", async () => {
    const { batch } = await client();
    const buf = new Uint8Array(3);
    const n = await batch((b) => {
      const ends = b.pipe();
      b.write({ fd: ends.second, buf: text("abc") });
      return b.read({ fd: ends, buf });
    });
    assertEquals([n.value, new TextDecoder().decode(buf)], [3, "abc"]);
  });
  it("a call that waits holds up its own batch only, and its memory is its own", async () => {
    const { batch, sys, server } = await client();
    const [read, write] = await sys.pipe();
    const [a, b2] = [new Uint8Array(152), new Uint8Array(4)];
    const waiting = batch((b) => [
      b.stat({ path: "/", ub: a }),
      b.read({ fd: read, buf: b2 }),
      b.write({ fd: write, buf: text("more") }),
      b.stat({ path: "/", ub: new Uint8Array(152) }),
    ]);
    const direct = new Uint8Array(152);
    for (let i = 0; i < 20; i++) await sys.stat({ path: "/tmp", ub: new Uint8Array(152) });
    await sys.stat({ path: "/", ub: direct });
    assertEquals(server.requests, 23);
    await sys.write({ fd: write, buf: text("data") });
    assertEquals((await waiting).map((x) => x.value), [0, 4, 4, 0]);
    assertEquals([a, new TextDecoder().decode(b2)], [direct, "data"]);
  });
  it("a client that goes while its batch waits makes no more of it", async () => {
    const { batch, sys, close, kernel, server } = await client();
    const [read] = await sys.pipe();
    const calls = server.calls;
    const lost = batch((
      b,
    ) => [b.read({ fd: read, buf: new Uint8Array(1) }), b.mkdir({ path: "/tmp/no", mode: 0o755 })]);
    await sys.getpid();
    close();
    await assertRejects(() => lost, SysError, "reset");
    for (let i = 0; i < 20; i++) await new Promise((r) => setImmediate(r));
    assertEquals([server.calls - calls, server.clients.size, kernel.procs.size], [2, 0, 2]); // the kernel's own, and the one `served` makes
  });
  it("what may not be called may not be called in a batch", async () => {
    const { batch } = await client(1001, { policy: { uid: 0, allow: new Map([parseAllow("uid=1001,ro")]) } });
    const fd = await batch((b) => b.open({ path: "/tmp/y", flags: 0x201, mode: 0o644 }));
    assertEquals(fd.error, errno.EROFS);
  });
  it("too many calls, or too much memory, is refused where it is made", async () => {
    const { batch, sys } = await client();
    await assertRejects(
      async () => await batch((b) => Array.from({ length: 65 }, () => b.getppid())),
      SysError,
      "too long",
    );
    const big = new Uint8Array(3 << 20);
    await assertRejects(
      async () => await batch((b) => [0, 1].map((fd) => b.write({ fd, buf: big }))),
      SysError,
      "too long",
    );
    const fd = await sys.open({ path: "/tmp/z", flags: 0x202, mode: 0o644 });
    const [one, two] = await batch((b) => [1, 2].map(() => b.pread({ fd, buf: big, offset: 0 })));
    assertEquals([one!.value, two!.error], [0, errno.EMSGSIZE]);
  });
  it("references to nothing there is are EINVAL for that call", async () => {
    const { ask } = await rawClient();
    const bad = [[0], [1, 0], [5, 0], [-1, 0], [0.5, 0], [0, 2], [0, 0, 0], [], ["0", 0], [[0], 0], [null], [0, null]];
    const reply = ask(0, ...bad.map((r) => [nr("close"), r]), [nr("getppid")]);
    assertEquals(reply.slice(2, -1), bad.map(() => [errno.EINVAL.errno]));
    assertEquals((reply.at(-1) as unknown[])[0], 0);
  });
  it("a result of the wrong kind is EINVAL", async () => {
    const { ask } = await rawClient();
    const reply = ask(0, [nr("getppid")], [nr("rmdir"), [0, 0]], [nr("write"), 1, [0, 0]], [nr("umask"), [0, 0]]);
    assertEquals(reply.slice(3).map((r) => (r as unknown[])[0]), [errno.EINVAL.errno, errno.EINVAL.errno, 0]);
  });
  it("a frame that is no batch ends its connection", async () => {
    for (
      const bad of [[0, 1], [2], [], [0, ["x"]], [0, ["batch", 0, [nr("getppid")]]], [
        0,
        ...Array.from({ length: 65 }, () => [20]),
      ]]
    ) {
      const { ask, server } = await rawClient();
      ask(...bad);
      assertEquals(server.clients.size, 0);
    }
  });
});
