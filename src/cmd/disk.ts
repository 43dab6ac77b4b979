/** rump disk: partitioned images, looked at and made. */
import type { Host } from "../host/host.ts";
import type { Options } from "../lib/getopt.ts";
import { type Grammar, parse, usage } from "./cli.ts";
import { create, createGrammar } from "./disk_create.ts";
import { slices, slicesGrammar } from "./disk_slices.ts";
import type { Run } from "./mod.ts";

/** What is done with a parsed command line; the exit status. */
type Work = (host: Host, program: string, options: Options) => number | Promise<number>;
const commands: Readonly<Record<string, readonly [grammar: Grammar, work: Work]>> = {
  slices: [slicesGrammar, slices],
  create: [createGrammar, create],
};
const grammar: Grammar = {
  usage: Object.entries(commands).map(([name, [g]]) => `${name} ${g.usage}`),
  about: "Look at the partitions of an image, and make images with one.",
  letters: "",
  help: {},
};

/** Options may stand behind the operands, too: the images' names come first in people's minds. */
function anywhere(host: Host, program: string, args: readonly string[], g: Grammar): Options {
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

export const run: Run = async (host, argv) => {
  const program = argv[0]!;
  const [name, ...args] = argv.slice(1);
  if (name === undefined || !Object.hasOwn(commands, name)) {
    parse(host, argv, grammar); // --help, --version
    return usage(host, program, grammar);
  }
  const [g, work] = commands[name]!;
  const called = `${program} ${name}`;
  const options = anywhere(host, called, args, g);
  if (options.rest.length !== 1) usage(host, called, g);
  return await work(host, called, options);
};
