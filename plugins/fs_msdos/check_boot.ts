/** The boot sector and its copy, FSInfo, the label, and the mark of an unclean end. */
import { viewOf } from "../../src/lib/struct.ts";
import type { BlockDevice, CheckRequest, Errnos } from "../../src/plugin.ts";
import { Bpb, Bpb32, FsInfo, FSINFO_AT, FSINFO_LEAD, FSINFO_TAIL, SIGNATURE } from "../../src/wire/fat.ts";
import { type Geometry, parseBpb } from "./bpb.ts";
import type { State } from "./check_state.ts";
import type { MsdosOptions } from "./mod.ts";
import { finished } from "../../src/lib/finished.ts";

/** Where mkfs.fat and Windows put the copy of a FAT32 boot sector. */
const BACKUP = 6;
const LABEL_32 = 71;
const LABEL_16 = 43;
const NO_NAME = "NO NAME    ";

/** The geometry; of a boot sector that is broken, by its copy. A string says what is wrong, and that there is no copy. */
export function findGeometry(
  device: BlockDevice,
  errnos: Errnos,
  request: CheckRequest<MsdosOptions>,
): Geometry | string {
  const read = (at: number, n: number) => {
    const bytes = new Uint8Array(n);
    finished(device.read(bytes, at), errnos);
    return bytes;
  };
  if (device.size < 512) return "shorter than a boot sector";
  const boot = read(0, 512);
  const g = parseBpb(boot, request.options.gemdos);
  if (typeof g !== "string") return g;
  for (const sectorSize of [512, 1024, 2048, 4096]) {
    const at = BACKUP * sectorSize;
    if (at + sectorSize > device.size) continue;
    const copy = read(at, sectorSize);
    const backup = parseBpb(copy, request.options.gemdos);
    if (typeof backup === "string" || backup.bits !== 32 || backup.sectorSize !== sectorSize) continue;
    const finding = { kind: "boot-sector", text: `boot sector: ${g}`, repair: "restore it from its copy" };
    if (request.found(finding) && device.write) finished(device.write(copy, 0), errnos);
    return backup;
  }
  return g;
}

/** The copy of the boot sector, where FAT32 has one. */
export function checkBackup(state: State): void {
  const { g } = state;
  const boot = state.read(0, g.sectorSize);
  const at = backupAt(state, boot);
  if (at === 0) return;
  // The state byte changes with every mount; in the copy it is clean.
  boot[g.stateByte]! &= ~3;
  const copy = state.read(at, g.sectorSize);
  if (boot.every((b, i) => b === copy[i])) return;
  const text = "the boot sector and its copy differ";
  const finding = { kind: "boot-copy", text, repair: "copy the boot sector", safe: true };
  if (state.found(finding)) state.write(boot, at);
}

/** FSInfo: its marks, the count of free clusters and the hint. */
export function checkInfo(state: State, free: number): void {
  const { g } = state;
  if (g.fsInfo === 0) return;
  const sector = state.read(g.fsInfo, g.sectorSize);
  const d = viewOf(sector);
  const marked = d.getUint32(0, true) === FSINFO_LEAD && FsInfo.get.tail(d, FSINFO_AT) === FSINFO_TAIL &&
    d.getUint16(SIGNATURE, true) === 0xaa55;
  const [said, next] = [FsInfo.get.free(d, FSINFO_AT), FsInfo.get.next(d, FSINFO_AT)];
  const text = !marked
    ? "is no FSInfo sector"
    : said !== free && said !== UNKNOWN
    ? `says that ${said} clusters are free; there are ${free}`
    : next !== UNKNOWN && !state.table.valid(next)
    ? `says that cluster ${next} is the next one`
    : undefined;
  if (text === undefined) return;
  const finding = { kind: marked ? "free-count" : "fsinfo", text: `FSInfo ${text}`, repair: "mend it", safe: true };
  if (!state.found(finding)) return;
  d.setUint32(0, FSINFO_LEAD, true);
  FsInfo.set.tail(d, FSINFO_AT, FSINFO_TAIL);
  d.setUint16(SIGNATURE, 0xaa55, true);
  FsInfo.set.free(d, FSINFO_AT, free);
  if (!state.table.valid(next)) FsInfo.set.next(d, FSINFO_AT, 2);
  state.write(sector, g.fsInfo);
}
const UNKNOWN = 0xffff_ffff;

/** What no label has in it, as fsck.fat sees it, too. */
// deno-lint-ignore no-control-regex -- control characters are what is looked for
const IMPOSSIBLE = /[\0-\x1f"*+,.\/:;<=>?[\\\]|]/;
/** The label in the boot sector is a copy of the root directory's. */
export function checkLabel(state: State): void {
  const { g } = state;
  const at = g.bits === 32 ? LABEL_32 : LABEL_16;
  const boot = state.read(0, g.sectorSize);
  if (boot[at - 5] !== 0x29) return;
  const has = String.fromCharCode(...boot.subarray(at, at + 11));
  const label = state.label ?? (IMPOSSIBLE.test(has) ? NO_NAME : has);
  if (has === label || (has === NO_NAME && label.trim() === "")) return;
  const text = state.label === undefined
    ? `the boot sector says "${has.trim()}", which is no label`
    : `the boot sector says "${has.trim()}", the root directory "${label.trim()}"`;
  const repair = state.label === undefined ? "take it away" : "copy the root directory's";
  if (!state.found({ kind: "label", text, repair, safe: true })) return;
  for (let i = 0; i < 11; i++) boot[at + i] = label.charCodeAt(i);
  // Read again: the mark may have been set meanwhile.
  boot[g.stateByte] = state.read(0, g.sectorSize)[g.stateByte]!;
  state.write(boot, 0);
  copyToBackup(state, boot);
}
function copyToBackup(state: State, boot: Uint8Array): void {
  const at = backupAt(state, boot);
  const clean = boot.slice();
  clean[state.g.stateByte]! &= ~3;
  if (at > 0) state.write(clean, at);
}
/** Byte the copy of the boot sector stands at; 0: there is none, or a place that is not for it. */
function backupAt({ g }: State, boot: Uint8Array): number {
  if (g.bits !== 32) return 0;
  const number = Bpb32.get.backup(viewOf(boot), Bpb.size);
  const at = number * g.sectorSize;
  return number === 0xffff || at === g.fsInfo || at + g.sectorSize > g.fatStart ? 0 : at;
}

/** The mark goes when nothing is left to mend. */
export function checkMark(state: State): void {
  const { g, table } = state;
  const clean = g.bits === 16 ? 0xc000 : g.bits === 32 ? 0x0c00_0000 : 0;
  const entry = table.get(1);
  const marked = (state.read(0, g.sectorSize)[g.stateByte]! & 3) !== 0 || (entry & clean) !== clean;
  if (!marked) return;
  if (state.left > 0) return;
  if (!state.begun) {
    const finding = { kind: "dirty", text: "was not unmounted cleanly", repair: "mark it clean", safe: true };
    if (!state.found(finding)) return;
  }
  if ((entry & clean) !== clean) table.set(1, entry | clean);
  table.flush();
  const boot = state.read(0, g.sectorSize);
  boot[g.stateByte]! &= ~3;
  state.write(boot, 0);
}
