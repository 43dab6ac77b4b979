// deno-lint-ignore-file no-console -- cac prints its help through the console: it is caught on the way
/** What every applet shares: its grammar, --help and --version, and how failures are said. */
import { cac } from "cac";
import { SysError } from "../abi/errno.ts";
import type { Host } from "../host/host.ts";
import { getopt, OptionError, type Options } from "../lib/getopt.ts";
import { version } from "../version.ts";

/** A usage error: its text and the usage were printed; the exit status is 2 (NetBSD's tools say 1; sysexits and getopt users expect to tell them apart). */
export class UsageError extends Error {
  override readonly name = "UsageError";
}
/** A failure whose one line is the message; the exit status is 1. */
export class Failure extends Error {
  override readonly name = "Failure";
}
/** `--help` or `--version` was asked and answered. */
export class Answered extends Error {
  override readonly name = "Answered";
}

export interface Grammar {
  /** After the program's name: "[-dneq] [-x[x]|-r] variable ...". Several lines for several forms. */
  readonly usage: string | readonly string[];
  /** What it is for, one sentence. */
  readonly about: string;
  /** getopt letters. */
  readonly letters: string;
  /** Letters (with ":" where they take a value) that NetBSD's program has and this one has not, each with the reason. */
  readonly refused?: Readonly<Record<string, string>>;
  /** Letter (or long name, with "=" when it takes a value; or "-o name", only shown) to what it does, in the order of --help. */
  readonly help: Readonly<Record<string, string>>;
  /** Examples for --help, without the program's name. */
  readonly examples?: readonly string[];
}

/** Parse a command line by its grammar; answers --help and --version itself. */
export function parse(host: Host, argv: readonly string[], grammar: Grammar): Options {
  const name = argv[0]!;
  const long = Object.keys(grammar.help).filter((k) => k.replace("=", "").length > 1 && !k.startsWith("-"));
  let options: Options;
  try {
    const letters = grammar.letters + Object.keys(grammar.refused ?? {}).join("");
    options = getopt(argv.slice(1), letters, ["help", "version", ...long]);
  } catch (e) {
    if (!(e instanceof OptionError)) throw e;
    host.err(`${name}: ${e.message}\n`);
    return usage(host, name, grammar);
  }
  if (options.options.some(([o]) => o === "help")) {
    host.out(helpText(name, grammar));
    throw new Answered();
  }
  if (options.options.some(([o]) => o === "version")) {
    host.out(`${name} (rump) ${version}\n`);
    throw new Answered();
  }
  refuse(name, grammar.refused ?? {}, options);
  return options;
}
function refuse(name: string, refused: Readonly<Record<string, string>>, { options }: Options): void {
  for (const [letters, reason] of Object.entries(refused)) {
    if (options.some(([o]) => o === letters[0])) {
      throw new Failure(`${name}: -${letters[0]} is not supported: ${reason}`);
    }
  }
}
const forms = (g: Grammar) => (typeof g.usage === "string" ? [g.usage] : g.usage);

/** Print the usage and end with status 2. */
export function usage(host: Host, name: string, grammar: Grammar): never {
  host.err(forms(grammar).map((form, i) => `${i === 0 ? "usage:" : "      "} ${name} ${form}\n`).join(""));
  throw new UsageError();
}

/** cac renders the page; the grammar is getopt's. */
function helpText(name: string, grammar: Grammar): string {
  const cli = cac(name);
  cli.usage(forms(grammar).join(`\n  $ ${name} `));
  for (const [key, what] of Object.entries(grammar.help)) cli.option(optionText(key, grammar.letters), what);
  for (const example of grammar.examples ?? []) cli.example((bin) => `  $ ${bin} ${example}`);
  cli.help((sections) => [{ body: grammar.about }, ...sections.filter((s) => s.title !== undefined)]);
  cli.version(version);
  let text = "";
  const log = console.info;
  console.info = (t: string) => void (text += `${t}\n`);
  const plain = console.log;
  console.log = console.info;
  try {
    cli.outputHelp();
  } finally {
    console.info = log;
    console.log = plain;
  }
  // getopt's letters are the tools' own: cac's -h and -v are not among them.
  return text.replaceAll(" (default: true)", "").replace("-h, --help", "--help    ").replace(
    "-v, --version",
    "--version    ",
  ).replace(/ +$/gm, "");
}
function optionText(key: string, letters: string): string {
  if (key.startsWith("-")) return key;
  if (key.length > 1) return key.endsWith("=") ? `--${key.slice(0, -1)} <value>` : `--${key}`;
  return letters[letters.indexOf(key) + 1] === ":" ? `-${key} <value>` : `-${key}`;
}

/** The reason of a failure in one line. */
export function reasonOf(e: unknown): string {
  return e instanceof Error ? e.message : String(e);
}
/** Failures of calls and of the host; anything else is a bug. */
export function isExpected(e: unknown): e is Error {
  return e instanceof SysError || e instanceof Failure ||
    (e instanceof Error && typeof (e as { code?: unknown }).code === "string");
}
