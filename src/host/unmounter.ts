/**
 * A small process that keeps the right to unmount, and can do nothing but unmount one directory: the one that serves the
 * mount gives its rights up (sandbox.ts), and may not wait for an unmount either, since the kernel may want pages written
 * first. It ends with the process that serves.
 */
import process from "node:process";
import { check, hostError } from "./errors.ts";
import { cstring, raw, result, views } from "./ffi.ts";
import { spawnSession } from "./spawn.ts";
import type { Loop } from "./host.ts";

/** A line asks (`plain`, `lazy`), a letter answers: (d)one, (b)usy. Signals at the terminal are for the one who serves. */
const SCRIPT = `cd /
trap '' INT TERM HUP QUIT
while read -r how; do
  if [ "$how" = lazy ]; then said=$($2 "$0" 2>&1); else said=$($1 "$0" 2>&1); fi
  case $?$said in 0*) echo d;; *usy*) echo b;; *) echo d;; esac
done`;
/** Commands, which the directory follows; as words of the shell. */
const commands = {
  root: ["umount", "umount -l"],
  user: ["fusermount3 -u --", "fusermount3 -u -z --"],
} as const;
const AF_UNIX = 1;
const SOCK_STREAM = 1;
const F_SETFD = 2;
const FD_CLOEXEC = 1;
const BUSY = 0x62;
const X_OK = 1;

/** Whether a program is in PATH. */
function isThere(program: string): boolean {
  const path = (process.env.PATH ?? "/usr/bin:/bin").split(":");
  return path.some((dir) => raw.access(cstring(`${dir}/${program}`), X_OK) === 0);
}

/** Two connected sockets; ours is not inherited. */
export function socketPair(): readonly [ours: number, theirs: number] {
  const pair = new Uint8Array(8);
  check(result(raw.socketpair(AF_UNIX, SOCK_STREAM, 0, pair)), "socketpair");
  const d = new DataView(pair.buffer);
  const [ours, theirs] = [d.getInt32(0, true), d.getInt32(4, true)];
  raw.fcntl(ours, F_SETFD, FD_CLOEXEC);
  return [ours, theirs];
}

export interface Unmounter {
  /** False: busy. */
  readonly unmount: (lazy: boolean) => Promise<boolean>;
  /** The same without the loop, lazily: nobody serves. */
  readonly abandon: () => void;
}
/** Start it for an absolute directory. Undefined: there is no program to unmount with. */
export function unmounter(dir: string, as: "root" | "user", loop: Loop): Unmounter | undefined {
  const [plain, lazily] = commands[as];
  if (!isThere(plain.split(" ")[0]!) || !isThere("sh")) return undefined;
  const [ours, theirs] = socketPair();
  spawnSession("sh", ["sh", "-c", SCRIPT, dir, plain, lazily], [theirs, theirs, undefined]);
  raw.close(theirs);
  return {
    unmount: (lazy) => ask(ours, lazy ? "lazy" : "plain", loop),
    abandon() {
      say(ours, "lazy");
      views.read(ours, new Uint8Array(16), 16);
    },
  };
}
function say(socket: number, how: "lazy" | "plain"): void {
  const bytes = new TextEncoder().encode(`${how}\n`);
  check(result(views.write(socket, bytes, bytes.length)), "umount");
}
function ask(socket: number, how: "lazy" | "plain", loop: Loop): Promise<boolean> {
  say(socket, how);
  return new Promise((resolve, reject) =>
    loop.add(socket, { read: true, write: false }, () => {
      loop.remove(socket);
      const into = new Uint8Array(16);
      const n = result(views.read(socket, into, into.length));
      if (n > 0) resolve(into[0] !== BUSY);
      else reject(hostError("EPIPE", "umount"));
      return false;
    })
  );
}
