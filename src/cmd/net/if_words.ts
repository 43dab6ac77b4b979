/** The words of rump.ifconfig that change an interface: a table; what they come to is a plan that if_change.ts carries out. */
import { AF_INET, AF_INET6, AF_LINK, IFF } from "../../abi/flags.ts";
import { sockaddrIn, sockaddrIn6 } from "../../abi/inet.ts";
import { Ifdrv, IfLaddrreq, IFLINKSTR, Ifreq, IfreqBuffer, IfreqValue } from "../../abi/net_structs.ts";
import { In6Addr, parseIpv6 } from "../../lib/in6.ts";
import { maskOf, parseIpv4, parseMac } from "../../lib/inet.ts";
import { Vlanreq } from "../../wire/if_vlan.ts";
import { optionsOf, subtypeOf, withSubtype } from "./if_media.ts";
import { type Ask, request } from "./if_request.ts";

/** A word or an address that makes no sense: a usage error. */
export class WordError extends Error {
  override readonly name = "WordError";
}
/** Flags to set and to clear, in their place among other changes. */
export interface FlagStep {
  readonly on: number;
  readonly off: number;
}
/** A media word from the one that was. */
export interface MediaStep {
  readonly media: (word: number) => number;
}
export type Step = Ask | FlagStep | MediaStep;
/** An address to add, to put into the place of the first one, or to take away. */
export interface AddressPlan {
  family: number;
  how: "replace" | "add" | "delete";
  address: number | In6Addr | Uint8Array | undefined;
  /** The other end, or the broadcast address. */
  other: number | In6Addr | undefined;
  mask: number | undefined;
  length: number | undefined;
  anycast: boolean;
  /** The last 64 bits are those of the link-local address. */
  eui64: boolean;
  /** Seconds an IPv6 address is preferred and valid; undefined: for ever. */
  preferred: number | undefined;
  valid: number | undefined;
  preference: number | undefined;
}
/** Changes of one interface, in the order they are made; the address comes last. */
export interface Plan {
  readonly name: string;
  create: boolean;
  destroy: boolean;
  readonly steps: Step[];
  address: AddressPlan;
  /** A part of the address was said. */
  addressed: boolean;
  vlan: number | undefined;
}
interface Word {
  /** How many words follow it. */
  readonly takes: number;
  readonly run: (p: Plan, value: string, second: string) => void;
}
const flag = (on: number, off: number): Word => ({ takes: 0, run: (p) => void p.steps.push({ on, off }) });
const step = (make: (name: string, value: string) => Ask): Word => ({
  takes: 1,
  run: (p, value) => void p.steps.push(make(p.name, value)),
});
const plain = (make: (name: string) => Ask): Word => ({ takes: 0, run: (p) => void p.steps.push(make(p.name)) });
const address = (takes: number, change: (a: AddressPlan, value: string) => void): Word => ({
  takes,
  run: (p, value) => {
    p.addressed = true;
    change(p.address, value);
  },
});
const number = (text: string, max = 0x7fff_ffff): number => {
  if (!/^\d{1,10}$/.test(text) || Number(text) > max) throw new WordError(`${text}: not a number that makes sense`);
  return Number(text);
};
const bytes = (text: string) => new TextEncoder().encode(`${text}\0`);
const linkstr = (name: string, text: string): Ask => {
  const more = bytes(text);
  return { com: "SIOCSLINKSTR", data: request(Ifdrv, { name, length: more.length }, more) };
};
const description = (name: string, text: string): Ask => {
  const more = bytes(text);
  return { com: "SIOCSIFDESCR", data: request(IfreqBuffer, { name, length: more.length }, more) };
};
const vlan = (name: string, parent: string, tag: number): Ask => {
  const more = new Uint8Array(Vlanreq.size);
  Vlanreq.write(new DataView(more.buffer), 0, { parent, tag });
  return { com: "SIOCSIFGENERIC", data: request(Ifreq, { name }, more) };
};
const tunnel = (name: string, local: string, remote: string): Ask => {
  const [addr, dstaddr] = [local, remote].map((text) => sockaddrOf(text));
  return { com: "SIOCSLIFPHYADDR", data: request(IfLaddrreq, { name, addr: addr!, dstaddr: dstaddr! }) };
};
/** Of whatever family the text is. */
function sockaddrOf(text: string): Uint8Array {
  const found = parseAddress(text.includes(":") ? AF_INET6 : AF_INET, text);
  return typeof found === "number" ? sockaddrIn(found, 0) : sockaddrIn6(found, 0);
}
const value = (com: "SIOCSIFMTU" | "SIOCSIFMETRIC") =>
  step((name, text) => ({ com, data: request(IfreqValue, { name, value: number(text) }) }));
