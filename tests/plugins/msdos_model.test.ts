import process from "node:process";
import { describe, it } from "node:test";
import { limits } from "../../plugins/fs_msdos/indexes.ts";
import type { SyncCalls } from "../../src/proxy/stubs.ts";
import { assert, assertEquals } from "../assert.ts";
import { checked, fsckFat, mkfs, randomOf, say, seedOf } from "../cases/fat_images.ts";
import { Life } from "../cases/fat_model.ts";
import { mountAt, withFs } from "../vfs/helpers.ts";

/** Operations on each volume; STEPS in the environment: as many as one likes. */
const STEPS = Number(process.env.STEPS ?? 20_000);
const volumes = [[12, 1], [12, 8], [16, 1], [32, 1], [32, 4]] as const;

/** Lives that once went wrong: a write that found no room after a file had been cut left clusters lost. */
const relived = [[16, 1, 2_935_862]] as const;

/** With room in memory for so many names: directories come and go all the time. */
const FEW = 5;
const lives = [
  ...volumes.map(([bits, perCluster]) => ({
    bits,
    perCluster,
    which: "random",
    known: undefined,
    names: limits.names,
  })),
  ...relived.map(([bits, perCluster, known]) => ({
    bits,
    perCluster,
    which: `of ${known}:`,
    known,
    names: limits.names,
  })),
  { bits: 32, perCluster: 1, which: "forgetful", known: undefined, names: FEW } as const,
];

describe("msdos beside a model", () => {
  for (const { bits, perCluster, which, known, names } of lives) {
    it(`FAT${bits}, ${perCluster} sectors a cluster: ${STEPS} ${which} operations do what they must, and fsck agrees`, async (t) => {
      const usual = limits.names;
      limits.names = names;
      t.after(() => void (limits.names = usual));
      const seed = known ?? seedOf();
      const { sys, kernel, host, disk } = await withFs("msdos", mkfs(bits, perCluster));
      const random = randomOf(seed);
      const life = new Life(sys as unknown as SyncCalls, random, () => host.clock, 40_000);
      try {
        while (life.steps < STEPS) {
          await life.step();
          if (random(20) === 0) host.pass(random(3000));
          if (random(500) === 0) life.verify();
          if (random(1000) === 0) {
            life.rest();
            await sys.chdir({ path: "/" });
            await sys.unmount({ path: "/m", flags: 0 });
            if (random(5) === 0) assertEquals(say(await checked(disk!.bytes)), "");
            await mountAt(sys, "msdos", "/m", { fspec: "/dev/fat" });
            await sys.chdir({ path: "/m" });
            life.verify();
          }
        }
        life.rest();
        life.verify();
        await sys.chdir({ path: "/" });
        await kernel.halt();
        assertEquals(say(await checked(disk!.bytes)), "");
        assertEquals(fsckFat(disk!.bytes), []);
      } catch (e) {
        throw new Error(
          `SEED=${seed}, step ${life.steps}: ${e instanceof Error ? e.message : e}\n${life.log.join("\n")}`,
          { cause: e },
        );
      }
      assert(life.steps >= STEPS);
    });
  }
});
