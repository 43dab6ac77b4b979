/** getopt(3) as BSD has it: clustered letters, values attached or separate, `--`, a lone `-` is an operand, operands end it. */

export interface Options {
  /** In the order given; a letter without a value has "". Long options appear by their name. */
  readonly options: readonly (readonly [name: string, value: string])[];
  /** What is no option, untouched. */
  readonly rest: readonly string[];
}
/** A usage error; `message` is what getopt(3) prints after the program's name. */
export class OptionError extends Error {
  override readonly name = "OptionError";
}

/**
 * Parse `args` (without argv[0]). `letters` as in C: "svc:d:" (a colon: takes a value). `long`: names, with a trailing
 * "=" when they take a value. Values stay text: `-m 0755` is "0755".
 */
export function getopt(args: readonly string[], letters: string, long: readonly string[] = []): Options {
  const options: [string, string][] = [];
  let i = 0;
  const next = (what: string): string => {
    const value = args[++i];
    if (value === undefined) throw new OptionError(`option requires an argument -- ${what}`);
    return value;
  };
  for (; i < args.length; i++) {
    const arg = args[i]!;
    if (arg === "--") {
      i++;
      break;
    }
    if (arg.startsWith("--")) options.push(longOption(arg.slice(2), long, next));
    else if (arg.startsWith("-") && arg !== "-") cluster(arg, letters, options, next);
    else break;
  }
  return { options, rest: args.slice(i) };
}

function longOption(text: string, long: readonly string[], next: (what: string) => string): [string, string] {
  const [name, ...value] = text.split("=");
  const given = value.length > 0 ? value.join("=") : undefined;
  if (long.includes(name!)) {
    if (given !== undefined) throw new OptionError(`option doesn't take an argument -- ${name}`);
    return [name!, ""];
  }
  if (!long.includes(`${name}=`)) throw new OptionError(`unknown option -- ${name}`);
  return [name!, given ?? next(name!)];
}
function cluster(arg: string, letters: string, options: [string, string][], next: (what: string) => string): void {
  for (let k = 1; k < arg.length; k++) {
    const letter = arg[k]!;
    const at = letter === ":" ? -1 : letters.indexOf(letter);
    if (at < 0) throw new OptionError(`unknown option -- ${letter}`);
    if (letters[at + 1] !== ":") {
      options.push([letter, ""]);
      continue;
    }
    options.push([letter, k + 1 < arg.length ? arg.slice(k + 1) : next(letter)]);
    return;
  }
}

const UNITS: Readonly<Record<string, number>> = { b: 512, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 };
/** A size with a suffix (strsuftoll(3)): `64`, `4k`, `1g`, and products `2x512`. Undefined: none, or too large. */
export function parseSize(text: string): number | undefined {
  let product = 1;
  for (const part of text.toLowerCase().split("x")) {
    const m = /^(\d+)([bkmgt])?$/.exec(part);
    if (!m) return undefined;
    product *= Number(m[1]) * (m[2] ? UNITS[m[2]]! : 1);
  }
  return Number.isSafeInteger(product) ? product : undefined;
}
