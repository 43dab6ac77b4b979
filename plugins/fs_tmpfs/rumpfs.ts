/** rumpfs: the root file system of a rump kernel. In memory, within a limit; where etfs puts host files. */
import type { FsDriver } from "../../src/plugin.ts";
import { memoryVolume, type Node } from "./memory.ts";

/** Bytes of file data: what clients write must not take the host's memory. */
const SIZE = 1 << 30;

const driver: FsDriver<unknown, Node> = {
  kind: "fs",
  name: "rumpfs",
  mount: (sys) =>
    memoryVolume(sys, {
      size: SIZE,
      holes: true,
      fileSize: 0,
      nodes: 0,
      root: { mode: 0o755, uid: 0, gid: 0 },
      countLinks: false,
      unit: 512,
      dirSize: () => 512,
      label: "rumpfs",
    }),
};
export default driver;
