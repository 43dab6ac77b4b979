/** exfat: exFAT of SD cards and USB sticks, after Microsoft's specification 1.00. */
import { anyByte } from "../../src/lib/aligned.ts";
import { finished } from "../../src/lib/finished.ts";
import { Health } from "../../src/lib/health.ts";
import type { BlockDevice, FsDriver, MountRequest, Sys } from "../../src/plugin.ts";
import { DOS_LACKS } from "../../src/wire/dos_attributes.ts";
import { ATTR_DIRECTORY } from "../../src/wire/fat.ts";
import { type Layout, readBoot } from "./boot.ts";
import { checkVolume } from "./check.ts";
import { Clusters, countOf, type Run } from "./clusters.ts";
import { LARGEST_DIRECTORY } from "./data.ts";
import { Index, type Specials } from "./directory.ts";
import { Names } from "./names.ts";
import { newNode, type Node } from "./node.ts";
import { type ExfatOptions, options } from "./options.ts";
import { LARGEST_BITMAP, Space } from "./space.ts";
import { expandTable, LARGEST_TABLE, tableChecksum } from "./upcase.ts";
import { ExfatVolume } from "./volume.ts";

const driver: FsDriver<ExfatOptions, Node> = {
  kind: "fs",
  name: "exfat",
  about: "Mount an exFAT image or device (SD cards, USB sticks).",
  wantsDevice: true,
  lacks: DOS_LACKS,
  options,
  mount(sys, device, request) {
    if (!device) throw sys.errno.ENOTBLK;
    const disk = anyByte(device, sys.errno.EIO);
    const layout = finished(readBoot(disk), sys.errno);
    if (typeof layout === "string") {
      sys.log(`exfat: ${device.name}: not an exFAT volume: ${layout}`);
      throw sys.errno.EINVAL;
    }
    return open(sys, disk, layout, request);
  },
  check: (sys, device, request) => checkVolume(sys, anyByte(device, sys.errno.EIO), request),
};
export default driver;

function open(sys: Sys, disk: BlockDevice, layout: Layout, request: MountRequest<ExfatOptions>): ExfatVolume {
  const health = new Health(sys, `exfat: ${disk.name}`, request.options.errors === "remount-ro");
  const clusters = new Clusters(sys, disk, layout, health);
  const root = newNode("", ATTR_DIRECTORY);
  root.place(layout.root, false);
  root.ino = 1;
  root.runs = clusters.runs({ first: layout.root, size: Infinity, isContiguous: false });
  const { bitmap, upcase } = specialsOf(sys, clusters, root.runs);
  if (!bitmap || !upcase) return clusters.fail("no allocation bitmap or no up-case table");
  const upper = upperOf(clusters, upcase);
  const where = clusters.runs(bitmap);
  const space = spaceOf(clusters, where, bitmap.size);
  const why = whyReadOnly(layout, disk);
  if (why !== undefined && !request.readOnly && disk.write) health.say(`read-only: ${why}`);
  const readOnly = why !== undefined || !disk.write;
  return new ExfatVolume(sys, { clusters, root, upper, space, bitmap: where, readOnly }, request);
}
/** Why a volume is not written. */
function whyReadOnly(layout: Layout, disk: BlockDevice): string | undefined {
  if (layout.isBackup) return "its boot region is damaged";
  if (layout.size > disk.size) return `truncated: the volume has ${layout.size} bytes, the image ${disk.size}`;
  return undefined;
}
/** Bitmap and up-case table, which the root directory tells of. */
function specialsOf(sys: Sys, clusters: Clusters, runs: readonly Run[]): Specials {
  const size = countOf(runs) * clusters.layout.clusterSize;
  if (size > LARGEST_DIRECTORY) clusters.fail(`a root directory of ${size} bytes`);
  const bytes = new Uint8Array(size);
  clusters.read(runs, bytes, 0);
  const index = new Index();
  index.load(bytes, new Names(new Uint16Array(0x1_0000), sys.errno), (_, make) => make());
  return index.specials;
}
function upperOf(clusters: Clusters, upcase: NonNullable<Specials["upcase"]>): Uint16Array {
  if (upcase.size > LARGEST_TABLE) clusters.fail(`an up-case table of ${upcase.size} bytes`);
  const table = new Uint8Array(upcase.size);
  clusters.read(clusters.runs(upcase), table, 0);
  if (tableChecksum(table) !== upcase.checksum) clusters.fail("the up-case table's checksum is wrong");
  return expandTable(table);
}
function spaceOf(clusters: Clusters, runs: readonly Run[], size: number): Space {
  const count = clusters.layout.clusters;
  const bytes = Math.ceil(count / 8);
  if (size < bytes) clusters.fail(`an allocation bitmap of ${size} bytes`);
  if (bytes > LARGEST_BITMAP) clusters.fail(`an allocation bitmap of ${bytes} bytes: more than is kept in memory`);
  const bits = new Uint8Array(bytes);
  clusters.read(runs, bits, 0);
  return new Space(bits, count);
}
