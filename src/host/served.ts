/** The program a process of ours serves, which it is no relation of: a word to its user, and its end. */
import { late } from "./late.ts";
import { pin, raw, result } from "./ffi.ts";

/** See the head of this file. Nothing throws. */
export interface Served {
  /** A line on its standard error, where that is still what it was when this was made. */
  say(line: string): void;
  /** Kill it and its descendants. */
  end(): void;
}

/** asm/unistd.h; the same on both machines. */
const PIDFD_SEND_SIGNAL = 424;
const PIDFD_OPEN = 434;
const PIDFD_GETFD = 438;
const SIGKILL = 9;
const STDERR = 2;
const AT_EMPTY_PATH = 0x1000;
const STATX_INO = 0x100;
/** struct statx: the number of a file and its device, which follow each other but for the times between. */
const STX = { size: 256, ino: 32, dev: 136 } as const;
const EMPTY = new Uint8Array(1);
/** Generations of processes looked at. */
const DEEPEST = 64;

/** Do something with its standard error as it is now: what that is (device and number), and our descriptor of it. */
function withError<T>(pidfd: number, use: (what: string, fd: number) => T): T | undefined {
  const fd = result(Number(raw.syscall(PIDFD_GETFD, pidfd, STDERR, 0, 0)));
  if (fd < 0) return undefined;
  const { view, address } = pin(STX.size);
  raw.statx(fd, EMPTY, AT_EMPTY_PATH, STATX_INO, address);
  try {
    return use(`${view.getBigUint64(STX.dev, true)}:${view.getBigUint64(STX.ino, true)}`, fd);
  } finally {
    raw.close(fd);
  }
}
function write(fd: number, line: string): void {
  const { bytes, address } = pin(line.length * 3 + 1);
  const { written } = new TextEncoder().encodeInto(`${line}\n`, bytes);
  raw.write(fd, address, written);
}
/** Those that came of a process, the youngest first. */
function descendants(pid: number, depth = 0): number[] {
  const { readdirSync, readFileSync } = late("fs");
  if (depth > DEEPEST) return [];
  try {
    const children = readdirSync(`/proc/${pid}/task`).flatMap((tid) =>
      readFileSync(`/proc/${pid}/task/${tid}/children`, "utf8").split(" ").filter((word) => word !== "").map(Number)
    );
    return children.flatMap((child) => [...descendants(child, depth + 1), child]);
  } catch {
    return []; // it has ended
  }
}

/** By its number, which must be its own still. */
export function served(pid: number): Served {
  const pidfd = result(Number(raw.syscall(PIDFD_OPEN, pid, 0, 0, 0)));
  const at = withError(pidfd, (what) => what);
  return {
    say(line) {
      withError(pidfd, (what, fd) => what === at && write(fd, line));
    },
    end() {
      if (result(Number(raw.syscall(PIDFD_SEND_SIGNAL, pidfd, 0, 0, 0))) < 0) return;
      for (const child of descendants(pid)) raw.kill(child, SIGKILL);
      raw.syscall(PIDFD_SEND_SIGNAL, pidfd, SIGKILL, 0, 0);
    },
  };
}
