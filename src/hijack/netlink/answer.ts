/** What is answered to requests of netlink(7) about the network (rtnetlink(7)): a dump, one thing, or why not. */
import { errno } from "../../abi/errno.ts";
import { linuxErrno } from "../../abi/linux_errno.ts";
import { viewOf } from "../../lib/struct.ts";
import {
  AF,
  Ifinfomsg,
  IFLA,
  NLA_TYPE_MASK,
  NLM_F,
  NLMSG,
  Nlmsghdr,
  RTA,
  Rtattr,
  RTM,
  RTM_KIND,
  Rtmsg,
} from "./rtnetlink.ts";
import type { Questions } from "../proc/questions.ts";
import { addressBodies } from "./addresses.ts";
import { aligned, joined, message } from "./build.ts";
import { linkBody } from "./links.ts";
import { neighbourBodies } from "./neighbours.ts";
import { routeBodies, routeTo } from "./routes.ts";

/** Who asks, and who knows. */
export interface Asking {
  readonly ask: Questions;
  /** The socket's number (nl_pid). */
  readonly pid: number;
  /** Seconds of the clock. */
  readonly now: () => number;
  /** May change the network of the host's kernel. */
  readonly root: boolean;
}
/** A request, taken apart. */
interface Request {
  readonly header: ReturnType<typeof Nlmsghdr.dump>;
  /** The message as it was. */
  readonly bytes: Uint8Array;
  readonly body: Uint8Array;
}
/** Requests one datagram may have; the kernel has no such limit, and nobody sends two. */
const MOST = 64;
/** Bytes in a datagram of a dump: what programs' buffers of a page hold (Linux: NLMSG_GOODSIZE). */
const DATAGRAM = 3776;

function* requestsIn(datagram: Uint8Array): Generator<Request> {
  const d = viewOf(datagram);
  let left = MOST;
  for (let at = 0; at + Nlmsghdr.size <= datagram.length && left > 0; left--) {
    const header = Nlmsghdr.dump(d, at);
    if (header.length < Nlmsghdr.size || header.length > datagram.length - at) return;
    const bytes = datagram.subarray(at, at + header.length);
    yield { header, bytes, body: bytes.subarray(Nlmsghdr.size) };
    at += aligned(header.length);
  }
}
/** The attributes behind a header, by their types; those that do not fit are not there. */
function attributesOf(body: Uint8Array, from: number): Map<number, Uint8Array> {
  const found = new Map<number, Uint8Array>();
  const d = viewOf(body);
  for (let at = from; at + Rtattr.size <= body.length;) {
    const length = Rtattr.get.length(d, at);
    if (length < Rtattr.size || length > body.length - at) break;
    found.set(Rtattr.get.type(d, at) & NLA_TYPE_MASK, body.subarray(at + Rtattr.size, at + length));
    at += aligned(length);
  }
  return found;
}

/** Requests that ask: what the answers are, all of them, and one. */
interface Row {
  /** The type of the answers. */
  readonly answer: number;
  readonly all: (asking: Asking, family: number) => Promise<Uint8Array[]>;
  readonly one?: (asking: Asking, body: Uint8Array) => Promise<Uint8Array>;
}
const rows: Readonly<Record<number, Row>> = {
  [RTM.GETLINK]: {
    answer: RTM.NEWLINK,
    all: async ({ ask }) => (await ask.interfaces()).map(linkBody),
    one: oneLink,
  },
  [RTM.GETADDR]: { answer: RTM.NEWADDR, all: ({ ask }, family) => addressBodies(ask, family) },
  [RTM.GETROUTE]: { answer: RTM.NEWROUTE, all: ({ ask }, family) => routeBodies(ask, family), one: oneRoute },
  [RTM.GETNEIGH]: { answer: RTM.NEWNEIGH, all: ({ ask, now }, family) => neighbourBodies(ask, family, now()) },
};
const IP: readonly number[] = [AF.UNSPEC, AF.INET, AF.INET6];

