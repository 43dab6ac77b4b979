import { describe, it } from "node:test";
import { errno } from "../../src/abi/errno.ts";
import {
  Attempts,
  parseRetry,
  persistentAsync,
  persistentSync,
  type Retry,
  type World,
} from "../../src/proxy/reconnect.ts";
import { Refused } from "../../src/proxy/client.ts";
import { assertEquals, assertRejects, assertThrows } from "../assert.ts";

/** A clock that stands still, and what was said. */
function world() {
  const said: string[] = [];
  const w = {
    clock: 0,
    said,
    waits: [] as number[],
    now: () => w.clock,
    say: (line: string) => void said.push(line),
    exit(status: number): never {
      throw new Error(`exit ${status}`);
    },
    sleep(ms: number) {
      w.waits.push(ms);
      w.clock += ms;
    },
    delay(ms: number) {
      w.sleep(ms);
      return Promise.resolve();
    },
  };
  return w satisfies World;
}
/** Calls that say which connection they go through; the connections of `dead` are lost. */
const calls = (n: number, dead: Set<number>) => ({
  getpid: () => {
    if (dead.has(n)) throw errno.ECONNRESET;
    return n;
  },
});
const LOST = "rump_sp: connection to kernel lost, trying to reconnect ...";

describe("reconnection", () => {
  it("values of RUMPHIJACK_RETRYCONNECT", () => {
    assertEquals(["inftime", "once", "die", "7", "0"].map(parseRetry), ["inftime", "once", "die", 7, undefined]);
    for (const bad of ["", "-1", "1.5", "never"]) assertThrows(() => parseRetry(bad), Error, "not inftime");
  });
  it("a server that is back at once is not worth a word", () => {
    const w = world();
    const dead = new Set<number>();
    let n = 0;
    const sys = persistentSync(calls(0, dead), () => calls(++n, dead), "once", w);
    assertEquals((sys.getpid as () => number)(), 0);
    dead.add(0);
    assertEquals([(sys.getpid as () => number)(), w.said, w.waits], [1, [], [0]]);
  });
  it("tries ever less often, and says so as NetBSD's clients do", () => {
    const w = world();
    const dead = new Set([0]);
    let left = 14;
    const connect = () => {
      if (left-- > 0) throw errno.ECONNREFUSED;
      return calls(1, dead);
    };
    const sys = persistentSync(calls(0, dead), connect, "inftime", w);
    assertEquals((sys.getpid as () => number)(), 1);
    assertEquals(w.waits, [0, 100, 200, 300, 400, 500, 600, 700, 800, 900, 1000, 2000, 3000, 4000, 5000]);
    assertEquals(w.said, [LOST, "rump_sp: reconnected!"]);
    const long = new Attempts("inftime", w);
    for (let i = 0; i < 50; i++) w.clock += long.next();
    assertEquals(w.said.slice(2), [
      LOST,
      "rump_sp: still trying to reconnect ...",
      "rump_sp: still trying to reconnect ...",
    ]);
  });
  it("gives up after the seconds it was given, after one attempt, or with the program", () => {
    const w = world();
    const run = (retry: Retry) => {
      const refuse = () => {
        throw errno.ECONNREFUSED;
      };
      return persistentSync(calls(0, new Set([0])), refuse, retry, w).getpid as () => number;
    };
    assertThrows(() => run(3)(), Error, errno.ECONNRESET.message);
    assertEquals(w.said, [LOST, "rump_sp: reconnect failed, 3 second timeout"]);
    assertThrows(() => run("once")(), Error, errno.ECONNRESET.message);
    assertThrows(() => run("die")(), Error, "exit 1");
    assertEquals(w.said.length, 2);
  });
  it("a server that is there and says no is not asked again; other errors go through", () => {
    const w = world();
    const no = () => {
      throw new Refused("no");
    };
    assertThrows(() => (persistentSync(calls(0, new Set([0])), no, "inftime", w).getpid as () => void)(), Refused);
    const failing = {
      getpid: () => {
        throw errno.EIO;
      },
    };
    assertThrows(() => (persistentSync(failing, no, "inftime", w).getpid as () => void)(), Error, errno.EIO.message);
  });
  it("calls under way together share one attempt, and end when the client is closed", async () => {
    const w = world();
    const dead = new Set([0]);
    let made = 0;
    const connect = () => Promise.resolve(calls(++made, dead));
    const sys = persistentAsync(calls(0, dead), connect, "inftime", w);
    const call = sys.getpid as () => Promise<number>;
    assertEquals([await Promise.all([call(), call(), call()]), made], [[1, 1, 1], 1]);
    dead.add(1);
    const closed = persistentAsync(calls(1, dead), connect, "inftime", { ...w, over: () => true });
    await assertRejects(closed.getpid as () => Promise<number>, Error, errno.ECONNRESET.message);
  });
});
