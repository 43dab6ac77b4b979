/**
 * msdos: FAT12, FAT16 and FAT32 with long names (NetBSD: mount_msdos(8)). Unlike NetBSD's, names are UTF-8 and long unless
 * told otherwise: a fresh image would else lose what is written to it, `-s` is there for those who want it.
 */
import * as v from "valibot";
import type { FsDriver } from "../../src/plugin.ts";
import { looksLike, parseBpb } from "./bpb.ts";
import { checkVolume } from "./check.ts";
import type { Node } from "./node.ts";
import { finished } from "./sync.ts";
import { MsdosVolume } from "./volume.ts";

const id = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(0xffff_fffe));
const mode = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(0o777));
const options = v.strictObject({
  /** Owner of everything; left out: the mount point's. */
  uid: v.optional(id),
  gid: v.optional(id),
  /** -m, -M: bits files and directories may have. */
  mask: v.optional(mode),
  dirmask: v.optional(mode),
  /** -l: long names (which is how it is). */
  long: v.optional(v.boolean(), false),
  /** -s: short names only, shown in lower case. */
  short: v.optional(v.boolean(), false),
  /** -9: neither long names nor their dates. */
  win95: v.optional(v.boolean(), false),
  /** -G: GEMDOS and Human68k. */
  gemdos: v.optional(v.boolean(), false),
  /** -U: names are UTF-8; false: bytes one to one. */
  utf8: v.optional(v.boolean(), true),
  /** -t: seconds east of UTC of the volume's times; left out: the process's zone. */
  gmtoff: v.optional(v.pipe(v.number(), v.integer(), v.minValue(-86400), v.maxValue(86400))),
  /** Every change is written at once. */
  sync: v.optional(v.boolean(), false),
});
export type MsdosOptions = v.InferOutput<typeof options>;

/** How much of the start tells what an image is. */
const START = 64 << 10;

const driver: FsDriver<MsdosOptions, Node> = {
  kind: "fs",
  name: "msdos",
  wantsDevice: true,
  options,
  mount(sys, device, request) {
    if (!device) throw sys.errno.ENOTBLK;
    const start = new Uint8Array(Math.min(START, device.size));
    finished(device.read(start, 0), sys.errno);
    const g = parseBpb(start, request.options.gemdos);
    if (typeof g === "string") {
      const like = looksLike(start);
      sys.log(`msdos: ${device.name}: not a FAT volume: ${g}${like ? ` (${like})` : ""}`);
      throw sys.errno.EINVAL;
    }
    if (g.size > device.size && !request.readOnly && device.write) {
      sys.log(
        `msdos: ${device.name}: truncated: the volume has ${g.size} bytes, the image ${device.size} (-o ro mounts what is there)`,
      );
      throw sys.errno.EINVAL;
    }
    return new MsdosVolume(sys, device, g, request);
  },
  check: checkVolume,
};
export default driver;
