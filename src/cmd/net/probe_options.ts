/** Numbers and patterns on the command lines of programs that probe. */
import { Failure } from "../cli.ts";
import type { Tool } from "../tool.ts";

export interface Range {
  readonly least: number;
  readonly most: number;
  /** Digits behind a point may follow. */
  readonly parts?: boolean;
}
/** The number an option has. Throws Failure for one that is none, or out of range. */
export function numberOption(t: Tool, letter: string, otherwise: number, { least, most, parts }: Range): number {
  const text = t.value(letter);
  if (text === undefined) return otherwise;
  const n = (parts ? /^\d{0,9}(\.\d{1,9})?$/ : /^(\d{1,10}|0x[0-9a-f]{1,8})$/i).test(text) ? Number(text || "x") : NaN;
  if (!(n >= least && n <= most)) throw new Failure(`-${letter} ${text}: not a number of ${least} to ${most}`);
  return n;
}
/** Bytes of hexadecimal digits: at most 16, of half a byte the upper one is 0 (ping -p). */
export function patternOption(t: Tool): Uint8Array | undefined {
  const text = t.value("p");
  if (text === undefined) return undefined;
  if (!/^[0-9a-f]{1,32}$/i.test(text)) throw new Failure(`-p ${text}: not 1 to 32 hexadecimal digits`);
  return Uint8Array.from(text.match(/..?/g)!, (pair) => parseInt(pair, 16));
}
/** What a request carries: the pattern, random bytes, or 0, 1, 2 and so on. */
export function payload(t: Tool, length: number, random: boolean): Uint8Array {
  const data = Uint8Array.from({ length }, (_, i) => i);
  const pattern = patternOption(t);
  if (pattern) return data.map((_, i) => pattern[i % pattern.length]!);
  if (random) t.host.random(data);
  return data;
}
/** Why traceroutes do not tell whose network a hop is in. */
const ORIGINS = "whose an address is, a registry of the Internet would have to be asked (whois)";
export const NO_AS = { a: ORIGINS, "A:": ORIGINS };
