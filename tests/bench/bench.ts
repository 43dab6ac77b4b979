/** What the benchmarks share: a scratch directory, commands in it, timing, one line a metric. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

export const root = join(fileURLToPath(new URL(".", import.meta.url).href), "../..");
export const work = mkdtempSync(join(tmpdir(), "rump-bench-"));
export const env = {
  ...process.env,
  PATH: `${root}/dist:${process.env.PATH}:/sbin:/usr/sbin`,
  RUMP_SERVER: `unix://${work}/sock`,
};

/** Run a shell line in the scratch directory; seconds it took. */
export function sh(command: string): number {
  const t = performance.now();
  const r = spawnSync("sh", ["-c", command], { cwd: work, env, encoding: "utf8", maxBuffer: 1 << 28 });
  if (r.status !== 0) throw new Error(`${command}: ${r.stderr}`);
  return (performance.now() - t) / 1000;
}
/** What a shell line prints. */
export const out = (command: string) =>
  spawnSync("sh", ["-c", command], { cwd: work, env, encoding: "utf8" }).stdout.trim();

/** Microseconds of a call: the best of five. */
export function us(n: number, fn: () => unknown): number {
  let best = Infinity;
  for (let round = 0; round < 5; round++) {
    const t = performance.now();
    for (let i = 0; i < n; i++) fn();
    best = Math.min(best, ((performance.now() - t) * 1000) / n);
  }
  return best;
}
/** The least of `n` measurements. */
export const best = (n: number, fn: () => number) => Math.min(...Array.from({ length: n }, fn));

/** Ours, a peer's figure for the same work, and the ratio: above 1, ours is better. `more`: more is better. `goal`: ours must reach it. */
export function line(
  name: string,
  ours: number,
  unit: string,
  peerName?: string,
  peer?: number,
  more = "less",
  goal?: number,
): void {
  const shown = (x: number) => (x < 10 ? x.toFixed(3) : x < 100 ? x.toFixed(1) : x.toFixed(0));
  const ratio = peer === undefined
    ? ""
    : `  ${peerName} ${shown(peer)} ${unit}  x${(more === "less" ? peer / ours : ours / peer).toFixed(2)}`;
  const reached = goal !== undefined && (more === "less" ? ours <= goal : ours >= goal);
  const aim = goal === undefined ? "" : `  goal ${shown(goal)}${reached ? "" : ", not reached"}`;
  process.stdout.write(`${name.padEnd(34)} ${shown(ours).padStart(8)} ${unit}${ratio}${aim}\n`);
}

/** Unmount, end servers, remove the scratch directory. */
export function clean(): void {
  const umount = "for m in mnt fat; do umount $m; done; rump.halt";
  spawnSync("sh", ["-c", umount], { cwd: work, env, stdio: "ignore" });
  rmSync(work, { recursive: true, force: true });
}
