/** Counters as text: lines with names in braces, as netstat -s prints them. */
import { decodeStats } from "../../abi/net_stats.ts";
import { entryOf, type Tree } from "../server/sysctl_tree.ts";

/** A counter for each of several kinds, by the number behind `prefix`; kinds that never happened are left out. */
export interface Histogram {
  readonly title: string;
  readonly prefix: string;
  readonly kinds: readonly string[];
  /** `3 globals` instead of `globals: 3`; the title has no colon then. */
  readonly countFirst?: boolean;
}
/**
 * What is said of a protocol. In a text, a line each: `{name}` is a counter, `{s}`, `{es}`, `{y}` how the word before it goes
 * on, after the counter before it; two blanks at its beginning indent it.
 */
export interface Wording {
  /** sysctl variable with the counters. */
  readonly variable: string;
  readonly counters: readonly string[];
  /** A counter more, of those there are. */
  readonly derived?: Readonly<Record<string, (of: Counters) => number>>;
  readonly parts: readonly (string | Histogram)[];
}
export type Counters = Readonly<Record<string, number>>;

const ENDINGS: Readonly<Record<string, readonly [one: string, more: string]>> = {
  s: ["", "s"],
  es: ["", "es"],
  y: ["y", "ies"],
};
/** A line; undefined: all its counters are 0, and such lines are not wanted. */
function line(template: string, counters: Counters, zeros: boolean): string | undefined {
  let [last, any, named] = [0, false, false];
  const text = template.replace(/\{(\w+)\}/g, (_, name: string) => {
    const ending = ENDINGS[name];
    if (ending) return ending[last === 1 ? 0 : 1];
    last = counters[name] ?? 0;
    named = true;
    any ||= last !== 0;
    return String(last);
  });
  if (named && !any && !zeros) return undefined;
  return `\t${text.replace(/^(?: {2})+/, (blanks) => "\t".repeat(blanks.length / 2))}`;
}
function histogram({ title, prefix, kinds, countFirst = false }: Histogram, counters: Counters): string[] {
  const bars = kinds.flatMap((kind, i) => {
    const counter = `${prefix}${i}`;
    return line(countFirst ? `  {${counter}} ${kind}` : `  ${kind}: {${counter}}`, counters, false) ?? [];
  });
  return bars.length === 0 ? [] : [`\t${title}${countFirst ? "" : ":"}`, ...bars];
}
/** The lines of a protocol; `zeros`: also those that say 0. */
export function wordsOf(name: string, { parts, derived = {} }: Wording, raw: Counters, zeros: boolean): string[] {
  const more = Object.entries(derived).map(([key, of]) => [key, of(raw)] as const);
  const counters = { ...raw, ...Object.fromEntries(more) };
  const lines = parts.flatMap((part) =>
    typeof part === "string"
      ? part.split("\n").filter((l) => l !== "").flatMap((l) => line(l, counters, zeros) ?? [])
      : histogram(part, counters)
  );
  return [`${name}:`, ...lines];
}
/** A protocol's counters; undefined: this kernel does not have it. */
export function countersOf(tree: Tree, { variable, counters }: Wording): Counters | undefined {
  const entry = entryOf(tree, variable);
  return entry && decodeStats(counters, tree.value(entry));
}
