/** What programs and tunnels say to each other about the ends (NetBSD: net/if_gif.c): socket addresses there, text here. */
import { parseSockaddrIn, parseSockaddrIn6, sockaddrIn, sockaddrIn6 } from "../abi/inet.ts";
import { formatIpv6, parseIpv6 } from "../lib/in6.ts";
import { formatIpv4, parseIpv4 } from "../lib/inet.ts";

export { Ifaliasreq, IfLaddrreq, Ifreq } from "../abi/net_structs.ts";
export { SIOC } from "../abi/sockio.ts";

/** Text of a struct sockaddr_in or sockaddr_in6. Undefined: it is neither. */
export function endOf(sockaddr: Uint8Array): string | undefined {
  const v4 = parseSockaddrIn(sockaddr);
  if (v4) return formatIpv4(v4.address);
  const v6 = parseSockaddrIn6(sockaddr);
  return v6 && formatIpv6(v6.address);
}
/** The socket address of such a text. */
export function sockaddrOf(end: string): Uint8Array {
  const v4 = parseIpv4(end);
  return v4 === undefined ? sockaddrIn6(parseIpv6(end)!, 0) : sockaddrIn(v4, 0);
}
