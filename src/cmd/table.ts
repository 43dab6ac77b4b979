/** Tables a server tells as JSON variables (abi/tables.ts), read and shown in columns. */
import type { Entry } from "../abi/sysctl_names.ts";
import { parseRows, type Rows, type TableName } from "../abi/tables.ts";
import { Failure } from "./cli.ts";
import type { SyncCalls } from "./client.ts";
import { find, Tree } from "./server/sysctl_tree.ts";

/** The rows of a table. Throws Failure for a server that has none. */
export function readTable<N extends TableName>(sys: SyncCalls, name: N): Rows<N> {
  const tree = new Tree(sys);
  let raw: Uint8Array;
  try {
    raw = tree.value(find(tree, name) as Entry);
  } catch {
    throw new Failure(`${name}: this server does not tell`);
  }
  const rows = parseRows(name, new TextDecoder().decode(raw).replace(/\0$/, ""));
  if (!rows) throw new Failure(`${name}: not the rows that were expected`);
  return rows;
}

/** A column: its heading, what stands in it, and whether it is a number (to the right). */
export interface Column<R> {
  readonly head: string;
  readonly of: (row: R) => string | number;
  readonly right?: boolean;
}
/** Lines with aligned columns; the last one is as wide as it is. */
export function columns<R>(rows: readonly R[], all: readonly Column<R>[]): string[] {
  const cells = [all.map((c) => c.head), ...rows.map((row) => all.map((c) => printable(String(c.of(row)))))];
  const widths = all.map((_, i) => Math.max(...cells.map((line) => line[i]!.length)));
  const cell = (text: string, i: number) =>
    all[i]!.right ? text.padStart(widths[i]!) : i === all.length - 1 ? text : text.padEnd(widths[i]!);
  return cells.map((line) => line.map(cell).join(" ").trimEnd());
}
/** Names of programs and files are others' words: no control characters reach the terminal. */
const printable = (text: string) => text.replace(/\p{C}/gu, "?");

/** Seconds as 12, 3:45, 1:02:03 or 4d. */
export function age(seconds: number): string {
  const two = (n: number) => String(n).padStart(2, "0");
  if (seconds < 60) return String(seconds);
  if (seconds < 3600) return `${Math.floor(seconds / 60)}:${two(seconds % 60)}`;
  if (seconds < 86400) {
    return `${Math.floor(seconds / 3600)}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
  }
  return `${Math.floor(seconds / 86400)}d`;
}
