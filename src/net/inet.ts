/** The address family AF_INET: which protocols there are, and what their sockets have in common (NetBSD: in_proto.c, in_pcb.c). */
import { errno } from "../abi/errno.ts";
import { SOCK_RAW } from "../abi/flags.ts";
import { parseSockaddrIn, sockaddrIn } from "../abi/inet.ts";
import type { Lwp } from "../kern/proc.ts";
import { type Address, type Family, isAny, isMulticast } from "./address.ts";
import { Inet4Options } from "./inet_options.ts";
import type { IpProtocol } from "./ip.ts";
import type { Domain, Protocol } from "./protocol.ts";
import { type Endpoint, type Endpoints, type Peer, RESERVED } from "./pcb.ts";
import type { Socket } from "./socket.ts";
import type { Stack } from "./stack.ts";

/** How sockets of a type are made. */
export interface InetProtocol {
  readonly type: number;
  /** 0: any number but those others have. */
  readonly protocol: number;
  /** What takes its packets, of either family. */
  readonly input?: IpProtocol;
  make(stack: Stack, so: Socket, protocol: number): Protocol;
}

/** An address family of a stack: AF_INET or AF_INET6. */
export function inetDomain(family: number, stack: Stack, protocols: readonly InetProtocol[]): Domain {
  return {
    family,
    attach(type, protocol, lwp) {
      const ofType = protocols.filter((p) => p.type === type);
      if (ofType.length === 0) throw errno.EPROTOTYPE;
      const found = ofType.find((p) => p.protocol === protocol) ?? (protocol === 0 ? ofType[0] : undefined) ??
        ofType.find((p) => p.protocol === 0);
      if (!found) throw errno.EPROTONOSUPPORT;
      if (type === SOCK_RAW && lwp && lwp.proc.cred.euid !== 0) throw errno.EACCES;
      return (so) => found.make(stack, so, protocol);
    },
  };
}

/** An address as a call gives it. EINVAL: too short; EAFNOSUPPORT: of another family. */
export function inetAddress(name: Uint8Array): { readonly address: number; readonly port: number } {
  if (name.length !== 16) throw errno.EINVAL;
  const found = parseSockaddrIn(name);
  if (!found) throw errno.EAFNOSUPPORT;
  return found;
}
/** AF_INET. */
export const inetFamily = (stack: Stack): Family => ({
  any: 0,
  parse: inetAddress,
  name: (a, port) => sockaddrIn(a as number, port),
  options: (_stream, like) => new Inet4Options(stack, like instanceof Inet4Options ? like : undefined),
});

/** What bind(2) may ask for: an address of ours or any, and a port it may have. */
export function checkBind(stack: Stack, lwp: Lwp, { address, port }: { address: Address; port: number }): void {
  const ours = isAny(address) || stack.isLocal(address) || isMulticast(address) || stack.isBroadcast(address);
  if (!ours || !stack.isReady(address)) throw errno.EADDRNOTAVAIL;
  if (port !== 0 && port < RESERVED && lwp.proc.cred.euid !== 0) throw errno.EACCES;
}
/** Have a port: the one asked for, or one that is free. EACCES: of the reserved range, by whom they are not reserved for. */
export function takePort<E extends Endpoint>(
  endpoints: Endpoints<E>,
  lwp: Lwp,
  e: E,
  { address, port, to }: { readonly address: Address; readonly port: number; readonly to?: Peer },
): void {
  if (port === 0 && e.options.lowPort && lwp.proc.cred.euid !== 0) throw errno.EACCES;
  endpoints.bind(e, address, port, to);
}
