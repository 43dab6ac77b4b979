/** All there is to know of interfaces and their addresses, asked in one round trip beside the list. */
import { AF_INET, AF_INET6, IFF } from "../../abi/flags.ts";
import { parseIn6Mask, parseInetMask, parseSockaddrIn, parseSockaddrIn6 } from "../../abi/inet.ts";
import {
  IfAddrprefreq,
  IFCAP_NAMES,
  Ifcapreq,
  Ifdatareq,
  Ifdrv,
  IfLaddrreq,
  Ifmediareq,
  Ifreq,
  IfreqBuffer,
  IfreqValue,
  IN6_IFF_NAMES,
  In6Ifreq,
  In6IfreqFlags,
  In6IfreqLifetime,
  IN_IFF_NAMES,
} from "../../abi/net_structs.ts";
import type { IfAddress, IfInfo } from "../../abi/if_list.ts";
import { formatIpv4, prefixOf } from "../../lib/inet.ts";
import { viewOf } from "../../lib/struct.ts";
import { Vlanreq, VLANREQ_AT } from "../../wire/if_vlan.ts";
import { isExpected } from "../cli.ts";
import type { Caller } from "../client.ts";
import { type Answer, type Ask, bitNames, Control, request } from "./if_request.ts";

/** Longest text of an interface: a linkstr, a description. */
const TEXT = 1024;

/** Kinds of media there may be. */
const MEDIA = 64;

/** An address in words. */
export interface ShownAddress {
  readonly family: typeof AF_INET | typeof AF_INET6;
  readonly address: string;
  /** Index of the link that an IPv6 address is of; 0: it needs none. */
  readonly scope: number;
  /** Of IPv4; it may have holes. */
  readonly mask: number;
  /** Undefined: the mask has holes. */
  readonly length: number | undefined;
  readonly broadcast: string | undefined;
  readonly destination: string | undefined;
  /** tentative, duplicated, detached, ... */
  readonly flags: readonly string[];
  readonly preference: number;
  /** Seconds an IPv6 address is preferred and valid yet; Infinity: for ever. */
  readonly preferred: number;
  readonly valid: number;
}
/** Media words: chosen, in use, all that may be chosen; IFM_AVALID and IFM_ACTIVE. */
export interface Media {
  readonly current: number;
  readonly active: number;
  readonly status: number;
  readonly all: readonly number[];
}
/** An interface: what the list tells, and what was asked. */
export interface Detail {
  readonly info: IfInfo;
  readonly addresses: readonly ShownAddress[];
  readonly linkstr: string | undefined;
  readonly description: string | undefined;
  /** IFCAP_* that it has, and that are on. */
  readonly able: { readonly can: number; readonly on: number } | undefined;
  readonly vlan: { readonly tag: number; readonly parent: string } | undefined;
  /** The outer addresses of a tunnel. */
  readonly tunnel: { readonly family: "inet" | "inet6"; readonly local: string; readonly remote: string } | undefined;
  /** struct ifmediareq's words; undefined: it has no media. */
  readonly media: Media | undefined;
}

/** What an answer tells; undefined: there is none such. */
function told<T>(answer: Answer | undefined, of: (view: DataView, data: Uint8Array) => T): T | undefined {
  if (!answer) return undefined;
  try {
    const data = answer();
    return of(viewOf(data), data);
  } catch (e) {
    if (isExpected(e)) return undefined; // most interfaces lack most of it
    throw e;
  }
}
const text = (data: Uint8Array, at: number): string =>
  new TextDecoder().decode(data.subarray(at)).replace(/\0.*$/s, "");

/** The questions about an interface, in the order `detailOf` reads the answers. */
const linkAsks = (name: string): Ask[] => [
  { com: "SIOCGLINKSTR", data: request(Ifdrv, { name, length: TEXT }, TEXT) },
  { com: "SIOCGIFDESCR", data: request(IfreqBuffer, { name, length: TEXT }, TEXT) },
  { com: "SIOCGIFCAP", data: request(Ifcapreq, { name }) },
  { com: "SIOCGIFGENERIC", data: request(Ifreq, { name }, Vlanreq.size) },
  { com: "SIOCGIFMEDIA", data: request(Ifmediareq, { name, count: MEDIA }, MEDIA * 4) },
  { com: "SIOCGLIFPHYADDR", data: request(IfLaddrreq, { name }) },
];
const LINK_ASKS = linkAsks("").length;
function addressAsks(name: string, { family, address: addr }: IfAddress): Ask[] {
  if (family === AF_INET) {
    return [
      { com: "SIOCGIFAFLAG_IN", data: request(Ifreq, { name, addr }) },
      { com: "SIOCGIFADDRPREF", data: request(IfAddrprefreq, { name, addr }) },
    ];
  }
  return [
    { com: "SIOCGIFAFLAG_IN6", data: request(In6Ifreq, { name, addr }), family },
    { com: "SIOCGIFALIFETIME_IN6", data: request(In6Ifreq, { name, addr }), family },
  ];
}
const isShown = ({ family }: IfAddress) => family === AF_INET || family === AF_INET6;

