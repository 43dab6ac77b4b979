/** A claim on what a crash leaves: whenever it comes, what was synced before is there. */
import { errno } from "../abi/errno.ts";
import { anyByte } from "../lib/aligned.ts";
import { parseOptions } from "../kern/driver_options.ts";
import { overlayDisk } from "../lib/overlay_disk.ts";
import type { BlockDevice } from "../plugin.ts";
import { assertEquals } from "./assert.ts";
import { callsPosix } from "./calls.ts";
import { get, pattern, put } from "./claim.ts";
import { crashedDisk, type Random, recorded, type Step } from "./crash.ts";
import { mountAgain, mountOf, type Subject, type SubjectClaim } from "./subject.ts";

/** Files made, and crashes tried of each kind. */
const FILES = 12;
const CRASHES = 12;

/** Nothing was done to it since it was synced, after so many steps. */
interface Kept {
  readonly path: string;
  readonly bytes: Uint8Array;
  readonly from: number;
}
/** Files that stay, each synced, and one that comes and goes. */
async function live(s: Subject, steps: readonly Step[]): Promise<Kept[]> {
  const p = callsPosix(s.sys);
  const kept: Kept[] = [];
  for (let i = 0; i < FILES; i++) {
    const [path, bytes] = [`/m/kept ${i}`, pattern(1 + i * 3001, i)];
    await put(p, path, bytes);
    await put(p, "/m/other", pattern(20_000 - i * 1500, i));
    await s.vfs.sync();
    kept.push({ path, bytes, from: steps.length });
    if (i % 3 === 2) await p.unlink("/m/other");
  }
  return kept;
}
/** Mended, where the driver can check, and mounted: a claim fails with when that cannot be. */
async function lookAt(s: Subject, disk: BlockDevice, kept: readonly Kept[], when: string): Promise<void> {
  try {
    await s.driver.check?.(s.kernel.sys, disk, {
      options: parseOptions(s.driver.options, s.options),
      found: (finding) => finding.repair !== undefined,
      phase: () => {},
      progress: () => true,
    });
    await mountAgain(s, disk);
    const p = callsPosix(s.sys);
    for (const { path, bytes } of kept) assertEquals(await get(p, path), bytes, `${path}, ${when}`);
    await s.vfs.unmount(mountOf(s));
  } catch (e) {
    throw new Error(`${when}: ${e instanceof Error ? e.message : String(e)}`, { cause: e });
  }
}

export const crashClaims: readonly SubjectClaim[] = [
  {
    name: "whenever a crash comes, what was synced before is there",
    async run(s) {
      if (!s.device?.write) return;
      await s.vfs.unmount(mountOf(s));
      const before = anyByte(s.device, errno.EIO);
      const steps: Step[] = [];
      await mountAgain(s, recorded(overlayDisk(before), steps));
      const kept = await live(s, steps);
      await s.vfs.unmount(mountOf(s));
      const random = seeded();
      for (let i = 1; i <= CRASHES; i++) {
        const n = Math.floor(steps.length * i / CRASHES);
        const due = kept.filter((k) => k.from <= n);
        const after = `after ${n} of ${steps.length} writes`;
        await lookAt(s, await crashedDisk(before, steps, n), due, `killed ${after}`);
        await lookAt(s, await crashedDisk(before, steps, n, random), due, `without power ${after}`);
      }
    },
  },
];
/** The same every time. */
function seeded(): Random {
  let state = 1;
  return (n) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor(state / 2 ** 32 * n);
  };
}
