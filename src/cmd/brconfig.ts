/** rump.brconfig: show and change bridges of a rump kernel (brconfig(8)). */
import { AF_INET, IFF, SOCK_DGRAM } from "../abi/flags.ts";
import { Ifconf, Ifreq, IfreqFlags } from "../abi/net_structs.ts";
import { SIOC } from "../abi/sockio.ts";
import { viewOf } from "../lib/struct.ts";
import { BRDG, Ifbareq, IFBF_FLUSHALL, IFBIF, Ifbreq, Ifbrparam, Ifdrv } from "../wire/if_bridge.ts";
import { Failure } from "./cli.ts";
import { program, type Tool } from "./tool.ts";

/** Bytes of lists. */
const ROOM = 64 << 10;
/** Names of flags, lowest first, as `printb` of NetBSD writes them. */
const NAMES = {
  interface: [
    "UP",
    "BROADCAST",
    "DEBUG",
    "LOOPBACK",
    "POINTOPOINT",
    "NOTRAILERS",
    "RUNNING",
    "NOARP",
    "PROMISC",
    "ALLMULTI",
    "OACTIVE",
    "SIMPLEX",
    "LINK0",
    "LINK1",
    "LINK2",
    "MULTICAST",
  ],
  member: ["LEARNING", "DISCOVER", "STP"],
  address: ["STATIC"],
} as const;
function flags(value: number, names: readonly string[]): string {
  const on = names.filter((_, i) => (value & (1 << i)) !== 0);
  return `flags=${value.toString(16)}<${on.join(",")}>`;
}
const hex = (b: Uint8Array) => [...b].map((x) => x.toString(16).padStart(2, "0")).join(":");
function mac(text: string): Uint8Array {
  const parts = text.split(":");
  if (parts.length !== 6 || !parts.every((p) => /^[0-9a-f]{1,2}$/i.test(p))) {
    throw new Failure(`${text}: not a link address`);
  }
  return Uint8Array.from(parts, (p) => parseInt(p, 16));
}
function count(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new Failure(`${text}: not a number`);
  return Number(text);
}

/** One bridge, asked by a socket. */
class Bridge {
  readonly #t: Tool;
  readonly #fd: number;
  readonly name: string;

  constructor(t: Tool, fd: number, name: string) {
    this.#t = t;
    this.#fd = fd;
    this.name = name;
  }
  ioctl(com: number, data: Uint8Array): Uint8Array {
    this.#t.sys.ioctl({ fd: this.#fd, com, data });
    return data;
  }
  /** What stands behind struct ifdrv afterwards, as long as that says. */
  command(command: number, more: Uint8Array, get = false): Uint8Array {
    const data = new Uint8Array(Ifdrv.size + more.length);
    Ifdrv.write(viewOf(data), 0, { name: this.name, command, length: more.length });
    data.set(more, Ifdrv.size);
    this.ioctl(get ? SIOC.SIOCGDRVSPEC : SIOC.SIOCSDRVSPEC, data);
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
  setMember(command: number, name: string, value = 0): void {
    const req = new Uint8Array(Ifbreq.size);
    Ifbreq.write(viewOf(req), 0, { name, flags: value });
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
    this.setMember(BRDG.SIFFLGS, name, (now | on) & ~off);
  }
  get flags(): number {
    const data = new Uint8Array(Ifreq.size);
    IfreqFlags.write(viewOf(data), 0, { name: this.name });
    return IfreqFlags.get.flags(viewOf(this.ioctl(SIOC.SIOCGIFFLAGS, data)), 0);
  }
  set flags(value: number) {
    const data = new Uint8Array(Ifreq.size);
    IfreqFlags.write(viewOf(data), 0, { name: this.name, flags: value });
    this.ioctl(SIOC.SIOCSIFFLAGS, data);
  }
}

interface Word {
  /** How many arguments follow. */
  readonly takes: number;
  readonly run: (b: Bridge, a: string, z: string) => void;
}
const words: Readonly<Record<string, Word>> = {
  up: { takes: 0, run: (b) => void (b.flags |= IFF.UP) },
  down: { takes: 0, run: (b) => void (b.flags &= ~IFF.UP) },
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
  flushall: { takes: 0, run: (b) => b.setMember(BRDG.FLUSH, "", IFBF_FLUSHALL) },
};

function show(b: Bridge): string {
  const [g, a] = [Ifbreq.get, Ifbareq.get];
  const numbers = [BRDG.GPRI, BRDG.GHT, BRDG.GFD, BRDG.GMA].map((c) => b.number(c));
  const members = b.command(BRDG.GIFS, new Uint8Array(ROOM), true);
  const stations = b.command(BRDG.RTS, new Uint8Array(ROOM), true);
  const lines = [
    `${b.name}: ${flags(b.flags & 0xffff, NAMES.interface)}`,
    "\tConfiguration:",
    `\t\tpriority ${numbers[0]} hellotime ${numbers[1]} fwddelay ${numbers[2]} maxage ${numbers[3]}`,
    "\tInterfaces:",
  ];
  const [m, s] = [viewOf(members), viewOf(stations)];
  for (let at = 0; at < members.length; at += Ifbreq.size) {
    lines.push(`\t\t${g.name(m, at)} ${flags(g.flags(m, at), NAMES.member)}`);
    lines.push(`\t\t\tport ${g.port(m, at)} priority ${g.priority(m, at)}`);
  }
  lines.push(`\tAddress cache (max cache: ${b.number(BRDG.GCACHE)}, timeout: ${b.number(BRDG.GTO)}):`);
  for (let at = 0; at < stations.length; at += Ifbareq.size) {
    const told = flags(a.flags(s, at), NAMES.address);
    lines.push(`\t\t${hex(a.address(s, at))} ${a.name(s, at)} ${a.expire(s, at)} ${told}`);
  }
  return `${lines.join("\n")}\n`;
}
/** Names of the bridges there are. */
function bridges(t: Tool, fd: number): string[] {
  const data = new Uint8Array(Ifconf.size + ROOM);
  Ifconf.write(viewOf(data), 0, { length: ROOM });
  t.sys.ioctl({ fd, com: SIOC.SIOCGIFCONF, data });
  const end = Ifconf.size + Ifconf.get.length(viewOf(data), 0);
  const names = new Set<string>();
  for (let at = Ifconf.size; at < end; at += Ifreq.size) names.add(Ifreq.get.name(viewOf(data), at));
  return [...names].filter((n) => /^bridge\d+$/.test(n));
}
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
  about: "Show and change bridges between Ethernet interfaces. Spanning trees are not spoken.",
  letters: "a",
  help: { a: "all bridges" },
}, (t) => {
  const [name, ...args] = t.rest;
  if (t.has("a") ? name !== undefined : name === undefined) t.usage();
  const fd = t.sys.socket({ domain: AF_INET, type: SOCK_DGRAM, protocol: 0 });
  const names = name === undefined ? bridges(t, fd) : [name];
  for (const one of names) {
    const bridge = new Bridge(t, fd, one);
    if (args.length > 0) configure(t, bridge, args);
    else t.attempt(one, () => t.out(show(bridge)));
  }
});
