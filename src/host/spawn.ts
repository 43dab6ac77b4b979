/**
 * A process in a session of its own by posix_spawn(3): node:child_process takes 4 ms to load under Bun, and fork(2) cannot
 * be used in a process with threads.
 */
import process from "node:process";
import { check } from "./errors.ts";
import { cstring, darwin, pin, raw, result } from "./ffi.ts";
import { late } from "./late.ts";

const F_DUPFD = 0;
const F_SETFD = 2;
const O_RDWR = 2;
const FIRST = 3;
const CLOSE_RANGE_CLOEXEC = 4;
const MAX_FD = 0xffffffff;
/** spawn.h: POSIX_SPAWN_SETSID and SETSIGMASK (to the empty mask posix_spawnattr_init leaves). */
const SPAWN_FLAGS = (darwin ? 0x400 : 0x80) | 0x08;
/** Room for posix_spawnattr_t (glibc: 336 bytes), and for posix_spawn_file_actions_t (80). */
const STRUCT = 512;

/**
 * Start `argv`, found as `path` (or in PATH), with `env` beside our environment and nothing open but `files`: descriptors of
 * ours that become 0, 1, 2 …; undefined: the null device. Its process number; nobody need wait for it. Throws HostError.
 */
export function spawnSession(
  path: string,
  argv: readonly string[],
  files: readonly (number | undefined)[],
  env: Readonly<Record<string, string>> = {},
): number {
  const { address, view } = pin(3 * STRUCT);
  const [attributes, actions, pid] = [address, address + STRUCT, address + 2 * STRUCT];
  const [file, none] = strings([path, "/dev/null"].map(cstring)) as [number, number];
  // Out of the way of the numbers the child is to have.
  const kept = files.map((fd) => fd === undefined ? fd : check(result(raw.fcntl(fd, F_DUPFD, files.length))));
  closeOnExec();
  raw.posix_spawnattr_init(attributes);
  raw.posix_spawnattr_setflags(attributes, SPAWN_FLAGS);
  raw.posix_spawn_file_actions_init(actions);
  for (const [to, from] of kept.entries()) {
    if (from === undefined) raw.posix_spawn_file_actions_addopen(actions, to, none, O_RDWR, 0);
    else raw.posix_spawn_file_actions_adddup2(actions, from, to);
  }
  const vars = Object.entries({ ...process.env, ...env }).map(([name, value]) => `${name}=${value}`);
  const r = raw.posix_spawnp(pid, file, actions, attributes, vector(argv), vector(vars));
  for (const fd of kept) if (fd !== undefined) raw.close(fd);
  check(-r, path);
  return view.getInt32(2 * STRUCT, true);
}
/** Starts its arguments in the background, and is gone. */
const APART = '"$@" &';
const SHELL = "/bin/sh";
/**
 * Start our own program in a session of its own, as nobody's child: who started it can become another program, which does
 * not know of it: once the result has been called, which waits for the shell between. Its descriptor 3 is `socket`; nothing
 * else is open. Throws HostError.
 */
export function spawnApart(
  self: { readonly path: string; readonly args: readonly string[] },
  args: readonly string[],
  socket: number,
): () => void {
  const pid = spawnSession(SHELL, ["sh", "-c", APART, "sh", self.path, ...self.args, ...args], [
    undefined,
    undefined,
    undefined,
    socket,
  ]);
  return () => {
    const status = new Uint8Array(4);
    while (result(raw.waitpid(pid, status, 0)) === EINTR);
  };
}
const EINTR = -4;
/** Nothing else of ours, nor of who started us, stays open in a child: somebody may wait for a lock or an end of file. */
function closeOnExec(): void {
  if (!darwin && raw.close_range(FIRST, MAX_FD, CLOSE_RANGE_CLOEXEC) >= 0) return;
  for (const fd of late("fs").readdirSync("/dev/fd")) if (Number(fd) >= FIRST) raw.fcntl(Number(fd), F_SETFD, 1);
}
/** Addresses of C strings, ended by NUL already. */
export function strings(texts: readonly Uint8Array[]): number[] {
  const { bytes, address } = pin(texts.reduce((n, s) => n + s.length, 0));
  let at = 0;
  return texts.map((s) => {
    bytes.set(s, at);
    at += s.length;
    return address + at - s.length;
  });
}
/** Address of an array of addresses that ends in a null pointer. */
export function addresses(each: readonly number[]): number {
  const { view, address } = pin((each.length + 1) * 8);
  for (const [i, at] of each.entries()) view.setBigUint64(i * 8, BigInt(at), true);
  return address;
}
const vector = (texts: readonly string[]) => addresses(strings(texts.map(cstring)));
