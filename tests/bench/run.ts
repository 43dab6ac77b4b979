/**
 * Benchmarks: one line a metric, ours, a peer on the same work in the same run, and the ratio (above 1: ours is better).
 * Everything runs on one CPU and then on all, since waking another CPU costs more than anything we do.
 * Needs dist/rump (deno task build), cc, mkfs.fat, mtools; mounts need root; fusefat is measured where it is installed.
 * Arguments choose groups: local msdos remote load start fuse disk images netdisk convert net tap shmif hijack plugin.
 */
import { spawnSync } from "node:child_process";
import process from "node:process";
import { clean } from "./bench.ts";
import { convert } from "./convert.ts";
import { disk } from "./disk.ts";
import { fuse } from "./fuse.ts";
import { hijack } from "./hijack.ts";
import { images } from "./images.ts";
import { netdisk } from "./netdisk.ts";
import { load } from "./load.ts";
import { local } from "./local.ts";
import { msdos } from "./msdos.ts";
import { net } from "./net.ts";
import { plugin } from "./plugin.ts";
import { remote } from "./remote.ts";
import { shmif } from "./shmif.ts";
import { start } from "./start.ts";
import { tap } from "./tap.ts";

const groups: Readonly<Record<string, () => void | Promise<void>>> = {
  local,
  msdos,
  remote,
  load,
  start,
  fuse,
  disk,
  images,
  convert,
  netdisk,
  net,
  tap,
  shmif,
  hijack,
  plugin,
};
const pinned = process.env.BENCH_CPUS;

async function measure(asked: readonly string[]): Promise<void> {
  let status = 0;
  try {
    for (const [name, group] of Object.entries(groups)) if (asked.length === 0 || asked.includes(name)) await group();
  } catch (e) {
    process.stderr.write(`${e instanceof Error ? e.stack : e}\n`);
    status = 1;
  }
  clean();
  process.exit(status);
}
if (pinned) await measure(process.argv.slice(2));
else {
  for (const cpus of ["one", "all"]) {
    process.stdout.write(`-- ${cpus} CPU${cpus === "all" ? "s" : ""}\n`);
    const again = [process.execPath, ...process.argv.slice(1)];
    const [command, ...args] = cpus === "one" ? ["taskset", "-c", "1", ...again] : again;
    spawnSync(command!, args, { stdio: "inherit", env: { ...process.env, BENCH_CPUS: cpus } });
  }
}
