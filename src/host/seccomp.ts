/**
 * The seccomp(2) filter of a process that only serves a mount: what the loop, the disk and the runtime's own threads
 * (JIT, garbage collection) call goes on; everything else is refused with EPERM, which a runtime bears (it likes to open
 * /proc/self/statm); what only an intruder would call ends the process. Layout: linux/seccomp.h, linux/filter.h.
 */
import {
  ALLOW,
  ARCH,
  architectures,
  argumentAt,
  assemble,
  ERRNO,
  type Instruction,
  JEQ,
  JGE,
  JSET,
  KILL,
  LD,
  type Machine,
  NR,
  RET,
  X32,
} from "../lib/seccomp.ts";

/** Number of a call on x86_64 and on aarch64 (asm/unistd.h); -1: there is none. */
type Numbers = readonly [x64: number, arm64: number];
/** What must hold of an argument for a call to be allowed: bits of it are set, it is one of some values, or a null pointer. */
interface Condition {
  readonly argument: number;
  readonly bits?: number;
  readonly values?: readonly number[];
  readonly isNull?: true;
}

const allowed: Readonly<Record<string, Numbers>> = {
  // the mount's descriptor, the disk, the log
  read: [0, 63],
  write: [1, 64],
  readv: [19, 65],
  writev: [20, 66],
  pread64: [17, 67],
  pwrite64: [18, 68],
  preadv: [295, 69],
  pwritev: [296, 70],
  lseek: [8, 62],
  fsync: [74, 82],
  fdatasync: [75, 83],
  sync_file_range: [277, 84],
  ftruncate: [77, 46],
  fallocate: [285, 47],
  recvfrom: [45, 207],
  close: [3, 57],
  fcntl: [72, 25],
  // waiting
  epoll_wait: [232, -1],
  epoll_pwait: [281, 22],
  epoll_pwait2: [441, 441],
  epoll_ctl: [233, 21],
  poll: [7, -1],
  ppoll: [271, 73],
  futex: [202, 98],
  eventfd2: [290, 19],
  timerfd_settime: [286, 86],
  timerfd_gettime: [287, 87],
  nanosleep: [35, 101],
  clock_nanosleep: [230, 115],
  clock_gettime: [228, 113],
  clock_getres: [229, 114],
  gettimeofday: [96, 169],
  restart_syscall: [219, 128],
  // memory; the JIT makes pages executable
  mmap: [9, 222],
  munmap: [11, 215],
  mprotect: [10, 226],
  mremap: [25, 216],
  madvise: [28, 233],
  brk: [12, 214],
  pkey_mprotect: [329, 288],
  pkey_alloc: [330, 289],
  pkey_free: [331, 290],
  membarrier: [324, 283],
  // threads and signals
  exit: [60, 93],
  exit_group: [231, 94],
  rt_sigaction: [13, 134],
  rt_sigprocmask: [14, 135],
  rt_sigreturn: [15, 139],
  rt_sigtimedwait: [128, 137],
  sigaltstack: [131, 132],
  sched_yield: [24, 124],
  sched_getaffinity: [204, 123],
  sched_getparam: [143, 121],
  sched_getscheduler: [145, 120],
  set_robust_list: [273, 99],
  set_tid_address: [218, 96],
  rseq: [334, 293],
  // an isolated driver's process is ended by a descriptor of it: there are no others, and none can be made
  pidfd_send_signal: [424, 424],
  // who and how much
  getpid: [39, 172],
  gettid: [186, 178],
  getuid: [102, 174],
  geteuid: [107, 175],
  getgid: [104, 176],
  getegid: [108, 177],
  getrusage: [98, 165],
  getcpu: [309, 168],
  sysinfo: [99, 179],
  uname: [63, 160],
  getrandom: [318, 278],
};