/** By its index, or its name. */
async function oneLink({ ask }: Asking, body: Uint8Array): Promise<Uint8Array> {
  if (body.length < Ifinfomsg.size) throw errno.EINVAL;
  const index = Ifinfomsg.get.index(viewOf(body), 0);
  const given = attributesOf(body, Ifinfomsg.size);
  const raw = given.get(IFLA.IFNAME) ?? given.get(IFLA.ALT_IFNAME);
  if (index <= 0 && !raw) throw errno.EINVAL;
  const name = new TextDecoder().decode(raw).replace(/\0[^]*$/, "");
  const found = (await ask.interfaces()).find((i) => index > 0 ? i.index === index : i.name === name);
  if (!found) throw errno.ENODEV;
  return linkBody(found);
}
async function oneRoute({ ask }: Asking, body: Uint8Array): Promise<Uint8Array> {
  if (body.length < Rtmsg.size) throw errno.EINVAL;
  const family = Rtmsg.get.family(viewOf(body), 0);
  const to = attributesOf(body, Rtmsg.size).get(RTA.DST);
  if (family === AF.UNSPEC) throw errno.EOPNOTSUPP;
  if (to?.length !== (family === AF.INET ? 4 : 16)) throw errno.EINVAL;
  const found = await routeTo(ask, { family, bytes: to });
  if (!found) throw errno.ENETUNREACH;
  return found;
}

/** The bodies that answer a request. Throws what is wrong with it. */
async function bodies(asking: Asking, { header, body }: Request, dump: boolean): Promise<Uint8Array[]> {
  if ((header.type & RTM_KIND.MASK) !== RTM_KIND.GET) throw asking.root ? errno.EOPNOTSUPP : errno.EPERM;
  const row = rows[header.type];
  const family = body[0] ?? AF.UNSPEC;
  if (!row) throw errno.EOPNOTSUPP;
  // Interfaces are of no family; other families than these have a bridge's ports.
  if (!IP.includes(family) && !(header.type === RTM.GETLINK && family !== AF_BRIDGE)) throw errno.EOPNOTSUPP;
  if (dump) return await row.all(asking, family);
  if (!row.one) throw errno.EOPNOTSUPP;
  return [await row.one(asking, body)];
}
const AF_BRIDGE = 7;

/** In datagrams of no more than DATAGRAM bytes, or one message. */
function together(messages: readonly Uint8Array[]): Uint8Array[] {
  const all: Uint8Array[][] = [];
  let size = Infinity;
  for (const m of messages) {
    if (size + m.length > DATAGRAM) all.push([]), size = 0;
    all.at(-1)!.push(m);
    size += m.length;
  }
  return all.map(joined);
}
/** What went wrong with a request, which comes back with it; 0: nothing. */
function verdict({ header: { seq }, bytes }: Request, pid: number, error: number): Uint8Array {
  const what = new Uint8Array(new Int32Array([-error]).buffer);
  const request = error === 0 ? bytes.subarray(0, Nlmsghdr.size) : bytes;
  return message({ type: NLMSG.ERROR, flags: 0, seq, pid }, joined([what, request]));
}
async function answer(asking: Asking, request: Request): Promise<Uint8Array[]> {
  const { header: { type, flags, seq }, body } = request;
  const { pid } = asking;
  const dump = (flags & NLM_F.DUMP) !== 0 && (type & RTM_KIND.MASK) === RTM_KIND.GET;
  const acknowledged = flags & NLM_F.ACK ? [verdict(request, pid, 0)] : [];
  if ((flags & NLM_F.REQUEST) === 0) return [];
  // What has no family is no request (rtnetlink_rcv_msg).
  if (type < NLMSG.MIN || body.length === 0) return acknowledged;
  const found = await bodies(asking, request, dump);
  const as = { type: type - RTM_KIND.GET, flags: dump ? NLM_F.MULTI : 0, seq, pid };
  const messages = found.map((b) => message(as, b));
  if (!dump) return [...messages, ...acknowledged];
  return together([...messages, message({ ...as, type: NLMSG.DONE }, new Uint8Array(4))]);
}
/** The datagrams that answer one. Nothing of it throws: what fails is told in them. */
export async function answers(asking: Asking, datagram: Uint8Array): Promise<Uint8Array[]> {
  const all: Uint8Array[] = [];
  let dumped = false;
  for (const request of requestsIn(datagram)) {
    try {
      const dump = (request.header.flags & NLM_F.DUMP) !== 0;
      if (dump && dumped) throw errno.EBUSY; // one at a time
      dumped ||= dump;
      all.push(...await answer(asking, request));
    } catch (e) {
      all.push(verdict(request, asking.pid, linuxErrno(e)));
    }
  }
  return all;
}
