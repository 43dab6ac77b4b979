/** The base kernel's own sysctl variables: kern, hw, vm, user, security. Each tells something true of this kernel. */
import { Clockinfo, Loadavg, Timespec } from "../abi/structs.ts";
import { viewOf } from "../lib/struct.ts";
import type { SysctlNode } from "../plugin.ts";
import { errno } from "../abi/errno.ts";
import type { Kernel } from "./kernel.ts";
import { MAX_FILES } from "./file.ts";

/** The ABI we speak: NetBSD's of the recordings in use as reference. */
export const OSTYPE = "NetBSD";
export const OSRELEASE = "7.99.34";
/** The ident of the kernel configuration: says whose kernel this is. */
export const IDENT = "RUMP-TS";

type Value = number | string | boolean | bigint | Uint8Array;
type Read = () => Value;
const at = (number: number | undefined) => (number === undefined ? {} : { number });
const int = (doc: string, read: Read, number?: number): SysctlNode => ({ type: "int", doc, read, ...at(number) });
const quad = (doc: string, read: Read, number?: number): SysctlNode => ({ type: "quad", doc, read, ...at(number) });
const string = (doc: string, read: Read, number?: number): SysctlNode => ({ type: "string", doc, read, ...at(number) });

/** Hertz of the clock that callouts and kern.clockrate speak of. */
const HZ = 100;
const BLOCK = 4096;

export function baseSysctls(kernel: Kernel): Record<string, SysctlNode> {
  return { ...kern(kernel), ...vm(kernel), ...hw(kernel), ...user(), ...rest() };
}

function kern(kernel: Kernel): Record<string, SysctlNode> {
  const { host, options } = kernel;
  let hostname = options.hostname ?? `rump-${host.hostname()}`;
  let domainname = "";
  const version = `${OSTYPE} ${OSRELEASE} (${IDENT})\n`;
  return {
    "kern.ostype": string("Operating system type", () => OSTYPE, 1),
    "kern.osrelease": string("Operating system release", () => OSRELEASE, 2),
    "kern.osrevision": int("Operating system revision", () => 799003400, 3),
    "kern.version": string("Kernel version", () => version, 4),
    "kern.hostname": {
      ...string("System hostname", () => hostname, 10),
      write: (name) => void (hostname = name as string),
    },
    "kern.clockrate": { type: "struct", doc: "Kernel clock rates", number: 12, read: clockrate },
    "kern.boottime": { type: "struct", doc: "System boot time", number: 83, read: () => timeval(kernel.booted) },
    "kern.msgbuf": {
      type: "string",
      doc: "Kernel message buffer",
      number: 53,
      visible: false,
      read: () => kernel.log.lines.map((line) => `${line}\n`).join(""),
    },
    "kern.domainname": {
      ...string("YP domain name", () => domainname, 22),
      write: (name) => void (domainname = name as string),
    },
    "kern.rawpartition": int("Raw partition of a disk", () => 3, 24),
    "kern.arandom": {
      type: "int",
      doc: "Random bytes, as many as asked for",
      number: 81,
      read: (room) => randoms(kernel, room),
    },
    "kern.urandom": int("Random integer value", () => random(kernel), 37),
    "kern.maxfiles": int("Maximum number of open files of a process", () => MAX_FILES, 7),
    "kern.uidinfo.proccnt": int("Number of processes", () => kernel.procs.size),
    "kern.module.path": string("Module load path", () => ""),
    "kern.components": string("Components loaded", () => [...kernel.loaded].join(" ")),
  };
}
/** sys/time.h struct timeval. */
function timeval(ms: number): Uint8Array {
  const out = new Uint8Array(Timespec.size);
  const sec = Math.floor(ms / 1000);
  Timespec.write(viewOf(out), 0, { sec, nsec: Math.floor((ms - sec * 1000) * 1000) });
  return out;
}
function clockrate(): Uint8Array {
  const out = new Uint8Array(Clockinfo.size);
  Clockinfo.write(viewOf(out), 0, { hz: HZ, tick: 1_000_000 / HZ, tickadj: 40, stathz: 1, profhz: 1 });
  return out;
}
/** At least a number, at most what NetBSD gives. */
function randoms(kernel: Kernel, room: number): Uint8Array {
  const bytes = new Uint8Array(Math.min(Math.max(room, 4), 256));
  kernel.sys.random(bytes);
  return bytes;
}
function random(kernel: Kernel): number {
  const four = new Uint8Array(4);
  kernel.sys.random(four);
  return viewOf(four).getInt32(0, true) & 0x7fff_ffff;
}

