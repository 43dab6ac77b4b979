/** A disk over a socket pair: what either end says is somebody else's word. */
import { describe, it } from "node:test";
import { ASK, askedDisk, Asker, factsOf, serveDisk } from "../../src/isolate/blocks.ts";
import { errno, SysError } from "../../src/abi/errno.ts";
import { memoryDisk } from "../kern/fake.ts";
import type { BlockingChannel } from "../../src/plugin.ts";
import { assert, assertEquals } from "../assert.ts";
import { randomOf, seedOf } from "../cases/fat_images.ts";

const SIZE = 64 << 10;
/** A served disk; what is sent to it comes back as whatever it answers. */
function served(disk = memoryDisk(SIZE)) {
  let receive = (_: Uint8Array): boolean | void => {};
  const answers: number[] = [];
  let broken = 0;
  const channel = {
    send: (...parts: Uint8Array[]) => (parts.forEach((p) => answers.push(...p)), true),
    receive: (on: typeof receive) => void (receive = on),
  };
  serveDisk(channel, { device: () => disk, pending: () => {} }, () => void broken++);
  return { say: (bytes: Uint8Array) => void receive(bytes), answers, broken: () => broken };
}
/** Both ends in one place. */
function pair() {
  const server = served();
  const channel: BlockingChannel = {
    send: (...parts) => parts.forEach((p) => server.say(p)),
    receive(into) {
      const some = server.answers.splice(0, into.length);
      into.set(some);
      return some.length;
    },
    close: () => {},
  };
  return askedDisk(new Asker(channel, () => {}), factsOf(memoryDisk(SIZE)));
}
const scripted = (bytes: Uint8Array): BlockingChannel => {
  let at = 0;
  return {
    send: () => {},
    receive(into) {
      const some = bytes.subarray(at, at + into.length);
      into.set(some);
      at += some.length;
      return some.length;
    },
    close: () => {},
  };
};
function outcome(work: () => unknown): string {
  try {
    work();
    return "ok";
  } catch (e) {
    if (e instanceof SysError) return e.code;
    throw e;
  }
}

describe("a disk over a socket pair", () => {
  it("reads what was written, at once", () => {
    const disk = pair();
    const from = Uint8Array.from({ length: 5000 }, (_, i) => i % 251);
    const into = new Uint8Array(5000);
    assertEquals([disk.write!(from, 100), disk.read(into, 100)], [undefined, undefined]);
    assertEquals(into, from);
  });
  it("past its end: EIO, and it goes on", () => {
    const disk = pair();
    assertEquals(outcome(() => disk.read(new Uint8Array(8), SIZE - 4)), "EIO");
    assertEquals(outcome(() => disk.read(new Uint8Array(8), SIZE - 8)), "ok");
  });
  it("an answer that is longer than what was asked for, or ends in the middle: EIO from then on", () => {
    const answers = {
      longer: [0, 0, 0, 0, 9, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
      shorter: [0, 0, 0, 0, 7, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7],
      cut: [0, 0, 0, 0, 8, 0, 0, 0, 1, 2],
      "with endless words": [5, 0, 0, 0, 255, 255, 255, 255],
    };
    for (const [what, bytes] of Object.entries(answers)) {
      const sound = [0, 0, 0, 0, 8, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8];
      const asker = new Asker(scripted(new Uint8Array([...bytes, ...sound])), () => {});
      if (what === "cut") {
        assertEquals(
          outcome(() =>
            new Asker(scripted(new Uint8Array(bytes)), () => {}).ask(ASK.READ, 0, 8, { into: new Uint8Array(8) })
          ),
          "EIO",
        );
      } else {for (let n = 0; n < 2; n++) {
          assertEquals(outcome(() => asker.ask(ASK.READ, 0, 8, { into: new Uint8Array(8) })), "EIO", what);
        }}
    }
  });
  it("whatever is asked is answered or ends it; nothing larger than a transfer is made", () => {
    const seed = seedOf();
    for (let i = 0; i < 2000; i++) {
      const random = randomOf(seed + i);
      const server = served();
      for (let n = 0; n < 4; n++) {
        const bytes = Uint8Array.from({ length: 16 }, () => (random(2) === 0 ? 0 : random(256)));
        bytes[0] = random(6);
        try {
          server.say(bytes);
        } catch (e) {
          throw new Error(`SEED=${seed + i}`, { cause: e });
        }
      }
      assert(server.answers.length <= 4 * (8 + SIZE + 100), `SEED=${seed + i}`);
    }
  });
  it("a driver's own errors keep their names, others are EIO with a line for the log", () => {
    const lines: string[] = [];
    const failing = {
      ...memoryDisk(SIZE),
      read: () => {
        throw errno.ENOSPC;
      },
      write: () => {
        throw new Error("a bug");
      },
    };
    const server = served(failing as never);
    const channel: BlockingChannel = {
      send: (...parts) => parts.forEach((p) => server.say(p)),
      receive(into) {
        const some = server.answers.splice(0, into.length);
        into.set(some);
        return some.length;
      },
      close: () => {},
    };
    const disk = askedDisk(new Asker(channel, (line) => void lines.push(line)), factsOf(failing as never));
    assertEquals(outcome(() => disk.read(new Uint8Array(8), 0)), "ENOSPC");
    assertEquals(outcome(() => disk.write!(new Uint8Array(8), 0)), "EIO");
    assertEquals(lines, ["a bug"]);
  });
});
