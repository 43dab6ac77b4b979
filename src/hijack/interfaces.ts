/** The rump kernel's interfaces, as Linux programs ask for them (netdevice(7)). */
import { errno } from "../abi/errno.ts";
import { AF_INET, IFF, SOCK_DGRAM } from "../abi/flags.ts";
import { Ifconf, IFNAMSIZ, Ifreq, IfreqFlags, IfreqValue, IFT } from "../abi/net_structs.ts";
import { type LinkAddress, parseSockaddrDl, RTM } from "../abi/route_structs.ts";
import { SIOC } from "../abi/sockio.ts";
import { then } from "../lib/async.ts";
import { chars, struct, u32, u64, viewOf } from "../lib/struct.ts";
import { changeNeighbour, changeRoute, type IndexOf, neighbour } from "./route_requests.ts";
import { toBsd, toLinux } from "./sockaddr.ts";
import type { Sockets, Stand } from "./stand.ts";
import { LinuxError, type Outcome, type Stop } from "./stop.ts";

/** struct ifreq of Linux: a name, and up to 24 bytes; struct ifconf. */
const IFREQ = { union: IFNAMSIZ, size: 40 } as const;
const SOCKADDR = 16;
const LinuxIfconf = struct("le", { length: u32, pad: u32, buffer: u64 }, 16);
const Name = struct("le", { name: chars(IFNAMSIZ) }, IFNAMSIZ);
/** Linux's numbers of what NetBSD has none of. */
const ENOTTY = 25;
const ENOENT = 2;
/** IFF_MULTICAST differs; those below have the same bits on both sides; NOTRAILERS and SIMPLEX are of one only. */
const SAME_FLAGS = 0x03df;
const MULTICAST = 0x1000;
const hardware: Readonly<Record<number, number>> = { [IFT.ETHER]: 1, [IFT.LOOP]: 772 };
const ARPHRD_NONE = 0xfffe;
/** Linux' number (ARPHRD_*) of a type of interface (IFT_*). */
export const hardwareOf = (type: number): number => hardware[type] ?? ARPHRD_NONE;
/** Milliseconds packets may wait in a queue (SIOCGIFTXQLEN): as Linux makes Ethernets. */
export const QUEUE = 1000;
/** Linux' number of sockets on this machine. */
const AF_UNIX = 1;
/** Most addresses listed. */
const MOST = 1024;

/** One request: the struct ifreq of the program, whose result goes back. */
interface Request {
  readonly name: string;
  /** Behind the name. */
  readonly union: Uint8Array;
}
type Row = (sockets: Sockets, request: Request) => Promise<void>;

/** An ioctl of the kernel's, on a socket kept for them. */
async function ask(sockets: Sockets, com: number, data: Uint8Array): Promise<Uint8Array> {
  const { client } = sockets;
  sockets.ioctls ??= client.sys.socket({ domain: AF_INET, type: SOCK_DGRAM, protocol: 0 });
  await client.sys.ioctl({ fd: await sockets.ioctls, com, data });
  return data;
}
function named(name: string): Uint8Array {
  const data = new Uint8Array(Ifreq.size);
  Ifreq.set.name(viewOf(data), 0, name);
  return data;
}
const ADDR = Ifreq.at.addr;

const getAddress = (com: number): Row => async (sockets, { name, union }) => {
  const data = await ask(sockets, com, named(name));
  // A mask is told without its family.
  data[ADDR + 1] = AF_INET;
  union.set(toLinux(data.subarray(ADDR, ADDR + SOCKADDR)));
};
const setAddress = (com: number): Row => async (sockets, { name, union }) => {
  const data = named(name);
  data.set(toBsd(union.subarray(0, SOCKADDR)), ADDR);
  await ask(sockets, com, data);
};
const addressOf = async (sockets: Sockets, com: number, name: string): Promise<number> =>
  viewOf(await ask(sockets, com, named(name))).getUint32(ADDR + 4);
