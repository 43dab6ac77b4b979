/** What Bun and Deno do alike through node:* and libc; each runtime's file adds what is its own. */
import process from "node:process";
import { datagrams } from "./datagrams.ts";
import { eventWatch, loopWatch } from "./readers.ts";
import { late } from "./late.ts";
import type { BlockingChannel, SocketAddress, TlsSockets } from "../plugin.ts";
import { conceal } from "./conceal.ts";
import { daemonize, daemonWord } from "./daemon.ts";
import { held } from "./beneath.ts";
import { memoryOfMachine } from "./machine.ts";
import { hostNames } from "./dir_calls.ts";
import { check, hostError } from "./errors.ts";
import { addressOf, pin, raw, result, views } from "./ffi.ts";
import { growingFiles } from "./growing_file.ts";
import { darwinFlags, fileDisk, ioctlAt, linuxFlags, openFile } from "./file.ts";
import { fuseMount } from "./fuse.ts";
import type { Host, HostStat, Spawned } from "./host.ts";
import { EpollLoop } from "./loop.ts";
import { blockingChannel } from "./sockets_blocking.ts";
import { keys } from "./keys.ts";
import { pack, unpack, unpacking } from "./unpack.ts";
import { ownEnd } from "./handed.ts";
import { notifier, seccompListener } from "./notifier.ts";
import { addressesOf, connectNamed, nameOfAddress } from "./resolve.ts";
import { hostStat, readWhole, realpath } from "./stat.ts";
import { sandbox } from "./sandbox.ts";
import { eventSharedFiles, loopSharedFiles } from "./shared_file.ts";
import { loopSockets } from "./sockets_loop.ts";
import { eventSockets } from "./sockets_node.ts";
import { tlsEvents } from "./tls.ts";
import { isolation } from "./isolated.ts";
import { relay, relayed } from "./tls_relay.ts";
import { Pairs } from "./stand_ins.ts";
import { syslog } from "./syslog.ts";
import { taps } from "./tap.ts";

/** What differs between the runtimes. */
export interface Runtime {
  readonly runtime: Host["runtime"];
  /** Our own program: executable and what precedes an applet's arguments; `argv0` as typed. */
  readonly self: Host["self"];
  readonly argv: readonly string[];
  /** One turn of the runtime's event loop; `ioTurn`: one that surely serves its descriptors and signals too. */
  readonly turn: () => Promise<void>;
  readonly ioTurn: () => Promise<void>;
  readonly now: () => number;
  /** Run all microtasks there are, and theirs, where the runtime can. */
  readonly microtasks?: () => void;
  /** This is going to take a while: compile what is called often as early as usual. The executable starts with eight times that (1 ms of a command). */
  readonly warm: () => void;
  /** Give memory nobody needs back to the system; takes as long as what is needed is large. */
  readonly collect: () => void;
}

const fs = () => late("fs");

/** node:fs under Deno and Bun gives `code`; the text is made ours. */
function plain<T>(fn: () => T, what?: string): T {
  try {
    return fn();
  } catch (e) {
    const { code } = e as { code?: string };
    throw typeof code === "string" ? hostError(code, what) : e;
  }
}
const stat = (path: string, follow = true): HostStat => plain(() => hostStat(path, follow));

const open: Host["open"] = (path, how) =>
  openFile(path, how, process.platform === "darwin" ? darwinFlags : linuxFlags, stat);

const files = {
  growingFile: growingFiles(open),
  ioctl: ioctlAt,
  open,
  stat,
  held,
  names: hostNames,
  readdir: (path) => plain(() => fs().readdirSync(path)),
  readlink: (path) => plain(() => fs().readlinkSync(path)),
  realpath,
  mkdir: (path, mode) => plain(() => void fs().mkdirSync(path, { mode })),
  unlink: (path) => plain(() => fs().unlinkSync(path)),
  rmdir: (path) => plain(() => fs().rmdirSync(path)),
  rename: (from, to) => plain(() => fs().renameSync(from, to)),
  symlink: (target, path) => plain(() => fs().symlinkSync(target, path)),
  chmod: (path, mode) => plain(() => fs().chmodSync(path, mode)),
  utimes: (path, atime, mtime) => plain(() => fs().utimesSync(path, atime, mtime)),
  readFile: readWhole,
  writeFile: (path, data) => plain(() => fs().writeFileSync(path, data)),
} satisfies Partial<Host>;

