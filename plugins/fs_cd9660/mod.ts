/**
 * cd9660: ISO 9660 with Rock Ridge, Joliet, files of several extents, zisofs and boot images (NetBSD: mount_cd9660(8)).
 * It cannot be written.
 */
import { anyByte } from "../../src/lib/aligned.ts";
import { type Async, then } from "../../src/lib/async.ts";
import { Health } from "../../src/lib/health.ts";
import type { FsDriver, MountRequest, Sys } from "../../src/plugin.ts";
import { type BootImage, bootImages } from "../../src/wire/el_torito.ts";
import { type Layout, readDescriptors, type Tree } from "./descriptors.ts";
import { directoryAt, type Reading } from "./directory.ts";
import { SECTOR } from "./layout.ts";
import type { Node } from "./node.ts";
import { type Cd9660Options, options } from "./options.ts";
import { readRecord } from "./record.ts";
import { rockSkip } from "./susp.ts";
import { Cd9660Volume } from "./volume.ts";

export type { Cd9660Options };

const driver: FsDriver<Cd9660Options, Node> = {
  kind: "fs",
  name: "cd9660",
  about: "Mount an ISO 9660 image (CD, DVD): Rock Ridge, Joliet, or plain names.",
  wantsDevice: true,
  readOnly: true,
  options,
  mount(sys, device, request) {
    if (!device) throw sys.errno.ENOTBLK;
    const disk = anyByte(device, sys.errno.EIO);
    return then(readDescriptors(disk, request.options.session ?? 0), (layout) => {
      if (typeof layout === "string") {
        sys.log(`cd9660: ${device.name}: not an ISO 9660 volume: ${layout}`);
        throw sys.errno.EINVAL;
      }
      return open({ sys, disk, layout, request });
    });
  },
};
export default driver;

type Disk = ReturnType<typeof anyByte>;
interface Opening {
  readonly sys: Sys;
  readonly disk: Disk;
  readonly layout: Layout;
  readonly request: MountRequest<Cd9660Options>;
}

function open(o: Opening): Async<Cd9660Volume> {
  const { sys, disk, layout, request } = o;
  const { options } = request;
  return then(skipOf(o), (skip) => {
    const tree = treeOf(layout, options, skip !== undefined);
    const reading = readingOf(o, tree, tree === layout.primary && !options.norrip ? skip : undefined);
    return then(directoryAt(reading, tree.root.extent), (root) => {
      if (!root) throw sys.errno.EINVAL;
      return then(bootOf(o), (boot) => new Cd9660Volume({ sys, disk, reading, root, boot }));
    });
  });
}
/** Rock Ridge, if it is there, is on the primary tree; else Joliet's names are better than plain ones. */
function treeOf(layout: Layout, o: Cd9660Options, hasRock: boolean): Tree {
  if (hasRock && !o.norrip) return layout.primary;
  return (!o.nojoliet && layout.joliet) || layout.primary;
}
/** Bytes to skip in system use areas, as the root's "." says. */
function skipOf({ sys, disk, layout }: Opening): Async<number | undefined> {
  return then(blockAt(sys, disk, layout.primary.root.extent, layout.blockSize), (block) => {
    const self = readRecord(block, 0, block.length);
    return self && rockSkip(self.use);
  });
}
function blockAt(sys: Sys, disk: Disk, n: number, size: number): Async<Uint8Array> {
  if ((n + 1) * size > disk.size) throw sys.errno.EIO;
  const block = new Uint8Array(size);
  return then(disk.read(block, n * size), () => block);
}
function readingOf({ sys, disk, layout, request }: Opening, tree: Tree, skip: number | undefined): Reading {
  const { blockSize } = layout;
  const health = new Health(sys, `cd9660: ${disk.name}`, false);
  return {
    blockSize,
    blocks: Math.floor(disk.size / blockSize),
    options: request.options,
    over: request.over,
    style: { plain: !request.options.gens, wide: tree.wide },
    skip,
    block: (n) => blockAt(sys, disk, n, blockSize),
    damaged: (what) => health.found(what),
  };
}

function bootOf({ disk, layout }: Opening): Async<readonly BootImage[]> {
  const at = (layout.bootCatalog ?? Infinity) * SECTOR;
  if (at + SECTOR > disk.size) return [];
  const catalog = new Uint8Array(SECTOR);
  return then(disk.read(catalog, at), () => bootImages(catalog));
}
