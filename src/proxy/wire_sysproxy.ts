/**
 * The server's side of NetBSD's sysproxy 0.4: NetBSD's own rump.* programs. A call's memory is asked for and stored by
 * requests of ours on the same connection. What the original crashed on (see tests/proxy) is answered here.
 */
import { errno, SysError } from "../abi/errno.ts";
import { MAX_TRANSFER } from "../abi/types.ts";
import { then } from "../lib/async.ts";
import { decodeName } from "../lib/text.ts";
import { viewOf } from "../lib/struct.ts";
import type { Reply } from "../kern/dispatch.ts";
import type { Lwp } from "../kern/proc.ts";
import type { Async } from "../plugin.ts";
import { type Connection, MAX_COMM, type Wire } from "./connection.ts";
import { type Memory, type NativeCall, nativeCall } from "./native.ts";
import { MAX_HELLO } from "./frame.ts";
import { Class, COOKIE, Handshake, SpError, type SpFrame, spFrame, SpFrames, SYSRESP, Type } from "./sysproxy.ts";

/** Longest frame: memory of the longest transfer. */
const MAX_FRAME = MAX_TRANSFER + 4096;
/** u32 cookie[4], i32 cancel. */
const FORK_BODY = COOKIE + 4;
/** u64 length, u64 address. */
const COPYDATA = 16;
const OK = new Uint8Array(4);

/** A request of ours that waits for its answer. */
interface Question {
  readonly length: number;
  readonly string: boolean;
  readonly resolve: (bytes: Uint8Array) => void;
  readonly reject: (e: SysError) => void;
}

export class SysproxyWire implements Wire, Memory {
  readonly name = "sysproxy";
  readonly #c: Connection;
  readonly #frames: SpFrames;
  readonly #questions = new Map<number, Question>();
  #asked = 0;

