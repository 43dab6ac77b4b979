/** rump.ps: the clients of a server and what they do. */
import type { ProcessRow } from "../../abi/tables.ts";
import { age, type Column, columns, readTable } from "../table.ts";
import { program } from "../tool.ts";

/** Shared with rump.top. */
export const processColumns: readonly Column<ProcessRow>[] = [
  { head: "PID", of: (p) => p.pid, right: true },
  { head: "PPID", of: (p) => p.ppid, right: true },
  { head: "UID", of: (p) => p.uid, right: true },
  { head: "FILES", of: (p) => p.files, right: true },
  { head: "CALLS", of: (p) => p.calls, right: true },
  { head: "AGE", of: (p) => age(p.age), right: true },
  { head: "WAITS FOR", of: (p) => p.waiting.join(",") || "-" },
  { head: "WIRE", of: (p) => p.wire || "-" },
  { head: "PEER", of: (p) => p.peer || "-" },
  { head: "COMMAND", of: (p) => p.comm },
];

export const { run, over } = program({
  usage: "[-p pid]",
  about: "List the processes of the rump kernel RUMP_SERVER names: its clients, and its own.",
  letters: "p:",
  help: { p: "this process only" },
}, (t) => {
  if (t.rest.length > 0) t.usage();
  const pid = t.value("p");
  const rows = readTable(t.sys, "rump.sp.processes").filter((p) => pid === undefined || String(p.pid) === pid);
  if (rows.length === 0) t.complain(`${pid}: no such process`);
  else t.out(`${columns(rows, processColumns).join("\n")}\n`);
});
