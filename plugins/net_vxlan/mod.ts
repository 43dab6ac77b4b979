/** The interface `vxlan`: Ethernet between hosts over UDP (RFC 7348), by sockets of this host: no rights are needed for it. */
import type { NetDriver } from "../../src/plugin.ts";
import { VxlanDevice } from "./device.ts";

const driver: NetDriver = { kind: "net", name: "vxlan", create: (sys, unit) => new VxlanDevice(sys, unit) };
export default driver;
