/** The component `rumpnet`: sockets, with the family AF_LOCAL (NetBSD: rumpnet, rumpnet_local). A family of system calls: hence a component. */
import { AF_LOCAL } from "../abi/flags.ts";
import type { Kernel } from "../kern/kernel.ts";
import type { Component } from "../plugin.ts";
import { intKnob } from "./knobs.ts";
import { localDomain } from "./local.ts";
import { messageCalls } from "./messages.ts";
import { Net } from "./net.ts";
import { localPcblists } from "./pcblist.ts";
import { socketCalls } from "./syscalls.ts";

const component: Component = {
  kind: "component",
  name: "rumpnet",
  setup(services) {
    const kernel = services as Kernel;
    const net = new Net(kernel);
    net.add(localDomain(kernel, (type) => net.create(AF_LOCAL, type, 0)));
    kernel.faction.set("net", net);
    kernel.sysctl({
      ...localPcblists(net),
      "kern.somaxconn": intKnob(net.limits, "somaxconn", "Most connections that may wait to be accepted", {
        least: 1,
        most: 32_767,
      }),
      "kern.sbmax": intKnob(net.limits, "sbmax", "Largest buffer of a socket, bytes", { least: 4096 }),
    });
    kernel.establish(socketCalls(net));
    kernel.establish(messageCalls(() => kernel.host.now()));
  },
};
export default component;
