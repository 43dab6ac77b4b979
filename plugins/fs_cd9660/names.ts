/** Names of the trees without Rock Ridge. */
import { decodeName } from "../../src/lib/text.ts";

/** How names without Rock Ridge show. */
export interface NameStyle {
  /** Lower case, without version (left out with -g). */
  readonly plain: boolean;
  /** UTF-16, of Joliet. */
  readonly wide: boolean;
}

/** The name of a record: ";1" and a dot without a suffix are no part of what people call a file. */
export function shownName(raw: Uint8Array, { plain, wide }: NameStyle): string {
  const text = wide ? utf16(raw) : decodeName(raw);
  if (!plain) return text;
  const bare = text.replace(/;\d*$/, "").replace(/(.)\.$/, "$1");
  return wide ? bare : bare.toLowerCase();
}
function utf16(raw: Uint8Array): string {
  let text = "";
  for (let i = 0; i + 1 < raw.length; i += 2) text += String.fromCharCode(raw[i]! << 8 | raw[i + 1]!);
  // A half of a pair on its own would be taken for an escaped byte.
  return text.toWellFormed();
}
/** A name as the kernel takes one: not empty, not "." nor "..", without "/" and NUL. */
export function isName(text: string): boolean {
  return text !== "" && text !== "." && text !== ".." && !/[/\0]/.test(text);
}
/** What names are found by where case does not count. */
export const folded = (name: string): string => name.toLowerCase();
