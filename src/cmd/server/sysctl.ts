/** rump.sysctl: get or set kernel state (sysctl(8)). */
import {
  CTLTYPE_BOOL,
  CTLTYPE_INT,
  CTLTYPE_NODE,
  CTLTYPE_QUAD,
  CTLTYPE_STRING,
  CTLTYPE_STRUCT,
} from "../../abi/flags.ts";
import { Clockinfo } from "../../abi/structs.ts";
import { type Entry, TOP, valueBytes, valueText } from "../../abi/sysctl_names.ts";
import type { Host } from "../../host/host.ts";
import { viewOf } from "../../lib/struct.ts";
import { Failure, type Grammar, parse, reasonOf, usage } from "../cli.ts";
import { server, type SyncCalls } from "../client.ts";
import type { Run } from "../mod.ts";
import { find, Tree } from "./sysctl_tree.ts";

const grammar: Grammar = {
  usage: [
    "[-dneq] [-x[x]|-r] variable ...",
    "[-ne] [-q] -w variable=value ...",
    "[-dne] -a",
    "[-dne] -A",
    "[-ne] -M",
    "[-dne] [-q] -f file",
  ],
  about: "Get or set the state of the rump kernel RUMP_SERVER names.",
  letters: "aAdef:Mnqrwx",
  help: {
    a: "all variables",
    A: "all variables, also those without a plain value",
    d: "describe instead of showing the value",
    e: "variable=value, as -f reads it",
    f: "do what stands in a file: variables, or variable=value lines, # comments",
    M: "the tree with numbers and types",
    n: "values only",
    q: "do not show what was set, nor complain of unknown names",
    r: "values as raw bytes",
    w: "set variables",
    x: "values in hexadecimal, -xx with all their bytes",
  },
  examples: ["vfs.generic.fstypes", "-n kern.hostname", "-w kern.hostname=here"],
};

interface Style {
  readonly describe: boolean;
  readonly separator: string;
  readonly namesShown: boolean;
  readonly quiet: boolean;
  readonly raw: boolean;
  readonly hex: number;
}
const text = new TextDecoder();

/** The sysctl program over some system calls; the exit status. */
class Program {
  readonly #tree: Tree;
  readonly #host: Host;
  readonly #name: string;
  readonly #style: Style;
  status = 0;

