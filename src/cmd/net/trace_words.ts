/** What traceroute(8) says of probes and their answers, and how large probes may be. */
import { UNREACH_NEEDFRAG, UNREACH_PORT } from "../../wire/ipv4.ts";

/** Why a host cannot be reached, by the code of the message (traceroute(8)); others are told by their number. */
const MARKS: Readonly<Record<number, string>> = { 0: "N", 1: "H", 2: "P", 5: "S", 13: "X", 14: "V", 15: "C" };
/** Sizes that links have (RFC 1191, 7), tried one after the other where nobody tells a better one. */
export const MTUS = [
  17914,
  8166,
  4464,
  4352,
  2048,
  2002,
  1536,
  1500,
  1492,
  1480,
  1280,
  1006,
  576,
  552,
  544,
  512,
  508,
  296,
  68,
];
/** Bytes in a line of a dump. */
const DUMPED = 24;

/** What is behind the time of an unreachable error, by its code, the life it came with and its bytes 4 to 7. */
export function markOf(code: number, ttl: number, rest: number): string {
  if (code === UNREACH_PORT) return ttl <= 1 ? " !" : "";
  if (code === UNREACH_NEEDFRAG) return ` !F-${rest & 0xffff}`;
  return ` !${MARKS[code] ?? `<${code}>`}`;
}
/** Bytes in hexadecimal. */
export function dumpOf(packet: Uint8Array): string {
  const lines = Array.from({ length: Math.ceil(packet.length / DUMPED) }, (_, i) => {
    const part = packet.subarray(i * DUMPED, (i + 1) * DUMPED);
    return `\n  ${[...part].map((b) => b.toString(16).padStart(2, "0")).join(" ")}`;
  });
  return `packet data:${lines.join("")}\n`;
}
