/** Which address packets come from (RFC 6724, 5; NetBSD: in6_src.c). */
import { In6Addr, parseIpv6 } from "../../lib/in6.ts";
import type { Interface } from "../interface.ts";
import {
  IN6_IFF_ANYCAST,
  IN6_IFF_DEPRECATED,
  IN6_IFF_NOTREADY,
  IN6_IFF_TEMPORARY,
  type In6IfAddress,
} from "./interface.ts";
import type { Way } from "../outgoing.ts";
import type { Ip6 } from "./ip6.ts";

const LOOPBACK = new In6Addr(0, 0, 0, 1);
/** RFC 6724, 2.1: prefix and label; the first that fits counts. */
const LABELS = ([
  ["::1", 128, 0],
  ["::ffff:0:0", 96, 4],
  ["::", 96, 3],
  ["2001::", 32, 5],
  ["2002::", 16, 2],
  ["3ffe::", 16, 12],
  ["fec0::", 10, 11],
  ["fc00::", 7, 13],
] as const).map(([text, length, label]) => ({ prefix: parseIpv6(text)!, length, label }));
const labelOf = (a: In6Addr) => LABELS.find(({ prefix, length }) => a.common(prefix) >= length)?.label ?? 1;

/** The best address of ours for a destination; undefined: there is no way, or none. */
export function selectSource(ip6: Ip6, to: In6Addr, { iface, via, temporary }: Way = {}): In6Addr | undefined {
  if (to.unspecified) return LOOPBACK;
  if (ip6.isLocal(to)) return to;
  const route = ip6.routeTo(via ?? to, iface);
  if (!route) return undefined;
  const wish = { to, out: route.iface, temporary: temporary ?? ip6.settings.preferTemporary };
  let best: In6IfAddress | undefined;
  for (const a of candidates(ip6, to, route.iface)) {
    if (!best || better(a, best, wish)) best = a;
  }
  return best?.address;
}
/** What is of one link goes out from an address of that link. */
function* candidates({ addresses, settings }: Ip6, to: In6Addr, out: Interface): Generator<In6IfAddress> {
  for (const if6 of to.multicast || to.linkLocal ? [addresses.of(out)] : addresses.interfaces) {
    for (const a of if6.addresses) {
      if (a.flags & (IN6_IFF_NOTREADY | IN6_IFF_ANYCAST)) continue;
      if (a.flags & IN6_IFF_DEPRECATED && !settings.useDeprecated) continue;
      // A loopback address, or one of another link, reaches nobody.
      if (a.address.loopback || (a.address.scoped && a.iface !== out)) continue;
      yield a;
    }
  }
}
/** Whether `a` is better than `b` (RFC 6724, 5, by its rules). */
function better(
  a: In6IfAddress,
  b: In6IfAddress,
  { to, out, temporary }: { readonly to: In6Addr; readonly out: Interface; readonly temporary: boolean },
): boolean {
  const [scopeA, scopeB] = [a.address.scope, b.address.scope];
  if (scopeA !== scopeB) return scopeA < scopeB ? scopeA >= to.scope : scopeB < to.scope;
  const [oldA, oldB] = [a.flags & IN6_IFF_DEPRECATED, b.flags & IN6_IFF_DEPRECATED];
  if (oldA !== oldB) return oldA === 0;
  if ((a.iface === out) !== (b.iface === out)) return a.iface === out;
  const label = labelOf(to);
  const [fitsA, fitsB] = [labelOf(a.address) === label, labelOf(b.address) === label];
  if (fitsA !== fitsB) return fitsA;
  const [briefA, briefB] = [a.flags & IN6_IFF_TEMPORARY, b.flags & IN6_IFF_TEMPORARY];
  if (briefA !== briefB) return (briefA !== 0) === temporary;
  return Math.min(a.address.common(to), a.length) > Math.min(b.address.common(to), b.length);
}
