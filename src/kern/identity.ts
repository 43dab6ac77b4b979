/** System calls on who a process is and what it may have: users, groups, sessions, limits (NetBSD: kern_prot.c, kern_resource.c). */
import { errno } from "../abi/errno.ts";
import { viewOf } from "../lib/struct.ts";
import { decodeName, encodeName } from "../lib/text.ts";
import type { Handlers } from "./dispatch.ts";
import { MAX_FILES } from "./file.ts";
import type { Kernel } from "./kernel.ts";
import type { Cred, Lwp, Proc } from "./proc.ts";

/** Most groups a process may be in (NGROUPS_MAX). */
const MAX_GROUPS = 16;
/** Longest login name (MAXLOGNAME), with its end mark. */
const MAX_LOGIN = 17;
/** sys/resource.h */
const RLIM_NLIMITS = 12;
const RLIMIT_NOFILE = 8;
const RLIM_INFINITY = 0x7fff_ffff_ffff_ffffn;
/** "Leave it as it is." */
const KEEP = 0xffff_ffff;

export const superuser = (lwp: Lwp): boolean => lwp.proc.cred.euid === 0;
/** EPERM unless the super-user asks. */
export function requireRoot(lwp: Lwp): void {
  if (!superuser(lwp)) throw errno.EPERM;
}

type Who = "getpid" | "getppid" | "getuid" | "geteuid" | "getgid" | "getegid" | "issetugid" | "umask";
const who: Handlers<Who> = {
  getpid: ({ proc }) => [proc.pid, proc.ppid],
  getppid: ({ proc }) => proc.ppid,
  getuid: ({ proc: { cred } }) => [cred.uid, cred.euid],
  geteuid: ({ proc }) => proc.cred.euid,
  getgid: ({ proc: { cred } }) => [cred.gid, cred.egid],
  getegid: ({ proc }) => proc.cred.egid,
  issetugid: () => 0,
  umask(lwp, { newmask }) {
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
type Creds = "setuid" | "seteuid" | "setgid" | "setegid" | "setreuid" | "setregid" | "getgroups" | "setgroups";
const credentials: Handlers<Creds> = {
  setuid: (lwp, { uid }) => become(lwp, uid === lwp.proc.cred.uid, { uid, euid: uid }),
  seteuid: (lwp, { euid }) => become(lwp, euid === lwp.proc.cred.uid, { euid }),
  setgid: (lwp, { gid }) => become(lwp, gid === lwp.proc.cred.gid, { gid, egid: gid }),
  setegid: (lwp, { egid }) => become(lwp, egid === lwp.proc.cred.gid, { egid }),
  setreuid(lwp, { ruid, euid }) {
    const { cred } = lwp.proc;
    const mine = (id: number) => id === KEEP || id === cred.uid || id === cred.euid;
    const [uid, effective] = [ruid === KEEP ? cred.uid : ruid, euid === KEEP ? cred.euid : euid];
    return become(lwp, mine(ruid) && mine(euid), { uid, euid: effective });
  },
  setregid(lwp, { rgid, egid }) {
    const { cred } = lwp.proc;
    const mine = (id: number) => id === KEEP || id === cred.gid || id === cred.egid;
    const [gid, effective] = [rgid === KEEP ? cred.gid : rgid, egid === KEEP ? cred.egid : egid];
    return become(lwp, mine(rgid) && mine(egid), { gid, egid: effective });
  },
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

/** There are no terminals and no jobs: every client is a session and a group of its own. */
const sessions = ({ procs }: Kernel): Handlers<"getpgrp" | "setpgid" | "getpgid" | "setsid" | "getsid"> => {
  const named = (lwp: Lwp, pid: number): Proc => {
    const proc = pid === 0 ? lwp.proc : procs.get(pid);
    if (!proc) throw errno.ESRCH;
    return proc;
  };
  return {
    getpgrp: ({ proc }) => proc.pid,
    getpgid: (lwp, { pid }) => named(lwp, pid).pid,
    getsid: (lwp, { pid }) => named(lwp, pid).pid,
    // It leads a group and a session already.
    setsid() {
      throw errno.EPERM;
    },
    setpgid(lwp, { pid, pgid }) {
      if (pgid < 0) throw errno.EINVAL;
      const { pid: own } = named(lwp, pid);
      if (own !== lwp.proc.pid || (pgid !== 0 && pgid !== own)) throw errno.EPERM;
      return 0;
    },
  };
};

/** The login name is one for the kernel: there are no logins to tell apart. */
function logins(): Handlers<"__getlogin" | "__setlogin"> {
  let login: Uint8Array = new Uint8Array(0);
  return {
    __getlogin(_lwp, { namebuf }) {
      if (namebuf.length < login.length + 1) throw errno.ERANGE;
      namebuf.fill(0);
      namebuf.set(login);
      return 0;
    },
    __setlogin(lwp, { namebuf }) {
      requireRoot(lwp);
      const name = encodeName(namebuf);
      if (name.length >= MAX_LOGIN) throw errno.EINVAL;
      login = encodeName(decodeName(name));
      return 0;
    },
  };
}

const limits: Handlers<"getrlimit" | "setrlimit"> = {
  getrlimit({ proc }, { which, rlp }) {
    if (which < 0 || which >= RLIM_NLIMITS) throw errno.EINVAL;
    const d = viewOf(rlp);
    const both = which === RLIMIT_NOFILE ? proc.files.limits.map(BigInt) : [RLIM_INFINITY, RLIM_INFINITY];
    for (const [i, n] of both.entries()) d.setBigUint64(i * 8, n, true);
    return 0;
  },
  setrlimit(lwp, { which, rlp }) {
    if (which < 0 || which >= RLIM_NLIMITS) throw errno.EINVAL;
    const d = viewOf(rlp);
    const [soft, hard] = [d.getBigUint64(0, true), d.getBigUint64(8, true)];
    if (soft > hard) throw errno.EINVAL;
    if (which !== RLIMIT_NOFILE) return 0;
    const { files } = lwp.proc;
    if (hard > BigInt(files.limits[1]) && !superuser(lwp)) throw errno.EPERM;
    const most = (n: bigint) => Number(n < BigInt(MAX_FILES) ? n : BigInt(MAX_FILES));
    files.limits = [most(soft), most(hard)];
    return 0;
  },
};

/** All of them. */
export const identitySyscalls = (kernel: Kernel) => ({
  ...who,
  ...credentials,
  ...sessions(kernel),
  ...logins(),
  ...limits,
});
