/** What is carried over paths of 10 Mbit/s, and of others, with a queue of what is under way on them: a table that changes only on purpose. */
import { describe, it } from "node:test";
import { assert } from "../assert.ts";
import { Sim } from "./tcp_sim.ts";

const RATE = 1250;
const MSS = 1448;
const data = new Uint8Array(160 << 20);

/** Kilobits a second, of the last 16 s of 20; `rate`: bytes a millisecond. */
function throughput(seed: number, delay: number, loss: number, algorithm: string, burst = 0, rate = RATE): number {
  const sim = new Sim(seed, { delay, rate, queue: Math.max(20_000, 2 * delay * rate), loss, burst });
  sim.a.engine.settings.congctl = algorithm;
  let got = 0;
  sim.b.listen(80, (end) => void (end.check = (part) => void (got += part.length)));
  const end = sim.a.connect(80);
  end.outgoing = data;
  sim.run(() => end.opened, 60_000);
  end.pump();
  sim.pass(4000);
  const before = got;
  sim.pass(16_000);
  return ((got - before) * 8) / 16_000;
}
const losses = [0, 0.001, 0.01, 0.03, 0.1] as const;
/** By one-way delay, milliseconds: kbit/s for each of the losses, the mean of two seeds. */
const snapshot: Readonly<Record<string, Readonly<Record<number, readonly number[]>>>> = {
  newreno: {
    1: [9646, 9652, 9652, 9626, 7231],
    10: [9653, 9604, 7396, 4565, 2193],
    50: [9653, 5402, 1869, 986, 468],
    150: [9854, 3084, 1574, 507, 157],
  },
  cubic: {
    1: [9653, 9652, 9652, 9641, 5504],
    10: [9666, 9645, 7351, 4234, 1897],
    50: [9653, 4928, 1897, 921, 375],
    150: [9923, 3925, 1014, 385, 106],
  },
};

/** By Mbit/s of the path, then by delay, without loss, with 0.1% and with 1%. */
const rates: Readonly<Record<number, Readonly<Record<number, readonly number[]>>>> = {
  0.1: { 10: [97, 97, 97], 300: [92, 92, 96] },
  1: { 10: [956, 964, 963], 150: [980, 981, 597] },
  50: { 1: [48266, 48271, 47029], 20: [48267, 12844, 4374] },
};

describe("TCP throughput", () => {
  for (const [algorithm, rows] of Object.entries(snapshot)) {
    for (const [delay, expected] of Object.entries(rows)) {
      it(`${algorithm}, ${delay} ms: as the table says`, () => {
        for (const [i, loss] of losses.entries()) {
          const mean = [1, 2].reduce((sum, seed) => sum + throughput(seed, Number(delay), loss, algorithm), 0) / 2;
          const was = expected[i]!;
          assert(Math.abs(mean / was - 1) < 0.15, `loss ${loss}: ${mean.toFixed(0)} kbit/s, was ${was}`);
        }
      });
    }
  }
  it("segments that go out as one are lost one by one: it is as much as without", () => {
    for (const [delay, loss] of [[1, 0.03], [10, 0.01], [10, 0.1], [50, 0.001], [50, 0.03]] as const) {
      const mean = (burst: number) =>
        [1, 2, 3, 4].reduce((sum, seed) => sum + throughput(seed, delay, loss, "cubic", burst), 0) / 4;
      const [one, many] = [mean(0), mean(65_415)];
      assert(many > 0.8 * one, `${delay} ms, ${loss}: ${many.toFixed(0)} kbit/s, one by one ${one.toFixed(0)}`);
    }
  });
  for (const [mbit, rows] of Object.entries(rates)) {
    for (const [delay, expected] of Object.entries(rows)) {
      it(`cubic at ${mbit} Mbit/s, ${delay} ms: as the table says`, () => {
        for (const [i, loss] of [0, 0.001, 0.01].entries()) {
          const now = throughput(1, Number(delay), loss, "cubic", 0, 125 * Number(mbit));
          const was = expected[i]!;
          assert(Math.abs(now / was - 1) < 0.2, `loss ${loss}: ${now.toFixed(0)} kbit/s, was ${was}`);
        }
      });
    }
  }
  it("with rare losses it is what theory says (Mathis et al.: 1.22 MSS / (RTT sqrt p)), or somewhat more", () => {
    for (const [delay, loss] of [[50, 0.001], [50, 0.01], [100, 0.003]] as const) {
      const theory = (1.22 * MSS * 8) / (2 * delay * Math.sqrt(loss));
      const ours = [1, 2, 3].reduce((sum, seed) => sum + throughput(seed, delay, loss, "newreno"), 0) / 3;
      assert(
        ours > 0.7 * theory && ours < 1.6 * theory,
        `${delay} ms, ${loss}: ${ours.toFixed(0)} of ${theory.toFixed(0)}`,
      );
    }
  });
});
