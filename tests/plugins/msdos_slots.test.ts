import { describe, it } from "node:test";
import { Survey } from "../../plugins/fs_msdos/survey.ts";
import { assertEquals } from "../assert.ts";
import { Hand, mkfs, randomOf, seedOf } from "../cases/fat_images.ts";
import { type Mounted, mounted, read, touch } from "../cases/fat_mounts.ts";

const NAME = "A name of three slots, which is more than two";

/** A volume with one long name, its slots broken by hand: `at` is where its short entry stands. */
async function slots(harm: (h: Hand, at: number) => void): Promise<Mounted> {
  const disk = mkfs(16);
  const fs = await mounted({}, disk);
  touch(fs.sys, NAME, "text");
  await fs.sys.chdir({ path: "/" });
  await fs.kernel.halt();
  const hand = new Hand(disk.bytes);
  harm(hand, hand.entry("ANAMEO~1   "));
  return mounted({}, disk);
}
const SHORT = "ANAMEO~1";

describe("msdos: slots of long names", () => {
  const cases: readonly (readonly [what: string, harm: (h: Hand, at: number) => void, shown: readonly string[]])[] = [
    ["as they were", () => {}, [NAME]],
    ["a checksum that is another name's", (h, at) => (h.bytes[at - 32 + 13]! ^= 1), [SHORT]],
    ["a piece missing", (h, at) => (h.bytes[at - 64] = 0xe5), [SHORT]],
    ["pieces out of order", (h, at) => h.bytes.copyWithin(at - 64, at - 32, at), [SHORT]],
    ["no piece marked as the last", (h, at) => (h.bytes[at - 128]! &= 0x1f), [SHORT]],
    ["a sequence number beyond 20", (h, at) => (h.bytes[at - 128] = 0x5f), [SHORT]],
    ["a label between", (h, at) => (h.bytes[at - 32 + 11] = 8), [SHORT]],
    ["pieces whose file was removed", (h, at) => (h.bytes[at] = 0xe5), []],
    ["a name of nothing", (h, at) => h.view.setUint16(at - 32 + 1, 0, true), [SHORT]],
  ];
  for (const [what, harm, shown] of cases) {
    it(`${what}: ${shown.length === 0 ? "nothing" : shown[0] === SHORT ? "the short name" : "the long name"} shows`, async () => {
      const fs = await slots(harm);
      assertEquals(fs.list(), [...shown]);
      for (const name of shown) assertEquals(read(fs.sys, name), "text");
      for (const name of shown) fs.sys.unlink({ path: name });
      touch(fs.sys, "Another long name", "after");
      assertEquals([fs.list(), read(fs.sys, "another long NAME")], [["Another long name"], "after"]);
    });
  }
  it("two entries of one name: the second shows its short name", async () => {
    const disk = mkfs(16);
    const fs = await mounted({}, disk);
    for (const name of ["The same name", "The name same"]) touch(fs.sys, name, name);
    await fs.sys.sync();
    const at = new Hand(disk.bytes).entry("THENAM~1   ");
    const first = new Hand(disk.bytes).entry("THESAM~1   ");
    const sum = disk.bytes[at - 32 + 13]!;
    disk.bytes.copyWithin(at - 32, first - 32, first);
    disk.bytes[at - 32 + 13] = sum;
    const again = await fs.again({});
    assertEquals(again.list(), ["THENAM~1", "The same name"]);
    assertEquals([read(again.sys, "THENAM~1"), read(again.sys, "The same name")], ["The name same", "The same name"]);
  });
});

describe("msdos: the survey of the table", () => {
  it("counts what is free and finds what two entries point at, whatever changes meanwhile", () => {
    const seed = seedOf();
    const random = randomOf(seed);
    for (let round = 0; round < 30; round++) {
      const clusters = 1 + random(700_000);
      const table = new Uint32Array(clusters + 2);
      for (let c = 2; c < table.length; c++) {
        table[c] = random(3) === 0 ? 0 : random(5) ? 0xfffffff : 2 + random(clusters);
      }
      const survey = new Survey({ clusters, get: (c) => table[c]! });
      while (!survey.done) {
        survey.step();
        for (let i = 0; i < 100; i++) {
          const c = 2 + random(clusters);
          if (table[c] !== 0 && table[c] !== 0xfffffff) continue;
          survey.changed(c, 1, table[c] === 0 ? -1 : 1);
          table[c] = table[c] === 0 ? 0xfffffff : 0;
        }
      }
      const times = new Uint8Array(table.length);
      let free = 0;
      for (let c = 2; c < table.length; c++) {
        const next = table[c]!;
        if (next === 0) free++;
        if (next >= 2 && next < table.length && times[next]! < 2 && next !== c) times[next]!++;
      }
      assertEquals(survey.free, free, `SEED=${seed}, round ${round}`);
      if (survey.crossings.size >= 65_536) continue;
      const crossed = [...times.keys()].filter((c) => times[c]! > 1);
      assertEquals(crossed.filter((c) => !survey.crossings.has(c)), [], `SEED=${seed}, round ${round}`);
    }
  });
});
