/** Control messages of Linux programs as NetBSD's, and back (cmsg(3)): other numbers, and a header of 16 bytes instead of 12. */
import { errno } from "../abi/errno.ts";
import * as BSD from "../abi/flags.ts";
import * as IP from "../abi/inet_options.ts";
import * as IPV6 from "../abi/inet6_options.ts";
import { CMSG_DATA, Cmsghdr } from "../abi/structs.ts";
import { struct, u32, u64, viewOf } from "../lib/struct.ts";
import { SOL } from "./option_table.ts";

/** struct cmsghdr of Linux. */
const Linux = struct("le", { len: u64, level: u32, type: u32 }, 16);
/** struct in_pktinfo of Linux: the interface, our address of it, the datagram's destination. */
const LinuxPktinfo = struct("le", { index: u32, local: u32, destination: u32 }, 12);
const SO_TIMESTAMP = 29;
const IP_TTL = 2;
const IP_PKTINFO = 8;
const IPV6_PKTINFO = 50;
const IPV6_HOPLIMIT = 52;
const IPV6_TCLASS = 67;
/** Messages one call may have. */
const MOST = 64;

interface Cmsg {
  readonly level: number;
  readonly type: number;
  readonly data: Uint8Array;
}
/** Undefined: there is none of the kind there. */
type Translated = Cmsg | undefined;
const IPPROTO_IPV6 = SOL.IPV6;

/** IPv6's are the same but for their numbers. */
const six: readonly (readonly [linux: number, bsd: number])[] = [
  [IPV6_PKTINFO, IPV6.IPV6_PKTINFO],
  [IPV6_HOPLIMIT, IPV6.IPV6_HOPLIMIT],
  [IPV6_TCLASS, IPV6.IPV6_TCLASS],
];

/** EINVAL: one that cannot be sent. */
function outgoing({ level, type, data }: Cmsg): Translated {
  if (level === SOL.IP && type === IP_PKTINFO && data.length >= LinuxPktinfo.size) {
    const to = new Uint8Array(IP.InPktinfo.size);
    const d = viewOf(data);
    IP.InPktinfo.write(viewOf(to), 0, { address: LinuxPktinfo.get.local(d, 0), index: LinuxPktinfo.get.index(d, 0) });
    return { level: IP.IPPROTO_IP, type: IP.IP_PKTINFO, data: to };
  }
  const found = level === SOL.IPV6 ? six.find(([linux]) => linux === type) : undefined;
  if (!found) throw errno.EINVAL;
  return { level: IPPROTO_IPV6, type: found[1], data };
}
function incoming({ level, type, data }: Cmsg): Translated {
  if (level === BSD.SOL_SOCKET && type === BSD.SCM_TIMESTAMP) return { level: SOL.SOCKET, type: SO_TIMESTAMP, data };
  if (level === IP.IPPROTO_IP && type === IP.IP_PKTINFO) {
    const to = new Uint8Array(LinuxPktinfo.size);
    const address = IP.InPktinfo.get.address(viewOf(data), 0);
    const index = IP.InPktinfo.get.index(viewOf(data), 0);
    LinuxPktinfo.write(viewOf(to), 0, { index, local: address, destination: address });
    return { level: SOL.IP, type: IP_PKTINFO, data: to };
  }
  if (level === IP.IPPROTO_IP && type === IP.IP_RECVTTL) {
    return { level: SOL.IP, type: IP_TTL, data: new Uint8Array([data[0]!, 0, 0, 0]) };
  }
  const found = level === IPPROTO_IPV6 ? six.find(([, bsd]) => bsd === type) : undefined;
  return found && { level: SOL.IPV6, type: found[0], data };
}

const ALIGN = 7;
const aligned = (n: number) => (n + ALIGN) & ~ALIGN;

/** What a program sends beside its data, for the kernel. EINVAL: it is malformed, or cannot be sent. */
export function controlToBsd(bytes: Uint8Array): Uint8Array {
  const out: Cmsg[] = [];
  const d = viewOf(bytes);
  for (let at = 0; at + Linux.size <= bytes.length;) {
    const len = Linux.get.len(d, at);
    if (len < Linux.size || len > bytes.length - at || out.length >= MOST) throw errno.EINVAL;
    const data = bytes.slice(at + Linux.size, at + len);
    const made = outgoing({ level: Linux.get.level(d, at), type: Linux.get.type(d, at), data });
    if (made) out.push(made);
    at += aligned(len);
  }
  return packed(out, CMSG_DATA, (to, at, { level, type, data }) => {
    Cmsghdr.write(to, at, { len: CMSG_DATA + data.length, level, type });
  });
}
/** What came beside a datagram, for a program. */
export function controlToLinux(bytes: Uint8Array): Uint8Array {
  const out: Cmsg[] = [];
  const d = viewOf(bytes);
  for (let at = 0; at + CMSG_DATA <= bytes.length && out.length < MOST;) {
    const len = Cmsghdr.get.len(d, at);
    if (len < CMSG_DATA || len > bytes.length - at) break;
    const data = bytes.slice(at + CMSG_DATA, at + len);
    const made = incoming({ level: Cmsghdr.get.level(d, at), type: Cmsghdr.get.type(d, at), data });
    if (made) out.push(made);
    at += aligned(len);
  }
  return packed(out, Linux.size, (to, at, { level, type, data }) => {
    Linux.write(to, at, { len: Linux.size + data.length, level, type });
  });
}
function packed(
  all: readonly Cmsg[],
  header: number,
  write: (to: DataView, at: number, one: Cmsg) => void,
): Uint8Array {
  const bytes = new Uint8Array(all.reduce((n, { data }) => n + aligned(header + data.length), 0));
  let at = 0;
  for (const one of all) {
    write(viewOf(bytes), at, one);
    bytes.set(one.data, at + header);
    at += aligned(header + one.data.length);
  }
  return bytes;
}
