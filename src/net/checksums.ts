/** Checksums of what travels in IP (RFC 1071): headers, and transport data with its pseudo header. */
import { complement, fold, sum, type Summed, swapped } from "../lib/checksum.ts";
import type { Address } from "./address.ts";

const IP_CHECKSUM = 10;

/** The sum of a word, as memory would give it. */
const word = (n: number) => swapped(n >>> 16) + swapped(n & 0xffff);
const address = (x: Address): number => typeof x === "number" ? word(x) : word(x.a) + word(x.b) + word(x.c) + word(x.d);
/** The pseudo header's sum (RFC 768; 8200, 8.1). */
const pseudo = (source: Address, destination: Address, protocol: number, length: number): number =>
  address(source) + address(destination) + swapped(protocol) + word(length);

/** What goes, little-endian, into the checksum field of transport data at `at`, in which it is zero now. 0 when it is right already. */
export function transportChecksum(
  memory: Summed,
  at: number,
  length: number,
  { source, destination, protocol }: {
    readonly source: Address;
    readonly destination: Address;
    readonly protocol: number;
  },
): number {
  return complement(sum(memory, at, length) + pseudo(source, destination, protocol, length));
}
/** What stands in the checksum field, little-endian, while the rest of the sum is left to be done: the pseudo header's. */
export function pseudoChecksum(
  length: number,
  { source, destination, protocol }: {
    readonly source: Address;
    readonly destination: Address;
    readonly protocol: number;
  },
): number {
  return fold(pseudo(source, destination, protocol, length));
}
/** The same without a pseudo header: ICMP. */
export const plainChecksum = (memory: Summed, at: number, length: number): number =>
  complement(sum(memory, at, length));

/** Write an IP header's checksum. */
export function sealHeader(memory: Summed & { readonly view: DataView }, at: number, length: number): void {
  memory.view.setUint16(at + IP_CHECKSUM, 0);
  memory.view.setUint16(at + IP_CHECKSUM, plainChecksum(memory, at, length), true);
}
