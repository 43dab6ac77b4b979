/** Interface ioctls as a program makes them. */
import { AF_INET, SOCK_DGRAM } from "../../src/abi/flags.ts";
import { Ifaliasreq, Ifreq } from "../../src/abi/net_structs.ts";
import { SIOC, type SiocName } from "../../src/abi/sockio.ts";
import type { Calls } from "../../src/kern/dispatch.ts";
import { viewOf } from "../../src/lib/struct.ts";
import { sin } from "./helpers.ts";

export const inetSocket = (sys: Calls) => sys.socket({ domain: AF_INET, type: SOCK_DGRAM, protocol: 0 }) as number;

/** A structure that begins with an interface's name; what is put into it at a place; how long it is. */
export function named(name: string, size: number, at = 0, more: Uint8Array = new Uint8Array(0)): Uint8Array {
  const data = new Uint8Array(size);
  data.set(new TextEncoder().encode(name));
  data.set(more, at);
  return data;
}
export const ifreq = (name: string, more?: Uint8Array) => named(name, Ifreq.size, Ifreq.at.addr, more);
export const int32 = (n: number) => new Uint8Array(new Int32Array([n]).buffer);

/** A command on a structure, which is changed; a promise where it has to wait. */
export const control = (sys: Calls, fd: number, name: SiocName, data: Uint8Array) =>
  sys.ioctl({ fd, com: SIOC[name], data });
/** The number that comes back in a struct ifreq. */
export function numberOf(sys: Calls, fd: number, name: SiocName, iface: string): number {
  const data = ifreq(iface);
  void control(sys, fd, name, data);
  return viewOf(data).getInt32(16, true);
}
/** struct ifaliasreq: addresses in dotted decimal. */
export function aliasreq(name: string, addr: string, mask: string, other = "0.0.0.0"): Uint8Array {
  const data = named(name, Ifaliasreq.size);
  const values = { addr: sin(addr, 0), mask: sin(mask, 0), dstaddr: sin(other, 0) };
  Ifaliasreq.write(viewOf(data), 0, values);
  return data;
}
