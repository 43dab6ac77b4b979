/** A client as NetBSD's library is one: memory of its own, calls by number with slots, answers to the server's questions. */
import type { Channel } from "../../src/plugin.ts";
import { Class, Handshake, type SpFrame, spFrame, SpFrames, Type } from "../../src/proxy/sysproxy.ts";
import { viewOf } from "../../src/lib/struct.ts";

const MEMORY = 1 << 20;
/** Where its memory begins: addresses below are bad. */
const BASE = 0x40_0000;

export interface Result {
  readonly error: number;
  readonly ret: number;
  readonly ret2: number;
}
export class CClient {
  readonly memory = new Uint8Array(MEMORY);
  /** Every frame that came, as the recordings show them. */
  readonly seen: Omit<SpFrame, "body">[] = [];
  banner = "";
  open = true;
  /** Called for the server's questions; true: it has answered itself. */
  answer: (frame: SpFrame) => boolean = () => false;
  readonly #channel: Channel;
  readonly #waiting = new Map<number, (frame: SpFrame) => void>();
  readonly #frames: SpFrames;
  #reqno = 0;
  #top = BASE;

  constructor(channel: Channel) {
    this.#channel = channel;
    this.#frames = new SpFrames(() => 1 << 24, (frame) => (this.#take(frame), true));
    channel.receive((bytes) => this.#receive(bytes));
    channel.closed(() => {
      this.open = false;
      for (const fn of this.#waiting.values()) fn(GONE);
    });
  }
  #receive(bytes: Uint8Array): void {
    if (this.banner !== "") return this.#frames.push(bytes);
    this.banner = new TextDecoder().decode(bytes);
  }
  #take(frame: SpFrame): void {
    const { body, ...head } = frame;
    this.seen.push(head);
    if (frame.class === Class.REQ) return this.#asked(frame);
    const fn = this.#waiting.get(frame.reqno);
    this.#waiting.delete(frame.reqno);
    fn?.({ ...frame, body: body.slice() });
  }
  #asked(frame: SpFrame): void {
    if (this.answer({ ...frame, body: frame.body.slice() }) || frame.type === Type.RAISE) return;
    const d = viewOf(frame.body);
    const [length, at] = [Number(d.getBigUint64(0, true)), Number(d.getBigUint64(8, true)) - BASE];
    if (frame.type === Type.COPYOUT) return this.memory.set(frame.body.subarray(16), at);
    let piece = this.memory.subarray(at, at + length);
    if (frame.type === Type.COPYINSTR) piece = piece.subarray(0, piece.indexOf(0) + 1 || length);
    this.send(spFrame(Class.RESP, Type.COPYIN, frame.reqno, 0, piece.slice()));
  }
  send(parts: readonly Uint8Array[]): void {
    this.#channel.send(...parts);
  }
  close(): void {
    this.#channel.close();
  }
  /** A request; its answer, or undefined when the server hangs up. */
  ask(type: number, u: number, body: Uint8Array = new Uint8Array(0), klass: number = Class.REQ): Promise<SpFrame> {
    const reqno = ++this.#reqno;
    const answer = new Promise<SpFrame>((resolve) => this.#waiting.set(reqno, resolve));
    this.send(spFrame(klass, type, reqno, u, body));
    if (!this.open) this.#waiting.get(reqno)?.(GONE);
    return answer;
  }
  guest(name = "test"): Promise<SpFrame> {
    return this.ask(Type.HANDSHAKE, Handshake.GUEST, new TextEncoder().encode(`${name}\0`));
  }
  async syscall(nr: number, ...args: (number | bigint)[]): Promise<Result> {
    const body = new Uint8Array(args.length * 8);
    for (const [i, a] of args.entries()) viewOf(body).setBigInt64(i * 8, BigInt(a), true);
    const frame = await this.ask(Type.SYSCALL, nr, body);
    if (frame.class !== Class.RESP) return { error: -frame.u, ret: -1, ret2: 0 };
    const d = viewOf(frame.body);
    return { error: d.getInt32(0, true), ret: Number(d.getBigInt64(8, true)), ret2: Number(d.getBigInt64(16, true)) };
  }
  /** Room in its memory: the address. */
  room(length: number): number {
    const at = this.#top;
    this.#top += (length + 15) & ~15;
    return at;
  }
  put(bytes: Uint8Array): number {
    const at = this.room(bytes.length);
    this.memory.set(bytes, at - BASE);
    return at;
  }
  text(text: string): number {
    return this.put(new TextEncoder().encode(`${text}\0`));
  }
  at(address: number, length: number): Uint8Array {
    return this.memory.subarray(address - BASE, address - BASE + length);
  }
}
/** What is "answered" when the server hangs up. */
export const GONE: SpFrame = { reqno: -1, class: -1, type: -1, u: 0, body: new Uint8Array(0) };
