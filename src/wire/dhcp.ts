/** Messages of DHCP (RFC 2131) and their options (RFC 2132). */
import { bytes, struct, u16, u32, u8, viewOf } from "../lib/struct.ts";

/** What stands before the options. */
const Bootp = struct("be", {
  op: u8,
  htype: u8,
  hlen: u8,
  hops: u8,
  xid: u32,
  secs: u16,
  flags: u16,
  ciaddr: u32,
  yiaddr: u32,
  siaddr: u32,
  giaddr: u32,
  chaddr: bytes(16),
  sname: bytes(64),
  file: bytes(128),
  cookie: u32,
}, 240);
const COOKIE = 0x6382_5363;
const [ETHERNET, MAC] = [1, 6];
/** The least that relays pass on (RFC 1542, 2.1). */
const SHORTEST = 300;
const BROADCAST = 0x8000;
export const BOOTREQUEST = 1;
export const BOOTREPLY = 2;
export const DHCP = { DISCOVER: 1, OFFER: 2, REQUEST: 3, DECLINE: 4, ACK: 5, NAK: 6, RELEASE: 7 } as const;
export const DHCP_PORTS = { server: 67, client: 68 } as const;
export const OPTION = {
  PAD: 0,
  MASK: 1,
  ROUTER: 3,
  DNS: 6,
  DOMAIN: 15,
  BROADCAST: 28,
  ADDRESS: 50,
  LEASE: 51,
  OVERLOAD: 52,
  TYPE: 53,
  SERVER: 54,
  WANTED: 55,
  /** A server's words. */
  MESSAGE: 56,
  /** The longest message a client takes. */
  LENGTH: 57,
  T1: 58,
  T2: 59,
  CLIENT: 61,
  /** Classless routes (RFC 3442). */
  ROUTES: 121,
  END: 255,
} as const;

export interface DhcpMessage {
  readonly op: number;
  readonly xid: number;
  /** Seconds since the client began to ask; left out: 0. */
  readonly secs?: number;
  /** The address a client has; the one a server gives it. */
  readonly ciaddr: number;
  readonly yiaddr: number;
  readonly mac: Uint8Array;
  readonly options: ReadonlyMap<number, Uint8Array>;
}
/** The bytes of a message; answers to it are asked for by broadcast, unless its sender has an address. An option has at most 255 bytes. */
export function buildDhcp({ op, xid, secs = 0, ciaddr, yiaddr, mac, options }: DhcpMessage): Uint8Array {
  let at: number = Bootp.size;
  const length = [...options.values()].reduce((n, o) => n + 2 + o.length, at + 1);
  const out = new Uint8Array(Math.max(SHORTEST, length));
  const flags = ciaddr === 0 ? BROADCAST : 0;
  Bootp.write(viewOf(out), 0, { op, htype: ETHERNET, hlen: MAC, xid, secs, flags, ciaddr, yiaddr, cookie: COOKIE });
  out.set(mac, Bootp.at.chaddr);
  for (const [code, value] of options) {
    out.set([code, value.length, ...value], at);
    at += 2 + value.length;
  }
  out[at] = OPTION.END;
  return out;
}
/** Undefined: it is none, or one of its options goes beyond its end. */
export function parseDhcp(from: Uint8Array): DhcpMessage | undefined {
  if (from.length < Bootp.size) return undefined;
  const { op, htype, hlen, xid, ciaddr, yiaddr, chaddr, sname, file, cookie } = Bootp.dump(viewOf(from), 0);
  if (cookie !== COOKIE || htype !== ETHERNET || hlen !== MAC) return undefined;
  const options = new Map<number, Uint8Array>();
  if (!addOptions(options, from.subarray(Bootp.size))) return undefined;
  const overload = options.get(OPTION.OVERLOAD)?.[0] ?? 0;
  if (overload & 1 && !addOptions(options, file)) return undefined;
  if (overload & 2 && !addOptions(options, sname)) return undefined;
  return { op, xid, ciaddr, yiaddr, mac: chaddr.slice(0, MAC), options };
}
/** An option that comes in pieces is one (RFC 3396). False: they do not fit. */
function addOptions(to: Map<number, Uint8Array>, area: Uint8Array): boolean {
  for (let at = 0; at < area.length && area[at] !== OPTION.END;) {
    const code = area[at++]!;
    if (code === OPTION.PAD) continue;
    const end = at + 1 + (area[at] ?? 256);
    if (end > area.length) return false;
    to.set(code, Uint8Array.of(...to.get(code) ?? [], ...area.subarray(at + 1, end)));
    at = end;
  }
  return true;
}
/** The number an option of 32 bits has; the first, of a list. Undefined: it is not there, or too short. */
export function option32(message: DhcpMessage, code: number): number | undefined {
  const value = message.options.get(code);
  return value && value.length >= 4 ? viewOf(value).getUint32(0) : undefined;
}
/** Numbers of 32 bits in an option: at most so many. */
export function options32(message: DhcpMessage, code: number, most: number): number[] {
  const value = message.options.get(code) ?? new Uint8Array(0);
  const count = Math.min(most, Math.floor(value.length / 4));
  return Array.from({ length: count }, (_, i) => viewOf(value).getUint32(i * 4));
}
/** A way to a network; gateway 0: it is on the link. */
export interface DhcpRoute {
  readonly destination: number;
  /** Bits of its mask. */
  readonly length: number;
  readonly gateway: number;
}
/** Classless routes (RFC 3442); undefined: there are none, or they do not fit. At most so many are taken. */
export function routesIn({ options }: DhcpMessage, most: number): DhcpRoute[] | undefined {
  const value = options.get(OPTION.ROUTES);
  if (!value) return undefined;
  const routes: DhcpRoute[] = [];
  for (let at = 0; at < value.length && routes.length < most;) {
    const length = value[at]!;
    const significant = Math.ceil(length / 8);
    const end = at + 1 + significant + 4;
    if (length > 32 || end > value.length) return undefined;
    const destination = new Uint8Array(4);
    destination.set(value.subarray(at + 1, at + 1 + significant));
    const mask = length === 0 ? 0 : (~0 << (32 - length)) >>> 0;
    const whole = (viewOf(destination).getUint32(0) & mask) >>> 0;
    routes.push({ destination: whole, length, gateway: viewOf(value).getUint32(end - 4) });
    at = end;
  }
  return routes;
}
