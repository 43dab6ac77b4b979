/**
 * fsck_msdos(8): every part of a volume is looked at once, in time and memory that its size bounds (a few bits a cluster),
 * whatever is on it. Nothing here trusts the driver: the FAT and the directories are read anew.
 */
import type { BlockDevice, CheckRequest, CheckResult, Sys } from "../../src/plugin.ts";
import { looksLike, parseBpb } from "./bpb.ts";
import { checkBackup, checkInfo, checkLabel, checkMark, findGeometry } from "./check_boot.ts";
import { makeCopies } from "./check_copies.ts";
import { checkFats } from "./check_fats.ts";
import { freeSurplus } from "./check_file.ts";
import { rootPlace } from "./check_folder.ts";
import { checkLost } from "./check_lost.ts";
import { type CodePage, loadPage } from "./codepage.ts";
import { State, type Steps } from "./check_state.ts";
import { checkDirectories, checkFiles, takeChain } from "./check_tree.ts";
import type { MsdosOptions } from "./mod.ts";
import { finished } from "../../src/lib/finished.ts";
import { toDos } from "./times.ts";

/** How often the world may look in, milliseconds. */
const PAUSE = 50;

/** Check a volume; EINVAL and a line in the log when it is none. */
export async function checkVolume(
  sys: Sys,
  device: BlockDevice,
  request: CheckRequest<MsdosOptions>,
): Promise<CheckResult> {
  const g = findGeometry(device, sys.errno, request);
  if (typeof g === "string") {
    const like = looksLike(head(sys, device));
    sys.log(`msdos: ${device.name}: not a FAT volume: ${g}${like ? ` (${like})` : ""}`);
    throw sys.errno.EINVAL;
  }
  const state = new State(g, device, sys.errno, request, await pageOf(sys, request.options.codepage));
  if (typeof parseBpb(state.read(0, 512), request.options.gemdos) === "string") state.left++;
  const steps = phases(state, sys.now());
  for (let last = -Infinity;;) {
    const { done, value } = steps.next();
    if (done) break;
    if (sys.now() - last < PAUSE) continue;
    if (!(await request.progress(value))) throw sys.errno.EINTR;
    last = sys.now();
  }
  finished(device.flush?.(), sys.errno);
  const free = g.clusters - state.table.used;
  return { files: state.files, free: free * g.clusterSize, freeBlocks: free, blockSize: g.clusterSize };
}
/** The code page of short names; EINVAL, with a line in the log, when there is no table of it. */
async function pageOf(sys: Sys, number: number): Promise<CodePage> {
  const page = await loadPage(`cp${number}`);
  if (page) return page;
  sys.log(`msdos: cp${number}: no table of it`);
  throw sys.errno.EINVAL;
}
function head(sys: Sys, device: BlockDevice): Uint8Array {
  const bytes = new Uint8Array(Math.min(64 << 10, device.size));
  finished(device.read(bytes, 0), sys.errno);
  return bytes;
}

/** NetBSD's four phases, directories before chains: what a directory owns no file takes. */
function* phases(state: State, now: number): Steps {
  const { g, request } = state;
  request.phase("Read and Compare FATs");
  if (g.size > state.device.size) {
    const text = `the volume has ${g.size} bytes, the image ${state.device.size}`;
    state.found({ kind: "truncated", text });
  }
  checkBackup(state);
  yield* checkFats(state);
  request.phase("Checking Directories");
  const root = rootPlace(g.rootCluster);
  if (g.rootCluster !== 0) takeChain(state, g.rootCluster, "/");
  yield* checkDirectories(state, root);
  request.phase("Check Cluster Chains");
  yield* checkFiles(state, root);
  freeSurplus(state);
  makeCopies(state);
  request.phase("Checking for Lost Files");
  yield* checkLost(state, root, toDos(Math.floor(now / 1000), 0, request.options.gmtoff));
  makeCopies(state); // of what lost directories hold
  if (state.begun) state.table.flush();
  checkLabel(state);
  checkInfo(state, g.clusters - state.table.used);
  checkMark(state);
}
