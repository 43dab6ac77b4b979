/** The component `rumpnet_netinet`: IPv4 with its protocols, and lo0 (NetBSD: rumpnet_netinet). A protocol domain: hence a component. */
import { AF_INET } from "../abi/flags.ts";
import type { Kernel } from "../kern/kernel.ts";
import { then } from "../lib/async.ts";
import { maskOf } from "../lib/inet.ts";
import type { Component } from "../plugin.ts";
import { inetDomain, inetFamily } from "./inet.ts";
import type { Net } from "./net.ts";
import { rawProtocol } from "./raw.ts";
import { Stack } from "./stack.ts";
import { tcpProtocol } from "./tcp/protocol.ts";
import { udpProtocol } from "./udp.ts";

const LOCALHOST = 0x7f00_0001;

const component: Component = {
  kind: "component",
  name: "rumpnet_netinet",
  setup(services) {
    const kernel = services as Kernel;
    const stack = new Stack(kernel);
    kernel.faction.set("stack", stack);
    kernel.atHalt(() => stack.halt());
    stack.families.set(AF_INET, inetFamily(stack));
    stack.transports.push(tcpProtocol(stack), udpProtocol(stack));
    (kernel.faction.get("net") as Net).add(inetDomain(AF_INET, stack, [...stack.transports, rawProtocol(stack)]));
    return then(
      stack.create("lo0"),
      (lo) => stack.addAddress(lo, { address: LOCALHOST, mask: maskOf(8), broadcast: 0 }),
    );
  },
};
export default component;

/** The stack of a kernel that has one. */
export const stackOf = (kernel: Kernel): Stack => kernel.faction.get("stack") as Stack;
