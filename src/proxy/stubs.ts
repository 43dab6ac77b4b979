/** Clients' calls as functions, derived from the system call table: one implementation for blocking and pipelined ones. */
import { errno, errnoOf } from "../abi/errno.ts";
import { declared } from "../abi/syscalls.ts";
import type { Decl } from "../abi/types.ts";
import { then } from "../lib/async.ts";
import { encodeName } from "../lib/text.ts";
import type { Calls } from "../kern/dispatch.ts";
import type { Async } from "../plugin.ts";

/** Send [sysnum, ...args], receive [errno, ret, ret2, ...outs]. */
export type Transact = (items: readonly unknown[]) => Async<readonly unknown[]>;

export type Settled<T> = T extends Promise<unknown> ? never : T;
/** Calls that block: results are there. */
export type SyncCalls = {
  readonly [K in keyof Calls]: (...args: Parameters<Calls[K]>) => Settled<ReturnType<Calls[K]>>;
};
/** Calls that answer later; several may be under way. */
export type AsyncCalls = {
  readonly [K in keyof Calls]: (...args: Parameters<Calls[K]>) => Promise<Settled<ReturnType<Calls[K]>>>;
};

/** How one call's arguments become a request, and its reply a result. */
export interface Codec {
  /** [sysnum, ...args] */
  pack(args: Record<string, unknown>): unknown[];
  /** Of [errno, ret, ret2, ...outs]: out-arguments are filled. Throws SysError. */
  result(args: Record<string, unknown>, reply: readonly unknown[]): unknown;
}
const codecs = new Map<Decl, Codec>();
export function codecOf(decl: Decl): Codec {
  let codec = codecs.get(decl);
  if (!codec) codecs.set(decl, codec = makeCodec(decl));
  return codec;
}
function makeCodec(decl: Decl): Codec {
  const names = Object.keys(decl.args).filter((k) => !["len", "pad"].includes(decl.args[k]!.kind));
  const kinds = names.map((k) => decl.args[k]!.kind);
  const outs = names.filter((_, i) => kinds[i] === "out" || kinds[i] === "inout");
  const pack = (value: unknown, kind: string) => {
    if (value === undefined) return null;
    if (kind === "out") return (value as Uint8Array).length;
    return kind === "path" ? packPath(value as string) : value;
  };
  return {
    pack: (args) => [decl.nr, ...names.map((k, i) => pack(args[k], kinds[i]!))],
    result(args, [e, ret, ret2, ...filled]) {
      if (e !== 0) throw errnoOf(e as number);
      for (const [i, k] of outs.entries()) fill(args[k] as Uint8Array | undefined, filled[i]);
      return decl.ret === "pair" ? [ret, ret2] : ret;
    },
  };
}
function stub(decl: Decl, transact: Transact): (args?: Record<string, unknown>) => Async<unknown> {
  let codec: Codec | undefined;
  return (args = {}) => {
    const { pack, result } = (codec ??= codecOf(decl));
    return then(transact(pack(args)), (reply) => result(args, reply));
  };
}
/** A name that is no UTF-8 goes as bytes. */
function packPath(path: string): string | Uint8Array {
  return path.isWellFormed() ? path : encodeName(path);
}
function fill(into: Uint8Array | undefined, bytes: unknown): void {
  if (!into || !(bytes instanceof Uint8Array)) return;
  if (bytes.length > into.length) throw errno.EPROTO;
  into.set(bytes);
}

/** All declared calls over a connection. */
export function stubs(transact: Transact): Record<string, (args?: Record<string, unknown>) => Async<unknown>> {
  const calls: Record<string, ReturnType<typeof stub>> = {};
  for (const name in declared) calls[name] = stub(declared[name]!, transact);
  return calls;
}
