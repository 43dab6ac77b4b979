/** What the system call table is written in: scalars, and memory that goes in or out. Nothing here knows how it travels. */
import * as v from "valibot";
import type { ErrnoName } from "./errno.ts";

/** A valibot schema of T. */
export type Schema<T> = v.BaseSchema<unknown, T, v.BaseIssue<unknown>>;

// `custom` with one bit trick is 2-4x faster than pipe(number(), integer(), minValue(), …).
export const i32: Schema<number> = v.custom<number>((x) => typeof x === "number" && (x | 0) === x, "int32");
export const u32: Schema<number> = v.custom<number>((x) => typeof x === "number" && x >>> 0 === x, "uint32");
/** off_t, and anything of 64 bits that fits a number. Negative values are the handler's business. */
export const off: Schema<number> = v.custom<number>((x) => Number.isSafeInteger(x), "off_t");

/** Longest path, with its end mark (sys/syslimits.h PATH_MAX). */
export const PATH_MAX = 1024;
/** Most bytes one call may carry in or out; a bigger request is cut, as read(2) and write(2) allow. */
export const MAX_TRANSFER = 4 << 20;

/**
 * One argument of a call.
 * - `value`: a scalar.
 * - `path`: a C string going in; JavaScript sees a string (bytes that are no UTF-8 come as lone surrogates DC80-DCFF).
 * - `in`: memory going in, `size` bytes or as long as the argument named by `size` says.
 * - `out`: memory coming out; the caller's buffer, only its length is sent. `filled`: how much of it the reply carries:
 *   everything, or as many bytes as the call returned.
 * - `inout`: a fixed struct that goes both ways.
 * - `len`: the length of the argument `of`; travels only where the wire is C's.
 * - `pad`: a hole in the C argument structure.
 * `T` is what the handler sees; `undefined` for a null pointer where `nullable`.
 */
export interface Arg<T> {
  readonly kind: "value" | "path" | "in" | "out" | "inout" | "len" | "pad";
  readonly ctype: string;
  readonly schema?: Schema<unknown>;
  readonly size?: number | string;
  readonly filled?: "all" | "ret";
  readonly nullable?: boolean;
  readonly of?: string;
  /** For `in` and `len`: bytes per counted element (sysctl's name is an int array). */
  readonly unit?: number;
  readonly optional?: boolean;
  /** Bytes of each thing the result counts, where `filled` is `ret`; left out: the counted argument's unit. */
  readonly each?: number;
  /** Bytes for that many, where a scalar argument counts them. */
  readonly bytes?: (count: number) => number;
  /** In C, a vector of as many pieces as the argument `size` says (struct iovec); in our wire the pieces in one. */
  readonly iovec?: boolean;
  /** In C, this memory is what that other argument points at, where `when` holds (fcntl's third). */
  readonly at?: string;
  readonly when?: { readonly arg: string; readonly is: readonly number[] };
  /** In C, this memory is where the structure of argument `at` says: a pointer, and a length or count, stand at these bytes of it (struct msghdr). */
  readonly member?: Member;
  /** In C, where in this structure (of `size` bytes) a pointer to a string is, given the arguments before: the string goes behind the structure. */
  readonly points?: (before: readonly unknown[]) => { readonly at: number; readonly size: number } | undefined;
  readonly _t?: T;
}
/**
 * Where a structure says where more memory is. `each`: it is a vector of such structures, of so many bytes; their pieces travel one
 * behind the other, and at `told` stands how long one is, going in, and how much of it there is, coming out.
 */
export interface Member {
  readonly pointer: number;
  readonly length: number;
  readonly each?: { readonly size: number; readonly told: number };
}
type Options = Partial<Omit<Arg<unknown>, "kind" | "ctype" | "size" | "_t">>;

