/** rump.brconfig: show and change bridges of a rump kernel (brconfig(8)). */
import { IFF } from "../../abi/flags.ts";
import { formatMac, parseMac } from "../../lib/inet.ts";
import { viewOf } from "../../lib/struct.ts";
import { BRDG, Ifbareq, IFBF_FLUSHALL, IFBIF, Ifbreq, Ifbrparam, Ifdrv } from "../../wire/if_bridge.ts";
import { Failure } from "../cli.ts";
import { bitNames, Control, IFF_NAMES, listInterfaces, request } from "./if_request.ts";
import { program, type Tool } from "../tool.ts";

/** Bytes of lists. */
const ROOM = 64 << 10;
/** Names of flags, lowest first. */
const NAMES = {
  member: ["LEARNING", "DISCOVER", "STP"],
  address: ["STATIC"],
} as const;
function flags(value: number, names: readonly string[]): string {
  return `flags=${value.toString(16)}<${bitNames(value, names)}>`;
}
function mac(text: string): Uint8Array {
  const found = parseMac(text);
  if (!found) throw new Failure(`${text}: not a link address`);
  return found;
}
function count(text: string, least = 0, most = 999_999_999): number {
  if (!/^\d{1,9}$/.test(text)) throw new Failure(`${text}: not a number`);
  if (Number(text) < least || Number(text) > most) throw new Failure(`${text}: not from ${least} to ${most}`);
  return Number(text);
}

type Member = ReturnType<typeof Ifbreq.dump>;
/** One bridge, asked by a socket. */
class Bridge {
  readonly t: Tool;
  readonly control: Control;
  readonly name: string;

  constructor(t: Tool, control: Control, name: string) {
    this.t = t;
    this.control = control;
    this.name = name;
  }
  /** What stands behind struct ifdrv afterwards, as long as that says. */
  command(command: number, more: Uint8Array, get = false): Uint8Array {
    const data = request(Ifdrv, { name: this.name, command, length: more.length }, more);
    this.control.one(get ? "SIOCGDRVSPEC" : "SIOCSDRVSPEC", data);
    return data.subarray(Ifdrv.size, Ifdrv.size + Ifdrv.get.length(viewOf(data), 0));
  }
  number(command: number): number {
    return viewOf(this.command(command, new Uint8Array(Ifbrparam.size), true)).getUint32(0, true);
  }
  setNumber(command: number, value: number): void {
    const req = new Uint8Array(Ifbrparam.size);
    Ifbrparam.write(viewOf(req), 0, { value });
    this.command(command, req);
  }
  setMember(command: number, name: string, values: Partial<Member> = {}): void {
    const req = new Uint8Array(Ifbreq.size);
    Ifbreq.write(viewOf(req), 0, { name, ...values });
    this.command(command, req);
  }
  setAddress(command: number, address: Uint8Array, name = ""): void {
    const req = new Uint8Array(Ifbareq.size);
    Ifbareq.write(viewOf(req), 0, { name, address });
    this.command(command, req);
  }
  change(name: string, on: number, off: number): void {
    const req = new Uint8Array(Ifbreq.size);
    Ifbreq.write(viewOf(req), 0, { name });
    const now = Ifbreq.get.flags(viewOf(this.command(BRDG.GIFFLGS, req, true)), 0);
    this.setMember(BRDG.SIFFLGS, name, { flags: (now | on) & ~off });
  }
}