/** Lookups in /etc/passwd and /etc/group: name, x, number. */
function idOf(file: string, name: string): number | undefined {
  const line = entries(file).find((f) => f[0] === name);
  return line ? Number(line[2]) : undefined;
}
const nameOf = (file: string, id: number) => entries(file).find((f) => f[2] === String(id))?.[0];
function entries(file: string): string[][] {
  try {
    return new TextDecoder().decode(readWhole(file)).split("\n").map((line) => line.split(":"));
  } catch {
    return [];
  }
}
const users = {
  userId: (name) => idOf("/etc/passwd", name),
  groupId: (name) => idOf("/etc/group", name),
  userName: (uid) => nameOf("/etc/passwd", uid),
  groupName: (gid) => nameOf("/etc/group", gid),
  resolve: addressesOf,
  hostNameOf: nameOfAddress,
} satisfies Partial<Host>;

/** Write all of it, whatever stdout is; a reader that went away ends the program quietly, as a signal would. */
function writeAll(fd: number, data: string | Uint8Array): void {
  let bytes = typeof data === "string" ? new TextEncoder().encode(data) : data;
  while (bytes.length > 0) {
    const n = result(views.write(fd, bytes, bytes.length));
    if (n === -EPIPE) process.exit(128 + 13);
    if (n === -EAGAIN) waitWritable(fd);
    if (n === -EAGAIN || n === -EINTR) continue;
    bytes = bytes.subarray(check(n, "standard output"));
  }
}
/** Somebody made the terminal or pipe nonblocking: sleep until it takes something. */
function waitWritable(fd: number): void {
  const pollfd = new Uint8Array(8);
  new DataView(pollfd.buffer).setInt32(0, fd, true);
  pollfd[4] = POLLOUT;
  raw.poll(pollfd, 1, -1);
}
const POLLOUT = 4;
const EPIPE = 32;
const EAGAIN = 11;
const EINTR = 4;
const AGAIN_MS = 10;

const streams = {
  sleep: (ms) => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms),
  ...keys,
  unpack,
  unpacking,
  pack,
  same: (a, b) => a.length === b.length && raw.memcmp(a, b, a.length) === 0,
  out: (text) => writeAll(1, text),
  err: (text) => writeAll(2, text),
  input(max) {
    const into = new Uint8Array(max);
    const n = check(result(views.read(0, into, max)), "standard input");
    return n === 0 ? undefined : into.subarray(0, n);
  },
  inputLater: (max) =>
    new Promise((resolve, reject) => {
      const into = new Uint8Array(max);
      fs().read(0, into, 0, max, null, (e, n) => {
        // Somebody else may have made the terminal or pipe one that does not block.
        if (e?.code === "EAGAIN") setTimeout(() => void streams.inputLater(max).then(resolve, reject), AGAIN_MS);
        else if (e && e.code !== "EOF") reject(new Error(`standard input: ${e.message}`));
        else resolve(n > 0 ? into.subarray(0, n) : undefined);
      });
    }),
  isTerminal: (fd) => raw.isatty(fd) === 1, // the runtime's own streams would be set up by being asked
  columns: () => (process.stdout.isTTY ? process.stdout.columns : undefined),
} satisfies Partial<Host>;

