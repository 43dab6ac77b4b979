import { describe, it } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { Stat, Sysctlnode } from "../../src/abi/structs.ts";
import { viewOf } from "../../src/lib/struct.ts";
import { pipelinedClient } from "../../src/proxy/client.ts";
import { Class, Handshake, SpError, type SpFrame, spFrame, Type } from "../../src/proxy/sysproxy.ts";
import { SysError } from "../../src/abi/errno.ts";
import { assert, assertEquals, assertRejects } from "../assert.ts";
import { CClient } from "./c_client.ts";
import { served } from "./helpers.ts";

async function client(options = {}) {
  const s = await served(options);
  const c = new CClient(s.dial());
  return { ...s, c };
}
async function guest(options = {}) {
  const s = await client(options);
  await s.c.guest();
  return s;
}
const shown = ({ class: k, type, u }: SpFrame) => (k === -1 ? "gone" : [k, type, u]);
const error = (type: number, code: number) => [Class.ERROR, type, code];
const NAME = new TextEncoder().encode("x\0");

/** Before the handshake: what is sent, the answer, and whether the connection lives on (wire/edge.txt). */
const strangers: readonly (readonly [
  what: string,
  frame: [number, number, (Uint8Array | undefined)?, number?],
  answer: unknown,
  open: boolean,
])[] = [
  ["a syscall", [Type.SYSCALL, 20], error(Type.SYSCALL, SpError.AUTH), false],
  ["a fork", [Type.PREFORK, 0], error(Type.PREFORK, SpError.AUTH), false],
  ["authentication", [Type.HANDSHAKE, Handshake.AUTH, NAME], error(Type.HANDSHAKE, SpError.AUTH), false],
  ["an exec", [Type.HANDSHAKE, Handshake.EXEC, NAME], error(Type.HANDSHAKE, SpError.AUTH), false],
  ["a handshake of kind 99", [Type.HANDSHAKE, 99, NAME], error(Type.HANDSHAKE, SpError.AUTH), false],
  [
    "a short cookie",
    [Type.HANDSHAKE, Handshake.FORK, NAME],
    error(Type.HANDSHAKE, SpError.MALFORMED_REQUEST),
    false,
  ],
  [
    "an unknown cookie",
    [Type.HANDSHAKE, Handshake.FORK, new Uint8Array(20)],
    error(0, SpError.INVALID_PREFORK),
    false,
  ],
  ["an unknown class", [Type.HANDSHAKE, 0, NAME, 9], error(Type.HANDSHAKE, SpError.MALFORMED_REQUEST), true],
  ["an error", [Type.HANDSHAKE, 0, NAME, Class.ERROR], error(Type.HANDSHAKE, SpError.MALFORMED_REQUEST), true],
  [
    "a long name",
    [Type.HANDSHAKE, Handshake.GUEST, new Uint8Array(200).fill(65)],
    [Class.RESP, Type.HANDSHAKE, 0],
    true,
  ],
  ["no name", [Type.HANDSHAKE, Handshake.GUEST], [Class.RESP, Type.HANDSHAKE, 0], true],
];
/** After it. */
const guests: typeof strangers = [
  ["a second handshake", [Type.HANDSHAKE, Handshake.GUEST, NAME], error(0, SpError.MALFORMED_REQUEST), false],
  ["a request of type 50", [50, 0], error(50, SpError.MALFORMED_REQUEST), true],
  ["a copyin of its own", [Type.COPYIN, 0, new Uint8Array(16)], error(Type.COPYIN, SpError.MALFORMED_REQUEST), true],
  ["an unknown class", [Type.SYSCALL, 20, undefined, 9], error(Type.SYSCALL, SpError.MALFORMED_REQUEST), true],
];
describe("sysproxy: what the original's probes showed", () => {
  for (const [when, table] of [["before", strangers], ["after", guests]] as const) {
    for (const [what, [type, u, body, klass], answer, open] of table) {
      it(`${what} ${when} the handshake`, async () => {
        const { c, dial } = await (when === "before" ? client() : guest());
        assertEquals(shown(await c.ask(type, u, body, klass)), answer);
        assertEquals(c.open, open);
        assertEquals(shown(await new CClient(dial()).guest()), [Class.RESP, Type.HANDSHAKE, 0]);
      });
    }
  }
  it("lengths no frame can have end the connection only", async () => {
    for (const len of [0, 23, 2 ** 40, 2 ** 63]) {
      const { c, dial } = await client();
      const head = new Uint8Array(24);
      viewOf(head).setBigUint64(0, BigInt(len), true);
      c.send([head]);
      assertEquals(c.open, false);
      assertEquals((await new CClient(dial()).guest()).class, Class.RESP);
    }
  });
  it("calls there are none of are ENOSYS, negative numbers too", async () => {
    const { c } = await guest();
    for (const nr of [0, 1, 2, 197, 482, 511, 512, 9999, 0x8000_0000, 0xffff_ffff]) {
      assertEquals((await c.syscall(nr, 1, 2, 3)).error, 78, `${nr}`);
    }
  });
  it("arguments left out are 0, those too many are not looked at, and no byte of ours is told", async () => {
    const { c } = await guest();
    const reply = await c.ask(Type.SYSCALL, 20, new Uint8Array(64));
    assertEquals([...reply.body.subarray(0, 8)], [0, 0, 0, 0, 0, 0, 0, 0]);
    assertEquals((await c.syscall(6)).error, 0, "close() is close(0)");
    assertEquals((await c.syscall(6, 77)).error, 9);
  });
  it("memory that is none is EFAULT; strings without an end are ENAMETOOLONG", async () => {
    const { c } = await guest();
    assertEquals((await c.syscall(5, 0, 0, 0)).error, 14, "path NULL");
    const reply = (body: Uint8Array, klass: number = Class.RESP) => {
      c.answer = ({ reqno }) => (c.send(spFrame(klass, Type.COPYIN, reqno, 0, body)), true);
      return c.syscall(5, 0x1234, 0, 0);
    };
    for (const body of [new Uint8Array(0), new Uint8Array(5).fill(65), new Uint8Array(2001).fill(65)]) {
      assertEquals((await reply(body)).error, 63);
    }
    assertEquals((await reply(new Uint8Array(1 << 20).fill(65))).error, 63, "a megabyte");
    assertEquals((await reply(new Uint8Array(0), Class.ERROR)).error, 14);
    c.answer = () => false;
    const fd = (await c.syscall(5, c.text("/tmp/f"), 0x202, 0o644)).ret;
    c.answer = ({ reqno }) => (c.send(spFrame(Class.RESP, Type.COPYIN, reqno, 0, new Uint8Array(3))), true);
    assertEquals((await c.syscall(4, fd, 0x1234, 10)).error, 14, "fewer bytes than asked for");
  });
  it("an answer to nothing is not looked at", async () => {
    const { c } = await guest();
    c.send(spFrame(Class.RESP, Type.COPYIN, 99, 0, NAME));
    assertEquals((await c.syscall(20)).error, 0);
  });
  it("a client that goes while its memory is asked for takes its call along", async () => {
    const { c, server, kernel } = await guest();
    c.answer = () => true;
    void c.syscall(5, 0x1234, 0, 0);
    assertEquals([...server.clients][0]!.waiting, 1);
    const before = kernel.procs.size;
    c.close();
    await delay(1);
    assertEquals([kernel.procs.size, server.clients.size], [before - 1, 0]);
  });
});

