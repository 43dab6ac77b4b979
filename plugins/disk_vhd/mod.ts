/** vhd: images of Virtual PC and Hyper-V (Virtual Hard Disk Image Format Specification 1.0), of fixed size and growing ones. */
import { finished } from "../../src/lib/finished.ts";
import { viewOf } from "../../src/lib/struct.ts";
import type { BlockDevice, DiskDriver, DiskRequest, Sys } from "../../src/plugin.ts";
import { type Creation, creation, emptyImage } from "./create.ts";
import { Dynamic } from "./dynamic.ts";
import { fixedDisk } from "./fixed.ts";
import {
  DISK_CHANGES,
  DISK_DYNAMIC,
  DISK_FIXED,
  DynamicHeader,
  Footer,
  FOOTER_SIZE,
  isSummed,
  SECTOR,
} from "./layout.ts";

const driver: DiskDriver<unknown, Creation> = {
  kind: "disk",
  name: "vhd",
  creation,
  create(sys, { base, options, source, size: asked, backing }) {
    if (backing) return refuse(sys, source, "a change of another image: not supported");
    const size = Math.ceil(asked / SECTOR) * SECTOR;
    const id = new Uint8Array(16);
    sys.random(id);
    const empty = emptyImage({ ...options, size, id, now: sys.now() });
    if (typeof empty === "string") return refuse(sys, source, empty);
    finished(base.resize!(empty.length), sys.errno);
    for (const [offset, bytes] of empty.pieces) finished(base.write!(bytes, offset), sys.errno);
    return disk(sys, empty.footer, { base, source, readOnly: false });
  },
  describe(sys, base, source) {
    const d = viewOf(footerOf(sys, base, source));
    const type = Footer.get.type(d, 0);
    const size = Footer.get.size(d, 0);
    if (type !== DISK_DYNAMIC) return { size, variant: variants[type] ?? `type ${type}` };
    const header = new Uint8Array(DynamicHeader.size);
    const at = Footer.get.dataOffset(d, 0);
    if (!(at + header.length <= base.size)) return { size, variant: "dynamic", notes: ["its header is past the end"] };
    finished(base.read(header, at), sys.errno);
    return { size, variant: "dynamic", unit: DynamicHeader.get.blockSize(viewOf(header), 0) };
  },
  open(sys, _options, request) {
    if (!request?.base) throw sys.errno.ENOTBLK;
    return disk(sys, footerOf(sys, request.base, request.source), { ...request, base: request.base });
  },
};
export default driver;

const variants: Readonly<Record<number, string>> = {
  [DISK_FIXED]: "fixed",
  [DISK_DYNAMIC]: "dynamic",
  [DISK_CHANGES]: "a change of another image",
};
function refuse(sys: Sys, source: string, why: string): never {
  sys.log(`vhd: ${source}: ${why}`);
  throw sys.errno.EINVAL;
}
/** The footer; the copy a growing image has at its start, when the end is damaged. */
function footerOf(sys: Sys, base: BlockDevice, source: string): Uint8Array {
  if (base.size < FOOTER_SIZE) return refuse(sys, source, "shorter than a footer");
  const footer = new Uint8Array(FOOTER_SIZE);
  for (const at of [base.size - FOOTER_SIZE, 0]) {
    finished(base.read(footer, at), sys.errno);
    if (!isSummed(footer, Footer.at.checksum)) continue;
    const size = Footer.get.size(viewOf(footer), 0);
    return Number.isSafeInteger(size) ? footer : refuse(sys, source, `a disk of ${size} bytes`);
  }
  return refuse(sys, source, "the footer's checksum is wrong");
}
function disk(sys: Sys, footer: Uint8Array, request: DiskRequest & { readonly base: BlockDevice }): BlockDevice {
  const { base, source } = request;
  const d = viewOf(footer);
  const [type, size] = [Footer.get.type(d, 0), Footer.get.size(d, 0)];
  if (type === DISK_FIXED) {
    return size + FOOTER_SIZE > base.size ? refuse(sys, source, "truncated") : fixedDisk(base, size, request, sys);
  }
  if (type !== DISK_DYNAMIC) {
    return refuse(sys, source, `${variants[type] ?? `type ${type}`}${type === DISK_CHANGES ? ": not supported" : ""}`);
  }
  const dynamic = Dynamic.open({ sys, base, footer, request });
  return typeof dynamic === "string" ? refuse(sys, source, dynamic) : dynamic.device(source);
}
