/** qcow2: QEMU's disk images, versions 2 and 3, read and written; also those that are changes of another image. */
import { anyByte } from "../../src/lib/aligned.ts";
import { finished } from "../../src/lib/finished.ts";
import type { BlockDevice, DiskDriver, DiskRequest, Sys } from "../../src/plugin.ts";
import { type Creation, creation, emptyImage } from "./create.ts";
import { describe, headerOf } from "./describe.ts";
import { Qcow2Disk } from "./disk.ts";
import { type Geometry, parseHeader } from "./header.ts";
import { Header3, HEADER3_AT } from "./layout.ts";
import { Store } from "./store.ts";

const driver: DiskDriver<unknown, Creation> = {
  kind: "disk",
  name: "qcow2",
  creation,
  create(sys, request) {
    const { base, size, options, backing, source } = request;
    const empty = emptyImage({ size, ...options, backing });
    if (typeof empty === "string") {
      sys.log(`qcow2: ${source}: ${empty}`);
      throw sys.errno.EINVAL;
    }
    finished(base.resize!(empty.length), sys.errno);
    for (const [offset, bytes] of empty.pieces) finished(base.write!(bytes, offset), sys.errno);
    const g = parseHeader(empty.pieces[0]![1]) as Geometry;
    const below = backing && anyByte(backing.device, sys.errno.EIO);
    const disk = new Qcow2Disk(sys, new Store(base, g, sys.errno), below, true, options.compress !== "none");
    return disk.device(source);
  },
  describe,
  open(sys, _options, request) {
    const base = request?.base;
    if (!base) throw sys.errno.ENOTBLK;
    const g = headerOf(sys, base, request.source);
    if (g.backing !== undefined && !request.backing) {
      sys.log(
        `qcow2: ${request.source}: a change of ${JSON.stringify(g.backing)}: --backing FILE says which image that is`,
      );
      throw sys.errno.EINVAL;
    }
    return open(sys, base, g, request);
  },
};
export default driver;

function open(sys: Sys, base: BlockDevice, g: Geometry, request: DiskRequest): BlockDevice {
  const plain = anyByte(base, sys.errno.EIO);
  const store = new Store(plain, g, sys.errno);
  const writes = !request.readOnly && store.writable && g.readOnly === undefined;
  if (g.readOnly !== undefined && !request.readOnly) {
    sys.log(`qcow2: ${request.source}: ${g.readOnly}: read-only (qemu-img check -r all mends it)`);
  }
  const backing = request.backing && anyByte(request.backing, sys.errno.EIO);
  const disk = new Qcow2Disk(sys, store, backing, writes);
  // Notes others made of the data (bitmaps) are untrue once it is written: without their bits nobody believes them.
  if (writes && g.autoclear) store.write(new Uint8Array(8), HEADER3_AT + Header3.at.autoclearHigh);
  return disk.device(request.source);
}
