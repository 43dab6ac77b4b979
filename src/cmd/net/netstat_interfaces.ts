/** netstat's table of interfaces, and what goes through them second by second. */
import { AF_INET, AF_INET6, IFF } from "../../abi/flags.ts";
import { parseSockaddrIn, parseSockaddrIn6 } from "../../abi/inet.ts";
import type { IfAddress, IfInfo } from "../../abi/if_list.ts";
import { human } from "../../lib/human.ts";
import { formatMac } from "../../lib/inet.ts";
import { addressName, type Naming } from "./pcbs.ts";
import { netName } from "./sockaddr_text.ts";

export interface InterfaceOptions {
  readonly bytes: boolean;
  readonly drops: boolean;
  /** With bytes: as people write sizes. */
  readonly human: boolean;
  readonly naming: Naming;
}
/** Network and address of an interface's address. */
function namesOf(a: IfAddress, naming: Naming): readonly [network: string, address: string] {
  const parsed = parseSockaddrIn(a.address) ?? parseSockaddrIn6(a.address);
  if (!parsed) return [`(${a.family})`, "?"];
  // The link is beside it: it needs no name.
  const address = typeof parsed.address === "number" ? parsed.address : parsed.address.in(0);
  return [netName(a.address, a.mask), addressName(address, naming)];
}
function numbers({ data: d }: IfInfo, o: InterfaceOptions): string {
  const size = (n: number) => (o.human ? human(n) : String(n)).padStart(10);
  const counts = o.bytes
    ? `${size(d.ibytes)} ${size(d.obytes)}`
    : [[d.ipackets, 8], [d.ierrors, 5], [d.opackets, 8], [d.oerrors, 5], [d.collisions, 5]]
      .map(([n, width]) => String(n).padStart(width!)).join(" ");
  return o.drops ? `${counts} ${String(d.iqdrops).padStart(5)}` : counts;
}
type Row = readonly [name: string, mtu: string, network: string, address: string, numbers: string];
function rowsOf(i: IfInfo, o: InterfaceOptions): Row[] {
  const name = (i.flags & IFF.UP) === 0 ? `${i.name}*` : i.name;
  const places = [
    ["<Link>", formatMac(i.mac)] as const,
    ...i.addresses.filter(isShown).map((a) => namesOf(a, o.naming)),
  ];
  return places.map(([network, address]) => [name, String(i.data.mtu), network, address, numbers(i, o)]);
}
const isShown = ({ family }: IfAddress) => family === AF_INET || family === AF_INET6;
/** Least widths of the columns before the numbers; they are never cut. */
const WIDTHS = [5, 5, 13, 17];

/** A line for each interface and each address of it. */
export function interfaceTable(all: readonly IfInfo[], o: InterfaceOptions): string[] {
  const counts = o.bytes ? "    Ibytes     Obytes" : "   Ipkts Ierrs    Opkts Oerrs Colls";
  const head: Row = ["Name", "Mtu", "Network", "Address", `${counts}${o.drops ? " Drops" : ""}`];
  const rows = [head, ...all.flatMap((i) => rowsOf(i, o))];
  const widths = WIDTHS.map((least, i) => Math.max(least, ...rows.map((r) => r[i]!.length)));
  return rows.map((row) => row.map((text, i) => text.padEnd(widths[i] ?? 0)).join(" "));
}

/** What passed until now, of one interface or all. */
export interface Passed {
  readonly ipackets: number;
  readonly ierrors: number;
  readonly opackets: number;
  readonly oerrors: number;
  readonly collisions: number;
  readonly ibytes: number;
  readonly obytes: number;
  readonly iqdrops: number;
}
const NOTHING: Passed = {
  ipackets: 0,
  ierrors: 0,
  opackets: 0,
  oerrors: 0,
  collisions: 0,
  ibytes: 0,
  obytes: 0,
  iqdrops: 0,
};
const FIELDS = Object.keys(NOTHING) as (keyof Passed)[];
const combine = (a: Passed, b: Passed, how: (x: number, y: number) => number): Passed =>
  Object.fromEntries(FIELDS.map((f) => [f, how(a[f], b[f])])) as unknown as Passed;
type Columns = Pick<InterfaceOptions, "bytes" | "drops">;

/** Two lines above the numbers of one interface and of all. */
export function trafficHead(name: string, o: Columns): string[] {
  const drops = (text: string) => (o.drops ? ` ${text.padStart(5)}` : "");
  const banner = (n: string) =>
    o.bytes
      ? `${n.slice(0, 7).padStart(7)} in ${" ".repeat(8)} ${n.slice(0, 6).padStart(6)} out ${" ".repeat(5)}`
      : `${n.slice(0, 5).padStart(5)} in ${" ".repeat(5)}${n.slice(0, 5).padStart(5)} out ${" ".repeat(11)}`;
  const titles = o.bytes ? "     bytes              bytes      " : " packets  errs  packets  errs colls";
  return [
    `${banner(name)}${drops("")}  ${banner("total")}${drops("")}`,
    `${titles}${drops("drops")}  ${titles}${drops("drops")}`,
  ];
}
function traffic(p: Passed, o: Columns): string {
  const wide = (n: number, width: number) => String(n).padStart(width);
  const counts = o.bytes
    ? `${wide(p.ibytes, 10)}          ${wide(p.obytes, 10)}      `
    : `${wide(p.ipackets, 8)} ${wide(p.ierrors, 5)} ${wide(p.opackets, 8)} ${wide(p.oerrors, 5)} ${
      wide(p.collisions, 5)
    }`;
  return o.drops ? `${counts} ${wide(p.iqdrops, 5)}` : counts;
}
/** Lines of what passed since the one before; the first is of all time. */
export class Traffic {
  readonly #name: string;
  readonly #columns: Columns;
  #before: readonly [one: Passed, all: Passed] = [NOTHING, NOTHING];

  constructor(name: string, columns: Columns) {
    this.#name = name;
    this.#columns = columns;
  }
  /** Undefined: the interface is gone. */
  line(all: readonly IfInfo[]): string | undefined {
    const one = all.find((i) => i.name === this.#name)?.data;
    if (!one) return undefined;
    const now = [one, all.reduce((sum, i) => combine(sum, i.data, (a, b) => a + b), NOTHING)] as const;
    const since = now.map((p, i) => traffic(combine(p, this.#before[i]!, (a, b) => a - b), this.#columns));
    this.#before = now;
    return since.join("  ");
  }
}
