/** The volume of an isolated driver: every operation a message. What comes back is somebody else's word, and checked. */
import { errno } from "../abi/errno.ts";
import type { Async, Attr, StatFs, Volume } from "../plugin.ts";
import { type Mounted, operations, type Result } from "./operations.ts";
import type { DriverProcess } from "./process.ts";

/** A file, by the number its driver's process gave it. */
interface Node {
  readonly id: number;
  /** How often it was told of: forgotten so often. */
  told: number;
  held: boolean;
  /** What came along with it, until something is done; not for long: the driver may have its own ideas. */
  attr: { readonly value: Attr; readonly generation: number; readonly until: number } | undefined;
}
/** Milliseconds. */
const FRESH = 100;
/** What changes nothing. */
const looking: ReadonlySet<string> = new Set([
  "getattr",
  "lookup",
  "readdir",
  "readlink",
  "getxattr",
  "listxattr",
  "statfs",
  "active",
]);
type Name = keyof typeof operations;
/** Nodes that are remembered though nobody holds them. */
const MOST_IDLE = 65_536;

const isNumber = (x: unknown): x is number => typeof x === "number" && Number.isFinite(x);
const isCount = (x: unknown): x is number => Number.isSafeInteger(x) && (x as number) >= 0;
const isRecord = (x: unknown): x is Record<string, unknown> => typeof x === "object" && x !== null;
const isName = (x: unknown): x is string =>
  typeof x === "string" && x !== "" && x !== "." && x !== ".." && !/[/\0]/.test(x);
const types = new Set(["file", "dir", "link", "chr", "blk", "fifo", "sock"]);
/** Numbers all the way down; the kernel looks at no other fields. */
function attrOf(x: unknown): Attr {
  if (!isRecord(x) || !types.has(String(x.type)) || !isCount(x.size) || !Number.isSafeInteger(x.ino)) throw errno.EIO;
  const fields = Object.entries(x).filter(([name, value]) => name !== "type" && isNumber(value));
  return { ...Object.fromEntries(fields), type: x.type } as Attr;
}
function statfsOf(x: unknown): StatFs {
  if (!isRecord(x) || ![x.blockSize, x.blocks, x.free].every(isCount)) throw errno.EIO;
  return Object.fromEntries(Object.entries(x).filter(([, value]) => isCount(value))) as unknown as StatFs;
}
function checked<T>(ok: boolean, value: unknown): T {
  if (!ok) throw errno.EIO;
  return value as T;
}

class Proxied {
  readonly #child: DriverProcess;
  readonly #nodes = new Map<number, Node>();
  readonly #idle = new Set<Node>();
  readonly #now: () => number;
  /** Counts what may have changed something. */
  #generation = 0;

