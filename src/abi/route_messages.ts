/** Messages about routes, taken apart: lists by sysctl net.route, and what a routing socket gives. */
import { viewOf } from "../lib/struct.ts";
import { errno } from "./errno.ts";
import { type MessageAddresses, MsgHead, parseAddresses, RTM_VERSION, RtMsghdr } from "./route_structs.ts";

/** A route, as a message tells of it. */
export interface RouteMessage {
  readonly header: ReturnType<typeof RtMsghdr.dump>;
  /** By their RTA_* bit. */
  readonly addresses: MessageAddresses;
}
/** A message with struct rt_msghdr; undefined: it is none, or of another version. */
export function takeApart(message: Uint8Array): RouteMessage | undefined {
  if (message.length < RtMsghdr.size || message[2] !== RTM_VERSION) return undefined;
  const header = RtMsghdr.dump(viewOf(message), 0);
  const addresses = parseAddresses(message, RtMsghdr.size, header.addrs);
  return addresses && { header, addresses };
}
/** The messages in what a list answered, or a routing socket. Throws EPROTO for what ends within one. */
export function* messagesOf(raw: Uint8Array): Generator<Uint8Array> {
  const d = viewOf(raw);
  for (let at = 0; at < raw.length;) {
    const length = at + MsgHead.size <= raw.length ? MsgHead.get.msglen(d, at) : 0;
    if (length < MsgHead.size || at + length > raw.length) throw errno.EPROTO;
    yield raw.subarray(at, at + length);
    at += length;
  }
}
