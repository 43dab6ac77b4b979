/** What a DHCP server's answer gives, as far as it makes sense (RFC 2131, 2132, 3442). */
import { formatIpv4, maskOf, prefixOf } from "../../lib/inet.ts";
import { type DhcpMessage, type DhcpRoute, OPTION, option32, options32, routesIn } from "../../wire/dhcp.ts";

/** Addresses are in host order, times in seconds. */
export interface Lease {
  readonly address: number;
  readonly mask: number;
  readonly broadcast: number;
  /** Ways to other networks; the default route has length 0. */
  readonly routes: readonly DhcpRoute[];
  readonly server: number;
  readonly seconds: number;
  /** When to ask this server again, and when any. */
  readonly t1: number;
  readonly t2: number;
  readonly dns: readonly number[];
  /** "" none. */
  readonly domain: string;
}
/** Shorter leases are taken for this long: a server cannot make its clients ask without end. */
const SHORTEST = 4;
/** Longer ones, too (RFC 2131: all ones is for ever), are asked for again after a week. */
const LONGEST = 7 * 86_400;
const MOST_ROUTES = 64;
const MOST_DNS = 8;

/** Undefined: no host can have that address, or no server says it gives it. */
export function leaseOf(m: DhcpMessage): Lease | undefined {
  const [address, server] = [m.yiaddr, option32(m, OPTION.SERVER)];
  const mask = option32(m, OPTION.MASK) ?? classMask(address);
  const bits = prefixOf(mask);
  if (server === undefined || !isHost(address) || !isHost(server) || bits === undefined || bits < 1) return undefined;
  const all = (address | ~mask) >>> 0;
  if (bits < 31 && (address === all || address === (address & mask) >>> 0)) return undefined;
  const seconds = clamp(option32(m, OPTION.LEASE) ?? 0, SHORTEST, LONGEST);
  const t1 = clamp(option32(m, OPTION.T1) ?? seconds / 2, SHORTEST / 2, seconds);
  const t2 = clamp(option32(m, OPTION.T2) ?? seconds * 0.875, t1, seconds);
  const dns = options32(m, OPTION.DNS, MOST_DNS).filter(isHost);
  const routes = waysOf(m, address, mask);
  return { address, mask, broadcast: all, routes, server, seconds, t1, t2, dns, domain: domainOf(m) };
}
const clamp = (n: number, low: number, high: number) => Math.min(high, Math.max(low, n));
/** Neither this network, this host, a multicast nor reserved. */
const isHost = (a: number) => a >>> 24 !== 0 && a >>> 24 !== 127 && a >>> 24 < 224;
const classMask = (a: number) => maskOf(a >>> 31 === 0 ? 8 : a >>> 30 === 2 ? 16 : 24);

/** Classless routes; without them the router is the default one. Only routers that can be reached count. */
function waysOf(m: DhcpMessage, address: number, mask: number): DhcpRoute[] {
  const router = option32(m, OPTION.ROUTER);
  const old = router === undefined ? [] : [{ destination: 0, length: 0, gateway: router }];
  const all = routesIn(m, MOST_ROUTES) ?? old;
  const links = all.filter((r) => r.gateway === 0 && r.length > 0 && isHost(r.destination));
  const isNear = (a: number) =>
    ((a ^ address) & mask) === 0 || links.some((l) => ((a ^ l.destination) & maskOf(l.length)) === 0);
  const far = all.filter((r) => isHost(r.gateway) && isNear(r.gateway) && r.gateway !== address && isPlace(r));
  return [...links, ...far];
}
/** Anywhere, or a network hosts can be on. */
const isPlace = ({ destination, length }: DhcpRoute) => length === 0 || isHost(destination);
/** Names of hosts, and nothing else that would reach the terminal. */
function domainOf({ options }: DhcpMessage): string {
  const text = new TextDecoder().decode(options.get(OPTION.DOMAIN) ?? new Uint8Array(0)).replace(/\0+$/, "");
  return /^[a-z0-9_][-.a-z0-9_]{0,252}$/i.test(text) ? text : "";
}

/** The lease in one line. */
export function leaseText({ address, mask, routes, server, seconds, dns, domain }: Lease): string {
  const ways = routes.map(({ destination, length, gateway }) => {
    if (length === 0) return ` gateway ${formatIpv4(gateway)}`;
    return ` route ${formatIpv4(destination)}/${length} ${gateway === 0 ? "link" : formatIpv4(gateway)}`;
  });
  const names = (domain === "" ? "" : ` domain ${domain}`) + dns.map((a) => ` dns ${formatIpv4(a)}`).join("");
  return `${formatIpv4(address)}/${prefixOf(mask)}${ways.join("")} server ${formatIpv4(server)}${names} ` +
    `lease ${seconds} seconds`;
}
