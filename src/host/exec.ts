/**
 * Becoming another program (execve(2)) as if our own had never been there: what the runtimes change in their process is
 * undone, arguments and environment are passed as the bytes they came as.
 */
import process from "node:process";
import { errnoName, hostError } from "./errors.ts";
import { cstring, pin, raw, result, runtime } from "./ffi.ts";
import { late } from "./late.ts";
import { linkTarget, readWhole } from "./stat.ts";
import { addresses, strings } from "./spawn.ts";

const SIG_DFL = 0;
/** Ignored by both, and by Bun. */
const IGNORED = { SIGPIPE: 13, SIGXFSZ: 25 } as const;
const RLIMIT_NOFILE = 7;
const F_GETFD = 1;
const F_SETFD = 2;
const FIRST = 3;

/** The last `n` arguments this process was started with, as bytes. */
export function lastArguments(n: number): Uint8Array[] {
  const line = readWhole("/proc/self/cmdline");
  const args: Uint8Array[] = [];
  for (let end = line.length - 1; args.length < n && end >= 0;) {
    const start = line.lastIndexOf(0, end - 1) + 1;
    args.unshift(line.slice(start, end + 1));
    end = start - 1;
  }
  return args;
}

/** Descriptors that were open when we were started, by number. */
export type Inherited = readonly number[];
/**
 * To be asked before anything is opened or started. Deno's own are close-on-exec; Bun makes those it was given so, too:
 * what is anonymous (epoll, eventfd) is taken for its own.
 */
export function inherited(): Inherited {
  return late("fs").readdirSync("/proc/self/fd").map(Number).filter((fd) => {
    if (fd < FIRST) return false;
    if (runtime === "deno") return raw.fcntl(fd, F_GETFD, 0) === 0;
    return !/^anon_inode:/.test(linkTarget(`/proc/self/fd/${fd}`) ?? "anon_inode:");
  });
}

/** Give signals, limits and descriptors back as they were given to us. */
function restore(fds: Inherited): void {
  raw.signal(IGNORED.SIGPIPE, SIG_DFL);
  if (runtime === "bun") raw.signal(IGNORED.SIGXFSZ, SIG_DFL);
  for (const fd of fds) raw.fcntl(fd, F_SETFD, 0);
  restoreLimit();
}
/** The soft limit of descriptors, which the runtimes raise, is the parent's again. */
function restoreLimit(): void {
  const { view, words, address } = pin(16);
  if (result(raw.prlimit(process.ppid, RLIMIT_NOFILE, 0, address)) < 0) return;
  const soft = view.getBigUint64(0, true);
  if (result(raw.prlimit(0, RLIMIT_NOFILE, 0, address)) < 0 || soft > view.getBigUint64(8, true)) return;
  view.setBigUint64(0, soft, true);
  if (words.length > 0) raw.prlimit(0, RLIMIT_NOFILE, address, 0);
}

/** Take a variable out of the environment the next program gets. */
export function unsetVariable(name: string): void {
  raw.unsetenv(cstring(name));
}

/** Become `argv`, found in PATH, with the environment we were given. Returns only by throwing HostError. */
export function become(argv: readonly Uint8Array[], fds: Inherited): never {
  const at = strings(argv);
  const vector = addresses(at);
  restore(fds);
  const r = result(raw.execvp(at[0]!, vector));
  throw hostError(errnoName(-r));
}
/** The same, and nothing is undone but what is ours: who comes next is one of ours. */
export function becomeOurs(argv: readonly Uint8Array[], fds: Inherited): never {
  for (const fd of fds) raw.fcntl(fd, F_SETFD, 0);
  const at = strings(argv);
  throw hostError(errnoName(-result(raw.execvp(at[0]!, addresses(at)))), "unshare");
}
