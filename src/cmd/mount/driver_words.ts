/** A driver's options as words of a command line: its program's letters, -o names and --help, read off its schema. */
import type { Host } from "../../host/host.ts";
import { type OptionRow, optionRows, parseOptions, readOptions } from "../../kern/driver_options.ts";
import type { Options } from "../../lib/getopt.ts";
import type { FsDriver } from "../../plugin.ts";
import { Failure } from "../cli.ts";
import { type MountOptions, parseMountOptions } from "./mount_options.ts";

/** What a command line asks for: the driver's options, and the mount flags. */
export interface DriverMount {
  readonly driver: Readonly<Record<string, unknown>>;
  readonly mount: MountOptions;
}
export interface DriverWords {
  /** getopt letters, `o:` among them. */
  readonly letters: string;
  /** For the usage: "[-o options] [-s size]". */
  readonly usage: string;
  /** As in `Grammar`. */
  readonly help: Readonly<Record<string, string>>;
  /** Make sense of a parsed command line. Throws Failure for what the driver would not take. */
  mount(host: Host, program: string, parsed: Options): DriverMount;
}

/** The words of a driver. */
export function wordsOf({ options: schema }: FsDriver): DriverWords {
  const rows = optionRows(schema);
  const lettered = (rows ?? []).filter((r) => r.letter !== undefined);
  return {
    letters: ["o:", ...lettered.map((r) => r.letter! + (r.kind === "flag" ? "" : ":"))].join(""),
    usage: ["[-o options]", ...lettered.map(usageOf)].join(" "),
    help: {
      ...Object.fromEntries(lettered.map((r) => [r.letter!, aboutOf(r)])),
      o: "mount options: ro, noexec, nosuid, nodev, noatime, …",
      ...Object.fromEntries((rows ?? []).map((r) => [`-o ${nameText(r)}`, aboutOf(r)])),
    },
    mount(host, program, { options }) {
      const lists = options.filter(([o]) => o === "o").map(([, v]) => v);
      const mount = parseMountOptions(program, lists, knownIn(rows, lists));
      const fail = (why: string): never => {
        throw new Failure(`${program}: ${why}`);
      };
      const named = lettered.flatMap((r) =>
        options.filter(([o]) => o === r.letter).map(([, v]) => [r.name, v] as const)
      );
      const given = [...mount.others, ...named].map(([name, v]) => [name, inNumbers(host, rows, name, v, fail)]);
      const driver = readOptions(schema, Object.fromEntries(given));
      parseOptions(schema, driver, fail);
      return { driver, mount };
    },
  };
}
const usageOf = ({ letter, name, kind }: OptionRow) => kind === "flag" ? `[-${letter}]` : `[-${letter} ${name}]`;
/** Every option with what it is for, a line each. */
export const optionTexts = (rows: readonly OptionRow[] | undefined): string[] =>
  rows?.map((r) => [nameText(r), aboutOf(r)].filter((t) => t !== "").join("  ")) ?? ["…: its schema does not tell"];
/** An option's name, and what its value looks like. */
function nameText({ name, kind, words, format }: OptionRow): string {
  if (kind === "flag") return name;
  return `${name}=${kind === "words" ? words.join("|") : format ?? (kind === "any" ? "value" : kind)}`;
}
function aboutOf({ about, otherwise, also }: OptionRow): string {
  const default_ = otherwise === undefined || otherwise === false || otherwise === "" ? "" : `default: ${otherwise}`;
  return [about, default_, also.length > 0 ? `also: ${also.join(", ")}` : ""].filter((t) => t !== "").join("; ");
}
/** The names that are the driver's: those of its schema, or all there are where it does not tell. */
function knownIn(rows: readonly OptionRow[] | undefined, lists: readonly string[]): string[] {
  if (rows) return rows.flatMap((r) => [r.name, ...r.also]);
  return lists.flatMap((l) => l.split(",")).map((o) => o.split("=")[0]!);
}
/** Users and groups by number. */
function inNumbers(
  host: Host,
  rows: readonly OptionRow[] | undefined,
  name: string,
  text: string,
  fail: (why: string) => never,
): unknown {
  const format = rows?.find((r) => r.name === name || r.also.includes(name))?.format;
  if ((format !== "user" && format !== "group") || /^-?\d+$/.test(text)) return text;
  return (format === "user" ? host.userId(text) : host.groupId(text)) ?? fail(`${name}=${text}: no such ${format}`);
}