  constructor(child: DriverProcess, now: () => number) {
    this.#child = child;
    this.#now = now;
  }
  /** The driver says that something is not as it was. */
  stale(): void {
    this.#generation++;
  }
  getattr(node: Node): Async<Attr> {
    const { attr } = node;
    if (attr && attr.generation === this.#generation && attr.until > this.#now()) return attr.value;
    return this.call("getattr", [node]) as Promise<Attr>;
  }
  /** The node of a number, told of once more, perhaps with its attributes as they were `since`. */
  node([id, attr]: readonly unknown[], since = 0): Node {
    let node = this.#nodes.get(checked<number>(isCount(id) && id > 0, id));
    if (!node) {
      node = { id: id as number, told: 0, held: false, attr: undefined };
      this.#nodes.set(node.id, node);
      this.#idle.add(node);
    }
    node.told++;
    const fresh = { generation: since, until: this.#now() + FRESH };
    node.attr = attr === undefined || attr === null ? undefined : { value: attrOf(attr), ...fresh };
    return node;
  }
  known(id: number): Node | undefined {
    return this.#nodes.get(id);
  }
  async call(name: Name, args: readonly unknown[]): Promise<unknown> {
    const [kinds, result] = operations[name];
    this.#trim();
    const changes = !looking.has(name);
    if (changes) this.#generation++;
    let since = this.#generation;
    let bytes: Uint8Array | undefined;
    let into: Uint8Array | undefined;
    const sent = args.map((arg, i) => {
      if (kinds[i] === "node") return (arg as Node | undefined)?.id ?? null;
      if (kinds[i] === "bytes") return void (bytes = arg as Uint8Array);
      if (kinds[i] === "into") return (into = arg as Uint8Array).length;
      return arg;
    });
    const answer = await this.#child.ask({ do: name, args: sent }, bytes, into);
    // Attributes that came along hold if nothing else was done meanwhile.
    if (changes) since = this.#generation++ === since ? this.#generation : since;
    if (result === "node") return Array.isArray(answer.value) ? this.node(answer.value, since) : undefined;
    if (result === "entries") return this.#entries(answer.value, since);
    return this.#read(result, answer.value, answer.bytes, into?.length ?? bytes?.length);
  }
  #read(result: Exclude<Result, "node" | "entries">, x: unknown, bytes: Uint8Array, most = 0): unknown {
    switch (result) {
      case "nothing":
        return undefined;
      case "attr":
        return attrOf(x);
      case "statfs":
        return statfsOf(x);
      case "count":
        return checked(isCount(x) && x <= most, x);
      case "offset":
        return checked(x === -1 || isCount(x), x);
      case "bytes":
        return x === true ? bytes : undefined;
      case "text":
        return checked(typeof x === "string" && !x.includes("\0"), x);
      case "texts":
        return checked(Array.isArray(x) && x.every((t) => typeof t === "string"), x);
      case "flag":
        return x === true;
    }
  }
  #entries(x: unknown, since: number): (readonly [string, Node])[] {
    if (!Array.isArray(x)) throw errno.EIO;
    return x.map((entry) => {
      const [name, ...rest] = Array.isArray(entry) ? entry : [];
      return [checked<string>(isName(name), name), this.node(rest, since)] as const;
    });
  }
  active(node: Node): void {
    node.held = true;
    this.#idle.delete(node);
  }
  inactive(node: Node): void {
    node.held = false;
    if (this.#nodes.get(node.id) === node) this.#idle.add(node);
  }
  /** Those nobody holds are forgotten in the order they came, many at once. */
  #trim(): void {
    if (this.#idle.size <= MOST_IDLE) return;
    const old = [...this.#idle].slice(0, MOST_IDLE / 2);
    for (const node of old) {
      this.#idle.delete(node);
      this.#nodes.delete(node.id);
    }
    this.#child.forget(old.map(({ id, told }) => [id, told]));
  }
}

export interface IsolatedVolume extends Volume {
  /** The driver says that a node, or anything, has changed: which one. */
  changed(id: number | undefined): unknown;
}
/** The volume that was mounted, with the operations it has. */
export function isolatedVolume(child: DriverProcess, m: Mounted, now: () => number): IsolatedVolume {
  const proxied = new Proxied(child, now);
  const ops = Object.fromEntries(
    (Object.keys(operations) as Name[]).filter((name) => m.has.includes(name)).map((name) => [
      name,
      (...args: unknown[]) => proxied.call(name, args),
    ]),
  );
  const told = (name: "active" | "inactive", node: Node) =>
    m.has.includes(name) ? proxied.call(name, [node]) : undefined;
  return {
    ...ops as unknown as Volume,
    getattr: (node) => proxied.getattr(node as Node),
    root: proxied.node([m.root]),
    foldsCase: m.foldsCase === true,
    changing: m.changing === true,
    ...(m.readOnly === undefined ? {} : { readOnly: m.readOnly === true }),
    ...(typeof m.label === "string" ? { label: m.label } : {}),
    changed(id) {
      proxied.stale();
      return id === undefined ? undefined : proxied.known(id);
    },
    active(node) {
      proxied.active(node as Node);
      void told("active", node as Node)?.catch(() => {});
    },
    inactive(node) {
      proxied.inactive(node as Node);
      return told("inactive", node as Node)?.then(() => {});
    },
    async unmount() {
      try {
        if (child.alive && m.has.includes("unmount")) await proxied.call("unmount", []);
      } finally {
        child.kill();
      }
    },
  };
}
