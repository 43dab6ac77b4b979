/** tmpfs: files in memory (NetBSD: mount_tmpfs(8)). */
import * as v from "valibot";
import type { FsDriver } from "../../src/plugin.ts";
import { memoryVolume, type Node } from "./memory.ts";

const count = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(Number.MAX_SAFE_INTEGER));
const options = v.strictObject({
  /** Bytes of data; 0: as much as `DEFAULT_SIZE`. */
  size: v.optional(count, 0),
  /** Files; 0: no limit but memory. */
  nodes: v.optional(count, 0),
  /** Owner and mode of the root; left out: the mount point's. */
  uid: v.optional(count),
  gid: v.optional(count),
  mode: v.optional(v.pipe(count, v.maxValue(0o7777))),
});
/** Bytes without `-s`: bounded, whatever is written. */
const DEFAULT_SIZE = 512 << 20;
/** What an entry adds to a directory's size (sizeof(struct tmpfs_dirent)). */
const DIRENT = 48;

const driver: FsDriver<v.InferOutput<typeof options>, Node> = {
  kind: "fs",
  name: "tmpfs",
  options,
  mount(sys, _device, { options: o, over }) {
    return memoryVolume(sys, {
      size: o.size || DEFAULT_SIZE,
      // As NetBSD's: a file's length is room taken.
      holes: false,
      nodes: o.nodes,
      root: { uid: o.uid ?? over.uid, gid: o.gid ?? over.gid, mode: o.mode ?? over.mode },
      countLinks: true,
      unit: 4096,
      dirSize: (entries) => entries * DIRENT,
      label: "tmpfs",
    });
  },
};
export default driver;
