/** The other process of the host's tests: `child.ts WHAT ARGS`. */
import { host } from "../../src/host/mod.ts";
import { litmus } from "./litmus.ts";

const [what, ...args] = host.argv.slice(1) as [string, ...string[]];
const into = new Uint8Array(64);
const at = (i: number) => args[i] ?? "";

const acts: Readonly<Record<string, () => unknown>> = {
  /** Hold a lock on a file, and say so by making it two bytes long. */
  lock() {
    const f = host.open(at(0), { write: true });
    f.lock(true, 0, 0);
    f.pwrite(new Uint8Array(2), 0);
    setTimeout(() => host.exit(0), 60_000);
  },
  /** Send `count` messages to a server that echoes, print what came back first and microseconds a round trip. */
  echo() {
    const channel = host.loopSockets.connectBlocking({ path: at(0) });
    const count = Number(at(1));
    const message = new TextEncoder().encode("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef");
    const into = new Uint8Array(64);
    const round = () => {
      channel.send(message.subarray(0, 16), message.subarray(16));
      for (let n = 0, got = 0; n < 64; n += got) {
        got = channel.receive(into.subarray(n));
        if (got === 0) host.exit(1);
      }
    };
    round();
    const start = host.now();
    for (let i = 0; i < count; i++) round();
    host.out(`${new TextDecoder().decode(into.subarray(0, 16))} ${((host.now() - start) * 1000 / count).toFixed(2)}\n`);
    channel.close();
  },
  /** Take memory that comes over a socket, say what is in it, and write into it. */
  adopt() {
    const channel = host.loopSockets.connectBlocking({ path: at(0) });
    const { n, memory } = channel.adopt!(into, 1 << 16);
    const said = new TextDecoder().decode(into.subarray(0, Math.min(n, 4)));
    if (n === 4) channel.receive(into); // what was written is told of
    host.out(`${said} ${memory!.bytes.slice(100, 103)}\n`);
    memory!.bytes.set([4, 5, 6], 200);
    channel.send(into.subarray(0, 1));
    channel.receive(into);
  },
  /** The other half of the litmus test; how often both missed the other's store. */
  litmus() {
    const channel = host.loopSockets.connectBlocking({ path: at(0) });
    const { memory } = channel.adopt!(into, 1 << 16);
    channel.send(into.subarray(0, 1));
    litmus(memory!.words, 1);
    channel.receive(into);
    let bad = 0;
    for (let i = 1; i <= 2000; i++) if (memory!.words[1024 + i]! < i && memory!.words[5120 + i]! < i) bad++;
    host.out(`${bad} violations\n`);
  },
  /** Read slowly all a server sends; print the number of bytes and whether each was what it should be. */
  async slow() {
    const channel = host.loopSockets.connectBlocking({ path: at(0) });
    const into = new Uint8Array(1 << 20);
    let total = 0;
    let right = true;
    for (let n = channel.receive(into); n > 0; n = channel.receive(into)) {
      for (let i = 0; i < n; i += 997) right &&= into[i] === ((total + i) >>> 10 & 0xff);
      total += n;
      if (total < 4 << 20) await new Promise((resolve) => setTimeout(resolve, 2));
    }
    host.out(`${total} ${right}\n`);
  },
  /** A server in the loop until SIGTERM. */
  async serve() {
    await host.loopSockets.listen({ path: at(0) }, (c) => c.receive((b) => void c.send(b)));
    host.onSignal("SIGTERM", () => host.loop.stop());
    host.out("ready\n");
    await host.loop.run();
    host.out("stopped\n");
    host.exit(0);
  },
  /** Print how a child ended, and after how many milliseconds the loop heard of it. */
  async reap() {
    const start = host.now();
    void host.spawn("sh", ["-c", "sleep 0.1; exit 7"]).status.then((status) => {
      host.out(`${status} ${host.now() - start}`);
      host.loop.stop();
    });
    await host.loop.run();
    host.exit(0);
  },
  /** Go to the background; there, write a file and report, or fail with a text. */
  async daemon() {
    if (!host.daemon) return await host.daemonize();
    if (at(1) !== "") host.daemon(at(1));
    else {
      host.writeFile(at(0), `${host.pid} ${host.argv.join(" ")}`);
      host.daemon();
    }
    setTimeout(() => host.exit(0), at(1) === "" ? 300 : 0);
  },
  /** Print for ever. */
  yes() {
    for (;;) host.out("y".repeat(65536));
  },
  /** End without a word in the background. */
  async mute() {
    if (!host.daemon) return await host.daemonize();
    host.exit(3);
  },
};
await acts[what]?.();
