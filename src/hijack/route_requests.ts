/** Routes and neighbours, as Linux programs change them by ioctl(2) (route(8), arp(8)): messages to the rump kernel's routing socket. */
import { errno, type SysError } from "../abi/errno.ts";
import { AF_INET, AF_ROUTE, SOCK_RAW } from "../abi/flags.ts";
import { in6Mask, sockaddrIn, sockaddrIn6 } from "../abi/inet.ts";
import { IFT } from "../abi/net_structs.ts";
import {
  buildMessage,
  parseSockaddrDl,
  RTA,
  RTF,
  RTM,
  RTM_VERSION,
  RtMsghdr,
  sockaddrDl,
} from "../abi/route_structs.ts";
import { In6Addr } from "../lib/in6.ts";
import { chars, i32, struct, u16, u32, u64, viewOf } from "../lib/struct.ts";
import { AF, toBsd } from "./sockaddr.ts";
import { Questions } from "./proc/questions.ts";
import type { Sockets, Stand } from "./stand.ts";
import { longAt, type Stop } from "./stop.ts";

const SOCKADDR = 16;
/** struct rtentry of Linux (linux/route.h). */
const RTENTRY = { destination: 8, gateway: 24, mask: 40, flags: 56, device: 88, size: 120 } as const;
/** struct in6_rtmsg of Linux (linux/ipv6_route.h); three addresses stand before these. */
const In6Rtmsg = struct("le", {
  type: u32,
  bits: u16,
  sourceBits: u16,
  metric: u32,
  pad: u32,
  info: u64,
  flags: u32,
  index: i32,
}, 32);
const IN6_RTMSG = { destination: 0, gateway: 32, rest: 48, size: 80 } as const;
/** struct arpreq of Linux (linux/if_arp.h). */
const ARPREQ = { address: 0, link: 16, flags: 32, device: 52, size: 68 } as const;
const Device = struct("le", { name: chars(SOCKADDR) }, SOCKADDR);
const REJECT = 0x200;
const ATF_PUBLISHED = 8;
const ARPHRD_ETHER = 1;
const MAC = 6;
const LOOPBACK = 0x7f00_0001;

/** Of an interface's name. Throws ENODEV. */
export type IndexOf = (sockets: Sockets, name: string) => Promise<number>;
type Addresses = Map<number, Uint8Array>;
interface Asked {
  readonly flags: number;
  readonly addresses: Addresses;
}

/** Send a message of RTM_*. What it fails with is the kernel's. */
async function send({ client }: Sockets, type: number, { flags, addresses }: Asked): Promise<void> {
  const header = new Uint8Array(RtMsghdr.size);
  const addrs = [...addresses.keys()].reduce((all, bit) => all | bit, 0);
  RtMsghdr.write(viewOf(header), 0, { version: RTM_VERSION, type, flags, addrs, pid: 1, seq: 1 });
  const buf = buildMessage(header, addresses);
  const written = await client.batch((b) => {
    const fd = b.socket({ domain: AF_ROUTE, type: SOCK_RAW, protocol: 0 });
    const done = b.write({ fd, buf });
    b.close({ fd });
    return done;
  });
  void written.value;
}
const linkTo = (index: number, mac = new Uint8Array(0)) => sockaddrDl({ index, type: IFT.ETHER, name: "", mac });

/** Of a struct rtentry. */
async function routeOf(sockets: Sockets, stop: Stop, at: number, indexOf: IndexOf): Promise<Asked> {
  const entry = stop.read(at, RTENTRY.size);
  const address = (from: number) => toBsd(entry.subarray(from, from + SOCKADDR));
  const linux = viewOf(entry).getUint16(RTENTRY.flags, true);
  const addresses: Addresses = new Map([[RTA.DST, address(RTENTRY.destination)]]);
  if (!(linux & RTF.HOST)) addresses.set(RTA.NETMASK, maskOf(entry));
  const flags = RTF.UP | RTF.STATIC | (linux & (RTF.GATEWAY | RTF.HOST));
  const device = longAt(viewOf(entry), RTENTRY.device);
  if (linux & REJECT) addresses.set(RTA.GATEWAY, sockaddrIn(LOOPBACK, 0));
  else if (linux & RTF.GATEWAY) addresses.set(RTA.GATEWAY, address(RTENTRY.gateway));
  else if (device !== 0) addresses.set(RTA.GATEWAY, linkTo(await indexOf(sockets, nameAt(stop, device))));
  return { flags: linux & REJECT ? flags | RTF.REJECT | RTF.GATEWAY : flags, addresses };
}
/** A netmask may come without its family. */
function maskOf(entry: Uint8Array): Uint8Array {
  const mask = entry.slice(RTENTRY.mask, RTENTRY.mask + SOCKADDR);
  viewOf(mask).setUint16(0, AF.INET, true);
  return toBsd(mask);
}
const nameAt = (stop: Stop, at: number) => Device.get.name(viewOf(stop.read(at, SOCKADDR)), 0);

