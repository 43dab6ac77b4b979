/**
 * A C client's system call: the argument structure's 8-byte slots and pointers into its memory become the argument list
 * that our own wire carries, and what comes back is stored behind its pointers. All derived from the declared rows.
 */
import { errno, type SysError } from "../abi/errno.ts";
import { IOC_IN, IOC_OUT, type Pointed, sizeOf } from "../abi/ioccom.ts";
import { pointedBy } from "../abi/sockio.ts";
import { Iovec } from "../abi/structs.ts";
import { type Arg, type Decl, i32, MAX_TRANSFER, type Member, PATH_MAX, slotNames, u32 } from "../abi/types.ts";
import { uintOf, viewOf } from "../lib/struct.ts";
import type { Async } from "../plugin.ts";

/** A client's memory, asked for over its connection. Addresses are its own; 0 is no memory. */
export interface Memory {
  /** Exactly `length` bytes. Throws EFAULT. */
  copyin(address: bigint, length: number): Promise<Uint8Array>;
  /** A string without its end mark. Throws ENAMETOOLONG when there is none within `max` bytes. */
  copyinstr(address: bigint, max: number): Promise<Uint8Array>;
  copyout(address: bigint, bytes: Uint8Array): void;
}
/** A call ready for the dispatcher, and how its results go back. */
export interface NativeCall {
  readonly wire: readonly unknown[];
  /** Store out-arguments, in the order of the row. What is returned is an error the client is told all the same. */
  store(outs: readonly (Uint8Array | undefined)[]): SysError | undefined;
}
const SLOT = 8;
/** Most pieces of a vector (sys/syslimits.h IOV_MAX). */
const IOV_MAX = 1024;

type Slots = Readonly<Record<string, bigint>>;

/** The slots by argument name; what the client left out is 0. */
function slotsOf(decl: Decl, body: Uint8Array): Slots {
  const d = viewOf(body);
  const slots: Record<string, bigint> = {};
  for (const [i, name] of slotNames(decl).entries()) {
    const at = i * SLOT;
    slots[name] = at + SLOT <= body.length ? d.getBigUint64(at, true) : 0n;
  }
  return slots;
}
function scalar(a: Arg<unknown>, slot: bigint): number {
  if (a.schema === i32) return Number(BigInt.asIntN(32, slot));
  if (a.schema === u32) return Number(BigInt.asUintN(32, slot));
  return Number(BigInt.asIntN(64, slot));
}

/** Where an argument's memory is: one place, or the pieces of a vector. */
type Place = readonly { readonly address: bigint; readonly length: number }[];
const lengthOf = (place: Place) => place.reduce((n, p) => n + p.length, 0);

/** Fetch one call's memory and put its arguments in order. */
class Fetcher {
  readonly #decl: Decl;
  readonly #slots: Slots;
  readonly #memory: Memory;
  readonly #wire: unknown[] = [];
  /** Which of them an argument is. */
  readonly #order = new Map<string, number>();
  /** Where each out-argument goes. */
  readonly #places: (Place | undefined)[] = [];
  /** The count of a `size_t *`, fetched once: it sizes one argument and is one itself. */
  readonly #counts = new Map<string, Uint8Array>();
  readonly #outs: readonly string[];
  /** Structures that say where other arguments are. */
  readonly #structs = new Map<string, Uint8Array>();
  /** Where the pieces of each structure of a vector go. */
  readonly #pieces = new Map<string, readonly Place[]>();
  /** The memory an ioctl's structure points at: less of it goes back when the structure says so. */
  #pointed: Pointed | undefined;

