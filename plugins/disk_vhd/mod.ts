/** vhd: images of Virtual PC and Hyper-V (Virtual Hard Disk Image Format Specification 1.0), of fixed size and growing ones. */
import { finished } from "../../src/lib/finished.ts";
import { viewOf } from "../../src/lib/struct.ts";
import type { DiskDriver } from "../../src/plugin.ts";
import { Dynamic } from "./dynamic.ts";
import { fixedDisk } from "./fixed.ts";
import { DISK_DYNAMIC, DISK_FIXED, Footer, FOOTER_SIZE, isSummed } from "./layout.ts";

const driver: DiskDriver = {
  kind: "disk",
  name: "vhd",
  open(sys, _options, request) {
    const base = request?.base;
    if (!base) throw sys.errno.ENOTBLK;
    const refuse = (why: string): never => {
      sys.log(`vhd: ${request.source}: ${why}`);
      throw sys.errno.EINVAL;
    };
    if (base.size < FOOTER_SIZE) return refuse("shorter than a footer");
    const footer = new Uint8Array(FOOTER_SIZE);
    // A growing image has a copy at its start, for when the end is damaged.
    for (const at of [base.size - FOOTER_SIZE, 0]) {
      finished(base.read(footer, at), sys.errno);
      if (isSummed(footer, Footer.at.checksum)) break;
    }
    if (!isSummed(footer, Footer.at.checksum)) return refuse("the footer's checksum is wrong");
    const d = viewOf(footer);
    const type = Footer.get.type(d, 0);
    const size = Footer.get.size(d, 0);
    if (!Number.isSafeInteger(size)) return refuse(`a disk of ${size} bytes`);
    if (type === DISK_FIXED) {
      return size + FOOTER_SIZE > base.size ? refuse("truncated") : fixedDisk(base, size, request, sys);
    }
    if (type !== DISK_DYNAMIC) return refuse(type === 4 ? "a change of another image: not supported" : `type ${type}`);
    const dynamic = Dynamic.open({ sys, base, footer, request });
    return typeof dynamic === "string" ? refuse(dynamic) : dynamic.device(request.source);
  },
};
export default driver;
