/** squashfs: compressed images of Linux (Squashfs 4.0, with every compression of mksquashfs), which cannot be written. */
import { anyByte } from "../../src/lib/aligned.ts";
import { then } from "../../src/lib/async.ts";
import * as v from "valibot";
import type { FsDriver } from "../../src/plugin.ts";
import { type Node, nodeOf } from "./inode.ts";
import { Superblock } from "./layout.ts";
import { Blocks } from "./metadata.ts";
import { parseSuper } from "./superblock.ts";
import { readIds } from "./tables.ts";
import { SquashVolume } from "./volume.ts";

const options = v.strictObject({});

const driver: FsDriver<v.InferOutput<typeof options>, Node> = {
  kind: "fs",
  name: "squashfs",
  about: "Mount a Squashfs image (gzip, lz4, lzma, lzo, xz or zstd).",
  wantsDevice: true,
  readOnly: true,
  options,
  mount(sys, device) {
    if (!device) throw sys.errno.ENOTBLK;
    const { EIO, EINVAL } = sys.errno;
    const disk = anyByte(device, EIO);
    const refuse = (why: string): never => {
      sys.log(`squashfs: ${device.name}: not a Squashfs volume: ${why}`);
      throw EINVAL;
    };
    const start = new Uint8Array(Math.min(Superblock.size, device.size));
    return then(disk.read(start, 0), () => {
      const s = parseSuper(start, device.size);
      if (typeof s === "string") return refuse(s);
      const blocks = new Blocks({ sys, disk, compression: s.compression, size: s.bytesUsed });
      const root = nodeOf(s.root, "dir") ?? refuse("no root directory");
      return then(
        readIds({ blocks, s, eio: EIO }, disk),
        (ids) => new SquashVolume({ sys, disk, root, reading: { blocks, s, ids, eio: EIO } }),
      );
    });
  },
};
export default driver;
