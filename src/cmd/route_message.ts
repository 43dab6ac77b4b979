/** Messages about routes: lists by sysctl net.route, and each taken apart. */
import { errno } from "../abi/errno.ts";
import { AF_ROUTE } from "../abi/flags.ts";
import {
  CTL_NET,
  type MessageAddresses,
  MsgHead,
  parseAddresses,
  RTM_VERSION,
  RtMsghdr,
} from "../abi/route_structs.ts";
import { viewOf } from "../lib/struct.ts";
import type { SyncCalls } from "./client.ts";

/** Bytes of a list asked for at first, and at most. */
const ROOM = 64 << 10;
const MAX = 64 << 20;

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
/** sysctl net.route.0.FAMILY.OPERATION.ARGUMENT: all messages of it, in one round trip where they fit. */
export function routeDump(sys: SyncCalls, family: number, operation: number, argument = 0): Uint8Array {
  return readWhole(sys, [CTL_NET, AF_ROUTE, 0, family, operation, argument]);
}
/** A variable of any length, by its numbers. Throws ENOMEM for what is longer than a list may be. */
export function readWhole(sys: SyncCalls, mib: readonly number[]): Uint8Array {
  const name = new Uint8Array(new Int32Array(mib).buffer);
  for (let room = ROOM; room <= MAX;) {
    const [oldp, oldlenp] = [new Uint8Array(room), new Uint8Array(new BigUint64Array([BigInt(room)]).buffer)];
    try {
      sys.__sysctl({ name, oldp, oldlenp });
    } catch (e) {
      if (e !== errno.ENOMEM) throw e;
    }
    const size = Number(viewOf(oldlenp).getBigUint64(0, true));
    if (size <= room) return oldp.subarray(0, size);
    room = size * 2;
  }
  throw errno.ENOMEM;
}
