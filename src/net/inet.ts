/** The address family AF_INET: which protocols there are, and what their sockets have in common (NetBSD: in_proto.c, in_pcb.c). */
import { errno } from "../abi/errno.ts";
import { AF_INET, SOCK_RAW } from "../abi/flags.ts";
import { parseSockaddrIn } from "../abi/inet.ts";
import type { Lwp } from "../kern/proc.ts";
import type { Domain, Protocol } from "./protocol.ts";
import { RESERVED } from "./pcb.ts";
import type { Socket } from "./socket.ts";
import type { Stack } from "./stack.ts";

/** How sockets of a type are made. */
export interface InetProtocol {
  readonly type: number;
  /** 0: any number but those others have. */
  readonly protocol: number;
  make(stack: Stack, so: Socket, protocol: number): Protocol;
}

export function inetDomain(stack: Stack, protocols: readonly InetProtocol[]): Domain {
  return {
    family: AF_INET,
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
/** What bind(2) may ask for: an address of ours or any, and a port it may have. */
export function checkBind(stack: Stack, lwp: Lwp, { address, port }: { address: number; port: number }): void {
  const ours = address === 0 || stack.isLocal(address) || address >>> 28 === 14 ||
    [...stack.interfaces].some((i) => i.isBroadcast(address));
  if (!ours) throw errno.EADDRNOTAVAIL;
  if (port !== 0 && port < RESERVED && lwp.proc.cred.euid !== 0) throw errno.EACCES;
}