function vm(kernel: Kernel): Record<string, SysctlNode> {
  const { buffers, memory, host } = kernel;
  return {
    "vm.loadavg": {
      type: "struct",
      doc: "System load average history",
      number: 2,
      read: () => loadavg(host.loadavg()),
    },
    "vm.filemem": quad("Amount of memory that files in it take (tmpfs, rumpfs)", () => memory.used),
    "vm.filemem_limit": {
      ...quad("Maximum amount of memory for files in it", () => memory.limit),
      write: (n) => {
        if ((n as bigint) < 1n << 20n || (n as bigint) > 1n << 50n) throw errno.EINVAL;
        memory.limit = Number(n);
      },
    },
    "vm.bufmem": quad("Amount of kernel memory used by buffer cache", () => buffers.used),
    "vm.bufmem_dirty": quad("Amount of that which is still to be written", () => buffers.dirty),
    "vm.bufmem_hiwater": {
      ...quad("Maximum amount of kernel memory to use for buffer cache", () => buffers.limit),
      write: (n) => {
        if ((n as bigint) < 1n << 20n || (n as bigint) > 1n << 40n) throw errno.EINVAL;
        buffers.limit = Number(n);
      },
    },
  };
}

/** Fixed-point numbers of load averages (FSCALE). */
const FSCALE = 2048;
function loadavg(load: readonly number[]): Uint8Array {
  const out = new Uint8Array(Loadavg.size);
  const [one, five, fifteen] = load.map((n) => Math.round(n * FSCALE));
  Loadavg.write(viewOf(out), 0, { one: one!, five: five!, fifteen: fifteen!, fscale: FSCALE });
  return out;
}
function hw({ host, options }: Kernel): Record<string, SysctlNode> {
  const cpus = options.ncpu ?? host.cpus();
  return {
    "hw.machine": string("Machine class", () => "amd64", 1),
    "hw.model": string("Machine model", () => "rumpcore (virtual)", 2),
    "hw.ncpu": int("Number of CPUs configured", () => cpus, 3),
    "hw.byteorder": int("System byte order", () => 1234, 4),
    "hw.physmem": int("Bytes of physical memory; as many as fit", () => Math.min(host.memory(), 2 ** 31 - 1), 5),
    "hw.physmem64": quad("Bytes of physical memory", () => host.memory(), 13),
    "hw.pagesize": int("Software page size", () => BLOCK, 7),
    "hw.machine_arch": string("Machine CPU class", () => "x86_64", 10),
    "hw.alignbytes": int("Alignment constraint for all possible data types", () => 7, 11),
    "hw.ncpuonline": int("Number of CPUs online", () => cpus, 16),
  };
}

/** What sysconf(3) and confstr(3) of NetBSD's programs ask for: number, name, value, what it is (POSIX.2 limits and options). */
const posix2: readonly (readonly [number: number, name: string, value: number, doc: string])[] = [
  [2, "bc_base_max", 2147483647, "Largest ibase and obase of bc(1)"],
  [3, "bc_dim_max", 65535, "Largest array of bc(1)"],
  [4, "bc_scale_max", 2147483647, "Largest scale of bc(1)"],
  [5, "bc_string_max", 2147483647, "Longest string of bc(1)"],
  [6, "coll_weights_max", 2, "Weights an entry of a locale's LC_COLLATE order can have"],
  [7, "expr_nest_max", 32, "Parentheses that can be nested in expr(1)"],
  [8, "line_max", 2048, "The maximum length in bytes of a text-processing utility's input line"],
  [9, "re_dup_max", 255, "Repetitions of a regular expression in interval notation"],
  [10, "posix2_version", 200112, "The version of POSIX 1003.2 with which the system attempts to comply"],
  [11, "posix2_c_bind", 1, "Whether C programs can be compiled for POSIX.2"],
  [12, "posix2_c_dev", 0, "Whether there are the C development utilities"],
  [13, "posix2_char_term", 0, "Whether some terminal does all POSIX.2 asks for"],
  [14, "posix2_fort_dev", 0, "Whether there are the FORTRAN development utilities"],
  [15, "posix2_fort_run", 0, "Whether there are the FORTRAN run-time utilities"],
  [16, "posix2_localedef", 0, "Whether locales can be made"],
  [17, "posix2_sw_dev", 0, "Whether there are the software development utilities"],
  [18, "posix2_upe", 0, "Whether there are the user portability utilities"],
  [19, "stream_max", 20, "Streams a process can have open at least"],
  [20, "tzname_max", 511, "The minimum maximum number of types supported for the name of a timezone"],
  [21, "atexit_max", -1, "Functions atexit(3) takes; -1: as many as there is memory for"],
];
function user(): Record<string, SysctlNode> {
  const limits = posix2.map(([number, name, value, doc]) => [`user.${name}`, int(doc, () => value, number)] as const);
  return {
    "user.cs_path": string(
      "A value for the PATH environment variable that finds all the standard utilities",
      () => "/usr/bin:/bin:/usr/sbin:/sbin:/usr/pkg/bin:/usr/pkg/sbin:/usr/local/bin:/usr/local/sbin",
      1,
    ),
    ...Object.fromEntries(limits),
  };
}

function rest(): Record<string, SysctlNode> {
  return {
    "proc.curproc.rlimit.descriptors.hard": int("Descriptors a process may have", () => MAX_FILES),
    "security.models.suser.name": string("Name of the security model", () => "Traditional NetBSD: Superuser"),
  };
}