export const value = (ctype: string, schema: Schema<number>): Arg<number> => ({ kind: "value", ctype, schema });
/** A scalar that may be left out: it is 0 then. */
export const optional = (ctype: string, schema: Schema<number>): Arg<number | undefined> => ({
  kind: "value",
  ctype,
  schema,
  optional: true,
});
export const path = (): Arg<string> => ({ kind: "path", ctype: "const char *" });
export const input = (ctype: string, size: number | string, o: Options = {}): Arg<Uint8Array> => ({
  kind: "in",
  ctype,
  size,
  ...o,
});
export const output = (ctype: string, size: number | string, o: Options = {}): Arg<Uint8Array> => ({
  kind: "out",
  ctype,
  size,
  filled: typeof size === "number" ? "all" : "ret",
  ...o,
});
/** As `input`/`output`, where a null pointer is meaningful: the handler then sees `undefined`. */
export const maybeInput = (ctype: string, size: number | string, o: Options = {}): Arg<Uint8Array | undefined> => ({
  ...input(ctype, size, o),
  nullable: true,
});
export const maybeOutput = (ctype: string, size: number | string, o: Options = {}): Arg<Uint8Array | undefined> => ({
  ...output(ctype, size, o),
  nullable: true,
});
export const inout = (ctype: string, size: number): Arg<Uint8Array> => ({ kind: "inout", ctype, size, filled: "all" });
export const len = (of: string, unit = 1): Arg<never> => ({ kind: "len", ctype: "size_t", of, unit });
export const pad = (): Arg<never> => ({ kind: "pad", ctype: "int" });

export type Args = { readonly [name: string]: Arg<unknown> };
type Seen<A extends Args> = {
  [K in keyof A]: A[K] extends Arg<infer T> ? ([T] extends [never] ? never : K) : never;
}[keyof A];
type Lax<A extends Args> = {
  [K in Seen<A>]: A[K] extends Arg<infer T> ? (undefined extends T ? K : never) : never;
}[Seen<A>];
/** What a handler sees and a caller gives, by name: no pads, no lengths. */
export type Values<A extends Args> =
  & { readonly [K in Exclude<Seen<A>, Lax<A>>]: A[K] extends Arg<infer T> ? T : never }
  & { readonly [K in Lax<A>]?: A[K] extends Arg<infer T> ? T : never };

export interface Decl<A extends Args = Args> {
  /** NetBSD's number (sys/syscall.h). */
  readonly nr: number;
  /** C name of the implementation's symbol where it differs: `__stat50`. */
  readonly cname?: string;
  readonly doc: string;
  readonly args: A;
  /** C type of the result. `pair`: two registers (pipe, getpid). */
  readonly ret: "int" | "ssize_t" | "off_t" | "long" | "pair";
  readonly errors: readonly ErrnoName[];
  /** libc / Linux symbols a hijacked program would call instead. */
  readonly host?: readonly string[];
  /** A limitation, when there is one; or, without a handler, why there is none. */
  readonly note?: string;
}
type Rest<A extends Args> = Omit<Decl<A>, "nr" | "ret"> & { readonly ret?: Decl["ret"] };
/** A row that is made when it is first looked into: a command makes three calls, and all rows would be 1 ms of its start. */
class Row<A extends Args> {
  readonly nr: number;
  readonly #make: () => Rest<A>;
  #made: Rest<A> | undefined;

  constructor(nr: number, make: () => Rest<A>) {
    this.nr = nr;
    this.#make = make;
  }
  get #rest(): Rest<A> {
    return (this.#made ??= this.#make());
  }
  get cname(): string | undefined {
    return this.#rest.cname;
  }
  get doc(): string {
    return this.#rest.doc;
  }
  get args(): A {
    return this.#rest.args;
  }
  get ret(): Decl["ret"] {
    return this.#rest.ret ?? "int";
  }
  get errors(): Decl["errors"] {
    return this.#rest.errors;
  }
  get host(): Decl["host"] {
    return this.#rest.host;
  }
  get note(): string | undefined {
    return this.#rest.note;
  }
}
/** Declare a call: its number and the rest. Result type int unless said. */
export const sys = <A extends Args>(nr: number, make: () => Rest<A>): Decl<A> => new Row(nr, make) as Decl<A>;

/** The arguments with a register of their own in C, in order: what shares another's has none. */
export const slotNames = (decl: Decl): readonly string[] =>
  Object.keys(decl.args).filter((k) => decl.args[k]!.at === undefined);
