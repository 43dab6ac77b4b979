/** rump.top: clients of a server by how much they do, live. */
import type { ProcessRow } from "../../abi/tables.ts";
import { Failure } from "../cli.ts";
import { processColumns } from "./ps.ts";
import { type Column, columns, readTable } from "../table.ts";
import { program, type Tool } from "../tool.ts";

interface Busy extends ProcessRow {
  /** Calls a second since the last look. */
  readonly rate: number;
}
const busyColumns: readonly Column<Busy>[] = [
  { head: "CALLS/S", of: (p) => Math.round(p.rate), right: true },
  ...processColumns,
];
const LINES = 24;

function positive(t: Tool, letter: string, otherwise: number): number {
  const text = t.value(letter);
  if (text === undefined) return otherwise;
  const n = Number(text);
  if (!(n > 0) || n > 1e6) throw new Failure(`${t.name}: -${letter} ${text}: not a number above 0`);
  return n;
}
/** Sleep in the server: nothing here has to wake up, and its end is noticed at once. */
function pause(t: Tool, seconds: number): void {
  const rqtp = new Uint8Array(16);
  const d = new DataView(rqtp.buffer);
  d.setBigInt64(0, BigInt(Math.floor(seconds)), true);
  d.setBigInt64(8, BigInt(Math.floor((seconds % 1) * 1e9)), true);
  t.sys.nanosleep({ rqtp });
}

function screen(busy: readonly Busy[], lines: number): string {
  const total = busy.reduce((n, p) => n + p.rate, 0);
  const waiting = busy.reduce((n, p) => n + p.waiting.length, 0);
  const clients = busy.filter((p) => p.wire !== "").length;
  const head = `${clients} client${clients === 1 ? "" : "s"}, ${Math.round(total)} calls/s, ${waiting} waiting`;
  const sorted = busy.toSorted((a, b) => b.rate - a.rate || b.calls - a.calls).slice(0, lines);
  return [head, "", ...columns(sorted, busyColumns)].join("\n");
}

export const { run, over } = program({
  usage: "[-b] [-n displays] [-s seconds] [-l lines]",
  about: "Show the clients of the rump kernel RUMP_SERVER names, the busiest first, until interrupted.",
  letters: "bn:s:l:",
  help: {
    b: "one display after the other, as for a file; so when the output is no terminal",
    n: "end after so many displays",
    s: "seconds between two (1)",
    l: `clients shown (${LINES})`,
  },
}, (t) => {
  if (t.rest.length > 0) t.usage();
  const [seconds, displays, lines] = [positive(t, "s", 1), positive(t, "n", Infinity), positive(t, "l", LINES)];
  const live = t.host.isTerminal(1) && !t.has("b");
  let before = new Map<number, number>();
  let then = t.host.now();
  for (let i = 0; i < displays; i++) {
    const rows = readTable(t.sys, "rump.sp.processes");
    const now = t.host.now();
    const rate = (p: ProcessRow) => (i === 0 ? 0 : ((p.calls - (before.get(p.pid) ?? 0)) * 1000) / (now - then));
    const wide = screen(rows.map((p) => ({ ...p, rate: rate(p) })), lines);
    const width = live ? t.host.columns() ?? 80 : Infinity;
    const text = wide.split("\n").map((line) => line.slice(0, width)).join("\n");
    // Home, each line cleared to its end, the rest below cleared: no flicker, and nothing to undo when killed.
    t.out(live ? `\x1b[H${text.replace(/\n/g, "\x1b[K\n")}\x1b[K\n\x1b[J` : `${text}\n\n`);
    before = new Map(rows.map((p) => [p.pid, p.calls]));
    then = now;
    if (i + 1 < displays) pause(t, seconds);
  }
});
