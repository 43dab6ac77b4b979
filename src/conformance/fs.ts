/**
 * What every file system driver must do, ours or a third party's, as data: tests run the cases under either runtime, and
 * `rump plugin check` runs them from the executable. The volume is mounted in a kernel of its own and looked at from three
 * sides: the driver's contract with the kernel, what the kernel makes of it, and what programs see.
 */
import { callsPosix } from "./calls.ts";
import { type Capability, type Claim, type Posix, skipped } from "./claim.ts";
import { attributeClaims } from "./claims_attributes.ts";
import { crashClaims } from "./claims_crash.ts";
import { directoryClaims } from "./claims_directories.ts";
import { fileClaims } from "./claims_files.ts";
import { linkClaims } from "./claims_links.ts";
import { renameClaims } from "./claims_rename.ts";
import { systemClaims } from "./claims_system.ts";
import { volumeClaims } from "./claims_volume.ts";
import { type Boot, mounted, type Volume } from "./subject.ts";

/** One claim, ready to be looked at. */
export interface Case {
  /** What it is about. */
  readonly group: string;
  readonly name: string;
  /** Why it is not looked at. */
  readonly skip: string | false;
  /** Rejects with how it does not hold. */
  run(): Promise<void>;
}

/** What programs expect (POSIX 2017, rename(2), open(2), ... as NetBSD and Linux agree), by subject. */
const subjects: Readonly<Record<string, readonly Claim[]>> = {
  files: fileClaims,
  directories: directoryClaims,
  rename: renameClaims,
  links: linkClaims,
  attributes: attributeClaims,
};
/** Those claims, each in a directory of its own below what `start` gives. */
export function posixCases(
  lacks: readonly Capability[],
  start: () => Promise<{ readonly p: Posix; readonly dir: string }>,
): Case[] {
  return Object.entries(subjects).flatMap(([group, claims]) =>
    claims.map((claim, i) => ({
      group,
      name: claim.name,
      skip: skipped(claim, lacks),
      async run() {
        const { p, dir } = await start();
        // A volume without directories has one place for all.
        const own = lacks.includes("directories") ? dir : `${dir}/${group}${i}`;
        if (own !== dir) await p.mkdir(own, 0o755);
        await claim.run(p, own);
      },
    }))
  );
}
/** All that any claim needs. */
export const capabilities: ReadonlySet<string> = new Set([
  "write",
  ...[volumeClaims, systemClaims, crashClaims, ...Object.values(subjects)].flat().flatMap((claim) => claim.needs ?? []),
]);
/** All claims on a driver; what it lacks, by its own word or this, is skipped, in sight. */
export function fsCases(boot: Boot, volume: Volume, beside: readonly Capability[] = []): Case[] {
  const { lacks: own = [], readOnly } = volume.driver;
  const lacks: readonly Capability[] = [...beside, ...own, ...(readOnly ? ["write" as const] : [])];
  const sides = [["the driver's contract", volumeClaims], ["in a kernel", systemClaims], [
    "after a crash",
    crashClaims,
  ]] as const;
  return [
    ...sides.flatMap(([group, claims]) =>
      claims.map((claim) => ({
        group,
        name: claim.name,
        skip: skipped(claim, lacks),
        run: async () => await claim.run(await mounted(boot, volume)),
      }))
    ),
    ...posixCases(lacks, async () => ({ p: callsPosix((await mounted(boot, volume)).sys), dir: "/m" })),
  ];
}
