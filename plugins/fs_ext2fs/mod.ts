/** ext2fs: ext2 for reading and writing, ext3 and ext4 for reading (NetBSD: mount_ext2fs(8)). */
import * as v from "valibot";
import { anyByte } from "../../src/lib/aligned.ts";
import { finished } from "../../src/lib/finished.ts";
import { Health } from "../../src/lib/health.ts";
import { viewOf } from "../../src/lib/struct.ts";
import type { BlockDevice, FsDriver, MountRequest, Sys } from "../../src/plugin.ts";
import { STATE_ERROR, Super, SUPER_AT, SUPER_SIZE } from "../../src/wire/ext2.ts";
import { incompat, unwritable } from "./features.ts";
import { type Layout, parseSuper } from "./layout.ts";
import type { Node } from "./node.ts";
import { replayed } from "./replay.ts";
import { Store } from "./store.ts";
import { ReadVolume } from "./volume.ts";
import { WriteVolume } from "./write_volume.ts";

const options = v.strictObject({
  sb: v.optional(v.pipe(
    v.number(),
    v.integer(),
    v.minValue(1),
    v.maxValue(0xffff_ffff),
    v.description("take a copy of the superblock, at this block of 1 KiB; read-only"),
  )),
  noload: v.optional(
    v.pipe(
      v.boolean(),
      v.description("leave the journal alone: what it has to say is not seen"),
      v.metadata({ also: ["norecovery"] }),
    ),
    false,
  ),
  errors: v.optional(
    v.pipe(v.picklist(["continue", "remount-ro"]), v.description("what damage found does to the mount")),
    "continue",
  ),
});
type Ext2Options = v.InferOutput<typeof options>;

const driver: FsDriver<Ext2Options, Node> = {
  kind: "fs",
  name: "ext2fs",
  about: "Mount an ext2 or ext3 volume, or read one of ext4.",
  wantsDevice: true,
  options,
  mount(sys, device, request) {
    if (!device) throw sys.errno.ENOTBLK;
    const disk = anyByte(device, sys.errno.EIO);
    const health = new Health(sys, `ext2fs: ${device.name}`, request.options.errors === "remount-ro");
    const refuse = (why: string): never => {
      health.say(why);
      throw sys.errno.EINVAL;
    };
    const [layout, superBlock] = layoutOn(sys, disk, request, refuse);
    const store = recovered(sys, new Store(sys, disk, layout, health), superBlock, request);
    const why = notWritten(store, disk, superBlock, request);
    if (why === "") return new WriteVolume(sys, store, request.readOnly);
    if (!request.readOnly && device.write) health.say(`read-only: ${why}`);
    return new ReadVolume(sys, store);
  },
};
export default driver;

/** What the superblock says; refused with the reason when it is none. */
function layoutOn(
  sys: Sys,
  disk: BlockDevice,
  { options: o }: MountRequest<Ext2Options>,
  refuse: (why: string) => never,
): readonly [Layout, DataView] {
  const at = o.sb === undefined ? SUPER_AT : o.sb * 1024;
  const bytes = new Uint8Array(SUPER_SIZE);
  if (at + SUPER_SIZE > disk.size) return refuse("not an ext2, ext3 or ext4 volume");
  finished(disk.read(bytes, at), sys.errno);
  const layout = parseSuper(bytes);
  return typeof layout === "string" ? refuse(layout) : [layout, viewOf(bytes)];
}
/** The store, or one over what the journal says. */
function recovered(sys: Sys, store: Store, superBlock: DataView, { options: o }: MountRequest<Ext2Options>): Store {
  const { l, health } = store;
  if (l.blocks * l.blockSize > store.device.size) {
    health.say(
      `truncated: the volume has ${
        l.blocks * l.blockSize
      } bytes, the image ${store.device.size}; what is there is read`,
    );
  }
  if (!(l.incompat & incompat.needs_recovery)) return store;
  const disk = o.noload ? "was not unmounted, and its journal is left alone" : replayed(store, superBlock);
  if (typeof disk !== "string") return new Store(sys, disk, layoutAfter(disk, l, sys), health);
  health.say(disk);
  return store;
}
/** Why it is only read; empty: it can be written. */
function notWritten(
  { l }: Store,
  disk: BlockDevice,
  superBlock: DataView,
  { options: o }: MountRequest<Ext2Options>,
): string {
  if (!disk.write) return "the image cannot be written";
  const features = unwritable(l.incompat, l.roCompat);
  if (features) return `these features are only read here: ${features}`;
  if (o.sb !== undefined) return "a copy of the superblock was asked for";
  if (l.blocks * l.blockSize > disk.size) return "the image is shorter than the volume";
  return Super.get.state(superBlock, 0) & STATE_ERROR ? "it has errors: e2fsck mends them" : "";
}
/** The journal may have a newer superblock. */
function layoutAfter(disk: BlockDevice, l: Layout, sys: Sys): Layout {
  const bytes = new Uint8Array(SUPER_SIZE);
  finished(disk.read(bytes, SUPER_AT), sys.errno);
  const after = parseSuper(bytes);
  return typeof after === "string" ? l : after;
}
