/**
 * What a driver's schema tells of its options, for who writes them as text (command lines, -o lists, mount(2)'s JSON):
 * read off valibot's schemas, and off the JSON Schema other libraries make of theirs.
 */
import { errno } from "../abi/errno.ts";
import { parseSize } from "../lib/getopt.ts";
import { type Issue, issueText, type Schema } from "../lib/standard_schema.ts";

export interface OptionRow {
  readonly name: string;
  /** `any`: what it can be is not known. */
  readonly kind: "flag" | "number" | "text" | "words" | "any";
  /** All there are, of kind `words`. */
  readonly words: readonly (string | number)[];
  /** One line for `--help`. */
  readonly about: string;
  readonly otherwise: unknown;
  /** How a number is written: with suffix k, m, g; octal; as a name of the system's. */
  readonly format: string | undefined;
  /** The letter of NetBSD's program for it. */
  readonly letter: string | undefined;
  /** Other names of it. */
  readonly also: readonly string[];
}
type Fields = Readonly<Record<string, unknown>>;
const isFields = (x: unknown): x is Fields => typeof x === "object" && x !== null;

/** The options of a schema, in its order; undefined: it does not tell. */
export function optionRows(schema: Schema<unknown> | undefined): readonly OptionRow[] | undefined {
  if (!schema) return [];
  const entries = (schema as unknown as Fields).entries;
  const properties = isFields(entries)
    ? Object.entries(entries).map(([name, s]) => [name, fromValibot(s as Fields)] as const)
    : fromJsonSchema(schema);
  return properties?.map(([name, p]) => row(name, p));
}
function fromJsonSchema(schema: Schema<unknown>): [string, Fields][] | undefined {
  try {
    const all = schema["~standard"].jsonSchema?.input({ target: "draft-2020-12" }).properties;
    return isFields(all) ? Object.entries(all).filter((e): e is [string, Fields] => isFields(e[1])) : undefined;
  } catch {
    return undefined; // it has parts JSON Schema cannot say
  }
}
/** A schema of valibot in the words of JSON Schema: what wraps it (optional, pipe) may tell of it, too. */
function fromValibot(schema: Fields): Fields {
  const words: Record<string, unknown> = {};
  for (const part of Array.isArray(schema.pipe) ? schema.pipe.filter(isFields) : []) {
    if (Array.isArray(part.pipe)) Object.assign(words, fromValibot(part));
    if (part.type === "description") words.description = part.description;
    if (part.type === "metadata" && isFields(part.metadata)) Object.assign(words, part.metadata);
  }
  if (isFields(schema.wrapped)) return { default: schema.default, ...fromValibot(schema.wrapped), ...words };
  return { ...(schema.type === "picklist" ? { enum: schema.options } : { type: schema.type }), ...words };
}
const kinds: Readonly<Record<string, OptionRow["kind"]>> = {
  boolean: "flag",
  number: "number",
  integer: "number",
  string: "text",
};
function row(name: string, p: Fields): OptionRow {
  const text = (x: unknown) => (typeof x === "string" ? x : undefined);
  const words = Array.isArray(p.enum) ? p.enum.filter((w) => typeof w === "string" || typeof w === "number") : [];
  return {
    name,
    kind: words.length > 0 ? "words" : kinds[String(p.type)] ?? "any",
    words,
    about: text(p.description) ?? "",
    otherwise: p.default,
    format: text(p.format),
    letter: text(p.letter),
    also: Array.isArray(p.also) ? p.also.filter((n) => typeof n === "string") : [],
  };
}

/** The value a text stands for; the text itself, for the schema to refuse, when it stands for none. */
function valueOf({ kind, words, format }: OptionRow, text: string): unknown {
  if (kind === "flag") return flags[text.toLowerCase()] ?? text;
  if (kind === "number") return numberOf(text, format) ?? text;
  if (kind === "words") return words.find((w) => String(w) === text) ?? text;
  return kind === "any" && text === "" ? true : text;
}
function numberOf(text: string, format: string | undefined): number | undefined {
  if (format === "octal") return /^[0-7]{1,10}$/.test(text) ? parseInt(text, 8) : undefined;
  if ((format === "size" || format === "memory") && !text.startsWith("-")) return parseSize(text);
  return /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : undefined;
}
const flags: Readonly<Record<string, boolean>> = {
  "": true,
  yes: true,
  true: true,
  "1": true,
  no: false,
  false: false,
  "0": false,
};
const unknown = (name: string): OptionRow => row(name, {});
/** Options by their own names, and with the values their texts stand for. */
export function readOptions(schema: Schema<unknown> | undefined, raw: Fields): Fields {
  const rows = optionRows(schema);
  const found = (name: string) => rows ? rows.find((r) => r.name === name || r.also.includes(name)) : unknown(name);
  return Object.fromEntries(
    Object.entries(raw).map(([name, value]) => {
      const known = found(name);
      return [known?.name ?? name, known && typeof value === "string" ? valueOf(known, value) : value];
    }),
  );
}

/** An option the schema has not, in words for people; undefined: something else is wrong. */
function strayText(schema: Schema<unknown>, { path: [first] = [] }: Issue): string | undefined {
  const names = optionRows(schema)?.map((r) => r.name);
  const name = String(typeof first === "object" ? first.key : first);
  if (first === undefined || !names || names.includes(name)) return undefined;
  return `${name}: no such option${names.length > 0 ? ` (${names.join(", ")})` : ""}`;
}
/** Check a driver's options, which may be text; `wrong` is told what is. */
export function parseOptions<T>(
  schema: Schema<T> | undefined,
  raw: unknown,
  wrong: (why: string) => void = () => {},
): T {
  if (!schema) return raw as T;
  const checked = schema["~standard"].validate(isFields(raw) ? readOptions(schema, raw) : raw);
  if (!(checked instanceof Promise) && checked.issues === undefined) return checked.value;
  wrong(
    checked instanceof Promise
      ? "its options cannot be checked at once"
      : checked.issues.map((issue) => strayText(schema, issue) ?? issueText(issue)).join("; "),
  );
  throw errno.EINVAL;
}
