/** What an isolated driver's process may say: any bytes, any answers. The kernel's side throws an errno or takes what makes sense. */
import { describe, it } from "node:test";
import { errno, SysError } from "../../src/abi/errno.ts";
import { receiveFrames, sendFrame } from "../../src/isolate/frames.ts";
import { operations } from "../../src/isolate/operations.ts";
import type { DriverProcess } from "../../src/isolate/process.ts";
import { isolatedVolume } from "../../src/isolate/volume.ts";
import type { Channel } from "../../src/plugin.ts";
import { assert, assertEquals } from "../assert.ts";
import { randomOf, seedOf } from "../cases/fat_images.ts";

const seed = seedOf();
const pick = randomOf(seed);
const of = <T>(...all: readonly T[]): T => all[pick(all.length)]!;

/** Half a value that makes sense, half of one that does not. */
function anything(depth = 0): unknown {
  const leaf = () =>
    of<unknown>(
      0,
      1,
      -1,
      3,
      1e300,
      2 ** 53,
      0.5,
      "",
      "name",
      "..",
      "a/b",
      "x\0y",
      "dir",
      "file",
      true,
      false,
      null,
      undefined,
    );
  if (depth > 3) return leaf();
  const some = <T>(make: () => T): T[] => Array.from({ length: pick(4) }, make);
  switch (pick(6)) {
    case 0:
      return some(() => anything(depth + 1));
    case 1:
      return [of("a", "..", "b/c", ""), of<unknown>(1, 7, -3, "x"), attr()];
    case 2:
      return some(() => [of("a", "b", "..", ""), of<unknown>(1, 2, 1.5, null), of(attr(), undefined)]);
    case 3:
      return attr();
    case 4:
      return { blockSize: of<unknown>(512, -1, "x"), blocks: of(1, NaN), free: of(0, 1e9) };
    default:
      return leaf();
  }
}
const attr = () => ({
  ino: of<unknown>(1, -1, "1"),
  type: of("dir", "file", "door"),
  size: of(0, 5, -5, 1e17),
  mode: of<unknown>(0o644, "x", {}),
});

/** A channel whose bytes are given by hand. */
function wire() {
  let on: (bytes: Uint8Array) => boolean | void = () => {};
  const sent: Uint8Array[] = [];
  const channel = {
    send: (...parts: Uint8Array[]) => (sent.push(...parts), true),
    receive: (f: typeof on) => void (on = f),
  } as unknown as Channel;
  return { channel, sent, come: (bytes: Uint8Array) => on(bytes) };
}

describe(`an isolated driver's process that says anything, seed ${seed}`, () => {
  it("its answers are taken where they make sense, else EIO", async () => {
    let calls = 0;
    const child = {
      alive: true,
      ask: () => (calls++, Promise.resolve({ value: anything(), bytes: new Uint8Array(pick(20)) })),
      forget: () => {},
      kill: () => {},
    } as unknown as DriverProcess;
    const v = isolatedVolume(child, { root: 1, has: Object.keys(operations) }, () => 0) as unknown as
      & Record<
        string,
        (...args: unknown[]) => unknown
      >
      & { root: unknown };
    for (let i = 0; i < 20_000; i++) {
      const name = of(...Object.keys(operations));
      const args = operations[name as "read"][0].map((kind) =>
        kind === "node" ? v.root : kind === "plain" ? "x" : new Uint8Array(10)
      );
      try {
        const value = await v[name]!(...args);
        if (name === "read" || name === "write") {
          assert((value as number) >= 0 && (value as number) <= 10, `${name}: ${value}`);
        }
        if (name === "getattr") assert((value as { size: number }).size >= 0, "a size below 0");
        if (name === "readdir") {
          for (const [n] of value as [string][]) assert(!/^\.{0,2}$|[/\0]/.test(n), `a name ${n}`);
        }
      } catch (e) {
        assert(e instanceof SysError && e === errno.EIO, `${name}: ${e}`);
      }
    }
    assert(calls > 10_000, `${calls} calls`);
  });
  it("its bytes are messages, in whatever pieces they come, or none of ours", () => {
    for (let round = 0; round < 300; round++) {
      const { channel, sent, come } = wire();
      const messages = Array.from({ length: 1 + pick(5) }, (_, i) => ({ i, text: "x".repeat(pick(2000)) }));
      for (const m of messages) sendFrame(channel, m, new Uint8Array(pick(5000)).fill(m.i));
      const got: unknown[] = [];
      let broken = 0;
      receiveFrames(
        channel,
        (m, bytes) => {
          got.push([m, bytes.every((b) => b === (m as { i: number }).i)]);
          return pick(2) === 0;
        },
        () => broken++,
      );
      const all = sent.flatMap((part) => [...part]);
      for (let at = 0; at < all.length;) {
        const n = 1 + pick(3000);
        come(new Uint8Array(all.slice(at, at + n)));
        at += n;
      }
      assertEquals([got, broken], [messages.map((m) => [m, true]), 0]);
    }
  });
  it("rubbish is told once it cannot be a message, and takes no memory", () => {
    for (let round = 0; round < 2000; round++) {
      const { channel, come } = wire();
      let broken = 0;
      receiveFrames(channel, () => false, () => broken++);
      const bytes = new Uint8Array(8 + pick(100)).map(() => pick(256));
      bytes[3] = 0xff; // longer than any message
      come(bytes);
      assertEquals(broken, 1);
    }
  });
});
