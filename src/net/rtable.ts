/** sysctl net.route.0.FAMILY.OPERATION.ARGUMENT: tables of routes, neighbours and interfaces (NetBSD: rtsock.c sysctl_rtable). */
import { errno } from "../abi/errno.ts";
import { AF_LINK, AF_UNSPEC } from "../abi/flags.ts";
import { NET_RT, RTF, RTM } from "../abi/route_structs.ts";
import { concat } from "../lib/bytes.ts";
import type { SysctlNode } from "../plugin.ts";
import {
  addressMessage,
  interfaceMessage,
  linkAddressMessage,
  neighbourMessage,
  routeMessage,
} from "./route_messages.ts";
import type { Stack } from "./stack.ts";

/** Routes that have all of some flags. */
function* routes(stack: Stack, family: number, flags: number): Generator<Uint8Array> {
  for (const f of stack.routeFamilies(family)) {
    for (const e of f.routes()) if ((e.flags & flags) === flags) yield routeMessage(RTM.GET, e, true);
  }
}
function* neighbours(stack: Stack, family: number): Generator<Uint8Array> {
  for (const f of stack.routeFamilies(family)) for (const n of f.neighbours()) yield neighbourMessage(n);
}
/** Interfaces (or the one with an index) and their addresses, of all families or one. */
function* interfaces(stack: Stack, family: number, index: number): Generator<Uint8Array> {
  for (const iface of stack.interfaces) {
    if (index !== 0 && iface.index !== index) continue;
    yield interfaceMessage(iface, true);
    if (family === AF_UNSPEC || family === AF_LINK) yield linkAddressMessage(iface);
    for (const a of stack.addressesOf(iface)) {
      if (family === AF_UNSPEC || family === a.address[1]) yield addressMessage(RTM.NEWADDR, iface, a, false);
    }
  }
}
function table(stack: Stack, [family = 0, operation, argument = 0]: readonly number[]): Iterable<Uint8Array> {
  switch (operation) {
    case NET_RT.DUMP:
      return routes(stack, family, 0);
    case NET_RT.FLAGS:
      return argument & RTF.LLDATA ? neighbours(stack, family) : routes(stack, family, argument);
    case NET_RT.IFLIST:
      return interfaces(stack, family, argument);
    default:
      throw errno.EINVAL;
  }
}

/** The variable. */
export const routeSysctl = (stack: Stack): Record<string, SysctlNode> => ({
  "net.route.rtable": {
    type: "node",
    doc: "Routes, neighbours and interfaces",
    number: 0,
    visible: false,
    read: () => new Uint8Array(0),
    tail: (rest) => concat(table(stack, rest)),
  },
});
