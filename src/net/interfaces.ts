/** The component `rumpnet_net`: interfaces, what programs ask and change of them, lo0 (NetBSD: rumpnet_net). A faction's part: hence a component. */
import { AF_LINK } from "../abi/flags.ts";
import type { Kernel } from "../kern/kernel.ts";
import { then } from "../lib/async.ts";
import type { Component } from "../plugin.ts";
import { interfaceIoctl } from "./ioctl.ts";
import { linkAddressRows } from "./ioctl_link.ts";
import { linkDomain } from "./link_domain.ts";
import { openPort } from "./interface_ports.ts";
import { routeDomain } from "./routing.ts";
import { routeSysctl } from "./rtable.ts";
import { followInterfaces, routeStats } from "./sysctl.ts";
import { Stack } from "./stack.ts";

const component: Component = {
  kind: "component",
  name: "rumpnet_net",
  setup(services) {
    const kernel = services as Kernel;
    const stack = new Stack(kernel);
    kernel.faction.set("stack", stack);
    kernel.atHalt(() => stack.halt());
    kernel.openPort = (name, user) => openPort(stack.interface(name), user);
    stack.net.interfaceIoctl = (so, lwp, com, data) => interfaceIoctl(stack, so, lwp, com, data);
    stack.net.add(linkDomain);
    stack.controls.set(AF_LINK, linkAddressRows);
    stack.net.add(routeDomain(stack));
    kernel.sysctl({ ...routeSysctl(stack), ...routeStats(stack) });
    followInterfaces(stack);
    return then(stack.create("lo0"), () => undefined);
  },
};
export default component;

/** The stack of a kernel that has one. */
export const stackOf = (kernel: Kernel): Stack => kernel.faction.get("stack") as Stack;
