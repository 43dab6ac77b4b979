/** Hijacked programs: what their calls, files and start take, beside the same program on the host, and their data (hijack_data.ts). */
import { existsSync, writeFileSync } from "node:fs";
import process from "node:process";
import { line, out, root, sh, work } from "./bench.ts";
import { hijackData } from "./hijack_data.ts";
import { TIMER } from "./timer.ts";

type Rows = Readonly<Record<string, number>>;
const MIB = 64;
const ROUNDS = 3;

/** What the program prints under a command. */
function rows(command: string): Rows {
  const text = out(`${command} 2>> err`);
  if (text === "") throw new Error(`${command}: ${out("cat err")}`);
  return Object.fromEntries(text.split("\n").map((l) => l.split(" ")).map(([name, n]) => [name!, Number(n)]));
}
/** The better of rounds in turns: [ours, the host's]. */
function beside(ours: string, host: string, more = false): readonly [Rows, Rows] {
  const all = [[], []] as [Rows[], Rows[]];
  for (let i = 0; i < ROUNDS; i++) for (const [k, c] of [ours, host].entries()) all[k]!.push(rows(c));
  const better = (list: readonly Rows[]) =>
    Object.fromEntries(
      Object.keys(list[0]!).map((name) => [name, (more ? Math.max : Math.min)(...list.map((r) => r[name]!))]),
    );
  return [better(all[0]), better(all[1])];
}
function compared([ours, host]: readonly [Rows, Rows], names: Readonly<Record<string, string>>, unit: string): void {
  for (const [name, what] of Object.entries(names)) {
    line(`hijack: ${what}`, ours[name]!, unit, "host", host[name]!, unit === "MB/s" ? "more" : "less");
  }
}

function calls(): void {
  const both = beside("rumphijack --path none ./hijack_ops calls lo0", "./hijack_ops calls lo");
  compared(both, { getsockopt: "getsockopt", ioctl: "ioctl of an interface", socket: "socket and close" }, "us");
}
const FILES = {
  stat: "stat",
  open: "open and close",
  small: "open, read 4 KiB, close",
  append: "append 100 bytes",
  empty: "create and close",
  create: "create, write, close",
  list: "list 1,000 names",
  ls: "list and stat 1,000 names",
};
/** On both sides in memory: the kernel's tmpfs, and the host's. */
function files(): void {
  const host = existsSync("/dev/shm") ? "/dev/shm" : ".";
  const [there, here] = ["/rump/tmp/bench", `${host}/rump-bench-${process.pid}`];
  compared(beside(`rumphijack ./hijack_ops files ${there}`, `./hijack_ops files ${here}`), FILES, "us");
  const data = (path: string) => `sh -c './hijack_ops write ${path} ${MIB}'`;
  compared(beside(`rumphijack ${data(there)}`, data(here), true), { write: "write" }, "MB/s");
  // Each program has a mount of its own, whose pages are its own: nothing of the file is in memory.
  const read = (path: string) => `./hijack_ops read ${path} ${MIB}`;
  const both = beside(`rumphijack ${read(there)}`, read(here), true);
  compared(both, { cold: "read, the first time", warm: "read again" }, "MB/s");
  sh(`rm ${here}; rumphijack rm ${there}`);
}
/** Milliseconds from start to end. */
function start(): void {
  writeFileSync(`${work}/timer.c`, TIMER);
  sh("cc -O2 -w timer.c -o timer");
  const ms = (how: string) => out(`./timer 30 ${how}`).split(" ").map(Number) as [least: number, median: number];
  const host = ms("/bin/true");
  for (const how of ["", "--path none ", "--socket none "]) {
    const [least, median] = ms(`rumphijack ${how}/bin/true`);
    line(`hijack: ${how}/bin/true`, least, "ms", "host", host[0], "less", 40);
    line("hijack: the same, median", median, "ms", "host", host[1], "less", 40);
  }
}

export async function hijack(): Promise<void> {
  sh(`cc -O2 -w -o hijack_ops ${root}/tests/bench/hijack_ops.c`);
  sh("rump_allserver $RUMP_SERVER");
  start();
  calls();
  files();
  sh("rump.halt");
  await hijackData();
}
