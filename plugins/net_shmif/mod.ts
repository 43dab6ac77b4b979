/** The interface `shmif`: Ethernet over a file that processes share as memory, understood by NetBSD's too (shmif(4)). */
import type { NetDriver } from "../../src/plugin.ts";
import { ShmifDevice } from "./device.ts";

const driver: NetDriver = {
  kind: "net",
  name: "shmif",
  create: (sys, unit) => new ShmifDevice(sys, `shmif${unit}`),
};
export default driver;
