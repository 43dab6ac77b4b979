/** Media of interfaces in words (net/if_media.h); only Ethernet's. */
import { IFM } from "../../abi/net_structs.ts";
import type { Media } from "./if_detail.ts";

/** IFM_TMASK and IFM_NMASK: which subtype of which network. */
const SUBTYPE = 0x1f;
const NETWORK = 0xe0;
const subtypes: Readonly<Record<number, string>> = {
  [IFM.AUTO]: "autoselect",
  [IFM.MANUAL]: "manual",
  [IFM.NONE]: "none",
  3: "10baseT",
  4: "10base2",
  5: "10base5",
  6: "100baseTX",
  7: "100baseFX",
  8: "100baseT4",
  11: "1000baseSX",
  14: "1000baseLX",
  16: "1000baseT",
};
const names: readonly (readonly [name: string, bit: number])[] = [["full-duplex", IFM.FDX], ["half-duplex", IFM.HDX]];
const options = (word: number): string => names.filter(([, bit]) => (word & bit) !== 0).map(([name]) => name).join();
/** Bits of options: `full-duplex`, `half-duplex`, with commas between. Undefined: one is none. */
export function optionsOf(text: string): number | undefined {
  const bits = text.split(",").map((word) => names.find(([name]) => name === word)?.[1]);
  return bits.reduce((a, b) => a === undefined || b === undefined ? undefined : a | b, 0);
}
/** The number of a kind of media. Undefined: there is none such. */
export function subtypeOf(text: string): number | undefined {
  const found = Object.entries(subtypes).find(([, name]) => name === text);
  return found && Number(found[0]);
}
/** Another kind of media of the same network, without the options of the one before. */
export const withSubtype = (word: number, subtype: number): number => (word & NETWORK) | subtype;
const subtype = (word: number) => subtypes[word & SUBTYPE] ?? `0x${(word & SUBTYPE).toString(16)}`;
/** A media word: `1000baseT full-duplex`. */
export const mediaWord = (word: number): string => [subtype(word), options(word)].filter(Boolean).join(" ");

/** What is chosen and what that came to; whether there is a link; `list`: what else there is. */
export function mediaLines({ current, active, status, all }: Media, list: boolean): string[] {
  const network = (current & NETWORK) === IFM.ETHER ? "Ethernet" : "Unknown";
  const now = current === active ? "" : ` (${mediaWord(active)})`;
  const lines = [`media: ${network} ${mediaWord(current)}${now}`];
  if ((status & IFM.AVALID) !== 0) lines.push(`status: ${(status & IFM.ACTIVE) !== 0 ? "active" : "no carrier"}`);
  if (list && all.length > 0) lines.push(`supported ${network} media:`, ...all.map(listed));
  return lines;
}
const listed = (word: number): string =>
  `\tmedia ${subtype(word)}${options(word) === "" ? "" : ` mediaopt ${options(word)}`}`;
