/** The frame of a file tool: parse, attach, do each operand, go on after a failure, and end with status 1 if there was one. */
import type { Host } from "../host/host.ts";
import { type Grammar, isExpected, parse, usage } from "./cli.ts";
import { type Caller, caller, callerOf, image, type OnImage, type SyncCalls } from "./client.ts";
import { hostTree, rumpTree, type Tree, words } from "./files.ts";
import type { Run } from "./mod.ts";

/** What failed with another object than the one that is worked on. */
export class Elsewhere extends Error {
  readonly object: string;
  readonly reason: unknown;
  constructor(object: string, reason: unknown) {
    super(`${object}: ${words(reason)}`);
    this.object = object;
    this.reason = reason;
  }
}
export class Tool {
  readonly host: Host;
  readonly name: string;
  readonly rest: readonly string[];
  readonly #options: readonly (readonly [string, string])[];
  readonly #grammar: Grammar;
  readonly #attach: () => Caller;
  #caller: Caller | undefined;
  /** Why there is no server: it is asked once. */
  #refused: unknown;
  status = 0;

  constructor(host: Host, argv: readonly string[], grammar: Grammar, attach: () => Caller) {
    const { options, rest } = parse(host, argv, grammar);
    this.host = host;
    this.name = argv[0]!;
    this.rest = rest;
    this.#options = options;
    this.#grammar = grammar;
    this.#attach = attach;
  }
  /** The server's calls; attached at the first use, so that host-only work needs none. */
  get sys(): SyncCalls {
    return this.#attached().sys;
  }
  get batch(): Caller["batch"] {
    return this.#attached().batch;
  }
  #attached(): Caller {
    if (this.#refused !== undefined) throw this.#refused;
    try {
      return (this.#caller ??= this.#attach());
    } catch (e) {
      this.#refused = e;
      throw e;
    }
  }
  has(...letters: string[]): boolean {
    return this.#options.some(([o]) => letters.includes(o));
  }
  /** The value given last. */
  value(letter: string): string | undefined {
    return this.#options.findLast(([o]) => o === letter)?.[1];
  }
  all(letter: string): string[] {
    return this.#options.filter(([o]) => o === letter).map(([, v]) => v);
  }
  /** Which of some letters was given last. */
  last(...letters: string[]): string | undefined {
    return this.#options.findLast(([o]) => letters.includes(o))?.[0];
  }
  usage(): never {
    return usage(this.host, this.name, this.#grammar);
  }
  out(text: string | Uint8Array): void {
    this.host.out(text);
  }
  /** Say that something failed; the tool goes on and ends with 1. */
  complain(text: string): void {
    this.status = 1;
    this.host.err(`${this.name}: ${text}\n`);
  }
  /** Run `work`; a failure is said as `object: Reason`. False: it failed. */
  attempt(object: string, work: () => void): boolean {
    try {
      work();
      return true;
    } catch (e) {
      const [what, why] = e instanceof Elsewhere ? [e.object, e.reason] : [object, e];
      if (!isExpected(why)) throw e;
      this.complain(`${what}: ${words(why)}`);
      return false;
    }
  }
  /** The tree a path is in (`host:` or the rump kernel's), and the path there. */
  tree(path: string): readonly [Tree, string] {
    if (path.startsWith("host:")) return [hostTree(this.host), path.slice(5)];
    return [this.#rump ??= rumpTree(this), path];
  }
  #rump: Tree | undefined;
  /** Ask on the terminal; anything but y is no. */
  ask(question: string): boolean {
    this.host.err(question);
    const answer = this.host.input(256);
    return answer !== undefined && (answer[0] === 0x79 || answer[0] === 0x59);
  }
}

export interface Program {
  readonly run: Run;
  /** The same over given system calls. */
  readonly over: (host: Host, argv: readonly string[], sys: SyncCalls) => number;
}
/** Make a program of a grammar and what it does. */
export function program(grammar: Grammar, main: (t: Tool) => void): Program {
  const go = (tool: Tool) => {
    main(tool);
    return tool.status;
  };
  return {
    run: (host, argv) => go(new Tool(host, argv, grammar, () => caller(host, argv[0]!))),
    over: (host, argv, sys) => go(new Tool(host, argv, grammar, () => callerOf(sys))),
  };
}

const IMAGE_HELP: Readonly<Record<string, string>> = {
  "image=": "the files of this image, in this process, not a server's; image%GPT:1%, … is a partition",
  "type=":
    "with --image: its file system (msdos, ext2fs, ...) or a plugin's file; left out: what the image's marks say",
  "mount-options=": "with --image: options as for mount(8) -o",
};
/** A program that works on a server's files or, with --image, on those of an image. `reads`: it changes nothing there. */
export function fileProgram(
  grammar: Grammar,
  main: (t: Tool) => void,
  reads: (t: Tool) => boolean = () => false,
): Program {
  const full = { ...grammar, help: { ...grammar.help, ...IMAGE_HELP } };
  const { run, over } = program(full, main);
  return {
    run: (host, argv) =>
      argv.some((a) => a.startsWith("--image")) ? onImage(host, argv, full, main, reads) : run(host, argv),
    over,
  };
}
async function onImage(
  host: Host,
  argv: readonly string[],
  grammar: Grammar,
  main: (t: Tool) => void,
  reads: (t: Tool) => boolean,
): Promise<number> {
  const mounted: OnImage[] = [];
  const tool = new Tool(host, argv, grammar, () => mounted[0] ? callerOf(mounted[0].sys) : caller(host, argv[0]!));
  const path = tool.value("image");
  const how = { readOnly: reads(tool), type: tool.value("type"), options: tool.all("mount-options") };
  if (path !== undefined) mounted.push(await image(host, argv[0]!, path, how));
  try {
    main(tool);
  } finally {
    await mounted[0]?.close();
  }
  return tool.status;
}
