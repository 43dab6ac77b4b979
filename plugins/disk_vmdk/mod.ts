/** vmdk: VMware's sparse images in one file (monolithicSparse), read and written, and packed ones (streamOptimized), read and made. */
import { finished } from "../../src/lib/finished.ts";
import { uintOf, viewOf } from "../../src/lib/struct.ts";
import type { BlockDevice, DiskDriver, Sys } from "../../src/plugin.ts";
import { type Creation, creation, emptyImage } from "./create.ts";
import { AT_END, Header, SECTOR } from "./layout.ts";
import { type Geometry, parseHeader } from "./header.ts";
import { Sparse } from "./sparse.ts";
import { StreamWriter } from "./stream.ts";

/** The footer of a stream: its copy of the header stands this far from the end. */
const FOOTER = 1024;

const driver: DiskDriver<unknown, Creation> = {
  kind: "disk",
  name: "vmdk",
  creation,
  create(sys, { base, options, source, size, backing }) {
    if (backing) return refuse(sys, source, "a change of another image: not supported");
    const id = new Uint8Array(4);
    sys.random(id);
    const image = { size, name: source.slice(source.lastIndexOf("/") + 1), id: uintOf(id) };
    if (options.compress === "zlib") {
      const stream = StreamWriter.create(sys, base, image);
      return typeof stream === "string" ? refuse(sys, source, stream) : stream.device(source);
    }
    const empty = emptyImage(image);
    if (typeof empty === "string") return refuse(sys, source, empty);
    finished(base.resize!(empty.length), sys.errno);
    for (const [offset, bytes] of empty.pieces) finished(base.write!(bytes, offset), sys.errno);
    const geometry = parseHeader(empty.pieces[0]![1], empty.length) as Geometry;
    return new Sparse(sys, base, geometry, { source, readOnly: false }).device(source);
  },
  describe(sys, base, source) {
    const { geometry, text } = headerOf(sys, base, source);
    const variant = /^\s*createType\s*=\s*"([^"]*)"/mi.exec(text)?.[1];
    const parent = /^\s*parentFileNameHint\s*=\s*"([^"]*)"/mi.exec(text)?.[1];
    return {
      size: geometry.size,
      unit: geometry.grainSize,
      ...variant !== undefined && { variant },
      ...geometry.compressed && { compression: "zlib" },
      ...isChange(text) && { backing: { name: parent ?? "", format: "vmdk" } },
      ...geometry.unclean && { notes: ["was not closed"] },
    };
  },
  open(sys, _options, request) {
    const base = request?.base;
    if (!base) throw sys.errno.ENOTBLK;
    const { geometry, text } = headerOf(sys, base, request.source);
    if (isChange(text)) return refuse(sys, request.source, "a change of another image: not supported");
    if ((text.match(/^\s*RW\s/gm)?.length ?? 1) > 1) {
      return refuse(sys, request.source, "in several files: not supported");
    }
    return new Sparse(sys, base, geometry, request).device(request.source);
  },
};
export default driver;

function refuse(sys: Sys, source: string, why: string): never {
  sys.log(`vmdk: ${source}: ${why}`);
  throw sys.errno.EINVAL;
}
/** The header, parsed, and the description. Throws EINVAL, and the log has why. */
function headerOf(sys: Sys, base: BlockDevice, source: string): { readonly geometry: Geometry; readonly text: string } {
  const start = new Uint8Array(SECTOR);
  if (base.size < FOOTER) return refuse(sys, source, "shorter than a header");
  finished(base.read(start, 0), sys.errno);
  if (Header.get.directory(viewOf(start), 0) === AT_END) finished(base.read(start, base.size - FOOTER), sys.errno);
  const geometry = parseHeader(start, base.size);
  if (typeof geometry === "string") return refuse(sys, source, geometry);
  const text = new Uint8Array(geometry.descriptorSize);
  finished(base.read(text, geometry.descriptorOffset), sys.errno);
  return { geometry, text: new TextDecoder().decode(text) };
}
function isChange(text: string): boolean {
  const parent = /^\s*parentCID\s*=\s*([0-9a-f]+)/mi.exec(text)?.[1];
  return parent !== undefined && parent.toLowerCase() !== "ffffffff";
}
