/** The component `rumpdev_bpf`: /dev/bpf, the Berkeley Packet Filter (NetBSD: rumpdev_bpf). A device that clones: hence a component. */
import { deviceNodesOf } from "../../kern/device_nodes.ts";
import type { Kernel } from "../../kern/kernel.ts";
import type { Async, Component } from "../../plugin.ts";
import { stackOf } from "../interfaces.ts";
import { BpfPeers } from "./device.ts";
import { peersNode, statsNode } from "./sysctl.ts";
import { MAX_BUFFER } from "./listener.ts";

/** NetBSD's number of bpf(4) on amd64. */
const MAJOR = 23;

const component: Component = {
  kind: "component",
  name: "rumpdev_bpf",
  setup(services): Async<void> {
    const kernel = services as Kernel;
    const stack = stackOf(kernel);
    const peers = new BpfPeers();
    kernel.sysctl({
      "net.bpf.maxbufsize": { type: "int", doc: "Maximum size for data capture buffer", read: () => MAX_BUFFER },
      "net.bpf.stats": statsNode(peers),
      "net.bpf.peers": peersNode(peers),
    });
    return deviceNodesOf(kernel)!.add({ name: "bpf", major: MAJOR, mode: 0o600, clone: () => peers.open(stack) });
  },
};
export default component;
