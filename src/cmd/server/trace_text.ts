/** Records of a trace (abi/ktrace.ts) as lines: one a call, with its arguments decoded by the system call table. */
import { errnoOf } from "../../abi/errno.ts";
import * as flags from "../../abi/flags.ts";
import {
  GENIO_MAX,
  KTR_GENIO,
  KTR_MIB,
  KTR_NAMEI,
  KTR_SYSCALL,
  KTR_SYSRET,
  KtrGenio,
  KtrHeader,
  KtrSyscall,
  KtrSysret,
} from "../../abi/ktrace.ts";
import { declared } from "../../abi/syscalls.ts";
import { type Arg, type Decl, slotNames, u32 } from "../../abi/types.ts";
import { viewOf } from "../../lib/struct.ts";
import { decodeName } from "../../lib/text.ts";

/** Longest record taken: a path or a piece of data, with room. */
const MAX_RECORD = GENIO_MAX + 64 * 1024;
const SLOT = 8;

export interface TraceStyle {
  /** Bytes of data shown. */
  readonly data: number;
  /** Time before each line: none, of the day, since the line before, since the first. */
  readonly time: "none" | "absolute" | "relative" | "elapsed";
  readonly pid: number | undefined;
}
/** A call under way. */
interface Call {
  readonly seconds: number;
  readonly nr: number;
  readonly registers: readonly bigint[];
  readonly names: string[];
  mib: string | undefined;
  data: Uint8Array | undefined;
}
const byNumber = new Map(Object.entries(declared).map(([name, decl]) => [decl.nr, [name, decl] as const]));

