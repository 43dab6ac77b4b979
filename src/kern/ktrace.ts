/** Tracing system calls to a file or pipe (NetBSD: kern_ktrace.c): ktrace(2), fktrace(2). */
import { errno, type SysError } from "../abi/errno.ts";
import { O_APPEND, O_WRONLY } from "../abi/flags.ts";
import {
  GENIO_MAX,
  KTR_GENIO,
  KTR_MIB,
  KTR_NAMEI,
  KTR_SYSCALL,
  KTR_SYSRET,
  KTR_VERSION,
  KTRFAC_INHERIT,
  KTRFAC_MASK,
  KTRFLAG_DESCEND,
  KtrGenio,
  KtrHeader,
  KTROP_CLEAR,
  KTROP_CLEARFILE,
  KTROP_MASK,
  KTROP_SET,
  KtrSyscall,
  KtrSysret,
} from "../abi/ktrace.ts";
import { declared } from "../abi/syscalls.ts";
import { type Decl, slotNames } from "../abi/types.ts";
import { then } from "../lib/async.ts";
import { viewOf } from "../lib/struct.ts";
import { encodeName } from "../lib/text.ts";
import type { Handlers } from "./dispatch.ts";
import { type File, release } from "./file.ts";
import type { Kernel } from "./kernel.ts";
import { Lwp, type Proc } from "./proc.ts";

/** Records that wait for a slow reader; more are lost, and counted. */
const QUEUE = 1 << 20;
const SLOT = 8;
/** What stands for the address of an argument's memory: the caller's own never gets here. */
const ADDRESS = 0x1_0000;

/** Where records go: written one after the other, waiting for a reader that is slow. */
class Sink {
  readonly file: File;
  /** Who reads a pipe is not traced into it: its reading would be told for ever. */
  readonly reader: Proc | undefined;
  readonly #lwp: Lwp;
  readonly #queue: Uint8Array[] = [];
  #queued = 0;
  #writing = false;
  /** Processes traced here. */
  users = 0;
  lost = 0;
  readonly #broken: () => void;

