/** UDP sockets of the host, as plugins see them. Addresses are IPv4's, unsigned 32-bit numbers. */

export interface Datagrams {
  /** Datagrams come from now on, lent for the call; undefined: none any more. */
  receive(
    on: ((data: Uint8Array, from: { readonly address: number; readonly port: number }) => void) | undefined,
  ): void;
  /** Send one, lent. Throws errno; EAGAIN: it is lost, for there is no room. */
  send(data: Uint8Array, address: number, port: number): void;
  close(): void;
}
/** A socket at an address and port (0: any). Throws errno: EADDRINUSE, EADDRNOTAVAIL, EACCES. */
export type OpenDatagrams = (address: number, port: number) => Datagrams;
