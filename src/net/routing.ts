/** The routing socket: the address family AF_ROUTE (route(4); NetBSD: rtsock.c). */
import { errno } from "../abi/errno.ts";
import { AF_ROUTE, AF_UNSPEC, SO_USELOOPBACK, SOCK_RAW } from "../abi/flags.ts";
import { IFAN, RTA, RTM } from "../abi/route_structs.ts";
import type { Lwp } from "../kern/proc.ts";
import type { Domain, Protocol } from "./protocol.ts";
import type { Interface } from "./interface.ts";
import type { RouteEntry } from "./route_family.ts";
import { addressMessage, announceMessage, interfaceMessage, routeBytes, routeMessage } from "./route_messages.ts";
import { routeRequest } from "./route_request.ts";
import type { Message, Socket } from "./socket.ts";
import type { Change, FamilyAddress } from "./change.ts";
import type { Stack } from "./stack.ts";

/** Where messages come from: an address with nothing in it. */
const KERNEL = new Uint8Array([2, AF_ROUTE]);
/** RO_MSGFILTER, at level AF_ROUTE: kinds of messages that are wanted. */
const RO_MSGFILTER = 1;

class RoutingSocket implements Protocol {
  readonly connections = false;
  readonly so: Socket;
  /** AF_* it hears of; 0: all. */
  readonly #family: number;
  readonly #all: RoutingSockets;
  #wanted: ReadonlySet<number> | undefined;

  constructor(all: RoutingSockets, so: Socket, family: number) {
    this.#all = all;
    this.so = so;
    this.#family = family;
    so.options |= SO_USELOOPBACK;
    so.connected = true;
    all.members.add(this);
  }
  bind(): never {
    throw errno.EOPNOTSUPP;
  }
  listen(): never {
    throw errno.EOPNOTSUPP;
  }
  connect(): never {
    throw errno.EISCONN;
  }
  send(lwp: Lwp, { data, to, rights }: Message): number {
    if (to) throw errno.EISCONN;
    if (rights.length > 0) throw errno.EINVAL;
    this.#all.request(this, lwp, data);
    return data.length;
  }
  /** Something happened. */
  hear(message: Uint8Array, family: number): void {
    const { inbox, cantReceive, changes } = this.so;
    if (cantReceive || (family !== AF_UNSPEC && this.#family !== AF_UNSPEC && family !== this.#family)) return;
    if (this.#wanted && !this.#wanted.has(message[3]!)) return;
    // Who does not read loses what comes: as NetBSD has it without SO_RERROR.
    if (inbox.room < message.length) return;
    inbox.put(message, KERNEL, []);
    changes.wake();
  }
  room(): number {
    return this.so.sendLimit;
  }
  taken(): void {}
  finish(): void {}
  detach(): void {
    this.#all.members.delete(this);
  }
  name(): Uint8Array {
    return KERNEL;
  }
  setOption(level: number, name: number, value: Uint8Array): void {
    if (level !== AF_ROUTE || name !== RO_MSGFILTER) throw errno.ENOPROTOOPT;
    this.#wanted = value.length === 0 ? undefined : new Set(value);
  }
  getOption(level: number, name: number): Uint8Array {
    if (level !== AF_ROUTE || name !== RO_MSGFILTER) throw errno.ENOPROTOOPT;
    return new Uint8Array(this.#wanted ?? []);
  }
}

class RoutingSockets {
  readonly members = new Set<RoutingSocket>();
  readonly #stack: Stack;
  /** A request is being done: its answer tells of the route that changes. */
  #busy = false;

  constructor(stack: Stack) {
    this.#stack = stack;
    stack.listeners.add((change) => this.#changed(change));
  }
  request(from: RoutingSocket, lwp: Lwp, data: Uint8Array): void {
    this.#busy = true;
    try {
      const { reply, family, error } = routeRequest(this.#stack, lwp, data);
      const silent = (from.so.options & SO_USELOOPBACK) === 0;
      for (const so of this.members) if (so !== from || !silent) so.hear(reply, family);
      if (error) throw error;
    } finally {
      this.#busy = false;
    }
  }
  #tell(message: Uint8Array, family: number = AF_UNSPEC): void {
    for (const so of this.members) so.hear(message, family);
  }
  #changed(change: Change): void {
    if (this.members.size === 0) return;
    switch (change.kind) {
      case "interface":
        return this.#tell(announceMessage(change.iface, change.gone ? IFAN.DEPARTURE : IFAN.ARRIVAL));
      case "state":
        return this.#tell(interfaceMessage(change.iface, false));
      case "address":
        return this.#address(change, this.#stack.routesInet?.familyAddress(change.iface, change.address));
      case "address6":
        return this.#address(change, this.#stack.routesInet6?.familyAddress(change.iface, change.address));
      case "route":
        return this.#route(change.gone ? RTM.DELETE : RTM.ADD, this.#stack.routesInet?.entry(change.route));
      case "route6":
        return this.#route(change.gone ? RTM.DELETE : RTM.ADD, this.#stack.routesInet6?.entry(change.route));
      case "miss":
        return this.#tell(routeBytes(RTM.MISS, new Map([[RTA.DST, change.destination]]), {}), change.destination[1]);
      case "redirect":
        return this.#route(RTM.REDIRECT, this.#stack.routesInet?.entry(change.route));
    }
  }
  #address({ iface, gone }: { iface: Interface; gone: boolean }, a: FamilyAddress | undefined): void {
    if (a) this.#tell(addressMessage(gone ? RTM.DELADDR : RTM.NEWADDR, iface, a, true), a.address[1]);
  }
  #route(type: number, entry: RouteEntry | undefined): void {
    if (!this.#busy && entry) this.#tell(routeMessage(type, entry, false), entry.destination[1]);
  }
}

/** The family of a stack. */
export function routeDomain(stack: Stack): Domain {
  const all = new RoutingSockets(stack);
  return {
    family: AF_ROUTE,
    attach(type, protocol) {
      if (type !== SOCK_RAW) throw errno.EPROTOTYPE;
      return (so) => new RoutingSocket(all, so, protocol);
    },
  };
}
