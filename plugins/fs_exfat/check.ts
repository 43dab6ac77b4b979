/**
 * A check of a volume: every part is looked at once, in time and memory that its size bounds (a bit a cluster), whatever is
 * on it. Nothing here trusts the driver: FAT and directories are read anew.
 */
import { finished } from "../../src/lib/finished.ts";
import type { BlockDevice, CheckRequest, CheckResult, Sys } from "../../src/plugin.ts";
import { bootSum, DIRTY, readBoot, REGION } from "./boot.ts";
import { State, type Steps } from "./check_state.ts";
import { checkDirectories, checkFiles } from "./check_tree.ts";
import type { Run } from "./clusters.ts";
import { LARGEST_DIRECTORY } from "./data.ts";
import { Index } from "./directory.ts";
import { Names } from "./names.ts";
import type { ExfatOptions } from "./options.ts";
import { LARGEST_BITMAP } from "./space.ts";
import { expandTable, LARGEST_TABLE, tableChecksum } from "./upcase.ts";

/** How often the world may look in, milliseconds. */
const PAUSE = 50;
const PIECE = 1 << 20;

/** Check a volume; EINVAL and a line in the log when it is none. */
export async function checkVolume(
  sys: Sys,
  device: BlockDevice,
  request: CheckRequest<ExfatOptions>,
): Promise<CheckResult> {
  const layout = finished(readBoot(device), sys.errno);
  const wrong = typeof layout === "string" ? layout : layout.size > device.size ? "truncated" : undefined;
  if (typeof layout === "string" || wrong || layout.clusters > LARGEST_BITMAP * 8) {
    sys.log(`exfat: ${device.name}: not an exFAT volume: ${wrong ?? "more clusters than can be checked"}`);
    throw sys.errno.EINVAL;
  }
  const state = new State(layout, device, sys.errno, request);
  const steps = phases(state);
  for (let last = -Infinity;;) {
    const { done, value } = steps.next();
    if (done) break;
    if (sys.now() - last < PAUSE) continue;
    if (!(await request.progress(value))) throw sys.errno.EINTR;
    last = sys.now();
  }
  finished(device.flush?.(), sys.errno);
  const free = layout.clusters - state.ownedCount;
  return { files: state.files, free: free * layout.clusterSize, freeBlocks: free, blockSize: layout.clusterSize };
}
function* phases(state: State): Steps {
  const { layout, request, errno } = state;
  request.phase("Boot Regions");
  checkBoot(state);
  request.phase("Checking Directories");
  const size = layout.clusterSize;
  const { runs, count, why } = state.claim({ first: layout.root, size: Infinity, isContiguous: false });
  if (why !== undefined || count * size > LARGEST_DIRECTORY) {
    state.found({
      kind: "root",
      text: `its clusters: the chain ${why ?? "is too long"}`,
      path: "/",
      block: layout.root,
    });
    throw errno.EIO;
  }
  const { bitmap, upper } = checkSpecials(state, runs, count * size);
  const root = { runs, size: count * size, path: "", depth: 0 };
  const places = yield* checkDirectories(state, root, upper);
  request.phase("Check Cluster Chains");
  yield* checkFiles(state, places);
  request.phase("Checking the Allocation Bitmap");
  yield* checkBitmap(state, bitmap);
  checkMark(state);
}
/** One region makes up for the other. */
function checkBoot(state: State): void {
  const { isBackup, sectorSize } = state.layout;
  const size = REGION * sectorSize;
  const [main, backup] = [state.read(0, size), state.read(size, size)];
  const sum = bootSum(backup.subarray(0, 11 * sectorSize));
  const stored = new DataView(backup.buffer).getUint32(11 * sectorSize, true);
  if (!isBackup && sum === stored && sum === bootSum(main.subarray(0, 11 * sectorSize))) return;
  const [kind, text] = isBackup
    ? ["boot", "the boot region is damaged"]
    : ["boot-backup", "the backup of the boot region is not like it"];
  if (!state.found({ kind, text, repair: "write it anew from the other", safe: true })) return;
  if (isBackup) state.write(backup, 0);
  else state.write(main, size);
  state.flag(true);
}
/** Bitmap and up-case table, which can be made anew by nobody. */
function checkSpecials(
  state: State,
  runs: readonly Run[],
  size: number,
): { readonly bitmap: readonly Run[]; readonly upper: Uint16Array } {
  const index = new Index();
  index.load(state.bytes(runs, size), new Names(new Uint16Array(0x1_0000), state.errno), (_, make) => make());
  const { bitmap, upcase } = index.specials;
  const fail = (text: string): never => {
    state.found({ kind: "system", text, path: "/" });
    throw state.errno.EIO;
  };
  if (!bitmap || !upcase) return fail("no allocation bitmap or no up-case table");
  if (bitmap.size < state.owned.length || upcase.size > LARGEST_TABLE) {
    return fail("bitmap or up-case table of a wrong size");
  }
  const [where, table] = [state.claim(bitmap), state.claim(upcase)];
  if (where.why !== undefined || table.why !== undefined) {
    return fail("bitmap or up-case table without all its clusters");
  }
  const text = state.bytes(table.runs, upcase.size);
  if (tableChecksum(text) !== upcase.checksum) {
    state.found({ kind: "upcase", text: "the up-case table's checksum is wrong", path: "/" });
  }
  return { bitmap: where.runs, upper: expandTable(text) };
}
/** The bitmap says what the files say. */
function* checkBitmap(state: State, runs: readonly Run[]): Steps {
  const { owned } = state;
  const bits = state.bytes(runs, owned.length);
  const rest = state.layout.clusters & 7;
  if (rest) bits[bits.length - 1]! &= (1 << rest) - 1;
  let [lost, missing, first] = [0, 0, 0];
  for (let i = 0; i < bits.length; i++) {
    if (i % PIECE === 0) yield i / bits.length;
    const wrong = bits[i]! ^ owned[i]!;
    for (let bit = 0; wrong >> bit; bit++) {
      if (!(wrong >> bit & 1)) continue;
      first ||= i * 8 + bit + 2;
      if (owned[i]! >> bit & 1) missing++;
      else lost++;
    }
  }
  if (lost + missing === 0) return;
  const text = `${lost} clusters are taken by nobody, ${missing} that are used are not taken`;
  if (state.found({ kind: "bitmap", text, block: first, repair: "put it right", safe: true })) state.put(runs, owned);
}
function checkMark(state: State): void {
  const isDirty = (state.layout.flags & DIRTY) !== 0;
  if (state.left > 0) return;
  if (isDirty) {
    const finding = { kind: "dirty", text: "was not unmounted cleanly", repair: "mark it clean", safe: true };
    if (!state.found(finding)) return;
  }
  if (state.begun) state.flag(false);
}
