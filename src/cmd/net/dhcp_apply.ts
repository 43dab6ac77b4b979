/** How an interface gets what a lease says, and loses it: by the ABI of interfaces and routes. */
import { errno } from "../../abi/errno.ts";
import { parseSockaddrIn, sockaddrIn } from "../../abi/inet.ts";
import { Ifaliasreq, Ifreq, IfreqValue, IFT, IN_IFF_NAMES } from "../../abi/net_structs.ts";
import { RTA, RTF, RTM, sockaddrDl } from "../../abi/route_structs.ts";
import { formatIpv4, maskOf } from "../../lib/inet.ts";
import { viewOf } from "../../lib/struct.ts";
import type { DhcpRoute } from "../../wire/dhcp.ts";
import type { Lease } from "./dhcp_lease.ts";
import { bitNames, Control, listInterfaces, request } from "./if_request.ts";
import { type RouteAsk, RouteSocket } from "./route_socket.ts";
import type { Tool } from "../tool.ts";

/** Whether an address may be used: the kernel asks the network first. */
export type Verdict = "wait" | "free" | "taken";

/** An interface that is configured by leases. */
export class Leased {
  readonly #t: Tool;
  readonly #name: string;
  readonly #index: number;
  readonly #control: Control;

  constructor(t: Tool, name: string, index: number) {
    this.#t = t;
    this.#name = name;
    this.#index = index;
    this.#control = new Control(t);
  }
  /** Give it the address; what it had before goes first. */
  address(lease: Lease, before: Lease | undefined): void {
    if (before && before.address !== lease.address) this.drop(before);
    const [addr, dstaddr, mask] = [lease.address, lease.broadcast, lease.mask].map((a) => sockaddrIn(a, 0));
    const values = { name: this.#name, addr: addr!, dstaddr: dstaddr!, mask: mask! };
    this.#control.one("SIOCAIFADDR", request(Ifaliasreq, values));
  }
  verdict({ address }: Lease): Verdict {
    const data = request(Ifreq, { name: this.#name, addr: sockaddrIn(address, 0) });
    const flags = IfreqValue.get.value(viewOf(this.#control.one("SIOCGIFAFLAG_IN", data)), 0);
    const names = bitNames(flags, IN_IFF_NAMES);
    return names.includes("duplicated") ? "taken" : names.includes("tentative") ? "wait" : "free";
  }
  /** Make its routes, and forget those of the lease before that it has not. */
  routes(lease: Lease, before: Lease | undefined): void {
    const kept = new Set(lease.routes.map(keyOf));
    const socket = new RouteSocket(this.#t);
    for (const r of before?.routes ?? []) if (!kept.has(keyOf(r))) this.#forget(socket, r);
    for (const r of lease.routes) this.#t.attempt(textOf(r), () => this.#route(socket, r));
    this.#t.sys.close({ fd: socket.fd });
  }
  /** It is over: nobody may use the address. */
  drop(lease: Lease): void {
    const socket = new RouteSocket(this.#t);
    for (const r of lease.routes) this.#forget(socket, r);
    this.#t.sys.close({ fd: socket.fd });
    const own = listInterfaces(this.#t, this.#index).flatMap((i) => i.addresses);
    // Somebody may have taken it away by hand.
    if (!own.some((a) => parseSockaddrIn(a.address)?.address === lease.address)) return;
    this.#control.one("SIOCDIFADDR", request(Ifreq, { name: this.#name, addr: sockaddrIn(lease.address, 0) }));
  }
  #route(socket: RouteSocket, r: DhcpRoute): void {
    try {
      socket.ask(RTM.ADD, this.#asked(r));
    } catch (e) {
      if (e !== errno.EEXIST) throw e;
      socket.ask(RTM.CHANGE, this.#asked(r));
    }
  }
  #forget(socket: RouteSocket, r: DhcpRoute): void {
    try {
      socket.ask(RTM.DELETE, this.#asked(r));
    } catch (e) {
      if (e !== errno.ESRCH) throw e;
    }
  }
  #asked({ destination, length, gateway }: DhcpRoute): RouteAsk {
    const link = sockaddrDl({ index: this.#index, type: IFT.ETHER, name: "", mac: new Uint8Array(0) });
    const addresses = new Map([
      [RTA.DST, sockaddrIn(destination, 0)],
      [RTA.GATEWAY, gateway === 0 ? link : sockaddrIn(gateway, 0)],
      [RTA.NETMASK, sockaddrIn(maskOf(length), 0)],
    ]);
    const flags = RTF.UP | RTF.STATIC | (gateway === 0 ? RTF.CONNECTED : RTF.GATEWAY);
    return { flags, addresses, metrics: new Map(), locks: 0 };
  }
}
const keyOf = (r: DhcpRoute) => `${r.destination}/${r.length}`;
const textOf = (r: DhcpRoute) => `route to ${formatIpv4(r.destination)}/${r.length}`;
