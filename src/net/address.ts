/** Addresses of either family: IPv4's are numbers, unsigned; IPv6's are values of their own. */
import type { In6Addr } from "../lib/in6.ts";
import type { InetOptions } from "./outgoing.ts";

export type Address = number | In6Addr;

export const sameAddress = (x: Address, y: Address): boolean =>
  x === y || (typeof x === "object" && typeof y === "object" && x.equals(y));
/** 0.0.0.0 or ::, where it stands for any address. */
export const isAny = (x: Address): boolean => x === 0 || (typeof x === "object" && x.unspecified);
export const isMulticast = (x: Address): boolean => (typeof x === "number" ? x >>> 28 === 14 : x.multicast);
/** For maps: equal for the same address alone. */
export const addressKey = (x: Address): number | string => (typeof x === "number" ? x : x.key);
/** Words of an address, for hashes. */
export const addressWords = (x: Address): readonly number[] =>
  typeof x === "number" ? [x | 0] : [x.a, x.b, x.c, x.d, x.zone];

/** An address family as transports see it. */
export interface Family {
  readonly any: Address;
  /** What a call's address says; `mapped`: it may be IPv4's in IPv6's form. EINVAL, EAFNOSUPPORT. */
  parse(name: Uint8Array, mapped: boolean): { readonly address: Address; readonly port: number };
  name(address: Address, port: number): Uint8Array;
  /** Options of a new socket; `stream`: of TCP; `like`: a listener's, for a connection that came to it. */
  options(stream: boolean, like?: InetOptions): InetOptions;
}
