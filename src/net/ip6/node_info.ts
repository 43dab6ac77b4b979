/**
 * What a host tells of itself: its name and addresses (RFC 4620; NetBSD: icmp6.c ni6_input). Who may hear what is the
 * administrator's to say; what is not told is not answered. The group of a name (ff02::2:xxxx:xxxx) is not joined.
 */
import { In6Addr, SCOPE_GLOBAL, SCOPE_LINK, SCOPE_SITE } from "../../lib/in6.ts";
import { viewOf } from "../../lib/struct.ts";
import {
  ICMP6_NI_REPLY,
  NI_ALL,
  NI_ANYCAST,
  NI_GLOBAL,
  NI_LINKLOCAL,
  NI_QTYPE,
  NI_SITELOCAL,
  NI_SUBJ_FQDN,
  NI_SUBJ_IPV6,
  NI_SUCCESS,
  NI_TRUNCATE,
  NI_UNKNOWN,
  NodeInfo,
} from "../../wire/icmp6.ts";
import { IPV6_MMTU } from "../../wire/ipv6.ts";
import type { Packet } from "../packet.ts";
import { IN6_IFF_ANYCAST, IN6_IFF_DEPRECATED, IN6_IFF_NOTREADY, type In6IfAddress } from "./interface.ts";
import type { Ip6, Ipv6Header } from "./ip6.ts";

/** net.inet6.icmp6.nodeinfo: its name is told; its addresses are. */
const TELL_NAME = 1;
const TELL_ADDRESSES = 2;
/** All it knows to answer, as bits. */
const SUPPORTED = new Uint8Array([0, 0, 0, 0xf]);
/** Bytes of a time and an address; and what one answer may have of these. */
const ROW = 20;
const ROOM = Math.floor((IPV6_MMTU - 40 - NodeInfo.size) / ROW);
const MOST_SECONDS = 0x7fff_ffff;
const NOTHING = new Uint8Array(0);

interface Answer {
  readonly code: number;
  readonly flags: number;
  readonly data: Uint8Array;
}
const success = (data: Uint8Array, flags = 0): Answer => ({ code: NI_SUCCESS, flags, data });
/** Which of its addresses a query asks for, by their scope. */
const WANTED: Readonly<Record<number, number>> = {
  [SCOPE_LINK]: NI_LINKLOCAL,
  [SCOPE_SITE]: NI_SITELOCAL,
  [SCOPE_GLOBAL]: NI_GLOBAL,
};

