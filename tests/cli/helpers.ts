/** Black-box tests: the programs as a user has them. Under Bun the compiled executable, under Deno the same by `deno run`. */
import { spawn, spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { applets } from "../../src/cmd/mod.ts";

const root = join(dirname(fileURLToPath(import.meta.url)), "../..");
export const isDeno = "Deno" in globalThis;

let made: string | undefined;
/** A directory with every program's name in it. */
function bin(): string {
  if (!isDeno && existsSync(`${root}/dist/rump`)) return `${root}/dist`;
  if (made) return made;
  made = mkdtempSync(join(tmpdir(), "rump-bin-"));
  // The runtime itself: npm's `deno` may be a script that starts it, and signals would reach that one.
  const options = isDeno ? ` run -A --no-check --no-lock --config ${root}/deno.json` : "";
  for (const name of ["rump", ...Object.keys(applets)]) {
    const applet = name === "rump" ? "" : `${name} `;
    const run = process.execPath + options;
    writeFileSync(`${made}/${name}`, `#!/bin/sh\nexec ${run} ${root}/src/main.ts ${applet}"$@"\n`);
    chmodSync(`${made}/${name}`, 0o755);
  }
  const dir = made;
  process.on("exit", () => rmSync(dir, { recursive: true, force: true }));
  return made;
}

export interface Result {
  readonly status: number;
  readonly out: string;
  readonly err: string;
}
/** Whether a program is installed; and why a test without it is skipped. */
export const has = (program: string): boolean =>
  spawnSync("sh", ["-c", `PATH=$PATH:/sbin:/usr/sbin command -v ${program}`]).status === 0;
export const missing = (program: string): string | false => !has(program) && `no ${program}`;

/** A scratch directory and the commands run in it. */
export class Shell {
  readonly dir = mkdtempSync(join(tmpdir(), "rump-test-"));
  readonly env: Record<string, string>;
  readonly #alive = new Set<number>();
  constructor(env: Record<string, string> = {}) {
    const path = `${bin()}:${root}/node_modules/.bin:${process.env.PATH}:/sbin:/usr/sbin`;
    this.env = { ...process.env as Record<string, string>, TZ: "UTC", LC_ALL: "C.UTF-8", PATH: path, ...env };
    delete this.env.RUMP_SERVER;
  }
  /** Run a shell line; bounded in time. */
  run(command: string, env: Record<string, string> = {}): Result {
    // The environment is added to, not replaced, under Deno: what must not be there is unset.
    const unset = env.RUMP_SERVER === undefined ? "unset RUMP_SERVER; " : "";
    const r = spawnSync("sh", ["-c", unset + command], {
      cwd: this.dir,
      env: { ...this.env, ...env },
      encoding: "utf8",
      timeout: 60_000,
      maxBuffer: 64 << 20,
    });
    return { status: r.status ?? 124, out: r.stdout, err: r.stderr };
  }
  /** The same, which must succeed; its output. */
  must(command: string, env: Record<string, string> = {}): string {
    const r = this.run(command, env);
    if (r.status !== 0) throw new Error(`${command}: exit ${r.status}\n${r.out}${r.err}`);
    return r.out;
  }
  /** A command that goes on in the background. */
  start(
    command: string,
  ): { readonly pid: number; readonly ended: Promise<number>; kill(signal: "SIGTERM" | "SIGKILL" | "SIGINT"): void } {
    const child = spawn("sh", ["-c", `exec ${command}`], { cwd: this.dir, env: this.env, stdio: "ignore" });
    this.#alive.add(child.pid!);
    child.on("close", () => this.#alive.delete(child.pid!));
    const ended = new Promise<number>((resolve) =>
      child.on("close", (code, signal) => resolve(code ?? (signal ? 128 : 1)))
    );
    // Not child.kill: after it Deno says "ended by that signal", whatever the program made of it.
    return { pid: child.pid!, ended, kill: (signal) => void process.kill(child.pid!, signal) };
  }
  mkdir(name: string): string {
    mkdirSync(`${this.dir}/${name}`);
    return `${this.dir}/${name}`;
  }
  /** Wait until a command succeeds. */
  until(command: string, seconds = 10): boolean {
    return this.run(
      `i=0; while [ $i -lt ${seconds * 20} ]; do ${command} && exit 0; sleep 0.05; i=$((i+1)); done; exit 1`,
    ).status === 0;
  }
  /** Unmount what is mounted below, end what was started here, remove the directory. */
  close(): void {
    for (const pid of this.#alive) process.kill(pid, "SIGKILL");
    this.run(
      `grep " ${this.dir}/" /proc/self/mounts | cut -d' ' -f2 | while read m; do umount -l "$m" || fusermount3 -uz "$m"; done; true`,
    );
    // Servers that a test did not come to halt, or does not.
    this.run(
      "find . -maxdepth 2 -type s | while read s; do RUMP_SERVER=unix://$s timeout 5 rump.halt 2>/dev/null; done; true",
    );
    rmSync(this.dir, { recursive: true, force: true });
  }
}
/** Use a shell and clean up after it. */
export async function within(
  work: (sh: Shell) => void | Promise<void>,
  env: Record<string, string> = {},
): Promise<void> {
  const sh = new Shell(env);
  try {
    await work(sh);
  } finally {
    sh.close();
  }
}
/** Why tests with real mounts cannot run here; undefined: they can. With CI=true they run whatever happens. */
export function noFuse(): string | false {
  if (process.env.CI === "true") return false;
  if (process.platform !== "linux" || !existsSync("/dev/fuse")) return "no /dev/fuse";
  return process.getuid?.() === 0 ? false : "not root";
}
