/** Names of hosts and services for network programs: the host's resolver and its /etc/services answer, never a rump kernel. */
import { AF_INET, AF_INET6, AF_UNSPEC } from "../../abi/flags.ts";
import { parseSockaddrIn, parseSockaddrIn6 } from "../../abi/inet.ts";
import type { Host } from "../../host/host.ts";
import { formatIpv6, In6Addr, parseIpv6 } from "../../lib/in6.ts";
import { formatIpv4, parseIpv4 } from "../../lib/inet.ts";
import { Failure } from "../cli.ts";

/** IPv4: unsigned, in the host's order. */
export type Address = number | In6Addr;
/** The index of an interface by its name, for `fe80::1%shmif0`; undefined: there is none. */
export type ZoneOf = (name: string) => number | undefined;
type Resolver = Pick<Host, "resolve" | "hostNameOf" | "readFile">;

/** What is understood without asking anybody: inet_pton(3)'s text, with %zone. Throws Failure for a zone that is none. */
export function numericAddress(text: string, family: number = AF_UNSPEC, zoneOf?: ZoneOf): Address | undefined {
  const v4 = family === AF_INET6 ? undefined : parseIpv4(text);
  if (v4 !== undefined || family === AF_INET) return v4;
  const percent = text.indexOf("%");
  const v6 = parseIpv6(percent < 0 ? text : text.slice(0, percent));
  if (!v6 || percent < 0) return v6;
  const zone = text.slice(percent + 1);
  const index = zoneOf?.(zone) ?? (/^\d{1,9}$/.test(zone) ? Number(zone) : undefined);
  if (index === undefined) throw new Failure(`${text}: no interface ${zone}`);
  return v6.in(index);
}
/** The address of a name, numeric or the host's; of a family where one is given. Undefined: it is unknown. */
export function addressOf(
  host: Resolver,
  name: string,
  family: number = AF_UNSPEC,
  zoneOf?: ZoneOf,
): Address | undefined {
  const numeric = numericAddress(name, family, zoneOf);
  // What looks like an address, or an option of the resolver's program, is no name.
  if (numeric !== undefined || !NAME.test(name)) return numeric;
  return host.resolve(name).map((a) => numericAddress(a, family)).find((a) => a !== undefined);
}
const NAME = /^(?=.{1,253}$)(?![\d.]+$)[a-z0-9_][-.a-z0-9_]*$/i;

/** An address as numbers; a zone is not written. */
export const addressText = (address: Address): string =>
  typeof address === "number" ? formatIpv4(address) : formatIpv6(address);
export const familyOf = (address: Address): number => (typeof address === "number" ? AF_INET : AF_INET6);

const names = new Map<string, string | undefined>();
/** The host's name for an address, asked once; undefined: it has none. */
export function nameOf(host: Resolver, address: Address): string | undefined {
  const text = addressText(address);
  if (!names.has(text)) names.set(text, printable(host.hostNameOf(text)));
  return names.get(text);
}
/** The same for many addresses: who waited that many milliseconds in all has no more patience, and gets no more names. */
export function patientNamer(host: Resolver & Pick<Host, "now">, ms = 5000): (address: Address) => string | undefined {
  let left = ms;
  return (address) => {
    if (left <= 0) return undefined;
    const asked = host.now();
    const name = nameOf(host, address);
    left -= host.now() - asked;
    return name;
  };
}
/** The same for addresses as kernels give them (struct sockaddr); one that says nothing has no name. */
export function sockaddrNamer(host: Parameters<typeof patientNamer>[0]): (sa: Uint8Array) => string | undefined {
  const name = patientNamer(host);
  return (sa) => {
    const address = (parseSockaddrIn(sa) ?? parseSockaddrIn6(sa))?.address;
    return address ? name(address) : undefined;
  };
}
/** Names come from elsewhere: only what may be one is believed. */
const printable = (name: string | undefined) => (name !== undefined && NAME.test(name) ? name : undefined);

interface Service {
  readonly names: readonly string[];
  readonly port: number;
  readonly protocol: string;
}
let services: readonly Service[] | undefined;
function servicesOf(host: Resolver): readonly Service[] {
  return (services ??= readServices(host));
}
/** Lines of /etc/services: name, port/protocol, other names. */
function readServices(host: Resolver): Service[] {
  const found: Service[] = [];
  for (const line of servicesText(host).split("\n")) {
    const m = /^(\S+)\s+(\d{1,5})\/(\S+)(.*)$/.exec(line.replace(/#.*/, ""));
    if (m) {
      found.push({ names: [m[1]!, ...m[4]!.split(/\s+/).filter(Boolean)], port: Number(m[2]), protocol: m[3]! });
    }
  }
  return found;
}
function servicesText(host: Resolver): string {
  try {
    return new TextDecoder().decode(host.readFile("/etc/services"));
  } catch {
    return ""; // a host may well have none
  }
}
/** The port of a service, numeric or by name ("tcp", "udp"); undefined: it is unknown. */
export function portOf(host: Resolver, service: string, protocol: string): number | undefined {
  if (/^\d{1,5}$/.test(service)) return Number(service) <= 65535 ? Number(service) : undefined;
  return servicesOf(host).find((s) => s.protocol === protocol && s.names.includes(service))?.port;
}
/** The name of a port; undefined: it has none. */
export function serviceOf(host: Resolver, port: number, protocol: string): string | undefined {
  return servicesOf(host).find((s) => s.protocol === protocol && s.port === port)?.names[0];
}