function start(
  command: string,
  args: readonly string[],
  options: { readonly env?: Record<string, string>; readonly stdin?: string } = {},
): Spawned {
  const child = late("child_process").spawn(command, [...args], {
    env: { ...process.env, ...options.env },
    stdio: "pipe",
  });
  const collect = (stream: NodeJS.ReadableStream) =>
    new Promise<string>((resolve) => {
      let text = "";
      stream.setEncoding("utf8");
      stream.on("data", (d) => (text += d));
      stream.on("end", () => resolve(text));
    });
  const status = new Promise<number>((resolve) => {
    child.on("error", () => resolve(127));
    child.on("close", (code, signal) => resolve(code ?? 128 + (signal ? late("os").constants.signals[signal] : 0)));
  });
  child.stdin.on("error", () => {}); // it did not want to read it
  child.stdin.end(options.stdin ?? "");
  return { pid: child.pid ?? -1, status, stdout: collect(child.stdout), stderr: collect(child.stderr) };
}

/** What the shell says of a program that cannot be run. */
const NOT_FOUND = 127;
const runChild: Host["runChild"] = (command, args, env) =>
  new Promise((resolve) => {
    const child = late("child_process").spawn(command, [...args], {
      env: { ...process.env, ...env },
      stdio: "inherit",
    });
    child.on("error", (e) => {
      streams.err(`${command}: ${(e as { code?: string }).code === "ENOENT" ? "not found" : e.message}\n`);
      resolve(NOT_FOUND);
    });
    child.on("exit", (code, signal) => resolve(code ?? 128 + (signal ? late("os").constants.signals[signal] : 0)));
  });

const processes = {
  spawn: start,
  onStray(fn) {
    for (const name of ["uncaughtException", "unhandledRejection"] as const) process.on(name, fn);
  },
  runChild,
  sandbox,
  syslog,
} satisfies Partial<Host>;

/** Module loaded by path: relative to the current directory, also from the compiled executable. */
async function load(path: string): Promise<Record<string, unknown>> {
  const real = plain(() => realpath(path), path);
  if (stat(real).type === "dir") throw hostError("EISDIR", path);
  try {
    return await import(late("url").pathToFileURL(real).href) as Record<string, unknown>;
  } catch (e) {
    throw new Error(`${path}: ${importReason(e)}`);
  }
}
/** Why a module could not be loaded, in one line: where and what, as far as the runtime tells. */
function importReason(e: unknown): string {
  const first = (e as { errors?: unknown[] }).errors?.[0] ?? e;
  const { message, position } = first as { message?: unknown; position?: { line: number; column: number } | null };
  const line = String(message ?? first).split("\n")[0]!;
  return position ? `${position.line}:${position.column}: ${line}` : line;
}

/** Sends of a client that is no short command. */
const MANY_SENDS = 64;
/** A blocking connection; `many` is called when it turns out to be used a lot. */
function connection(address: SocketAddress, now: () => number, many: () => void): BlockingChannel {
  const channel = blockingChannel(connectNamed(address), now);
  let sends = 0;
  return {
    ...channel,
    send(...parts) {
      if (++sends === MANY_SENDS) many();
      channel.send(...parts);
    },
  };
}

/** Date.now() has milliseconds only: between its ticks the monotonic clock goes on, and follows when the wall clock is set. */
function wallClock(now: () => number): () => number {
  let offset = Date.now() - now();
  return () => {
    const [coarse, fine] = [Date.now(), now() + offset];
    if (Math.abs(fine - coarse) <= DRIFT_MS) return fine;
    offset += coarse - fine;
    return coarse;
  };
}
const DRIFT_MS = 2;

const memory = {
  read: (fd, address, length) => result(raw.read(fd, address, length)),
  write: (fd, address, length) => result(raw.write(fd, address, length)),
  writev: (fd, iov, count) => result(raw.writev(fd, iov, count)),
  addressOf,
  pin,
  seccompListener,
  notifier,
  standIns: once(() => new Pairs()),
} satisfies Partial<Host>;

const surroundings = {
  os: process.platform,
  machine: process.arch,
  pid: process.pid,
  env: (name) => process.env[name],
  conceal,
  cwd: () => process.cwd(),
  chdir: (path) => plain(() => process.chdir(path)),
  hostname: () => late("os").hostname(),
  cpus: () => late("os").cpus().length,
  memory: memoryOfMachine,
  loadavg: () => late("os").loadavg() as [number, number, number],
  rss: () => process.memoryUsage().rss,
} satisfies Partial<Host>;

