/** Redirects of routers: a better first hop, for one host, for a while (RFC 1122, 3.2.2.2; NetBSD: rtredirect). */
import { Icmp as Header, Ipv4 } from "../wire/ipv4.ts";
import { RTF } from "../abi/route_structs.ts";
import type { Ipv4Header } from "./ip.ts";
import type { Packet } from "./packet.ts";
import type { Route } from "./route.ts";
import type { Stack } from "./stack.ts";

/** Where the better gateway stands; redirect for a network, a host, and both by type of service. */
const GATEWAY = 4;
const CODES = 4;
const MIN_HEADER = 20;
const HOST = 0xffff_ffff;
/** Routes they may make: routers of ours do not need more, and others shall not fill the table. */
const MOST = 1024;

export class Redirects {
  /** Obey them (net.inet.icmp.rediraccept), and for how many milliseconds (redirtimeout). */
  accept = true;
  life = 600_000;
  readonly #stack: Stack;
  readonly #made = new Map<Route, () => void>();

  constructor(stack: Stack) {
    this.#stack = stack;
    stack.listeners.add((change) => {
      if (change.kind === "route" && change.gone) this.#forget(change.route);
    });
  }
  /** Routes that redirects have made. */
  get size(): number {
    return this.#made.size;
  }
  /** A redirect came; its checksum is right. */
  told(p: Packet, at: number, { source }: Ipv4Header): void {
    const inner = at + Header.size;
    if (!this.accept || Header.get.code(p.view, at) >= CODES || p.end - inner < MIN_HEADER) return;
    const destination = Ipv4.get.destination(p.view, inner);
    if (this.#believes(p, source, destination, p.view.getUint32(at + GATEWAY))) {
      this.#obey(destination, p.view.getUint32(at + GATEWAY));
    }
  }
  /** Only from the gateway we use for that destination, and only of a neighbour on the same link. */
  #believes(p: Packet, source: number, destination: number, gateway: number): boolean {
    const route = this.#stack.routes.find(destination);
    if (route?.gateway !== source || route.iface !== p.iface || this.#stack.isLocal(gateway)) return false;
    const near = p.iface.onLink(source);
    if (!near || ((near.address ^ gateway) & near.mask) !== 0 || gateway === source) return false;
    return !this.#stack.isLocal(destination) && destination >>> 28 < 14 && !p.iface.isBroadcast(gateway);
  }
  #obey(destination: number, gateway: number): void {
    const { routes } = this.#stack;
    const had = routes.get(destination, HOST);
    if (had) {
      had.gateway = gateway;
      had.flags |= RTF.MODIFIED;
      return this.#stack.tell({ kind: "redirect", route: had });
    }
    const via = routes.find(destination);
    if (!via || this.#made.size >= MOST) return;
    const flags = RTF.UP | RTF.GATEWAY | RTF.HOST | RTF.DYNAMIC;
    const route: Route = { destination, mask: HOST, gateway, iface: via.iface, flags, mtu: 0, used: 0 };
    this.#stack.addRoute(route);
    this.#stack.tell({ kind: "redirect", route });
    this.#made.set(route, this.#stack.sys.callout(this.life, () => this.#stack.removeRoute(destination, HOST)));
  }
  #forget(route: Route): void {
    this.#made.get(route)?.();
    this.#made.delete(route);
  }
}
