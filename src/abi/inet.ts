/** Addresses of the Internet as NetBSD's programs see them (netinet/in.h). */
import { struct, u16, u32, u8 } from "../lib/struct.ts";
import { viewOf } from "../lib/struct.ts";
import { AF_INET } from "./flags.ts";

/** struct sockaddr_in: its length and family, then port and address in network order. */
const Head = struct("be", { length: u8, family: u8, port: u16, address: u32 }, 8);
export const SOCKADDR_IN = 16;

export function sockaddrIn(address: number, port: number): Uint8Array {
  const bytes = new Uint8Array(SOCKADDR_IN);
  Head.write(viewOf(bytes), 0, { length: SOCKADDR_IN, family: AF_INET, port, address });
  return bytes;
}
/** Undefined: it is none. */
export function parseSockaddrIn(bytes: Uint8Array): { readonly address: number; readonly port: number } | undefined {
  if (bytes.length < SOCKADDR_IN || bytes[1] !== AF_INET) return undefined;
  const d = viewOf(bytes);
  return { address: Head.get.address(d, 0), port: Head.get.port(d, 0) };
}
