/** sendto(2), sendmsg(2), sendmmsg(2) of hijacked programs: of datagrams. Streams are the host's business. */
import { errno } from "../abi/errno.ts";
import * as BSD from "../abi/flags.ts";
import { MSGHDR as BSD_MSGHDR } from "../abi/structs.ts";
import { viewOf } from "../lib/struct.ts";
import { addressAt } from "./connections.ts";
import { controlToBsd } from "./control.ts";
import { sentHeader } from "./raw_ip.ts";
import { MANY, MMSGHDR, MSGHDR } from "./receive.ts";
import { MAX_SOCKADDR, toBsd } from "./sockaddr.ts";
import type { Sockets, Stand } from "./stand.ts";
import { longAt, type Outcome, type Stop } from "./stop.ts";

/** Linux's MSG_*, and NetBSD's of the same meaning; 0: it changes nothing here. */
const FLAGS: readonly (readonly [linux: number, bsd: number])[] = [
  [0x4, 0x4], // DONTROUTE
  [0x40, BSD.MSG_DONTWAIT],
  [0x800, 0], // CONFIRM
  [0x4000, BSD.MSG_NOSIGNAL],
];
/** Largest datagram, with its header. */
const MOST = 65535;
const MAX_CONTROL = 4096;

/** EOPNOTSUPP: one that cannot be. */
function flagsOf(linux: number): number {
  const known = FLAGS.reduce((all, [flag]) => all | flag, 0);
  if (linux & ~known) throw errno.EOPNOTSUPP;
  return FLAGS.reduce((all, [flag, bsd]) => linux & flag ? all | bsd : all, 0);
}

/** The host has a stream's data; what it does not know is that it is connected to nothing. */
function streamed({ state }: Stand): Outcome {
  if (state === "idle" || state === "listening") throw errno.EPIPE;
  return "resume";
}
interface Datagram {
  readonly buf: Uint8Array;
  readonly flags: number;
  readonly to: Uint8Array;
}
export function sendto({ client }: Sockets, stop: Stop, stand: Stand): Promise<Outcome> | Outcome {
  if (stand.stream) return streamed(stand);
  const [length, flags] = [stop.long(2), flagsOf(stop.int(3))];
  if (!(length <= MOST)) throw errno.EMSGSIZE;
  const to = addressAt(stop, 4);
  const buf = stop.read(stop.long(1), length);
  if (stand.ownHeader) sentHeader(stand.kind, buf);
  return sentTo(client, stand, { buf, flags, to });
}
function sentTo({ sys, batch }: Sockets["client"], { s }: Stand, datagram: Datagram): Promise<number> {
  return sys.sendto({ s, ...datagram }).catch((e: unknown) => {
    if (e !== errno.EISCONN) throw e;
    return elsewhere({ sys, batch }, s, datagram);
  });
}
/** Linux lets a datagram of a connected socket go to anybody: NetBSD's has no peer as long as that takes. */
async function elsewhere(
  { sys, batch }: Pick<Sockets["client"], "sys" | "batch">,
  s: number,
  datagram: Datagram,
): Promise<number> {
  const [asa, alen] = [new Uint8Array(MAX_SOCKADDR), new Uint8Array([MAX_SOCKADDR, 0, 0, 0])];
  await sys.getpeername({ fdes: s, asa, alen });
  const peer = asa.subarray(0, alen[0]);
  const sent = await batch((b) => {
    b.connect({ s, name: toBsd(new Uint8Array(2)) });
    const n = b.sendto({ s, ...datagram });
    b.connect({ s, name: peer });
    return n;
  });
  return sent.value;
}

/** One message by its struct msghdr; the bytes that went. */
function one({ client }: Sockets, stop: Stop, stand: Stand, at: number, flags: number): Promise<number> {
  const d = viewOf(stop.read(at, MSGHDR.size));
  const iov = stop.gather(stop.vector(longAt(d, MSGHDR.iov), longAt(d, MSGHDR.iovlen)), MOST);
  if (stand.ownHeader) sentHeader(stand.kind, iov);
  const [name, namelen] = [longAt(d, MSGHDR.name), d.getInt32(MSGHDR.namelen, true)];
  const [control, controllen] = [longAt(d, MSGHDR.control), longAt(d, MSGHDR.controllen)];
  if (namelen < 0 || namelen > MAX_SOCKADDR || !(controllen <= MAX_CONTROL)) throw errno.EINVAL;
  const to = name === 0 || namelen === 0 ? undefined : toBsd(stop.read(name, namelen));
  const beside = control === 0 || controllen === 0 ? undefined : controlToBsd(stop.read(control, controllen));
  if (!beside) {
    return to ? sentTo(client, stand, { buf: iov, flags, to }) : client.sys.sendto({ s: stand.s, buf: iov, flags });
  }
  const msg = new Uint8Array(BSD_MSGHDR.size);
  viewOf(msg).setUint32(BSD_MSGHDR.namelen, to?.length ?? 0, true);
  viewOf(msg).setUint32(BSD_MSGHDR.iovlen, 1, true);
  viewOf(msg).setUint32(BSD_MSGHDR.controllen, beside.length, true);
  return client.sys.sendmsg({ s: stand.s, msg, iov, control: beside, flags, ...(to ? { name: to } : {}) });
}
export function sendmsg(sockets: Sockets, stop: Stop, stand: Stand): Promise<Outcome> | Outcome {
  return stand.stream ? streamed(stand) : one(sockets, stop, stand, stop.long(1), flagsOf(stop.int(2)));
}
export async function sendmmsg(sockets: Sockets, stop: Stop, stand: Stand): Promise<Outcome> {
  if (stand.stream) return streamed(stand);
  const [vector, count, flags] = [stop.long(1), Math.min(stop.int(2) >>> 0, MANY), flagsOf(stop.int(3))];
  for (let i = 0; i < count; i++) {
    const at = vector + i * MMSGHDR.size;
    try {
      stop.writeInt(at + MMSGHDR.length, await one(sockets, stop, stand, at, flags));
    } catch (e) {
      if (i === 0) throw e;
      return i;
    }
  }
  return count;
}
