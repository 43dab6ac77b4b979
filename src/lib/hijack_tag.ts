/**
 * What goes with a datagram from the rump kernel to a hijacked program: where it came from, and what came with it. It is the
 * content of an unnamed file whose descriptor travels with the datagram (SCM_RIGHTS): who reads without asking for it loses
 * it together with the datagram, so that the two never come apart.
 */
import { struct, u32 } from "./struct.ts";

/** `kind` 0: a datagram; 1: no datagram but an error, NetBSD's `errno`. `flags`: MSG_* of NetBSD. */
const Head = struct("le", { kind: u32, errno: u32, flags: u32, name: u32, control: u32, pad: u32 }, 24);
/** Most bytes of one. */
export const MAX_TAG = 4096;

export interface Tag {
  /** 0: it is about a datagram. */
  readonly errno: number;
  readonly flags: number;
  /** NetBSD's sockaddr. */
  readonly name: Uint8Array;
  /** NetBSD's control messages, as recvmsg(2) gives them. */
  readonly control: Uint8Array;
}
const none = new Uint8Array(0);

/** The tag of a datagram; what does not fit is left out. */
export function encodeTag(
  { errno = 0, flags = 0, name = none, control = none }: Partial<Tag>,
): Uint8Array<ArrayBuffer> {
  const kept = Head.size + name.length + control.length > MAX_TAG ? none : control;
  const bytes = new Uint8Array(Head.size + name.length + kept.length);
  const kind = errno === 0 ? 0 : 1;
  const d = new DataView(bytes.buffer);
  Head.write(d, 0, { kind, errno, flags, name: name.length, control: kept.length });
  bytes.set(name, Head.size);
  bytes.set(kept, Head.size + name.length);
  return bytes;
}
/** Undefined: it is none. */
export function decodeTag(bytes: Uint8Array): Tag | undefined {
  if (bytes.length < Head.size) return undefined;
  const d = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const [name, control] = [Head.get.name(d, 0), Head.get.control(d, 0)];
  if (Head.size + name + control > bytes.length) return undefined;
  return {
    errno: Head.get.kind(d, 0) === 0 ? 0 : Head.get.errno(d, 0),
    flags: Head.get.flags(d, 0),
    name: bytes.slice(Head.size, Head.size + name),
    control: bytes.slice(Head.size + name, Head.size + name + control),
  };
}
