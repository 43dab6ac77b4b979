/** exfat: exFAT of SD cards and USB sticks, after Microsoft's specification 1.00. It cannot be written yet: mounts are read-only. */
import { anyByte } from "../../src/lib/aligned.ts";
import { then } from "../../src/lib/async.ts";
import { Health } from "../../src/lib/health.ts";
import type { FsDriver, MountRequest, Sys } from "../../src/plugin.ts";
import { type Layout, readBoot } from "./boot.ts";
import { Clusters } from "./clusters.ts";
import type { Entries, Stream } from "./entries.ts";
import { type ExfatOptions, options } from "./options.ts";
import { expandTable, LARGEST_TABLE, tableChecksum } from "./upcase.ts";
import { ExfatVolume, type Node, readEntries } from "./volume.ts";

const driver: FsDriver<ExfatOptions, Node> = {
  kind: "fs",
  name: "exfat",
  about: "Mount an exFAT image (SD cards, USB sticks), for reading.",
  wantsDevice: true,
  readOnly: true,
  options,
  mount(sys, device, request) {
    if (!device) throw sys.errno.ENOTBLK;
    const disk = anyByte(device, sys.errno.EIO);
    return then(readBoot(disk), (layout) => {
      if (typeof layout === "string") {
        sys.log(`exfat: ${device.name}: not an exFAT volume: ${layout}`);
        throw sys.errno.EINVAL;
      }
      return open(sys, disk, layout, request);
    });
  },
};
export default driver;

async function open(
  sys: Sys,
  disk: ReturnType<typeof anyByte>,
  layout: Layout,
  request: MountRequest<ExfatOptions>,
): Promise<ExfatVolume> {
  const health = new Health(sys, `exfat: ${disk.name}`, false);
  const damaged = (what: string) => health.found(what);
  const clusters = new Clusters(disk, sys, layout, damaged);
  const root: Node = { ino: 1, stream: { first: layout.root, size: Infinity, isContiguous: false } };
  const { bitmap, upcase } = await readEntries(clusters, root);
  if (!bitmap || !upcase) return clusters.fail("no allocation bitmap or no up-case table");
  const [upper, free] = [await upperOf(clusters, upcase), await freeOf(clusters, bitmap)];
  return new ExfatVolume({ clusters, request, root, upper, free, damaged });
}
async function upperOf(clusters: Clusters, upcase: NonNullable<Entries["upcase"]>): Promise<Uint16Array> {
  if (upcase.size > LARGEST_TABLE) clusters.fail(`an up-case table of ${upcase.size} bytes`);
  const table = new Uint8Array(upcase.size);
  await clusters.read(await clusters.runs(upcase), table, 0);
  if (tableChecksum(table) !== upcase.checksum) clusters.fail("the up-case table's checksum is wrong");
  return expandTable(table);
}
const PIECE = 1 << 20;
/** Clusters whose bit is not set. */
async function freeOf(clusters: Clusters, bitmap: Stream): Promise<number> {
  const count = clusters.layout.clusters;
  const size = Math.ceil(count / 8);
  if (bitmap.size < size) clusters.fail(`an allocation bitmap of ${bitmap.size} bytes`);
  const runs = await clusters.runs(bitmap);
  let free = 0;
  for (let at = 0; at < size; at += PIECE) {
    const bits = new Uint8Array(Math.min(PIECE, size - at));
    await clusters.read(runs, bits, at);
    for (let i = 0; i < bits.length; i++) free += zeros(bits[i]!, Math.min(8, count - (at + i) * 8));
  }
  return free;
}
function zeros(byte: number, bits: number): number {
  let n = 0;
  for (let i = 0; i < bits; i++) if (!(byte >> i & 1)) n++;
  return n;
}
