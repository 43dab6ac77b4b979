/** The process of an isolated driver: loads the plugin's file, mounts, and does what it is told, until its kernel is gone. */
import { SysError } from "../abi/errno.ts";
import type { Host } from "../host/host.ts";
import { optionRows, parseOptions } from "../kern/driver_options.ts";
import { type Hypercalls, Kernel } from "../kern/kernel.ts";
import type { Async, Attr, Channel, FsDriver, MountRequest, Plugin, Sys, Volume } from "../plugin.ts";
import { askedDisk, Asker, type DiskFacts } from "./blocks.ts";
import { receiveFrames, sendFrame } from "./frames.ts";
import { type Description, type Mounted, operations, type Order, type Word } from "./operations.ts";

/** Which driver it is. */
interface Loading {
  /** A plugin's file, or a built-in component. */
  readonly file: string;
  readonly plugin: (file: string) => Promise<Plugin>;
}
/** Serve the kernel that started us. The exit status. */
export async function serveDriver(host: Host, machine: Hypercalls, what: Loading): Promise<number> {
  const channel = host.isolatedEnd();
  channel.closed(() => host.exit(0));
  host.onSignal("SIGTERM", () => host.exit(0)); // Deno makes what signals take at the first one: not in the sandbox, please
  const driver = new Driver(host, channel, what, new Kernel(machine).sys);
  host.onStray((e) => driver.stray(e));
  receiveFrames(channel, (message, bytes) => driver.heard(message as Order, bytes), () => host.exit(1));
  await host.loop.run();
  return 0;
}

const NONE = new Uint8Array(0);
/** Entries of a listing whose attributes go along. */
const ALONG = 512;
interface Answer {
  readonly value?: unknown;
  readonly data?: Uint8Array;
}
class Driver {
  readonly #host: Host;
  readonly #channel: Pick<Channel, "send">;
  readonly #what: Loading;
  readonly #sys: Sys;
  #driver: FsDriver | undefined;
  #volume: Volume | undefined;
  readonly #ids = new Map<unknown, number>();
  readonly #nodes = new Map<number, { readonly node: unknown; told: number }>();
  #nextNode = 1;
  #spare: Uint8Array = NONE;

