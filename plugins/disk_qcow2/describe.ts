/** What an image says of itself: its header, and the list of states of the disk that are kept in it. */
import { finished } from "../../src/lib/finished.ts";
import { viewOf } from "../../src/lib/struct.ts";
import { decodeName } from "../../src/lib/text.ts";
import type { BlockDevice, DiskFacts, DiskSnapshot, Sys } from "../../src/plugin.ts";
import { type Geometry, parseHeader, START } from "./header.ts";
import { Snapshot, SnapshotExtra } from "./layout.ts";

/** Snapshots that are told, and the longest one's entry. QEMU keeps 65536 at the most. */
const MOST = 1000;
const LONGEST = 4096;

/** The start of an image, parsed. Throws EINVAL, and the log has why. */
export function headerOf(sys: Sys, base: BlockDevice, source: string): Geometry {
  const start = new Uint8Array(Math.min(START, base.size));
  finished(base.read(start, 0), sys.errno);
  const g = parseHeader(start);
  if (typeof g !== "string") return g;
  sys.log(`qcow2: ${source}: ${g}`);
  throw sys.errno.EINVAL;
}
/** What `rump disk info` tells of an image. Throws EINVAL for one that cannot be read, and what its disk does. */
export function describe(sys: Sys, base: BlockDevice, source: string): DiskFacts {
  const g = headerOf(sys, base, source);
  const { backing: name, backingFormat: format } = g;
  return {
    size: g.size,
    variant: `version ${g.version}`,
    unit: g.clusterSize,
    compression: g.packing === "deflate" ? "zlib" : g.packing,
    ...name !== undefined && { backing: { name, ...format !== undefined && { format } } },
    snapshots: snapshots(sys, base, g),
    ...g.readOnly !== undefined && { notes: [g.readOnly] },
  };
}
/** As many as can be read. */
function snapshots(sys: Sys, base: BlockDevice, g: Geometry): DiskSnapshot[] {
  const found: DiskSnapshot[] = [];
  for (let at = g.snapshotsOffset; found.length < Math.min(g.snapshots, MOST);) {
    const bytes = new Uint8Array(Math.max(0, Math.min(LONGEST, base.size - at)));
    if (bytes.length < Snapshot.size) break;
    finished(base.read(bytes, at), sys.errno);
    const [snapshot, length] = entry(bytes, g);
    if (!snapshot) break;
    found.push(snapshot);
    at += length;
  }
  return found;
}
function entry(bytes: Uint8Array, { size }: Geometry): readonly [DiskSnapshot | undefined, length: number] {
  const d = viewOf(bytes);
  const { get } = Snapshot;
  const extra = get.extra(d, 0);
  const idAt = Snapshot.size + extra;
  const nameAt = idAt + get.idLength(d, 0);
  const end = nameAt + get.nameLength(d, 0);
  if (end > bytes.length) return [undefined, 0];
  const known = extra >= SnapshotExtra.size;
  const text = (from: number, to: number) => decodeName(bytes.subarray(from, to));
  return [{
    id: text(idAt, nameAt),
    name: text(nameAt, end),
    time: get.seconds(d, 0),
    size: known ? SnapshotExtra.get.size(d, Snapshot.size) : size,
    memory: known ? SnapshotExtra.get.memory(d, Snapshot.size) : get.memory(d, 0),
  }, Math.ceil(end / 8) * 8];
}
