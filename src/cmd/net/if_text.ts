/** Interfaces as ifconfig(8) of NetBSD 7.99.34 shows them. */
import { AF_INET, AF_INET6, IFF } from "../../abi/flags.ts";
import type { IfInfo } from "../../abi/if_list.ts";
import { formatMac } from "../../lib/inet.ts";
import { capabilityNames, type Detail, type ShownAddress } from "./if_detail.ts";
import { mediaLines } from "./if_media.ts";
import { bitNames, IFF_NAMES } from "./if_request.ts";

/** What is to be shown. */
export interface How {
  /** Of this family only; undefined: of all. */
  readonly family: number | undefined;
  readonly statistics: boolean;
  readonly lifetimes: boolean;
  /** All media that there are. */
  readonly media: boolean;
  /** Numbers of bytes with a unit. */
  readonly human: boolean;
}
/** Columns a line of capabilities may take, with the 0x of its number. */
const WIDTH = 56;

/** An interface and its addresses: a line for each, with its end. */
export function interfaceText(detail: Detail, how: How): string {
  const { info, addresses } = detail;
  const shown = addresses.filter((a) => how.family === undefined || a.family === how.family);
  return [
    headLine(info),
    ...linkLines(detail, how.media),
    ...(how.statistics ? statisticsLines(info, how.human) : []),
    ...shown.filter((a) => a.family === AF_INET6).map((a) => inet6Line(a, info, how.lifetimes)),
    ...shown.filter((a) => a.family === AF_INET).map(inetLine),
  ].join("\n") + "\n";
}
function headLine({ name, flags, data: { metric, mtu } }: IfInfo): string {
  const told = metric === 0 ? "" : ` metric ${metric}`;
  return `${name}: flags=0x${flags.toString(16)}<${bitNames(flags, IFF_NAMES)}>${told} mtu ${mtu}`;
}
function linkLines({ info, description, able, vlan, tunnel, linkstr, media }: Detail, list: boolean): string[] {
  const lines: string[] = [];
  if (description !== undefined) lines.push(`description: "${printable(description)}"`);
  if (able && able.can !== 0) lines.push(...bitLines("capabilities", able.can), ...bitLines("enabled", able.on));
  if (vlan) lines.push(vlan.parent === "" ? "vlan: 0 parent: <none>" : `vlan: ${vlan.tag} parent: ${vlan.parent}`);
  if (tunnel) lines.push(`tunnel ${tunnel.family} ${tunnel.local} --> ${tunnel.remote}`);
  if (info.mac.length > 0) lines.push(`address: ${formatMac(info.mac)}`);
  if (linkstr !== undefined) lines.push(`linkstr: ${printable(linkstr)}`);
  if (media) lines.push(...mediaLines(media, list));
  return lines.map((line) => `\t${line}`);
}
/** Others' words: no control characters reach the terminal. */
const printable = (text: string) => text.replace(/\p{C}/gu, "?");

/** snprintb_m(3): as many lines as the names of bits take. */
function bitLines(what: string, bits: number): string[] {
  if (bits === 0) return [`${what}=0`];
  const head = `0x${bits.toString(16)}<`;
  const lines: string[] = [];
  for (const name of capabilityNames(bits)) {
    const last = lines.at(-1);
    if (last !== undefined && head.length + last.length + name.length + 2 <= WIDTH) {
      lines[lines.length - 1] = `${last},${name}`;
    } else lines.push(name);
  }
  return lines.map((names) => `${what}=${head.slice(2)}${names}>`);
}
const some = (n: number, what: string) => `${n} ${what}${n === 1 ? "" : "s"}`;
const ifAny = (n: number, what: string, plain = false) => n === 0 ? "" : `, ${plain ? `${n} ${what}` : some(n, what)}`;
function statisticsLines({ data: d }: IfInfo, human: boolean): string[] {
  const bytes = (n: number) => human ? humanized(n) : some(n, "byte");
  const input = ifAny(d.imcasts, "multicast") + ifAny(d.ierrors, "error") + ifAny(d.iqdrops, "queue drop") +
    ifAny(d.noproto, "unknown protocol", true);
  const output = ifAny(d.omcasts, "multicast") + ifAny(d.oerrors, "error") + ifAny(d.collisions, "collision");
  return [
    `\tinput: ${some(d.ipackets, "packet")}, ${bytes(d.ibytes)}${input}`,
    `\toutput: ${some(d.opackets, "packet")}, ${bytes(d.obytes)}${output}`,
  ];
}
/** humanize_number(3): at most four digits, and a unit. */
function humanized(n: number): string {
  const units = ["B", "KB", "MB", "GB", "TB", "PB", "EB"];
  let i = 0;
  for (; n >= 10_000 && i < units.length - 1; i++) n /= 1024;
  return `${Math.round(n)} ${units[i]}`;
}
function inetLine(a: ShownAddress, i: number): string {
  const words = [
    `\tinet${i === 0 ? "" : " alias"} ${a.address}`,
    ...(a.destination === undefined ? [] : [`-> ${a.destination}`]),
    `netmask 0x${a.mask.toString(16)}`,
    ...(a.broadcast === undefined ? [] : [`broadcast ${a.broadcast}`]),
    ...a.flags,
    ...(a.preference === 0 ? [] : [`preference ${a.preference}`]),
  ];
  return words.join(" ");
}
function inet6Line(a: ShownAddress, { name }: IfInfo, lifetimes: boolean): string {
  const zone = a.scope === 0 ? "" : `%${name}`;
  const life = (seconds: number) => seconds === Infinity ? "infty" : `${seconds}`;
  const words = [
    `\tinet6 ${a.address}${zone}`,
    ...(a.destination === undefined ? [] : [`-> ${a.destination}${zone}`]),
    `prefixlen ${a.length ?? "bad"}`,
    ...a.flags.filter((f) => f !== "nodad"),
    ...(a.scope === 0 ? [] : [`scopeid 0x${a.scope.toString(16)}`]),
    ...(lifetimes ? [`pltime ${life(a.preferred)} vltime ${life(a.valid)}`] : []),
  ];
  return words.join(" ");
}
/** Whether an interface is to be among those listed: broadcast (-b), down (-d), up (-u). */
export function isListed({ flags }: IfInfo, wanted: ReadonlySet<string>): boolean {
  const has = (flag: number) => (flags & flag) !== 0;
  return (!wanted.has("b") || has(IFF.BROADCAST)) && (!wanted.has("d") || !has(IFF.UP)) &&
    (!wanted.has("u") || has(IFF.UP));
}