const media = (change: (word: number, named: number) => number, named: (text: string) => number | undefined): Word => ({
  takes: 1,
  run: (p, text) => {
    const bits = named(text);
    if (bits === undefined) throw new WordError(`${text}: no such media`);
    p.steps.push({ media: (word) => change(word, bits) });
  },
});
/** Families of addresses, by their words. */
export const families: Readonly<Record<string, number>> = { inet: AF_INET, inet6: AF_INET6, link: AF_LINK };
const family = (f: number): Word => ({ takes: 0, run: (p) => void (p.address.family = f) });
const describe = step(description);
const remove = address(0, (a) => void (a.how = "delete"));

/** What each word does. */
export const words: Readonly<Record<string, Word>> = {
  create: { takes: 0, run: (p) => void (p.create = true) },
  destroy: { takes: 0, run: (p) => void (p.destroy = true) },
  up: flag(IFF.UP, 0),
  down: flag(0, IFF.UP),
  arp: flag(0, IFF.NOARP),
  "-arp": flag(IFF.NOARP, 0),
  debug: flag(IFF.DEBUG, 0),
  "-debug": flag(0, IFF.DEBUG),
  link0: flag(IFF.LINK0, 0),
  "-link0": flag(0, IFF.LINK0),
  link1: flag(IFF.LINK1, 0),
  "-link1": flag(0, IFF.LINK1),
  link2: flag(IFF.LINK2, 0),
  "-link2": flag(0, IFF.LINK2),
  mtu: value("SIOCSIFMTU"),
  metric: value("SIOCSIFMETRIC"),
  linkstr: step(linkstr),
  "-linkstr": plain((name) => ({ com: "SIOCSLINKSTR", data: request(Ifdrv, { name, command: IFLINKSTR.UNSET }) })),
  description: describe,
  descr: describe,
  "-description": plain((name) => description(name, "")),
  "-descr": plain((name) => description(name, "")),
  vlan: { takes: 1, run: (p, tag) => void (p.vlan = number(tag, 4095)) },
  vlanif: {
    takes: 1,
    run: (p, parent) => {
      if (p.vlan === undefined) throw new WordError("vlanif: vlan N comes first");
      p.steps.push(vlan(p.name, parent, p.vlan));
    },
  },
  "-vlanif": step((name) => vlan(name, "", 0)),
  tunnel: { takes: 2, run: (p, local, remote) => void p.steps.push(tunnel(p.name, local, remote)) },
  deletetunnel: plain((name) => ({ com: "SIOCDIFPHYADDR", data: request(Ifreq, { name }) })),
  media: media(withSubtype, subtypeOf),
  mediaopt: media((word, bits) => word | bits, optionsOf),
  "-mediaopt": media((word, bits) => word & ~bits, optionsOf),
  ...Object.fromEntries(Object.entries(families).map(([word, f]) => [word, family(f)])),
  lladdr: address(1, (a, text) => {
    a.family = AF_LINK;
    a.address = macOf(text);
  }),
  active: address(0, () => {}),
  netmask: address(1, (a, text) => void (a.mask = parseMask(text))),
  prefixlen: address(1, (a, text) => setLength(a, text)),
  broadcast: address(1, (a, text) => void (a.other = parseAddress(a.family, text))),
  alias: address(0, (a) => void (a.how = "add")),
  add: address(0, (a) => void (a.how = "add")),
  "-alias": remove,
  delete: remove,
  anycast: address(0, (a) => void (a.anycast = true)),
  "-anycast": address(0, (a) => void (a.anycast = false)),
  eui64: address(0, (a) => void (a.eui64 = true)),
  deprecated: address(0, (a) => void (a.preferred = 0)),
  "-deprecated": address(0, (a) => void (a.preferred = undefined)),
  pltime: address(1, (a, text) => void (a.preferred = number(text))),
  vltime: address(1, (a, text) => void (a.valid = number(text))),
  preference: address(1, (a, text) => void (a.preference = number(text, 0x7fff))),
};

