/** Going to the background: the command starts itself detached, and ends when the daemon says it is ready, or why not. */
import process from "node:process";
import { raw, views } from "./ffi.ts";
import { late } from "./late.ts";

/** Environment variable that tells a process it is the daemon; descriptor 3 is its line to the waiting parent. */
const MARK = "RUMP_DAEMON";
const LINE = 3;

/** In a daemon: say that all is well, or what is not, once. */
export function daemonWord(): ((error?: string) => void) | undefined {
  if (process.env[MARK] !== "1") return undefined;
  delete process.env[MARK];
  let said = false;
  return (error) => {
    if (said) return;
    said = true;
    const line = new TextEncoder().encode(error === undefined ? "ok\n" : `${error}\n`);
    // By FFI: node:fs does not close the real descriptor under Deno, and the parent would wait for ever.
    views.write(LINE, line, line.length);
    raw.close(LINE);
  };
}

/** Start ourselves again as a daemon and end with its word. */
export function daemonize(
  self: { readonly path: string; readonly args: readonly string[] },
  argv0: string,
  args: readonly string[],
): Promise<never> {
  return new Promise(() => {
    const child = late("child_process").spawn(self.path, [...self.args, ...args], {
      argv0,
      detached: true,
      stdio: ["ignore", "ignore", "ignore", "pipe"],
      env: { ...process.env, [MARK]: "1" },
    });
    let said = "";
    const finish = () => {
      if (said === "ok\n") process.exit(0);
      process.stderr.write(said || `${argv0}: ended before it was ready\n`);
      process.exit(1);
    };
    const line = child.stdio[LINE] as NodeJS.ReadableStream;
    line.on("data", (d) => {
      said += d;
      if (said.endsWith("\n")) finish();
    });
    line.on("end", finish);
    child.on("error", (e) => {
      said = `${argv0}: ${e.message}\n`;
      finish();
    });
  });
}
