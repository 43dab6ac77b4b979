/** Carries out what if_words.ts planned: one round trip, two where it has to be known first what is there. */
import { errno, SysError } from "../../abi/errno.ts";
import { AF_INET, AF_INET6, AF_LINK } from "../../abi/flags.ts";
import { in6Mask, parseSockaddrIn, parseSockaddrIn6, sockaddrIn, sockaddrIn6 } from "../../abi/inet.ts";
import {
  IfAddrprefreq,
  Ifaliasreq,
  IfLaddrreq,
  IFLR,
  Ifmediareq,
  Ifreq,
  IfreqFlags,
  IfreqValue,
  In6Aliasreq,
  In6Ifreq,
  ND6_INFINITE_LIFETIME,
} from "../../abi/net_structs.ts";
import { sockaddrDl } from "../../abi/route_structs.ts";
import { In6Addr } from "../../lib/in6.ts";
import { viewOf } from "../../lib/struct.ts";
import type { Caller } from "../client.ts";
import { type Answer, type Ask, Control, listInterfaces, request, RequestError } from "./if_request.ts";
import { type AddressPlan, type MediaStep, type Plan, type Step, WordError } from "./if_words.ts";

const IN6_ANYCAST = 1;
const DEFAULT_LENGTH6 = 64;

/** Throws RequestError: which command failed on which interface, and why. */
export function change(caller: Caller, p: Plan): void {
  if (p.address.eui64) p.address.address = withIdentifier(caller, p);
  if (p.address.how !== "delete" && p.addressed && p.address.address === undefined) {
    throw new WordError(`${p.name}: settings of an address, but no address`);
  }
  const [control, { name }] = [new Control(caller), p];
  const first: Ask[] = p.create ? [{ com: "SIOCIFCREATE", data: request(Ifreq, { name }) }] : [];
  if (p.destroy) return doAll(control, name, [{ com: "SIOCIFDESTROY", data: request(Ifreq, { name }) }]);
  if (!p.create || p.addressed || p.steps.length > 0) {
    first.push({ com: "SIOCGIFFLAGS", data: request(IfreqFlags, { name }) });
  }
  const isKnown = p.steps.every(isAsk) && !replaces(p);
  if (isKnown) return doAll(control, name, [...first, ...p.steps.filter(isAsk), ...addressAsks(p)]);
  doAll(control, name, withKnown(p, look(control, p, first)));
}
/** What is there, and has to be known before anything can be made of it. */
interface Known {
  readonly flags: number;
  /** IFM_*; 0: nobody asked. */
  readonly media: number;
  readonly address: Answer | undefined;
}
function look(control: Control, p: Plan, first: readonly Ask[]): Known {
  const { name } = p;
  const asks = [...first];
  const media: Ask = { com: "SIOCGIFMEDIA", data: request(Ifmediareq, { name }) };
  if (p.steps.some(isMediaStep)) asks.push(media);
  const sure = asks.length;
  // It may well have none yet.
  if (replaces(p)) asks.push({ com: "SIOCGIFADDR", data: request(Ifreq, { name }) });
  const answers = control.ask(asks, true);
  check(name, asks.slice(0, sure), answers);
  return {
    flags: IfreqFlags.get.flags(viewOf(answers[first.length - 1]!()), 0),
    media: Ifmediareq.get.current(viewOf(media.data), 0),
    address: answers[sure],
  };
}
/** The steps in their order, each from what the one before left; then the address. */
function withKnown(p: Plan, { flags, media, address }: Known): Ask[] {
  const { name } = p;
  const steps = p.steps.map((s): Ask => {
    if (isAsk(s)) return s;
    if (isMediaStep(s)) {
      media = s.media(media);
      return { com: "SIOCSIFMEDIA", data: request(IfreqValue, { name, value: media }) };
    }
    flags = (flags | s.on) & ~s.off;
    return { com: "SIOCSIFFLAGS", data: request(IfreqFlags, { name, flags }) };
  });
  return [...steps, ...replaced(p, address), ...addressAsks(p)];
}
/** The network that was given, with the interface's identifier: that of its link-local address. */
function withIdentifier(caller: Caller, { name, address }: Plan): In6Addr {
  const iface = listInterfaces(caller).find((i) => i.name === name);
  const all = iface?.addresses.map((a) => parseSockaddrIn6(a.address)?.address) ?? [];
  const own = all.find((a) => a?.linkLocal);
  if (!own) throw new RequestError(`${name}: no link-local address to take an identifier from`);
  if (!(address.address instanceof In6Addr)) throw new WordError("eui64: only IPv6 addresses have it");
  const { a, b } = address.address;
  return new In6Addr(a, b, own.c, own.d);
}
const isAsk = (s: Step): s is Ask => "com" in s;
const isMediaStep = (s: Step): s is MediaStep => "media" in s;
const replaces = (p: Plan) => p.addressed && p.address.family === AF_INET && p.address.how === "replace";
function doAll(control: Control, name: string, asks: readonly Ask[]): void {
  check(name, asks, control.ask(asks, true));
}
/** The first that failed is told; none after it was done. */
function check(name: string, asks: readonly Ask[], answers: readonly Answer[]): void {
  for (const [i, { com }] of asks.entries()) {
    try {
      answers[i]!();
    } catch (e) {
      throw e instanceof SysError ? new RequestError(`${COMMANDS[com] ?? com} ${name}: ${e.message}`) : e;
    }
  }
}
/** Commands that go by another name for programs. */
const COMMANDS: Readonly<Record<string, string>> = {
  SIOCSIFGENERIC: "SIOCSETVLAN",
  SIOCAIFADDR_IN6: "SIOCAIFADDR",
  SIOCDIFADDR_IN6: "SIOCDIFADDR",
};
/** The first address goes where another comes; the same one is only changed. */
function replaced({ name, address }: Plan, answer: Answer | undefined): Ask[] {
  if (!answer) return [];
  let had: Uint8Array;
  try {
    had = Ifreq.get.addr(viewOf(answer()), 0);
  } catch (e) {
    if (e === errno.EADDRNOTAVAIL) return [];
    throw e instanceof SysError ? new RequestError(`SIOCGIFADDR ${name}: ${e.message}`) : e;
  }
  if (parseSockaddrIn(had)?.address === address.address) return [];
  return [{ com: "SIOCDIFADDR", data: request(Ifreq, { name, addr: had.slice() }) }];
}
function addressAsks({ name, address: a, addressed }: Plan): Ask[] {
  if (!addressed) return [];
  if (a.family === AF_LINK) return [linkAsk(name, a)];
  return a.family === AF_INET6 ? [inet6Ask(name, a)] : inetAsks(name, a);
}
const sin = (address: number | In6Addr | Uint8Array | undefined) =>
  typeof address === "number" ? sockaddrIn(address, 0) : new Uint8Array(16);
