/** rump.sockstat: open sockets and the processes that hold them (sockstat(1)). */
import { AF_INET, AF_INET6, AF_LOCAL } from "../../abi/flags.ts";
import type { OpenFileRow } from "../../abi/tables.ts";
import { type Endpoint, isConnected, isListening, type Pcb } from "../../abi/pcbs.ts";
import { Failure } from "../cli.ts";
import { patientNamer, portOf } from "./host_names.ts";
import { interfaceNamer } from "./if_request.ts";
import { jsonText, socketValue } from "./netstat_json.ts";
import { endpointText, type Naming, readPcbs } from "./pcbs.ts";
import type { ZoneName } from "./sockaddr_text.ts";
import { Tree } from "../server/sysctl_tree.ts";
import { readTable } from "../table.ts";
import { program, type Tool } from "../tool.ts";

const FAMILIES: Readonly<Record<string, number>> = { inet: AF_INET, inet6: AF_INET6, local: AF_LOCAL, unix: AF_LOCAL };
const LISTS = [
  [AF_INET, ["net.inet.tcp", "net.inet.udp", "net.inet.raw"]],
  [AF_INET6, ["net.inet6.tcp6", "net.inet6.udp6", "net.inet6.raw6"]],
  [AF_LOCAL, ["net.local.stream", "net.local.seqpacket", "net.local.dgram"]],
] as const;
/** Names of protocols, and of types of local sockets. */
const PROTOCOLS: Readonly<Record<number, string>> = { 6: "tcp", 17: "udp", 255: "raw" };
const TYPES: Readonly<Record<number, string>> = { 1: "stream", 2: "dgram", 3: "raw", 4: "rdm", 5: "seq" };

/** The families that were asked for. */
function families(t: Tool, ports: boolean): ReadonlySet<number> {
  const asked = t.all("f").map((name) => {
    const family = FAMILIES[name.toLowerCase()];
    if (family === undefined) throw new Failure(`${t.name}: ${name}: unsupported protocol family`);
    return family;
  });
  if (t.has("4")) asked.push(AF_INET);
  if (t.has("6")) asked.push(AF_INET6);
  if (t.has("u")) asked.push(AF_LOCAL);
  if (ports && asked.includes(AF_LOCAL)) throw new Failure(`${t.name}: local domain sockets do not have ports`);
  if (asked.length > 0) return new Set(asked);
  return new Set(ports ? [AF_INET, AF_INET6] : [AF_INET, AF_INET6, AF_LOCAL]);
}
/** Ranges of `22,80,8000-8010`, or a service's name. */
function portRanges(t: Tool, text: string): (readonly [number, number])[] {
  return text.split(",").map((part) => {
    const m = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(part);
    const named = m ? undefined : portOf(t.host, part, "tcp") ?? portOf(t.host, part, "udp");
    const first = m ? Number(m[1]) : named;
    const last = m?.[2] === undefined ? first : Number(m[2]);
    if (first === undefined || first > 65535 || last! > 65535) {
      throw new Failure(`${t.name}: ${text}: Invalid argument`);
    }
    return [first, last!] as const;
  });
}
/** Whether a socket is to be shown. */
function chooser(t: Tool): (p: Pcb) => boolean {
  const [connected, listening] = [t.has("c"), t.has("l")];
  const ranges = t.all("p").flatMap((text) => portRanges(t, text));
  const inRange = ({ port }: Endpoint) => ranges.some(([first, last]) => port >= first && port <= last);
  return (p) => {
    if (ranges.length > 0 && !inRange(p.local) && !inRange(p.foreign)) return false;
    if (!connected && !listening) return true;
    return (connected && isConnected(p)) || (listening && isListening(p));
  };
}
function sockets(t: Tool, tree: Tree): Map<number, Pcb> {
  const ports = t.all("p").length > 0;
  const wanted = families(t, ports);
  const all = LISTS.filter(([family]) => wanted.has(family)).flatMap(([, lists]) => lists)
    .flatMap((list) => readPcbs(tree, `${list}.pcblist`) ?? []);
  return new Map(all.filter(chooser(t)).map((p) => [p.sockaddr, p]));
}
function protocolOf({ family, type, protocol }: Pcb): string {
  if (family === AF_LOCAL) return TYPES[type] ?? `${family}/${protocol}`;
  const name = PROTOCOLS[protocol];
  return name === undefined ? `${family}/${protocol}` : family === AF_INET6 ? `${name}6` : name;
}
/** How an end is shown; a local one by its path. */
function endText(p: Pcb, e: Endpoint, naming: Naming): string {
  if (p.family === AF_LOCAL) return e.path === "" ? "-" : e.path;
  return endpointText(e, PROTOCOLS[p.protocol] ?? "", naming);
}
function line({ file: f, pcb: p, user }: Held, naming: Naming): string {
  const foreign = isConnected(p) ? endText(p, p.foreign, naming) : p.family === AF_LOCAL ? "-" : "*.*";
  const who = `${user.padEnd(8)} ${f.comm.replace(/\p{C}/gu, "?").slice(0, 10).padEnd(10)}`;
  const what = `${String(f.pid).padEnd(5)} ${String(f.fd).padStart(2)} ${protocolOf(p).padEnd(6)}`;
  return `${who} ${what} ${endText(p, p.local, naming).padEnd(21)} ${foreign}`;
}

