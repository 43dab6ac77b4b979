/** Messages between a kernel and an isolated driver: u32 length of what follows, u32 length of a JSON text, the text, bytes. */
import type { Channel } from "../plugin.ts";

/** Largest message: a listing of a great many names. More is no message of ours. */
const MOST = 64 << 20;
const HEAD = 8;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Send a message. */
export function sendFrame(to: Pick<Channel, "send">, message: unknown, bytes?: Uint8Array): void {
  const text = encoder.encode(JSON.stringify(message));
  const head = new Uint8Array(HEAD + text.length);
  const d = new DataView(head.buffer);
  d.setUint32(0, text.length + (bytes?.length ?? 0), true);
  d.setUint32(4, text.length, true);
  head.set(text, HEAD);
  if (bytes && bytes.length > 0) to.send(head, bytes);
  else to.send(head);
}
/** Call `on` for every message, with bytes that are lent unless it returns true; `broken` for what is none. */
export function receiveFrames(
  from: Pick<Channel, "receive">,
  on: (message: unknown, bytes: Uint8Array) => boolean,
  broken: () => void,
): void {
  const head = new Uint8Array(HEAD);
  const d = new DataView(head.buffer);
  let body: Uint8Array | undefined;
  /** Memory for bodies: what is large costs more to make anew than to fill. */
  let spare = new Uint8Array(0);
  let have = 0;
  /** Take what belongs to the part that is filled now; how much that was. */
  const fill = (bytes: Uint8Array, at: number): number => {
    const into = body ?? head;
    const part = bytes.subarray(at, at + into.length - have);
    into.set(part, have);
    have += part.length;
    return part.length;
  };
  /** Something is full: the head, which says how long the body is, or that. */
  const full = (): boolean => {
    have = 0;
    const [length, text] = [d.getUint32(0, true), d.getUint32(4, true)];
    if (!body) {
      if (length > MOST || text > length) return false;
      if (spare.length < length) spare = new Uint8Array(length);
      body = spare.subarray(0, length);
      return true;
    }
    const whole = body;
    body = undefined;
    const message = parsed(whole.subarray(0, text));
    if (message !== undefined && on(message, whole.subarray(text))) spare = new Uint8Array(0);
    return message !== undefined;
  };
  from.receive((bytes) => {
    for (let at = 0; at < bytes.length;) {
      at += fill(bytes, at);
      while (have === (body ?? head).length) if (!full()) return broken();
    }
  });
}
function parsed(text: Uint8Array): unknown {
  try {
    return JSON.parse(decoder.decode(text));
  } catch {
    return undefined;
  }
}