  constructor(connection: Connection) {
    this.#c = connection;
    this.#frames = new SpFrames(() => (connection.proc ? MAX_FRAME : MAX_HELLO), (frame) => this.#frame(frame));
  }
  receive(bytes: Uint8Array): void {
    this.#frames.push(bytes);
    if (this.#frames.broken) this.#c.dismiss("frame of a length no frame has");
  }
  resume(): void {
    this.#frames.resume();
    if (this.#frames.broken) this.#c.dismiss("frame of a length no frame has");
  }
  farewell(): void {
    // This wire has no words: the error frame went before, where there is one.
  }
  ended(): void {
    for (const { reject } of this.#questions.values()) reject(errno.EFAULT);
    this.#questions.clear();
  }

  #frame(frame: SpFrame): boolean {
    if (this.#c.ended) return false;
    if (frame.class === Class.RESP) this.#answered(frame);
    else if (frame.class === Class.ERROR && this.#questions.has(frame.reqno)) this.#unanswered(frame);
    else if (frame.class !== Class.REQ) this.#error(frame, SpError.MALFORMED_REQUEST);
    else if (this.#c.proc) return this.#request(frame);
    else this.#handshake(frame);
    return !this.#c.ended;
  }
  #error(frame: SpFrame, code: number): boolean {
    return this.#c.send(spFrame(Class.ERROR, frame.type, frame.reqno, code));
  }
  /** An error after which the connection is of no use. */
  #fatal(frame: SpFrame, code: number, why: string): false {
    this.#error(frame, code);
    this.#c.dismiss(why);
    return false;
  }
  #respond(frame: SpFrame, body: Uint8Array): boolean {
    return this.#c.send(spFrame(Class.RESP, frame.type, frame.reqno, 0, body));
  }

  #handshake(frame: SpFrame): boolean {
    if (frame.type !== Type.HANDSHAKE) return this.#fatal(frame, SpError.AUTH, "no handshake");
    const { entrance } = this.#c;
    if ("refused" in entrance && entrance.final) return this.#fatal(frame, SpError.AUTH, entrance.refused);
    if (frame.u === Handshake.GUEST) {
      if ("refused" in entrance) return this.#fatal(frame, SpError.AUTH, entrance.refused);
      const { reqno, type } = frame;
      this.#c.welcome(commOf(frame.body), entrance.grant, () => {
        this.#c.send(spFrame(Class.RESP, type, reqno, 0, OK));
      });
      return !this.#c.ended;
    }
    if (frame.u === Handshake.FORK) return this.#fork(frame);
    return this.#fatal(frame, SpError.AUTH, `handshake of kind ${frame.u}`);
  }
  /** The child of a PREFORK comes in with its cookie; `cancel`: it will not. */
  #fork(frame: SpFrame): boolean {
    if (frame.body.length !== FORK_BODY) return this.#fatal(frame, SpError.MALFORMED_REQUEST, "malformed fork");
    const child = this.#c.server.claim(frame.body.subarray(0, COOKIE));
    if (!child) return this.#fatal(frame, SpError.INVALID_PREFORK, "unknown fork cookie");
    if (viewOf(frame.body).getInt32(COOKIE, true) !== 0) {
      this.#c.server.exit(child);
      this.#c.close();
      return false;
    }
    this.#c.admit(child);
    return this.#respond(frame, OK);
  }

  #request(frame: SpFrame): boolean {
    switch (frame.type) {
      case Type.SYSCALL:
        return this.#syscall(frame);
      case Type.PREFORK:
        return this.#prefork(frame);
      case Type.HANDSHAKE:
        if (frame.u === Handshake.EXEC) return this.#exec(frame);
        return this.#fatal(frame, SpError.MALFORMED_REQUEST, "second handshake");
      default:
        return this.#error(frame, SpError.MALFORMED_REQUEST);
    }
  }
  #prefork(frame: SpFrame): boolean {
    if (this.#c.inExec) return this.#fatal(frame, SpError.INEXEC, "fork during exec");
    const cookie = this.#c.server.prefork(this.#c.proc!);
    return cookie ? this.#respond(frame, cookie) : this.#error(frame, SpError.TRYAGAIN);
  }
  #exec(frame: SpFrame): boolean {
    if (this.#c.inExec) return this.#fatal(frame, SpError.INEXEC, "exec during exec");
    const { reqno, type } = frame;
    void then(this.#c.exec(commOf(frame.body)), () => this.#c.send(spFrame(Class.RESP, type, reqno, 0, OK)));
    return true;
  }

  #syscall(frame: SpFrame): boolean {
    const { kernel, lwp } = this.#c;
    const { reqno, u, body } = frame;
    // Answers to our questions come the same way as requests: a client with too many calls is not made to wait.
    if (this.#c.full) return this.#error(frame, SpError.TRYAGAIN);
    this.#c.server.requests++;
    this.#c.count();
    const decl = kernel.dispatcher.declaration(u);
    if (!decl) return this.#result(reqno, failure(errno.ENOSYS));
    const memory = new Borrowed(this, this.#c);
    const call = nativeCall(decl, body, memory);
    const reply = call instanceof Promise
      ? call.then((ready) => this.#run(u, ready, lwp, memory), (e) => this.#failed(e))
      : this.#run(u, call, lwp, memory);
    if (!(reply instanceof Promise)) return this.#result(reqno, reply);
    this.#c.wait(u, reply.then((r) => void this.#result(reqno, r)), () => memory.bytes);
    return true;
  }
  #run(nr: number, call: NativeCall, lwp: Lwp, memory: Borrowed): Async<Reply> {
    const allocate = (n: number) => memory.count(new Uint8Array(n));
    return then(this.#c.kernel.dispatcher.call(lwp, nr, call.wire, allocate), (reply) => {
      if (reply.errno !== 0) return reply;
      const e = call.store(reply.outs);
      return e ? failure(e) : reply;
    });
  }
  #failed(e: unknown): Reply {
    if (e instanceof SysError) return failure(e);
    this.#c.kernel.dispatcher.bug("copyin", e);
    return failure(errno.EIO);
  }
  #result(reqno: number, { errno: e, ret, ret2 }: Reply): boolean {
    const body = new Uint8Array(SYSRESP);
    const d = viewOf(body);
    d.setInt32(0, e, true);
    d.setBigInt64(8, BigInt(e === 0 ? ret : 0), true);
    d.setBigInt64(16, BigInt(e === 0 ? ret2 : 0), true);
    return this.#c.send(spFrame(Class.RESP, Type.SYSCALL, reqno, 0, body));
  }

  #ask(type: number, address: bigint, length: number, string: boolean): Promise<Uint8Array> {
    if (this.#c.ended) return Promise.reject(errno.EFAULT);
    const reqno = this.#asked++;
    return new Promise((resolve, reject) => {
      this.#questions.set(reqno, { length, string, resolve, reject });
      this.#c.send(spFrame(Class.REQ, type, reqno, 0, copydata(address, length)));
    });
  }
  copyin(address: bigint, length: number): Promise<Uint8Array> {
    return length === 0 ? Promise.resolve(new Uint8Array(0)) : this.#ask(Type.COPYIN, address, length, false);
  }
  copyinstr(address: bigint, max: number): Promise<Uint8Array> {
    return this.#ask(Type.COPYINSTR, address, max, true);
  }
  copyout(address: bigint, bytes: Uint8Array): void {
    this.#c.send(spFrame(Class.REQ, Type.COPYOUT, this.#asked++, 0, copydata(address, bytes.length), bytes));
  }
  /** The type of an answer is not looked at: NetBSD's client answers COPYINSTR with COPYIN's. */
  #answered({ reqno, body }: SpFrame): void {
    const question = this.#questions.get(reqno);
    if (!question) return;
    this.#questions.delete(reqno);
    const { length, string, resolve, reject } = question;
    if (!string) return body.length === length ? resolve(body.slice()) : reject(errno.EFAULT);
    const end = body.subarray(0, length).indexOf(0);
    if (end < 0) reject(errno.ENAMETOOLONG);
    else resolve(body.slice(0, end));
  }
  /** The original's clients cannot say "no such memory"; others can. */
  #unanswered({ reqno }: SpFrame): void {
    this.#questions.get(reqno)!.reject(errno.EFAULT);
    this.#questions.delete(reqno);
  }
}
/** A client's memory as one call sees it: what is asked for is counted before it comes, and has a limit. */
class Borrowed implements Memory {
  bytes = 0;
  readonly #memory: Memory;
  readonly #c: Connection;

