/** A file system of Unix kind through crashes: what was synced and left alone since is there once its checker has mended it. */
import { builtins } from "../../plugins/mod.ts";
import { recorded, type Step, survivors } from "../../src/conformance/crash.ts";
import { vfsOf } from "../../src/vfs/vfs.ts";
import type { SyncCalls } from "../../src/proxy/stubs.ts";
import type { FsDriver } from "../../src/plugin.ts";
import { fakeKernel } from "../kern/fake.ts";
import { diskOn, type Random } from "./fat_images.ts";
import { type Listing, volumeListing } from "./image_walk.ts";

/** What sync(2) promised: with this many steps on the disk these files are there, until the next promise but for what was touched. */
interface Promised {
  readonly steps: number;
  readonly files: Listing;
  readonly touched: Set<string>;
}
export interface CrashLife {
  readonly before: Uint8Array;
  readonly journal: readonly Step[];
  readonly promises: readonly Promised[];
}
const NAMES = ["a", "b", "c", "a longer name, so that blocks fill", "d".repeat(120), "e"];
const O = { RDWR: 2, CREAT: 0x200 } as const;

/** Live on a volume, with a sync now and then; every write is recorded. */
export async function crashLife(
  driver: FsDriver,
  image: Uint8Array,
  random: Random,
  syncs: number,
  each = 25,
): Promise<CrashLife> {
  const journal: Step[] = [];
  const bytes = image.slice();
  const device = recorded(diskOn(bytes), journal);
  const { kernel, sys: calls } = await fakeKernel({ builtins, components: ["rumpvfs"] });
  const sys = calls as unknown as SyncCalls;
  if (!kernel.registry.fs(driver.name)) await kernel.use(driver);
  sys.mkdir({ path: "/m", mode: 0o755 });
  await vfsOf(kernel).mountVolume(driver.name, device, { from: "d.img", on: "/m", flags: 0, options: {} });
  const { volume } = vfsOf(kernel).mounts.at(-1)!;
  const promises: Promised[] = [];
  for (let i = 0; i < syncs; i++) {
    await sys.sync({}); // its write-back may come later
    promises.push({ steps: journal.length, files: await volumeListing(volume), touched: new Set() });
    for (let k = 0; k < each; k++) step(sys, random, promises.at(-1)!.touched);
  }
  const life = { before: image, journal: [...journal], promises };
  await kernel.halt();
  return life;
}
/** Some call; the paths it may change are told first. */
function step(sys: SyncCalls, random: Random, touched: Set<string>): void {
  const path = somePath(random);
  const other = somePath(random);
  const kind = random(8);
  touched.add(path).add(dirOf(path));
  if (kind === 4) touched.add(other).add(dirOf(other));
  try {
    if (kind < 4) write(sys, path, random);
    else if (kind === 4) sys.rename({ from: `/m/${path}`, to: `/m/${other}` });
    else if (kind === 5) sys.mkdir({ path: `/m/${path}`, mode: 0o755 });
    else if (kind === 6) sys.unlink({ path: `/m/${path}` });
    else sys.rmdir({ path: `/m/${path}` });
  } catch {
    // Names are taken, or not there: of no account here.
  }
}
function write(sys: SyncCalls, path: string, random: Random): void {
  const fd = sys.open({ path: `/m/${path}`, flags: O.RDWR | O.CREAT, mode: 0o644 }) as number;
  const buf = new Uint8Array(1 + random(random(4) === 0 ? 60_000 : 3000)).fill(1 + random(255));
  sys.pwrite({ fd, buf, offset: random(random(4) === 0 ? 300_000 : 5000) });
  sys.close({ fd });
}
function somePath(random: Random): string {
  return Array.from({ length: 1 + random(3) }, () => NAMES[random(NAMES.length)]!).join("/");
}
const dirOf = (path: string) => path.slice(0, Math.max(0, path.lastIndexOf("/")));

/** The volume when only `n` steps were made, and of those that were not flushed some sectors only. */
export function crashedImage(life: CrashLife, n: number, random: Random): Uint8Array {
  const image = life.before.slice();
  for (const [at, data] of survivors(life.journal, n, random)) image.set(data, at);
  return image;
}
/** What is not as it was promised when the crash came after `n` steps; empty: all is. */
export function brokenPromises(life: CrashLife, n: number, found: Listing): string {
  const due = life.promises.findLast((p) => p.steps <= n);
  if (!due) return "";
  const isTouched = (path: string) =>
    due.touched.has(path) || [...due.touched].some((t) => t !== "" && path.startsWith(`${t}/`));
  const wrong = Object.entries(due.files).filter(([path, line]) => !isTouched(path) && found[path] !== line);
  return wrong.map(([path, line]) => `${path}: was ${line}, is ${found[path] ?? "gone"}`).join("\n");
}