describe("sysproxy: NetBSD's programs", () => {
  it("read, write and stat as C does", async () => {
    const { c } = await guest();
    const data = Uint8Array.from({ length: 70_000 }, (_, i) => i * 7);
    const path = c.text("/tmp/file");
    const { ret: fd } = await c.syscall(5, path, 0x202, 0o644);
    assertEquals(fd, 3);
    assertEquals((await c.syscall(4, fd, c.put(data), data.length)).ret, 70_000);
    const into = c.room(data.length);
    assertEquals((await c.syscall(173, fd, into, 70_000, 0, 0)).ret, 70_000);
    assertEquals(c.at(into, 70_000), data);
    const ub = c.room(Stat.size);
    assertEquals((await c.syscall(439, path, ub)).error, 0);
    assertEquals(Stat.get.size(viewOf(c.at(ub, Stat.size)), 0), 70_000);
    assertEquals((await c.syscall(199, fd, 0, -10, 2)).ret, 69_990, "lseek from the end");
    assertEquals((await c.syscall(3, fd, into, 100)).ret, 10);
  });
  it("ask sysctl twice: ENOMEM tells the size", async () => {
    const { c } = await guest();
    const [name, oldlenp] = [c.put(new Uint8Array(new Int32Array([-2]).buffer)), c.room(8)];
    const query = c.put(new Uint8Array(Sysctlnode.size));
    viewOf(c.at(query, 4)).setUint32(0, 0x0100_0000, true);
    const ask = (room: number) => {
      viewOf(c.at(oldlenp, 8)).setBigUint64(0, BigInt(room), true);
      return c.syscall(202, name, 1, c.room(room), oldlenp, query, Sysctlnode.size);
    };
    assertEquals((await ask(Sysctlnode.size)).error, 12);
    const need = Number(viewOf(c.at(oldlenp, 8)).getBigUint64(0, true));
    assert(need > Sysctlnode.size && need % Sysctlnode.size === 0);
    assertEquals((await ask(need)).error, 0);
  });
  it("mount tmpfs with its structure, and share files with ours", async () => {
    const { c, dial } = await guest();
    await c.syscall(136, c.text("/m"), 0o755);
    const args = new Uint8Array(40);
    viewOf(args).setInt32(0, 1, true);
    viewOf(args).setUint32(32, 0o40755, true);
    assertEquals((await c.syscall(410, c.text("tmpfs"), c.text("/m"), 0, c.put(args), 40)).error, 0);
    const { sys } = await pipelinedClient(dial(), "ours");
    const fd = await sys.open({ path: "/m/x", flags: 0x202, mode: 0o644 });
    await sys.write({ fd, buf: new TextEncoder().encode("shared") });
    const mine = (await c.syscall(5, c.text("/m/x"), 0, 0)).ret;
    const into = c.room(10);
    assertEquals((await c.syscall(3, mine, into, 10)).ret, 6);
    assertEquals(new TextDecoder().decode(c.at(into, 6)), "shared");
  });
  it("fork: the child has the files and the directory; the cookie is good once", async () => {
    const { c, dial, kernel } = await guest();
    await c.syscall(12, c.text("/tmp"));
    const { ret: fd } = await c.syscall(5, c.text("f"), 0x202, 0o644);
    await c.syscall(4, fd, c.text("hello"), 5);
    const cookie = (await c.ask(Type.PREFORK, 0)).body;
    assertEquals(cookie.length, 16);
    const come = async (cancel = 0) => {
      const child = new CClient(dial());
      const body = new Uint8Array(20);
      body.set(cookie);
      body[16] = cancel;
      return [child, shown(await child.ask(Type.HANDSHAKE, Handshake.FORK, body))] as const;
    };
    const [child, answer] = await come();
    assertEquals(answer, [Class.RESP, Type.HANDSHAKE, 0]);
    assertEquals((await come())[1], error(0, SpError.INVALID_PREFORK));
    const into = child.room(5);
    assertEquals((await child.syscall(173, fd, into, 5, 0, 0)).ret, 5);
    assertEquals((await child.syscall(439, child.text("f"), child.room(152))).error, 0, "same directory");
    assertEquals((await child.syscall(20)).ret2, (await c.syscall(20)).ret, "the parent's number");
    await child.syscall(6, fd);
    assertEquals((await c.syscall(173, fd, c.room(5), 5, 0, 0)).ret, 5, "the parent's descriptor stays");
    const before = kernel.procs.size;
    child.close();
    assertEquals(kernel.procs.size, before - 1);
  });
  it("a child that never comes is not kept", async () => {
    const { c, kernel, host } = await guest();
    const before = kernel.procs.size;
    await c.ask(Type.PREFORK, 0);
    assertEquals(kernel.procs.size, before + 1);
    host.pass(60_000);
    assertEquals(kernel.procs.size, before);
  });
  it("exec: the name changes, close-on-exec descriptors go", async () => {
    const { c, kernel } = await guest();
    const keep = (await c.syscall(5, c.text("/dev/null"), 0, 0)).ret;
    const go = (await c.syscall(5, c.text("/dev/null"), 0x40_0000, 0)).ret;
    const answer = await c.ask(Type.HANDSHAKE, Handshake.EXEC, new TextEncoder().encode("other\0"));
    assertEquals(shown(answer), [Class.RESP, Type.HANDSHAKE, 0]);
    assert([...kernel.procs].some((p) => p.comm === "other"));
    assertEquals([(await c.syscall(6, keep)).error, (await c.syscall(6, go)).error], [0, 9]);
  });
  it("another user is not let in", async () => {
    const { c } = await client({ maxClients: 0 });
    assertEquals(await c.guest().then(shown), error(0, SpError.AUTH));
    assertEquals(c.open, false);
  });
  it("a call that waits holds up nobody, and vectors, locks and poll find their memory", async () => {
    const { c, dial } = await guest();
    const { ret: r, ret2: w } = await c.syscall(42);
    const into = c.room(16);
    const reading = c.syscall(3, r, into, 16);
    assertEquals((await c.syscall(20)).error, 0, "another call of the same client");
    assertEquals((await new CClient(dial()).guest()).class, Class.RESP, "another client");
    const [one, two] = [c.text("abc"), c.text("defg")];
    const iov = c.room(32);
    for (const [i, x] of [one, 3, two, 4].entries()) viewOf(c.at(iov, 32)).setBigUint64(i * 8, BigInt(x), true);
    assertEquals((await c.syscall(121, w, iov, 2)).ret, 7);
    assertEquals([(await reading).ret, new TextDecoder().decode(c.at(into, 7))], [7, "abcdefg"]);
    const fds = c.room(8);
    viewOf(c.at(fds, 8)).setInt32(0, w, true);
    viewOf(c.at(fds, 8)).setUint16(4, 4, true);
    assertEquals((await c.syscall(209, fds, 1, 0)).ret, 1);
    assertEquals(viewOf(c.at(fds, 8)).getUint16(6, true), 4);
    const { ret: file } = await c.syscall(5, c.text("/tmp/l"), 0x202, 0o644);
    const lock = c.put(new Uint8Array(24));
    viewOf(c.at(lock, 24)).setUint16(20, 3, true);
    assertEquals((await c.syscall(92, file, 8, lock)).error, 0);
    assertEquals((await c.syscall(92, file, 8, 0)).error, 14);
    assertEquals((await c.syscall(92, file, 0, 10)).ret, 10, "F_DUPFD's third is no pointer");
  });
});