  constructor(memory: Memory, c: Connection) {
    this.#memory = memory;
    this.#c = c;
  }
  async copyin(address: bigint, length: number): Promise<Uint8Array> {
    // One call alone gets what it wants: there is a limit to that, too.
    const others = this.#c.held - this.bytes;
    if (others > 0 && others + this.bytes + length > this.#c.server.limits.maxBytes) throw errno.ENOMEM;
    this.#add(length);
    return await this.#memory.copyin(address, length);
  }
  /** Memory had on this call's behalf. */
  count(memory: Uint8Array): Uint8Array {
    this.#add(memory.length);
    return memory;
  }
  #add(bytes: number): void {
    this.bytes += bytes;
    this.#c.hold(bytes);
  }
  copyinstr(address: bigint, max: number): Promise<Uint8Array> {
    return this.#memory.copyinstr(address, max);
  }
  copyout(address: bigint, bytes: Uint8Array): void {
    this.#memory.copyout(address, bytes);
  }
}
const failure = (e: SysError): Reply => ({ errno: e.errno, ret: 0, ret2: 0, outs: [] });
function copydata(address: bigint, length: number): Uint8Array {
  const body = new Uint8Array(COPYDATA);
  const d = viewOf(body);
  d.setUint32(0, length, true);
  d.setBigUint64(8, address, true);
  return body;
}
/** A program's name, as far as it is one. */
function commOf(body: Uint8Array): string {
  const end = body.indexOf(0);
  return decodeName(body.subarray(0, Math.min(end < 0 ? body.length : end, MAX_COMM))) || "?";
}
