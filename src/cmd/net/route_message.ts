/** Lists of messages about routes, by sysctl net.route. */
import { errno } from "../../abi/errno.ts";
import { AF_ROUTE } from "../../abi/flags.ts";
import { CTL_NET } from "../../abi/route_structs.ts";
import { viewOf } from "../../lib/struct.ts";
import type { SyncCalls } from "../client.ts";

/** Bytes of a list asked for at first, and at most. */
const ROOM = 64 << 10;
const MAX = 64 << 20;

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
