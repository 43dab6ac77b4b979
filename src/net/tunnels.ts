/** Tunnels of a stack (lib/tunnel.ts): packets of protocols 4 and 41, told apart by both ends (NetBSD: ip_encap.c, in_gif.c, in6_gif.c). */
import { errno } from "../abi/errno.ts";
import { In6Addr, parseIpv6 } from "../lib/in6.ts";
import { parseIpv4 } from "../lib/inet.ts";
import type { Tunnel } from "../lib/tunnel.ts";
import { IPPROTO_IPV6 } from "../wire/ipv6.ts";
import { type Address, addressKey, isAny, isMulticast } from "./address.ts";
import type { IpHeader, IpProtocol } from "./ip.ts";
import type { Packet } from "./packet.ts";
import type { Stack } from "./stack.ts";

/** What is inside: IPv4; IPv6 has its own number. */
const IPPROTO_IPV4 = 4;
/** Hops outside (NetBSD: GIF_TTL). */
const HOPS = 30;
/** Tunnels within tunnels. */
const DEEPEST = 4;
const BROADCAST = 0xffff_ffff;

type Input = (packet: Uint8Array) => void;
/** Both ends, ours first. */
const keyOf = (local: Address, remote: Address) => `${addressKey(local)} ${addressKey(remote)}`;

/** Address of a host. EINVAL: it is none. */
function hostOf(text: string): Address {
  const address = parseIpv4(text) ?? parseIpv6(text);
  if (address === undefined || isAny(address) || isMulticast(address) || address === BROADCAST) throw errno.EINVAL;
  return address;
}

export class Tunnels implements IpProtocol {
  readonly #stack: Stack;
  readonly #open = new Map<string, Input>();
  #depth = 0;

  constructor(stack: Stack) {
    this.#stack = stack;
  }
  /** See OpenTunnel. */
  open(local: string, remote: string, input: Input): Tunnel {
    const [source, destination] = [hostOf(local), hostOf(remote)];
    if (typeof source !== typeof destination) throw errno.EINVAL;
    const ip = typeof source === "number" ? this.#stack.ip : this.#stack.ip6;
    if (!ip) throw errno.EAFNOSUPPORT;
    for (const n of [IPPROTO_IPV4, IPPROTO_IPV6]) if (!ip.protocol(n)) ip.register(n, this);
    const key = keyOf(source, destination);
    if (this.#open.has(key)) throw errno.EADDRNOTAVAIL;
    this.#open.set(key, input);
    return { send: (packet) => this.#send(source, destination, packet), close: () => void this.#open.delete(key) };
  }
  #send(source: Address, destination: Address, packet: Uint8Array): void {
    if (this.#depth >= DEEPEST) throw errno.ELOOP;
    this.#depth++;
    try {
      const version = packet[0]! >> 4;
      const o = { protocol: version === 6 ? IPPROTO_IPV6 : IPPROTO_IPV4, ttl: HOPS };
      const fill = (p: Packet, at: number) => p.bytes.set(packet, at);
      const failed = typeof source === "number"
        ? this.#stack.ip.output({ ...o, source, destination: destination as number }, packet.length, fill)
        : this.#stack.ip6!.output({ ...o, source, destination: destination as In6Addr }, packet.length, fill);
      if (failed) throw failed;
    } finally {
      this.#depth--;
    }
  }
  /** What is inside is of the version its protocol says, and goes to the tunnel of just these ends. */
  input(p: Packet, at: number, header: IpHeader): void {
    const inside = this.#open.get(keyOf(header.destination, header.source));
    if (!inside) return (typeof header.source === "number" ? this.#stack.ip : this.#stack.ip6!).noProtocol(p);
    const version = header.protocol === IPPROTO_IPV6 ? 6 : 4;
    if (at >= p.end || p.bytes[at]! >> 4 !== version || this.#depth >= DEEPEST) return;
    this.#depth++;
    try {
      inside(p.bytes.subarray(at, p.end));
    } finally {
      this.#depth--;
    }
  }
}
