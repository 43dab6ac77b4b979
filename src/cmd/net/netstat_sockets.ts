/** netstat's table of sockets. */
import { AF_INET, AF_INET6, AF_LOCAL } from "../../abi/flags.ts";
import { TCPS } from "../../abi/pcb_structs.ts";
import { isWild, type Pcb } from "../../abi/pcbs.ts";
import { socketValue } from "./netstat_json.ts";
import { endpointText, type Naming, readPcbs } from "./pcbs.ts";
import type { Tree } from "../server/sysctl_tree.ts";

export interface SocketOptions {
  /** Also those that only wait. */
  readonly all: boolean;
  /** Show numbers of control blocks. */
  readonly blocks: boolean;
  readonly naming: Naming;
}
/** Lists of a family: the protocol's name, and where they are. */
type Lists = readonly (readonly [name: string, list: string])[];
const INET: Lists = [["tcp", "net.inet.tcp.pcblist"], ["udp", "net.inet.udp.pcblist"]];
const INET6: Lists = [["tcp6", "net.inet6.tcp6.pcblist"], ["udp6", "net.inet6.udp6.pcblist"]];
const LOCAL: Lists = ["stream", "seqpacket", "dgram"].map((type) => [type, `net.local.${type}.pcblist`]);
/** Names of states where there is little room. */
const SHORT = "CLOSED LISTEN SYNSEN SYSRCV ESTABL CLWAIT FWAIT1 CLOSNG LASTAK FWAIT2 TMWAIT".split(" ");
/** Least width of an address; they are never cut. */
const WIDTH = { plain: 22, blocks: 18, numericBlocks: 21 } as const;

interface Row {
  readonly name: string;
  readonly pcb: Pcb;
  readonly local: string;
  readonly foreign: string;
}
function* pcbsOf(tree: Tree, lists: Lists, all: boolean): Generator<readonly [name: string, Pcb]> {
  for (const [name, list] of lists) {
    for (const p of readPcbs(tree, list) ?? []) if (all || !isWild(p.foreign) || p.family === AF_LOCAL) yield [name, p];
  }
}
function rowsOf(tree: Tree, lists: Lists, { all, naming }: SocketOptions): Row[] {
  return [...pcbsOf(tree, lists, all)].map(([name, pcb]) => {
    const text = (e: Pcb["local"]) => endpointText(e, name.replace("6", ""), naming);
    return { name, pcb, local: text(pcb.local), foreign: text(pcb.foreign) };
  });
}
/** As values for JSON, of one family or (0) all. */
export function socketValues(tree: Tree, family: number, { all, naming }: SocketOptions): object[] {
  const lists = [[AF_INET, INET], [AF_INET6, INET6], [AF_LOCAL, LOCAL]] as const;
  return lists.filter(([of]) => family === 0 || family === of).flatMap(([, rows]) =>
    [...pcbsOf(tree, rows, all)].map(([name, p]) => socketValue(p, name, naming.zone))
  );
}
const hex8 = (n: number) => n.toString(16).padStart(8);
function stateOf({ name, pcb }: Row, short: boolean): string {
  if (!name.startsWith("tcp")) return "";
  return ` ${(short ? SHORT : TCPS)[pcb.tstate] ?? pcb.tstate}`;
}
/** Lines of an Internet family; none where it has no sockets. */
function internet(
  rows: readonly Row[],
  title: string,
  state: string,
  { all, blocks, naming }: SocketOptions,
): string[] {
  if (rows.length === 0) return [];
  const compact = blocks && !naming.nameOf;
  const least = compact ? WIDTH.numericBlocks : blocks ? WIDTH.blocks : WIDTH.plain;
  const wide = (texts: readonly string[]) => texts.reduce<number>((most, t) => Math.max(most, t.length), least);
  const [local, foreign] = [wide(rows.map((r) => r.local)), wide(rows.map((r) => r.foreign))];
  const gap = compact ? " " : "  ";
  const queues = (a: string, b: string) => `${a} ${b}${gap}`;
  return [
    `Active ${title} connections${all ? " (including servers)" : ""}`,
    `${blocks ? "PCB      " : ""}Proto ${queues("Recv-Q", "Send-Q")}${"Local Address".padEnd(local)} ` +
    `${"Foreign Address".padEnd(foreign)} ${state}`,
    ...rows.map((r) =>
      `${blocks ? `${hex8(r.pcb.ppcbaddr)} ` : ""}${r.name.padEnd(5)} ` +
      queues(String(r.pcb.rcvq).padStart(6), String(r.pcb.sndq).padStart(6)) +
      `${r.local.padEnd(local)} ${r.foreign.padEnd(foreign)}${stateOf(r, compact)}`
    ),
  ];
}
export const inetSockets = (tree: Tree, o: SocketOptions): string[] =>
  internet(rowsOf(tree, INET, o), "Internet", "State", o);
export const inet6Sockets = (tree: Tree, o: SocketOptions): string[] =>
  internet(rowsOf(tree, INET6, o), "Internet6", "(state)", o);

/** Of the AF_LOCAL family; who is connected and has no name of its own is shown by the other end's. */
export function localSockets(tree: Tree): string[] {
  const rows = [...pcbsOf(tree, LOCAL, true)].map(([type, p]) => localLine(type, p));
  if (rows.length === 0) return [];
  return [
    "Active UNIX domain sockets",
    "Address  Type   Recv-Q Send-Q    Inode     Conn     Refs  Nextref Addr",
    ...rows,
  ];
}
function localLine(type: string, p: Pcb): string {
  const queues = `${String(p.rcvq).padStart(6)} ${String(p.sndq).padStart(6)}`;
  const links = [p.vnode, p.conn, p.refs, p.nextref].map(hex8).join(" ");
  const name = p.local.path !== "" ? ` ${p.local.path}` : p.foreign.path !== "" ? ` -> ${p.foreign.path}` : "";
  return `${hex8(p.pcbaddr)} ${type.slice(0, 6).padEnd(6)} ${queues} ${links}${name}`;
}
