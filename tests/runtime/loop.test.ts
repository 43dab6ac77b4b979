import { after, describe, it } from "node:test";
import { connect, createServer } from "node:net";
import { readFile } from "node:fs/promises";
import { raw } from "../../src/host/ffi.ts";
import type { Ready } from "../../src/host/host.ts";
import { host } from "../../src/host/mod.ts";
import { assert, assertEquals } from "../assert.ts";
import { inDirectory, inLoop, script } from "./helpers.ts";

const { loop } = host;
const NONBLOCK = 0o4000;
const read = { read: true, write: false };
const memory = host.pin(16);
/** A counter one can wait for; it is closed when `fn` is done. */
async function withEvent(fn: (fd: number, signal: () => void) => Promise<unknown>): Promise<void> {
  const fd = raw.eventfd(0, NONBLOCK);
  try {
    await fn(fd, () => {
      memory.words[0] = 1;
      memory.words[1] = 0;
      host.write(fd, memory.address, 8);
    });
  } finally {
    loop.remove(fd);
    raw.close(fd);
  }
}
const take = (fd: number) => host.read(fd, memory.address, 8) === 8;
const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

describe("the loop", () => {
  const keep = setInterval(() => {}, 60_000);
  after(() => clearInterval(keep));

  it("calls timers in order, and cancelled ones never", async () => {
    const order = await inLoop<string>((done) => {
      let order = "";
      loop.timer(30, () => done(order));
      loop.timer(20, () => (order += "c"));
      loop.timer(5, () => (order += "a"));
      loop.timer(5, () => (order += "b"));
      loop.timer(10, () => (order += "x"))();
    });
    assertEquals(order, "abc");
  });
  it("tells that a descriptor is readable, and calls again who says there is more", () =>
    withEvent(async (fd, signal) => {
      const seen = await inLoop<Ready[]>((done) => {
        const seen: Ready[] = [];
        loop.add(fd, read, (what) => {
          seen.push(what);
          if (take(fd)) return true;
          done(seen);
          return false;
        });
        loop.timer(1, signal);
      });
      assertEquals(seen.length, 2);
      assertEquals(seen[0], { readable: true, writable: false, error: false, urgent: false });
    }));
  it("lets the others have their turn when one always has more", () =>
    withEvent((fd, signal) =>
      inLoop<void>((done) => {
        let rounds = 0;
        signal();
        loop.add(fd, read, () => {
          rounds++;
          return true;
        });
        loop.timer(5, () => {
          assert(rounds > 64);
          done();
        });
      })
    ));
  it("does what is put off when a descriptor was served, before the next one is", () =>
    withEvent((one, signalOne) =>
      withEvent(async (two, signalTwo) => {
        const order = await inLoop<string>((done) => {
          let order = "";
          signalOne();
          loop.add(one, read, () => {
            order += "a";
            loop.soon(() => {
              order += "b";
              loop.soon(() => (order += "c"));
              signalTwo();
            });
            return !take(one);
          });
          loop.add(two, read, () => {
            done(`${order}d`);
            return false;
          });
        });
        assertEquals(order, "abcd");
      })
    ));
  it("lets others have their turn when one always puts more off", async () => {
    const rounds = await inLoop<number>((done) => {
      let rounds = 0;
      let over = false;
      const again = () => {
        rounds++;
        if (!over) loop.soon(again);
      };
      again();
      loop.timer(5, () => {
        over = true;
        done(rounds);
      });
    });
    assert(rounds > 64);
  });
  it("goes on after a ready function threw, and tells of it", () =>
    withEvent(async (fd, signal) => {
      const before = loop.onError;
      const told: unknown[] = [];
      loop.onError = (e) => told.push(e);
      const bug = new Error("a bug");
      await inLoop<void>((done) => {
        signal();
        loop.add(fd, read, () => {
          take(fd);
          throw bug;
        });
        loop.timer(5, () => done());
      });
      loop.onError = before;
      assertEquals(told, [bug]);
    }));
  it("does not call who was removed by an earlier one in the same round, or a new one under its number", () =>
    withEvent((a, signalA) =>
      withEvent(async (b, signalB) => {
        let calls = 0;
        await inLoop<void>((done) => {
          signalA();
          signalB();
          for (const [fd, other] of [[a, b], [b, a]] as const) {
            loop.add(fd, read, () => {
              calls++;
              take(fd);
              loop.remove(other);
              return false;
            });
          }
          loop.timer(5, () => done());
        });
        assertEquals(calls, 1);
      })
    ));
  it("a stop before it runs is not lost", async () => {
    loop.stop();
    await loop.run();
  });
});

describe("promises in the loop", () => {
  /** Milliseconds until `work` is done while the loop runs with it pending. */
  const pending = (work: () => Promise<unknown>) =>
    inLoop<number>((done) => {
      const start = host.now();
      loop.pending(1);
      void work().finally(() => {
        loop.pending(-1);
        done(host.now() - start);
      });
    });

  it("a chain of microtasks needs no waiting", async () => {
    const ms = await pending(async () => {
      for (let i = 0; i < 20; i++) await undefined;
    });
    assert(ms < 50, `${ms} ms`);
  });
  it("timers of the runtime fire", async () => {
    const ms = await pending(() => sleep(20));
    assert(ms >= 15 && ms < 200, `${ms} ms`);
  });
  it("files are read and sockets of the runtime work", async () => {
    await pending(async () => {
      assert((await readFile("/etc/passwd")).length > 0);
      const server = createServer((socket) => socket.pipe(socket));
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      const socket = connect((server.address() as { port: number }).port, "127.0.0.1");
      for (let i = 0; i < 5; i++) {
        socket.write("x");
        await new Promise((resolve) => socket.once("data", resolve));
      }
      socket.destroy();
      server.close();
    });
  });
  // In a process of its own: a test runner's worker threads hide the epoll descriptor that is theirs.
  it("a child's end is seen at once while nothing is pending", async () => {
    const [status, ms] = (await script("child.ts", ["reap"]).stdout).split(" ").map(Number);
    assertEquals(status, 7);
    assert(ms! < 500, `${ms} ms`);
  });
  it("descriptors are served while a promise is pending", () =>
    withEvent((fd, signal) =>
      inLoop<void>((done) => {
        let served = 0;
        loop.pending(1);
        loop.add(fd, read, () => {
          take(fd);
          if (++served < 10) loop.timer(0, signal);
          else {
            loop.pending(-1);
            done();
          }
          return false;
        });
        signal();
      })
    ));
});

describe("signals in the loop", () => {
  it("end an idle server in order", () =>
    inDirectory(async (dir) => {
      const path = `${dir}/sock`;
      const server = script("child.ts", ["serve", path]);
      while (!host.readdir(dir).includes("sock")) await sleep(5);
      await sleep(200);
      const start = host.now();
      host.kill(server.pid, "SIGTERM");
      assertEquals(await server.status, 0);
      assert(host.now() - start < 1500, `${host.now() - start} ms`);
      assertEquals(await server.stdout, "ready\nstopped\n");
    }));
  it("end a server that always has work", () =>
    inDirectory(async (dir) => {
      const path = `${dir}/sock`;
      const server = script("child.ts", ["serve", path]);
      while (!host.readdir(dir).includes("sock")) await sleep(5);
      const client = script("child.ts", ["echo", path, "10000000"]);
      await sleep(500);
      const start = host.now();
      host.kill(server.pid, "SIGTERM");
      assertEquals(await server.status, 0);
      assert(host.now() - start < 1500, `${host.now() - start} ms`);
      await client.status; // ends with its server
    }));
});