  constructor(host: Host, name: string, sys: SyncCalls, style: Style) {
    this.#tree = new Tree(sys);
    this.#host = host;
    this.#name = name;
    this.#style = style;
  }
  /** -a and -A: `all`, also what has no plain value. */
  showAll(all: boolean): void {
    for (const entry of this.#tree.below(TOP)) if (all || !entry.hidden) this.#show(entry, all);
  }
  showNumbers(): void {
    for (const entry of this.#tree.below(TOP)) {
      const access = entry.writable ? "read-write" : "read-only";
      this.#host.out(`${entry.path}: ${entry.mib.join(".")} ${typeNames[entry.type] ?? "?"} ${access}\n`);
    }
  }
  /** One argument: a name, or name=value with `write`. */
  argument(arg: string, write: boolean): void {
    const at = arg.indexOf("=");
    try {
      if (at >= 0) {
        if (!write) throw new Error("Must specify -w to set variables");
        this.#set(arg.slice(0, at).trim(), arg.slice(at + 1).trim());
      } else if (write) throw new Error(`No new value specified for '${arg}'`);
      else this.#ask(arg);
    } catch (e) {
      this.status = 1;
      if (!this.#style.quiet || at >= 0) this.#host.err(`${this.#name}: ${reasonOf(e)}\n`);
    }
  }
  #ask(path: string): void {
    const found = find(this.#tree, path);
    if (found.type === CTLTYPE_NODE) {
      for (const entry of this.#tree.below(found)) if (!entry.hidden) this.#show(entry, false);
    } else this.#show(found as Entry, true);
  }
  #show(entry: Entry, withoutPlain: boolean): void {
    if (this.#style.describe) return this.#describe(entry, withoutPlain);
    if (entry.type === CTLTYPE_STRUCT && !withoutPlain && !formats[entry.path]) return;
    const raw = this.#tree.value(entry);
    if (this.#style.raw) return this.#host.out(raw);
    const shown = this.#style.hex > 0 ? hex(raw, entry.type, this.#style.hex) : plain(entry, raw);
    if (!this.#style.namesShown) return this.#host.out(`${shown}\n`);
    const separator = formats[entry.path] ? ": " : this.#style.separator;
    this.#host.out(`${entry.path}${separator}${shown}\n`);
  }
  #describe(entry: Entry, always: boolean): void {
    const what = this.#tree.description(entry);
    if (what === "" && !always) return;
    this.#host.out(`${this.#style.namesShown ? `${entry.path}: ` : ""}${what || "(no description)"}\n`);
  }
  #set(path: string, value: string): void {
    const entry = find(this.#tree, path);
    if (entry.type === undefined || entry.type === CTLTYPE_NODE) throw new Error(`${path}: is not a variable`);
    let old: Uint8Array;
    try {
      old = this.#tree.set(entry as Entry, encode(entry as Entry, value));
    } catch (e) {
      throw new Error(`${path}: sysctl() failed with ${reasonOf(e)}`);
    }
    if (this.#style.quiet) return;
    const now = plain(entry as Entry, this.#tree.value(entry as Entry));
    if (!this.#style.namesShown) return this.#host.out(`${now}\n`);
    this.#host.out(`${path}: ${plain(entry as Entry, old)} -> ${now}\n`);
  }
  /** -f: lines of names and name=value. */
  file(path: string): void {
    const lines = text.decode(told(this.#name, path, () => this.#host.readFile(path))).split("\n");
    for (const line of lines) {
      const what = line.replace(/#.*/, "").trim();
      if (what !== "") this.argument(what, what.includes("="));
    }
  }
}
function told<T>(name: string, path: string, read: () => T): T {
  try {
    return read();
  } catch (e) {
    throw new Failure(`${name}: ${path}: ${reasonOf(e)}`);
  }
}
const typeNames: Readonly<Record<number, string>> = {
  [CTLTYPE_INT]: "int",
  [CTLTYPE_STRING]: "string",
  [CTLTYPE_QUAD]: "quad",
  [CTLTYPE_STRUCT]: "struct",
  [CTLTYPE_BOOL]: "bool",
};

/** Structures with a form of their own. */
const formats: Readonly<Record<string, (raw: Uint8Array) => string>> = {
  "kern.clockrate"(raw) {
    const c = Clockinfo.dump(viewOf(raw), 0);
    return `tick = ${c.tick}, tickadj = ${c.tickadj}, hz = ${c.hz}, profhz = ${c.profhz}, stathz = ${c.stathz}`;
  },
};
function plain(entry: Entry, raw: Uint8Array): string {
  return valueText(entry.type, raw) ?? formats[entry.path]?.(raw) ?? hex(raw, entry.type, 2);
}
const byte = (b: number) => b.toString(16).padStart(2, "0");
/** -x: a number, or the bytes; -xx: all bytes in order. */
function hex(raw: Uint8Array, type: number, level: number): string {
  const number = type === CTLTYPE_INT || type === CTLTYPE_QUAD;
  const ordered = number ? [...raw].reverse() : [...raw];
  const digits = ordered.map(byte).join("");
  return number && level === 1 ? `0x${digits.replace(/^0+(?=.)/, "")}` : `0x${digits}`;
}
function encode(entry: Entry, value: string): Uint8Array {
  const bytes = valueBytes(entry.type, value);
  if (!bytes) throw new Error("Invalid argument");
  return bytes;
}

/** The program over given system calls: what `run` does once it is attached. */
export function sysctl(host: Host, argv: readonly string[], attach: () => SyncCalls): number {
  const name = argv[0]!;
  const { options, rest } = parse(host, argv, grammar);
  const count = (letter: string) => options.filter(([o]) => o === letter).length;
  const has = (letter: string) => count(letter) > 0;
  const file = options.findLast(([o]) => o === "f")?.[1];
  const everything = has("a") || has("A") || has("M");
  if (rest.length === 0 && !everything && file === undefined) usage(host, name, grammar);
  if ((everything && has("w")) || (has("r") && has("x"))) usage(host, name, grammar);
  const program = new Program(host, name, attach(), {
    describe: has("d"),
    separator: has("e") ? "=" : " = ",
    namesShown: !has("n"),
    quiet: has("q"),
    raw: has("r"),
    hex: count("x"),
  });
  if (has("M")) program.showNumbers();
  else if (has("A") || has("a")) program.showAll(has("A"));
  if (file !== undefined) program.file(file);
  for (const arg of rest) program.argument(arg, has("w"));
  return program.status;
}
export const run: Run = (host, argv) => sysctl(host, argv, () => server(host, argv[0]!));
