/** The file of `rump net`: hosts, what links they are on with which addresses, routes, and how bad links are. JSON. */
import * as v from "valibot";
import { type In6Addr, parseIpv6 } from "../../lib/in6.ts";
import { maskOf, parseIpv4 } from "../../lib/inet.ts";
import { Failure } from "../cli.ts";

/** Hosts and links a file may have. */
const MOST = 1000;
/** Also names of files. */
const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_-]{0,31}$/;
const few = <T extends v.GenericSchema>(value: T) =>
  v.pipe(
    v.record(v.pipe(v.string(), v.regex(NAME, "not a name of letters, digits, - and _")), value),
    v.check((r) => Object.keys(r).length <= MOST, `more than ${MOST}`),
  );
// What the interface lossy takes: said here with its place in the file, before anything is up.
const written = (pattern: RegExp, what: string) => v.optional(v.pipe(v.string(), v.regex(pattern, `not ${what}`)));
const share = written(
  /^(?:(?:100|\d{1,2}(?:\.\d{1,6})?)%|0(?:\.\d{1,6})?|1(?:\.0{1,6})?)$/,
  "a share of 0 to 100%, as 0.1%",
);
const time = written(/^\d{1,6}(?:\.\d{1,6})?(?:us|ms|s)$/, "a time, as 10ms");
const rate = written(/^\d{1,6}(?:\.\d{1,3})?(?:bit|kbit|mbit|gbit)$/, "bits a second, as 10mbit");
const addresses = v.union([v.string(), v.pipe(v.array(v.string()), v.maxLength(16))]);
const schema = v.strictObject({
  hosts: few(v.strictObject({
    links: v.optional(few(addresses), {}),
    routes: v.optional(v.record(v.string(), v.string()), {}),
    /** Pass on packets for others; left out: hosts on several links do. */
    forward: v.optional(v.boolean()),
  })),
  links: v.optional(
    few(v.strictObject({
      loss: share,
      duplicate: share,
      corrupt: share,
      reorder: share,
      delay: time,
      jitter: time,
      rate,
      queue: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(1_000_000))),
      seed: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(999_999_999))),
      /** Large frames between its hosts: they must be, or must not. */
      fast: v.optional(v.boolean()),
    })),
    {},
  ),
});

export interface Address4 {
  readonly address: number;
  readonly length: number;
}
export interface Address6 {
  readonly address: In6Addr;
  readonly length: number;
}
/** A host's interface. */
export interface Attachment {
  readonly link: string;
  readonly addresses: readonly Address4[];
  readonly addresses6: readonly Address6[];
  /** What the link does to frames, as the interface lossy takes it; empty: nothing. */
  readonly faults: string;
  /** Whether it must be on the fast bus, or not; left out: if it can. Where something is done to frames it is not. */
  readonly fast: boolean | undefined;
}
export interface NetRoute {
  readonly destination: number;
  readonly mask: number;
  readonly gateway: number;
}
export interface NetRoute6 {
  readonly destination: In6Addr;
  readonly length: number;
  readonly gateway: In6Addr;
}
export interface NetHost {
  readonly name: string;
  readonly attachments: readonly Attachment[];
  readonly routes: readonly NetRoute[];
  readonly routes6: readonly NetRoute6[];
  readonly forward: boolean;
}
export interface Topology {
  readonly hosts: readonly NetHost[];
  /** Names, with those that only hosts name. */
  readonly links: readonly string[];
}

