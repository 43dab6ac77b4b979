/** /proc/net/tcp, udp, raw and those of IPv6: the rump kernel's sockets. */
import { ALL_PCBS, type Endpoint, parsePcbs, type Pcb } from "../../abi/pcbs.ts";
import { TCPS } from "../../abi/pcb_structs.ts";
import { In6Addr } from "../../lib/in6.ts";
import { HEX, word, words } from "./hex.ts";
import type { Questions } from "./questions.ts";

/** Linux' numbers (net/tcp_states.h) of the states by NetBSD's. */
const STATES: Readonly<Record<(typeof TCPS)[number], number>> = {
  CLOSED: 7,
  LISTEN: 10,
  SYN_SENT: 2,
  SYN_RECEIVED: 3,
  ESTABLISHED: 1,
  CLOSE_WAIT: 8,
  FIN_WAIT_1: 4,
  CLOSING: 11,
  LAST_ACK: 9,
  FIN_WAIT_2: 5,
  TIME_WAIT: 6,
};
const CONNECTED = 1;
const UNCONNECTED = 7;
const NOBODY = new In6Addr(0, 0, 0, 0);

type Protocol = "tcp" | "udp" | "raw";
/** What a protocol's table is like. */
interface Form {
  /** Digits of a line's number, and what stands behind the inode. */
  readonly digits: number;
  readonly title: string;
  readonly rest: string;
  /** Characters in a line of the table of IPv4. */
  readonly width: number;
  /** Whether one is in it. */
  readonly shown: (p: Pcb) => boolean;
  readonly state: (p: Pcb) => number;
}
const datagrams: Form = {
  digits: 5,
  title: " ref pointer drops",
  rest: "2 0000000000000000 0",
  width: 127,
  shown: (p) => p.local.port !== 0,
  state: ({ foreign: { port } }) => (port === 0 ? UNCONNECTED : CONNECTED),
};
const forms: Readonly<Record<Protocol, Form>> = {
  tcp: {
    digits: 4,
    title: "",
    rest: "1 0000000000000000 100 0 0 10 0",
    width: 149,
    shown: (p) => TCPS[p.tstate] !== "CLOSED",
    state: (p) => STATES[TCPS[p.tstate] ?? "CLOSED"],
  },
  udp: datagrams,
  raw: { ...datagrams, shown: () => true, state: () => UNCONNECTED },
};
/** What a table is written with. */
interface Told {
  readonly form: Form;
  readonly six: boolean;
  readonly inodes: ReadonlyMap<number, number>;
}
function end({ address, port }: Endpoint, six: boolean): string {
  const text = six
    ? words(address instanceof In6Addr ? address : NOBODY)
    : word(typeof address === "number" ? address : 0);
  return `${text}:${HEX(port, 4)}`;
}
/** Users and timers are not told; nor the inodes of other programs than those served here. */
function line(p: Pcb, i: number, { form, six, inodes }: Told): string {
  const { digits, rest, state } = form;
  const queues = `${HEX(p.sndq, 8)}:${HEX(p.rcvq, 8)}`;
  const who = `${"0".padStart(5)} ${"0".padStart(8)} ${inodes.get(p.sockaddr) ?? 0}`;
  return `${String(i).padStart(digits)}: ${end(p.local, six)} ${end(p.foreign, six)} ${HEX(state(p), 2)} ` +
    `${queues} 00:00000000 00000000 ${who} ${rest}`;
}
const listOf = async (ask: Questions, protocol: Protocol, six: boolean): Promise<Pcb[]> => {
  const raw = await ask.list(`net.${six ? "inet6" : "inet"}.${protocol}${six ? "6" : ""}.pcblist`, ALL_PCBS);
  return parsePcbs(raw ?? new Uint8Array(0)).filter(forms[protocol].shown);
};
/** The table of a protocol over IPv4, or over IPv6. */
export const socketTable = (protocol: Protocol, six: boolean) => async (ask: Questions): Promise<string> => {
  const form = forms[protocol];
  const all = await listOf(ask, protocol, six);
  const inodes = all.length > 0 ? await ask.inodes() : new Map<number, number>();
  // Its port is the protocol there.
  const told = protocol === "raw" ? all.map((p) => ({ ...p, local: { ...p.local, port: p.protocol } })) : all;
  const lines = [head(form, six), ...told.map((p, i) => line(p, i, { form, six, inodes }))];
  return lines.map((l) => `${six ? l : l.padEnd(form.width)}\n`).join("");
};
const head = ({ digits, title }: Form, six: boolean) =>
  `${"sl".padStart(digits)}  ` +
  (six ? `local_address${" ".repeat(25)}remote_address${" ".repeat(24)}` : "local_address rem_address   ") +
  `st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode${title}`;

const count = (all: readonly Pcb[], state: (typeof TCPS)[number]) =>
  all.filter(({ tstate }) => TCPS[tstate] === state).length;
/** /proc/net/sockstat and sockstat6: how many there are; those that wait for time to pass are no sockets any more. */
export const socketCounts = (six: boolean) => async (ask: Questions): Promise<string> => {
  const all = new Map<Protocol, readonly Pcb[]>();
  for (const protocol of ["tcp", "udp", "raw"] as const) all.set(protocol, await listOf(ask, protocol, six));
  const number = (protocol: Protocol) => all.get(protocol)!.length;
  const waiting = count(all.get("tcp")!, "TIME_WAIT");
  const inUse = number("tcp") - waiting;
  if (six) return `TCP6: inuse ${inUse}\nUDP6: inuse ${number("udp")}\nRAW6: inuse ${number("raw")}\n`;
  return `sockets: used ${inUse + number("udp") + number("raw")}\n` +
    `TCP: inuse ${inUse} orphan 0 tw ${waiting} alloc ${inUse} mem 0\n` +
    `UDP: inuse ${number("udp")} mem 0\nRAW: inuse ${number("raw")}\n`;
};
