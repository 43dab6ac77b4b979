/** An isolated driver's process as its kernel has it: orders with a time-out, its disk, an eye on its memory; killed when it must be. */
import { errno, type ErrnoName } from "../abi/errno.ts";
import type { Host, Isolated } from "../host/host.ts";
import type { BlockDevice } from "../plugin.ts";
import { serveDisk } from "./blocks.ts";
import { receiveFrames, sendFrame } from "./frames.ts";
import type { Order, Word } from "./operations.ts";

/** What a driver may take. */
export interface Limits {
  /** Seconds an answer may take. */
  readonly seconds: number;
  /** Bytes of memory of its process. */
  readonly memory: number;
  /** It gives up its user, and all calls of the system but those it needs to serve, once its file is loaded. */
  readonly sandbox: boolean;
}
/** Milliseconds between looks at time and memory. */
const LOOK_MS = 100;
/** Lines it may log between two looks, and characters of each. */
const LINES = 20;
const LINE = 2000;
const NONE = new Uint8Array(0);

interface Pending {
  readonly since: number;
  /** Where bytes that come back go. */
  readonly into: Uint8Array | undefined;
  resolve(answer: { readonly value: unknown; readonly bytes: Uint8Array }): void;
  reject(e: unknown): void;
}
export interface ProcessOptions {
  /** For the log: the plugin's file. */
  readonly file: string;
  readonly limits: Limits;
  readonly log: (line: string) => void;
  readonly changed?: (node: number | undefined, name: string | undefined) => void;
}

export class DriverProcess {
  readonly #host: Host;
  #options: ProcessOptions;
  readonly #process: Isolated;
  readonly #pending = new Map<number, Pending>();
  #next = 1;
  #gone = false;
  #cancel = () => {};
  /** Lines logged since the last look. */
  #lines = 0;
  /** The disk it may use. */
  disk: BlockDevice | undefined;

  constructor(host: Host, options: ProcessOptions) {
    this.#host = host;
    this.#options = options;
    this.#process = host.startIsolated([options.file]);
    const { channel } = this.#process;
    channel.closed(() => this.#end("its process has ended"));
    receiveFrames(
      channel,
      (word, bytes) => this.#heard(word as Word, bytes),
      () => this.#end("it does not speak our language"),
    );
    const pending = (change: 1 | -1) => host.loop.pending(change);
    serveDisk(
      this.#process.disk,
      { device: () => this.disk, pending },
      () => this.#end("it does not speak our language"),
    );
    this.#look();
  }
  /** Who is told what it says, and what it may take, from now on. */
  tell(options: Omit<ProcessOptions, "file">): void {
    this.#options = { ...options, file: this.#options.file };
  }
  /** Have something done; bytes that come back go `into`, where that is given. Rejects with the driver's errno; EIO when its process is gone or has to go. */
  ask(order: DistributiveOmit<Extract<Order, { id: number }>, "id">, bytes: Uint8Array = NONE, into?: Uint8Array) {
    return new Promise<{ readonly value: unknown; readonly bytes: Uint8Array }>((resolve, reject) => {
      if (this.#gone) {
        this.#host.loop.settled();
        return reject(errno.EIO);
      }
      const id = this.#next++;
      this.#pending.set(id, { since: this.#host.now(), into, resolve, reject });
      sendFrame(this.#process.channel, { id, ...order }, bytes);
    });
  }
  /** Nodes nobody holds any more, and how often each was told of. */
  forget(nodes: readonly (readonly [node: number, times: number])[]): void {
    if (!this.#gone) sendFrame(this.#process.channel, { forget: nodes });
  }
  get alive(): boolean {
    return !this.#gone;
  }
  /** It is done with. */
  kill(): void {
    this.#gone = true;
    this.#cancel();
    this.#process.kill();
    this.#process.channel.close();
    this.#process.disk.close();
    for (const { reject } of this.#pending.values()) reject(errno.EIO);
    this.#pending.clear();
    this.#host.loop.settled();
  }
  #end(why: string): void {
    if (this.#gone) return;
    this.#options.log(`${this.#options.file}: ${why}: all its files are EIO from now on`);
    this.kill();
  }
  /** Whether it takes too long, or too much. */
  #look(): void {
    const { limits } = this.#options;
    this.#lines = 0;
    const [oldest] = this.#pending.values();
    if (oldest && this.#host.now() - oldest.since > limits.seconds * 1000) {
      return this.#end(`no answer within ${limits.seconds} s, killed`);
    }
    if (this.#memory() > limits.memory) return this.#end(`more than ${limits.memory >> 20} MiB of memory, killed`);
    this.#cancel = this.#host.loop.timer(LOOK_MS, () => this.#look());
  }
  #memory(): number {
    try {
      const status = new TextDecoder().decode(this.#process.status());
      return Number(/^VmRSS:\s*(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024;
    } catch {
      return 0; // gone, which its socket tells
    }
  }

  /** True: the bytes are kept. */
  #heard(word: Word, bytes: Uint8Array): boolean {
    if (typeof word !== "object" || word === null) this.#end("it does not speak our language");
    else if ("log" in word) this.#log(String(word.log));
    else if ("changed" in word) this.#changed(word.changed, word.name);
    else this.#answered(word, bytes);
    return false;
  }
  #answered(word: Extract<Word, { id: number }>, bytes: Uint8Array): void {
    const pending = this.#pending.get(word.id);
    if (!pending) return this.#end("it does not speak our language");
    this.#pending.delete(word.id);
    this.#host.loop.settled();
    if (word.bug !== undefined) this.#log(`${this.#options.file}: bug: ${word.bug}`);
    if (word.bug !== undefined) pending.reject(errno.EIO);
    else if (word.error !== undefined) pending.reject(errno[word.error as ErrnoName] ?? errno.EIO);
    else {
      pending.into?.set(bytes.subarray(0, pending.into.length));
      pending.resolve({ value: word.value, bytes: pending.into ?? bytes.slice() });
    }
  }
  /** Its lines are few and short: the log is everybody's. */
  #log(text: string): void {
    if (this.#lines++ < LINES) this.#options.log(text.slice(0, LINE));
  }
  #changed(node: unknown, name: unknown): void {
    this.#options.changed?.(typeof node === "number" ? node : undefined, typeof name === "string" ? name : undefined);
  }
}
type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;
