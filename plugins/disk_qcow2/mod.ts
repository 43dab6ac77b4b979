/** qcow2: QEMU's disk images, versions 2 and 3, read and written; also those that are changes of another image. */
import { anyByte } from "../../src/lib/aligned.ts";
import { finished } from "../../src/lib/finished.ts";
import type { BlockDevice, DiskDriver, DiskRequest, Sys } from "../../src/plugin.ts";
import { Qcow2Disk } from "./disk.ts";
import { type Geometry, parseHeader, START } from "./header.ts";
import { Header3, HEADER3_AT } from "./layout.ts";
import { Store } from "./store.ts";

const driver: DiskDriver = {
  kind: "disk",
  name: "qcow2",
  open(sys, _options, request) {
    const base = request?.base;
    if (!base) throw sys.errno.ENOTBLK;
    const refuse = (why: string): never => {
      sys.log(`qcow2: ${request.source}: ${why}`);
      throw sys.errno.EINVAL;
    };
    const start = new Uint8Array(Math.min(START, base.size));
    finished(base.read(start, 0), sys.errno);
    const g = parseHeader(start);
    if (typeof g === "string") return refuse(g);
    if (g.backing !== undefined && !request.backing) {
      return refuse(`a change of ${JSON.stringify(g.backing)}: --backing FILE says which image that is`);
    }
    return open(sys, base, g, request);
  },
};
export default driver;

function open(sys: Sys, base: BlockDevice, g: Geometry, request: DiskRequest): BlockDevice {
  const plain = anyByte(base, sys.errno.EIO) as BlockDevice;
  const store = new Store(plain, g, sys.errno);
  const writes = !request.readOnly && store.writable && g.readOnly === undefined;
  if (g.readOnly !== undefined && !request.readOnly) {
    sys.log(`qcow2: ${request.source}: ${g.readOnly}: read-only (qemu-img check -r all mends it)`);
  }
  const disk = new Qcow2Disk(sys, store, request.backing, writes);
  // Notes others made of the data (bitmaps) are untrue once it is written: without their bits nobody believes them.
  if (writes && g.autoclear) store.write(new Uint8Array(8), HEADER3_AT + Header3.at.autoclearHigh);
  return disk.device(request.source);
}
