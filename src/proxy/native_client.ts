/**
 * Our calls for a NetBSD kernel: arguments become 8-byte slots, memory gets addresses for as long as the call lasts, and
 * the kernel's questions (copyin, copyout) are answered from it. The other side of native.ts, derived from the same rows.
 */
import { errno, errnoOf } from "../abi/errno.ts";
import { sizeOf } from "../abi/ioccom.ts";
import { pointedBy } from "../abi/sockio.ts";
import { declared } from "../abi/syscalls.ts";
import { type Arg, type Decl, type Member, slotNames } from "../abi/types.ts";
import { then } from "../lib/async.ts";
import { viewOf } from "../lib/struct.ts";
import { decodeName, encodeName } from "../lib/text.ts";
import type { Async } from "../plugin.ts";
import { Class, type SpFrame, spFrame, Type } from "./sysproxy.ts";

const SLOT = 8;
/** Every piece of memory has this much of the address space to itself. */
const SPACING = 2 ** 32;
/** Pieces before addresses are used again; those still in use are left out. */
const PIECES = 2 ** 20;

/** Memory of calls under way, by address. */
export class Regions {
  readonly #pieces = new Map<number, Uint8Array>();
  #next = 0;
  /** Lend a piece: its address. */
  lend(bytes: Uint8Array): number {
    do this.#next = (this.#next % PIECES) + 1; while (this.#pieces.has(this.#next));
    this.#pieces.set(this.#next, bytes);
    return this.#next * SPACING;
  }
  take(addresses: readonly number[]): void {
    for (const address of addresses) this.#pieces.delete(address / SPACING);
  }
  /** `length` bytes at an address; undefined where nothing was lent. */
  at(address: number, length: number): Uint8Array | undefined {
    const piece = this.#pieces.get(Math.floor(address / SPACING));
    const from = address % SPACING;
    return piece && from + length <= piece.length ? piece.subarray(from, from + length) : undefined;
  }
  /** What is there of a piece from an address on. */
  rest(address: number): Uint8Array | undefined {
    return this.#pieces.get(Math.floor(address / SPACING))?.subarray(address % SPACING);
  }
}

/** Answer a question of the kernel's: what to send, or nothing. */
export function answer(regions: Regions, { type, reqno, u, body }: SpFrame): readonly Uint8Array[] | undefined {
  if (type === Type.RAISE) return undefined;
  if (body.length < 2 * SLOT || u !== 0) return spFrame(Class.RESP, type, reqno, 0);
  const d = viewOf(body);
  const [length, address] = [Number(d.getBigUint64(0, true)), Number(d.getBigUint64(SLOT, true))];
  if (type === Type.COPYOUT || type === Type.COPYOUTSTR) {
    regions.at(address, length)?.set(body.subarray(2 * SLOT, 2 * SLOT + length));
    return undefined;
  }
  if (type === Type.COPYIN) {
    return spFrame(Class.RESP, type, reqno, 0, regions.at(address, length) ?? new Uint8Array(0));
  }
  if (type !== Type.COPYINSTR) return spFrame(Class.RESP, type, reqno, 0, new Uint8Array(SLOT)); // no memory is mapped
  const text = regions.rest(address) ?? new Uint8Array(1);
  const end = text.indexOf(0);
  return spFrame(
    Class.RESP,
    Type.COPYIN,
    reqno,
    0,
    text.subarray(0, Math.min(length, end < 0 ? text.length : end + 1)),
  );
}

/** Send a SYSCALL request's body; the RESP's body comes back. */
export type Exchange = (nr: number, body: Uint8Array) => Async<Uint8Array>;

/** Puts one call's arguments into slots. */
class Packer {
  readonly body: Uint8Array;
  readonly lent: number[] = [];
  readonly #view: DataView;
  readonly #regions: Regions;
  readonly #decl: Decl;
  readonly #names: readonly string[];

