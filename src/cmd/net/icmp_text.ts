/** What ping says of ICMP messages, and of options of packets (ping(8)). */
import { formatIpv4 } from "../../lib/inet.ts";
import { viewOf } from "../../lib/struct.ts";
import {
  ICMP_ECHO,
  ICMP_ECHOREPLY,
  ICMP_MASKREPLY,
  ICMP_MASKREQ,
  ICMP_PARAMPROB,
  ICMP_REDIRECT,
  ICMP_TIMXCEED,
  ICMP_TSTAMP,
  ICMP_TSTAMPREPLY,
  ICMP_UNREACH,
  IPOPT_EOL,
  IPOPT_LSRR,
  IPOPT_NOP,
  IPOPT_RR,
  IPOPT_SSRR,
} from "../../wire/ipv4.ts";

const SOURCE_QUENCH = 4;
const UNREACHABLE: readonly string[] = [
  "Destination Net Unreachable",
  "Destination Host Unreachable",
  "Destination Protocol Unreachable",
  "Destination Port Unreachable",
  "frag needed and DF set.  Next MTU=",
  "Source Route Failed",
  "Unreachable unknown net",
  "Unreachable unknown host",
  "Unreachable host isolated",
  "Net prohibited access",
  "Host prohibited access",
  "Bad TOS for net",
  "Bad TOS for host",
  "Communication prohibited",
  "Host precedence violation",
  "Precedence cutoff",
];
const NEEDFRAG = 4;
const REDIRECTS: readonly string[] = ["Network", "Host", "Type of Service and Network", "Type of Service and Host"];
const PLAIN: Readonly<Record<number, string>> = {
  [ICMP_ECHOREPLY]: "Echo Reply",
  [SOURCE_QUENCH]: "Source Quench",
  [ICMP_ECHO]: "Echo Request",
  [ICMP_TSTAMP]: "Timestamp",
  [ICMP_TSTAMPREPLY]: "Timestamp Reply",
  [ICMP_MASKREQ]: "Address Mask Request",
  [ICMP_MASKREPLY]: "Address Mask Reply",
};

export interface IcmpMessage {
  readonly type: number;
  readonly code: number;
  /** Bytes 4 to 7. */
  readonly rest: number;
}
/** A message in words. */
export function icmpText({ type, code, rest }: IcmpMessage): string {
  switch (type) {
    case ICMP_UNREACH: {
      const text = UNREACHABLE[code] ?? `Bad Destination Unreachable Code: ${code}`;
      return code === NEEDFRAG ? `${text}${rest & 0xffff}` : text;
    }
    case ICMP_TIMXCEED:
      return code === 0
        ? "Time To Live exceeded"
        : code === 1
        ? "Frag reassembly time exceeded"
        : `Bad Time Exceeded Code: ${code}`;
    case ICMP_REDIRECT:
      return `Redirect ${REDIRECTS[code] ?? `Bad Code: ${code}`} (New addr: ${formatIpv4(rest)})`;
    case ICMP_PARAMPROB:
      return `Parameter problem: pointer = 0x${(rest >>> 24).toString(16).padStart(2, "0")}`;
    default:
      return PLAIN[type] ?? `Bad ICMP type: ${type}`;
  }
}

const ROUTES: Readonly<Record<number, string>> = { [IPOPT_RR]: "RR", [IPOPT_LSRR]: "LSRR", [IPOPT_SSRR]: "SSRR" };
/** Routes that options of a header tell, each in lines; hostile lists end early. */
export function routesText(options: Uint8Array, nameOf: (address: number) => string): string {
  let text = "";
  for (let at = 0; at < options.length && options[at] !== IPOPT_EOL;) {
    if (options[at] === IPOPT_NOP) {
      at++;
      continue;
    }
    const length = options[at + 1] ?? 0;
    if (length < 2 || at + length > options.length) break;
    const name = ROUTES[options[at]!];
    if (name !== undefined) text += `\n${name}: ${routeText(options.subarray(at, at + length), nameOf)}`;
    at += length;
  }
  return text;
}
/** The addresses that are filled in of a route. */
function routeText(option: Uint8Array, nameOf: (address: number) => string): string {
  const d = viewOf(option);
  const end = Math.min(option.length, (option[2] ?? 0) - 1);
  const found: string[] = [];
  for (let at = 3; at + 4 <= end; at += 4) found.push(`\t${nameOf(d.getUint32(at))}`);
  return found.join("\n");
}