/** Understand a file. Throws Failure that says what is wrong where. */
export function parseTopology(text: string): Topology {
  const found = v.safeParse(schema, json(text));
  if (!found.success) {
    const [issue] = found.issues;
    const where = v.getDotPath(issue);
    throw new Failure(`${where ? `${where}: ` : ""}${issue.message}`);
  }
  const { hosts, links } = found.output;
  let seed = 0;
  const none: (typeof links)[string] = {};
  const described = (link: string) => {
    const { fast, ...faults } = Object.hasOwn(links, link) ? links[link]! : none;
    return { fast, faults: faultText(faults, seed++) };
  };
  const made = Object.entries(hosts).map(([name, h]): NetHost => ({
    name,
    ...routesOf(`hosts.${name}.routes`, h.routes),
    attachments: Object.entries(h.links).map(([link, list]) =>
      attachment(`hosts.${name}`, link, list, described(link))
    ),
    forward: h.forward ?? Object.keys(h.links).length > 1,
  }));
  if (made.length === 0) throw new Failure("hosts: there are none");
  const used = new Set(made.flatMap((h) => h.attachments.map((a) => a.link)));
  const idle = Object.entries(links).find(([link, what]) => !used.has(link) && Object.keys(what).length > 0);
  if (idle) throw new Failure(`links.${idle[0]}: no host is on this link`);
  const names = new Set([...Object.keys(links), ...used]);
  if (names.size > MOST) throw new Failure(`more than ${MOST} links`);
  return { hosts: made, links: [...names] };
}
/** The keys valibot's record leaves out without a word: a host of that name would be missing. */
const UNSEEN = new Set(["__proto__", "constructor", "prototype"]);
function refuseUnseen(key: string, value: unknown): unknown {
  if (UNSEEN.has(key)) throw new Failure(`${key}: not a name that can be used here`);
  return value;
}
function json(text: string): unknown {
  try {
    return JSON.parse(text, refuseUnseen);
  } catch (e) {
    if (e instanceof Failure) throw e;
    throw new Failure(`not JSON: ${(e as Error).message.split("\n")[0]}`);
  }
}
/** Every interface on a link has luck of its own: `more` goes to the seed. */
function faultText(faults: Readonly<Record<string, string | number | undefined>>, more: number): string {
  const words = Object.entries({ ...faults, seed: Number(faults.seed ?? 1) + more });
  return words.length === 1 ? "" : words.map(([name, value]) => `${name}=${value}`).join("&");
}
function attachment(
  where: string,
  link: string,
  list: string | string[],
  described: Pick<Attachment, "faults" | "fast">,
): Attachment {
  const all = [list].flat().map((text) => cidr(`${where}.links.${link}`, text));
  const addresses = all.filter((a): a is Address4 => typeof a.address === "number");
  const addresses6 = all.filter((a): a is Address6 => typeof a.address !== "number");
  return { link, addresses, addresses6, ...described };
}
function cidr(where: string, text: string): Address4 | Address6 {
  const m = /^([^/]+)\/(\d{1,3})$/.exec(text);
  const [address4, address6] = [parseIpv4(m?.[1] ?? ""), parseIpv6(m?.[1] ?? "")];
  const length = Number(m?.[2]);
  if (address4 !== undefined && length <= 32) return { address: address4, length };
  if (address6 !== undefined && length <= 128) return { address: address6, length };
  throw new Failure(`${where}: ${text}: not an address with the length of its network, as 10.0.0.1/24`);
}
function routesOf(where: string, routes: Readonly<Record<string, string>>): Pick<NetHost, "routes" | "routes6"> {
  const all = Object.entries(routes).map(([to, via]) => route(where, to, via));
  return {
    routes: all.filter((r): r is NetRoute => typeof r.gateway === "number"),
    routes6: all.filter((r): r is NetRoute6 => typeof r.gateway !== "number"),
  };
}
/** To a network, a host, or (`default`) everybody of the gateway's family; the other one's default is `::/0`. */
function route(where: string, to: string, via: string): NetRoute | NetRoute6 {
  const gateway = parseIpv4(via) ?? parseIpv6(via);
  if (gateway === undefined) throw new Failure(`${where}.${to}: ${via}: not an address`);
  const { address, length } = cidr(where, network(to, via));
  if (typeof address === "number" && typeof gateway === "number") {
    const mask = maskOf(length);
    return { destination: (address & mask) >>> 0, mask, gateway };
  }
  if (typeof address !== "number" && typeof gateway !== "number") {
    return { destination: address.masked(length), length, gateway };
  }
  throw new Failure(`${where}.${to}: ${via}: one is IPv4, the other IPv6`);
}
function network(to: string, via: string): string {
  if (to === "default") return via.includes(":") ? "::/0" : "0.0.0.0/0";
  return to.includes("/") ? to : `${to}/${to.includes(":") ? 128 : 32}`;
}
