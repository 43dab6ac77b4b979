/** Batches of a client: calls that depend on each other in one frame and one round trip. */
import { errno, SysError } from "../abi/errno.ts";
import { type ArgsOf, declared, type SyscallName } from "../abi/syscalls.ts";
import { MAX_TRANSFER } from "../abi/types.ts";
import { then } from "../lib/async.ts";
import type { Calls } from "../kern/dispatch.ts";
import type { Async } from "../plugin.ts";
import { type Codec, codecOf, type Settled, type Transact } from "./stubs.ts";
import { After, BATCH, MAX_BATCH } from "./wire_batch.ts";

/** The result of a call in a batch: an argument of later ones, and a value once the batch has been made. */
export class Later<T = number> {
  readonly #call: number;
  readonly #register: 0 | 1;
  readonly #of: Outcome;
  constructor(call: number, of: Outcome, register: 0 | 1 = 0) {
    this.#call = call;
    this.#of = of;
    this.#register = register;
  }
  /** Throws what the call failed with; EAGAIN before the batch has been made. */
  get value(): T {
    if (this.#of.error) throw this.#of.error;
    return this.#of.value as T;
  }
  /** What the call failed with. */
  get error(): SysError | undefined {
    return this.#of.error;
  }
  /** The second result register, as an argument: pipe's end for writing. */
  get second(): Later {
    return new Later(this.#call, this.#of, 1);
  }
  /** How it travels as an argument. */
  get reference(): readonly [call: number, register: number] {
    return [this.#call, this.#register];
  }
  /** As a number; undefined: the call failed. */
  get register(): number | undefined {
    const { value, error } = this.#of;
    if (error) return undefined;
    return typeof value === "number" ? value : (value as readonly number[])[this.#register];
  }
}
interface Outcome {
  value: unknown;
  error: SysError | undefined;
}

type Given<T> = T extends number ? number | Later<unknown> : T;
type GivenTo<K extends SyscallName> = { readonly [A in keyof ArgsOf<K>]: Given<ArgsOf<K>[A]> };
type ResultOf<K extends SyscallName> = Later<Settled<ReturnType<Calls[K]>>>;
/** The calls of a batch: nothing is made until the batch is. */
export type BatchCalls = {
  readonly [K in SyscallName]: Record<never, never> extends ArgsOf<K> ? (args?: GivenTo<K>) => ResultOf<K>
    : (args: GivenTo<K>) => ResultOf<K>;
};
export interface BatchHow {
  /** After a failure make none of the calls that follow (they fail with ECANCELED); else those that do not need its result. */
  readonly stop?: boolean;
}
/** Make the calls `build` makes of its argument in one round trip; its result is given back. At most 64, and 4 MiB each way. */
export type SyncBatch = <T>(build: (b: BatchCalls) => T, how?: BatchHow) => T;
/** The same, later. */
export type AsyncBatch = <T>(build: (b: BatchCalls) => T, how?: BatchHow) => Promise<T>;

type Args = Record<string, unknown>;
interface Recorded {
  readonly name: string;
  readonly codec: Codec;
  readonly args: Args;
  readonly outcome: Outcome;
}
/** Calls noted by the builder under way. */
let noted: Recorded[] = [];
const note = (name: string) => (args: Args = {}) => {
  if (noted.length >= MAX_BATCH) throw errno.E2BIG;
  const outcome: Outcome = { value: undefined, error: errno.EAGAIN };
  noted.push({ name, codec: codecOf(declared[name]!), args, outcome });
  return new Later(noted.length - 1, outcome);
};
let builder: BatchCalls | undefined;
/** What a builder calls, and what it gives back. Throws E2BIG for too many. */
function record<T>(build: (b: BatchCalls) => T): { readonly calls: readonly Recorded[]; readonly result: T } {
  builder ??= Object.fromEntries(Object.keys(declared).map((name) => [name, note(name)])) as unknown as BatchCalls;
  const before = noted;
  const calls: Recorded[] = (noted = []);
  try {
    return { result: build(builder), calls };
  } finally {
    noted = before;
  }
}
/** Throws EMSGSIZE for what is too long for a frame. */
function packed(calls: readonly Recorded[]): unknown[][] {
  let bytes = 0;
  return calls.map(({ codec, args }) =>
    codec.pack(args).map((x) => {
      if (x instanceof Uint8Array && (bytes += x.length) > MAX_TRANSFER) throw errno.EMSGSIZE;
      return x instanceof Later ? x.reference : x;
    })
  );
}
function settle({ outcome }: Recorded, result: () => unknown): void {
  outcome.error = undefined;
  try {
    outcome.value = result();
  } catch (e) {
    if (!(e instanceof SysError)) throw e;
    outcome.error = e;
  }
}

/** Either of them. */
export type Batch = <T>(build: (b: BatchCalls) => T, how?: BatchHow) => Async<T>;

/** Batches over a connection whose wire has them: later where `transact` answers later. */
export function batches(transact: Transact): Batch {
  return (build, { stop = false } = {}) => {
    const { calls, result } = record(build);
    if (calls.length === 0) return result;
    const request = [BATCH, stop ? After.STOP : After.GO_ON, ...packed(calls)];
    return then(transact(request), ([e, ...replies]) => {
      if (e !== 0 || replies.length !== calls.length || !replies.every(Array.isArray)) throw errno.EPROTO;
      for (const [i, c] of calls.entries()) settle(c, () => c.codec.result(c.args, replies[i] as unknown[]));
      return result;
    });
  };
}

/** The same where there are none (NetBSD's wire, a kernel in this process): one call after the other. */
export function singly(sys: object): Batch {
  return (build, { stop = false } = {}) => {
    const { calls, result } = record(build);
    const from = (i: number): Async<typeof result> => {
      const c = calls[i];
      if (!c) return result;
      const cancelled = stop && calls.slice(0, i).some((before) => before.outcome.error);
      return then(cancelled ? settle(c, cancel) : single(sys as Methods, c), () => from(i + 1));
    };
    return from(0);
  };
}
type Methods = Readonly<Record<string, (args: Args) => unknown>>;
const cancel = () => {
  throw errno.ECANCELED;
};
function single(sys: Methods, c: Recorded): Async<void> {
  const failed = (e: unknown) =>
    settle(c, () => {
      throw e;
    });
  try {
    const r = sys[c.name]!(resolved(c.args));
    if (r instanceof Promise) return r.then((value) => settle(c, () => value), failed);
    settle(c, () => r);
  } catch (e) {
    failed(e);
  }
}
/** Arguments with results in their places. Throws EINVAL where there are none. */
function resolved(args: Args): Args {
  return Object.fromEntries(Object.entries(args).map(([name, x]) => [name, x instanceof Later ? numberOf(x) : x]));
}
function numberOf({ register }: Later<unknown>): number {
  if (register === undefined) throw errno.EINVAL;
  return register;
}
