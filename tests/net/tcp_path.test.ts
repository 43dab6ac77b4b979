/** Paths that lose what is large without a word, by simulation. */
import { describe, it } from "node:test";
import { assert, assertEquals } from "../assert.ts";
import { type End, Sim } from "./tcp_sim.ts";

/** A path that loses segments of more than `most` bytes. */
function blackHole(most: number) {
  const sim = new Sim(1, { delay: 10 });
  let other: End | undefined;
  sim.b.listen(80, (end) => void (other = end));
  const end = sim.a.connect(80);
  sim.pass(100);
  sim.a.filter = (w) => w.bytes.length <= most;
  end.outgoing = new Uint8Array(300_000);
  end.pump();
  return { sim, end, other: () => other! };
}
describe("a path MTU nobody tells of", () => {
  for (const [most, mss] of [[1300, 1208], [600, 524]] as const) {
    it(`of ${most}: smaller segments are tried after three timeouts, and all arrives`, () => {
      const { sim, end, other } = blackHole(most);
      assert(
        sim.run(() => other().received === 300_000, 60_000),
        `${other().received} bytes, segments of ${end.c.mss}`,
      );
      assertEquals(end.c.mss, mss);
    });
  }
  it("is not suspected when nothing comes through: afterwards segments are as large as before", () => {
    const { sim, end, other } = blackHole(0);
    sim.pass(60_000);
    assertEquals([other().received, end.c.mss], [0, 1448]);
    sim.a.filter = () => true;
    assert(sim.run(() => other().received === 300_000, 200_000));
  });
});
