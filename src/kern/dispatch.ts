/**
 * The system call dispatcher: handlers bound by name to the rows of abi/syscalls.ts. Two ways in: `bind` for callers in
 * this process (a function call, nothing is checked), `call` for a peer's decoded argument list (everything is).
 */
import * as v from "valibot";
import { errno, SysError } from "../abi/errno.ts";
import { sizeOf } from "../abi/ioccom.ts";
import { type ArgsOf, declared, type SyscallName } from "../abi/syscalls.ts";
import { type Arg, type Decl, MAX_TRANSFER, PATH_MAX, u32 } from "../abi/types.ts";
import { uintOf } from "../lib/struct.ts";
import { decodeName } from "../lib/text.ts";
import type { Async } from "../plugin.ts";
import type { Lwp } from "./proc.ts";

/** What a faction (kern, vfs, net) provides: one typed function per call, keyed by name. A `pair` result is two numbers. */
export type Handlers<N extends SyscallName> = {
  readonly [K in N]: (lwp: Lwp, args: ArgsOf<K>) => Async<number | readonly [number, number]>;
};
type Handler = (lwp: Lwp, args: unknown) => Async<number | readonly [number, number]>;

/** A call's outcome for the wire: NetBSD errno (0: none), result, and the memory that goes back, in argument order. */
export interface Reply {
  readonly errno: number;
  readonly ret: number;
  /** Second result register of a `pair`. */
  readonly ret2: number;
  readonly outs: readonly (Uint8Array | undefined)[];
}
const failed = (e: SysError): Reply => ({ errno: e.errno, ret: -1, ret2: 0, outs: [] });

/** Told of every call before it is made; what it returns, of the outcome. */
export type Trace = (lwp: Lwp, name: string, args: unknown) => ((outcome: number | SysError) => void) | undefined;

type Take = (x: unknown, allocate: (n: number) => Uint8Array) => unknown;
/** How a call's arguments come from our wire and go back to it. */
interface Codec {
  /** Arguments that travel, in order, and how each is taken. */
  readonly names: readonly string[];
  readonly takes: readonly Take[];
  /** Of those, the ones whose memory goes back; where the call returns how much, bytes of what it counts, else 0. */
  /** `counted`: the `size_t *` that tells how much of it there is. */
  readonly outs: readonly { readonly name: string; readonly unit: number; readonly counted: string | undefined }[];
}
interface Entry {
  readonly name: string;
  readonly decl: Decl;
  handler: Handler;
  /** Derived from the row when the call is first made: for all of them it would be 1 ms of the boot. */
  codec: Codec | undefined;
}

const enosys: Handler = () => {
  throw errno.ENOSYS;
};
const travels = (a: Arg<unknown>) => a.kind !== "len" && a.kind !== "pad";

function take(a: Arg<unknown>): Take {
  if (a.kind === "value") {
    return (x) => {
      if (x === null || x === undefined) {
        if (a.optional) return 0;
      } else if (v.is(a.schema!, x)) return x;
      throw errno.EINVAL;
    };
  }
  const memory = takeMemory(a);
  return (x, allocate) => {
    if (x !== null && x !== undefined) return memory(x, allocate);
    if (a.nullable) return undefined;
    throw errno.EFAULT;
  };
}

function takeMemory(a: Arg<unknown>): Take {
  const size = typeof a.size === "number" ? a.size : undefined;
  switch (a.kind) {
    case "path":
      return (x) => {
        const text = x instanceof Uint8Array ? decodeName(x) : x;
        if (typeof text !== "string" || text.includes("\0")) throw errno.EINVAL;
        if (text.length >= PATH_MAX) throw errno.ENAMETOOLONG;
        return text;
      };
    case "out":
      return (x, allocate) => {
        if (!v.is(u32, x)) throw errno.EINVAL;
        return allocate(size ?? Math.min(x as number, MAX_TRANSFER));
      };
    default:
      return (x) => {
        if (!(x instanceof Uint8Array)) throw errno.EINVAL;
        if (size !== undefined && x.length !== size) throw errno.EFAULT;
        if (x.length > MAX_TRANSFER) throw errno.EINVAL;
        return a.kind === "inout" ? x.slice() : x;
      };
  }
}

/** Bytes of each thing the result counts; 0: it does not tell how much there is. */
function unitOf(decl: Decl, a: Arg<unknown>): number {
  return a.filled === "ret" ? a.each ?? decl.args[a.size!]?.unit ?? 1 : 0;
}
/** The argument that tells how much of one there is: a `size_t *` or a `socklen_t *`. */
function countOf(decl: Decl, a: Arg<unknown>): string | undefined {
  return a.member === undefined && decl.args[a.size!]?.kind === "inout" ? String(a.size) : undefined;
}
function codecOf(decl: Decl): Codec {
  const names = Object.keys(decl.args).filter((k) => travels(decl.args[k]!));
  return {
    names,
    takes: names.map((k) => take(decl.args[k]!)),
    outs: names.filter((k) => decl.args[k]!.kind === "out" || decl.args[k]!.kind === "inout").map((name) => ({
      name,
      unit: unitOf(decl, decl.args[name]!),
      counted: countOf(decl, decl.args[name]!),
    })),
  };
}

const zeroed = (n: number) => new Uint8Array(n);

export class Dispatcher {
  readonly #byName = new Map<string, Entry>();
  readonly #byNumber: (Entry | undefined)[] = [];
  /** Whose call is being made, until it waits for something. */
  caller: Lwp | undefined;
  /** Told of every call while set. */
  trace: Trace | undefined;
  /** Told of exceptions that are no SysError: bugs. The call ends in EIO. */
  bug: (name: string, e: unknown) => void = () => {};

