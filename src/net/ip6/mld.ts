/** Multicast groups we listen to, and telling routers so (RFC 3810, with 2710 for old routers; NetBSD: mld6.c). */
import { errno } from "../../abi/errno.ts";
import { In6Addr, SCOPE_LINK } from "../../lib/in6.ts";
import {
  Mld as Header,
  MLD_LISTENER_DONE,
  MLD_LISTENER_REPORT,
  MldQuery,
  MldRecord,
  MLDV2_LISTENER_REPORT,
} from "../../wire/icmp6.ts";
import { IP6OPT_PADN, IP6OPT_RTALERT } from "../../wire/ipv6.ts";
import type { Interface } from "../interface.ts";
import type { Packet } from "../packet.ts";
import { extras } from "./extras.ts";
import { allRouters, type In6Interface } from "./interface.ts";
import type { Ip6, Ipv6Header } from "./ip6.ts";

const ANY = new In6Addr(0, 0, 0, 0);
/** Groups one interface may be a member of. */
const MAX_GROUPS = 1024;
/** Of those that were left, so many are said a second time. */
const MAX_LEAVING = 64;
/** RFC 3810, 9: reports of a change; milliseconds between them, at most; how long an old router is believed to be there. */
const ROBUSTNESS = 2;
const REPORT_INTERVAL = 1000;
const OLD_ROUTER = 260_000;
/** RFC 2710: milliseconds a first report may wait. */
const OLD_REPORT_INTERVAL = 10_000;
/** RFC 3810, 5.2.12. */
const MODE_IS_EXCLUDE = 2;
const CHANGE_TO_INCLUDE = 3;
const CHANGE_TO_EXCLUDE = 4;
const REPORT_HEAD = 8;
/** Records one report has room for. */
const RECORDS = 50;
/** A hop-by-hop header with a router alert for MLD (RFC 2711). */
const ALERT = extras({ hopByHop: new Uint8Array([0, 0, IP6OPT_RTALERT, 2, 0, 0, IP6OPT_PADN, 0]) });

interface Group {
  readonly address: In6Addr;
  /** Who wants it. */
  members: number;
  /** An answer to a query, or a report of a change, is to be sent. */
  cancel: (() => void) | undefined;
  /** Of the change: reports still to send. */
  reports: number;
}
interface Groups {
  readonly all: Map<string, Group>;
  /** Milliseconds of the clock until which a router of RFC 2710 is there. */
  oldUntil: number;
  cancel: (() => void) | undefined;
  /** Groups that were left lately: that is to be said once more. */
  readonly leaving: Map<string, () => void>;
}

export class Mld {
  readonly #ip6: Ip6;
  readonly #groups = new Map<Interface, Groups>();