const CLONE_THREAD = 0x10000;
const PR_SET_NAME = 15;
const PR_SET_VMA = 0x53564d41;
/** Allowed by their arguments. `self`: our process number. */
const conditional = (self: number): Readonly<Record<string, readonly [Numbers, Condition]>> => ({
  clone: [[56, 220], { argument: 0, bits: CLONE_THREAD }],
  prctl: [[157, 167], { argument: 0, values: [PR_SET_NAME, PR_SET_VMA] }],
  tgkill: [[234, 131], { argument: 0, values: [self] }],
  // Deno tells itself of signals so; only to where a socket is connected already.
  sendto: [[44, 206], { argument: 4, isNull: true }],
});
/** clone3's arguments are in memory, where a filter cannot look: libc falls back to clone. */
const CLONE3: Numbers = [435, 435];

/** Nothing of ours or the runtime's calls these here: whoever does ends the process. */
const deadly: Readonly<Record<string, Numbers>> = {
  execve: [59, 221],
  execveat: [322, 281],
  ptrace: [101, 117],
  process_vm_readv: [310, 270],
  process_vm_writev: [311, 271],
  mount: [165, 40],
  umount2: [166, 39],
  pivot_root: [155, 41],
  chroot: [161, 51],
  setns: [308, 268],
  unshare: [272, 97],
  bpf: [321, 280],
  perf_event_open: [298, 241],
  userfaultfd: [323, 282],
  init_module: [175, 105],
  finit_module: [313, 273],
  kexec_load: [246, 104],
  open_by_handle_at: [304, 265],
  setuid: [105, 146],
  setgid: [106, 144],
  setreuid: [113, 145],
  setresuid: [117, 147],
  capset: [126, 91],
};

const EPERM = 1;
const ENOSYS = 38;

/** Whether there is a filter for a machine, by node's name for it. */
export const hasFilter = (arch: string): arch is Machine => Object.hasOwn(architectures, arch);

function test({ argument, bits, values = [], isNull }: Condition): Instruction[] {
  const load: Instruction = [LD, 0, 0, argumentAt(argument)];
  const hit: Instruction = [RET, 0, 0, ALLOW];
  const miss: Instruction = [RET, 0, 0, ERRNO | EPERM];
  if (bits !== undefined) return [load, [JSET, 0, 1, bits], hit, miss];
  if (isNull) return [load, [JEQ, 0, 3, 0], [LD, 0, 0, argumentAt(argument) + 4], [JEQ, 0, 1, 0], hit, miss];
  return [load, ...values.flatMap((value): Instruction[] => [[JEQ, 0, 1, value], hit]), miss];
}
function program(arch: Machine, self: number): Instruction[] {
  const of = (n: Numbers) => n[arch === "x64" ? 0 : 1];
  const on = (n: Numbers, action: number): Instruction[] => of(n) < 0 ? [] : [[JEQ, 0, 1, of(n)], [RET, 0, 0, action]];
  const by = ([n, condition]: readonly [Numbers, Condition]): Instruction[] => {
    const body = test(condition);
    return [[JEQ, 0, body.length, of(n)], ...body];
  };
  return [
    [LD, 0, 0, ARCH],
    [JEQ, 1, 0, architectures[arch]],
    [RET, 0, 0, KILL],
    [LD, 0, 0, NR],
    ...(arch === "x64" ? [[JGE, 0, 1, X32], [RET, 0, 0, KILL]] as Instruction[] : []),
    ...Object.values(allowed).flatMap((n) => on(n, ALLOW)),
    ...on(CLONE3, ERRNO | ENOSYS),
    ...Object.values(deadly).flatMap((n) => on(n, KILL)),
    ...Object.values(conditional(self)).flatMap(by),
    [RET, 0, 0, ERRNO | EPERM],
  ];
}
/** The filter as struct sock_filter[] (8 bytes each). */
export const filter = (arch: Machine, self: number): Uint8Array<ArrayBuffer> => assemble(program(arch, self));