/** Answer a query, if it is to us and of us. */
export function tellNode(ip6: Ip6, p: Packet, at: number, { source, destination }: Ipv6Header): void {
  if (p.end - at < NodeInfo.size || source.unspecified) return;
  // What went to a group of other links, or to another node, is none of ours.
  if (destination.multicast && destination.scope !== SCOPE_LINK) return;
  const answer = answerTo(ip6, p, at, destination);
  const from = destination.multicast ? ip6.sourceFor(source) : destination;
  if (!answer || !from) return;
  const { code, flags, data } = answer;
  ip6.icmp.send({ source: from, destination: source }, NodeInfo.size + data.length, (out, to) => {
    out.bytes.set(p.bytes.subarray(at, at + NodeInfo.size), to);
    NodeInfo.set.type(out.view, to, ICMP6_NI_REPLY);
    NodeInfo.set.code(out.view, to, code);
    NodeInfo.set.flags(out.view, to, flags);
    out.bytes.set(data, to + NodeInfo.size);
  });
}
function answerTo(ip6: Ip6, p: Packet, at: number, destination: In6Addr): Answer | undefined {
  const about = NodeInfo.get.about(p.view, at);
  const { nodeInfo } = ip6.settings;
  const name = dnsName(String(ip6.stack.kernel.tree.find("kern.hostname")?.read(0) ?? ""));
  if (nodeInfo === 0 || !isOurs(p, at, about, destination, name)) return undefined;
  switch (about) {
    case NI_QTYPE.NOOP:
      return success(NOTHING);
    case NI_QTYPE.SUPTYPES:
      return success(SUPPORTED);
    case NI_QTYPE.FQDN:
      // Its time to live is none that means anything.
      return nodeInfo & TELL_NAME && name ? success(Uint8Array.of(0, 0, 0, 0, ...name)) : undefined;
    case NI_QTYPE.NODEADDR:
      return nodeInfo & TELL_ADDRESSES ? addresses(ip6, p, at) : undefined;
    case NI_QTYPE.IPV4ADDR:
      return undefined;
    default:
      return { code: NI_UNKNOWN, flags: 0, data: NOTHING };
  }
}
/** Whether a query's subject is this host, as the address it came to or by its name. */
function isOurs(p: Packet, at: number, about: number, destination: In6Addr, name: readonly number[] | undefined) {
  const subject = p.bytes.subarray(at + NodeInfo.size, p.end);
  switch (NodeInfo.get.code(p.view, at)) {
    case NI_SUBJ_IPV6:
      return subject.length === 16 && In6Addr.read(viewOf(subject), 0, destination.zone).equals(destination);
    case NI_SUBJ_FQDN:
      return (about <= NI_QTYPE.SUPTYPES && subject.length === 0) || (name !== undefined && isName(subject, name));
    default:
      return false;
  }
}
/** A name as DNS writes it; one of few parts may not be whole, and says so by another 0. Undefined: it is no name. */
function dnsName(name: string): number[] | undefined {
  const labels = name.toLowerCase().split(".");
  if (!labels.every((l) => /^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/.test(l)) || name.length > 253) return undefined;
  const bytes = labels.flatMap((l) => [l.length, ...new TextEncoder().encode(l)]);
  return [...bytes, 0, ...(labels.length < 3 ? [0] : [])];
}
/** The same name, or as much of it as the one that is not whole has. */
function isName(given: Uint8Array, own: readonly number[]): boolean {
  const bare = (bytes: readonly number[]) => {
    const cut = bytes.at(-1) === 0 && bytes.at(-2) === 0;
    return { cut, bytes: bytes.slice(0, cut ? -2 : -1) };
  };
  if (given.length < 2 || given.at(-1) !== 0) return false;
  const [a, b] = [bare([...given].map(lower)), bare(own)];
  const [short, long] = a.bytes.length <= b.bytes.length ? [a, b] : [b, a];
  const begins = short.bytes.length > 0 && short.bytes.every((byte, i) => byte === long.bytes[i]);
  return begins && (short.cut || short.bytes.length === long.bytes.length);
}
const lower = (byte: number) => (byte >= 65 && byte <= 90 ? byte + 32 : byte);

/** Addresses of the interface that has the subject, or of all, those that are not deprecated first. */
function addresses(ip6: Ip6, p: Packet, at: number): Answer {
  const flags = NodeInfo.get.flags(p.view, at);
  const subject = NodeInfo.get.code(p.view, at) === NI_SUBJ_IPV6 && In6Addr.read(p.view, at + NodeInfo.size);
  const has = (all: readonly In6IfAddress[]) => subject && all.some(({ address }) => address.in(0).equals(subject));
  const told = [...ip6.addresses.interfaces].map((i) => i.addresses).filter((all) => flags & NI_ALL || has(all)).flat()
    .filter((a) => isWanted(a, flags));
  told.sort((a, b) => (a.flags & IN6_IFF_DEPRECATED) - (b.flags & IN6_IFF_DEPRECATED));
  const rows = told.slice(0, ROOM);
  const data = new Uint8Array(ROW * rows.length);
  for (const [i, { address, validUntil }] of rows.entries()) {
    viewOf(data).setUint32(ROW * i, Math.min(ip6.secondsLeft(validUntil), MOST_SECONDS));
    address.write(viewOf(data), ROW * i + 4);
  }
  return success(data, (flags & ~NI_TRUNCATE) | (rows.length < told.length ? NI_TRUNCATE : 0));
}
function isWanted({ address, flags: is }: In6IfAddress, flags: number): boolean {
  if (address.loopback || is & IN6_IFF_NOTREADY || (is & IN6_IFF_ANYCAST && !(flags & NI_ANYCAST))) return false;
  return (flags & (WANTED[address.scope] ?? 0)) !== 0;
}
