/** Messages that programs write to a routing socket: read, done, answered (NetBSD: rtsock.c route_output). */
import { errno, SysError } from "../abi/errno.ts";
import {
  type MessageAddresses,
  parseAddresses,
  parseSockaddrDl,
  RTA,
  RTF,
  RTM,
  RTM_VERSION,
  RtMsghdr,
  RTV,
} from "../abi/route_structs.ts";
import type { Lwp } from "../kern/proc.ts";
import { viewOf } from "../lib/struct.ts";
import type { Interface } from "./interface.ts";
import type { RouteMetrics } from "./route.ts";
import type { RouteEntry, RouteFamily, RouteRequest } from "./route_family.ts";
import { routeMessage } from "./route_messages.ts";
import type { Stack } from "./stack.ts";

/** Which bit means which metric. */
const metricBits: readonly (readonly [number, keyof RouteMetrics & keyof typeof RtMsghdr.get])[] = [
  [RTV.MTU, "mtu"],
  [RTV.HOPCOUNT, "hopcount"],
  [RTV.EXPIRE, "expire"],
  [RTV.RPIPE, "recvpipe"],
  [RTV.SPIPE, "sendpipe"],
  [RTV.SSTHRESH, "ssthresh"],
  [RTV.RTT, "rtt"],
  [RTV.RTTVAR, "rttvar"],
];
/** Largest number a metric may be: what a program reads back is what was written. */
const MOST = Number.MAX_SAFE_INTEGER;

/** A message that has been read. */
interface Message {
  readonly type: number;
  readonly view: DataView;
  readonly addresses: MessageAddresses;
  readonly request: RouteRequest;
  readonly family: RouteFamily;
  /** Who asks wants to know the interface and the address of ours. */
  readonly link: boolean;
}

function metricsOf(view: DataView): RouteMetrics {
  const inits = RtMsghdr.get.inits(view, 0);
  const metrics: RouteMetrics = {};
  for (const [bit, name] of metricBits) {
    if (inits & bit) metrics[name] = Math.min(Math.max(0, RtMsghdr.get[name](view, 0) as number), MOST);
  }
  return metrics;
}
/** The interface a message names. */
function interfaceOf(stack: Stack, sockaddr: Uint8Array | undefined): Interface | undefined {
  const link = sockaddr && parseSockaddrDl(sockaddr);
  if (!link) return undefined;
  return link.index !== 0 ? stack.byIndex(link.index) : [...stack.interfaces].find((i) => i.name === link.name);
}

/** EINVAL: it is no message; EPROTONOSUPPORT: of another version; EAFNOSUPPORT: nobody has such addresses. */
function parse(stack: Stack, bytes: Uint8Array): Message {
  if (bytes.length < RtMsghdr.size) throw errno.EINVAL;
  const view = viewOf(bytes);
  const { get } = RtMsghdr;
  if (get.msglen(view, 0) !== bytes.length) throw errno.EINVAL;
  if (get.version(view, 0) !== RTM_VERSION) throw errno.EPROTONOSUPPORT;
  const addresses = parseAddresses(bytes, RtMsghdr.size, get.addrs(view, 0));
  const destination = addresses?.get(RTA.DST);
  if (!addresses || !destination || destination.length < 2) throw errno.EINVAL;
  const [family, ...more] = stack.routeFamilies(destination[1]!);
  if (!family || more.length > 0) throw errno.EAFNOSUPPORT;
  const request: RouteRequest = {
    destination,
    mask: addresses.get(RTA.NETMASK),
    gateway: addresses.get(RTA.GATEWAY),
    iface: interfaceOf(stack, addresses.get(RTA.IFP)),
    source: addresses.get(RTA.IFA),
    flags: get.flags(view, 0),
    metrics: metricsOf(view),
  };
  const link = (get.addrs(view, 0) & (RTA.IFP | RTA.IFA)) !== 0;
  return { type: get.type(view, 0), view, addresses, request, family, link };
}
/** A neighbour is entered or forgotten. */
function neighbour(stack: Stack, { type, request, family, view }: Message): undefined {
  const link = request.gateway && parseSockaddrDl(request.gateway);
  const iface = request.iface ?? (link && stack.byIndex(link.index));
  if (type === RTM.DELETE) return void family.removeNeighbour(request, iface);
  if (!link || !iface || link.mac.length === 0) throw errno.EINVAL;
  // arp(8) does not say that it means the time; 0 is for ever.
  const metrics = { expire: RtMsghdr.get.expire(view, 0) };
  family.setNeighbour({ ...request, metrics }, link.mac, iface);
}
function lock({ request, family, view }: Message): RouteEntry {
  const { inits, locks = 0 } = { inits: RtMsghdr.get.inits(view, 0), ...family.get(request).metrics };
  const now = (locks & ~inits) | (inits & RtMsghdr.get.locks(view, 0));
  return family.change({ ...request, gateway: undefined, metrics: { locks: now >>> 0 } });
}
/** The route that was meant, if it is one. EOPNOTSUPP: a kind of message nobody knows. */
function perform(stack: Stack, m: Message): RouteEntry | undefined {
  const { type, family, request } = m;
  if (request.flags & RTF.LLDATA && (type === RTM.ADD || type === RTM.DELETE)) return neighbour(stack, m);
  switch (type) {
    case RTM.ADD:
      return family.add(request);
    case RTM.DELETE:
      return family.remove(request);
    case RTM.CHANGE:
      return family.change(request);
    case RTM.GET:
      return family.get(request);
    case RTM.LOCK:
      return lock(m);
    default:
      throw errno.EOPNOTSUPP;
  }
}

/** What a message leads to: what listeners are told, and the error its writer gets. */
export interface Outcome {
  readonly reply: Uint8Array;
  /** AF_* that it is about. */
  readonly family: number;
  readonly error: SysError | undefined;
}
/** Do what a message says. Throws where there is nothing to tell others: it could not be read, or its writer may not (EACCES). */
export function routeRequest(stack: Stack, lwp: Lwp, bytes: Uint8Array): Outcome {
  const copy = bytes.slice();
  const m = parse(stack, copy);
  if (m.type !== RTM.GET && lwp.proc.cred.euid !== 0) throw errno.EACCES;
  const family = m.request.destination[1]!;
  RtMsghdr.set.pid(m.view, 0, lwp.proc.pid);
  try {
    const entry = perform(stack, m);
    return { reply: entry ? answer(m, entry, lwp) : done(m, copy), family, error: undefined };
  } catch (error) {
    if (!(error instanceof SysError)) throw error;
    RtMsghdr.set.errno(m.view, 0, error.errno);
    return { reply: copy, family, error };
  }
}
function done({ view }: Message, copy: Uint8Array): Uint8Array {
  RtMsghdr.set.flags(view, 0, RtMsghdr.get.flags(view, 0) | RTF.DONE);
  return copy;
}
/** What is asked for is told as it is; what was changed, as it was said. */
function answer(m: Message, entry: RouteEntry, lwp: Lwp): Uint8Array {
  const { get } = RtMsghdr;
  const head = { pid: lwp.proc.pid, seq: get.seq(m.view, 0), flags: RTF.DONE, inits: get.inits(m.view, 0) };
  return routeMessage(m.type, entry, m.link && m.type !== RTM.DELETE, head);
}
