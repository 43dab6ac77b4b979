/** The interface `vlan`: one VLAN of an Ethernet interface (NetBSD: vlan(4)). */
import type { NetDriver } from "../../src/plugin.ts";
import { VlanDevice } from "./device.ts";

const driver: NetDriver = { kind: "net", name: "vlan", create: (sys) => new VlanDevice(sys) };
export default driver;
