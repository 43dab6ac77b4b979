/** The system calls of Linux a hijacked program is stopped at, by number (asm/unistd.h of x86-64, asm-generic/unistd.h). */
import type { Machine } from "../lib/seccomp.ts";

/** -1: there is none on that machine. */
const numbers = {
  socket: { x64: 41, arm64: 198 },
  connect: { x64: 42, arm64: 203 },
  accept: { x64: 43, arm64: 202 },
  sendto: { x64: 44, arm64: 206 },
  recvfrom: { x64: 45, arm64: 207 },
  sendmsg: { x64: 46, arm64: 211 },
  recvmsg: { x64: 47, arm64: 212 },
  shutdown: { x64: 48, arm64: 210 },
  bind: { x64: 49, arm64: 200 },
  listen: { x64: 50, arm64: 201 },
  getsockname: { x64: 51, arm64: 204 },
  getpeername: { x64: 52, arm64: 205 },
  setsockopt: { x64: 54, arm64: 208 },
  getsockopt: { x64: 55, arm64: 209 },
  accept4: { x64: 288, arm64: 242 },
  recvmmsg: { x64: 299, arm64: 243 },
  sendmmsg: { x64: 307, arm64: 269 },
  ioctl: { x64: 16, arm64: 29 },
  io_uring_setup: { x64: 425, arm64: 425 },
} as const satisfies Readonly<Record<string, Readonly<Record<Machine, number>>>>;

export type LinuxCall = keyof typeof numbers;

/** A call's number on a machine. */
export const numberOf = (call: LinuxCall, machine: Machine): number => numbers[call][machine];
/** The calls of a machine by number. */
export const callsOf = (machine: Machine): ReadonlyMap<number, LinuxCall> =>
  new Map(Object.entries(numbers).map(([name, n]) => [n[machine], name as LinuxCall]));

/**
 * Machines whose programs run beside those of `machine` and have socket calls of other numbers, which are refused: they
 * would reach the host's network unseen (i386: socketcall, socket; ARM: socket).
 */
export const elder: Readonly<Record<Machine, { readonly audit: number; readonly calls: readonly number[] }>> = {
  x64: { audit: 0x40000003, calls: [102, 359] },
  arm64: { audit: 0x40000028, calls: [281] },
};
