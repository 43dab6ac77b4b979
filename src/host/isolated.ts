/** A process of our own program for what is not trusted: a socket to it, an eye on its memory, and an end to it at any time. */
import { check } from "./errors.ts";
import type { BlockingChannel, Channel } from "../plugin.ts";
import { addressOf, raw, result } from "./ffi.ts";
import { linuxFlags, openFile } from "./file.ts";
import type { Host, HostFile, Isolated, Loop } from "./host.ts";
import { LoopChannel } from "./loop_channel.ts";
import { hostStat } from "./stat.ts";
import { spawnSession } from "./spawn.ts";

/** The argument that makes our program the other end. */
export const ISOLATED = "--isolated";
const STDERR = 2;
const [AF_UNIX, STREAM, CLOEXEC] = [1, 1, 0o2000000];
const [F_SETFL, NONBLOCK] = [4, 0o4000];
const [EAGAIN, EINTR] = [-11, -4];
const SIGKILL = 9;
const F_SETFD = 2;
const [PIDFD_SEND_SIGNAL, PIDFD_OPEN] = [424, 434];
/** Bytes /proc/PID/status has at most. */
const STATUS = 8 << 10;
const WNOHANG = 1;
const PR_SET_PDEATHSIG = 1;
/** Between looks whether a process that was killed is gone; its memory takes a while. */
const REAP_MS = 50;

/**
 * Start our own program: its standard input is one end of a socket pair, `ends` are further descriptors of it (3, 4 …); ours
 * is the other one. Throws HostError.
 */
export function startOwn(
  self: Host["self"],
  args: readonly string[],
  { ends = [], env = {} }: { readonly ends?: readonly number[]; readonly env?: Readonly<Record<string, string>> } = {},
): { readonly pid: number; readonly fd: number } {
  const [mine, theirs] = pair();
  try {
    return {
      pid: spawnSession(self.path, ["rump", ...self.args, ...args], [theirs, undefined, STDERR, ...ends], env),
      fd: mine,
    };
  } catch (e) {
    raw.close(mine);
    throw e;
  } finally {
    raw.close(theirs);
  }
}
function pair(): readonly [mine: number, theirs: number] {
  const both = new Int32Array(2);
  check(result(raw.socketpair(AF_UNIX, STREAM | CLOEXEC, 0, new Uint8Array(both.buffer))), "socketpair");
  return both as unknown as [number, number];
}
/** Start it with `args`. Throws HostError. */
function startIsolated(self: Host["self"], loop: Loop, args: readonly string[]): Isolated {
  const [disk, theirDisk] = pair();
  let started: ReturnType<typeof startOwn>;
  try {
    started = startOwn(self, [ISOLATED, ...args], { ends: [theirDisk] });
  } finally {
    raw.close(theirDisk);
  }
  const { pid, fd: mine } = started;
  raw.fcntl(disk, F_SETFL, NONBLOCK);
  raw.fcntl(mine, F_SETFL, NONBLOCK);
  const reap = () => {
    if (result(raw.waitpid(pid, new Uint8Array(4), WNOHANG)) === 0) loop.timer(REAP_MS, reap);
  };
  // By descriptors: a sandbox opens no files, and signals nobody by number.
  const pidfd = result(Number(raw.syscall(PIDFD_OPEN, pid, 0, 0, 0)));
  raw.fcntl(pidfd, F_SETFD, 1);
  const facts = statusOf(pid);
  let killed = false;
  return {
    pid,
    status() {
      const into = new Uint8Array(STATUS);
      return into.subarray(0, facts?.pread(into, 0) ?? 0);
    },
    channel: new LoopChannel(mine, loop),
    disk: new LoopChannel(disk, loop),
    kill() {
      if (killed) return;
      killed = true;
      if (pidfd < 0 || result(Number(raw.syscall(PIDFD_SEND_SIGNAL, pidfd, SIGKILL, 0, 0))) < 0) raw.kill(pid, SIGKILL);
      if (pidfd >= 0) raw.close(pidfd);
      facts?.close();
      reap();
    },
  };
}
function statusOf(pid: number): HostFile | undefined {
  try {
    return openFile(`/proc/${pid}/status`, {}, linuxFlags, (path) => hostStat(path, true));
  } catch {
    return undefined; // gone, which its socket tells
  }
}
/** In the other one: the socket to who started us, with whom we end. They always read: we wait until all is gone. */
function isolatedEnd(loop: Loop): Pick<Channel, "send" | "receive" | "closed"> {
  raw.prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  raw.fcntl(0, F_SETFL, NONBLOCK);
  const channel = new LoopChannel(0, loop);
  return {
    receive: (on) => channel.receive(on),
    closed: (on) => channel.closed(on),
    send(...parts) {
      for (const part of parts) sendAll(part);
      return true;
    },
  };
}
/** struct pollfd of descriptor 0, for POLLOUT. */
const writable = new Uint8Array([0, 0, 0, 0, 4, 0, 0, 0]);
function sendAll(bytes: Uint8Array): void {
  const address = addressOf(bytes);
  for (let at = 0; at < bytes.length;) {
    const n = result(raw.write(0, address + at, bytes.length - at));
    if (n >= 0) at += n;
    else if (n === EAGAIN) raw.poll(writable, 1, -1);
    else if (n !== EINTR) return; // who reads is gone, and so are we soon
  }
}
/** The descriptor an isolated driver's disk is at. */
const DISK = 3;
export const isolation = {
  startIsolated(this: Host, args: readonly string[]): Isolated {
    return startIsolated(this.self, this.loop, args);
  },
  startApart(this: Host, args: readonly string[]): BlockingChannel {
    return this.blocking(startOwn(this.self, args).fd);
  },
  isolatedDisk(this: Host): BlockingChannel {
    return this.blocking(DISK);
  },
  isolatedEnd(this: Host): Pick<Channel, "send" | "receive" | "closed"> {
    return isolatedEnd(this.loop);
  },
};
