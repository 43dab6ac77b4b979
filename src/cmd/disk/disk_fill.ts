/** Filling a new image's volume through the msdos driver, in this process. */
import { O_CREAT, O_EXCL, O_WRONLY } from "../../abi/flags.ts";
import type { Host } from "../../host/host.ts";
import type { SyncCalls } from "../client.ts";
import { Failure } from "../cli.ts";
import type { Entry } from "./disk_tree.ts";
import { hostTree, PIECE, rumpUtimes, words, writeAll } from "../files.ts";
import { onImage } from "../file/on_image.ts";
import { Progress } from "../progress.ts";

/** How long it works before it looks whether it is to stop. */
const TURN_MS = 100;

/** Copy the entries onto the volume of `image`, each with its time, which is the clock's while it is made. Throws Failure. */
export async function fill(
  host: Host,
  program: string,
  image: string,
  entries: readonly Entry[],
  stopped: () => boolean,
): Promise<void> {
  let now = entries[0]?.mtime ?? 0;
  const how = { readOnly: false, type: undefined, options: ["tz=UTC"], now: () => now * 1000 };
  const on = await onImage(host, program, image, how);
  const progress = new Progress(host, entries.reduce((sum, e) => sum + e.size, 0));
  try {
    let turn = host.now() + TURN_MS;
    for (const e of entries) {
      now = e.mtime;
      copyIn(host, program, on.sys, e, (n) => progress.add(n, n, e.path));
      if (host.now() < turn) continue;
      await new Promise((resolve) => setTimeout(resolve, 0)); // signals come in
      if (stopped()) throw new Failure(`${program}: interrupted`);
      turn = host.now() + TURN_MS;
    }
    // What was made in them has changed them.
    for (const e of entries) if (e.isDir) rumpUtimes(on.sys, `/${e.path}`, e.mtime, e.mtime);
  } finally {
    progress.end();
    await on.close();
  }
}
function copyIn(host: Host, program: string, sys: SyncCalls, e: Entry, moved: (n: number) => void): void {
  const path = `/${e.path}`;
  try {
    if (e.isDir) return void sys.mkdir({ path, mode: 0o755 });
    copyFile(host, sys, e, path, moved);
  } catch (why) {
    throw new Failure(`${program}: ${e.source}: ${words(why)}`);
  }
}
let piece: Uint8Array | undefined;
/** A file that grows or shrinks meanwhile is told: what was counted on is no longer so. */
function copyFile(host: Host, sys: SyncCalls, e: Entry, path: string, moved: (n: number) => void): void {
  const reader = hostTree(host).reader(e.source);
  try {
    const fd = sys.open({ path, flags: O_WRONLY | O_CREAT | O_EXCL, mode: 0o644 });
    try {
      let done = 0;
      piece ??= new Uint8Array(PIECE);
      for (let n = reader.read(piece); n > 0; n = reader.read(piece)) {
        writeAll(sys, fd, piece.subarray(0, n));
        done += n;
        moved(n);
      }
      if (done !== e.size) throw new Error(`changed while it was copied: ${done} bytes instead of ${e.size}`);
    } finally {
      sys.close({ fd });
    }
  } finally {
    reader.close();
  }
}