  constructor() {
    for (const name in declared) {
      const decl = declared[name]!;
      const entry: Entry = { name, decl, handler: enosys, codec: undefined };
      if (this.#byNumber[decl.nr]) throw new Error(`system call ${decl.nr} is declared twice`);
      this.#byName.set(name, entry);
      this.#byNumber[decl.nr] = entry;
    }
  }

  /** Bind handlers; a call bound already, or not declared, is a mistake that ends the boot. */
  establish<N extends SyscallName>(handlers: Handlers<N>): void {
    for (const [name, handler] of Object.entries(handlers)) {
      const entry = this.#byName.get(name);
      if (!entry) throw new Error(`system call ${name} is not declared`);
      if (entry.handler !== enosys) throw new Error(`system call ${name} is established twice`);
      entry.handler = handler as Handler;
    }
  }
  /** Names of calls somebody handles. */
  get established(): string[] {
    return [...this.#byName.values()].filter((e) => e.handler !== enosys).map((e) => e.name);
  }

  /** The name of a call by its number. */
  nameOf(nr: number): string {
    return this.#byNumber[nr]?.name ?? `${nr}`;
  }
  /** The row of a call somebody handles. */
  declaration(nr: number): Decl | undefined {
    const entry = this.#byNumber[nr];
    return entry && entry.handler !== enosys ? entry.decl : undefined;
  }
  /** The calls as functions of this lwp: straight into the handler. */
  bind(lwp: Lwp): Calls {
    const calls: Record<string, (args?: unknown) => unknown> = {};
    for (const [name, entry] of this.#byName) {
      calls[name] = (args) => (this.trace ? this.#traced(lwp, entry, args) : this.#made(lwp, entry, args));
    }
    return calls as unknown as Calls;
  }

  /**
   * Run a call for an untrusted peer. `wire`: the arguments that travel, in order. `allocate` gives the memory of
   * out-arguments; it must be zeroed, or the reply of a failing handler could tell somebody else's bytes.
   */
  call(lwp: Lwp, nr: number, wire: readonly unknown[], allocate: (n: number) => Uint8Array = zeroed): Async<Reply> {
    const entry = this.#byNumber[nr];
    if (!entry) return failed(errno.ENOSYS);
    const codec = (entry.codec ??= codecOf(entry.decl));
    const args: Record<string, unknown> = {};
    try {
      const { names, takes } = codec;
      for (let i = 0; i < names.length; i++) args[names[i]!] = takes[i]!(wire[i], allocate);
      if (nr === IOCTL) checkIoctl(args);
      lwp.proc.guard?.(entry.name, args);
      const r = this.trace ? this.#traced(lwp, entry, args) : this.#made(lwp, entry, args);
      if (r instanceof Promise) return r.then((x) => reply(codec, args, x), (e) => this.#fail(entry, e));
      return reply(codec, args, r);
    } catch (e) {
      return this.#fail(entry, e);
    }
  }

  #made(lwp: Lwp, entry: Entry, args: unknown): Async<number | readonly [number, number]> {
    this.caller = lwp;
    try {
      return entry.handler(lwp, args);
    } finally {
      this.caller = undefined;
    }
  }
  #fail(entry: Entry, e: unknown): Reply {
    if (e instanceof SysError) return failed(e);
    this.bug(entry.name, e);
    return failed(errno.EIO);
  }
  #traced(lwp: Lwp, entry: Entry, args: unknown): Async<number | readonly [number, number]> {
    const tell = this.trace?.(lwp, entry.name, args);
    if (!tell) return this.#made(lwp, entry, args);
    const told = (r: number | readonly [number, number]) => {
      tell(typeof r === "number" ? r : r[0]);
      return r;
    };
    const refused = (e: unknown): never => {
      tell(e instanceof SysError ? e : errno.EIO);
      throw e;
    };
    try {
      const r = this.#made(lwp, entry, args);
      return r instanceof Promise ? r.then(told, refused) : told(r);
    } catch (e) {
      return refused(e);
    }
  }
}
const IOCTL = declared.ioctl!.nr;
function checkIoctl(args: Record<string, unknown>): void {
  const data = args.data as Uint8Array | undefined;
  if ((data?.length ?? 0) < sizeOf(args.com as number)) throw errno.EFAULT;
}

function reply(codec: Codec, args: Record<string, unknown>, r: number | readonly [number, number]): Reply {
  const [ret, ret2] = typeof r === "number" ? [r, 0] : r;
  const outs = codec.outs.map(({ name, unit, counted }) => {
    const memory = args[name] as Uint8Array | undefined;
    if (memory && unit > 0) return memory.subarray(0, Math.max(0, ret * unit));
    const count = counted === undefined ? undefined : args[counted] as Uint8Array | undefined;
    return memory && count ? memory.subarray(0, uintOf(count)) : memory;
  });
  return { errno: 0, ret, ret2, outs };
}

/** Calls as functions: `sys.pread({ fd, buf, offset })`. Throws SysError; a promise only where something had to be waited for. */
export type Calls = {
  readonly [K in SyscallName]: Record<never, never> extends ArgsOf<K> ? (args?: ArgsOf<K>) => Result<K>
    : (args: ArgsOf<K>) => Result<K>;
};
type Result<K extends SyscallName> = K extends "getpid" | "getuid" | "getgid" | "pipe"
  ? Async<readonly [number, number]>
  : Async<number>;