/** Details of interfaces; `clear`: their numbers begin anew. */
export function detailsOf(caller: Caller, infos: readonly IfInfo[], clear = false): Detail[] {
  const asks = infos.map((info) => [
    ...linkAsks(info.name),
    ...info.addresses.filter(isShown).flatMap((a) => addressAsks(info.name, a)),
    ...(clear ? [{ com: "SIOCZIFDATA", data: request(Ifdatareq, { name: info.name }) } as const] : []),
  ]);
  const answers = new Control(caller).ask(asks.flat());
  let at = 0;
  return infos.map((info, i) => {
    const own = answers.slice(at, at += asks[i]!.length);
    if (clear) own.at(-1)!(); // who may not must know
    return detailOf(info, own);
  });
}
function detailOf(info: IfInfo, answers: readonly Answer[]): Detail {
  const [linkstr, description, able, vlan, media, tunnel] = answers;
  const { capabilities, enabled } = Ifcapreq.get;
  return {
    info,
    addresses: info.addresses.filter(isShown).map((a, i) => addressOf(info, a, answers.slice(LINK_ASKS + 2 * i))),
    linkstr: told(linkstr, (_, data) => text(data, Ifdrv.size)),
    description: told(description, (_, data) => text(data, Ifreq.size)),
    able: told(able, (d) => ({ can: capabilities(d, 0), on: enabled(d, 0) })),
    vlan: told(vlan, (d) => ({ tag: Vlanreq.get.tag(d, VLANREQ_AT), parent: Vlanreq.get.parent(d, VLANREQ_AT) })),
    media: told(media, mediaOf),
    tunnel: told(tunnel, (d) => endsOf(IfLaddrreq.get.addr(d, 0), IfLaddrreq.get.dstaddr(d, 0))),
  };
}
function mediaOf(d: DataView): Media {
  const { current, active, status, count } = Ifmediareq.dump(d, 0);
  const length = Math.max(0, Math.min(count, MEDIA));
  const all = Array.from({ length }, (_, i) => d.getInt32(Ifmediareq.size + 4 * i, true));
  return { current, active, status, all };
}
function endsOf(local: Uint8Array, remote: Uint8Array): Detail["tunnel"] {
  const text = (a: Uint8Array) =>
    a[1] === AF_INET6 ? `${parseSockaddrIn6(a)?.address}` : formatIpv4(parseSockaddrIn(a)?.address ?? 0);
  return { family: local[1] === AF_INET6 ? "inet6" : "inet", local: text(local), remote: text(remote) };
}
function addressOf(info: IfInfo, a: IfAddress, [flags, more]: readonly Answer[]): ShownAddress {
  return a.family === AF_INET ? inetAddress(info, a, flags, more) : inet6Address(a, flags, more);
}
function inetAddress({ flags }: IfInfo, a: IfAddress, aflags?: Answer, preference?: Answer): ShownAddress {
  const mask = parseInetMask(a.mask) ?? 0;
  const other = parseSockaddrIn(a.other);
  const otherText = other && formatIpv4(other.address);
  const on = told(aflags, (d) => IfreqValue.get.value(d, 0)) ?? 0;
  return {
    family: AF_INET,
    address: formatIpv4(parseSockaddrIn(a.address)?.address ?? 0),
    scope: 0,
    mask,
    length: prefixOf(mask),
    broadcast: (flags & IFF.BROADCAST) !== 0 ? otherText : undefined,
    destination: (flags & IFF.POINTOPOINT) !== 0 ? otherText : undefined,
    flags: bitNames(on, IN_IFF_NAMES),
    preference: told(preference, (d) => IfAddrprefreq.get.preference(d, 0)) ?? 0,
    preferred: Infinity,
    valid: Infinity,
  };
}
const FOR_EVER = 0xffff_ffff;
const life = (seconds: number) => (seconds === FOR_EVER ? Infinity : seconds);
function inet6Address(a: IfAddress, aflags?: Answer, lifetime?: Answer): ShownAddress {
  const found = parseSockaddrIn6(a.address)?.address;
  const other = parseSockaddrIn6(a.other)?.address;
  const length = parseIn6Mask(a.mask);
  const { pltime, vltime } = In6IfreqLifetime.get;
  const lives = told(lifetime, (d) => [life(pltime(d, 0)), life(vltime(d, 0))]) ?? [Infinity, Infinity];
  return {
    family: AF_INET6,
    address: `${found ?? "::"}`,
    scope: found?.zone ?? 0,
    mask: 0,
    length: length === -1 ? undefined : length,
    broadcast: undefined,
    destination: other && !other.unspecified && !found?.loopback ? `${other}` : undefined,
    flags: bitNames(told(aflags, (d) => In6IfreqFlags.get.flags(d, 0)) ?? 0, IN6_IFF_NAMES),
    preference: 0,
    preferred: lives[0]!,
    valid: lives[1]!,
  };
}
/** Names of IFCAP_* bits, lowest first. */
export const capabilityNames = (bits: number): string[] => bitNames(Math.floor(bits / 128), IFCAP_NAMES);
