/** socket(2) of hijacked programs. */
import { errno } from "../abi/errno.ts";
import { SO_RCVBUF, SO_SNDBUF, SOCK_RAW, SOCK_STREAM, SOL_SOCKET } from "../abi/flags.ts";
import { IPV6_V6ONLY } from "../abi/inet6_options.ts";
import { IP_HDRINCL, IPPROTO_IP } from "../abi/inet_options.ts";
import { CLOEXEC, NONBLOCK } from "./connections.ts";
import { SOL } from "./option_table.ts";
import { AF } from "./sockaddr.ts";
import { FAR_BUFFER, type Kind, type Sockets, Stand } from "./stand.ts";
import type { Outcome, Stop } from "./stop.ts";

const TYPE = 0xf;
const IPPROTO_RAW = 255;

/** Make one of a family by NetBSD's number. */
export async function socket(sockets: Sockets, stop: Stop, domain: number): Promise<Outcome> {
  const [family, flags, protocol] = [stop.int(0), stop.int(1), stop.int(2)];
  const type = flags & TYPE;
  if (flags & ~(TYPE | NONBLOCK | CLOEXEC)) throw errno.EINVAL;
  const kind = { family, type, protocol };
  const s = await made(sockets, domain, kind);
  const [nonblocking, closeOnExec] = [(flags & NONBLOCK) !== 0, (flags & CLOEXEC) !== 0];
  try {
    const before = (stand: Stand) => void (stand.ownHeader = hasOwnHeader(kind));
    Stand.give(sockets, stop, { s, kind, nonblocking, closeOnExec, before });
  } catch (e) {
    void sockets.client.sys.close({ fd: s }).catch(() => {});
    throw e;
  }
  return "answered";
}
/** Who sends by no protocol makes the header. */
const hasOwnHeader = ({ family, type, protocol }: Kind) =>
  family === AF.INET && type === SOCK_RAW && protocol === IPPROTO_RAW;
/** A socket of the kernel's that is as Linux makes them. */
async function made({ client, far }: Sockets, domain: number, kind: Kind): Promise<number> {
  const { family, type, protocol } = kind;
  const fd = await client.batch((b) => {
    const s = b.socket({ domain, type, protocol });
    const set = (level: number, name: number, value: number) =>
      b.setsockopt({ s, level, name, val: new Uint8Array(new Int32Array([value]).buffer) });
    if (hasOwnHeader(kind)) set(IPPROTO_IP, IP_HDRINCL, 1);
    // Sockets of IPv6 are those of IPv4, too, unless they say otherwise (net.ipv6.bindv6only).
    if (family === AF.INET6 && type !== SOCK_RAW) set(SOL.IPV6, IPV6_V6ONLY, 0);
    if (far && type === SOCK_STREAM) { for (const name of [SO_SNDBUF, SO_RCVBUF]) set(SOL_SOCKET, name, FAR_BUFFER); }
    return s;
  });
  if (fd.error === errno.EPROTOTYPE) throw errno.ESOCKTNOSUPPORT;
  return fd.value;
}
