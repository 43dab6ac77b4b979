/** The component `rumpnet_netinet`: IPv4 with its protocols (NetBSD: rumpnet_netinet). A protocol domain: hence a component. */
import { AF_INET } from "../abi/flags.ts";
import type { Kernel } from "../kern/kernel.ts";
import { maskOf } from "../lib/inet.ts";
import type { Component } from "../plugin.ts";
import { inetDomain, inetFamily } from "./inet.ts";
import { stackOf } from "./interfaces.ts";
import { inetAddresses, inetRows } from "./ioctl_inet.ts";
import { InetRoutes } from "./route_inet.ts";
import { rawProtocol } from "./raw.ts";
import { inetSysctls } from "./sysctl.ts";
import { TcpProtocol, tcpSockets } from "./tcp/protocol.ts";
import { Tunnels } from "./tunnels.ts";
import { Udp, udpSockets } from "./udp.ts";

const LOCALHOST = 0x7f00_0001;

const component: Component = {
  kind: "component",
  name: "rumpnet_netinet",
  setup(services) {
    const kernel = services as Kernel;
    const stack = stackOf(kernel);
    stack.families.set(AF_INET, inetFamily(stack));
    stack.controls.set(AF_INET, inetRows);
    stack.addressFamilies.set(AF_INET, inetAddresses);
    stack.routesInet = new InetRoutes(stack);
    const [tcp, udp] = [new TcpProtocol(stack), new Udp(stack)];
    stack.transports.push(tcpSockets(tcp), udpSockets(udp));
    stack.orphans = () => tcp.orphans();
    const tunnels = new Tunnels(stack);
    kernel.openTunnel = (local, remote, input) => tunnels.open(local, remote, input);
    kernel.sysctl(inetSysctls(stack, tcp, udp));
    stack.net.add(inetDomain(AF_INET, stack, [...stack.transports, rawProtocol(stack)]));
    return stack.addAddress(stack.interface("lo0"), { address: LOCALHOST, mask: maskOf(8), broadcast: 0 });
  },
};
export default component;