  constructor(file: File, caller: Proc, kernel: Proc, broken: () => void) {
    this.file = file;
    this.reader = file.ops.seekable ? undefined : caller;
    this.#lwp = new Lwp(kernel);
    this.#broken = broken;
    file.refs++;
  }
  put(record: Uint8Array): void {
    if (this.#queued + record.length > QUEUE) {
      this.lost++;
      return;
    }
    this.#queue.push(record);
    this.#queued += record.length;
    if (!this.#writing) this.#write();
  }
  #write(): void {
    for (;;) {
      const record = this.#queue.shift();
      this.#writing = record !== undefined;
      if (!record) return;
      this.#queued -= record.length;
      try {
        const done = this.#append(record);
        if (done instanceof Promise) return void done.then(() => this.#write(), () => this.#end());
      } catch {
        return this.#end();
      }
    }
  }
  #append(record: Uint8Array) {
    const { file } = this;
    const at = file.ops.seekable ? file.ops.size?.(file) : 0;
    return then(at, (offset = 0) => file.ops.write!(file, record, offset, this.#lwp));
  }
  /** Nobody reads any more, or the disk is full. */
  #end(): void {
    this.#queue.length = 0;
    this.#queued = 0;
    this.#writing = true;
    this.#broken();
  }
}
/** A process that is traced. */
interface Traced {
  readonly sink: Sink;
  /** KTRFAC_* */
  readonly facs: number;
}

/** A call's arguments as the registers NetBSD's record has. */
function registers(decl: Decl, args: Readonly<Record<string, unknown>>): Uint8Array {
  const names = slotNames(decl);
  const out = new Uint8Array(KtrSyscall.size + names.length * SLOT);
  const d = viewOf(out);
  KtrSyscall.write(d, 0, { code: decl.nr, argsize: names.length * SLOT });
  for (const [i, name] of names.entries()) {
    const a = decl.args[name]!;
    const x = a.kind === "len" ? args[a.of!] : args[name];
    const address = x === undefined ? 0 : ADDRESS * (i + 1);
    const length = x instanceof Uint8Array ? Math.floor(x.length / (a.unit ?? 1)) : 0;
    const register = a.kind === "value" ? Number(x ?? 0) : a.kind === "len" ? length : address;
    d.setBigInt64(KtrSyscall.size + i * SLOT, BigInt(register), true);
  }
  return out;
}
/** Bytes a descriptor's reading or writing moved, as far as a record has room. */
function genio(fd: number, rw: 0 | 1, moved: Uint8Array): Uint8Array {
  const part = moved.subarray(0, GENIO_MAX);
  const out = new Uint8Array(KtrGenio.size + part.length);
  KtrGenio.write(viewOf(out), 0, { fd, rw });
  out.set(part, KtrGenio.size);
  return out;
}
/** The argument whose bytes go through a descriptor, and whether it is written. */
function carried(decl: Decl): readonly [string, boolean] | undefined {
  const name = ["buf", "iov"].find((n) => decl.args[n]);
  return name !== undefined && decl.args.fd ? [name, decl.args[name]!.kind === "in"] : undefined;
}

/** See the head of this file. */
export class Ktrace {
  readonly #kernel: Kernel;
  readonly #traced = new Map<Proc, Traced>();
  readonly #sinks = new Map<File, Sink>();
  #lids = 0;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
    kernel.atFork((proc, parent = kernel.proc1) => this.inherit(proc, parent));
  }
  /** A new process is traced where its parent's trace is for children, too. */
  inherit(proc: Proc, parent: Proc): void {
    const of = this.#traced.get(parent);
    if (of && of.facs & KTRFAC_INHERIT && !this.#traced.has(proc)) this.#set(proc, of);
  }
  #set(proc: Proc, traced: Traced): void {
    const fresh = !this.#traced.has(proc);
    this.#clear(proc);
    this.#traced.set(proc, traced);
    traced.sink.users++;
    if (fresh) proc.atExit.push(() => this.#clear(proc));
    this.#kernel.dispatcher.trace = (lwp, name, args) => this.#enter(lwp, name, args);
  }
  #clear(proc: Proc): void {
    const old = this.#traced.get(proc);
    if (!old) return;
    this.#traced.delete(proc);
    if (this.#traced.size === 0) this.#kernel.dispatcher.trace = undefined;
    if (--old.sink.users > 0) return;
    this.#sinks.delete(old.sink.file);
    if (old.sink.lost > 0) this.#kernel.log.write(`ktrace: ${old.sink.lost} records lost: their reader was slow`);
    void release(old.sink.file);
  }
  #clearFile(file: File): void {
    for (const [proc, { sink }] of [...this.#traced]) if (sink.file === file) this.#clear(proc);
  }

  /** The system call: `pid` 1 with DESCEND is every client. */
  change(lwp: Lwp, file: File | undefined, ops: number, facs: number, pid: number): number {
    const op = ops & KTROP_MASK;
    if (op === KTROP_CLEARFILE) {
      if (!file) throw errno.EBADF;
      this.#clearFile(file);
      return 0;
    }
    if (op === KTROP_SET && (!file?.writable || !file.ops.write)) throw errno.EBADF;
    if (op > KTROP_CLEARFILE || (facs & KTRFAC_MASK) === 0) throw errno.EINVAL;
    const chosen = this.#chosen(lwp, Math.abs(pid), (ops & KTRFLAG_DESCEND) !== 0);
    if (op === KTROP_CLEAR) { for (const proc of chosen) this.#clear(proc); }
    else this.#start(lwp, file!, chosen, facs);
    return 0;
  }
  #start(lwp: Lwp, file: File, chosen: readonly Proc[], facs: number): void {
    let sink = this.#sinks.get(file);
    if (!sink) {
      sink = new Sink(file, lwp.proc, this.#kernel.proc1, () => this.#clearFile(file));
      this.#sinks.set(file, sink);
    }
    for (const proc of chosen) this.#set(proc, { sink, facs });
  }
  #chosen(lwp: Lwp, pid: number, descend: boolean): Proc[] {
    const { procs } = this.#kernel;
    const first = procs.get(pid);
    if (!first) throw errno.ESRCH;
    const chosen = new Set([first]);
    // A child comes after its parent in the table: one pass finds them all.
    if (descend) { for (const proc of procs) if (chosen.has(procs.get(proc.ppid)!)) chosen.add(proc); }
    const { euid } = lwp.proc.cred;
    for (const { cred } of chosen) if (euid !== 0 && (cred.uid !== euid || cred.euid !== euid)) throw errno.EPERM;
    return [...chosen];
  }

  #enter(lwp: Lwp, name: string, args: unknown): ((outcome: number | SysError) => void) | undefined {
    const traced = this.#traced.get(lwp.proc);
    if (!traced || traced.sink.reader === lwp.proc) return undefined;
    const decl = declared[name]!;
    const values = (args ?? {}) as Readonly<Record<string, unknown>>;
    const lid = (this.#lids = (this.#lids % 0x7fff_fff0) + 1);
    const put = (type: number, body: Uint8Array) => this.#put(traced, lwp.proc, lid, type, body);
    put(KTR_SYSCALL, registers(decl, values));
    for (const [k, a] of Object.entries(decl.args)) {
      if (a.kind === "path") put(KTR_NAMEI, encodeName(values[k] as string));
    }
    if (decl === declared.__sysctl) put(KTR_MIB, values.name as Uint8Array);
    const through = carried(decl);
    return (outcome) => {
      const moved = through && typeof outcome === "number"
        ? (values[through[0]] as Uint8Array).subarray(0, outcome)
        : undefined;
      if (moved) put(KTR_GENIO, genio(values.fd as number, through![1] ? 1 : 0, moved));
      put(KTR_SYSRET, sysret(decl.nr, outcome));
    };
  }
  #put({ sink, facs }: Traced, proc: Proc, lid: number, type: number, body: Uint8Array): void {
    if ((facs & (1 << type)) === 0) return;
    const record = new Uint8Array(KtrHeader.size + body.length);
    const wall = this.#kernel.host.wall();
    const sec = Math.floor(wall / 1000);
    KtrHeader.write(viewOf(record), 0, {
      len: body.length,
      type,
      version: KTR_VERSION,
      pid: proc.pid,
      comm: proc.comm,
      sec,
      nsec: Math.floor((wall - sec * 1000) * 1e6),
      lid,
    });
    record.set(body, KtrHeader.size);
    sink.put(record);
  }
}
function sysret(code: number, outcome: number | SysError): Uint8Array {
  const out = new Uint8Array(KtrSysret.size);
  const error = typeof outcome === "number" ? 0 : outcome.errno;
  KtrSysret.write(viewOf(out), 0, { code, error, retval: typeof outcome === "number" ? outcome : -1 });
  return out;
}

export function ktraceSyscalls(kernel: Kernel): Handlers<"ktrace" | "fktrace"> {
  const { ktrace } = kernel;
  return {
    fktrace: (lwp, { fd, ops, facs, pid }) => ktrace.change(lwp, lwp.proc.files.get(fd), ops, facs, pid),
    ktrace(lwp, { fname, ops, facs, pid }) {
      if ((ops & KTROP_MASK) === KTROP_CLEAR) return ktrace.change(lwp, undefined, ops, facs, pid);
      const sys = kernel.dispatcher.bind(lwp);
      return then(sys.open({ path: fname, flags: O_WRONLY | O_APPEND }), (fd) => {
        try {
          return ktrace.change(lwp, lwp.proc.files.get(fd), ops, facs, pid);
        } finally {
          void sys.close({ fd });
        }
      });
    },
  };
}
