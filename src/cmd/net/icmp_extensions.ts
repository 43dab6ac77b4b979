/** Labels of MPLS that routers tell with ICMP errors (RFC 4884, RFC 4950), as traceroute(8) shows them. */
import { complement, sum } from "../../lib/checksum.ts";
import { viewOf } from "../../lib/struct.ts";

/** Where extensions begin, behind the header of the message: the quoted packet takes so many bytes (RFC 4884, 5.5). */
const QUOTED = 128;
const VERSION = 2;
/** Of the header, and of each object's. */
const HEADER = 4;
const [MPLS_CLASS, MPLS_TYPE] = [1, 1];
const LABEL = 4;

/** What is behind the quoted packet of an error, in words; "" where that is nothing, or damaged. */
export function labelsText(data: Uint8Array): string {
  const bytes = data.slice(QUOTED);
  const d = viewOf(bytes);
  if (bytes.length < HEADER || d.getUint8(0) >>> 4 !== VERSION || !isSound(bytes)) return "";
  let text = "";
  for (let at = HEADER; at + HEADER <= bytes.length;) {
    const length = d.getUint16(at);
    if (length < HEADER || at + length > bytes.length) break;
    if (d.getUint8(at + 2) === MPLS_CLASS && d.getUint8(at + 3) === MPLS_TYPE) text += stackText(d, at, length);
    at += length;
  }
  return text;
}
function stackText(d: DataView, at: number, length: number): string {
  let text = "";
  for (let entry = at + HEADER; entry + LABEL <= at + length; entry += LABEL) {
    const word = d.getUint32(entry);
    text += ` [MPLS: Label ${word >>> 12} Exp ${(word >>> 9) & 7}]`;
  }
  return text;
}
/** A checksum of 0 is none. */
function isSound(bytes: Uint8Array): boolean {
  if (viewOf(bytes).getUint16(2) === 0) return true;
  const words = new Int32Array(Math.ceil(bytes.length / 4));
  const copy = new Uint8Array(words.buffer);
  copy.set(bytes);
  return complement(sum({ bytes: copy, words }, 0, bytes.length)) === 0;
}
