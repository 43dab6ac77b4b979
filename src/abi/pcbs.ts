/** Sockets as sysctl net.*.*.pcblist tells them, taken apart. */
import type { In6Addr } from "../lib/in6.ts";
import { viewOf } from "../lib/struct.ts";
import { AF_INET, AF_INET6, AF_LOCAL, SOCK_DGRAM, SOCK_RAW } from "./flags.ts";
import { parseSockaddrIn, parseSockaddrIn6 } from "./inet.ts";
import { INP, KinfoPcb, PCB_ALL, SS, TCPS } from "./pcb_structs.ts";

/** Numbers behind the list's own: every socket. */
export const ALL_PCBS: readonly number[] = [PCB_ALL, 0, KinfoPcb.size, 0x7fff_ffff];
/** An end of a socket. */
export interface Endpoint {
  /** Undefined: none, or not of the Internet. */
  readonly address?: number | In6Addr;
  /** 0: none. */
  readonly port: number;
  /** Of a local socket; "" none. */
  readonly path: string;
}
/** A socket as a list tells of it. */
export type Pcb = Omit<ReturnType<typeof KinfoPcb.dump>, "src" | "dst"> & {
  readonly local: Endpoint;
  readonly foreign: Endpoint;
};
/** The value of a list. */
export function parsePcbs(raw: Uint8Array): Pcb[] {
  const d = viewOf(raw);
  const all: Pcb[] = [];
  for (let at = 0; at + KinfoPcb.size <= raw.length; at += KinfoPcb.size) {
    const { src, dst, ...rest } = KinfoPcb.dump(d, at);
    all.push({ ...rest, local: endpointOf(src), foreign: endpointOf(dst) });
  }
  return all;
}
/** An address as a kernel gives it: its length and family first. */
export function endpointOf(raw: Uint8Array): Endpoint {
  if (raw[1] === AF_LOCAL) return { port: 0, path: pathOf(raw.subarray(2, raw[0])) };
  const { address, port } = parseSockaddrIn(raw) ?? parseSockaddrIn6(raw) ?? {};
  return address === undefined ? { port: 0, path: "" } : { address, port: port!, path: "" };
}
/** A path is a client's own word: no control characters reach the terminal. */
function pathOf(raw: Uint8Array): string {
  const end = raw.indexOf(0);
  return new TextDecoder().decode(end < 0 ? raw : raw.subarray(0, end)).replace(/\p{C}/gu, "?");
}
/** Nobody in particular: 0.0.0.0, ::, or none. */
export const isWild = ({ address }: Endpoint): boolean =>
  address === undefined || (typeof address === "number" ? address === 0 : address.unspecified);

/** Connected, or about to be. */
export function isConnected(p: Pcb): boolean {
  return (p.sostate & SS.ISCONNECTED) !== 0 || p.prstate >= INP.CONNECTED || p.tstate > TCPS.indexOf("LISTEN") ||
    p.conn !== 0;
}
/** Open to whoever comes. */
export function isListening(p: Pcb): boolean {
  if (isConnected(p)) return false;
  if (p.tstate === TCPS.indexOf("LISTEN")) return true;
  if (p.family === AF_LOCAL) return p.local.path !== "";
  if (p.family !== AF_INET && p.family !== AF_INET6) return false;
  return p.type === SOCK_RAW || (p.type === SOCK_DGRAM && p.local.port !== 0);
}
