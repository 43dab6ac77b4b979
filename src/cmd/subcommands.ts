/** Programs whose first word says what to do: `rump disk slices image`, `rump plugin new name`. */
import type { Host } from "../host/host.ts";
import type { Options } from "../lib/getopt.ts";
import { type Grammar, parse, usage } from "./cli.ts";
import type { Run } from "./mod.ts";

export interface Subcommand {
  readonly grammar: Grammar;
  /** How many operands it takes. */
  readonly operands: readonly [least: number, most: number];
  /** What is done with a parsed command line; the exit status. */
  run(host: Host, program: string, options: Options): number | Promise<number>;
}

/** Options may stand behind the operands, too: names come first in people's minds. */
export function anywhere(host: Host, program: string, args: readonly string[], g: Grammar): Options {
  const end = args.indexOf("--");
  const operands: string[] = [];
  const options: (readonly [string, string])[] = [];
  for (let left = end < 0 ? args : args.slice(0, end); left.length > 0;) {
    const parsed = parse(host, [program, ...left], g);
    options.push(...parsed.options);
    operands.push(...parsed.rest.slice(0, 1));
    left = parsed.rest.slice(1);
  }
  return { options, rest: end < 0 ? operands : [...operands, ...args.slice(end + 1)] };
}

/** The program of some subcommands. */
export function subcommands(about: string, commands: Readonly<Record<string, Subcommand>>): Run {
  const grammar: Grammar = {
    usage: Object.entries(commands).flatMap(([name, { grammar }]) =>
      [grammar.usage].flat().map((form) => `${name} ${form}`)
    ),
    about,
    letters: "",
    help: {},
  };
  return async (host, argv) => {
    const program = argv[0]!;
    const [name, ...args] = argv.slice(1);
    if (name === undefined || !Object.hasOwn(commands, name)) {
      parse(host, argv, grammar); // --help, --version
      if (name !== undefined) host.err(`${program}: ${name}: no such command\n`);
      return usage(host, program, grammar);
    }
    const { grammar: own, operands: [least, most], run } = commands[name]!;
    const called = `${program} ${name}`;
    const options = anywhere(host, called, args, own);
    if (options.rest.length < least || options.rest.length > most) usage(host, called, own);
    return await run(host, called, options);
  };
}
