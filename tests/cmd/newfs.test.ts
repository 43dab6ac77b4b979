import { describe, it } from "node:test";
import process from "node:process";
import { parseBpb } from "../../plugins/fs_msdos/bpb.ts";
import { type FatBits, type Layout, plan, type Want } from "../../src/cmd/disk/newfs_plan.ts";
import { writeVolume } from "../../src/cmd/disk/newfs_write.ts";
import { assert, assertEquals } from "../assert.ts";

/** What stands in a volume's first sector when it is written, and how far anything was written. */
function written(l: Layout): { readonly boot: Uint8Array; readonly end: number } {
  const boot = new Uint8Array(l.sector);
  let end = 0;
  const note = (offset: number, length: number) => void (end = Math.max(end, offset + length));
  writeVolume(
    {
      write(bytes, offset) {
        note(offset, bytes.length);
        if (offset === 0) boot.set(bytes.subarray(0, l.sector));
      },
      zero: note,
    },
    l,
    { serial: 1, label: "LABEL", oem: "TEST", stamp: { date: 0x21, time: 0 }, bootCode: undefined },
  );
  return { boot, end };
}
function seeded(seed: number): (n: number) => number {
  let state = seed >>> 0;
  return (n) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
  };
}
/** Anything one may ask for, sensible or not; most of it left out. */
function anything(random: (n: number) => number): Want {
  const some = <T>(chance: number, value: () => T): T | undefined => (random(chance) === 0 ? value() : undefined);
  const near = (n: number) => Math.max(0, n - 3 + random(7));
  const around = [4084, 65524, 65525, 4085, 2048, 20000, 2 ** 21, 2 ** 25, 2 ** 32];
  return {
    room: near(around[random(around.length)]!) * 512 * 2 ** random(8) + random(1000),
    bits: some(3, () => [12, 16, 32][random(3)] as FatBits),
    sector: some(3, () => 512 * 2 ** random(5)),
    total: some(6, () => random(2 ** 22)),
    perCluster: some(3, () => 2 ** random(8)),
    clusterBytes: some(8, () => 512 * 2 ** random(8)),
    reserved: some(6, () => random(100)),
    fats: some(4, () => 1 + random(4)),
    fatSize: some(10, () => random(3000)),
    rootEntries: some(6, () => random(2000)),
    media: some(8, () => 0xf8 + random(8)),
    track: some(8, () => random(100)),
    fsInfo: some(10, () => random(20)),
    backup: some(10, () => random(20)),
    format: some(20, () => [160, 1440, 2880][random(3)]),
  };
}

describe("planning FAT volumes", () => {
  it("whatever is asked for gives an Error that says why, or a volume that the driver reads as planned", () => {
    const seed = Number(process.env.SEED ?? Date.now() % 2 ** 32);
    const random = seeded(seed);
    let planned = 0;
    for (let i = 0; i < 20_000; i++) {
      const want = anything(random);
      const about = `SEED=${seed}, ${i}: ${JSON.stringify(want)}`;
      let l: Layout;
      try {
        l = plan(want);
      } catch (e) {
        assert(e instanceof Error && e.constructor === Error, `${about}: ${e}`);
        continue;
      }
      planned++;
      assert(l.total * l.sector <= want.room, about);
      const { boot, end } = written(l);
      assert(end <= l.total * l.sector, `${about}: written to ${end} of ${l.total * l.sector}`);
      if (l.sector > 4096) continue; // nobody's driver takes more, ours neither
      const g = parseBpb(boot);
      if (typeof g === "string") throw new Error(`${about}: ${JSON.stringify(l)}: ${g}`);
      assertEquals(
        [g.bits, g.clusters, g.clusterSize, g.sectorSize, g.fats, g.fatStart, g.size],
        [l.bits, l.clusters, l.perCluster * l.sector, l.sector, l.fats, l.reserved * l.sector, l.total * l.sector],
        about,
      );
    }
    assert(planned > 2000, `${planned} planned`);
  });
});
