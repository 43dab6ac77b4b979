/** The component `rumpnet_netinet6`: IPv6 with its protocols (NetBSD: rumpnet_netinet6). A protocol domain: hence a component. */
import { AF_INET6 } from "../abi/flags.ts";
import type { Kernel } from "../kern/kernel.ts";
import type { Component } from "../plugin.ts";
import { inetDomain } from "./inet.ts";
import { stackOf } from "./interfaces.ts";
import { Udp } from "./udp.ts";
import { inet6Family } from "./ip6/family.ts";
import { Ip6 } from "./ip6/ip6.ts";
import { raw6Protocol } from "./ip6/raw.ts";
import { familyAddress6, inet6Rows } from "./ip6/ioctl.ts";
import { Inet6Routes } from "./ip6/route_entries.ts";
import { inet6Sysctls } from "./ip6/sysctl.ts";

const component: Component = {
  kind: "component",
  name: "rumpnet_netinet6",
  setup(services) {
    const kernel = services as Kernel;
    const stack = stackOf(kernel);
    const ip6 = new Ip6(stack);
    stack.ip6 = ip6;
    stack.families.set(AF_INET6, inet6Family(ip6));
    const udp = stack.transports.map((t) => t.input).find((t) => t instanceof Udp)!;
    for (const { protocol, input } of stack.transports) if (input) ip6.register(protocol, input);
    stack.net.add(inetDomain(AF_INET6, stack, [...stack.transports, raw6Protocol(ip6)]));
    stack.controls.set(AF_INET6, inet6Rows(ip6));
    stack.addressFamilies.set(AF_INET6, (iface) => ip6.of(iface).addresses.map(familyAddress6));
    stack.routesInet6 = new Inet6Routes(ip6);
    kernel.sysctl(inet6Sysctls(ip6, udp.counters6));
    stack.listeners.add((change) => {
      if (change.kind === "interface" && change.gone) ip6.forget(change.iface);
    });
    for (const iface of stack.interfaces) ip6.changed(iface);
  },
};
export default component;
