/** tmpfs: files in memory (NetBSD: mount_tmpfs(8)). */
import * as v from "valibot";
import type { FsDriver, Sys } from "../../src/plugin.ts";
import { memoryVolume, type Node } from "./memory.ts";

const count = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(Number.MAX_SAFE_INTEGER));
/** What is said of a number: for --help, and how mount_tmpfs(8) has it. */
const told = (about: string, letter: string | undefined, format: string, ...also: string[]) =>
  v.pipe(count, v.description(about), v.metadata({ ...letter !== undefined && { letter }, format, also }));
/** A part of the memory there is: 25%, or as mount_tmpfs(8) has it, ram%25 and ram/4. */
const share = v.pipe(
  v.string(),
  v.regex(/^(\d{1,3}%|ram%\d{1,3}|ram\/\d{1,9})$/, "neither a size nor a part of the memory"),
);
const size = v.pipe(
  v.union([count, share]),
  v.description(
    "most bytes of data there may be, with suffix k, m or g, or 25% (ram%25, ram/4) of the memory; 0: 512m",
  ),
  v.metadata({ letter: "s", format: "memory", type: "number" }),
);
const options = v.strictObject({
  /** 0: as much as `DEFAULT_SIZE`. */
  size: v.optional(size, 0),
  filesize: v.optional(told("longest file, bytes; 0: no limit", undefined, "size"), 0),
  nodes: v.optional(told("most files there may be; 0: one for each KiB", "n", "size", "nr_inodes"), 0),
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

/** The bytes of a size, or of a part of the memory. */
function bytesOf(size: number | string, { kernel }: Sys): number {
  if (typeof size === "number") return size;
  const [, percent] = /(\d+)%$|%(\d+)$/.exec(size) ? /(\d+)/.exec(size)! : [];
  const part = percent === undefined ? 1 / Number(size.slice("ram/".length)) : Number(percent) / 100;
  return Math.floor(Number(kernel.get("hw.physmem64") ?? 0) * part);
}

const driver: FsDriver<v.InferOutput<typeof options>, Node> = {
  kind: "fs",
  name: "tmpfs",
  about: "Mount a file system in memory: it is gone when it is unmounted.",
  options,
  mount(sys, _device, { options: o, over }) {
    const size = bytesOf(o.size, sys) || DEFAULT_SIZE;
    return memoryVolume(sys, {
      size,
      // As NetBSD's: a file is not longer than the volume is large, though its holes take nothing.
      holes: false,
      fileSize: o.filesize,
      // As NetBSD's.
      nodes: o.nodes || 3 + Math.floor(size / 1024),
      root: { uid: o.uid ?? over.uid, gid: o.gid ?? over.gid, mode: o.mode ?? over.mode },
      countLinks: true,
      unit: 4096,
      dirSize: (entries) => entries * DIRENT,
      label: "tmpfs",
    });
  },
};
export default driver;
