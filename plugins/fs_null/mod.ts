/** null: a directory of the kernel mounted at a second place, with flags of its own (NetBSD: mount_null(8)). */
import type { FsDriver } from "../../src/plugin.ts";

const driver: FsDriver = {
  kind: "fs",
  name: "null",
  about: "Mount a directory a second time, for instance read-only.",
  layers: { source: "write" },
  // Whatever is asked of it is asked of the directory below: there is nothing to add.
  mount: (sys, _device, { source }) => sys.lend(source),
};
export default driver;
