/** Names as Unix has them: any bytes. UTF-8 becomes text; a byte that is none becomes a lone surrogate DC80-DCFF, and back. */

const utf8 = new TextEncoder();
const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const ESCAPE = 0xdc00;

/** Bytes to text; what cannot be decoded survives the way back through `encodeName`. */
export function decodeName(bytes: Uint8Array): string {
  if (bytes.length < SHORT) {
    const text = ascii(bytes);
    if (text !== undefined) return text;
  }
  try {
    return strict.decode(bytes);
  } catch {
    return escaped(bytes);
  }
}
/** Short ASCII names are nearly all there are: a loop beats TextDecoder's call (50 against 150 ns). */
const SHORT = 64;
function ascii(bytes: Uint8Array): string | undefined {
  let text = "";
  for (let i = 0; i < bytes.length; i++) {
    const c = bytes[i]!;
    if (c > 127) return undefined;
    text += String.fromCharCode(c);
  }
  return text;
}
/** Decode piece by piece: valid sequences as they are, each other byte escaped. */
function escaped(bytes: Uint8Array): string {
  let text = "";
  for (let i = 0; i < bytes.length;) {
    const n = sequence(bytes, i);
    text += n > 0 ? strict.decode(bytes.subarray(i, i + n)) : String.fromCharCode(ESCAPE + bytes[i]!);
    i += n || 1;
  }
  return text;
}
/** Length of the valid UTF-8 sequence at `i`, 0 when there is none. */
function sequence(bytes: Uint8Array, i: number): number {
  const first = bytes[i]!;
  const n = first < 0x80
    ? 1
    : first >= 0xc2 && first < 0xe0
    ? 2
    : first >= 0xe0 && first < 0xf0
    ? 3
    : first < 0xf5 && first >= 0xf0
    ? 4
    : 0;
  if (n === 0 || i + n > bytes.length) return 0;
  try {
    strict.decode(bytes.subarray(i, i + n));
    return n;
  } catch {
    return 0;
  }
}

/** Names that each have a NUL behind them (listxattr(2)). */
export const decodeNames = (bytes: Uint8Array): string[] => decodeName(bytes).split("\0").filter((name) => name !== "");

/** Text to bytes: the inverse of `decodeName`; any other lone surrogate becomes U+FFFD. */
export function encodeName(text: string): Uint8Array {
  return hasEscape(text) ? escapedBytes(text) : utf8.encode(text);
}
function hasEscape(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (isEscape(text, i)) return true;
  return false;
}
function isEscape(text: string, i: number): boolean {
  const c = text.charCodeAt(i);
  if (c < ESCAPE + 0x80 || c > ESCAPE + 0xff) return false;
  const before = text.charCodeAt(i - 1);
  return !(before >= 0xd800 && before < 0xdc00); // else it ends a surrogate pair
}
function escapedBytes(text: string): Uint8Array {
  const out: number[] = [];
  let from = 0;
  for (let i = 0; i <= text.length; i++) {
    if (i < text.length && !isEscape(text, i)) continue;
    if (i > from) out.push(...utf8.encode(text.slice(from, i)));
    if (i < text.length) out.push(text.charCodeAt(i) - ESCAPE);
    from = i + 1;
  }
  return new Uint8Array(out);
}
/** How many bytes a name has. */
export function nameBytes(text: string): number {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 127) return encodeName(text).length;
  return text.length;
}
