/**
 * A hostile client with a ring: it writes anything anywhere into the shared memory while the server reads it, for so long;
 * sent away, it comes again. `ring_scribbler.ts SOCKET SEED MS`: prints how often it came.
 */
import type { BlockingChannel, SharedMemory } from "../../src/plugin.ts";
import { host } from "../../src/host/mod.ts";
import { encodeFrame } from "../../src/proxy/encode.ts";
import { MAGIC } from "../../src/proxy/frame.ts";
import { RING, Ring, RING_BYTES, RING_FRAME, WAKE } from "../../src/proxy/ring.ts";

const [path, seed, ms] = host.argv.slice(1) as [string, string, string];
let state = Number(seed);
const random = (n: number) => (state = (state * 1103515245 + 12345) & 0x7fffffff) % n;
const into = new Uint8Array(1 << 16);

/** The n-th of some small values that lengths and indices trip over, or any. */
const value = () => [0, 1, 3, 4, 5, -1, RING_FRAME, RING_FRAME + 1, 0x7fffffff, random(1 << 20)][random(10)]!;
function scribble({ bytes, words }: SharedMemory, ring: Ring): void {
  const what = random(12);
  if (what === 0) words[[0, 16, 32, 48, 64, 80][random(6)]!] = value();
  else if (what === 1) bytes.fill(random(256), 4096, 4096 + random(RING_FRAME));
  else if (what < 8) bytes[4096 + random(400)] = random(256);
  else ring.put(encodeFrame([random(9), [20, 439, 3, 4, 173, 5][random(6)], [3, "/x", 99][random(3)], random(9)]));
}
/** One visit: until the server hangs up, or for some thousand strokes. */
function visit(channel: BlockingChannel, until: number): void {
  while (into[channel.receive(into) - 1] !== 10) { /* the banner */ }
  channel.send(MAGIC, ...encodeFrame([1, "scribbler"]));
  channel.receive(into);
  channel.send(...encodeFrame([1, RING]));
  const { memory } = channel.adopt!(into, RING_BYTES);
  if (!memory) throw new Error("no ring");
  let ring = new Ring(memory, "client");
  for (let i = 0; i < 5000 && host.now() < until; i++) {
    try {
      scribble(memory, ring);
    } catch {
      ring = new Ring(memory, "client"); // our own index was written over, too
    }
    if (random(20) === 0) channel.send(...WAKE);
  }
}

const until = host.now() + Number(ms);
let visits = 0;
for (; host.now() < until; visits++) {
  const channel = host.loopSockets.connectBlocking({ path });
  try {
    visit(channel, until);
  } catch (e) {
    if (!/reset|closed|EPIPE/i.test(String(e))) throw e;
  }
  channel.close();
}
host.out(`${visits}\n`);
