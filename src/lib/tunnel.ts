/** IP packets within IP packets (RFC 2003, 2473, 4213), as plugins see them that make interfaces of tunnels. */
export interface Tunnel {
  /** Send an IPv4 or IPv6 packet to the other end; lent for the call. ELOOP: the way to the other end leads into the tunnel itself. */
  send(packet: Uint8Array): void;
  close(): void;
}
/**
 * A tunnel between an address of ours and another, both as text, both of one family. `input`: a packet came; lent for the call.
 * EADDRNOTAVAIL: there is such a tunnel already; EINVAL: no addresses of hosts; EAFNOSUPPORT: the kernel has not their family.
 */
export type OpenTunnel = (local: string, remote: string, input: (packet: Uint8Array) => void) => Tunnel;