/** Bits of open(2)'s flags by name. */
const openBits = [
  "O_NONBLOCK",
  "O_APPEND",
  "O_CREAT",
  "O_TRUNC",
  "O_EXCL",
  "O_NOFOLLOW",
  "O_CLOEXEC",
  "O_DIRECTORY",
  "O_REGULAR",
  "O_SYNC",
] as const;
function openFlags(n: number): string {
  const known = openBits.filter((bit) => n & flags[bit]);
  const rest = known.reduce((left, bit) => left & ~flags[bit], n & ~flags.O_ACCMODE);
  const access = ["O_RDONLY", "O_WRONLY", "O_RDWR"][n & flags.O_ACCMODE] ?? "3";
  return [access, ...known, ...(rest === 0 ? [] : [`0x${rest.toString(16)}`])].join("|");
}
/** Text in quotes; what does not print is escaped. */
function quoted(text: string): string {
  const plain = text.replace(/[\\"]/g, "\\$&").replace(/\n/g, "\\n").replace(/\t/g, "\\t");
  return `"${plain.replace(/[\p{C}]/gu, (c) => [...new TextEncoder().encode(c)].map(hex).join(""))}"`;
}
const escapes: Readonly<Record<number, string>> = { 9: "\\t", 10: "\\n", 13: "\\r", 34: '\\"', 92: "\\\\" };
const hex = (b: number) => `\\x${b.toString(16).padStart(2, "0")}`;
/** Data in quotes, at most `max` bytes of it. */
function dataText(bytes: Uint8Array, max: number): string {
  const shown = Array.from(
    bytes.subarray(0, max),
    (b) => escapes[b] ?? (b < 32 || b > 126 ? hex(b) : String.fromCharCode(b)),
  );
  return `"${shown.join("")}"${bytes.length > max ? "..." : ""}`;
}

/** Puts records together, and gives a line for every call that ended. */
export class TraceText {
  readonly #style: TraceStyle;
  readonly #line: (text: string) => void;
  readonly #calls = new Map<string, Call>();
  #held = new Uint8Array(0);
  #first: number | undefined;
  #before: number | undefined;
  /** The stream is no trace from here on. */
  broken = false;

  constructor(style: TraceStyle, line: (text: string) => void) {
    this.#style = style;
    this.#line = line;
  }
  push(bytes: Uint8Array): void {
    const all = new Uint8Array(this.#held.length + bytes.length);
    all.set(this.#held);
    all.set(bytes, this.#held.length);
    const d = viewOf(all);
    let at = 0;
    while (!this.broken && at + KtrHeader.size <= all.length) {
      const len = KtrHeader.get.len(d, at);
      this.broken = len < 0 || len > MAX_RECORD || KtrHeader.get.version(d, at) !== 2;
      if (this.broken || at + KtrHeader.size + len > all.length) break;
      this.#record(d, at, all.subarray(at + KtrHeader.size, at + KtrHeader.size + len));
      at += KtrHeader.size + len;
    }
    this.#held = all.slice(at);
  }
  /** Bytes left over: a record that was cut. */
  get left(): number {
    return this.#held.length;
  }
  #record(d: DataView, at: number, body: Uint8Array): void {
    const { get } = KtrHeader;
    const pid = get.pid(d, at);
    if (this.#style.pid !== undefined && this.#style.pid !== pid) return;
    const key = `${pid} ${get.lid(d, at)}`;
    const seconds = get.sec(d, at) + get.nsec(d, at) / 1e9;
    const call = this.#calls.get(key);
    switch (get.type(d, at)) {
      case KTR_SYSCALL:
        if (body.length >= KtrSyscall.size) this.#calls.set(key, begun(seconds, body));
        break;
      case KTR_NAMEI:
        call?.names.push(decodeName(body));
        break;
      case KTR_GENIO:
        if (call) call.data = body.subarray(KtrGenio.size);
        break;
      case KTR_MIB:
        if (call) call.mib = mibText(body);
        break;
      case KTR_SYSRET:
        this.#calls.delete(key);
        if (call && body.length >= KtrSysret.size) this.#show(pid, get.comm(d, at), call, seconds, viewOf(body));
    }
  }
  #show(pid: number, comm: string, call: Call, end: number, ret: DataView): void {
    const known = byNumber.get(call.nr);
    const args = known ? argsText(known[1], call, this.#style.data) : call.registers.map((r) => `0x${r.toString(16)}`);
    const error = KtrSysret.get.error(ret, 0);
    const outcome = error === 0 ? String(KtrSysret.get.retval(ret, 0)) : `-1 ${errorText(error)}`;
    const took = Math.max(0, Math.round((end - call.seconds) * 1e6));
    const head = `${this.#time(call.seconds)}${String(pid).padStart(5)} ${quoted(comm).slice(1, -1)}`;
    this.#line(`${head} ${known?.[0] ?? `syscall_${call.nr}`}(${args.join(", ")}) = ${outcome} <${took}us>`);
  }
  #time(seconds: number): string {
    this.#first ??= seconds;
    const since = seconds - (this.#before ?? seconds);
    this.#before = seconds;
    const { time } = this.#style;
    if (time === "none") return "";
    if (time === "absolute") return `${seconds.toFixed(6)} `;
    return `${(time === "relative" ? since : seconds - this.#first).toFixed(6)} `;
  }
}
function begun(seconds: number, body: Uint8Array): Call {
  const d = viewOf(body);
  const count = Math.floor((body.length - KtrSyscall.size) / SLOT);
  const registers = Array.from({ length: count }, (_, i) => d.getBigInt64(KtrSyscall.size + i * SLOT, true));
  return { seconds, nr: KtrSyscall.get.code(d, 0), registers, names: [], mib: undefined, data: undefined };
}
function mibText(body: Uint8Array): string {
  const d = viewOf(body);
  return `{${Array.from({ length: Math.floor(body.length / 4) }, (_, i) => d.getInt32(i * 4, true)).join(".")}}`;
}
function errorText(n: number): string {
  const e = errnoOf(n);
  return `${e.code} ${e.message}`;
}

function argsText(decl: Decl, call: Call, max: number): string[] {
  const names = [...call.names];
  return slotNames(decl).flatMap((name, i) => {
    const a = decl.args[name]!;
    const register = call.registers[i] ?? 0n;
    if (a.kind === "pad") return [];
    if (a.kind === "path") return [names.length > 0 ? quoted(names.shift()!) : "NULL"];
    if (a.kind === "value") return [valueText(decl, name, a, register)];
    if (a.kind === "len") return [String(register)];
    if (register === 0n) return ["NULL"];
    if (name === "name" && call.mib !== undefined) return [call.mib];
    return [(name === "buf" || name === "iov") && call.data ? dataText(call.data, max) : name];
  });
}
function valueText(decl: Decl, name: string, a: Arg<unknown>, register: bigint): string {
  const opens = decl === declared.open || decl === declared.openat;
  const n = Number(a.schema === u32 ? BigInt.asUintN(32, register) : register);
  if (opens && (name === "flags" || name === "oflags")) return openFlags(n);
  if (a.ctype === "mode_t") return n === 0 ? "0" : `0${n.toString(8)}`;
  if (name === "fd" && n === flags.AT_FDCWD) return "AT_FDCWD";
  return /flags?$|^com$|^ops$|^facs$/.test(name) && n > 9 ? `0x${n.toString(16)}` : String(n);
}
