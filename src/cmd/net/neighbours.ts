/** Neighbours' link addresses, as arp(8) and ndp(8) list, enter and delete them. */
import { errno } from "../../abi/errno.ts";
import { AF_INET, AF_LINK } from "../../abi/flags.ts";
import { parseSockaddrIn, parseSockaddrIn6, sockaddrIn, sockaddrIn6 } from "../../abi/inet.ts";
import { IFT } from "../../abi/net_structs.ts";
import { NET_RT, parseSockaddrDl, RTA, RTF, RTM, sockaddrDl } from "../../abi/route_structs.ts";
import { messagesOf, takeApart } from "../../abi/route_messages.ts";
import { In6Addr } from "../../lib/in6.ts";
import { parseMac } from "../../lib/inet.ts";
import { Failure } from "../cli.ts";
import type { Address } from "./host_names.ts";
import { listInterfaces } from "./if_request.ts";
import { routeDump } from "./route_message.ts";
import { type RouteAsk, RouteSocket } from "./route_socket.ts";
import type { Tool } from "../tool.ts";

/** Seconds that an entry lives which is entered as temporary (arp(8)). */
const TEMPORARY = 20 * 60;
const NONE = new Uint8Array(0);

export interface Neighbour {
  readonly address: Address;
  /** Empty: not known yet. */
  readonly mac: Uint8Array;
  /** Of its interface. */
  readonly index: number;
  /** Seconds of the clock; 0: it is for ever. */
  readonly expire: number;
  readonly published: boolean;
}
const addressIn = (sa: Uint8Array): Address | undefined =>
  sa[1] === AF_INET ? parseSockaddrIn(sa)?.address : parseSockaddrIn6(sa)?.address;
const sockaddrOf = (a: Address): Uint8Array => (typeof a === "number" ? sockaddrIn(a, 0) : sockaddrIn6(a, 0));
/** The same address; on one interface, where it says which. */
export const isSame = (a: Address, b: Address): boolean =>
  a === b || (a instanceof In6Addr && b instanceof In6Addr && a.equals(b));

/** All of a family (AF_INET or AF_INET6), our own addresses too. */
export function* neighboursOf({ sys }: Pick<Tool, "sys">, family: number): Generator<Neighbour> {
  for (const raw of messagesOf(routeDump(sys, family, NET_RT.FLAGS, RTF.LLDATA))) {
    const m = takeApart(raw);
    const destination = m?.addresses.get(RTA.DST);
    const address = destination && destination[1] === family ? addressIn(destination) : undefined;
    if (!m || address === undefined) continue;
    const { mac } = parseSockaddrDl(m.addresses.get(RTA.GATEWAY) ?? NONE) ?? { mac: NONE };
    const { index, expire, flags } = m.header;
    yield { address, mac, index, expire, published: (flags & RTF.ANNOUNCE) !== 0 };
  }
}
/** Says whether an address of a family is one of the kernel's own. */
export function ownAddresses(t: Pick<Tool, "sys">, family: number): (a: Address) => boolean {
  const own = listInterfaces(t).flatMap((i) => i.addresses)
    .flatMap((a) => (a.family === family ? addressIn(a.address) ?? [] : []));
  return (a) => own.some((o) => isSame(o, a));
}

/** What is entered of a neighbour. */
export interface Entry {
  readonly address: Address;
  /** Undefined: that of the interface it is a neighbour on. */
  readonly mac: Uint8Array | undefined;
  readonly temporary: boolean;
  readonly published: boolean;
}
/**
 * Words behind an address: its link address, then `temp`, `pub` and `proxy`; what is published may have the link address
 * `auto`. Undefined: they are something else.
 */
export function entryOf(address: Address, [link, ...words]: readonly string[]): Entry | undefined {
  const mac = parseMac(link ?? "");
  const known = mac !== undefined || (link === "auto" && words.includes("pub"));
  if (!known || words.some((w) => !["temp", "pub", "proxy"].includes(w))) return undefined;
  return { address, mac, temporary: words.includes("temp"), published: words.includes("pub") };
}
const linkOf = (index: number, mac: Uint8Array) => sockaddrDl({ index, type: IFT.ETHER, name: "", mac });
const ask = (flags: number, addresses: ReadonlyMap<number, Uint8Array>, expire = 0): RouteAsk => ({
  flags: flags | RTF.HOST | RTF.LLDATA,
  addresses: new Map(addresses),
  metrics: new Map(expire === 0 ? [] : [["expire", expire]]),
  locks: 0,
});

/** Changes, by one routing socket. */
export class NeighbourTable {
  readonly #t: Tool;
  readonly #socket: RouteSocket;

  constructor(t: Tool) {
    this.#t = t;
    this.#socket = new RouteSocket(t);
  }
  /** Enter one; what is known of it is forgotten. Failure: it is on none of our networks. */
  set({ address, mac, temporary, published }: Entry): void {
    const index = this.#linkTo(address);
    const link = linkOf(index, mac ?? listInterfaces(this.#t, index)[0]?.mac ?? NONE);
    const expire = temporary ? Math.floor(this.#t.host.wall() / 1000) + TEMPORARY : 0;
    const addresses = new Map([[RTA.DST, sockaddrOf(address)], [RTA.GATEWAY, link]]);
    this.#socket.ask(RTM.ADD, ask(RTF.UP | RTF.STATIC | (published ? RTF.ANNOUNCE : 0), addresses, expire));
  }
  /** Delete one, on an interface or on any (0). Throws ENOENT. */
  remove(address: Address, index = 0): void {
    const addresses = new Map<number, Uint8Array>([[RTA.DST, sockaddrOf(address)]]);
    if (index !== 0) addresses.set(RTA.GATEWAY, linkOf(index, NONE));
    this.#socket.ask(RTM.DELETE, ask(0, addresses));
  }
  /** The index of the interface an address is a neighbour on. */
  #linkTo(address: Address): number {
    const addresses = new Map([[RTA.DST, sockaddrOf(address)], [RTA.IFP, linkOf(0, NONE)]]);
    const far = new Failure("on none of our networks");
    try {
      const { flags, addresses: found, index } = this.#route(addresses);
      if (flags & RTF.LOCAL) throw new Failure("an address of our own");
      if (flags & RTF.GATEWAY || found.get(RTA.GATEWAY)?.[1] !== AF_LINK) throw far;
      return index;
    } catch (e) {
      throw e === errno.ESRCH ? far : e;
    }
  }
  #route(addresses: Map<number, Uint8Array>) {
    const seq = this.#socket.ask(RTM.GET, { flags: RTF.UP | RTF.HOST, addresses, metrics: new Map(), locks: 0 });
    const { header, addresses: found } = this.#socket.answer(seq);
    return { flags: header.flags, index: header.index, addresses: found };
  }
}

/** Do each line of a file of the host's: words, `#` begins a remark. */
export function eachLine(t: Tool, path: string, work: (words: readonly string[]) => void): void {
  const text = new TextDecoder().decode(t.host.readFile(path));
  text.split("\n").forEach((line, i) => {
    const words = line.replace(/#.*/, "").split(/\s+/).filter(Boolean);
    if (words.length > 0) t.attempt(`${path}: line ${i + 1}`, () => work(words));
  });
}
