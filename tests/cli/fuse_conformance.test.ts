/** The conformance suite over real mounts, by the host's own system calls. */
import { after, before, describe } from "node:test";
import type { Capability } from "../../src/plugin.ts";
import { conformanceOnPath } from "../conformance/posix.ts";
import { noFuse, Shell } from "./helpers.ts";

/** What FAT has no room for, and what Linux does not hand on. */
const noFat: readonly Capability[] = [
  "links",
  "dirlinks",
  "symlinks",
  "nodes",
  "modes",
  "owners",
  "case",
  "names",
  "atime",
  "huge",
  "recase",
];
const mounts: readonly (readonly [title: string, command: string, lacks: readonly Capability[]])[] = [
  ["rump_tmpfs", "rump_tmpfs -s 8g tmpfs mnt", []],
  ["rump_union", "mkdir up low && echo x > low/f && rump_union up low mnt", ["dirlinks"]],
  ["rump_msdos FAT12", "truncate -s 4M d.img && mkfs.fat -F 12 d.img && rump_msdos d.img mnt", noFat],
  ["rump_msdos FAT16", "truncate -s 64M d.img && mkfs.fat -F 16 d.img && rump_msdos d.img mnt", noFat],
  ["rump_msdos FAT32", "truncate -s 300M d.img && mkfs.fat -F 32 d.img && rump_msdos d.img mnt", noFat],
];
describe("conformance over FUSE", { skip: noFuse() }, () => {
  for (const [title, command, lacks] of mounts) {
    describe(title, () => {
      let sh: Shell;
      before(() => {
        sh = new Shell();
        sh.must(`mkdir mnt && ${command}`);
      });
      after(() => {
        sh.must("umount mnt || umount -l mnt");
        sh.close();
      });
      let n = 0;
      conformanceOnPath(title, () => sh.mkdir(`mnt/${n++}`), lacks);
    });
  }
});
