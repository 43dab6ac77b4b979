/** The interface `virt`: Ethernet to the host by a TAP device (NetBSD: rumpnet_virtif). */
import type { NetDriver } from "../../src/plugin.ts";
import { VirtDevice } from "./device.ts";

const driver: NetDriver = {
  kind: "net",
  name: "virt",
  create: (sys, unit) => new VirtDevice(sys, unit),
};
export default driver;
