/**
 * IGMP: routers learn which groups we want (RFC 3376; 2236 and 1112 where a router speaks no better). Sources are not chosen:
 * NetBSD's sockets have no filters, so that a group is wanted from everybody, or not.
 */
import {
  ALL_IGMP3_ROUTERS,
  ALL_ROUTERS,
  CHANGE_TO_EXCLUDE,
  CHANGE_TO_INCLUDE,
  Igmp as Header,
  IGMP_QUERY,
  IGMP_V1_REPORT,
  IGMP_V2_LEAVE,
  IGMP_V2_REPORT,
  IGMP_V3_REPORT,
  IgmpQuery3,
  IgmpRecord,
  IgmpReport3,
  MODE_IS_EXCLUDE,
} from "../wire/igmp.ts";
import { IPOPT_RA, IPPROTO_IGMP } from "../wire/ipv4.ts";
import { plainChecksum } from "./checksums.ts";
import { ALL_HOSTS, type GroupListener } from "./groups.ts";
import type { Interface } from "./interface.ts";
import type { IpHeader, IpProtocol } from "./ip.ts";
import type { Packet } from "./packet.ts";
import type { Stack } from "./stack.ts";

/** RFC 3376, 8: times a change is told, and milliseconds between them at most; in versions 1 and 2. */
const ROBUSTNESS = 2;
const UNSOLICITED = 1000;
const UNSOLICITED_2 = 10_000;
/** How long after its last query a router of an older version is taken for there (8.12). */
const OLDER_PRESENT = ROBUSTNESS * 125_000 + 10_000;
/** Milliseconds of a unit of a query's response time; what a query of version 1 means. */
const UNIT = 100;
const RESPONSE_1 = 10_000;
const QUERY3_SIZE = Header.size + IgmpQuery3.size;
const INTERNETWORK_CONTROL = 0xc0;
const ROUTER_ALERT = { list: new Uint8Array([IPOPT_RA, 4, 0, 0]), firstHop: 0, told: new Uint8Array(0) };
const IP_HEADER = 24;

/** A group of an interface, or one that was left: what routers are yet to be told. */
interface Group {
  /** Times a change is to be told. */
  changes: number;
  /** We told of it last: of version 2, who did says that it is left. */
  last: boolean;
  at: number;
  cancel: () => void;
}
interface State {
  /** Routers of versions 1 and 2 are there until then. */
  v1: number;
  v2: number;
  readonly groups: Map<number, Group>;
  /** Of a general query, until when all are told. */
  at: number;
  cancel: () => void;
}
const nothing = () => {};

export class Igmp implements IpProtocol, GroupListener {
  readonly counters = { queries: 0, reportsIn: 0, reportsOut: 0, bad: 0 };
  readonly #stack: Stack;
  readonly #states = new Map<Interface, State>();

