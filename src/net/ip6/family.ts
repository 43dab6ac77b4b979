/** The address family AF_INET6 as transports see it (RFC 3493; NetBSD: in6_pcb.c). */
import { errno } from "../../abi/errno.ts";
import { parseSockaddrIn6, SOCKADDR_IN6, sockaddrIn6 } from "../../abi/inet.ts";
import { In6Addr, mapIpv4 } from "../../lib/in6.ts";
import type { Address, Family } from "../address.ts";
import type { Ip6 } from "./ip6.ts";
import { Inet6Options } from "./socket_options.ts";

const ANY = new In6Addr(0, 0, 0, 0);

export const inet6Family = (ip6: Ip6): Family => ({
  any: ANY,
  parse: inet6Address,
  name: (address: Address, port) => sockaddrIn6(typeof address === "number" ? named(address) : address, port),
  options: (stream, like) => new Inet6Options(ip6, stream, like instanceof Inet6Options ? like : undefined),
});
/** No address of IPv4 is no address at all. */
const named = (address: number) => (address === 0 ? ANY : mapIpv4(address));

/** An address as a call gives it. EINVAL: too short, or IPv4's where only IPv6's are taken; EAFNOSUPPORT: of another family. */
export function inet6Address(name: Uint8Array, mapped: boolean): { readonly address: Address; readonly port: number } {
  if (name.length !== SOCKADDR_IN6) throw errno.EINVAL;
  const found = parseSockaddrIn6(name);
  if (!found) throw errno.EAFNOSUPPORT;
  if (!found.address.mapped) return found;
  if (!mapped) throw errno.EINVAL;
  return { address: found.address.d >>> 0, port: found.port };
}