  constructor(decl: Decl, body: Uint8Array, memory: Memory) {
    this.#decl = decl;
    this.#slots = slotsOf(decl, body);
    this.#memory = memory;
    this.#outs = Object.keys(decl.args).filter((k) => ["out", "inout"].includes(decl.args[k]!.kind));
  }
  async run(): Promise<NativeCall> {
    for (const [name, a] of Object.entries(this.#decl.args)) {
      if (a.kind === "len" || a.kind === "pad") continue;
      this.#order.set(name, this.#wire.length);
      this.#wire.push(a.kind === "value" ? scalar(a, this.#slots[name]!) : await this.#fetch(name, a));
    }
    return { wire: this.#wire, store: (outs) => this.#store(outs) };
  }
  async #fetch(name: string, a: Arg<unknown>): Promise<unknown> {
    if (a.member?.each) return await this.#members(name, a, { ...a.member, ...a.member.each });
    if (a.member) return await this.#member(a, a.member);
    const address = this.#slots[a.at ?? name]!;
    const goesOut = a.kind === "out" || a.kind === "inout";
    const meant = !a.when || a.when.is.includes(Number(BigInt.asIntN(32, this.#slots[a.when.arg]!)));
    if (address === 0n || !meant) {
      if (goesOut) this.#places.push(undefined);
      return meant ? this.#missing(a) : null;
    }
    if (a.kind === "path") return await this.#memory.copyinstr(address, PATH_MAX);
    if (a.size === "com") return await this.#ioctl(address);
    const place = await this.#place(a, address);
    if (goesOut) this.#places.push(place);
    if (a.kind === "out") return lengthOf(place);
    const bytes = await this.#follow(a, await this.#copyin(name, place));
    this.#structs.set(name, bytes);
    return bytes;
  }
  /** Memory that a structure fetched before points at. */
  async #member(a: Arg<unknown>, member: Member): Promise<unknown> {
    const struct = this.#structs.get(a.at!);
    if (!struct) throw errno.EFAULT;
    const place = await this.#memberPlace(a, struct, member);
    if (a.kind === "out") this.#places.push(place);
    if (!place) return a.nullable ? null : a.kind === "out" ? 0 : new Uint8Array(0);
    return a.kind === "out" ? lengthOf(place) : await this.#copyin("", place);
  }
  /** Undefined: the structure points at nothing. */
  async #memberPlace(a: Arg<unknown>, struct: Uint8Array, { pointer, length }: Member): Promise<Place | undefined> {
    const d = viewOf(struct);
    const address = d.getBigUint64(pointer, true);
    const n = d.getUint32(length, true);
    if (address === 0n || (a.iovec && n === 0)) return undefined;
    return a.iovec ? await this.#vector(address, n) : [{ address, length: Math.min(n, MAX_TRANSFER) }];
  }
  /** Memory that each of a vector of structures points at; of those that would be too much together, only the first ones are left. */
  async #members(name: string, a: Arg<unknown>, m: Member & { readonly size: number; readonly told: number }) {
    const structs = this.#structs.get(a.at!);
    if (!structs) throw errno.EFAULT;
    const pieces: Place[] = [];
    let room = MAX_TRANSFER;
    for (let at = 0; at + m.size <= structs.length; at += m.size) {
      const struct = structs.subarray(at, at + m.size);
      const place = await this.#memberPlace(a, struct, m) ?? [];
      room -= lengthOf(place);
      if (room < 0) {
        this.#wire[this.#order.get(a.at!)!] = structs.subarray(0, at);
        this.#structs.set(a.at!, structs.subarray(0, at));
        break;
      }
      viewOf(struct).setUint32(m.told, lengthOf(place), true);
      pieces.push(place);
    }
    const all = pieces.flat();
    if (a.kind !== "out") return await this.#copyin("", all);
    this.#pieces.set(name, pieces);
    this.#places.push(all);
    return lengthOf(all);
  }
  /** A structure with a pointer to a string: the string goes behind it. */
  async #follow(a: Arg<unknown>, bytes: Uint8Array): Promise<Uint8Array> {
    const pointer = a.points?.(this.#wire);
    if (!pointer || bytes.length < pointer.size) return bytes;
    const address = viewOf(bytes).getBigUint64(pointer.at, true);
    if (address === 0n) return bytes;
    const text = await this.#memory.copyinstr(address, PATH_MAX);
    const all = new Uint8Array(bytes.length + text.length);
    all.set(bytes);
    all.set(text, bytes.length);
    return all;
  }
  /** A null pointer: no memory where that has a meaning, none of length 0, else EFAULT (by the dispatcher). */
  #missing(a: Arg<unknown>): unknown {
    if (a.nullable || typeof a.size !== "string" || this.#slots[a.size] !== 0n) return null;
    return a.kind === "out" ? 0 : new Uint8Array(0);
  }
  async #place(a: Arg<unknown>, address: bigint): Promise<Place> {
    if (typeof a.size === "number") return [{ address, length: a.size }];
    const counted = this.#decl.args[a.size!]!;
    if (a.iovec) return await this.#vector(address, Number(BigInt.asIntN(32, this.#slots[a.size!]!)));
    if (a.bytes) return [{ address, length: a.bytes(scalar(counted, this.#slots[a.size!]!)) }];
    const count = counted.kind === "len" ? this.#slots[a.size!]! : await this.#count(a.size!);
    const length = count * BigInt(counted.unit ?? 1);
    return [{ address, length: Number(length < BigInt(MAX_TRANSFER) ? length : BigInt(MAX_TRANSFER)) }];
  }
  /** What a `size_t *` or `socklen_t *` points at. */
  async #count(name: string): Promise<bigint> {
    const address = this.#slots[name]!;
    if (address === 0n) return 0n;
    const bytes = await this.#memory.copyin(address, this.#decl.args[name]!.size as number);
    this.#counts.set(name, bytes);
    return BigInt(uintOf(bytes));
  }
  async #vector(address: bigint, count: number): Promise<Place> {
    if (count <= 0 || count > IOV_MAX) throw errno.EINVAL;
    const raw = viewOf(await this.#memory.copyin(address, count * Iovec.size));
    const place: { address: bigint; length: number }[] = [];
    let room = MAX_TRANSFER;
    for (let at = 0; at < count * Iovec.size; at += Iovec.size) {
      const length = Math.min(Iovec.get.len(raw, at), room);
      room -= length;
      if (length > 0) place.push({ address: raw.getBigUint64(at + Iovec.at.base, true), length });
    }
    return place;
  }
  async #copyin(name: string, place: Place): Promise<Uint8Array> {
    const had = this.#counts.get(name);
    if (had) return had;
    if (place.length === 1) return await this.#memory.copyin(place[0]!.address, place[0]!.length);
    const all = new Uint8Array(lengthOf(place));
    let at = 0;
    for (const { address, length } of place) {
      all.set(await this.#memory.copyin(address, length), at);
      at += length;
    }
    return all;
  }
  /** How much moves which way is in the command (sys/ioccom.h). */
  async #ioctl(address: bigint): Promise<Uint8Array> {
    const com = Number(BigInt.asUintN(32, this.#slots.com!));
    const length = sizeOf(com);
    const struct = com & IOC_IN ? await this.#memory.copyin(address, length) : new Uint8Array(length);
    const pointed = pointedBy(com);
    const more = pointed && morePlace(pointed, struct);
    this.#pointed = more && pointed;
    this.#places.push(
      com & IOC_OUT ? [{ address, length }, ...(more && pointed.way !== "in" ? [more] : [])] : undefined,
    );
    if (!more) return struct;
    const all = new Uint8Array(length + more.length);
    all.set(struct);
    if (pointed.way !== "out") all.set(await this.#memory.copyin(more.address, more.length), length);
    return all;
  }
  #store(outs: readonly (Uint8Array | undefined)[]): SysError | undefined {
    for (const [i, bytes] of outs.entries()) {
      const pieces = this.#pieces.get(this.#outs[i]!);
      if (pieces && bytes) {
        this.#storeEach(this.#decl.args[this.#outs[i]!]!, pieces, { bytes, outs });
        continue;
      }
      let at = 0;
      for (const [k, { address, length }] of (this.#places[i] ?? []).entries()) {
        const told = k === 1 && this.#pointed && bytes ? lengthPointed(this.#pointed, bytes) : Infinity;
        const piece = bytes?.subarray(at, at + Math.min(length, told)) ?? new Uint8Array(0);
        if (piece.length > 0) this.#memory.copyout(address, piece);
        at += length;
      }
    }
    return this.#short(outs);
  }
  /** Of each structure that comes back, as much as it tells. */
  #storeEach(
    a: Arg<unknown>,
    pieces: readonly Place[],
    { bytes, outs }: { readonly bytes: Uint8Array; readonly outs: readonly (Uint8Array | undefined)[] },
  ): void {
    const { size, told } = a.member!.each!;
    const structs = outs[this.#outs.indexOf(a.at!)] ?? new Uint8Array(0);
    let at = 0;
    for (const [i, place] of pieces.entries()) {
      if ((i + 1) * size > structs.length) return;
      let left = viewOf(structs).getUint32(i * size + told, true);
      for (const { address, length } of place) {
        const n = Math.min(length, left);
        if (n > 0) this.#memory.copyout(address, bytes.subarray(at, at + n));
        left -= n;
        at += length;
      }
    }
  }
  /** A `size_t *` that comes back larger than the room there was: the C call fails, with what fitted in place. */
  #short(outs: readonly (Uint8Array | undefined)[]): SysError | undefined {
    for (const [name, had] of this.#counts) {
      const now = outs[this.#outs.indexOf(name)];
      const room = this.#places[this.#outs.findIndex((k) => this.#decl.args[k]!.size === name)];
      if (now && room && uintOf(now) > uintOf(had)) return errno.ENOMEM;
    }
    return undefined;
  }
}

/** Bytes of the memory that an ioctl's structure points at. */
function lengthPointed({ count, countSize, unit, fixed }: Pointed, struct: Uint8Array): number {
  if (fixed !== undefined) return fixed;
  const d = viewOf(struct);
  const n = countSize === 4 ? d.getInt32(count, true) : Number(d.getBigUint64(count, true));
  return Math.max(0, n) * unit;
}
/** Where it is; undefined: it is left out. */
function morePlace(pointed: Pointed, struct: Uint8Array): Place[number] | undefined {
  const address = viewOf(struct).getBigUint64(pointed.pointer, true);
  const length = lengthPointed(pointed, struct);
  if (address === 0n || length === 0) return undefined;
  if (length > MAX_TRANSFER) throw errno.EINVAL;
  return { address, length };
}

/** Whether a call has no memory: nothing need be asked for. */
const bare = (decl: Decl) => Object.values(decl.args).every((a) => a.kind === "value" || a.kind === "pad");

/** Make a C client's call one of ours. Throws errno when its memory cannot be had. */
export function nativeCall(decl: Decl, body: Uint8Array, memory: Memory): Async<NativeCall> {
  if (!bare(decl)) return new Fetcher(decl, body.slice(), memory).run();
  const slots = slotsOf(decl, body);
  const wire = Object.entries(decl.args).filter(([, a]) => a.kind === "value").map(([k, a]) => scalar(a, slots[k]!));
  return { wire, store: () => undefined };
}