interface Word {
  /** How many arguments follow. */
  readonly takes: number;
  readonly run: (b: Bridge, a: string, z: string) => void;
}
const words: Readonly<Record<string, Word>> = {
  up: { takes: 0, run: (b) => b.control.setFlags(b.name, IFF.UP) },
  down: { takes: 0, run: (b) => b.control.setFlags(b.name, 0, IFF.UP) },
  add: { takes: 1, run: (b, name) => b.setMember(BRDG.ADD, name) },
  delete: { takes: 1, run: (b, name) => b.setMember(BRDG.DEL, name) },
  discover: { takes: 1, run: (b, name) => b.change(name, IFBIF.DISCOVER, 0) },
  "-discover": { takes: 1, run: (b, name) => b.change(name, 0, IFBIF.DISCOVER) },
  learn: { takes: 1, run: (b, name) => b.change(name, IFBIF.LEARNING, 0) },
  "-learn": { takes: 1, run: (b, name) => b.change(name, 0, IFBIF.LEARNING) },
  stp: { takes: 1, run: (b, name) => b.change(name, IFBIF.STP, 0) },
  "-stp": { takes: 1, run: (b, name) => b.change(name, 0, IFBIF.STP) },
  maxaddr: { takes: 1, run: (b, n) => b.setNumber(BRDG.SCACHE, count(n)) },
  timeout: { takes: 1, run: (b, n) => b.setNumber(BRDG.STO, count(n)) },
  static: { takes: 2, run: (b, name, address) => b.setAddress(BRDG.SADDR, mac(address), name) },
  deladdr: { takes: 1, run: (b, address) => b.setAddress(BRDG.DADDR, mac(address)) },
  flush: { takes: 0, run: (b) => b.setMember(BRDG.FLUSH, "") },
  flushall: { takes: 0, run: (b) => b.setMember(BRDG.FLUSH, "", { flags: IFBF_FLUSHALL }) },
  addr: { takes: 0, run: (b) => b.t.out(stations(b, "")) },
  ipf: { takes: 0, run: (b) => b.setNumber(BRDG.SFILT, 1) },
  "-ipf": { takes: 0, run: (b) => b.setNumber(BRDG.SFILT, 0) },
  maxage: { takes: 1, run: (b, n) => b.setNumber(BRDG.SMA, count(n, 1, 255)) },
  fwddelay: { takes: 1, run: (b, n) => b.setNumber(BRDG.SFD, count(n, 1, 255)) },
  hellotime: { takes: 1, run: (b, n) => b.setNumber(BRDG.SHT, count(n, 1, 255)) },
  priority: { takes: 1, run: (b, n) => b.setNumber(BRDG.SPRI, count(n, 0, 65_535)) },
  ifpriority: { takes: 2, run: (b, name, n) => b.setMember(BRDG.SIFPRIO, name, { priority: count(n, 0, 255) }) },
  // The structure has a byte for it.
  ifpathcost: { takes: 2, run: (b, name, n) => b.setMember(BRDG.SIFCOST, name, { cost: count(n, 0, 255) }) },
};

function show(b: Bridge): string {
  const g = Ifbreq.get;
  const numbers = [BRDG.GPRI, BRDG.GHT, BRDG.GFD, BRDG.GMA].map((c) => b.number(c));
  const members = b.command(BRDG.GIFS, new Uint8Array(ROOM), true);
  const lines = [
    `${b.name}: ${flags(b.control.flags(b.name), IFF_NAMES)}`,
    "\tConfiguration:",
    `\t\tpriority ${numbers[0]} hellotime ${numbers[1]} fwddelay ${numbers[2]} maxage ${numbers[3]}`,
    "\tInterfaces:",
  ];
  const m = viewOf(members);
  for (let at = 0; at < members.length; at += Ifbreq.size) {
    lines.push(`\t\t${g.name(m, at)} ${flags(g.flags(m, at), NAMES.member)}`);
    lines.push(`\t\t\tport ${g.port(m, at)} priority ${g.priority(m, at)}`);
  }
  lines.push(`\tAddress cache (max cache: ${b.number(BRDG.GCACHE)}, timeout: ${b.number(BRDG.GTO)}):`);
  return `${lines.join("\n")}\n${stations(b, "\t\t")}`;
}
/** A line for each address a bridge knows, behind some blanks. */
function stations(b: Bridge, blanks: string): string {
  const a = Ifbareq.get;
  const raw = b.command(BRDG.RTS, new Uint8Array(ROOM), true);
  const s = viewOf(raw);
  let text = "";
  for (let at = 0; at < raw.length; at += Ifbareq.size) {
    const told = flags(a.flags(s, at), NAMES.address);
    text += `${blanks}${formatMac(a.address(s, at))} ${a.name(s, at)} ${a.expire(s, at)} ${told}\n`;
  }
  return text;
}
/** Names of the bridges there are. */
const bridges = (t: Tool) => listInterfaces(t).map((i) => i.name).filter((n) => /^bridge\d+$/.test(n));
/** Do the words one after the other; the first that fails ends it. */
function configure(t: Tool, b: Bridge, args: readonly string[]): void {
  for (let i = 0; i < args.length;) {
    const text = args[i]!;
    const word = Object.hasOwn(words, text) ? words[text]! : undefined;
    if (!word || i + word.takes >= args.length) t.usage();
    const given = args.slice(i + 1, i + 1 + word.takes);
    if (!t.attempt([b.name, text, ...given].join(" "), () => word.run(b, given[0] ?? "", given[1] ?? ""))) return;
    i += 1 + word.takes;
  }
}
export const { run, over } = program({
  usage: "-a | bridge [command [arguments]] ...",
  about: "Show and change bridges between Ethernet interfaces. Spanning trees are not spoken by rump's own bridges.",
  letters: "a",
  help: { a: "all bridges" },
}, (t) => {
  const [name, ...args] = t.rest;
  if (t.has("a") ? name !== undefined : name === undefined) t.usage();
  const control = new Control(t);
  const names = name === undefined ? bridges(t) : [name];
  for (const one of names) {
    const bridge = new Bridge(t, control, one);
    if (args.length > 0) configure(t, bridge, args);
    else t.attempt(one, () => t.out(show(bridge)));
  }
});
