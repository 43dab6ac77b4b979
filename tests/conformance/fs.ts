/**
 * The suite every file system driver passes (src/conformance), as tests of node:test, which run under Bun and under Deno:
 *
 * ```ts
 * conformance(driver, { device: () => emptyVolume(), lacks: ["links", "symlinks"] });
 * ```
 */
import { describe, it } from "node:test";
import { builtins } from "../../plugins/mod.ts";
import type { Capability } from "../../src/conformance/claim.ts";
import { type Case, fsCases } from "../../src/conformance/fs.ts";
import type { Boot, Volume } from "../../src/conformance/subject.ts";
import type { FsDriver } from "../../src/plugin.ts";
import { fakeKernel } from "../kern/fake.ts";

export type { Capability };

export interface ConformanceOptions extends Omit<Volume, "driver"> {
  /** What it does not have, beside what the driver says: those claims are shown as skipped. */
  readonly lacks?: readonly Capability[];
  /** A kernel to mount in; left out: one with rumpvfs. */
  readonly boot?: Boot;
  /** For the tests' names; left out: the driver's. */
  readonly title?: string;
}

const plain: Boot = () => fakeKernel({ builtins, components: ["rumpvfs"] });

/** Cases as tests, by their groups. */
export function register(title: string, cases: readonly Case[]): void {
  for (const group of new Set(cases.map((c) => c.group))) {
    describe(`${title}, ${group}`, () => {
      for (const { name, skip, run } of cases.filter((c) => c.group === group)) it(name, { skip }, run);
    });
  }
}
/** Register the suite for a driver; call it at the top level of a test file. */
export function conformance<O, N>(driver: FsDriver<O, N>, how: ConformanceOptions = {}): void {
  const { lacks = [], title = driver.name, boot = plain, ...rest } = how;
  register(title, fsCases(boot, { driver: driver as FsDriver, ...rest }, lacks));
}
