import { describe, it } from "node:test";
import process from "node:process";
import type { Channel, SharedMemory, Watcher } from "../../src/plugin.ts";
import { encodeFrame } from "../../src/proxy/encode.ts";
import { decodeFrame } from "../../src/proxy/decode.ts";
import { Frames, MAGIC } from "../../src/proxy/frame.ts";
import { RING, Ring, RING_BYTES, RING_FRAME, RingError, WAKE } from "../../src/proxy/ring.ts";
import { pipelinedClient } from "../../src/proxy/client.ts";
import { assert, assertEquals, assertThrows } from "../assert.ts";
import { served } from "./helpers.ts";

function memory(buffer = new ArrayBuffer(RING_BYTES)): SharedMemory & { closed: boolean } {
  return {
    bytes: new Uint8Array(buffer),
    words: new Int32Array(buffer),
    worth: () => true,
    until: (there) => there(),
    closed: false,
    close() {
      this.closed = true;
    },
  };
}
const joined = (parts: readonly Uint8Array[]) => new Uint8Array(parts.flatMap((p) => [...p]));
const random = (seed: number) => (n: number) => (seed = (seed * 1103515245 + 12345) & 0x7fffffff) % n;
const SEED = Number(process.env.SEED ?? Date.now() & 0xffff);

/** A client of a server in memory, with a ring where the server gives one. */
async function client(options = {}, made = memory()) {
  const world = await served(options);
  const replies: unknown[][] = [];
  let wakes = 0;
  const dial = () => {
    const mine = world.dial();
    let watcher: Watcher | undefined;
    const frames = new Frames((body) => (body.length === 0 ? ++wakes : replies.push(decodeFrame(body.slice())!)) > 0);
    const theirs = (mine as unknown as { other: Channel }).other as { share?: Channel["share"]; send: Channel["send"] };
    theirs.share = (size, data, w) => {
      assertEquals(size, RING_BYTES);
      watcher = w;
      theirs.send(data);
      return made;
    };
    let banner = true;
    mine.receive((b) => (banner ? void (banner = false) : void frames.push(b)));
    mine.send(MAGIC, ...encodeFrame([1, "ring"]));
    mine.send(...encodeFrame([1, RING]));
    return { mine, look: () => watcher?.look() ?? false, rest: () => watcher?.rest() ?? false };
  };
  return { ...world, made, ring: new Ring(made, "client"), replies, wakes: () => wakes, ...dial(), again: dial };
}
const into = new Uint8Array(RING_FRAME);
const taken = (ring: Ring) => {
  const n = ring.take(into);
  return n < 0 ? undefined : decodeFrame(into.slice(0, n));
};

describe("rings in shared memory", () => {
  it("frames come out whole and in order, wherever the memory ends", () => {
    const shared = memory();
    const [out, there] = [new Ring(shared, "client"), new Ring(shared, "server")];
    const next = random(SEED);
    let bytes = 0;
    for (let i = 0; bytes < 2_000_000; i++) {
      const frame = encodeFrame([i, new Uint8Array(next(3) === 0 ? next(60_000) : next(100)).fill(i)]);
      assert(out.put(frame), `SEED=${SEED}`);
      bytes += joined(frame).length;
      const n = there.take(into);
      assertEquals(joined(frame).subarray(4), into.slice(0, n), `SEED=${SEED}`);
    }
    assertEquals(there.take(into), -1);
  });
  it("what does not fit is not begun", () => {
    const shared = memory();
    const [out, there] = [new Ring(shared, "client"), new Ring(shared, "server")];
    assertEquals(out.put([new Uint8Array(RING_FRAME + 1)]), false);
    const frame = encodeFrame([new Uint8Array(50_000)]);
    assertEquals([out.put(frame), out.put(frame), out.put(frame)], [true, true, false]);
    there.take(into);
    assertEquals(out.put(frame), true);
  });
  it("an end that shows what cannot be is found out, and a closed one touches nothing", () => {
    for (
      const [filled, text] of [[3, "with 3"], [RING_FRAME + 1, `with ${RING_FRAME + 1}`], [-5, "with 4294967291"], [
        4,
        "in 4",
      ]] as const
    ) {
      const shared = memory();
      const there = new Ring(shared, "server");
      shared.bytes[4096] = 1;
      shared.words[0] = filled;
      assertThrows(() => there.take(into), RingError, text);
    }
    const shared = memory();
    const there = new Ring(shared, "server");
    shared.words[48] = 7;
    assertThrows(() => there.put(WAKE), RingError, "emptied");
    there.close();
    assertEquals([there.put(WAKE), there.take(into), there.waiting, there.mustWake()], [false, -1, false, false]);
  });
});

