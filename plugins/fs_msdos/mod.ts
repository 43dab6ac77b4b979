/**
 * msdos: FAT12, FAT16 and FAT32 with long names (NetBSD: mount_msdos(8)). Unlike NetBSD's, names are UTF-8 and long unless
 * told otherwise: a fresh image would else lose what is written to it, `-s` is there for those who want it.
 */
import { anyByte } from "../../src/lib/aligned.ts";
import { then } from "../../src/lib/async.ts";
import type { Async, BlockDevice, FsDriver, MountRequest, Sys } from "../../src/plugin.ts";
import { DOS_LACKS } from "../../src/wire/dos_attributes.ts";
import { type Geometry, looksLike, parseBpb } from "./bpb.ts";
import { checkVolume } from "./check.ts";
import { type CodePage, cp437, latin1, loadPage } from "./codepage.ts";
import { floppyWithoutBpb } from "./floppy.ts";
import { Health } from "../../src/lib/health.ts";
import { Names } from "./names.ts";
import type { Node } from "./node.ts";
import { type MsdosOptions, options } from "./options.ts";
import { Store } from "./store.ts";
import { finished } from "../../src/lib/finished.ts";
import { MsdosVolume } from "./volume.ts";

export type { MsdosOptions };

/** How much of the start tells what an image is. */
const START = 64 << 10;

const driver: FsDriver<MsdosOptions, Node> = {
  kind: "fs",
  name: "msdos",
  wantsDevice: true,
  about: "Mount an MS-DOS (FAT12, FAT16, FAT32) image or device.",
  lacks: DOS_LACKS,
  options,
  mount(sys, device, request) {
    if (!device) throw sys.errno.ENOTBLK;
    const disk = anyByte(device, sys.errno.EIO);
    const g = geometry(sys, disk, request);
    return named(sys, request.options, (names) => {
      const health = new Health(sys, `msdos: ${device.name}`, request.options.errors === "remount-ro");
      return new MsdosVolume(sys, new Store(sys, disk, g, health), names, request);
    });
  },
  prepare: (sys, options) => then(named(sys, options, () => undefined), () => undefined),
  check: (sys, device, request) => checkVolume(sys, anyByte(device, sys.errno.EIO), request),
};
export default driver;

/** Where everything is; EINVAL, with the reason in the log, for what is no FAT volume. */
function geometry(sys: Sys, device: BlockDevice, request: MountRequest<MsdosOptions>): Geometry {
  const refuse = (why: string): never => {
    sys.log(`msdos: ${device.name}: ${why}`);
    throw sys.errno.EINVAL;
  };
  const start = new Uint8Array(Math.min(START, device.size));
  finished(device.read(start, 0), sys.errno);
  const parsed = parseBpb(start, request.options.gemdos);
  const g = typeof parsed === "string" ? floppyWithoutBpb(start, device.size) ?? parsed : parsed;
  if (typeof g === "string") {
    const like = looksLike(start);
    return refuse(`not a FAT volume: ${g}${like ? ` (${like})` : ""}`);
  }
  const writes = !request.readOnly && device.write && !request.options.deleted;
  if (g.size > device.size && writes) {
    return refuse(
      `truncated: the volume has ${g.size} bytes, the image ${device.size} (-o ro mounts what is there)`,
    );
  }
  return g;
}

/** With the tables of the code page and the character set; at once where none have to be loaded. */
function named<T>(sys: Sys, o: MsdosOptions, mount: (names: Names) => T): Async<T> {
  const charset = o.iocharset ?? (o.utf8 ? "utf8" : latin1.name);
  const page = o.codepage === 437 ? cp437 : undefined;
  const set = charset === "utf8" ? undefined : charset === latin1.name ? latin1 : charset;
  if (page && typeof set !== "string") return mount(new Names(o, page, set, sys.errno));
  return load(sys, page ?? `cp${o.codepage}`, set).then(([p, s]) => mount(new Names(o, p!, s, sys.errno)));
}
async function load(
  sys: Sys,
  ...wanted: readonly (CodePage | string | undefined)[]
): Promise<(CodePage | undefined)[]> {
  return await Promise.all(wanted.map(async (want) => {
    if (typeof want !== "string") return want;
    const page = await loadPage(want);
    if (page) return page;
    sys.log(`msdos: ${want}: no table of it`);
    throw sys.errno.EINVAL;
  }));
}
