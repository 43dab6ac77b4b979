/**
 * A disk over a socket pair, for who must wait for it: whoever asks blocks, whoever serves may take its time. A question is
 * u32 what, u32 length, u64 offset, and the bytes of a write; the answer u32 error (0: none), u32 length, and bytes, which
 * after an error are lines for the log.
 */
import { errno, errnoOf, SysError } from "../abi/errno.ts";
import type { Async } from "../lib/async.ts";
import { struct, u32, u64, viewOf } from "../lib/struct.ts";
import type { BlockDevice, BlockingChannel, Channel } from "../plugin.ts";

export const Question = struct("le", { what: u32, length: u32, offset: u64 }, 16);
export const Answer = struct("le", { error: u32, length: u32 }, 8);
/** What is asked. OPEN comes first, where the other end has to be told which disk: JSON there and back. */
export const ASK = { OPEN: 0, READ: 1, WRITE: 2, FLUSH: 3, DISCARD: 4 } as const;
/** Bytes a transfer may have; longer ones are made of several. */
export const TRANSFER = 4 << 20;
/** Bytes of an answer's lines. */
const WORDS = 64 << 10;
const NONE = new Uint8Array(0);

/** What is told of a disk. */
export interface DiskFacts {
  readonly name: string;
  readonly size: number;
  readonly blockSize: number;
  readonly can: readonly ("write" | "flush" | "discard")[];
}
export const factsOf = (d: BlockDevice): DiskFacts => ({
  name: d.name,
  size: d.size,
  blockSize: d.blockSize,
  can: (["write", "flush", "discard"] as const).filter((op) => d[op] !== undefined),
});

/** The asking end. Whatever is no answer ends the connection: EIO from then on. */
export class Asker {
  readonly #channel: BlockingChannel;
  readonly #log: (text: string) => void;
  readonly #head = viewOf(new Uint8Array(Answer.size));
  #broken = false;

