/** System calls of the base kernel: identity, clocks, sysctl, modules, halt; those on descriptors are in descriptors.ts. */
import { errno } from "../abi/errno.ts";
import { MODCTL_LOAD } from "../abi/flags.ts";
import { Timespec } from "../abi/structs.ts";
import { then } from "../lib/async.ts";
import { viewOf } from "../lib/struct.ts";
import { descriptorSyscalls } from "./descriptors.ts";
import type { Handlers } from "./dispatch.ts";
import type { Kernel } from "./kernel.ts";
import { kqueueSyscalls } from "./kqueue.ts";
import { pipeSyscalls } from "./pipe.ts";
import { pollSyscalls } from "./poll.ts";
import type { Cred, Lwp } from "./proc.ts";

/** Most groups a process may be in (NGROUPS_MAX). */
const MAX_GROUPS = 16;
/** Longest MIB: CTL_MAXNAME. */
const MAX_MIB = 12;

export const superuser = (lwp: Lwp): boolean => lwp.proc.cred.euid === 0;
/** EPERM unless the super-user asks. */
export function requireRoot(lwp: Lwp): void {
  if (!superuser(lwp)) throw errno.EPERM;
}

const identity = {
  getpid: ({ proc }: Lwp) => [proc.pid, proc.ppid] as const,
  getppid: ({ proc }: Lwp) => proc.ppid,
  getuid: ({ proc: { cred } }: Lwp) => [cred.uid, cred.euid] as const,
  geteuid: ({ proc }: Lwp) => proc.cred.euid,
  getgid: ({ proc: { cred } }: Lwp) => [cred.gid, cred.egid] as const,
  getegid: ({ proc }: Lwp) => proc.cred.egid,
  issetugid: () => 0,
  umask(lwp: Lwp, { newmask }: { newmask: number }) {
    const old = lwp.proc.umask;
    lwp.proc.umask = newmask & 0o777;
    return old;
  },
};

function become(lwp: Lwp, allowed: boolean, change: Partial<Cred>): number {
  if (!allowed && !superuser(lwp)) throw errno.EPERM;
  lwp.proc.cred = { ...lwp.proc.cred, ...change };
  return 0;
}
const credentials: Handlers<"setuid" | "seteuid" | "setgid" | "setegid" | "getgroups" | "setgroups"> = {
  setuid: (lwp, { uid }) => become(lwp, uid === lwp.proc.cred.uid, { uid, euid: uid }),
  seteuid: (lwp, { euid }) => become(lwp, euid === lwp.proc.cred.uid, { euid }),
  setgid: (lwp, { gid }) => become(lwp, gid === lwp.proc.cred.gid, { gid, egid: gid }),
  setegid: (lwp, { egid }) => become(lwp, egid === lwp.proc.cred.gid, { egid }),
  getgroups({ proc: { cred: { groups } } }, { gidset }) {
    if (gidset.length === 0) return groups.length;
    if (gidset.length < groups.length * 4) throw errno.EINVAL;
    const d = viewOf(gidset);
    for (const [i, gid] of groups.entries()) d.setUint32(i * 4, gid, true);
    return groups.length;
  },
  setgroups(lwp, { gidset }) {
    if (gidset.length % 4 !== 0 || gidset.length / 4 > MAX_GROUPS) throw errno.EINVAL;
    const d = viewOf(gidset);
    return become(lwp, false, {
      groups: Array.from({ length: gidset.length / 4 }, (_, i) => d.getUint32(i * 4, true)),
    });
  },
};

function writeTime(into: Uint8Array, ms: number, perSecond: number): number {
  const d = viewOf(into);
  const seconds = Math.floor(ms / 1000);
  Timespec.set.sec(d, 0, seconds);
  Timespec.set.nsec(d, 0, Math.floor((ms - seconds * 1000) * (perSecond / 1000)));
  return 0;
}
const clocks = ({ host }: Kernel): Handlers<"gettimeofday" | "clock_gettime"> => ({
  gettimeofday: (_lwp, { tp }) => writeTime(tp, host.wall(), 1e6),
  clock_gettime(_lwp, { id, tp }) {
    if (id !== CLOCK_REALTIME && id !== CLOCK_MONOTONIC) throw errno.EINVAL;
    return writeTime(tp, id === CLOCK_REALTIME ? host.wall() : host.now(), 1e9);
  },
});
const CLOCK_REALTIME = 0;
const CLOCK_MONOTONIC = 3;

const sysctls = ({ tree }: Kernel): Handlers<"__sysctl"> => ({
  __sysctl(lwp, { name, oldp, oldlenp, newp }) {
    if (name.length % 4 !== 0 || name.length / 4 > MAX_MIB) throw errno.EINVAL;
    const d = viewOf(name);
    const mib = Array.from({ length: name.length / 4 }, (_, i) => d.getInt32(i * 4, true));
    const size = tree.call(mib, oldp, newp, superuser(lwp));
    if (oldlenp) viewOf(oldlenp).setBigUint64(0, BigInt(size), true);
    // As the real one: what did not fit is told by the length, not by an error (the reply of an error carries nothing).
    return 0;
  },
});

/** All the base kernel answers. */
export function baseSyscalls(kernel: Kernel): Handlers<never> {
  const control: Handlers<"reboot" | "modctl"> = {
    reboot(lwp) {
      requireRoot(lwp);
      // The reply goes out first; a halt that fails has said so in the log.
      kernel.sys.callout(0, () => void kernel.halt().catch(() => {}));
      return 0;
    },
    modctl(lwp, { cmd, arg }) {
      requireRoot(lwp);
      if (cmd !== MODCTL_LOAD) throw errno.EINVAL;
      return then(kernel.load(arg), () => 0);
    },
  };
  const files = { ...descriptorSyscalls(kernel.sys.callout), ...pipeSyscalls(kernel.sys) };
  const waits = { ...pollSyscalls(kernel), ...kqueueSyscalls(kernel) };
  return { ...identity, ...credentials, ...clocks(kernel), ...sysctls(kernel), ...files, ...waits, ...control };
}
