/** Going to the background: the command starts itself detached, and ends when the daemon says it is ready, or why not. */
import process from "node:process";
import { check } from "./errors.ts";
import type { Host } from "./host.ts";
import { pin, raw, result, views } from "./ffi.ts";
import { spawnSession } from "./spawn.ts";
import { zoneVariable } from "./zone.ts";

/** Environment variable that tells a process it is the daemon; descriptor 3 is its line to the waiting parent. */
const MARK = "RUMP_DAEMON";
const LINE = 3;
/** Ends of lines within the word, which ends with the first line. */
const MORE = "\0";
/** Ends what is only shown, before the word. */
const SHOWN = "\u0001";
/** What begins the word that all is well; behind it what the command prints. */
const OK = "ok ";

/** In a daemon: say that all is well, and what the command prints then, or what is not, once. */
export function daemonWord(): Host["daemon"] {
  if (process.env[MARK] !== "1") return undefined;
  delete process.env[MARK];
  let said = false;
  const word = (error?: string, text = ""): void => {
    if (said) return;
    said = true;
    tell(error === undefined ? `${OK}${text.replaceAll("\n", MORE)}\n` : `${error}\n`);
    // By FFI: node:fs does not close the real descriptor under Deno, and the parent would wait for ever.
    raw.close(LINE);
  };
  return Object.assign(word, {
    show(text: string) {
      if (!said) tell(text + SHOWN);
    },
  });
}

function tell(text: string): void {
  const line = new TextEncoder().encode(text);
  views.write(LINE, line, line.length);
}

/** Start ourselves again as a daemon and end with its word. */
export function daemonize(
  self: { readonly path: string; readonly args: readonly string[] },
  argv0: string,
  args: readonly string[],
): never {
  let said = "";
  try {
    const line = new Int32Array(2);
    check(result(raw.pipe(new Uint8Array(line.buffer))));
    const [read, write] = line as unknown as [number, number];
    spawnSession(self.path, [argv0, ...self.args, ...args], [undefined, undefined, undefined, write], {
      [MARK]: "1",
      ...zoneVariable(),
    });
    raw.close(write);
    said = wordOf(read);
  } catch (e) {
    said = `${argv0}: ${e instanceof Error ? e.message : e}\n`;
  }
  if (!said.startsWith(OK)) say(2, said || `${argv0}: ended before it was ready\n`);
  else if (said !== `${OK}\n`) say(1, said.slice(OK.length).replaceAll(MORE, "\n"));
  process.exit(said.startsWith(OK) ? 0 : 1);
}
function say(fd: 1 | 2, text: string): void {
  const bytes = new TextEncoder().encode(text);
  views.write(fd, bytes, bytes.length);
}
/** What comes through a pipe up to a newline, or its end. */
function wordOf(fd: number): string {
  const { bytes, address } = pin(4096);
  const decoder = new TextDecoder();
  let said = "";
  while (!said.endsWith("\n")) {
    const n = result(raw.read(fd, address, bytes.length));
    if (n === EINTR) continue;
    if (check(n) === 0) break;
    said += decoder.decode(bytes.subarray(0, n), { stream: true });
    const shown = said.split(SHOWN);
    said = shown.pop()!;
    if (raw.isatty(2) === 1) { for (const text of shown) say(2, text); }
  }
  return said;
}
const EINTR = -4;
