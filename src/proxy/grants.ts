/** What a client may do: who it is in the kernel, and what is kept from it. Written `ro,uid=1000,syscalls="open,read",path=/pub`. */
import { errno, type SysError } from "../abi/errno.ts";
import { AF_ROUTE, CTL_QUERY, O_ACCMODE, O_CREAT, O_RDONLY, O_TRUNC, W_OK } from "../abi/flags.ts";
import { SIOC } from "../abi/sockio.ts";
import { declared } from "../abi/syscalls.ts";
import type { Cred, Guard } from "../kern/proc.ts";
import { viewOf } from "../lib/struct.ts";

export interface Grant {
  /** Who it is in the kernel; left out: the super-user. */
  readonly uid?: number;
  readonly gid?: number;
  /** Nothing may be changed. */
  readonly readOnly?: boolean;
  /** The only calls there are for it. */
  readonly syscalls?: ReadonlySet<string>;
  /** Its root directory. */
  readonly path?: string;
}

/** An id as it is written; undefined: none. */
export function parseId(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,10}$/.test(text) && Number(text) < 0xffff_ffff ? Number(text) : undefined;
}
type Parts = { -readonly [K in keyof Grant]: Grant[K] };
const readers: Readonly<Record<string, (into: Parts, value: string | undefined) => boolean>> = {
  ro: (g, value) => (g.readOnly = true) && value === undefined,
  uid: (g, value) => (g.uid = parseId(value)!) !== undefined,
  gid: (g, value) => (g.gid = parseId(value)!) !== undefined,
  path: (g, value) => (g.path = value ?? "").startsWith("/"),
  syscalls(g, value = "") {
    const names = value.split(/[,:]/).filter((n) => n !== "");
    g.syscalls = new Set(names);
    return names.length > 0 && names.every((n) => Object.hasOwn(declared, n));
  },
};

/** Options with commas between; a value with commas stands in double quotes. Throws an Error that names the bad one. */
export function parseGrant(text: string): Grant {
  const grant: Parts = {};
  for (const [option] of text.matchAll(/(?:[^,"]|"[^"]*")+/g)) {
    const [, name, value] = /^([^=]*)(?:=(.*))?$/s.exec(option)!;
    const unquoted = value?.replace(/"/g, "");
    if (!readers[name!]?.(grant, unquoted)) throw new Error(`bad option ${option}`);
  }
  return grant;
}

/** Credentials of a grant. */
export function credOf({ uid = 0, gid }: Grant): Cred {
  const group = gid ?? uid;
  return { uid, euid: uid, gid: group, egid: group, groups: [group] };
}

/** Calls that may change a file system. */
let changes: ReadonlySet<string> | undefined;
const changing = () =>
  new Set(Object.entries(declared).filter(([, d]) => d.errors.includes("EROFS")).map(([name]) => name));
/** Calls that change the kernel itself, or that lead out of a directory. */
const administration = new Set(["mount", "unmount", "reboot", "modctl", "__setlogin"]);
const ways = new Set([...administration, "chroot", "fchroot", "mknod", "mknodat"]);
/** Calls that see or change what is other clients'. */
const traces = new Set(["ktrace", "fktrace"]);
/** Whether a variable is set: what is new in a question for the names of a level is the version it is asked in. */
const changesVariable = (name: string, { newp, name: mib }: Readonly<Record<string, unknown>>) =>
  name === "__sysctl" && newp !== undefined && !(mib instanceof Uint8Array && lastOf(mib) === CTL_QUERY);
const lastOf = (mib: Uint8Array) => mib.length < 4 ? 0 : viewOf(mib).getInt32((mib.length & ~3) - 4, true);

/** Commands of interfaces that only ask. */
const asking: ReadonlySet<number> = new Set(
  Object.entries(SIOC).filter(([name]) => /^SIOC(G|IFG)/.test(name)).map(([, com]) => com),
);
const INTERFACES = 0x69;
/** Interfaces are made and changed by ioctl; a linkstr even names a file of the host. Routes are changed by writing to a routing socket. */
function changesNetwork(name: string, { com, domain }: Readonly<Record<string, unknown>>): boolean {
  if (name === "socket") return domain === AF_ROUTE;
  return name === "ioctl" && typeof com === "number" && ((com >>> 8) & 0xff) === INTERFACES && !asking.has(com);
}

/** Why a client that has a directory to itself may not make a call; undefined: it may. */
function confined(name: string, args: Readonly<Record<string, unknown>>): SysError | undefined {
  const leads = ways.has(name) || traces.has(name) || changesVariable(name, args) || changesNetwork(name, args);
  return leads ? errno.EPERM : undefined;
}
const opens = new Set(["open", "openat"]);
const asks = new Set(["access", "faccessat"]);

/** Why a call that only reads may not be made; undefined: it may. */
function readOnly(name: string, args: Readonly<Record<string, unknown>>): SysError | undefined {
  const flags = Number(args.flags ?? args.oflags ?? 0);
  if (opens.has(name)) return (flags & (O_ACCMODE | O_CREAT | O_TRUNC)) === O_RDONLY ? undefined : errno.EROFS;
  if (asks.has(name)) return Number(args.amode ?? flags) & W_OK ? errno.EROFS : undefined;
  if ((changes ??= changing()).has(name)) return errno.EROFS;
  return administration.has(name) || changesVariable(name, args) || changesNetwork(name, args)
    ? errno.EPERM
    : undefined;
}

/** Looks at every call of a client with this grant, and throws for those it may not make; undefined: all may be made. */
export function guardOf({ readOnly: ro, syscalls, path }: Grant): Guard | undefined {
  if (!ro && !syscalls && path === undefined) return undefined;
  return (name, args) => {
    const refused = (syscalls && !syscalls.has(name) ? errno.EPERM : undefined) ??
      (path !== undefined ? confined(name, args) : undefined) ?? (ro ? readOnly(name, args) : undefined);
    if (refused) throw refused;
  };
}