/** A broadcast address that was the old mask's becomes the new one's, as Linux has it. */
const setMask: Row = async (sockets, request) => {
  const { name, union } = request;
  const address = await addressOf(sockets, SIOC.SIOCGIFADDR, name);
  const mask = await addressOf(sockets, SIOC.SIOCGIFNETMASK, name);
  const broadcast = await addressOf(sockets, SIOC.SIOCGIFBRDADDR, name).catch(() => undefined); // it has none
  await setAddress(SIOC.SIOCSIFNETMASK)(sockets, request);
  if (broadcast !== (address | ~mask) >>> 0) return;
  const data = named(name);
  data.set([SOCKADDR, AF_INET], ADDR);
  viewOf(data).setUint32(ADDR + 4, (address | ~viewOf(union).getUint32(4)) >>> 0);
  await ask(sockets, SIOC.SIOCSIFBRDADDR, data);
};
const getValue = (com: number): Row => async (sockets, { name, union }) => {
  const data = await ask(sockets, com, named(name));
  viewOf(union).setInt32(0, IfreqValue.get.value(viewOf(data), 0), true);
};
const setValue = (com: number): Row => async (sockets, { name, union }) => {
  const data = named(name);
  IfreqValue.set.value(viewOf(data), 0, viewOf(union).getInt32(0, true));
  await ask(sockets, com, data);
};
const constant = (value: number): Row => async (sockets, { name, union }) => {
  await ask(sockets, SIOC.SIOCGIFFLAGS, named(name)); // whether there is one
  union.fill(0);
  viewOf(union).setInt32(0, value, true);
};
/** Linux' flags of an interface (IFF_*) by NetBSD's. */
export const linuxFlags = (flags: number): number => (flags & SAME_FLAGS) | (flags & IFF.MULTICAST ? MULTICAST : 0);
const getFlags: Row = async (sockets, { name, union }) => {
  const flags = IfreqFlags.get.flags(viewOf(await ask(sockets, SIOC.SIOCGIFFLAGS, named(name))), 0);
  viewOf(union).setUint16(0, linuxFlags(flags), true);
};
const setFlags: Row = async (sockets, { name, union }) => {
  const data = await ask(sockets, SIOC.SIOCGIFFLAGS, named(name));
  const kept = IfreqFlags.get.flags(viewOf(data), 0) & ~SAME_FLAGS;
  IfreqFlags.set.flags(viewOf(data), 0, kept | (viewOf(union).getUint16(0, true) & SAME_FLAGS));
  await ask(sockets, SIOC.SIOCSIFFLAGS, data);
};
const getHardware: Row = async (sockets, { name, union }) => {
  const link = (await links(sockets)).find((l) => l.name === name);
  if (!link) throw errno.ENXIO;
  union.fill(0);
  viewOf(union).setUint16(0, hardwareOf(link.type), true);
  union.set(link.mac.subarray(0, 14), 2);
};

const rows: Readonly<Record<number, Row>> = {
  0x8913: getFlags,
  0x8914: setFlags,
  0x8915: getAddress(SIOC.SIOCGIFADDR),
  0x8916: setAddress(SIOC.SIOCSIFADDR),
  0x8917: getAddress(SIOC.SIOCGIFDSTADDR),
  0x8918: setAddress(SIOC.SIOCSIFDSTADDR),
  0x8919: getAddress(SIOC.SIOCGIFBRDADDR),
  0x891a: setAddress(SIOC.SIOCSIFBRDADDR),
  0x891b: getAddress(SIOC.SIOCGIFNETMASK),
  0x891c: setMask,
  0x891d: getValue(SIOC.SIOCGIFMETRIC),
  0x891e: setValue(SIOC.SIOCSIFMETRIC),
  0x8921: getValue(SIOC.SIOCGIFMTU),
  0x8922: setValue(SIOC.SIOCSIFMTU),
  0x8927: getHardware,
  0x8933: getValue(SIOC.SIOCGIFINDEX),
  0x8942: constant(QUEUE), // SIOCGIFTXQLEN
  0x8970: constant(0), // SIOCGIFMAP
};
const SIOCADDRT = 0x890b;
const SIOCDELRT = 0x890c;
const SIOCDARP = 0x8953;
const SIOCGARP = 0x8954;
const SIOCSARP = 0x8955;
const SIOCGSTAMP = 0x8906;
const SIOCGSTAMPNS = 0x8907;
const SIOCGIFNAME = 0x8910;
const SIOCGIFCONF = 0x8912;

/** Every address of every interface. */
async function addresses(sockets: Sockets): Promise<{ readonly name: string; readonly addr: Uint8Array }[]> {
  const data = new Uint8Array(Ifconf.size + MOST * Ifreq.size);
  Ifconf.set.length(viewOf(data), 0, data.length - Ifconf.size);
  const d = viewOf(await ask(sockets, SIOC.SIOCGIFCONF, data));
  const end = Math.min(data.length, Ifconf.size + Ifconf.get.length(d, 0));
  const all = [];
  for (let at = Ifconf.size; at + Ifreq.size <= end; at += Ifreq.size) {
    all.push({ name: Ifreq.get.name(d, at), addr: data.subarray(at + ADDR, at + Ifreq.size) });
  }
  return all;
}
const links = async (sockets: Sockets): Promise<LinkAddress[]> =>
  (await addresses(sockets)).map(({ addr }) => parseSockaddrDl(addr)).filter((l) => l !== undefined);