/** Of a struct in6_rtmsg. */
function route6Of(stop: Stop, at: number): Asked {
  const entry = stop.read(at, IN6_RTMSG.size);
  const { bits, flags: linux, index } = In6Rtmsg.dump(viewOf(entry), IN6_RTMSG.rest);
  if (bits > 128) throw errno.EINVAL;
  const address = (from: number) => sockaddrIn6(In6Addr.read(viewOf(entry), from), 0);
  const addresses: Addresses = new Map([[RTA.DST, address(IN6_RTMSG.destination)]]);
  const host = bits === 128;
  if (!host) addresses.set(RTA.NETMASK, in6Mask(bits));
  if (linux & RTF.GATEWAY) addresses.set(RTA.GATEWAY, address(IN6_RTMSG.gateway));
  else if (index > 0) addresses.set(RTA.GATEWAY, linkTo(index));
  return { flags: RTF.UP | RTF.STATIC | (linux & RTF.GATEWAY) | (host ? RTF.HOST : 0), addresses };
}
/** SIOCADDRT, SIOCDELRT. */
export async function changeRoute(
  sockets: Sockets,
  stop: Stop,
  { kind }: Pick<Stand, "kind">,
  indexOf: IndexOf,
  type: typeof RTM.ADD | typeof RTM.DELETE,
): Promise<void> {
  const at = stop.long(2);
  const asked = kind.family === AF.INET6 ? route6Of(stop, at) : await routeOf(sockets, stop, at, indexOf);
  // What is deleted is known by where it leads; Linux need not say by what.
  if (type === RTM.ADD && !asked.addresses.has(RTA.GATEWAY)) throw errno.ENODEV;
  await send(sockets, type, asked);
}

/** SIOCSARP, SIOCDARP. Without a device it is the one whose network the address is of: `near` finds it. */
export async function changeNeighbour(
  sockets: Sockets,
  stop: Stop,
  indexOf: IndexOf,
  near: (sockets: Sockets, address: Uint8Array) => Promise<number>,
  type: typeof RTM.ADD | typeof RTM.DELETE,
): Promise<void> {
  const request = stop.read(stop.long(2), ARPREQ.size);
  const d = viewOf(request);
  const address = toBsd(request.subarray(ARPREQ.address, ARPREQ.address + SOCKADDR));
  const device = Device.get.name(viewOf(request.slice(ARPREQ.device, ARPREQ.device + SOCKADDR)), 0);
  const index = device === "" ? await near(sockets, address) : await indexOf(sockets, device);
  if (type === RTM.ADD && d.getUint16(ARPREQ.link, true) !== ARPHRD_ETHER) throw errno.EINVAL;
  const mac = type === RTM.ADD ? request.slice(ARPREQ.link + 2, ARPREQ.link + 2 + MAC) : new Uint8Array(0);
  const published = d.getInt32(ARPREQ.flags, true) & ATF_PUBLISHED ? RTF.ANNOUNCE : 0;
  const flags = RTF.HOST | RTF.LLDATA | (type === RTM.ADD ? RTF.UP | RTF.STATIC | published : 0);
  try {
    await send(sockets, type, { flags, addresses: new Map([[RTA.DST, address], [RTA.GATEWAY, linkTo(index, mac)]]) });
  } catch (e) {
    const absent: readonly SysError[] = [errno.ENOENT, errno.ESRCH];
    throw type === RTM.DELETE && absent.includes(e as SysError) ? errno.ENXIO : e;
  }
}

/** ATF_COM and ATF_PERM. */
const COMPLETE = 2;
const PERMANENT = 4;
/** SIOCGARP. ENXIO: it is not known. */
export async function neighbour({ client, host }: Sockets, stop: Stop): Promise<void> {
  const request = stop.read(stop.long(2), ARPREQ.size);
  const address = toBsd(request.subarray(ARPREQ.address, ARPREQ.address + SOCKADDR));
  const gone = () => {
    throw errno.ECONNRESET;
  };
  const known = await new Questions({ remote: client, again: gone }, host.loop.now).routes(AF_INET, RTF.LLDATA);
  const found = known.find(({ addresses }) => isSame(addresses.get(RTA.DST), address));
  const link = found && parseSockaddrDl(found.addresses.get(RTA.GATEWAY) ?? new Uint8Array(0));
  if (!link) throw errno.ENXIO;
  const d = viewOf(request);
  d.setUint16(ARPREQ.link, ARPHRD_ETHER, true);
  request.set(link.mac.subarray(0, MAC), ARPREQ.link + 2);
  const { flags, expire } = found.header;
  const told = (link.mac.length > 0 ? COMPLETE : 0) | (expire === 0 ? PERMANENT : 0);
  d.setInt32(ARPREQ.flags, told | (flags & RTF.ANNOUNCE ? ATF_PUBLISHED : 0), true);
  stop.write(stop.long(2), request);
}
const isSame = (a: Uint8Array | undefined, b: Uint8Array) =>
  a !== undefined && viewOf(a).getUint32(4) === viewOf(b).getUint32(4);