  constructor(channel: BlockingChannel, log: (text: string) => void) {
    this.#channel = channel;
    this.#log = log;
  }
  /** Ask and wait. Bytes that come back go `into`, which they must fill, or are the result, `most` of them. Throws errno. */
  ask(what: number, offset: number, length: number, how: Exchange = {}): Uint8Array {
    if (this.#broken) throw errno.EIO;
    const head = new Uint8Array(Question.size);
    Question.write(viewOf(head), 0, { what, length, offset });
    this.#broken = true; // until all of the answer is here
    this.#channel.send(head, ...how.data ? [how.data] : []);
    this.#fill(new Uint8Array(this.#head.buffer));
    const [error, size] = [Answer.get.error(this.#head, 0), Answer.get.length(this.#head, 0)];
    if (size > (error ? WORDS : how.most ?? how.into?.length ?? 0)) throw errno.EIO;
    if (!error && how.into && size !== how.into.length) throw errno.EIO;
    const bytes = this.#fill(!error && how.into ? how.into : new Uint8Array(size));
    this.#broken = false;
    if (error) this.#failed(error, bytes);
    return bytes;
  }
  #failed(error: number, words: Uint8Array): never {
    for (const line of new TextDecoder().decode(words).split("\n")) if (line !== "") this.#log(line);
    throw errnoOf(error);
  }
  #fill(into: Uint8Array): Uint8Array {
    for (let done = 0; done < into.length;) {
      const n = this.#channel.receive(into.subarray(done));
      if (n === 0) throw errno.EIO;
      done += n;
    }
    return into;
  }
  close(): void {
    this.#broken = true;
    this.#channel.close();
  }
}
interface Exchange {
  readonly data?: Uint8Array;
  readonly into?: Uint8Array;
  readonly most?: number;
}

/** A disk whose transfers are asked for, and waited for. */
export function askedDisk(asker: Asker, { name, size, blockSize, can }: DiskFacts): BlockDevice {
  const inside = (offset: number, length: number) => {
    if (!(offset >= 0) || offset + length > size) throw errno.EIO;
  };
  const pieces = (bytes: Uint8Array, offset: number, work: (part: Uint8Array, at: number) => void) => {
    inside(offset, bytes.length);
    for (let at = 0; at < bytes.length; at += TRANSFER) work(bytes.subarray(at, at + TRANSFER), offset + at);
  };
  return {
    name,
    size,
    blockSize,
    read: (into, offset) =>
      pieces(into, offset, (part, at) => void asker.ask(ASK.READ, at, part.length, { into: part })),
    ...can.includes("write") && {
      write: (from: Uint8Array, offset: number) =>
        pieces(from, offset, (part, at) => void asker.ask(ASK.WRITE, at, part.length, { data: part })),
    },
    ...can.includes("flush") && { flush: () => void asker.ask(ASK.FLUSH, 0, 0) },
    ...can.includes("discard") && {
      discard: (offset: number, length: number) => {
        inside(offset, length);
        const most = 2 ** 30;
        for (let at = 0; at < length; at += most) asker.ask(ASK.DISCARD, offset + at, Math.min(most, length - at));
      },
    },
    close: () => asker.close(),
  };
}

export interface Server {
  /** The disk that is served; undefined: none yet. */
  device(): BlockDevice | undefined;
  /** Make it, as the data of OPEN says; the answer. Left out: it is there. */
  open?(data: Uint8Array): Promise<Uint8Array>;
  /** Lines that go with the answer, when that is an error. */
  words?(): readonly string[];
  /** Something that takes its time has begun (+1), or is done (-1). */
  pending(change: 1 | -1): void;
}
/**
 * The answering end: one question at a time. `broken`: what comes is none, or comes before who asks can have the answer to the
 * last one.
 */
export function serveDisk(channel: Answering, server: Server, broken: () => void): void {
  let busy = false;
  channel.drained?.(() => busy = false);
  const send = (error: number, bytes: Uint8Array) => {
    const head = new Uint8Array(Answer.size);
    Answer.write(viewOf(head), 0, { error, length: bytes.length });
    busy = !channel.send(...bytes.length > 0 ? [head, bytes] : [head]);
  };
  const failed = (e: unknown) => {
    const own = e instanceof SysError ? [] : [e instanceof Error ? e.message : String(e)];
    const words = [...server.words?.() ?? [], ...own].join("\n");
    send(e instanceof SysError ? e.errno : errno.EIO.errno, new TextEncoder().encode(words).subarray(0, WORDS));
  };
  questions(channel, broken, (what, offset, length, data) => {
    if (busy) return broken();
    busy = true;
    try {
      const done = perform(server, what, offset, length, data);
      if (!(done instanceof Promise)) return send(0, done);
      server.pending(1);
      done.then((bytes) => send(0, bytes)).catch(failed).finally(() => server.pending(-1));
    } catch (e) {
      failed(e);
    }
  });
}
type Answering = Pick<Channel, "send" | "receive"> & Partial<Pick<Channel, "drained">>;
function perform(server: Server, what: number, offset: number, length: number, data: Uint8Array): Async<Uint8Array> {
  if (what === ASK.OPEN && server.open) return server.open(data);
  const device = server.device();
  if (!device || !Number.isSafeInteger(offset)) throw errno.EIO;
  const nothing = () => NONE;
  const after = (done: Async<void>) => (done instanceof Promise ? done.then(nothing) : NONE);
  if (what === ASK.READ && length <= TRANSFER) {
    const into = new Uint8Array(length);
    const done = device.read(into, offset);
    return done instanceof Promise ? done.then(() => into) : into;
  }
  if (what === ASK.WRITE && device.write) return after(device.write(data, offset));
  if (what === ASK.FLUSH && device.flush) return after(device.flush());
  if (what === ASK.DISCARD && device.discard) return after(device.discard(offset, length));
  throw errno.EIO;
}
type OnQuestion = (what: number, offset: number, length: number, data: Uint8Array) => void;
/** Put questions together. Their bytes are the receiver's. */
function questions(channel: Pick<Channel, "receive">, broken: () => void, on: OnQuestion): void {
  const head = viewOf(new Uint8Array(Question.size));
  let part = new Uint8Array(head.buffer);
  let [have, isHead] = [0, true];
  const { get } = Question;
  let ended = false;
  const end = () => {
    ended = true;
    broken();
  };
  const full = () => {
    const [what, length] = [get.what(head, 0), get.length(head, 0)];
    const size = what === ASK.WRITE || what === ASK.OPEN ? length : 0;
    if (size > TRANSFER) return end();
    have = 0;
    isHead = !isHead || size === 0;
    const data = part;
    part = isHead ? new Uint8Array(head.buffer) : new Uint8Array(size);
    if (isHead) on(what, get.offset(head, 0), length, size === 0 ? NONE : data);
  };
  channel.receive((bytes) => {
    for (let at = 0; at < bytes.length && !ended;) {
      const some = bytes.subarray(at, at + part.length - have);
      part.set(some, have);
      have += some.length;
      at += some.length;
      if (have === part.length) full();
    }
  });
}
