/** Going to the background: the command starts itself detached, and ends when the daemon says it is ready, or why not. */
import process from "node:process";
import { check } from "./errors.ts";
import { cstring, darwin, pin, raw, result, views } from "./ffi.ts";
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

/**
 * Start ourselves again as a daemon and end with its word. By posix_spawn(3) and a blocking read: node:child_process and a
 * turn of the event loop would cost 4 ms under Bun, and fork(2) cannot be used in a process with threads.
 */
export function daemonize(
  self: { readonly path: string; readonly args: readonly string[] },
  argv0: string,
  args: readonly string[],
): never {
  let said = "";
  try {
    said = wordOf(start(self.path, [argv0, ...self.args, ...args], { ...process.env, [MARK]: "1" }));
  } catch (e) {
    said = `${argv0}: ${e instanceof Error ? e.message : e}\n`;
  }
  if (said === "ok\n") process.exit(0);
  const text = new TextEncoder().encode(said || `${argv0}: ended before it was ready\n`);
  views.write(2, text, text.length);
  process.exit(1);
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
  }
  return said;
}
const EINTR = -4;

const F_DUPFD = 0;
const F_SETFD = 2;
const O_RDWR = 2;
const CLOSE_RANGE_CLOEXEC = 4;
const MAX_FD = 0xffffffff;
/** spawn.h: POSIX_SPAWN_SETSID and SETSIGMASK (to the empty mask posix_spawnattr_init leaves). */
const SPAWN_FLAGS = (darwin ? 0x400 : 0x80) | 0x08;
/** Room for posix_spawnattr_t (glibc: 336 bytes), and for posix_spawn_file_actions_t (80). */
const STRUCT = 512;

/** A process in a session of its own, with no descriptors but the null device and, as LINE, a pipe: its other end. */
function start(path: string, argv: readonly string[], env: Readonly<Record<string, string | undefined>>): number {
  const { address } = pin(3 * STRUCT);
  const [attributes, actions, pid] = [address, address + STRUCT, address + 2 * STRUCT];
  const [file, none] = strings([path, "/dev/null"]) as [number, number];
  const line = pipe();
  raw.posix_spawnattr_init(attributes);
  raw.posix_spawnattr_setflags(attributes, SPAWN_FLAGS);
  raw.posix_spawn_file_actions_init(actions);
  raw.posix_spawn_file_actions_adddup2(actions, line.write, LINE);
  raw.posix_spawn_file_actions_addopen(actions, 0, none, O_RDWR, 0);
  raw.posix_spawn_file_actions_adddup2(actions, 0, 1);
  raw.posix_spawn_file_actions_adddup2(actions, 0, 2);
  const vars = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  check(-raw.posix_spawn(pid, file, actions, attributes, vector(argv), vector(vars)), path);
  raw.close(line.write);
  return line.read;
}
/** A pipe out of the way of the descriptors the child is to have; nothing of ours stays open in it, as whoever waits for a lock or an end of file expects. */
function pipe(): { readonly read: number; readonly write: number } {
  const ends = new Int32Array(2);
  check(result(raw.pipe(new Uint8Array(ends.buffer))));
  const write = check(result(raw.fcntl(ends[1]!, F_DUPFD, LINE + 1)));
  raw.close(ends[1]!);
  if (darwin || raw.close_range(LINE, MAX_FD, CLOSE_RANGE_CLOEXEC) < 0) {
    for (const fd of late("fs").readdirSync("/dev/fd")) if (Number(fd) >= LINE) raw.fcntl(Number(fd), F_SETFD, 1);
  }
  return { read: ends[0]!, write };
}
/** Addresses of C strings. */
function strings(texts: readonly string[]): number[] {
  const all = texts.map(cstring);
  const { bytes, address } = pin(all.reduce((n, s) => n + s.length, 0));
  let at = 0;
  return all.map((s) => {
    bytes.set(s, at);
    at += s.length;
    return address + at - s.length;
  });
}
/** Address of an array of C strings that ends in a null pointer. */
function vector(texts: readonly string[]): number {
  const { view, address } = pin((texts.length + 1) * 8);
  for (const [i, s] of strings(texts).entries()) view.setBigUint64(i * 8, BigInt(s), true);
  return address;
}