/** Those that have an IPv4 address: Linux tells of no others. */
async function list(sockets: Sockets, stop: Stop, at: number): Promise<Outcome> {
  const conf = stop.read(at, LinuxIfconf.size);
  const d = viewOf(conf);
  const [buffer, room] = [LinuxIfconf.get.buffer(d, 0), viewOf(conf).getInt32(0, true)];
  const all = (await addresses(sockets)).filter(({ addr }) => addr[1] === AF_INET);
  if (buffer !== 0 && room < 0) throw errno.EINVAL;
  const told = buffer === 0 ? all : all.slice(0, Math.floor(room / IFREQ.size));
  const bytes = new Uint8Array(told.length * IFREQ.size);
  for (const [i, { name, addr }] of told.entries()) {
    Name.set.name(viewOf(bytes), i * IFREQ.size, name);
    bytes.set(toLinux(addr.subarray(0, SOCKADDR)), i * IFREQ.size + IFREQ.union);
  }
  if (buffer !== 0) stop.write(buffer, bytes);
  stop.writeInt(at, bytes.length);
  return 0;
}
async function nameOf(sockets: Sockets, stop: Stop, at: number): Promise<Outcome> {
  const request = stop.read(at, IFREQ.size);
  const index = viewOf(request).getInt32(IFREQ.union, true);
  const link = (await links(sockets)).find((l) => l.index === index);
  if (!link) throw errno.ENODEV;
  Name.set.name(viewOf(request), 0, link.name);
  stop.write(at, request);
  return 0;
}

const indexOf: IndexOf = async (sockets, name) => {
  const link = (await links(sockets)).find((l) => l.name === name);
  if (!link) throw errno.ENODEV;
  return link.index;
};
/** The interface on whose network a sockaddr_in is. Throws ENXIO: none. */
async function near(sockets: Sockets, address: Uint8Array): Promise<number> {
  const ours = (await addresses(sockets)).filter(({ addr }) => addr[1] === AF_INET);
  const word = (sockaddr: Uint8Array) => viewOf(sockaddr).getUint32(4);
  for (const { name, addr } of ours) {
    const mask = word((await ask(sockets, SIOC.SIOCGIFNETMASK, named(name))).subarray(ADDR));
    if (((word(address) ^ word(addr)) & mask) === 0) return await indexOf(sockets, name);
  }
  throw errno.ENXIO;
}
/** The socket that is asked by. */
type Asker = Pick<Stand, "kind">;
/** Requests about routes and neighbours, of other structures than interfaces' have. */
const others: Readonly<Record<number, (sockets: Sockets, stop: Stop, stand: Asker) => Promise<void>>> = {
  [SIOCADDRT]: (sockets, stop, stand) => changeRoute(sockets, stop, stand, indexOf, RTM.ADD),
  [SIOCDELRT]: (sockets, stop, stand) => changeRoute(sockets, stop, stand, indexOf, RTM.DELETE),
  [SIOCGARP]: neighbour,
  [SIOCSARP]: (sockets, stop) => changeNeighbour(sockets, stop, indexOf, near, RTM.ADD),
  [SIOCDARP]: (sockets, stop) => changeNeighbour(sockets, stop, indexOf, near, RTM.DELETE),
};

/** ioctl(2) of a hijacked socket: about interfaces (`rows`), routes and neighbours (`others`), and of itself. Rejects with ENOTTY for any other. */
export async function ioctl(sockets: Sockets, stop: Stop, stand: Asker): Promise<Outcome> {
  const [command, at] = [stop.int(1), stop.long(2)];
  const other = others[command];
  if (other) {
    await other(sockets, stop, stand);
    return 0;
  }
  if (command === SIOCGIFCONF) return await list(sockets, stop, at);
  if (command === SIOCGIFNAME) return await nameOf(sockets, stop, at);
  if (command === SIOCGSTAMP || command === SIOCGSTAMPNS) throw new LinuxError(ENOENT);
  const row = rows[command];
  if (!row) throw new LinuxError(ENOTTY);
  const bytes = stop.read(at, IFREQ.size);
  try {
    await row(sockets, { name: Name.get.name(viewOf(bytes), 0), union: bytes.subarray(IFREQ.union) });
  } catch (e) {
    // No such interface.
    throw e === errno.ENXIO ? errno.ENODEV : e;
  }
  stop.write(at, bytes);
  return 0;
}
/** ioctl(2) of a socket of the host: by one of AF_UNIX the C library asks about interfaces (if_nametoindex(3)). */
export function ioctlBy(
  { standIns }: Pick<Sockets, "standIns">,
  current: () => Promise<Sockets> | Sockets,
  stop: Stop,
): Promise<Outcome> | Outcome {
  const [command, kind] = [stop.int(1), { family: AF_UNIX, type: SOCK_DGRAM, protocol: 0 }];
  if (!(command in rows) && command !== SIOCGIFNAME && command !== SIOCGIFCONF) return "resume";
  const fd = stop.open(stop.int(0));
  const family = standIns.family(fd);
  standIns.close(fd);
  return family === AF_UNIX ? then(current(), (sockets) => ioctl(sockets, stop, { kind })) : "resume";
}
