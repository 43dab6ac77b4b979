/**
 * Giving up what serving a mount does not need (Linux), for every thread of the process: root becomes nobody, no new
 * privileges, nothing to be read by a debugger, no core, few descriptors, and the filter of seccomp.ts. The network needs
 * no name space of its own: no socket can be made.
 */
import process from "node:process";
import { errnoName, hostError } from "./errors.ts";
import { darwin, pin, raw, result } from "./ffi.ts";
import { filter, hasFilter } from "./seccomp.ts";
import { hasZoneName } from "./zone.ts";

/** The kernel's user for those it does not know; Debian calls it nobody. */
const NOBODY = 65534;
// linux/prctl.h
const PR_SET_DUMPABLE = 4;
const PR_SET_NO_NEW_PRIVS = 38;
// linux/seccomp.h
const SET_MODE_FILTER = 1;
const TSYNC = 1;
const LOG = 2;
/** Before Linux 5.16 a filter slows all memory reads down, against programs that attack themselves. */
const SPEC_ALLOW = 4;
const SECCOMP = { x64: 317, arm64: 277 } as const;
const CAPSET = { x64: 126, arm64: 91 } as const;
const CAPABILITY_VERSION_3 = 0x20080522;
// asm/resource.h
const RLIMIT_CORE = 4;
const RLIMIT_NOFILE = 7;
const DESCRIPTORS = 256;

function must(r: number, what: string): void {
  if (result(r) < 0) throw hostError(errnoName(-result(r)), what);
}
/** Root becomes nobody, which takes all capabilities with it. In a user name space without one they are all there is to drop. */
function dropUser(machine: keyof typeof SECCOMP): string | undefined {
  if (raw.getuid() !== 0) return undefined;
  const groups = result(raw.setgroups(0, 0)) >= 0;
  if (
    groups && result(raw.setresgid(NOBODY, NOBODY, NOBODY)) >= 0 && result(raw.setresuid(NOBODY, NOBODY, NOBODY)) >= 0
  ) {
    return undefined;
  }
  dropCapabilities(machine);
  return "the user stays: nobody is not known in this user name space";
}
/** This thread can do no more than its user may. Throws HostError. */
export function dropCapabilities(machine: keyof typeof CAPSET): void {
  const m = pin(64);
  m.words[0] = CAPABILITY_VERSION_3;
  must(Number(raw.syscall(CAPSET[machine], m.address, m.address + 16, 0, 0)), "capset");
}
function limit(which: number, most: number): void {
  const m = pin(16);
  m.view.setBigUint64(0, BigInt(most), true);
  m.view.setBigUint64(8, BigInt(most), true);
  must(raw.setrlimit(which, m.bytes), "setrlimit");
}
function install(machine: keyof typeof SECCOMP, log: boolean): void {
  const code = filter(machine, process.pid);
  const m = pin(16 + code.length);
  m.bytes.set(code, 16);
  m.view.setUint16(0, code.length / 8, true);
  m.view.setBigUint64(8, BigInt(m.address + 16), true);
  const flags = TSYNC | SPEC_ALLOW | (log ? LOG : 0);
  const r = result(Number(raw.syscall(SECCOMP[machine], SET_MODE_FILTER, flags, m.address, 0)));
  if (r < 0) throw hostError(errnoName(-r), "seccomp");
  if (r > 0) throw hostError("ESRCH", `seccomp: thread ${r}`); // one with a filter of its own
}

/**
 * Enter the sandbox, for good. `log`: calls the filter refuses are told to the kernel's audit log. The result is what
 * could not be given up. Throws HostError where there is no such filter.
 */
export function sandbox(how: { readonly log: boolean }): readonly string[] {
  const machine = process.arch;
  if (darwin || !hasFilter(machine)) throw hostError("ENOSYS", "seccomp");
  // A zone without a name has its rules in a file, which is read at their first use (4 ms).
  if (!hasZoneName()) new Date().getTimezoneOffset();
  const left = dropUser(machine);
  limit(RLIMIT_CORE, 0);
  limit(RLIMIT_NOFILE, DESCRIPTORS);
  must(raw.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0), "prctl");
  must(raw.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "prctl");
  install(machine, how.log);
  return left === undefined ? [] : [left];
}
