/** Checksums of what travels in IP (RFC 1071): headers, and transport data with its pseudo header. */
import { complement, sum, type Summed, swapped } from "../lib/checksum.ts";

const IP_CHECKSUM = 10;

/** The pseudo header's sum (RFC 768), as memory would give it. */
const pseudo = (source: number, destination: number, protocol: number, length: number): number =>
  swapped(source >>> 16) + swapped(source & 0xffff) + swapped(destination >>> 16) + swapped(destination & 0xffff) +
  swapped(protocol) + swapped(length);

/** What goes, little-endian, into the checksum field of transport data at `at`, in which it is zero now. 0 when it is right already. */
export function transportChecksum(
  memory: Summed,
  at: number,
  length: number,
  { source, destination, protocol }: {
    readonly source: number;
    readonly destination: number;
    readonly protocol: number;
  },
): number {
  return complement(sum(memory, at, length) + pseudo(source, destination, protocol, length));
}
/** The same without a pseudo header: ICMP. */
export const plainChecksum = (memory: Summed, at: number, length: number): number =>
  complement(sum(memory, at, length));

/** Write an IP header's checksum. */
export function sealHeader(memory: Summed & { readonly view: DataView }, at: number, length: number): void {
  memory.view.setUint16(at + IP_CHECKSUM, 0);
  memory.view.setUint16(at + IP_CHECKSUM, plainChecksum(memory, at, length), true);
}
