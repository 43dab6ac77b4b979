/** FAT's names: short ones in code page 437, long ones in UTF-16, and matching that ignores case. */
import { decodeName, encodeName } from "../../src/lib/text.ts";
import type { Errnos } from "../../src/plugin.ts";
import { LFN_MAX, LOWER_BASE, LOWER_EXT } from "../../src/wire/fat.ts";

/** Code page 437, 80-FF. */
const HIGH =
  "\u00c7\u00fc\u00e9\u00e2\u00e4\u00e0\u00e5\u00e7\u00ea\u00eb\u00e8\u00ef\u00ee\u00ec\u00c4\u00c5\u00c9\u00e6\u00c6\u00f4\u00f6\u00f2\u00fb\u00f9\u00ff\u00d6\u00dc\u00a2\u00a3\u00a5\u20a7\u0192\u00e1\u00ed\u00f3\u00fa\u00f1\u00d1\u00aa\u00ba\u00bf\u2310\u00ac\u00bd\u00bc\u00a1\u00ab\u00bb\u2591\u2592\u2593\u2502\u2524\u2561\u2562\u2556\u2555\u2563\u2551\u2557\u255d\u255c\u255b\u2510\u2514\u2534\u252c\u251c\u2500\u253c\u255e\u255f\u255a\u2554\u2569\u2566\u2560\u2550\u256c\u2567\u2568\u2564\u2565\u2559\u2558\u2552\u2553\u256b\u256a\u2518\u250c\u2588\u2584\u258c\u2590\u2580\u03b1\u00df\u0393\u03c0\u03a3\u03c3\u00b5\u03c4\u03a6\u0398\u03a9\u03b4\u221e\u03c6\u03b5\u2229\u2261\u00b1\u2265\u2264\u2320\u2321\u00f7\u2248\u00b0\u2219\u00b7\u221a\u207f\u00b2\u25a0\u00a0";
const toOem = new Map([...HIGH].map((c, i) => [c, 0x80 + i]));
const oemChar = (byte: number) => (byte < 0x80 ? String.fromCharCode(byte) : HIGH[byte - 0x80]!);

/** Upper case, character by character as Windows does: a name keeps its length. */
export function fold(name: string): string {
  // deno-lint-ignore no-control-regex -- nearly all names are ASCII
  if (/^[\x00-\x7f]*$/.test(name)) return name.toUpperCase();
  let out = "";
  for (const c of name) {
    const upper = c.toUpperCase();
    out += upper.length === c.length ? upper : c;
  }
  return out;
}

/** Bytes of a short name that stand for themselves, beside A-Z, 0-9 and the code page's high half. */
const PLAIN = "!#$%&'()-@^_`{}~";
/** What becomes an underscore, and what is dropped: a short name made of either needs a tail. */
const UNDERSCORED = "+,;=[]";

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

/** The parts a short name is made of, and whether something was lost on the way. */
export interface ShortParts {
  readonly base: string;
  readonly ext: string;
  readonly lossy: boolean;
}
/** Make the raw material of a short name: upper case, code page, without what cannot stand there. */
export function shortParts(name: string): ShortParts {
  const stripped = name.replace(/^[. ]+/, "");
  const dot = stripped.lastIndexOf(".");
  const [head, tail] = dot > 0 ? [stripped.slice(0, dot), stripped.slice(dot + 1)] : [stripped, ""];
  const base = oem(head);
  const ext = oem(tail);
  const lossy = stripped !== name || base.lossy || ext.lossy || base.text.length > 8 || ext.text.length > 3;
  return { base: base.text.slice(0, 8) || "_", ext: ext.text.slice(0, 3), lossy: lossy || base.text === "" };
}
function oem(text: string): { readonly text: string; readonly lossy: boolean } {
  let [out, lossy] = ["", false];
  for (const c of text) {
    const upper = c.toUpperCase();
    const high = toOem.get(upper);
    if (/^[A-Z0-9]$/.test(upper) || PLAIN.includes(c)) out += upper;
    else if (high !== undefined) out += String.fromCharCode(high);
    else {
      if (UNDERSCORED.includes(c) || c > "\x7f") out += "_";
      lossy = true;
    }
  }
  return { text: out, lossy };
}
/** A short name of parts, with a tail `~n` when n > 0. */
export function tailed({ base, ext }: ShortParts, n: number): Short {
  const tail = n > 0 ? `~${n}` : "";
  return (base.slice(0, 8 - tail.length) + tail).padEnd(8) + ext.padEnd(3);
}

/** What a short entry shows: with NTRes bits, or all in lower case. Stored 05 is a first byte of E5. */
export function showShort(raw: Short, ntCase: number): string {
  const bytes = [...raw].map((c, i) => (i === 0 && c === "\x05" ? 0xe5 : c.charCodeAt(0)));
  const part = (from: number, to: number, lower: boolean) => {
    const text = bytes.slice(from, to).map(oemChar).join("").replace(/ +$/, "");
    return lower ? text.toLowerCase() : text;
  };
  const ext = part(8, 11, (ntCase & LOWER_EXT) !== 0);
  const base = part(0, 8, (ntCase & LOWER_BASE) !== 0);
  return showable(ext === "" ? base : `${base}.${ext}`);
}
/** No name may hold a slash, a NUL or be empty: a slash shows as FULLWIDTH SOLIDUS, control characters as SYMBOLS FOR them. */
export function showable(name: string): string {
  // deno-lint-ignore no-control-regex -- that is what is looked for
  const safe = name.replace(/\//g, "\uff0f").replace(/\x00/g, "\u2400");
  return safe === "" || safe === "." || safe === ".." ? "_" : safe;
}

/** What a name asked for means on the volume: without trailing dots and blanks; "" when nothing is left. */
export function clean(name: string): string {
  let end = name.length;
  while (end > 0 && (name[end - 1] === "." || name[end - 1] === " ")) end--;
  return end === name.length ? name : name.slice(0, end);
}
/** Without -U bytes are UTF-16 units one to one. */
const fromBytes = (name: string): string => String.fromCharCode(...encodeName(name));
function toBytes(name: string): string {
  return decodeName(Uint8Array.from(name, (c) => (c.charCodeAt(0) > 255 ? 0x3f : c.charCodeAt(0))));
}

/** Names between Unix and the volume: UTF-8, or bytes one to one. */
export class Naming {
  readonly #utf8: boolean;
  readonly #errno: Errnos;
  constructor(utf8: boolean, errnos: Errnos) {
    this.#utf8 = utf8;
    this.#errno = errnos;
  }
  /** What a name asked for means; undefined: nothing there can have it. */
  /** The name as it is looked for; undefined: FAT has none such. Throws ENAMETOOLONG. */
  fromUnix(name: string): string | undefined {
    const wanted = clean(this.#utf8 ? name : fromBytes(name));
    if (wanted.length > LFN_MAX) throw this.#errno.ENAMETOOLONG;
    return wanted || undefined;
  }
  toUnix(name: string): string {
    return this.#utf8 ? name : toBytes(name);
  }
  /** The name a new entry gets; EINVAL for what FAT cannot hold. */
  forNew(name: string): string {
    if (this.#utf8 && !name.isWellFormed()) throw this.#errno.EINVAL;
    const wanted = this.fromUnix(name);
    if (wanted === undefined) throw this.#errno.EINVAL;
    return wanted;
  }
}