  constructor(decl: Decl, regions: Regions) {
    this.#decl = decl;
    this.#regions = regions;
    this.#names = slotNames(decl);
    this.body = new Uint8Array(this.#names.length * SLOT);
    this.#view = viewOf(this.body);
  }
  pack(given: Record<string, unknown>): void {
    const args = this.#pointed(given);
    for (const [name, a] of Object.entries(this.#decl.args)) {
      if (a.kind === "pad") continue;
      if (a.member) {
        this.#member(a, a.member, args);
        continue;
      }
      const at = this.#names.indexOf(a.at ?? name) * SLOT;
      if (a.at === undefined || args[name] !== undefined) {
        this.#view.setBigInt64(at, BigInt(this.#slot(a, args, name)), true);
      }
    }
  }
  /** Memory that a structure points at: its pointer and length are put there, as in C the caller does. */
  #member(a: Arg<unknown>, at: Member, args: Record<string, unknown>): void {
    const name = Object.keys(this.#decl.args).find((k) => this.#decl.args[k] === a)!;
    const bytes = args[name] as Uint8Array | undefined;
    const structs = args[a.at!] as Uint8Array;
    if (!at.each) return this.#point(a, at, structs, bytes);
    const { size, told } = at.each;
    let from = 0;
    for (let s = 0; s + size <= structs.length; s += size) {
      const struct = structs.subarray(s, s + size);
      const n = viewOf(struct).getUint32(told, true);
      this.#point(a, at, struct, n > 0 ? bytes?.subarray(from, from + n) : undefined);
      from += n;
    }
  }
  #point(a: Arg<unknown>, at: Member, struct: Uint8Array, bytes: Uint8Array | undefined): void {
    const d = viewOf(struct);
    const address = bytes === undefined ? 0 : a.iovec ? this.#vector(bytes) : this.#lend(bytes);
    d.setBigUint64(at.pointer, BigInt(address), true);
    d.setUint32(at.length, a.iovec ? 1 : bytes?.length ?? 0, true);
  }
  /** A string behind a structure becomes one its pointer leads to. */
  #pointed(args: Record<string, unknown>): Record<string, unknown> {
    const entries = Object.entries(this.#decl.args).filter(([, a]) => a.points && a.kind === "in");
    for (const [name, a] of entries) {
      const pointer = a.points!(Object.keys(this.#decl.args).map((k) => args[k]));
      const all = args[name] as Uint8Array | undefined;
      if (!pointer || !all || all.length < pointer.size) continue;
      const bytes = all.slice(0, pointer.size);
      const text = this.#lend(terminated(decodeName(all.subarray(pointer.size))));
      viewOf(bytes).setBigUint64(pointer.at, BigInt(text), true);
      return { ...args, [name]: bytes };
    }
    return args;
  }
  #slot(a: Arg<unknown>, args: Record<string, unknown>, name: string): number {
    if (a.kind === "len") return this.#count(a, args);
    const value = args[name];
    if (value === undefined || value === null) return 0;
    if (a.kind === "value") return value as number;
    if (a.kind === "path") return this.#lend(terminated(value as string));
    if (a.size === "com") this.#behind(args.com as number, value as Uint8Array);
    return a.iovec ? this.#vector(value as Uint8Array) : this.#lend(value as Uint8Array);
  }
  /** What stands behind an ioctl's structure is where its pointer leads. */
  #behind(com: number, data: Uint8Array): void {
    const pointed = pointedBy(com);
    const size = sizeOf(com);
    if (!pointed || data.length < size) return;
    const address = data.length > size ? this.#lend(data.subarray(size)) : 0;
    viewOf(data).setBigUint64(pointed.pointer, BigInt(address), true);
  }
  #count(a: Arg<unknown>, args: Record<string, unknown>): number {
    const of = this.#decl.args[a.of!]!;
    if (of.iovec) return 1;
    return Math.floor(((args[a.of!] as Uint8Array | undefined)?.length ?? 0) / (a.unit ?? 1));
  }
  /** One piece is vector enough. */
  #vector(bytes: Uint8Array): number {
    const iov = new Uint8Array(2 * SLOT);
    viewOf(iov).setBigUint64(0, BigInt(this.#lend(bytes)), true);
    viewOf(iov).setBigUint64(SLOT, BigInt(bytes.length), true);
    return this.#lend(iov);
  }
  #lend(bytes: Uint8Array): number {
    const address = this.#regions.lend(bytes);
    this.lent.push(address);
    return address;
  }
}
function terminated(text: string): Uint8Array {
  const name = encodeName(text);
  const bytes = new Uint8Array(name.length + 1);
  bytes.set(name);
  return bytes;
}

function stub(decl: Decl, regions: Regions, exchange: Exchange): (args?: Record<string, unknown>) => Async<unknown> {
  return (args = {}) => {
    const packer = new Packer(decl, regions);
    packer.pack(args);
    return then(exchange(decl.nr, packer.body), (body) => {
      regions.take(packer.lent);
      return resultOf(decl, body);
    });
  };
}
/** struct rsp_sysresp. */
function resultOf(decl: Decl, body: Uint8Array): unknown {
  if (body.length < 3 * SLOT) throw errno.EPROTO;
  const d = viewOf(body);
  const e = d.getInt32(0, true);
  if (e !== 0) throw errnoOf(e);
  const ret = Number(d.getBigInt64(SLOT, true));
  return decl.ret === "pair" ? [ret, Number(d.getBigInt64(2 * SLOT, true))] : ret;
}

/** All declared calls over such a connection. */
export function nativeStubs(regions: Regions, exchange: Exchange): Record<string, unknown> {
  return Object.fromEntries(Object.entries(declared).map(([name, decl]) => [name, stub(decl, regions, exchange)]));
}