describe("sysproxy: memory", () => {
  it("what waiting calls hold is bounded: those too many are told to try again, or that there is none", async () => {
    const { c, server } = await guest({ maxBytes: 1 << 20 });
    const { ret2: w } = await c.syscall(42);
    const big = c.room(600_000);
    const writes = Array.from({ length: 6 }, () => c.syscall(4, w, big, 600_000));
    const iov = c.put(new Uint8Array(16));
    viewOf(c.at(iov, 16)).setBigUint64(0, BigInt(big), true);
    viewOf(c.at(iov, 16)).setBigUint64(8, 600_000n, true);
    const vector = c.syscall(121, w, iov, 1);
    const told = (await Promise.all([...writes.slice(1), vector])).map(({ error }) => error);
    assert(told.every((e) => e === -1 || e === 12), `${told}`);
    const [connection] = server.clients;
    assertEquals([connection!.waiting, connection!.held], [1, 600_000]);
    c.close();
    await writes[0];
    for (let i = 0; i < 10; i++) await undefined;
    assertEquals(connection!.held, 0);
  });
});

describe("sysproxy: our programs on a NetBSD kernel", () => {
  const netbsd = { version: "NetBSD-7.99.34" };
  it("files, directories, sysctl: the same calls, the same answers", async () => {
    const { dial } = await served(netbsd);
    const { sys, close } = await pipelinedClient(dial(), "test");
    const fd = await sys.open({ path: "/tmp/\udcff x", flags: 0x202, mode: 0o644 });
    const data = Uint8Array.from({ length: 300_000 }, (_, i) => i * 7);
    assertEquals(await sys.write({ fd, buf: data }), data.length);
    const buf = new Uint8Array(data.length);
    assertEquals(await sys.pread({ fd, buf, offset: 0 }), data.length);
    assertEquals(buf, data);
    const iov = new Uint8Array(10);
    assertEquals([await sys.preadv({ fd, iov, offset: 5 }), iov], [10, data.slice(5, 15)]);
    assertEquals(await sys.lseek({ fd, offset: -5, whence: 2 }), data.length - 5);
    const ub = new Uint8Array(Stat.size);
    await sys.fstat({ fd, sb: ub });
    assertEquals(Stat.get.size(viewOf(ub), 0), data.length);
    assertEquals((await sys.getpid()).length, 2);
    const [r, w] = await sys.pipe();
    const reading = sys.read({ fd: r, buf: iov });
    await sys.write({ fd: w, buf: new Uint8Array(3) });
    assertEquals(await reading, 3);
    const lock = new Uint8Array(24);
    viewOf(lock).setUint16(20, 3, true);
    assertEquals(await sys.fcntl({ fd, cmd: 8, lock }), 0);
    assertEquals(await sys.fcntl({ fd, cmd: 0, arg: 20 }), 20);
    await assertRejects(() => sys.open({ path: "/nosuch", flags: 0 }), SysError, "No such file");
    const many = await Promise.all(
      Array.from({ length: 100 }, () => sys.stat({ path: "/tmp", ub: new Uint8Array(152) })),
    );
    assertEquals(many, new Array(100).fill(0));
    close();
  });
  it("who is refused is told, and calls end with the connection", async () => {
    const full = await served({ ...netbsd, maxClients: 0 });
    await assertRejects(() => pipelinedClient(full.dial(), "test"), Error, "not permitted");
    const { dial, server } = await served(netbsd);
    const { sys } = await pipelinedClient(dial(), "test");
    const [r] = await sys.pipe();
    const gone = assertRejects(() => sys.read({ fd: r, buf: new Uint8Array(1) }), SysError, "Connection reset");
    server.close();
    await gone;
  });
});
