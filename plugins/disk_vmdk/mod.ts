/** vmdk: VMware's sparse images in one file (monolithicSparse), read and written, and compressed ones (streamOptimized), read. */
import { finished } from "../../src/lib/finished.ts";
import { viewOf } from "../../src/lib/struct.ts";
import type { DiskDriver } from "../../src/plugin.ts";
import { AT_END, Header, SECTOR } from "./layout.ts";
import { parseHeader } from "./header.ts";
import { Sparse } from "./sparse.ts";

/** The footer of a stream: its copy of the header stands this far from the end. */
const FOOTER = 1024;

const driver: DiskDriver = {
  kind: "disk",
  name: "vmdk",
  open(sys, _options, request) {
    const base = request?.base;
    if (!base) throw sys.errno.ENOTBLK;
    const refuse = (why: string): never => {
      sys.log(`vmdk: ${request.source}: ${why}`);
      throw sys.errno.EINVAL;
    };
    const start = new Uint8Array(SECTOR);
    if (base.size < FOOTER) return refuse("shorter than a header");
    finished(base.read(start, 0), sys.errno);
    if (Header.get.directory(viewOf(start), 0) === AT_END) finished(base.read(start, base.size - FOOTER), sys.errno);
    const geometry = parseHeader(start, base.size);
    if (typeof geometry === "string") return refuse(geometry);
    const text = new Uint8Array(geometry.descriptorSize);
    finished(base.read(text, geometry.descriptorOffset), sys.errno);
    const description = new TextDecoder().decode(text);
    const parent = /^\s*parentCID\s*=\s*([0-9a-f]+)/mi.exec(description)?.[1];
    if (parent !== undefined && parent.toLowerCase() !== "ffffffff") {
      return refuse("a change of another image: not supported");
    }
    if ((description.match(/^\s*RW\s/gm)?.length ?? 1) > 1) return refuse("in several files: not supported");
    return new Sparse(sys, base, geometry, request).device(request.source);
  },
};
export default driver;