function inetAsks(name: string, a: AddressPlan): Ask[] {
  if (a.how === "delete") return [{ com: "SIOCDIFADDR", data: request(Ifreq, { name, addr: sin(a.address) }) }];
  const values = { name, addr: sin(a.address), dstaddr: sin(a.other), mask: sin(a.mask) };
  const add: Ask = { com: "SIOCAIFADDR", data: request(Ifaliasreq, values) };
  if (a.preference === undefined) return [add];
  const prefer = request(IfAddrprefreq, { name, preference: a.preference, addr: sin(a.address) });
  return [add, { com: "SIOCSIFADDRPREF", data: prefer }];
}
const sin6 = (address: unknown) => address instanceof In6Addr ? sockaddrIn6(address, 0) : new Uint8Array(28);
function inet6Ask(name: string, a: AddressPlan): Ask {
  const addr = sin6(a.address);
  if (a.how === "delete") {
    return { com: "SIOCDIFADDR_IN6", data: request(In6Ifreq, { name, addr }), family: AF_INET6 };
  }
  const valid = a.valid ?? ND6_INFINITE_LIFETIME;
  const data = request(In6Aliasreq, {
    name,
    addr,
    dstaddr: sin6(a.other),
    prefixmask: in6Mask(a.length ?? DEFAULT_LENGTH6),
    flags: a.anycast ? IN6_ANYCAST : 0,
    vltime: valid,
    pltime: a.preferred ?? valid,
  });
  return { com: "SIOCAIFADDR_IN6", data, family: AF_INET6 };
}
/** There is one link address: it is changed, not added to. */
function linkAsk(name: string, a: AddressPlan): Ask {
  const mac = a.address instanceof Uint8Array ? a.address : new Uint8Array(0);
  const addr = sockaddrDl({ index: 0, type: 0, name: "", mac });
  return { com: "SIOCALIFADDR", data: request(IfLaddrreq, { name, flags: IFLR.ACTIVE, addr }), family: AF_LINK };
}
