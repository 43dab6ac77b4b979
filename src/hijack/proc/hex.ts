/** Numbers as Linux' tables of the network have them. */
import { parseSockaddrIn, parseSockaddrIn6 } from "../../abi/inet.ts";
import type { In6Addr } from "../../lib/in6.ts";

/** In lower case, with zeros before. */
export const hex = (n: number, digits: number): string => n.toString(16).padStart(digits, "0");
/** In upper case. */
export const HEX = (n: number, digits: number): string => hex(n, digits).toUpperCase();
/** Bytes of a word of the network, as this machine reads it: the last one first. */
const swapped = (n: number): number =>
  (((n & 0xff) << 24) | ((n & 0xff00) << 8) | ((n >>> 8) & 0xff00) | (n >>> 24)) >>> 0;
/** An IPv4 address. */
export const word = (address: number): string => HEX(swapped(address), 8);
/** One of IPv6, as tables of sockets have it. */
export const words = ({ a, b, c, d }: In6Addr): string => [a, b, c, d].map(word).join("");
/** As tables of addresses and routes have it: in the order of its bytes. */
export const bytes6 = ({ a, b, c, d }: In6Addr): string => [a, b, c, d].map((n) => hex(n >>> 0, 8)).join("");

/** The address in a sockaddr, where it is of this family. */
export const in4 = (sa: Uint8Array | undefined): number | undefined => sa && parseSockaddrIn(sa)?.address;
/** Likewise. */
export const in6 = (sa: Uint8Array | undefined): In6Addr | undefined => sa && parseSockaddrIn6(sa)?.address;
