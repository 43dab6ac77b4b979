/** Routes an interface has by its IPv4 addresses: to itself, to its network, to the other end (NetBSD: in_ifinit, in_addprefix). */
import { RTF } from "../abi/route_structs.ts";
import type { Interface, InterfaceAddress } from "./interface.ts";
import type { Route } from "./route.ts";

const ALL = 0xffff_ffff;

/** Of an address: those to more than one host first. */
export function connectedRoutes(iface: Interface, { address, mask, destination }: InterfaceAddress): Route[] {
  const common = { gateway: undefined, iface, mtu: 0, used: 0 };
  const here = { ...common, destination: address, mask: ALL, flags: RTF.UP | RTF.HOST | RTF.LOCAL };
  // A link with one other end: a route to each.
  if (destination !== undefined) return [{ ...common, destination, mask: ALL, flags: RTF.UP | RTF.HOST }, here];
  if (iface.loopback || mask === ALL) return [here];
  const network = { destination: (address & mask) >>> 0, mask, flags: RTF.UP | RTF.CONNECTED };
  return [{ ...common, ...network }, here];
}
