/** The sysctl tree (NetBSD sysctl(7), sysctl(9)): typed nodes registered by whoever owns them; read, write, list, describe. */
import { errno } from "../abi/errno.ts";
import {
  CTL_DESCRIBE,
  CTL_QUERY,
  CTLFLAG_HIDDEN,
  CTLFLAG_PERMANENT,
  CTLFLAG_READWRITE,
  CTLTYPE_BOOL,
  CTLTYPE_INT,
  CTLTYPE_NODE,
  CTLTYPE_QUAD,
  CTLTYPE_STRING,
  CTLTYPE_STRUCT,
  SYSCTL_VERS_1,
} from "../abi/flags.ts";
import { Sysctldesc, Sysctlnode } from "../abi/structs.ts";
import { viewOf } from "../lib/struct.ts";
import type { SysctlNode } from "../plugin.ts";

const types = {
  int: CTLTYPE_INT,
  quad: CTLTYPE_QUAD,
  bool: CTLTYPE_BOOL,
  string: CTLTYPE_STRING,
  struct: CTLTYPE_STRUCT,
  node: CTLTYPE_NODE,
} as const;
/** Longest string that can be set. */
const MAX_STRING = 1024;
/** Numbers given to nodes without one of their own start here (CREATE_BASE). */
const FIRST_FREE = 1024;

/** A node of the tree: a directory of others, or a variable. */
interface Branch {
  readonly name: string;
  readonly number: number;
  readonly children: Map<string, Branch>;
  leaf: SysctlNode | undefined;
}
const text = new TextEncoder();
const utf8 = new TextDecoder();

/** Well-known numbers of top-level names (sys/sysctl.h CTL_*), in the order `sysctl -a` shows them. */
const top = ["kern", "vm", "vfs", "net", "debug", "hw", "machdep", "user", "ddb", "proc", "vendor", "emul", "security"];

/** Numbers of directories below (sys/socket.h, netinet/in.h). */
const directories: Readonly<Record<string, number>> = {
  "net.local": 1,
  "net.inet": 2,
  "net.inet.ip": 0,
  "net.inet.icmp": 1,
  "net.inet.igmp": 2,
  "net.inet.tcp": 6,
  "net.inet.udp": 17,
  "net.inet.raw": 255,
  "net.link": 18,
  "net.inet6": 24,
  "net.inet6.tcp6": 6,
  "net.inet6.udp6": 17,
  "net.inet6.ip6": 41,
  "net.inet6.icmp6": 58,
  "net.inet6.raw6": 255,
  "net.route": 34,
};

export class Sysctl {
  readonly #root: Branch = branch("", 0);

  constructor() {
    for (const [i, name] of top.entries()) this.#root.children.set(name, branch(name, i + 1));
  }

