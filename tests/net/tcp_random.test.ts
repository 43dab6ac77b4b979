/** Thousands of worlds in which two TCPs talk: nothing may be lost, and nothing may stand still. TCP_RUNS says how many. */
import { describe, it } from "node:test";
import process from "node:process";
import { finish, release } from "../../src/net/tcp/user.ts";
import { assert, assertEquals } from "../assert.ts";
import { type End, type Path, pattern, seeded, Sim } from "./tcp_sim.ts";

const RUNS = Number(process.env.TCP_RUNS ?? 300);
const SEED = Number(process.env.TCP_SEED ?? (process.env.CI === "true" ? 1 : Math.floor(Math.random() * 1e6)));
const data = pattern(1 << 20);

/** A world of a seed: a path, what each side sends and how fast it reads. */
function world(seed: number) {
  const r = seeded(seed);
  const pick = <T>(...of: readonly T[]): T => of[Math.floor(r() * of.length)]!;
  const path: Path = {
    delay: pick(0.05, 1, 10, 50, 200),
    rate: pick(10, 125, 1250, 12_500, 125_000),
    queue: pick(5_000, 20_000, 100_000, 1_000_000),
    loss: pick(0, 0, 0.001, 0.01, 0.05, 0.15),
    duplicate: pick(0, 0, 0.01, 0.1),
    reorder: pick(0, 0, 0.01, 0.2),
    jitter: pick(1, 20, 200),
    mark: pick(Infinity, 3_000, 20_000),
    mtu: pick(576, 1500, 1500, 9000, 65_535),
    burst: pick(0, 0, 65_415),
  };
  const sim = new Sim(seed, path);
  for (const { engine: { settings } } of [sim.a, sim.b]) {
    settings.sack = r() < 0.8;
    settings.ecn = r() < 0.5;
    settings.timestamps = r() < 0.8;
    settings.windowScale = r() < 0.8;
    settings.congctl = pick("cubic", "newreno");
    settings.recvspace = pick(2048, 32 << 10, 1 << 20);
    // A late acknowledgement of a cookie makes a connection of one that is over: nobody can tell.
    settings.synCacheLimit = path.duplicate || path.reorder ? 1024 : pick(0, 1024);
  }
  return { sim, r, sizes: [pick(0, 1, 100, 10_000, 200_000), pick(0, 1, 5000, 100_000)] as const };
}
/** Send what it has, check what comes, and close when both are done. */
function play(sim: Sim, end: End, send: number, expect: number, slow: boolean): void {
  end.outgoing = data.subarray(0, send);
  end.check = (part) => {
    for (let i = 0; i < part.length; i++) if (part[i] !== data[end.received + i]) throw new Error("wrong data");
  };
  const look = () => {
    end.readable();
    if (end.sent === send && !end.c.finish) finish(end.c);
    if (end.received === expect && end.sent === send && end.c.finReceived) return release(end.c);
    if (end.over && end.c.receiving.size === 0) return;
    end.reading = !slow;
    sim.at(sim.now + (slow ? 300 : 20), () => {
      end.c.stack.now = sim.now;
      end.reading = true;
      look();
    });
  };
  end.pump();
  look();
}
function run(seed: number): string | undefined {
  const { sim, r, sizes: [there, back] } = world(seed);
  const slow = r() < 0.2;
  let other: End | undefined;
  sim.b.listen(80, (end) => {
    other = end;
    sim.at(sim.now, () => play(sim, end, back, there, slow));
  });
  const end = sim.a.connect(80);
  sim.run(() => end.opened || end.over, 100_000);
  if (!end.opened) return undefined; // nobody came through in 75 seconds
  play(sim, end, there, back, false);
  const over = () =>
    sim.a.engine.size === 0 && sim.b.engine.size === 0 && sim.b.engine.half.size === 0 &&
    end.c.receiving.size === 0 && (other?.c.receiving.size ?? 0) === 0;
  if (!sim.run(over, 24 * 3_600_000)) return "does not end";
  if (end.error || other?.error) return undefined; // given up: see below
  if (end.received !== back || other?.received !== there) return `received ${end.received}, ${other?.received}`;
  for (const { engine } of [sim.a, sim.b]) {
    if (engine.pool.used > 0) return "memory is left";
    if (engine.timers.size > 0) return "timers are left";
  }
  return "";
}

describe("TCP, simulated", () => {
  it(`${RUNS} worlds by seeds from ${SEED}: all data arrives, all ends, nothing is left`, () => {
    let given = 0;
    for (let seed = SEED; seed < SEED + RUNS; seed++) {
      let result: string | undefined;
      try {
        result = run(seed);
      } catch (e) {
        throw new Error(`seed ${seed}`, { cause: e });
      }
      if (result === undefined) given++;
      else assertEquals(result, "", `seed ${seed}`);
    }
    assert(given <= Math.max(1, RUNS / 50), `${given} of ${RUNS} given up`);
  });
});