  constructor(host: Host, channel: Pick<Channel, "send">, what: Loading, sys: Sys) {
    this.#host = host;
    this.#channel = channel;
    this.#what = what;
    this.#sys = {
      ...sys,
      log: (text) => this.#say({ log: String(text) }),
      changed: (_volume, node, name) =>
        this.#say({ changed: this.#ids.get(node) ?? null, ...(name === undefined ? {} : { name }) }),
    };
  }
  #say(word: Word, bytes?: Uint8Array): void {
    sendFrame(this.#channel, word, bytes);
  }
  /** Nobody waits for it. */
  stray(e: unknown): void {
    this.#say({ log: `bug: ${e instanceof Error ? e.stack ?? e.message : e}` });
  }
  /** True: the bytes are kept. */
  heard(order: Order, bytes: Uint8Array): boolean {
    if ("forget" in order) {
      for (const [id, times] of order.forget) this.#forget(id, times);
    } else if ("id" in order) return this.#obey(order, bytes);
    return false;
  }
  /** Do it, and answer: at once where the driver does. True: it has still to do with the bytes. */
  #obey(order: Extract<Order, { id: number }>, bytes: Uint8Array): boolean {
    const { id } = order;
    const failed = (e: unknown) => {
      if (e instanceof SysError) this.#say({ id, error: e.code });
      else this.#say({ id, bug: e instanceof Error ? e.stack ?? e.message : String(e) });
    };
    const answer = ({ value, data }: Answer) => this.#say({ id, value }, data);
    try {
      const done = this.#perform(order, bytes);
      if (!(done instanceof Promise)) {
        answer(done);
        return false;
      }
      const { loop } = this.#host;
      loop.pending(1);
      done.then(answer).catch(failed).finally(() => loop.pending(-1));
      return true;
    } catch (e) {
      failed(e);
      return false;
    }
  }
  #perform(order: Extract<Order, { id: number }>, bytes: Uint8Array): Async<Answer> {
    if (order.do === "describe") return this.#describe().then((value) => ({ value }));
    if (order.do === "mount" && "request" in order) {
      return this.#mount(order.request as MountRequest<unknown>, order.disk, order.boxed).then((value) => ({ value }));
    }
    return this.#operate(order as Extract<Order, { args: readonly unknown[] }>, bytes);
  }
  async #load(): Promise<FsDriver> {
    if (this.#driver) return this.#driver;
    const plugin = await this.#what.plugin(this.#what.file);
    if (plugin.kind !== "fs") throw new Error(`${this.#what.file}: only file systems can be isolated`);
    return this.#driver = plugin;
  }
  async #describe(): Promise<Description> {
    const { name, about, wantsDevice, readOnly, lacks, options } = await this.#load();
    const rows = optionRows(options);
    const properties = rows?.map(({ name, kind, words, about, otherwise, format, letter, also }) => [
      name,
      {
        type: types[kind],
        enum: words.length > 0 ? words : undefined,
        description: about,
        default: otherwise,
        format,
        letter,
        also,
      },
    ]);
    return {
      name,
      ...(about === undefined ? {} : { about }),
      ...(wantsDevice ? { wantsDevice } : {}),
      ...(readOnly ? { readOnly } : {}),
      ...(lacks ? { lacks } : {}),
      ...(properties ? { options: Object.fromEntries(properties) } : {}),
    };
  }
  async #mount(request: MountRequest<unknown>, disk: DiskFacts | undefined, boxed: boolean): Promise<Mounted> {
    const driver = await this.#load();
    const wrong = (why: string) => this.#sys.log(`${driver.name}: ${why}`);
    const options = parseOptions(driver.options, request.options ?? {}, wrong);
    await driver.prepare?.(this.#sys, options);
    // What it needs beside what it is told it has loaded now.
    if (boxed) { for (const left of this.#host.sandbox({ log: false })) this.#sys.log(`sandbox: ${left}`); }
    const device = disk && askedDisk(new Asker(this.#host.isolatedDisk(), this.#sys.log), disk);
    const volume = await driver.mount(this.#sys, device, { ...request, options });
    this.#volume = volume;
    const { foldsCase, readOnly, changing, label } = volume;
    const facts = { foldsCase, readOnly, changing, label };
    return {
      root: this.#tell(volume.root)!,
      has: Object.keys(operations).filter((op) => typeof volume[op as keyof Volume] === "function"),
      ...Object.fromEntries(Object.entries(facts).filter(([, fact]) => fact !== undefined)),
    };
  }

  #operate(
    order: Extract<Order, { args: readonly unknown[] }>,
    bytes: Uint8Array,
  ): Async<Answer> {
    const [kinds, result] = operations[order.do];
    let into: Uint8Array | undefined;
    const args = order.args.map((arg, i) => {
      if (kinds[i] === "node") return arg === null ? undefined : this.#nodes.get(arg as number)?.node;
      // Lent is what write gets; attributes a driver may keep.
      if (kinds[i] === "bytes") return order.do === "write" ? bytes : bytes.slice();
      return kinds[i] === "into" ? into = this.#room(arg as number) : arg;
    });
    const op = this.#volume![order.do] as (...args: unknown[]) => unknown;
    const answer = (value: unknown) => {
      if (result === "node") return { value: value === undefined ? undefined : [this.#tell(value), this.#attr(value)] };
      if (result === "entries") {
        const entries = [...value as Iterable<readonly [string, unknown]>];
        return {
          value: entries.map(([n, node], k) => [n, this.#tell(node), k < ALONG ? this.#attr(node) : undefined]),
        };
      }
      if (result === "texts") return { value: [...value as Iterable<string>] };
      if (result === "bytes") return value === undefined ? {} : { value: true, data: value as Uint8Array };
      if (into) return { value, data: into.subarray(0, Math.min(into.length, Number(value))) };
      return { value };
    };
    const done = op.apply(this.#volume, args);
    if (into && done instanceof Promise) this.#spare = NONE;
    return done instanceof Promise ? done.then(answer) : answer(done);
  }
  /** Room to read into: the same again and again, as long as nobody keeps it. */
  #room(length: number): Uint8Array {
    if (this.#spare.length < length) this.#spare = new Uint8Array(length);
    return this.#spare.subarray(0, length);
  }
  /** What is asked for next, where it is at hand. */
  #attr(node: unknown): Attr | undefined {
    try {
      const attr = this.#volume!.getattr(node);
      if (!(attr instanceof Promise)) return attr;
      attr.catch(() => {});
    } catch {
      // told when it is asked for
    }
    return undefined;
  }
  /** A node's number, told once more. */
  #tell(node: unknown): number | undefined {
    if (node === undefined) return undefined;
    let id = this.#ids.get(node);
    if (id === undefined) {
      id = this.#nextNode++;
      this.#ids.set(node, id);
      this.#nodes.set(id, { node, told: 0 });
    }
    this.#nodes.get(id)!.told++;
    return id;
  }
  #forget(id: number, times: number): void {
    const known = this.#nodes.get(id);
    if (!known || (known.told -= times) > 0) return;
    this.#nodes.delete(id);
    this.#ids.delete(known.node);
  }
}
const types = { flag: "boolean", number: "number", text: "string", words: undefined, any: undefined } as const;
