/** A client's side of splices.ts and served_mounts.ts: an end of a pair of local sockets goes to the server, along with the number of a socket. */
import { errno, errnoOf } from "../abi/errno.ts";
import type { Channel } from "../plugin.ts";
import type { Splicing } from "./client.ts";

/** Ask the server; `send` sends the request's frame another way. */
type Ask = (items: readonly unknown[], send?: (frame: readonly Uint8Array[]) => void) => Promise<readonly unknown[]>;

/** The value of a control's reply (wire_control.ts): [errno, value]. */
export function controlled([e, value]: readonly unknown[]): unknown {
  if (e !== 0) throw errnoOf(e as number);
  return value;
}
function pairs(list: unknown): { readonly id: number; readonly errno: number }[] {
  if (!Array.isArray(list) || list.length % 2 !== 0 || list.some((x) => typeof x !== "number")) throw errno.EPROTO;
  return list.flatMap((id: number, i) => (i % 2 === 0 ? [{ id, errno: list[i + 1] as number }] : []));
}
const joined = (parts: readonly Uint8Array[]): Uint8Array => {
  const all = new Uint8Array(parts.reduce((n, p) => n + p.length, 0));
  let at = 0;
  for (const p of parts) {
    all.set(p, at);
    at += p.length;
  }
  return all;
};

/** See the head of this file. */
export function splicing(channel: Channel, ask: Ask): Splicing {
  let opened: Promise<unknown> | undefined;
  /** Requests that could not go. */
  const waiting: (() => boolean)[] = [];
  channel.drained(() => {
    while (waiting.length > 0 && waiting[0]!()) waiting.shift();
  });
  const hand = (frame: readonly Uint8Array[], descriptor: number) => {
    const bytes = joined(frame);
    const send = () => channel.sendWith!(descriptor, bytes);
    if (waiting.length > 0 || !send()) waiting.push(send);
  };
  const ready = async () => {
    if (!channel.sendWith) throw errno.EOPNOTSUPP;
    await (opened ??= ask(["ends"]).then(controlled));
  };
  return {
    async splice(fd, descriptor) {
      await ready();
      const id = controlled(await ask(["splice", fd], (frame) => hand(frame, descriptor)));
      if (typeof id !== "number") throw errno.EPROTO;
      return id;
    },
    async serve({ root, prefix, uid, gid }, descriptor) {
      await ready();
      controlled(await ask(["mount", [root, prefix ?? null, uid, gid]], (frame) => hand(frame, descriptor)));
    },
    spliced: async () => pairs(controlled(await ask(["spliced"]))),
  };
}
