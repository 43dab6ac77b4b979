/** The registry: what is loaded, by kind and name; and components, by the names NetBSD gives them. */
import type { FsDriver, Plugin, Transport } from "../plugin.ts";

/** A built-in component: its plugin, loaded when first named, and the components it needs. */
export interface Builtin {
  readonly requires?: readonly string[];
  /** Of a file system: Linux's names for the same, for mount(8)'s -t. */
  readonly also?: readonly string[];
  readonly load: () => Promise<{ readonly default: Plugin }>;
}
export type Builtins = Readonly<Record<string, Builtin>>;

const kinds = new Set(["fs", "disk", "net", "transport", "component"]);

/** Whether something a module exports by default is a plugin; says what is missing. */
export function checkPlugin(x: unknown): x is Plugin {
  const p = x as Partial<Plugin> | undefined;
  return typeof p === "object" && p !== null && kinds.has(p.kind as string) && typeof p.name === "string" &&
    p.name !== "";
}

export class Registry {
  readonly #plugins = new Map<string, Plugin>();

  /** A second plugin of one kind and name is refused. */
  add(plugin: Plugin): void {
    const key = `${plugin.kind} ${plugin.name}`;
    if (this.#plugins.has(key)) throw new Error(`${key} is registered already`);
    this.#plugins.set(key, plugin);
  }
  has(plugin: Plugin): boolean {
    return this.#plugins.get(`${plugin.kind} ${plugin.name}`) === plugin;
  }
  fs(name: string): FsDriver | undefined {
    return this.#plugins.get(`fs ${name}`) as FsDriver | undefined;
  }
  transport(name: string): Transport | undefined {
    return this.#plugins.get(`transport ${name}`) as Transport | undefined;
  }
  ofKind<K extends Plugin["kind"]>(kind: K): Extract<Plugin, { kind: K }>[] {
    return [...this.#plugins.values()].filter((p) => p.kind === kind) as Extract<Plugin, { kind: K }>[];
  }
}
