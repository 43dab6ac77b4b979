/** Messages of netlink(7), made. */
import { In6Addr } from "../../lib/in6.ts";
import { type Struct, type struct, viewOf } from "../../lib/struct.ts";
import { AF, ALIGNMENT, Nlmsghdr, Rtattr } from "./rtnetlink.ts";
import { in4, in6 } from "../proc/hex.ts";

/** Bytes something takes where the next begins. */
export const aligned = (n: number): number => Math.ceil(n / ALIGNMENT) * ALIGNMENT;

/** One after the other, each at a multiple of ALIGNMENT. */
export function joined(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((n, part) => n + aligned(part.length), 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += aligned(part.length);
  }
  return all;
}
/** An attribute. */
export function attribute(type: number, value: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(Rtattr.size + value.length);
  Rtattr.write(viewOf(bytes), 0, { length: bytes.length, type });
  bytes.set(value, Rtattr.size);
  return bytes;
}
/** Of 32 bits. */
export const number = (type: number, value: number): Uint8Array =>
  attribute(type, new Uint8Array(new Uint32Array([value]).buffer));
/** Of a text, with its end mark. */
export const text = (type: number, value: string): Uint8Array =>
  attribute(type, new TextEncoder().encode(`${value}\0`));
/** A structure by its fields. */
export function packed<F extends Parameters<typeof struct>[1]>(
  of: Struct<F>,
  values: Parameters<Struct<F>["write"]>[2],
): Uint8Array {
  const bytes = new Uint8Array(of.size);
  of.write(viewOf(bytes), 0, values);
  return bytes;
}

/** What a message is like, and who is told. */
export interface Envelope {
  readonly type: number;
  readonly flags: number;
  readonly seq: number;
  readonly pid: number;
}
/** A message. */
export const message = (envelope: Envelope, body: Uint8Array): Uint8Array =>
  joined([packed(Nlmsghdr, { length: Nlmsghdr.size + body.length, ...envelope }), body]);

/** An address of IP, of 4 or 16 bytes, and Linux' number of its family. */
export interface Address {
  readonly family: number;
  readonly bytes: Uint8Array;
}
/** That of one of the kernel's sockaddrs; undefined: none of IP. */
export function addressIn(sockaddr: Uint8Array | undefined): Address | undefined {
  const address = in4(sockaddr) ?? in6(sockaddr);
  if (address === undefined) return undefined;
  const six = address instanceof In6Addr;
  const bytes = new Uint8Array(six ? 16 : 4);
  if (six) address.write(viewOf(bytes), 0);
  else viewOf(bytes).setUint32(0, address);
  return { family: six ? AF.INET6 : AF.INET, bytes };
}