/** A descriptor that is a socket. */
interface Held {
  readonly file: OpenFileRow;
  readonly pcb: Pcb;
  readonly user: string;
}
/** Descriptors of the sockets that are to be shown, by process and number. */
function heldOf(t: Tool): Held[] {
  const found = sockets(t, new Tree(t.sys));
  const users = new Map(readTable(t.sys, "rump.sp.processes").map((p) => [p.pid, p.uid]));
  const files = readTable(t.sys, "rump.sp.files").toSorted((a, b) => a.pid - b.pid || a.fd - b.fd);
  return files.flatMap((file) => {
    const pcb = file.socket === undefined ? undefined : found.get(file.socket);
    const uid = users.get(file.pid);
    return pcb && uid !== undefined ? [{ file, pcb, user: t.host.userName(uid) ?? String(uid) }] : [];
  });
}
function heldValue({ file: f, pcb, user }: Held, zone: ZoneName): object {
  return { user, command: f.comm, pid: f.pid, fd: f.fd, ...socketValue(pcb, protocolOf(pcb), zone) };
}

export const { run, over } = program({
  usage: "[-46cjlnu] [-f address_family] [-p ports]",
  about: "List open sockets of the rump kernel RUMP_SERVER names, and the processes that hold them.",
  letters: "46cf:jlnp:u",
  help: {
    4: "IPv4's",
    6: "IPv6's",
    c: "those that are connected",
    f: "of a family: inet, inet6, local or unix",
    j: "as JSON",
    l: "those that listen",
    n: "numbers instead of names",
    p: "with one of these ports at either end: 80,8000-8010 or a service",
    u: "local (UNIX) ones",
  },
  examples: ["-4l", "-n -p 80,443"],
}, (t) => {
  if (t.rest.length > 0) t.usage();
  const [held, zone, numericPorts] = [heldOf(t), interfaceNamer(t), t.has("n")];
  if (t.has("j")) return t.out(`${jsonText(held.map((h) => heldValue(h, zone)))}\n`);
  if (held.length === 0) return;
  const naming = { host: t.host, ...(numericPorts ? {} : { nameOf: patientNamer(t.host) }), numericPorts, zone };
  const lines = held.map((h) => line(h, naming));
  t.out(["USER     COMMAND    PID   FD PROTO  LOCAL ADDRESS         FOREIGN ADDRESS", ...lines, ""].join("\n"));
});