  constructor(stack: Stack) {
    this.#stack = stack;
    stack.groups.listeners.add(this);
  }
  #now(): number {
    return this.#stack.kernel.host.now();
  }
  #state(iface: Interface): State {
    let state = this.#states.get(iface);
    if (!state) {
      state = { v1: -Infinity, v2: -Infinity, groups: new Map(), at: Infinity, cancel: nothing };
      this.#states.set(iface, state);
    }
    return state;
  }
  /** The version the routers of a link understand. */
  version(iface: Interface): 1 | 2 | 3 {
    const state = this.#states.get(iface);
    const now = this.#now();
    return !state ? 3 : state.v1 > now ? 1 : state.v2 > now ? 2 : 3;
  }

  // Changes

  joined(iface: Interface, group: number): void {
    if (!iface.loopback) this.#change(iface, group);
  }
  left(iface: Interface, group: number): void {
    if (iface.loopback) return;
    const version = this.version(iface);
    if (version === 3) return this.#change(iface, group);
    const g = this.#state(iface).groups.get(group);
    g?.cancel();
    this.#state(iface).groups.delete(group);
    if (version === 2 && g?.last) this.#send2(iface, IGMP_V2_LEAVE, group, ALL_ROUTERS);
  }
  #change(iface: Interface, group: number): void {
    const g = this.#group(iface, group);
    g.cancel();
    g.changes = ROBUSTNESS;
    this.#tell(iface, group, g);
  }
  #group(iface: Interface, group: number): Group {
    const { groups } = this.#state(iface);
    let g = groups.get(group);
    if (!g) groups.set(group, g = { changes: 0, last: false, at: Infinity, cancel: nothing });
    return g;
  }
  /** An interface came up: routers there know nothing of us. */
  up(iface: Interface): void {
    if (iface.loopback) return;
    for (const group of this.#stack.groups.of(iface).keys()) this.#change(iface, group);
  }
  /** An interface is gone. */
  forget(iface: Interface): void {
    const state = this.#states.get(iface);
    if (!state) return;
    state.cancel();
    for (const g of state.groups.values()) g.cancel();
    this.#states.delete(iface);
  }
  /** Tell of a group now: a change, as often as it is to be told, or that we are in it. */
  #tell(iface: Interface, group: number, g: Group): void {
    const member = this.#stack.groups.has(iface, group);
    const version = this.version(iface);
    g.at = Infinity;
    if (version < 3) this.#send2(iface, version === 1 ? IGMP_V1_REPORT : IGMP_V2_REPORT, group, group);
    else {
      const change = member ? CHANGE_TO_EXCLUDE : CHANGE_TO_INCLUDE;
      this.#send3(iface, [{ group, type: g.changes > 0 ? change : MODE_IS_EXCLUDE }]);
    }
    g.last = true;
    if (g.changes > 0 && --g.changes > 0) return this.#later(iface, group, version < 3 ? UNSOLICITED_2 : UNSOLICITED);
    if (!member) this.#state(iface).groups.delete(group);
  }
  #later(iface: Interface, group: number, most: number): void {
    const g = this.#group(iface, group);
    const at = this.#now() + this.#stack.random() * most;
    if (at >= g.at) return; // it is told soon enough
    g.cancel();
    g.at = at;
    g.cancel = this.#stack.sys.callout(at - this.#now(), () => this.#tell(iface, group, g));
  }

  // Messages

  input(p: Packet, at: number, { destination }: IpHeader): void {
    const length = p.end - at;
    if (length < Header.size || plainChecksum(p, at, length) !== 0 || !p.iface) return void this.counters.bad++;
    if (p.iface.loopback) return;
    const [type, group] = [Header.get.type(p.view, at), Header.get.group(p.view, at)];
    if (type === IGMP_QUERY) return this.#query(p, p.iface, at, destination as number);
    if (type !== IGMP_V1_REPORT && type !== IGMP_V2_REPORT) return;
    this.counters.reportsIn++;
    // Somebody else has told: one report of a group is enough, of these versions.
    const g = this.#states.get(p.iface)?.groups.get(group);
    if (!g || this.version(p.iface) === 3) return;
    g.cancel();
    g.at = Infinity;
    g.changes = 0;
    g.last = false;
  }
  /** A router asks: which version it speaks is told by the query's length (RFC 3376, 7.1). */
  #query(p: Packet, iface: Interface, at: number, destination: number): void {
    const length = p.end - at;
    const code = Header.get.maxResponse(p.view, at);
    const group = Header.get.group(p.view, at);
    if ((length > Header.size && length < QUERY3_SIZE) || (group === 0 && destination !== ALL_HOSTS)) {
      return void this.counters.bad++;
    }
    this.counters.queries++;
    const state = this.#state(iface);
    if (length === Header.size) state[code === 0 ? "v1" : "v2"] = this.#now() + OLDER_PRESENT;
    const most = code === 0
      ? (length === Header.size ? RESPONSE_1 : 0)
      : UNIT * (length < QUERY3_SIZE ? code : float(code));
    if (group === 0) return this.#general(iface, state, most);
    if (group !== ALL_HOSTS && this.#stack.groups.has(iface, group)) this.#later(iface, group, most);
  }
  #general(iface: Interface, state: State, most: number): void {
    const groups = this.#stack.groups.of(iface);
    if (this.version(iface) < 3) {
      for (const group of groups.keys()) this.#later(iface, group, most);
      return;
    }
    const at = this.#now() + this.#stack.random() * most;
    if (at >= state.at) return;
    state.cancel();
    state.at = at;
    state.cancel = this.#stack.sys.callout(at - this.#now(), () => {
      state.at = Infinity;
      this.#send3(iface, [...groups.keys()].map((group) => ({ group, type: MODE_IS_EXCLUDE })));
    });
  }
  #send2(iface: Interface, type: number, group: number, destination: number): void {
    this.#send(iface, destination, Header.size, (p, at) => {
      Header.write(p.view, at, { type, maxResponse: 0, checksum: 0, group });
    });
  }
  /** Reports of version 3, as many as are needed. */
  #send3(iface: Interface, records: readonly { readonly group: number; readonly type: number }[]): void {
    const most = Math.max(1, Math.floor((iface.mtu - IP_HEADER - IgmpReport3.size) / IgmpRecord.size));
    for (let i = 0; i < records.length; i += most) {
      const part = records.slice(i, i + most);
      this.#send(iface, ALL_IGMP3_ROUTERS, IgmpReport3.size + part.length * IgmpRecord.size, (p, at) => {
        const head = { type: IGMP_V3_REPORT, reserved: 0, checksum: 0, reserved2: 0, records: part.length };
        IgmpReport3.write(p.view, at, head);
        for (const [k, { group, type }] of part.entries()) {
          IgmpRecord.write(p.view, at + IgmpReport3.size + k * IgmpRecord.size, {
            type,
            auxiliary: 0,
            sources: 0,
            group,
          });
        }
      });
    }
  }
  #send(iface: Interface, destination: number, length: number, fill: (p: Packet, at: number) => void): void {
    const ip = {
      source: this.#stack.addressOn(iface, destination) ?? 0,
      destination,
      protocol: IPPROTO_IGMP,
      tos: INTERNETWORK_CONTROL,
      options: ROUTER_ALERT,
      groupInterface: iface,
      groupTtl: 1,
      loop: false,
    };
    this.counters.reportsOut++;
    this.#stack.ip.output(ip, length, (p, at) => {
      fill(p, at);
      p.view.setUint16(at + Header.at.checksum, plainChecksum(p, at, length), true);
    });
  }
}
/** Above 127 a response time is a number with an exponent (RFC 3376, 4.1.1). */
const float = (code: number) => (code < 128 ? code : ((code & 15) | 16) << (((code >> 4) & 7) + 3));
