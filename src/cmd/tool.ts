/** The frame of a file tool: parse, attach, do each operand, go on after a failure, and end with status 1 if there was one. */
import type { Host } from "../host/host.ts";
import { type Grammar, isExpected, parse, usage } from "./cli.ts";
import { server, type SyncCalls } from "./client.ts";
import { hostTree, rumpTree, type Tree, words } from "./files.ts";
import type { Run } from "./mod.ts";

export class Tool {
  readonly host: Host;
  readonly name: string;
  readonly rest: readonly string[];
  readonly #options: readonly (readonly [string, string])[];
  readonly #grammar: Grammar;
  readonly #attach: () => SyncCalls;
  #sys: SyncCalls | undefined;
  status = 0;

  constructor(host: Host, argv: readonly string[], grammar: Grammar, attach: () => SyncCalls) {
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
    return (this.#sys ??= this.#attach());
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
      if (!isExpected(e)) throw e;
      this.complain(`${object}: ${words(e)}`);
      return false;
    }
  }
  /** The tree a path is in (`host:` or the rump kernel's), and the path there. */
  tree(path: string): readonly [Tree, string] {
    if (path.startsWith("host:")) return [hostTree(this.host), path.slice(5)];
    return [this.#rump ??= rumpTree(this.sys), path];
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
  const go = (host: Host, argv: readonly string[], attach: () => SyncCalls) => {
    const tool = new Tool(host, argv, grammar, attach);
    main(tool);
    return tool.status;
  };
  return {
    run: (host, argv) => go(host, argv, () => server(host, argv[0]!)),
    over: (host, argv, sys) => go(host, argv, () => sys),
  };
}
