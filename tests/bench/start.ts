/** How long programs take from start to end, and what stays of a server, beside an empty program of the same runtime. */
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { env, line, out, root, sh, work } from "./bench.ts";
import { TIMER } from "./timer.ts";

const ROUNDS = 5;

/** Milliseconds; throws when it fails. */
function ms(n: number, command: string, ...args: readonly string[]): number {
  const { status, stdout } = spawnSync(`${work}/timer`, [String(n), command, ...args], {
    cwd: work,
    env,
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`${command}: failed`);
  return Number(stdout.split(" ")[0]);
}
const hello = (how: string) => {
  sh(`${root}/node_modules/.bin/bun build --compile --minify ${how} hello.ts --outfile hello${how.length}`);
  return `${work}/hello${how.length}`;
};

/** Rounds take turns, so that a busy moment meets all of them; the least of each. */
function turns(...work: readonly (() => number)[]): number[] {
  const least = work.map(() => Infinity);
  for (let i = 0; i < ROUNDS; i++) for (const [k, fn] of work.entries()) least[k] = Math.min(least[k]!, fn());
  return least;
}
/** Boot a server in the background: milliseconds until the command is back. */
function boot(name: string): number {
  const t = ms(1, name, "unix://sock");
  sh("rump.halt; while [ -e sock ]; do :; done");
  return t;
}
/** MiB of a running server: resident, and of that what is memory of its own and not of the executable's file. */
function memory(name: string): void {
  sh(`${name} unix://sock`);
  const pid = out(`pgrep -nf "[${name[0]}]${name.slice(1)} unix://sock"`);
  const field = (f: string) => Number(out(`awk '/${f}/ {print $2}' /proc/${pid}/status`)) / 1024;
  line(`${name} RSS`, field("VmRSS"), "MiB", "goal", 60);
  line(`${name} RSS, anonymous`, field("RssAnon"), "MiB");
  sh("rump.halt; while [ -e sock ]; do :; done");
}

export function start(): void {
  writeFileSync(`${work}/timer.c`, TIMER);
  writeFileSync(`${work}/hello.ts`, "console.log(1)");
  sh("cc -O2 -w timer.c -o timer");
  const [plain, bytecode] = [hello(""), hello("--bytecode --format=esm")];
  sh("rump_server -l rumpvfs unix://sock");
  sh("echo hello >hello.txt; rump.cp host:hello.txt /");
  const [a, b, client, cat, version] = turns(
    () => ms(8, plain),
    () => ms(8, bytecode),
    () => ms(8, "rump.sysctl", "kern.hostname"),
    () => ms(8, "rump.cat", "/hello.txt"),
    () => ms(8, "rump", "--version"),
  ) as [number, number, number, number, number];
  sh("rump.halt");
  const least = Math.min(a, b);
  line("hello without bytecode", a, "ms", "with", b);
  line("rump --version, start to end", version, "ms", "bun hello", least);
  line("rump.sysctl, start to end", client, "ms", "bun hello", least);
  line("rump.cat of a small file", cat, "ms", "bun hello", least);
  const [server, all] = turns(() => boot("rump_server"), () => boot("rump_allserver")) as [number, number];
  line("rump_server to prompt", server, "ms", "bun hello x2", least * 2);
  line("rump_allserver to prompt", all, "ms", "bun hello x2", least * 2);
  for (const name of ["rump_server", "rump_allserver"]) memory(name);
}
