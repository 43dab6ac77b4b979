/** Character sets of names: code page 437 is at hand, tables of the others are loaded when a mount asks for one. */

/** A character set. Bytes are strings of characters 0-255, as short names are kept. */
export interface CodePage {
  readonly name: string;
  /** What bytes say; U+FFFD for what they do not. */
  decode(bytes: string): string;
  /** One or two bytes of a character; undefined: it is not in the set. */
  encode(char: string): string | undefined;
}

/** Pages short names may be in. */
export const PAGES = [
  ...[437, 720, 737, 775, 850, 852, 855, 857, 858, 860, 861, 862, 863, 864, 865, 866, 869, 874, 932, 936, 949, 950],
  ...[1250, 1251, 1252, 1253, 1254, 1255, 1256, 1257, 1258],
] as const;
/** What names may be in towards programs, by Linux's names. */
export const CHARSETS = [
  ...["utf8", "ascii", "koi8-r", "koi8-u", "euc-jp", "euc-kr", "gb2312", "big5", "sjis", "tis-620"],
  ...[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 14, 15, 16].map((n) => `iso8859-${n}`),
  ...PAGES.map((n) => `cp${n}`),
];

/** Code page 437, 80-FF. */
const HIGH_437 =
  "\u00c7\u00fc\u00e9\u00e2\u00e4\u00e0\u00e5\u00e7\u00ea\u00eb\u00e8\u00ef\u00ee\u00ec\u00c4\u00c5\u00c9\u00e6\u00c6\u00f4\u00f6\u00f2\u00fb\u00f9\u00ff\u00d6\u00dc\u00a2\u00a3\u00a5\u20a7\u0192\u00e1\u00ed\u00f3\u00fa\u00f1\u00d1\u00aa\u00ba\u00bf\u2310\u00ac\u00bd\u00bc\u00a1\u00ab\u00bb\u2591\u2592\u2593\u2502\u2524\u2561\u2562\u2556\u2555\u2563\u2551\u2557\u255d\u255c\u255b\u2510\u2514\u2534\u252c\u251c\u2500\u253c\u255e\u255f\u255a\u2554\u2569\u2566\u2560\u2550\u256c\u2567\u2568\u2564\u2565\u2559\u2558\u2552\u2553\u256b\u256a\u2518\u250c\u2588\u2584\u258c\u2590\u2580\u03b1\u00df\u0393\u03c0\u03a3\u03c3\u00b5\u03c4\u03a6\u0398\u03a9\u03b4\u221e\u03c6\u03b5\u2229\u2261\u00b1\u2265\u2264\u2320\u2321\u00f7\u2248\u00b0\u2219\u00b7\u221a\u207f\u00b2\u25a0\u00a0";

const UNKNOWN = "\ufffd";
/** A set of one byte a character, by what 80-FF are. */
function singleByte(name: string, high: string): CodePage {
  const back = new Map<string, string>();
  for (let i = 0; i < 128; i++) if (high[i] !== UNKNOWN) back.set(high[i]!, String.fromCharCode(0x80 + i));
  return {
    name,
    decode(bytes) {
      let text = "";
      for (let i = 0; i < bytes.length; i++) {
        const c = bytes.charCodeAt(i);
        text += c < 0x80 ? bytes[i] : high[c - 0x80];
      }
      return text;
    },
    encode: (char) => (char < "\x80" ? char : back.get(char)),
  };
}
export const cp437 = singleByte("cp437", HIGH_437);
/** Bytes one to one. */
export const latin1 = singleByte("iso8859-1", String.fromCharCode(...Array.from({ length: 128 }, (_, i) => 0x80 + i)));
const ascii = singleByte("ascii", UNKNOWN.repeat(128));

/** A character set by its name; undefined: it is not known. Names in UTF-8 need none. */
export async function loadPage(name: string): Promise<CodePage | undefined> {
  const have = [cp437, latin1, ascii].find((p) => p.name === name);
  if (have) return have;
  const { default: iconv } = await import("iconv-lite");
  const { decode, encode, encodingExists } = iconv as unknown as Iconv;
  if (!encodingExists(name)) return undefined;
  const of = (bytes: string) => decode(Uint8Array.from(bytes, (c) => c.charCodeAt(0)), name);
  const high = Array.from({ length: 128 }, (_, i) => of(String.fromCharCode(0x80 + i)));
  if (!MULTI_BYTE.test(name)) return singleByte(name, high.map((c) => (c.length === 1 ? c : UNKNOWN)).join(""));
  return multiByte(name, of, (char) => encode(char, name));
}
/** iconv-lite, as far as it is used; its own types want Node's. */
interface Iconv {
  decode(bytes: Uint8Array, name: string): string;
  encode(text: string, name: string): Uint8Array;
  encodingExists(name: string): boolean;
}
const MULTI_BYTE = /^(cp9[345]\d|euc-|gb|big5|sjis)/;
/** Two bytes for most characters: asked one by one and remembered. */
function multiByte(name: string, decode: (bytes: string) => string, encode: (char: string) => Uint8Array): CodePage {
  const known = new Map<string, string | undefined>();
  const ask = (char: string): string | undefined => {
    const bytes = String.fromCharCode(...encode(char));
    // What is not in the set comes as a question mark, or as something else that reads alike.
    return bytes.length <= 3 && decode(bytes) === char ? bytes : undefined;
  };
  return {
    name,
    decode,
    encode(char) {
      if (char < "\x80") return char;
      if (!known.has(char)) {
        if (known.size > MOST) known.clear();
        known.set(char, ask(char));
      }
      return known.get(char);
    },
  };
}
/** Characters remembered of a set. */
const MOST = 8192;