  constructor(ip6: Ip6) {
    this.#ip6 = ip6;
  }
  isMember(iface: Interface, group: In6Addr): boolean {
    return this.#groups.get(iface)?.all.has(group.key) ?? false;
  }
  /** Groups an interface is a member of. */
  *of(iface: Interface): Generator<In6Addr> {
    for (const { address } of this.#groups.get(iface)?.all.values() ?? []) yield address;
  }
  #of(iface: Interface): Groups {
    const had = this.#groups.get(iface);
    if (had) return had;
    const made: Groups = { all: new Map(), oldUntil: 0, cancel: undefined, leaving: new Map() };
    this.#groups.set(iface, made);
    return made;
  }
  /** ENOBUFS: it is in too many. */
  join({ iface }: In6Interface, group: In6Addr): void {
    const groups = this.#of(iface);
    const had = groups.all.get(group.key);
    if (had) return void had.members++;
    if (groups.all.size >= MAX_GROUPS) throw errno.ENOBUFS;
    groups.leaving.get(group.key)?.();
    groups.leaving.delete(group.key);
    const made: Group = { address: group, members: 1, cancel: undefined, reports: ROBUSTNESS };
    groups.all.set(group.key, made);
    if (iface.up) this.#changed(iface, made);
  }
  leave({ iface }: In6Interface, group: In6Addr): void {
    const groups = this.#of(iface);
    const had = groups.all.get(group.key);
    if (!had || --had.members > 0) return;
    had.cancel?.();
    groups.all.delete(group.key);
    if (!iface.up || !isReported(iface, group)) return;
    if (this.#isOld(groups)) this.#sendOld(iface, MLD_LISTENER_DONE, group);
    else this.#left(iface, groups, group);
  }
  /** Say that we do not listen any more, and again a little later. */
  #left(iface: Interface, { leaving }: Groups, group: In6Addr): void {
    this.#send(iface, CHANGE_TO_INCLUDE, [group]);
    if (leaving.size >= MAX_LEAVING) return;
    const again = () => {
      leaving.delete(group.key);
      this.#send(iface, CHANGE_TO_INCLUDE, [group]);
    };
    leaving.set(group.key, this.#ip6.stack.sys.callout(this.#ip6.stack.random() * REPORT_INTERVAL, again));
  }
  /** Report that we listen now; more than once, for the first may be lost. */
  #changed(iface: Interface, g: Group): void {
    g.cancel?.();
    g.cancel = undefined;
    if (!isReported(iface, g.address) || g.reports === 0 || !iface.up) return;
    g.reports--;
    const old = this.#isOld(this.#of(iface));
    if (old) this.#sendOld(iface, MLD_LISTENER_REPORT, g.address);
    else this.#send(iface, CHANGE_TO_EXCLUDE, [g.address]);
    if (g.reports === 0) return;
    const wait = this.#ip6.stack.random() * (old ? OLD_REPORT_INTERVAL : REPORT_INTERVAL);
    g.cancel = this.#ip6.stack.sys.callout(wait, () => this.#changed(iface, g));
  }
  #isOld({ oldUntil }: Groups): boolean {
    return oldUntil > this.#ip6.now();
  }

  // Queries

  /** RFC 3810, 5.1.14, 6.2: it comes from the link itself. */
  query(p: Packet, at: number, h: Ipv6Header): void {
    const length = p.end - at;
    if (length < Header.size || h.ttl !== 1 || !h.source.linkLocal) return;
    const iface = p.iface!;
    const groups = this.#of(iface);
    const isOld = length < Header.size + MldQuery.size;
    if (isOld) groups.oldUntil = this.#ip6.now() + OLD_ROUTER;
    const code = Header.get.maxDelay(p.view, at);
    const wait = isOld ? code : delayOf(code);
    const group = this.#ip6.cache.read(p.view, at + Header.at.group, iface.index);
    if (!group.unspecified) {
      const found = groups.all.get(group.key);
      if (found) this.#answerSoon(iface, found, wait);
    } else if (this.#isOld(groups)) { for (const g of groups.all.values()) this.#answerSoon(iface, g, wait); }
    else this.#answerAll(iface, groups, wait);
  }
  #answerSoon(iface: Interface, g: Group, wait: number): void {
    if (g.cancel || !isReported(iface, g.address)) return;
    g.cancel = this.#ip6.stack.sys.callout(this.#ip6.stack.random() * wait, () => {
      g.cancel = undefined;
      if (this.#isOld(this.#of(iface))) this.#sendOld(iface, MLD_LISTENER_REPORT, g.address);
      else this.#send(iface, MODE_IS_EXCLUDE, [g.address]);
    });
  }
  #answerAll(iface: Interface, groups: Groups, wait: number): void {
    if (groups.cancel) return;
    groups.cancel = this.#ip6.stack.sys.callout(this.#ip6.stack.random() * wait, () => {
      groups.cancel = undefined;
      const all = [...this.of(iface)].filter((g) => isReported(iface, g));
      for (let i = 0; i < all.length; i += RECORDS) this.#send(iface, MODE_IS_EXCLUDE, all.slice(i, i + RECORDS));
    });
  }
  /** Of another, to an old router: ours need not be sent (RFC 2710, 4). */
  report(p: Packet, at: number, h: Ipv6Header): void {
    if (p.end - at < Header.size || h.ttl !== 1) return;
    const iface = p.iface!;
    const g = this.#of(iface).all.get(this.#ip6.cache.read(p.view, at + Header.at.group, iface.index).key);
    if (!g?.cancel || !this.#isOld(this.#of(iface))) return;
    g.cancel();
    g.cancel = undefined;
    g.reports = 0;
  }

  // Reports

  #send(iface: Interface, type: number, groups: readonly In6Addr[]): void {
    const destination = new In6Addr(0xff02_0000, 0, 0, 0x16, iface.index);
    this.#output(iface, destination, REPORT_HEAD + groups.length * MldRecord.size, (p, at) => {
      p.bytes.fill(0, at, at + REPORT_HEAD);
      p.bytes[at] = MLDV2_LISTENER_REPORT;
      p.view.setUint16(at + 6, groups.length);
      for (const [i, g] of groups.entries()) {
        const record = at + REPORT_HEAD + i * MldRecord.size;
        MldRecord.write(p.view, record, { type, auxiliary: 0, sources: 0 });
        g.write(p.view, record + MldRecord.at.group);
      }
    });
  }
  #sendOld(iface: Interface, type: number, group: In6Addr): void {
    const destination = type === MLD_LISTENER_DONE ? allRouters(iface.index) : group;
    this.#output(iface, destination, Header.size, (p, at) => {
      Header.write(p.view, at, { type, code: 0, maxDelay: 0, reserved: 0 });
      group.write(p.view, at + Header.at.group);
    });
  }
  #output(iface: Interface, destination: In6Addr, length: number, fill: (p: Packet, at: number) => void): void {
    const source = this.#ip6.of(iface).linkLocal?.address ?? ANY;
    this.#ip6.icmp.send({ source, destination, iface, groupTtl: 1, loop: false, extras: ALERT }, length, fill);
  }

  /** The interface goes down: nothing is said any more, and all again when it comes up. */
  stop({ iface }: In6Interface): void {
    const groups = this.#groups.get(iface);
    groups?.cancel?.();
    for (const cancel of groups?.leaving.values() ?? []) cancel();
    groups?.leaving.clear();
    for (const g of groups?.all.values() ?? []) {
      g.cancel?.();
      g.cancel = undefined;
      g.reports = ROBUSTNESS;
    }
    if (groups) groups.cancel = undefined;
  }
  start({ iface }: In6Interface): void {
    for (const g of this.#groups.get(iface)?.all.values() ?? []) this.#changed(iface, g);
  }
  forget({ iface }: In6Interface): void {
    this.#groups.delete(iface);
  }
}
/** What stays within the host, and ff02::1, are nobody's business. */
function isReported(iface: Interface, group: In6Addr): boolean {
  const allNodes = group.scope === SCOPE_LINK && group.b === 0 && group.c === 0 && group.d === 1;
  return !iface.loopback && group.scope >= SCOPE_LINK && !allNodes;
}
/** RFC 3810, 5.1.3: long delays are a mantissa and an exponent. */
function delayOf(code: number): number {
  if (code < 0x8000) return code;
  return ((code & 0x0fff) | 0x1000) << (((code >> 12) & 7) + 3);
}
