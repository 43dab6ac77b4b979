/** The interface `bridge`: several Ethernet interfaces as one (NetBSD: rumpnet_bridge, bridge(4)). */
import type { NetDriver } from "../../src/plugin.ts";
import { BridgeDevice } from "./bridge.ts";

const driver: NetDriver = { kind: "net", name: "bridge", create: (sys) => new BridgeDevice(sys) };
export default driver;
