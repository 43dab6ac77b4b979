/** Short names: 8 + 3 bytes in a code page, how they show, and how one is made of a long name. */
import { LOWER_BASE, LOWER_EXT } from "../../src/wire/fat.ts";
import { type CodePage, cp437 } from "./codepage.ts";
import { showable } from "./spelling.ts";

/** Bytes of a short name that stand for themselves, beside A-Z, 0-9 and the code page's high half. */
const PLAIN = "!#$%&'()-@^_`{}~";
/** What becomes an underscore, and what is dropped: a short name made of either needs a tail. */
const UNDERSCORED = "+,;=[]";
/** A first byte of E5 would say that the entry is free: 05 stands for it. */
const E5 = "\xe5";
const STAND_IN = "\x05";

/** A short name as it is kept: 11 bytes, one character each. */
export type Short = string;

/** The short name a name is already (11 characters and NTRes bits); undefined: it needs a long one. */
export function asShort(name: string): { readonly short: Short; readonly ntCase: number } | undefined {
  const m = /^([^.]{1,8})(?:\.([^.]{1,3}))?$/.exec(name);
  if (!m) return undefined;
  const [base, ext] = [m[1]!, m[2] ?? ""];
  const [b, e] = [caseOf(base), caseOf(ext)];
  if (b === undefined || e === undefined) return undefined;
  return {
    short: base.toUpperCase().padEnd(8) + ext.toUpperCase().padEnd(3),
    ntCase: (b === "lower" ? LOWER_BASE : 0) | (e === "lower" ? LOWER_EXT : 0),
  };
}
/** "lower", "upper", or undefined for mixed case and what a short name cannot hold. Other than ASCII always gets a long name. */
function caseOf(part: string): "lower" | "upper" | undefined {
  let [lower, upper] = [false, false];
  for (const c of part) {
    if (c >= "a" && c <= "z") lower = true;
    else if (c >= "A" && c <= "Z") upper = true;
    else if (!(c >= "0" && c <= "9") && !PLAIN.includes(c)) return undefined;
  }
  return lower ? (upper ? undefined : "lower") : "upper";
}

/** The parts a short name is made of, a string of one or two bytes for each character, and whether something was lost. */
export interface ShortParts {
  readonly base: readonly string[];
  readonly ext: readonly string[];
  readonly lossy: boolean;
}
/** Make the raw material of a short name: upper case, code page, without what cannot stand there. */
export function shortParts(name: string, page: CodePage = cp437): ShortParts {
  const stripped = name.replace(/^[. ]+/, "");
  const dot = stripped.lastIndexOf(".");
  const [head, tail] = dot > 0 ? [stripped.slice(0, dot), stripped.slice(dot + 1)] : [stripped, ""];
  const base = oem(head, page);
  const ext = oem(tail, page);
  const tooLong = base.chars.join("").length > 8 || ext.chars.join("").length > 3;
  return {
    base: base.chars.length > 0 ? base.chars : ["_"],
    ext: ext.chars,
    lossy: stripped !== name || base.lossy || ext.lossy || tooLong || base.chars.length === 0,
  };
}
function oem(text: string, page: CodePage): { readonly chars: string[]; readonly lossy: boolean } {
  const chars: string[] = [];
  let lossy = false;
  for (const c of text) {
    const upper = c.toUpperCase();
    const high = c > "\x7f" ? page.encode(upper) ?? page.encode(c) : undefined;
    if (/^[A-Z0-9]$/.test(upper) || PLAIN.includes(c)) chars.push(upper);
    else if (high !== undefined) chars.push(high);
    else {
      if (UNDERSCORED.includes(c) || c > "\x7f") chars.push("_");
      lossy = true;
    }
  }
  return { chars, lossy };
}
/** As many whole characters as fit. */
function fit(chars: readonly string[], room: number): string {
  let out = "";
  for (const c of chars) {
    if (out.length + c.length > room) break;
    out += c;
  }
  return out;
}
/** A short name of parts, with a tail `~n` when n > 0. */
export function tailed({ base, ext }: ShortParts, n: number): Short {
  const tail = n > 0 ? `~${n}` : "";
  const whole = (fit(base, 8 - tail.length) + tail).padEnd(8) + fit(ext, 3).padEnd(3);
  return whole.startsWith(E5) ? STAND_IN + whole.slice(1) : whole;
}
/** What names that differ only in their tails have in common. */
export const stemOf = ({ base, ext }: ShortParts): string => `${fit(base, 6)}.${fit(ext, 3)}`;

/** What a short entry shows, by the NTRes bits its parts in lower case. */
export function showShort(raw: Short, ntCase: number, page: CodePage = cp437): string {
  const bytes = raw.startsWith(STAND_IN) ? E5 + raw.slice(1) : raw;
  const part = (from: number, to: number, lower: boolean) => {
    const text = page.decode(bytes.slice(from, to).replace(/ +$/, ""));
    return lower ? text.toLowerCase() : text;
  };
  const ext = part(8, 11, (ntCase & LOWER_EXT) !== 0);
  const base = part(0, 8, (ntCase & LOWER_BASE) !== 0);
  return showable(ext === "" ? base : `${base}.${ext}`);
}
