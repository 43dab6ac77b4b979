/** Memory shared by two processes: what the ring of rump_sp stands on. */
import { availableParallelism } from "node:os";
import { describe, it } from "node:test";
import type { Channel, SharedMemory } from "../../src/plugin.ts";
import { host } from "../../src/host/mod.ts";
import { assert, assertEquals } from "../assert.ts";
import { litmus } from "./litmus.ts";
import { inDirectory, inLoop, script } from "./helpers.ts";

const SIZE = 1 << 16;
/** On one CPU nobody asks for it: waiting busily is of no use. */
const skip = host.os !== "linux" || availableParallelism() < 2;
const idle = { look: () => false, rest: () => false };

/** A child that connects does `act`, or what Python is told; `accepted` shares memory with it. What the child prints. */
async function shared(act: string, accepted: (channel: Channel) => SharedMemory | undefined) {
  let output = "";
  let memory: SharedMemory | undefined;
  await inDirectory(async (dir) => {
    const listener = await host.loopSockets.listen({ path: `${dir}/sock` }, (channel) => {
      memory = accepted(channel);
      channel.closed(() => memory?.close());
    });
    output = await inLoop<string>((done) => {
      const child = act.includes("\n")
        ? host.spawn("python3", ["-c", act, `${dir}/sock`])
        : script("child.ts", [act, `${dir}/sock`]);
      void child.stdout.then(async (text) => done(text || await child.stderr));
    }, 30_000);
    listener.close();
  });
  return output;
}
const bytes = new TextEncoder().encode("here");

/** What a hostile client would try with the descriptor. */
const CUTTER = `import socket, os, sys, errno, fcntl
s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])
_, fds, _, _ = socket.recv_fds(s, 64, 1)
def tried(f):
    try: f(); return "done"
    except OSError as e: return errno.errorcode[e.errno]
size = os.fstat(fds[0]).st_size
cut = [tried(lambda n=n: os.ftruncate(fds[0], n)) for n in (16, 1 << 20)]
print(size, *cut, tried(lambda: fcntl.fcntl(fds[0], 1033, 8)))
`;

describe("memory shared over a unix socket", { skip }, () => {
  it("both ends see what either writes", async () => {
    let seen = "";
    const output = await shared("adopt", (channel) => {
      const memory = channel.share!(SIZE, bytes, idle)!;
      memory.bytes.set([1, 2, 3], 100);
      channel.send(bytes);
      channel.receive(() => {
        seen = String(memory.bytes.slice(200, 203));
        channel.close();
      });
      return memory;
    });
    assertEquals([output, seen], ["here 1,2,3\n", "4,5,6"]);
  });
  it("who gets it can neither cut it nor make it longer, nor undo that", async () => {
    const output = await shared(CUTTER, (channel) => channel.share!(SIZE, bytes, idle));
    assertEquals(output, "65536 EPERM EPERM EPERM\n");
  });
  it("Atomics order what two processes see: none misses both stores", async () => {
    const output = await shared("litmus", (channel) => {
      const memory = channel.share!(SIZE, bytes, idle)!;
      channel.receive(() => {
        litmus(memory.words, 0);
        channel.send(bytes);
      });
      return memory;
    });
    assertEquals(output, "0 violations\n");
  });
  it("a watcher is asked until the loop sleeps, and again when it is named again", async () => {
    const said: string[] = [];
    let looks = 0;
    const watcher = {
      look: () => (looks++, false),
      rest: () => (said.push("rest"), said.length === 1),
    };
    const cancel = host.loop.timer(50, () => host.loop.stop());
    host.loop.watch(watcher);
    await host.loop.run();
    cancel();
    host.loop.unwatch(watcher);
    assertEquals(said, ["rest", "rest"]);
    assert(looks > 0);
  });
});
