/** IPv6 for programs that probe: names of links, echo requests, what ICMPv6 messages say (RFC 4291, 4443). */
import { SysError } from "../../abi/errno.ts";
import { AF_INET6, AF_ROUTE } from "../../abi/flags.ts";
import { ICMP6_FILTER, ICMP6_FILTER_SIZE, IPV6_HOPLIMIT } from "../../abi/inet6_options.ts";
import { parseSockaddrIn6 } from "../../abi/inet.ts";
import { CTL_NET, NET_RT } from "../../abi/route_structs.ts";
import { parseInterfaces } from "../../abi/if_list.ts";
import { In6Addr } from "../../lib/in6.ts";
import { viewOf } from "../../lib/struct.ts";
import * as ICMP6 from "../../wire/icmp6.ts";
import { IPPROTO_ICMPV6, IPPROTO_IPV6, Ipv6 } from "../../wire/ipv6.ts";
import { Failure } from "../cli.ts";
import { addressOf } from "./host_names.ts";
import type { Arrived, Client, ProbeSocket } from "./probe_socket.ts";
import { in6Text } from "./sockaddr_text.ts";
import type { Tool } from "../tool.ts";

/** Bytes for a list of interfaces. */
const ROOM = 1 << 20;

/** Interfaces of the server by their names: those of link-local addresses. */
export class Links {
  readonly #names: ReadonlyMap<number, string>;
  constructor(names: ReadonlyMap<number, string>) {
    this.#names = names;
  }
  /** A server that tells of no interfaces has none. */
  static async of({ sys }: Client): Promise<Links> {
    const name = new Uint8Array(new Int32Array([CTL_NET, AF_ROUTE, 0, 0, NET_RT.IFLIST, 0]).buffer);
    const [oldp, oldlenp] = [new Uint8Array(ROOM), new Uint8Array(new BigUint64Array([BigInt(ROOM)]).buffer)];
    try {
      await sys.__sysctl({ name, oldp, oldlenp });
    } catch (e) {
      if (!(e instanceof SysError)) throw e;
      return new Links(new Map());
    }
    const length = Math.min(ROOM, Number(viewOf(oldlenp).getBigUint64(0, true)));
    return new Links(new Map(parseInterfaces(oldp.subarray(0, length)).map((i) => [i.index, i.name])));
  }
  index(name: string): number | undefined {
    return [...this.#names].find(([, n]) => n === name)?.[0];
  }
  /** The index of an interface. Throws Failure. */
  indexOf(name: string): number {
    const index = this.index(name);
    if (index === undefined) throw new Failure(`${name}: Device not configured`);
    return index;
  }
  text(address: In6Addr): string {
    return in6Text(address, (index) => this.#names.get(index) ?? String(index));
  }
  /** The address of a host by its name or as it is written; one of a link alone is on `link`. Throws Failure. */
  target(t: Tool, name: string, link = 0): In6Addr {
    const address = addressOf(t.host, name, AF_INET6, (n) => this.index(n)) as In6Addr | undefined;
    if (!address) throw new Failure(`${name}: unknown host`);
    return address.scoped && address.zone === 0 ? address.in(link) : address;
  }
}

/** An echo request; the kernel puts its checksum in. */
export function echoRequest6(id: number, seq: number, data: Uint8Array): Uint8Array {
  const message = new Uint8Array(ICMP6.Icmp6.size + data.length);
  ICMP6.Icmp6.write(viewOf(message), 0, { type: ICMP6.ICMP6_ECHO_REQUEST, data: ((id << 16) | seq) >>> 0 });
  message.set(data, ICMP6.Icmp6.size);
  return message;
}
/** A message that has come. */
export interface Message6 {
  readonly type: number;
  readonly code: number;
  /** Bytes 4 to 7: of an echo its identifier and number. */
  readonly rest: number;
  readonly from: In6Addr;
  readonly hops: number | undefined;
  readonly data: Uint8Array;
}
/** Undefined: it is too short. */
export function parseMessage6({ data, from, control }: Arrived): Message6 | undefined {
  const sender = parseSockaddrIn6(from);
  if (!sender || data.length < ICMP6.Icmp6.size) return undefined;
  const { type, code, data: rest } = ICMP6.Icmp6.dump(viewOf(data), 0);
  const hops = control.find((c) => c.level === IPPROTO_IPV6 && c.type === IPV6_HOPLIMIT)?.data[0];
  return { type, code, rest, from: sender.address, hops, data: data.subarray(ICMP6.Icmp6.size) };
}
/** The packet an error quotes: where it went to, and what it carried, where that follows its header at once. */
export function quoted(data: Uint8Array) {
  if (data.length < Ipv6.size + 8) return undefined;
  const d = viewOf(data);
  const payload = data.subarray(Ipv6.size);
  return {
    next: Ipv6.get.next(d, 0),
    destination: In6Addr.read(d, Ipv6.at.destination),
    payload,
    view: viewOf(payload),
  };
}
/** Messages that errors and replies are: only those come. */
export async function hearAnswers(socket: ProbeSocket): Promise<void> {
  const passes = new Uint8Array(ICMP6_FILTER_SIZE);
  const types = [
    ICMP6.ICMP6_DST_UNREACH,
    ICMP6.ICMP6_PACKET_TOO_BIG,
    ICMP6.ICMP6_TIME_EXCEEDED,
    ICMP6.ICMP6_PARAM_PROB,
    ICMP6.ICMP6_ECHO_REPLY,
  ];
  for (const type of types) passes[type >> 3]! |= 1 << (type & 7);
  await socket.set(IPPROTO_ICMPV6, ICMP6_FILTER, passes);
}

const UNREACHABLE: readonly string[] = [
  "No Route to Destination",
  "Destination Administratively Unreachable",
  "Destination Unreachable Beyond Scope",
  "Destination Host Unreachable",
  "Destination Port Unreachable",
];
/** A message in words (ping6(8)). */
export function icmp6Text({ type, code, rest }: Message6): string {
  switch (type) {
    case ICMP6.ICMP6_DST_UNREACH:
      return UNREACHABLE[code] ?? `Destination Unreachable, Bad Code: ${code}`;
    case ICMP6.ICMP6_PACKET_TOO_BIG:
      return `Packet too big mtu = ${rest}`;
    case ICMP6.ICMP6_TIME_EXCEEDED:
      return code === 0
        ? "Time to live exceeded"
        : code === 1
        ? "Frag reassembly time exceeded"
        : `Time exceeded, Bad Code: ${code}`;
    case ICMP6.ICMP6_PARAM_PROB:
      return `Parameter problem: pointer = 0x${rest.toString(16).padStart(2, "0")}`;
    default:
      return `ICMPv6 type ${type} code ${code}`;
  }
}
