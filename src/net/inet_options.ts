/** Options of Internet sockets at level IPPROTO_IP (ip(4)). */
import { errno } from "../abi/errno.ts";
import { viewOf } from "../lib/struct.ts";

const IPPROTO_IP = 0;
/** netinet/in.h */
const IP_HDRINCL = 2;
const IP_TOS = 3;
const IP_TTL = 4;

export interface InetOptions {
  /** What goes into the header of packets that are sent. */
  readonly outgoing: { readonly ttl?: number; readonly tos?: number };
  /** The program makes the IP header itself (raw sockets). */
  readonly headerIncluded: boolean;
  /** A socket of IPv6 that takes IPv4, too. */
  readonly mapped: boolean;
  /** ENOPROTOOPT: there is no such option. */
  get(level: number, name: number): Uint8Array;
  /** EINVAL: not a value it can have. */
  set(level: number, name: number, value: Uint8Array): void;
}
export function inetOptions(): InetOptions {
  let headerIncluded = false;
  const outgoing: { ttl?: number; tos?: number } = {};
  const field = (level: number, name: number): "ttl" | "tos" => {
    if (level === IPPROTO_IP && name === IP_TTL) return "ttl";
    if (level === IPPROTO_IP && name === IP_TOS) return "tos";
    throw errno.ENOPROTOOPT;
  };
  return {
    outgoing,
    mapped: false,
    get headerIncluded() {
      return headerIncluded;
    },
    get(level, name) {
      const bytes = new Uint8Array(4);
      const included = level === IPPROTO_IP && name === IP_HDRINCL;
      const which = included ? "tos" : field(level, name);
      const n = included ? Number(headerIncluded) : outgoing[which] ?? (which === "ttl" ? 64 : 0);
      viewOf(bytes).setInt32(0, n, true);
      return bytes;
    },
    set(level, name, value) {
      if (level === IPPROTO_IP && name === IP_HDRINCL) {
        headerIncluded = value.some((b) => b !== 0);
        return;
      }
      const which = field(level, name);
      if (value.length !== 4 && value.length !== 1) throw errno.EINVAL;
      const n = value.length === 1 ? value[0]! : viewOf(value).getInt32(0, true);
      if (n < (which === "ttl" ? 1 : 0) || n > 255) throw errno.EINVAL;
      outgoing[which] = n;
    },
  };
}
