/** tmpfs: files in memory (NetBSD: mount_tmpfs(8)). */
import * as v from "valibot";
import type { FsDriver } from "../../src/plugin.ts";
import { memoryVolume, type Node } from "./memory.ts";

const count = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(Number.MAX_SAFE_INTEGER));
/** What is said of a number: for --help, and how mount_tmpfs(8) has it. */
const told = (about: string, letter: string, format: string, ...also: string[]) =>
  v.pipe(count, v.description(about), v.metadata({ letter, format, also }));
const options = v.strictObject({
  /** 0: as much as `DEFAULT_SIZE`. */
  size: v.optional(told("most bytes of data there may be, with suffix k, m or g; 0: 512m", "s", "size"), 0),
  nodes: v.optional(told("most files there may be; 0: as many as fit", "n", "size", "nr_inodes"), 0),
  uid: v.optional(told("owner of the root directory; left out: the mount point's", "u", "user")),
  gid: v.optional(told("group of the root directory; left out: the mount point's", "g", "group")),
  mode: v.optional(
    v.pipe(told("mode of the root directory; left out: the mount point's", "m", "octal"), v.maxValue(0o7777)),
  ),
});
/** Bytes without `-s`: bounded, whatever is written. */
const DEFAULT_SIZE = 512 << 20;
/** What an entry adds to a directory's size (sizeof(struct tmpfs_dirent)). */
const DIRENT = 48;

const driver: FsDriver<v.InferOutput<typeof options>, Node> = {
  kind: "fs",
  name: "tmpfs",
  about: "Mount a file system in memory: it is gone when it is unmounted.",
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
