/** getsockopt(2) and setsockopt(2) of hijacked programs. */
import { errno, errnoOf } from "../abi/errno.ts";
import { IP_HDRINCL, IPPROTO_IP } from "../abi/inet_options.ts";
import { linuxErrno } from "../abi/linux_errno.ts";
import { SO_ERROR, SOL_SOCKET } from "../abi/flags.ts";
import { viewOf } from "../lib/struct.ts";
import { type Form, isStrange, type Option, optionOf, SO, SOL } from "./option_table.ts";
import type { Sockets, Stand } from "./stand.ts";
import type { Outcome, Stop } from "./stop.ts";
import { linuxTcpInfo } from "./tcp_info.ts";

/** Longest value looked at. */
const MAX_VALUE = 512;
/** Largest buffer NetBSD's kernel gives (kern.sbmax is twice that). */
const MAX_BUFFER = 2 << 20;
/** struct ip_mreqn: a group, an address of the interface, its index; struct ip_mreq ends before that. */
const IP_MREQ = 8;

function intBytes(...values: number[]): Uint8Array {
  const bytes = new Uint8Array(values.length * 4);
  const d = viewOf(bytes);
  for (const [i, value] of values.entries()) d.setInt32(i * 4, value, true);
  return bytes;
}
/** The name of an algorithm (TCP_CA_NAME_MAX). */
function padded(name: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(16);
  bytes.set(name.subarray(0, bytes.length));
  return bytes;
}
const inverted = (bytes: Uint8Array) => bytes.map((b) => ~b);

/** A value on its way to the kernel. */
function toBsd(form: Form, value: Uint8Array): Uint8Array {
  if (form === "size") {
    if (value.length < 4) throw errno.EINVAL;
    return intBytes(Math.min(Math.max(viewOf(value).getInt32(0, true), 2048), MAX_BUFFER));
  }
  if (form === "types") return inverted(value);
  if (form === "group") return value.subarray(0, IP_MREQ);
  if (form === "byte") return value.subarray(0, 1);
  if (form === "interface" && value.length >= IP_MREQ) return value.subarray(4, IP_MREQ);
  return value;
}
/** And on its way back. */
function toLinux(form: Form, value: Uint8Array): Uint8Array {
  if (form === "switch") return intBytes(viewOf(value).getInt32(0, true) === 0 ? 0 : 1);
  if (form === "size") return intBytes(viewOf(value).getInt32(0, true) * 2);
  if (form === "types") return inverted(value);
  if (form === "byte") return intBytes(value[0] ?? 0);
  if (form === "name") return padded(value);
  if (form === "tcp_info") return linuxTcpInfo(value);
  return value;
}

export async function setsockopt({ client }: Sockets, stop: Stop, stand: Stand): Promise<Outcome> {
  const [level, name, length] = [stop.int(1), stop.int(2), stop.int(4)];
  const option = optionOf(stand.kind, level, name);
  if (!option) throw errno.ENOPROTOOPT;
  if (length < 0) throw errno.EINVAL;
  if ("how" in option && option.how === "own") throw errno.ENOPROTOOPT;
  if ("how" in option && option.how === "native" && !(level === SOL.SOCKET && name === SO.RCVTIMEO)) return "resume";
  const value = stop.read(stop.long(3), Math.min(length, MAX_VALUE));
  if ("bsd" in option) {
    const [bsdLevel, bsdName] = option.bsd;
    const val = toBsd(option.form, value);
    await client.sys.setsockopt({ s: stand.s, level: bsdLevel, name: bsdName, val }).catch((e: unknown) => {
      throw option.form === "name" && e === errno.EINVAL ? errno.ENOENT : e;
    });
    if (bsdLevel === IPPROTO_IP && bsdName === IP_HDRINCL) stand.ownHeader = value[0] !== 0;
    return 0;
  }
  if (option.how === "kept") {
    stand.remembered.set(`${level}/${name}`, value);
    return 0;
  }
  if (value.length >= 16) {
    const d = viewOf(value);
    stand.receiveTimeout = d.getInt32(0, true) * 1000 + d.getInt32(8, true) / 1000;
  }
  return "resume";
}

export async function getsockopt(sockets: Sockets, stop: Stop, stand: Stand): Promise<Outcome> {
  const [level, name] = [stop.int(1), stop.int(2)];
  const option = optionOf(stand.kind, level, name);
  if (!option) throw isStrange(stand.kind, level) ? errno.EOPNOTSUPP : errno.ENOPROTOOPT;
  if ("how" in option && option.how === "native") return "resume";
  if (level === SOL.SOCKET && name === SO.ERROR && stand.state === "gone" && stand.error === 0) return "resume";
  const value = await valueOf(sockets, stop, stand, option, { level, name });
  const room = stop.readInt(stop.long(4));
  if (room < 0) throw errno.EINVAL;
  const part = value.subarray(0, Math.min(room, value.length));
  stop.write(stop.long(3), part);
  stop.writeInt(stop.long(4), part.length);
  return 0;
}
async function valueOf(
  sockets: Sockets,
  stop: Stop,
  stand: Stand,
  option: Option,
  { level, name }: { readonly level: number; readonly name: number },
): Promise<Uint8Array> {
  if ("bsd" in option) {
    const [bsdLevel, bsdName] = option.bsd;
    return toLinux(option.form, await ask(sockets, stand, bsdLevel, bsdName));
  }
  if (option.how === "kept") return stand.remembered.get(`${level}/${name}`) ?? intBytes(...option.value);
  const { family, type, protocol } = stand.kind;
  switch (name) {
    case SO.TYPE:
      return intBytes(type);
    case SO.DOMAIN:
      return intBytes(family);
    case SO.PROTOCOL:
      return intBytes(protocol || (DEFAULT_PROTOCOL[type] ?? 0));
    case SO.ACCEPTCONN:
      return intBytes(stand.state === "listening" ? 1 : 0);
    case SO.PEERCRED:
      return intBytes(0, -1, -1);
    default:
      return intBytes(await errorOf(sockets, stop, stand));
  }
}
/** SOCK_STREAM: TCP; SOCK_DGRAM: UDP. */
const DEFAULT_PROTOCOL: Readonly<Record<number, number>> = { 1: 6, 2: 17 };

/** A value of the kernel's. */
async function ask({ client }: Sockets, stand: Stand, level: number, name: number): Promise<Uint8Array> {
  const val = new Uint8Array(MAX_VALUE);
  const avalsize = intBytes(val.length);
  await client.sys.getsockopt({ s: stand.s, level, name, val, avalsize });
  return val.slice(0, viewOf(avalsize).getUint32(0, true));
}
/** SO_ERROR, told once: Linux's number. */
async function errorOf(sockets: Sockets, stop: Stop, stand: Stand): Promise<number> {
  if (stand.state !== "gone") {
    if (stand.state === "connecting") return 0;
    const n = viewOf(await ask(sockets, stand, SOL_SOCKET, SO_ERROR)).getInt32(0, true);
    return n === 0 ? 0 : linuxErrno(errnoOf(n));
  }
  const { error } = stand;
  stand.error = 0;
  // The end has met one of its own when ours closed: that is not told a second time.
  const theirs = stop.open(stop.int(0));
  sockets.standIns.error(theirs);
  sockets.standIns.close(theirs);
  return error;
}