/** A link address; also with dashes. */
function macOf(text: string): Uint8Array {
  const mac = parseMac(text.replaceAll("-", ":"));
  if (!mac) throw new WordError(`${text}: not a link address`);
  return mac;
}
function parseMask(text: string): number {
  const mask = /^0x[0-9a-f]{1,8}$/i.test(text) ? Number(text) : parseIpv4(text);
  if (mask === undefined) throw new WordError(`${text}: not a netmask`);
  return mask;
}
function setLength(a: AddressPlan, text: string): void {
  a.length = number(text, a.family === AF_INET6 ? 128 : 32);
  if (a.family === AF_INET) a.mask = maskOf(a.length);
}
function parseAddress(family: number, text: string): number | In6Addr {
  const found = family === AF_INET6 ? parseIpv6(text.replace(/%[\w.]+$/, "")) : parseIpv4(text);
  if (found === undefined) throw new WordError(`${text}: neither a setting nor an address`);
  return found;
}
/** A word that is none of the table's: the address, with its length or not, then its other end. */
function bare(p: Plan, text: string): void {
  const a = p.address;
  p.addressed = true;
  if (a.family === AF_LINK) a.address = macOf(text);
  else if (a.address !== undefined) a.other = parseAddress(a.family, text);
  else {
    const [, first = text, length] = /^([^/]+)\/(\d+)$/.exec(text) ?? [];
    if (first.includes(":")) a.family = AF_INET6;
    a.address = parseAddress(a.family, first);
    if (length !== undefined) setLength(a, length);
  }
}
function emptyPlan(name: string): Plan {
  const nothing = { address: undefined, other: undefined, mask: undefined, length: undefined };
  const lives = { anycast: false, eui64: false, preferred: undefined, valid: undefined, preference: undefined };
  const address: AddressPlan = { family: AF_INET, how: "replace", ...nothing, ...lives };
  return { name, create: false, destroy: false, steps: [], address, addressed: false, vlan: undefined };
}
/** Another family's word behind an address begins another address. */
const isAnother = ({ address: { address, family } }: Plan, text: string) =>
  address !== undefined && Object.hasOwn(families, text) && families[text] !== family;
/** The changes that words ask for: a plan for each address, which a family's word begins. Throws WordError. */
export function plansOf(name: string, given: readonly string[]): readonly Plan[] {
  let p = emptyPlan(name);
  const plans = [p];
  for (let i = 0; i < given.length; i++) {
    const text = given[i]!;
    const word = Object.hasOwn(words, text) ? words[text]! : undefined;
    if (isAnother(p, text)) plans.push(p = emptyPlan(name));
    if (!word) bare(p, text);
    else if (i + word.takes >= given.length) throw new WordError(`${text}: something has to follow`);
    else {
      word.run(p, given[i + 1] ?? "", given[i + 2] ?? "");
      i += word.takes;
    }
  }
  for (const plan of plans) makesSense(plan, given.length);
  return plans;
}
function makesSense({ destroy, address: { family, how } }: Plan, count: number): void {
  if (destroy && count > 1) throw new WordError("destroy: nothing else can be said with it");
  if (family === AF_LINK && how === "delete") throw new WordError("link: its address is changed, not deleted");
}
