/** rump.fstat: open descriptors of a server's clients. */
import type { OpenFileRow } from "../../abi/tables.ts";
import { type Column, columns, readTable } from "../table.ts";
import { program } from "../tool.ts";

const shown: readonly Column<OpenFileRow>[] = [
  { head: "PID", of: (f) => f.pid, right: true },
  { head: "COMMAND", of: (f) => f.comm },
  { head: "FD", of: (f) => f.fd, right: true },
  { head: "TYPE", of: (f) => f.type },
  { head: "R/W", of: (f) => f.mode },
  { head: "OFFSET", of: (f) => f.offset, right: true },
  { head: "REFS", of: (f) => f.refs, right: true },
  { head: "MOUNT", of: (f) => f.mount ?? "-" },
  { head: "NAME", of: (f) => f.name || "-" },
];

export const { run, over } = program({
  usage: "[-p pid] [mountpoint ...]",
  about: "List open descriptors in the rump kernel RUMP_SERVER names: of all processes, or on these file systems.",
  letters: "p:",
  help: { p: "of this process only" },
  examples: ["/mnt"],
}, (t) => {
  const pid = t.value("p");
  const rows = readTable(t.sys, "rump.sp.files")
    .filter((f) => pid === undefined || String(f.pid) === pid)
    .filter((f) => t.rest.length === 0 || t.rest.includes(f.mount ?? ""));
  t.out(`${columns(rows, shown).join("\n")}\n`);
});