/** getRandomValues gives at most 64 KiB a call. */
function random(into: Uint8Array): void {
  for (let at = 0; at < into.length; at += 65536) {
    crypto.getRandomValues(into.subarray(at, at + 65536) as Uint8Array<ArrayBuffer>);
  }
}

/** How our own program is started, also by who uses us as a library: their script is another one. */
function program({ path, args }: Host["self"]): Host["self"] {
  const main = () => decodeURIComponent(new URL("../main.ts", import.meta.url).pathname);
  return { path, args: args.length === 0 ? [] : [...args.slice(0, -1), main()] };
}

/** Disks are worked on for a while. */
const disks = (rt: Runtime) => ({
  diskOn(file, name, part) {
    rt.warm();
    return fileDisk(file, name, part);
  },
  disk(path, how) {
    rt.warm();
    const { write, exclusive = false, direct = false } = how;
    return fileDisk(open(path, { write, exclusive, direct }), path, how);
  },
} satisfies Partial<Host>);
/** Made when it is first asked for. */
function once<T>(make: () => T): () => T {
  let value: T | undefined;
  return () => (value ??= make());
}
function makeLoop(rt: Runtime): EpollLoop {
  const loop = new EpollLoop(rt);
  loop.onError = (e) => streams.err(`loop: ${e instanceof Error ? e.stack : e}\n`);
  return loop;
}

const eventDevices = (now: () => number) => ({
  eventTap: taps(eventWatch(now)),
  eventDatagrams: datagrams(eventWatch(now)),
});

/** The host over a runtime. */
export function makeHost(rt: Runtime): Host {
  const loop = once(() => makeLoop(rt));
  const connectBlocking = (address: SocketAddress) => connection(address, rt.now, rt.warm);
  const sockets = once(() => loopSockets(loop(), { tls, connectBlocking }));
  const sharedFiles = once(() => loopSharedFiles(open, loop(), random));
  const watched = once(() => loopWatch(loop()));
  let word: ReturnType<typeof daemonWord> | "unasked" = "unasked";
  const tls: TlsSockets = { ...tlsEvents, connectBlocking: relayed(program(rt.self), rt.now) };
  return {
    ...files,
    ...disks(rt),
    ...users,
    ...streams,
    ...processes,
    ...memory,
    ...rt,
    ...surroundings,
    get uid() {
      return raw.getuid();
    },
    get gid() {
      return raw.getgid();
    },
    wall: wallClock(rt.now),
    random,
    exit: (code) => process.exit(code),
    daemonize: () => daemonize(rt.self, rt.argv[0]!, rt.argv.slice(1)),
    get daemon() {
      if (word === "unasked") word = daemonWord();
      return word;
    },
    onSignal: (name, fn) => void process.on(name as NodeJS.Signals, fn),
    kill: (pid, signal) => void plain(() => process.kill(pid, signal)),
    import: load,
    get loop() {
      return loop();
    },
    get loopSockets() {
      return sockets();
    },
    socketEnd: (fd) => ownEnd(fd, loop()),
    eventSockets: eventSockets({ tls, connectBlocking }),
    get loopSharedFile() {
      return sharedFiles();
    },
    eventSharedFile: eventSharedFiles(open),
    loopTap: (name, how) => taps(watched())(name, how),
    loopDatagrams: (address, port) => datagrams(watched())(address, port),
    ...eventDevices(rt.now),
    ...isolation,
    tlsRelay() {
      return relay(this.loop);
    },
    blocking: (fd) => blockingChannel(fd, rt.now),
    launch: async () => (await import("./launch.ts")).launchOf(program(rt.self)),
    fuseMount(dir, options) {
      return fuseMount(dir, options, this.loop);
    },
  };
}
