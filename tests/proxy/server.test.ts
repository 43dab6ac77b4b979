import { describe, it } from "node:test";
import process from "node:process";
import { Encoder } from "cbor-x/encode";
import { errno, SysError } from "../../src/abi/errno.ts";
import { pipelinedClient } from "../../src/proxy/client.ts";
import { encodeFrame } from "../../src/proxy/encode.ts";
import { decodeFrame } from "../../src/proxy/decode.ts";
import { Frames, MAGIC, MAX_FRAME } from "../../src/proxy/frame.ts";
import { parseLocator } from "../../src/proxy/locator.ts";
import { boot, connect as connectTo } from "../../src/rump.ts";
import { assert, assertEquals, assertRejects, assertThrows } from "../assert.ts";
import { served } from "./helpers.ts";

describe("rump_sp over cbor", () => {
  it("calls go both ways with their memory, many under way at once", async () => {
    const { dial } = await served();
    const { sys } = await pipelinedClient(dial(), "test");
    const fd = await sys.open({ path: "/tmp/x", flags: 0x202, mode: 0o644 });
    const data = Uint8Array.from({ length: 300_000 }, (_, i) => i & 255);
    assertEquals(await sys.write({ fd, buf: data }), 300_000);
    const parts = await Promise.all([0, 1, 2, 3].map(async (i) => {
      const buf = new Uint8Array(75_000);
      await sys.pread({ fd, buf, offset: i * 75_000 });
      return buf;
    }));
    assertEquals(parts.every((p, i) => p.every((b, k) => b === ((i * 75_000 + k) & 255))), true);
    await assertRejects(() => sys.open({ path: "/nosuch", flags: 0 }), SysError, "No such file");
  });
  it("each client is a process: its descriptors start at 3 and go when it does", async () => {
    const { dial, kernel, server } = await served();
    const clients = await Promise.all([1, 2, 3].map(() => pipelinedClient(dial(), "test")));
    const pids = await Promise.all(clients.map((c) => c.sys.getpid()));
    assertEquals(new Set(pids.map(([pid]) => pid)).size, 3);
    for (const c of clients) assertEquals(await c.sys.open({ path: "/dev/null", flags: 0 }), 3);
    for (const c of clients) c.close();
    assertEquals([kernel.procs.size, server.clients.size], [2, 0]); // the kernel's own, and the one the test made
  });
  it("names that are no UTF-8 arrive as they are", async () => {
    const { dial } = await served();
    const { sys } = await pipelinedClient(dial(), "test");
    await sys.mkdir({ path: "/tmp/\udcff\udcfe", mode: 0o755 });
    const ub = new Uint8Array(152);
    assertEquals(await sys.stat({ path: "/tmp/\udcff\udcfe", ub }), 0);
  });
  it("one client too many is told so, and so is another user", async () => {
    const { dial, kernel } = await served({ maxClients: 1 });
    await pipelinedClient(dial(), "one");
    await assertRejects(() => pipelinedClient(dial(), "two"), Error, "too many clients");
    assert(kernel.log.lines.some((l) => l.includes("too many clients")));
  });
  it("who says nothing for too long is dropped", async () => {
    const { dial, host, server } = await served();
    dial();
    assertEquals(server.clients.size, 1);
    host.pass(20_000);
    assertEquals(server.clients.size, 0);
  });
  it("calls that wait hold bounded memory: the client's next ones are not taken until some have ended", async () => {
    const { dial, server } = await served({ maxBytes: 1 << 20 });
    const { sys } = await pipelinedClient(dial(), "test");
    const [r, w] = await sys.pipe();
    const buf = new Uint8Array(512 << 10);
    const writes = Array.from({ length: 8 }, () => sys.write({ fd: w, buf }));
    await undefined;
    const [connection] = server.clients;
    assertEquals([connection!.waiting, connection!.held >= 1 << 20, connection!.held < 2 << 20], [2, true, true]);
    const other = await pipelinedClient(dial(), "other");
    assertEquals((await other.sys.getpid()).length, 2);
    connection!.close();
    await assertRejects(() => Promise.all(writes));
    for (let i = 0; i < 10; i++) await undefined;
    assertEquals([r, w, connection!.held], [3, 4, 0]);
  });
  it("who has not said who it is has room for that and no more, on either wire", async () => {
    const { dial, server } = await served();
    await pipelinedClient(dial(), "good");
    for (const size of [5000, 4096 + 1]) {
      const length = new Uint8Array(24);
      new DataView(length.buffer).setUint32(0, size, true);
      for (const hello of [[MAGIC, length.subarray(0, 4)], [length]]) dial().send(...hello);
    }
    assertEquals(server.clients.size, 1);
  });
  it("the waiting calls of all clients together hold bounded memory: each has one then", async () => {
    const { dial, server } = await served();
    const { sys } = await pipelinedClient(dial(), "test");
    const [, w] = await sys.pipe();
    server.held = 1 << 30;
    const writes = Array.from({ length: 3 }, () => sys.write({ fd: w, buf: new Uint8Array(128 << 10) }));
    await undefined;
    const [connection] = server.clients;
    assertEquals(connection!.waiting, 1);
    connection!.close();
    await assertRejects(() => Promise.all(writes));
  });
  it("a frame too long, or none at all, ends its own connection only", async () => {
    const { dial, server } = await served();
    const good = await pipelinedClient(dial(), "good");
    const long = new Uint8Array(4);
    new DataView(long.buffer).setUint32(0, MAX_FRAME + 1, true);
    for (
      const bad of [[MAGIC, long], [new TextEncoder().encode("GET / HTTP/1.0\r\n\r\n")], [
        MAGIC,
        new Uint8Array([1, 0, 0, 0, 0xff]),
      ]]
    ) {
      const c = dial();
      c.receive(() => {});
      c.send(...bad);
    }
    assertEquals(server.clients.size, 1);
    assertEquals((await good.sys.getpid()).length, 2);
  });
  it("whatever is sent, the server lives (fuzz)", async () => {
    const seed = Number(process.env.SEED ?? Date.now() & 0xffff);
    let state = seed;
    const random = (n: number) => (state = (state * 1103515245 + 12345) & 0x7fffffff) % n;
    const { dial, kernel, server } = await served();
    const junk = (): unknown =>
      [
        random(600) - 50,
        "x".repeat(random(20)),
        null,
        new Uint8Array(random(200)),
        1e300,
        -1,
        [1],
        [[], [[2]]],
        "/tmp",
        3,
      ][random(10)];
    const until = Date.now() + 2000;
    let rounds = 0;
    for (; Date.now() < until; rounds++) {
      const c = dial();
      c.receive(() => {});
      c.send(MAGIC, ...encodeFrame([1, "fuzz"]));
      for (let i = 0; i < 20; i++) {
        const frame = encodeFrame([i, random(500), ...Array.from({ length: random(6) }, junk)])[0]!;
        if (random(4) === 0) frame[random(frame.length)] = random(256);
        c.send(frame);
      }
      await undefined;
      c.close();
    }
    await new Promise((r) => setTimeout(r, 50));
    assertEquals(kernel.log.lines.filter((l) => l.startsWith("bug")), [], `seed ${seed}`);
    assertEquals(server.clients.size, 0, `seed ${seed}, ${rounds} rounds`);
  });
});
describe("frames", () => {
  it("come out as they went in, however the stream is cut", () => {
    const sent = [[1, 2, "x"], [2, new Uint8Array(20_000).fill(7)], [3]];
    const stream = sent.flatMap((items) => encodeFrame(items)).flatMap((part) => [...part]);
    for (const step of [1, 3, 7, 1000, 30_000]) {
      const got: unknown[] = [];
      const frames = new Frames((body) =>
        got.push(decodeFrame(body)!.map((x) => (x instanceof Uint8Array ? x.slice() : x))) > 0
      );
      for (let at = 0; at < stream.length; at += step) frames.push(new Uint8Array(stream.slice(at, at + step)));
      assertEquals(got.map((f) => JSON.stringify(f)), sent.map((f) => JSON.stringify(f)), `step ${step}`);
    }
  });
  it("carry every number, string and byte string, wherever it stands", () => {
    const [long, short] = [new Uint8Array(9000).fill(3), new Uint8Array([1, 2])];
    const items = [
      0,
      23,
      24,
      255,
      256,
      65_535,
      65_536,
      2 ** 32 - 1,
      2 ** 32,
      Number.MAX_SAFE_INTEGER,
      -1,
      -25,
      -(2 ** 40),
    ]
      .concat([1.5, -0.25, 1e300])
      .concat(
        ["", "a path", "h\u00fcben", "x".repeat(3000), null, true, false, short, long, 7, long, ["nested", [
          1,
        ]]] as never,
      );
    const parts = encodeFrame(items);
    const stream = new Uint8Array(parts.flatMap((part) => [...part]));
    assertEquals(JSON.stringify(decodeFrame(stream.subarray(4))), JSON.stringify(items));
    assertEquals(parts.filter((part) => part === long).length, 2);
  });
  it("memory of one that is kept is not used again", () => {
    const kept: Uint8Array[] = [];
    const frames = new Frames((body) => {
      const bytes = decodeFrame(body)![0] as Uint8Array;
      frames.kept = true;
      return kept.push(bytes) > 0;
    });
    for (const fill of [1, 2]) {
      const stream = new Uint8Array(encodeFrame([new Uint8Array(50_000).fill(fill)]).flatMap((part) => [...part]));
      frames.push(stream.subarray(0, 100));
      frames.push(stream.subarray(100));
    }
    assertEquals(kept.map((b) => [b[0], b[49_999]]), [[1, 1], [2, 2]]);
  });
  it("are read as another encoder wrote them: integers of every length, floats, strings, arrays in arrays", () => {
    const encoder = new Encoder({ useRecords: false, tagUint8Array: false, useFloat32: 3 });
    const items = [
      0,
      23,
      24,
      255,
      256,
      65_536,
      2 ** 32 - 1,
      2 ** 40,
      -1,
      -24,
      -25,
      -257,
      -65_537,
      -(2 ** 31),
      1.5,
      0.25,
      -1e300,
      Infinity,
    ]
      .concat(
        ["", "path", "\ufeffübung", "x".repeat(300), null, undefined, true, false, new Uint8Array(70_000), [[], [1, [
          "a",
        ]]]] as never,
      );
    const seen = decodeFrame(encoder.encode(items) as Uint8Array)!;
    assertEquals(
      seen.map((x) => (x instanceof Uint8Array ? x.length : x)),
      items.map((x) => ((x as unknown) instanceof Uint8Array ? 70_000 : x)) as unknown[],
    );
    // RFC 8949, appendix A: half floats, and integers of 64 bits.
    const hex = (text: string) => decodeFrame(Uint8Array.from(text.match(/../g)!, (b) => parseInt(b, 16)));
    assertEquals(
      hex("86f93c00f97bfff90001fac7c350001b000000e8d4a510001b001fffffffffffff"),
      [1, 65504, 5.960464477539063e-8, -100000.0, 1000000000000, Number.MAX_SAFE_INTEGER].slice(0, 6),
    );
  });
  it("that are cut, too deep, too long for their lengths, or have anything else in them are refused", () => {
    const whole = new Uint8Array(encodeFrame([1, 300, "text", new Uint8Array(40), [2, 3]]).flatMap((part) => [...part]))
      .subarray(4);
    for (let n = 0; n < whole.length; n++) assertEquals(decodeFrame(whole.subarray(0, n)), undefined, `${n}`);
    assertEquals(decodeFrame(new Uint8Array([...whole, 0])), undefined);
    assertEquals(decodeFrame(new Uint8Array(5000).fill(0x81)), undefined);
    for (
      const bad of [
        [0x81, 0xa0],
        [0x81, 0xc0, 1],
        [0x81, 0x5f, 0xff],
        [0x9a, 0xff, 0xff, 0xff, 0xff],
        [0x81, 0x5a, 0xff, 0xff, 0xff, 0xff],
        [0x81, 0x1b, 0xff, 0, 0, 0, 0, 0, 0, 0],
        [0x81, 0xf8, 0x20],
      ]
    ) {
      assertEquals(decodeFrame(new Uint8Array(bad)), undefined, String(bad));
    }
  });
  it("what is no array is refused", () => {
    for (const body of [[0x40], [0xa0], [0xd8, 0x40], [0x9f], []]) {
      assertEquals(decodeFrame(new Uint8Array(body)), undefined);
    }
  });
});
describe("the library", () => {
  it("serves and attaches over a real socket", async () => {
    const kernel = await boot();
    const path = `/tmp/rump-lib-${process.pid}-${"Deno" in globalThis ? "d" : "b"}.sock`;
    await kernel.listen(`unix://${path}`);
    const client = await connectTo(`unix://${path}`);
    assertEquals((await client.sys.getpid())[1], 1);
    client.close();
    await client.closed;
    await kernel.halt();
    await assertRejects(() => client.sys.getpid());
  });
  it("a locator that is none says so", () => {
    assertThrows(() => parseLocator("x", "client", () => undefined), Error, "invalid locator");
    assertEquals(errno.EPROTO.errno, 96);
  });
});
