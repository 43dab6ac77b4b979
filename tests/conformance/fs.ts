/**
 * What every file system driver must do, ours or a third party's, under Bun and under Deno:
 *
 * ```ts
 * conformance(driver, { device: () => emptyVolume(), lacks: ["links", "symlinks"] });
 * ```
 * It is mounted in a kernel of its own and looked at from three sides: the driver's contract with the kernel, what the
 * kernel makes of it, and what programs see. What it lacks is skipped, in sight.
 */
import { describe, it } from "node:test";
import type { FsDriver } from "../../src/plugin.ts";
import { callsPosix } from "./calls.ts";
import { type Capability, skipped } from "./claim.ts";
import { systemClaims } from "./claims_system.ts";
import { volumeClaims } from "./claims_volume.ts";
import { runClaims } from "./posix.ts";
import { mounted, type Volume } from "./subject.ts";

export type { Capability };

export interface ConformanceOptions extends Omit<Volume, "driver"> {
  /** What it does not have: those claims are shown as skipped. */
  readonly lacks?: readonly Capability[];
  /** For the tests' names; left out: the driver's. */
  readonly title?: string;
}

/** Register the suite for a driver; call it at the top level of a test file. */
export function conformance<O, N>(driver: FsDriver<O, N>, how: ConformanceOptions = {}): void {
  const { lacks = [], title = driver.name, ...rest } = how;
  const volume = { driver: driver as FsDriver, ...rest };
  for (const [side, claims] of [["the driver's contract", volumeClaims], ["in a kernel", systemClaims]] as const) {
    describe(`${title}, ${side}`, () => {
      for (const claim of claims) {
        it(claim.name, { skip: skipped(claim, lacks) }, async () => claim.run(await mounted(volume)));
      }
    });
  }
  runClaims(title, lacks, async () => ({ p: callsPosix((await mounted(volume)).sys), dir: "/m" }));
}
