/** Messages between a kernel and an isolated driver: u32 length of the whole, u32 length of a JSON text, the text, bytes. */
import type { Channel } from "../plugin.ts";
import { concat } from "../lib/bytes.ts";

/** Largest message: a listing of a great many names. More is no message of ours. */
const MOST = 64 << 20;
const HEAD = 8;
const NONE = new Uint8Array(0);

/** Send a message; its bytes are copied where they cannot go at once. */
export function sendFrame(to: Channel, message: unknown, bytes: Uint8Array = NONE): void {
  const text = new TextEncoder().encode(JSON.stringify(message));
  const head = new Uint8Array(HEAD);
  const d = new DataView(head.buffer);
  d.setUint32(0, HEAD + text.length + bytes.length, true);
  d.setUint32(4, text.length, true);
  to.send(concat([head, text, bytes]));
}
/** Call `on` for every message; `broken` once for what is none. Bytes are the receiver's. */
export function receiveFrames(
  from: Channel,
  on: (message: unknown, bytes: Uint8Array) => void,
  broken: () => void,
): void {
  let parts: Uint8Array[] = [];
  let have = 0;
  let want = HEAD;
  from.receive((bytes) => {
    parts.push(bytes.slice());
    have += bytes.length;
    if (have < want) return;
    let all = concat(parts);
    while (all.length >= HEAD) {
      const d = new DataView(all.buffer, all.byteOffset);
      const [length, text] = [d.getUint32(0, true), d.getUint32(4, true)];
      if (length > MOST || HEAD + text > length) return broken();
      want = length;
      if (all.length < length) break;
      const message = parsed(all.subarray(HEAD, HEAD + text));
      if (message === undefined) return broken();
      on(message, all.slice(HEAD + text, length));
      all = all.subarray(length);
      want = HEAD;
    }
    parts = all.length > 0 ? [all] : [];
    have = all.length;
  });
}
function parsed(text: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(text));
  } catch {
    return undefined;
  }
}