describe("rump_sp through a ring", () => {
  it("calls go and replies come through the memory, counted", async () => {
    const { ring, look, replies, server } = await client();
    assertEquals(replies[1], [1, 0, RING_BYTES, 0]);
    ring.put(encodeFrame([2, 20]));
    assertEquals(look(), true);
    assertEquals(taken(ring)!.slice(0, 2), [2, 0]);
    assertEquals([look(), server.rings, server.ringCalls, replies.length], [false, 1, 1, 2]);
  });
  it("a reply too long for it goes over the stream, and an empty frame in the ring says so", async () => {
    const { ring, look, replies } = await client();
    ring.put(encodeFrame([2, 5, "/big", 0x202, 0o644]));
    ring.put(encodeFrame([3, 200, "/big", 200_000]));
    look();
    const fd = taken(ring)![2];
    assertEquals(taken(ring), [3, 0, 0, 0]);
    ring.put(encodeFrame([4, 173, fd, 200_000, 0]));
    look();
    assertEquals(ring.take(into), 0);
    assertEquals([replies[2]![0], (replies[2]![4] as Uint8Array).length], [4, 200_000]);
  });
  it("who sleeps is woken once: the client over the stream, the server's loop does not sleep over a request", async () => {
    const { ring, look, rest, wakes } = await client();
    ring.sleeps(true);
    for (const n of [2, 3]) ring.put(encodeFrame([n, 20]));
    assertEquals(rest(), true);
    look();
    assertEquals([wakes(), rest(), ring.otherSleeps], [1, false, true]);
  });
  it("calls that wait are answered through it when they end", async () => {
    const { ring, look, kernel } = await client();
    ring.put(encodeFrame([2, 42]));
    look();
    const [, , from, to] = taken(ring)!;
    ring.put(encodeFrame([3, 3, from, 10]));
    ring.put(encodeFrame([4, 4, to, new Uint8Array([1, 2, 3])]));
    look();
    for (let i = 0; i < 20; i++) await undefined;
    const replies = [taken(ring)!, taken(ring)!];
    assertEquals(replies.map((r) => r.slice(0, 3)), [[4, 0, 3], [3, 0, 3]]);
    assertEquals(kernel.log.lines.filter((l) => l.startsWith("bug")), []);
  });
  it("a pipe is shared with a client without one", async () => {
    const { ring, look, dial } = await client();
    ring.put(encodeFrame([2, 42]));
    ring.put(encodeFrame([3, "prefork"]));
    look();
    const [, , from, to] = taken(ring)! as number[];
    const fork = taken(ring)![2] as Uint8Array;
    const other = await pipelinedClient(dial(), "other", { fork });
    const buf = new Uint8Array(100_000);
    const read = other.sys.read({ fd: from!, buf });
    ring.put(encodeFrame([4, 4, to, new Uint8Array(60_000).fill(7)]));
    look();
    assertEquals([await read, buf[0], buf[59_999]], [60_000, 7, 7]);
    assertEquals(taken(ring), [4, 0, 60_000, 0]);
  });
  it("there are as many as the limit says; without one the client is told", async () => {
    const none = await client({ maxRings: 0 });
    assertEquals([none.replies[1]!.length, none.server.rings], [2, 0]);
    const one = await client({ maxRings: 1 });
    one.again();
    assertEquals([one.replies[3]!.length, one.server.rings], [2, 1]);
  });
  it("it goes with its connection", async () => {
    const { mine, made, server } = await client();
    mine.close();
    assertEquals([made.closed, server.rings], [true, 0]);
  });
  it("whatever is scribbled into it, at any time, only that connection ends (fuzz)", async () => {
    const next = random(SEED);
    let ended = 0;
    let rounds = 0;
    for (const until = Date.now() + 2000; Date.now() < until; rounds++) {
      const { ring, made, look, rest, server, kernel, mine, dial } = await client();
      const scribble = [
        () => (made.words[[0, 16, 32, 48, 64, 80][next(6)]!] = [0, 1, -1, 4, RING_FRAME, next(1 << 20)][next(6)]!),
        () => (made.bytes[4096 + next(200)] = next(256)),
        () => made.bytes.fill(next(256), 4096, 4096 + next(RING_FRAME)),
        () => ring.put(encodeFrame([next(9), next(500), [null, "/x", next(99), new Uint8Array(next(300))][next(4)]])),
        () => mine.send(...WAKE),
        () => rest(),
        () => ring.take(into),
      ];
      for (let i = 0; i < 30; i++) {
        try {
          scribble[next(scribble.length)]!();
        } catch (e) {
          assert(e instanceof RingError, `SEED=${SEED} ${e}`);
        }
        if (next(3) === 0) look();
      }
      ended += server.clients.size === 0 ? 1 : 0;
      assertEquals(server.rings, server.clients.size, `SEED=${SEED}`);
      assertEquals(kernel.log.lines.filter((l) => l.startsWith("bug")), [], `SEED=${SEED}`);
      dial();
      mine.close();
      assertEquals(server.rings, 0, `SEED=${SEED}`);
    }
    assert(ended > 0 && ended < rounds, `SEED=${SEED}: ${ended} of ${rounds}`);
  });
});
