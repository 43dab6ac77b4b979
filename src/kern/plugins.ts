/** The registry: what is loaded, by kind and name; and components, by the names NetBSD gives them. */
import type { FsDriver, Plugin, Transport } from "../plugin.ts";

/** A built-in component: its plugin, loaded when first named, and the components it needs. */
export interface Builtin {
  readonly requires?: readonly string[];
  /** Of a file system: Linux's names for the same, for mount(8)'s -t. */
  readonly also?: readonly string[];
  /** What images of its format or file system have, by offset (from the end, if it is negative), in hexadecimal digits. */
  readonly magic?: readonly (readonly [offset: number, bytes: string])[];
  /** Of a disk driver: what it unpacks may be an image of another format again. */
  readonly packs?: boolean;
  /** Of a disk driver: the schemes of URLs it opens. */
  readonly schemes?: readonly string[];
  readonly load: () => Promise<{ readonly default: Plugin }>;
}
export type Builtins = Readonly<Record<string, Builtin>>;

/** Every kind, and the function a plugin of it has. */
const makers: Readonly<Record<Plugin["kind"], string>> = {
  fs: "mount",
  disk: "open",
  net: "create",
  transport: "parse",
  component: "setup",
};
/** As mount -t, ifconfig and locators have them. */
const NAME = /^[A-Za-z][A-Za-z0-9_.+-]{0,30}$/;

/** What keeps something a module exports by default from being a plugin; undefined: nothing does. */
export function pluginFault(x: unknown): string | undefined {
  if (x === undefined) return "it has no default export";
  if (typeof x !== "object" || x === null) return "its default export is no object";
  const p = x as Readonly<Record<string, unknown>>;
  const maker = Object.hasOwn(makers, String(p.kind)) ? makers[p.kind as Plugin["kind"]] : undefined;
  if (!maker) return `its kind is none of ${Object.keys(makers).join(", ")}`;
  if (typeof p.name !== "string" || !NAME.test(p.name)) return "its name is no word of letters, digits and _ . + -";
  if (typeof p[maker] !== "function") return `a plugin of kind ${String(p.kind)} has a function ${maker}`;
  const standard = (p.options as { "~standard"?: { version?: unknown; validate?: unknown } } | undefined)
    ?.["~standard"];
  if (p.options !== undefined && (standard?.version !== 1 || typeof standard.validate !== "function")) {
    return "its options are no schema (valibot's, or any Standard Schema)";
  }
  return undefined;
}
/** The plugin a module exports by default. Throws an Error that says why it is none. */
export function pluginOf(path: string, module: Readonly<Record<string, unknown>>): Plugin {
  const fault = pluginFault(module.default);
  if (fault !== undefined) throw new Error(`${path}: not a plugin: ${fault}`);
  return module.default as Plugin;
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
