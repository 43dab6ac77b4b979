/** rumpfs: the root file system of a rump kernel. In memory, without a limit of its own; where etfs puts host files. */
import type { FsDriver } from "../../src/plugin.ts";
import { memoryVolume, type Node } from "./memory.ts";

const driver: FsDriver<unknown, Node> = {
  kind: "fs",
  name: "rumpfs",
  mount: (sys) =>
    memoryVolume(sys, {
      size: 0,
      nodes: 0,
      root: { mode: 0o755, uid: 0, gid: 0 },
      countLinks: false,
      unit: 512,
      dirSize: () => 512,
      label: "rumpfs",
    }),
};
export default driver;