  /** Add variables by dotted name. One that exists already is a mistake. */
  add(nodes: Readonly<Record<string, SysctlNode>>): void {
    for (const [path, leaf] of Object.entries(nodes)) {
      const names = path.split(".");
      let at = this.#root;
      for (const [i, name] of names.entries()) {
        const number = i === names.length - 1 ? leaf.number : directories[names.slice(0, i + 1).join(".")];
        at = child(at, name, number);
      }
      if (at.leaf || at.children.size > 0) throw new Error(`sysctl ${path} is registered already`);
      at.leaf = leaf;
    }
  }
  /** Remove variables added before. */
  remove(paths: Iterable<string>): void {
    for (const path of paths) {
      const names = path.split(".");
      const last = names.pop()!;
      this.#walk(names)?.children.delete(last);
    }
  }
  /** A variable by dotted name; undefined when there is none. */
  find(path: string): SysctlNode | undefined {
    return this.#walk(path.split("."))?.leaf;
  }
  /** Every variable with its dotted name, in tree order. */
  *[Symbol.iterator](): Generator<[string, SysctlNode]> {
    yield* leaves(this.#root, "");
  }

  /**
   * The system call: `mib` are the numbers, `oldp` receives the value, `newp` is the value to set. Returns how long the
   * value is, which may be more than `oldp` took (ENOMEM is the caller's to say).
   */
  call(mib: readonly number[], oldp: Uint8Array | undefined, newp: Uint8Array | undefined, superuser: boolean): number {
    const last = mib.at(-1);
    if (last === undefined) throw errno.EINVAL;
    if (last === CTL_QUERY) return fill(oldp, query(this.#at(mib.slice(0, -1))));
    if (last === CTL_DESCRIBE) return fill(oldp, describe(this.#at(mib.slice(0, -1)), newp));
    const tail = this.#tail(mib);
    if (tail) return fillGrowing(oldp, tail());
    const { leaf, children } = this.#at(mib);
    if (!leaf) throw children.size > 0 ? errno.EISDIR : errno.ENOENT;
    const size = fill(oldp, encode(leaf, oldp?.length ?? 0));
    if (newp) set(leaf, newp, superuser);
    return size;
  }
  /** What numbers mean that follow a variable's own; undefined: there is no such variable. */
  #tail(mib: readonly number[]): (() => Uint8Array) | undefined {
    let at: Branch | undefined = this.#root;
    for (const [i, n] of mib.entries()) {
      at = [...at.children.values()].find((b) => b.number === n);
      if (!at) return undefined;
      const { leaf } = at;
      if (leaf?.tail) return () => leaf.tail!(mib.slice(i + 1));
    }
    return undefined;
  }
  #at(mib: readonly number[]): Branch {
    let at = this.#root;
    for (const n of mib) {
      if (at.leaf) throw errno.ENOTDIR;
      const next = [...at.children.values()].find((b) => b.number === n);
      if (!next) throw errno.ENOENT;
      at = next;
    }
    return at;
  }
  #walk(names: readonly string[]): Branch | undefined {
    let at: Branch | undefined = this.#root;
    for (const name of names) at = at?.children.get(name);
    return at;
  }
}

const branch = (name: string, number: number): Branch => ({ name, number, children: new Map(), leaf: undefined });

function child(at: Branch, name: string, number: number | undefined): Branch {
  if (at.leaf) throw new Error(`sysctl ${at.name} is a variable, not a directory`);
  const old = at.children.get(name);
  if (old) return old;
  const taken = [...at.children.values()].map((b) => b.number);
  const made = branch(name, number ?? Math.max(FIRST_FREE - 1, ...taken) + 1);
  at.children.set(name, made);
  return made;
}

function* leaves(at: Branch, prefix: string): Generator<[string, SysctlNode]> {
  for (const b of at.children.values()) {
    if (b.leaf) yield [prefix + b.name, b.leaf];
    else yield* leaves(b, `${prefix}${b.name}.`);
  }
}

/** A value as C sees it: int, quad_t, bool, NUL-ended string, or the struct's bytes. */
function encode(leaf: SysctlNode, room = 0): Uint8Array {
  const value = leaf.read(room);
  if (value instanceof Uint8Array) return value;
  if (leaf.type === "string") return text.encode(`${value}\0`);
  const out = new Uint8Array(leaf.type === "quad" ? 8 : leaf.type === "bool" ? 1 : 4);
  const d = viewOf(out);
  if (leaf.type === "quad") d.setBigInt64(0, BigInt(value as number | bigint), true);
  else if (leaf.type === "bool") d.setUint8(0, value ? 1 : 0);
  else d.setInt32(0, Number(value), true);
  return out;
}
function decode(leaf: SysctlNode, raw: Uint8Array): number | string | boolean | bigint | Uint8Array {
  const d = viewOf(raw);
  switch (leaf.type) {
    case "string": {
      if (raw.length > MAX_STRING) throw errno.EINVAL;
      const end = raw.indexOf(0);
      return utf8.decode(end < 0 ? raw : raw.subarray(0, end));
    }
    case "quad":
      if (raw.length !== 8) throw errno.EINVAL;
      return d.getBigInt64(0, true);
    case "int":
      if (raw.length !== 4) throw errno.EINVAL;
      return d.getInt32(0, true);
    case "bool":
      if (raw.length !== 1) throw errno.EINVAL;
      return raw[0] !== 0;
    case "struct":
    case "node":
      return raw;
  }
}
function set(leaf: SysctlNode, raw: Uint8Array, superuser: boolean): void {
  if (!leaf.write || !superuser) throw errno.EPERM;
  leaf.write(decode(leaf, raw));
}

function fill(oldp: Uint8Array | undefined, value: Uint8Array): number {
  oldp?.set(value.subarray(0, oldp.length));
  return value.length;
}

/** Of a value that grows: who asks how long it is is told of a tenth more. */
function fillGrowing(oldp: Uint8Array | undefined, value: Uint8Array): number {
  return oldp ? fill(oldp, value) : Math.floor(value.length * 1.1);
}

const leafFlags = (leaf: SysctlNode) =>
  types[leaf.type] | (leaf.write ? CTLFLAG_READWRITE : 0) | (leaf.visible === false ? CTLFLAG_HIDDEN : 0);
/** A hidden variable may be long: it is not made to tell its size (sysctl(9): 0 is "it varies"). */
const sizeOf = (leaf: SysctlNode) => (leaf.visible === false ? 0 : encode(leaf).length);

/** The children of a node as an array of struct sysctlnode. */
function query(at: Branch): Uint8Array {
  if (at.leaf && at.leaf.type !== "node") throw errno.ENOTDIR;
  const out = new Uint8Array(at.children.size * Sysctlnode.size);
  const d = viewOf(out);
  let base = 0;
  for (const b of at.children.values()) {
    Sysctlnode.set.flags(d, base, SYSCTL_VERS_1 | CTLFLAG_PERMANENT | (b.leaf ? leafFlags(b.leaf) : CTLTYPE_NODE));
    Sysctlnode.set.num(d, base, b.number);
    Sysctlnode.set.name(d, base, b.name);
    Sysctlnode.set.ver(d, base, 1);
    Sysctlnode.set.size(d, base, b.leaf ? sizeOf(b.leaf) : Sysctlnode.size);
    if (!b.leaf) Sysctlnode.set.clen(d, base, b.children.size);
    base += Sysctlnode.size;
  }
  return out;
}

/** struct sysctldesc of every child, or of the one whose number stands in `newp` (a struct sysctlnode). */
function describe(at: Branch, newp: Uint8Array | undefined): Uint8Array {
  if (newp && newp.length < Sysctlnode.size) throw errno.EINVAL;
  const only = newp && Sysctlnode.get.num(viewOf(newp), 0);
  const chosen = [...at.children.values()].filter((b) => only === undefined || b.number === only);
  if (only !== undefined && chosen.length === 0) throw errno.ENOENT;
  const records = chosen.map(description);
  const out = new Uint8Array(records.reduce((n, r) => n + r.length, 0));
  let base = 0;
  for (const r of records) {
    out.set(r, base);
    base += r.length;
  }
  return out;
}
function description(b: Branch): Uint8Array {
  const doc = text.encode(`${b.leaf?.doc ?? ""}\0`);
  const out = new Uint8Array((Sysctldesc.size + doc.length + 3) & ~3);
  const d = viewOf(out);
  Sysctldesc.set.num(d, 0, b.number);
  Sysctldesc.set.ver(d, 0, 1);
  Sysctldesc.set.len(d, 0, doc.length);
  out.set(doc, Sysctldesc.size);
  return out;
}
