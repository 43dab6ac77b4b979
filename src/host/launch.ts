/** Starting somebody else's program with file systems of its own, and a process of ours apart from it. */
import process from "node:process";
import { check } from "./errors.ts";
import { cstring, raw, result, views } from "./ffi.ts";
import { dropCapabilities } from "./sandbox.ts";
import { become, becomeOurs, type Inherited, inherited, lastArguments, unsetVariable } from "./exec.ts";
import { type Parcel, parcel, receiveParcel } from "./handover.ts";
import { mountFuse, mountLinks, mountPoint, stageProc, unshareMounts } from "./namespace.ts";
import { served } from "./served.ts";
import { readAhead } from "./read_ahead.ts";
import { readWhole } from "./stat.ts";
import { spawnApart } from "./spawn.ts";
import { socketPair } from "./unmounter.ts";

/** What launching takes of the host (Linux); loaded when it is asked for. Everything throws HostError. */
export interface Launch {
  /** Descriptors we were given when we were started: to be asked before anything is opened. */
  inherited(): Inherited;
  /** Start our own program with these arguments; our end of its descriptor 3. It is nobody's child once it was `disowned`. */
  apart(args: readonly string[]): { readonly socket: number; disowned(): void };
  /** A line to the other end, and one from it; "": it is gone. */
  say(socket: number, line: string): void;
  hear(socket: number): string;
  parcel(socket: number, descriptors: readonly number[]): Parcel;
  receiveParcel: typeof receiveParcel;
  close(fd: number): void;
  unshareMounts(): void;
  mountPoint: typeof mountPoint;
  stageProc: typeof stageProc;
  mountLinks: typeof mountLinks;
  mountFuse: typeof mountFuse;
  readAhead: typeof readAhead;
  /** Whether this process may mount (CAP_SYS_ADMIN), and whether it may read and write a file. */
  mayMount(): boolean;
  /** Whether it may look into processes that are not its descendants, whatever Yama says (CAP_SYS_PTRACE). */
  mayTrace(): boolean;
  mayUse(path: string): boolean;
  /** Give up all capabilities. */
  dropRights(): void;
  /** Whether a program in PATH, run with these arguments, ends with 0. */
  succeeds(argv: readonly string[]): boolean;
  chdir(path: string): void;
  unsetVariable(name: string): void;
  lastArguments: typeof lastArguments;
  /** Words as arguments. */
  words(argv: readonly string[]): Uint8Array[];
  /** The program another process is, by its number. */
  served: typeof served;
  become: typeof become;
  becomeOurs: typeof becomeOurs;
}

const R_OK = 4;
const W_OK = 2;
const CAP_SYS_PTRACE = 19n;
const CAP_SYS_ADMIN = 21n;
const CHUNK = 4096;
const EINTR = -4;

function say(socket: number, line: string): void {
  let bytes = new TextEncoder().encode(`${line}\n`);
  while (bytes.length > 0) {
    const n = result(views.write(socket, bytes, bytes.length));
    if (n !== EINTR) bytes = bytes.subarray(check(n));
  }
}
function hear(socket: number): string {
  const into = new Uint8Array(CHUNK);
  const decoder = new TextDecoder();
  let text = "";
  while (!text.endsWith("\n")) {
    const n = result(views.read(socket, into, CHUNK));
    if (n === EINTR) continue;
    if (check(n) === 0) return "";
    text += decoder.decode(into.subarray(0, n), { stream: true });
  }
  return text.slice(0, -1);
}
function has(capability: bigint): boolean {
  const status = new TextDecoder().decode(readWhole("/proc/self/status"));
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? "0";
  return ((BigInt(`0x${effective}`) >> capability) & 1n) === 1n;
}
function succeeds([program = "", ...args]: readonly string[]): boolean {
  return process.getBuiltinModule("node:child_process").spawnSync(program, args, { stdio: "ignore" }).status === 0;
}

/** Launching for our own program. */
export const launchOf = (self: { readonly path: string; readonly args: readonly string[] }): Launch => ({
  inherited,
  apart(args) {
    const [ours, theirs] = socketPair();
    try {
      return { socket: ours, disowned: spawnApart(self, args, theirs) };
    } finally {
      raw.close(theirs);
    }
  },
  say,
  hear,
  parcel,
  receiveParcel,
  close: (fd) => void raw.close(fd),
  unshareMounts,
  mountPoint,
  stageProc,
  mountLinks,
  mountFuse,
  readAhead,
  mayMount: () => has(CAP_SYS_ADMIN),
  mayTrace: () => has(CAP_SYS_PTRACE),
  mayUse: (path) => raw.access(cstring(path), R_OK | W_OK) === 0,
  dropRights: () => dropCapabilities(process.arch === "arm64" ? "arm64" : "x64"),
  succeeds,
  chdir: (path) => void check(result(raw.chdir(cstring(path))), path),
  unsetVariable,
  lastArguments,
  served,
  words: (argv) => argv.map(cstring),
  become,
  becomeOurs,
});
