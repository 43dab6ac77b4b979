import process from "node:process";
import { describe, it } from "node:test";
import { assertEquals } from "../assert.ts";
import { crashed, type Exchanged, exchanged, harm, lostBy, record } from "../cases/fat_crash.ts";
import { mkfs, randomOf, seedOf } from "../cases/fat_images.ts";

/** WORKLOADS: how many lives on each kind of volume; CUTS: at how many points each is cut ("all": at every one). */
const WORKLOADS = Number(process.env.WORKLOADS ?? 100);
const CUTS = process.env.CUTS === "all" ? Infinity : Number(process.env.CUTS ?? 2);
const volumes = [[12, 1], [12, 4], [16, 1], [32, 1], [32, 2]] as const;

describe("msdos after a crash", () => {
  for (const [bits, perCluster] of volumes) {
    it(`FAT${bits}, ${perCluster} sectors a cluster: killed or without power at any moment, no more than lost clusters, both names, the mark; what was synced is there`, async () => {
      const seed = seedOf();
      const empty = mkfs(bits, perCluster).bytes;
      for (let w = 0; w < WORKLOADS; w++) {
        const random = randomOf(seed + w);
        const r = await record(empty, random, 20 + random(100));
        const every = Math.max(1, Math.floor(r.journal.length / CUTS));
        for (let n = random(every); n <= r.journal.length; n += 1 + random(2 * every - 1)) {
          for (const [how, image] of [["killed", crashed(r, n)], ["without power", crashed(r, n, random)]] as const) {
            const worse = await harm(r, n, image);
            assertEquals(worse, "", `SEED=${seed + w}, ${how} at ${n} of ${r.journal.length}\n${r.log.join("\n")}`);
          }
        }
      }
    });
  }
  for (const how of ["side by side", "in two directories", "two directories"] as const) {
    it(`two names that are exchanged, ${how}: both files have one at every moment`, async () => {
      const random = randomOf(seedOf());
      for (const [bits, perCluster] of volumes) {
        const e: Exchanged = exchanged(mkfs(bits, perCluster).bytes, how);
        for (let n = 0; n <= e.journal.length; n++) {
          for (const image of [crashed(e, n), ...Array.from({ length: 3 }, () => crashed(e, n, random))]) {
            assertEquals(
              (await harm(e, n, image)) || lostBy(e, image),
              "",
              `FAT${bits}, at ${n} of ${e.journal.length}`,
            );
          }
        }
      }
    });
  }
});
