/** Advisory locks, where the volume has them: fcntl(2) and flock(2) of those who see the mount. */
import { errno } from "../abi/errno.ts";
import { then } from "../lib/async.ts";
import type { Async } from "../plugin.ts";
import { LK_FLOCK, LkIn, LkOut, OUT_HEADER, RELEASE_FLOCK, ReleaseIn } from "../wire/fuse.ts";
import { BODY, type Context, type Op } from "./ops.ts";

/** A lock somebody wants or has. */
export interface HostLock {
  readonly world: "flock" | "fcntl";
  /** Who: of fcntl(2) a process, of flock(2) an open file; a word of the kernel's. */
  readonly owner: string;
  readonly exclusive: boolean;
  readonly start: number;
  /** One past the last byte; Infinity: to the end, wherever that is. */
  readonly end: number;
  readonly pid: number;
}
/** Locks of a volume's files. */
export interface HostLocks {
  /** One that is in the way. */
  conflict(node: unknown, wanted: HostLock): Omit<HostLock, "owner"> | undefined;
  /** Throws EAGAIN, EDEADLK, ENOLCK; a promise where it waits, which `waits` is told how to end with EINTR. */
  set(node: unknown, wanted: HostLock, waits: ((cancel: () => void) => void) | undefined): Async<void>;
  /** Left out `range`: all of the owner's. */
  clear(node: unknown, owner: Pick<HostLock, "owner" | "world">, range?: Pick<HostLock, "start" | "end">): void;
}

/** Linux's fcntl.h. */
const [READING, WRITING, NONE] = [0, 1, 2];
const LAST = 2 ** 63;

function locksOf({ server: { opens } }: Context): HostLocks {
  if (!opens?.locks) throw errno.ENOSYS;
  return opens.locks;
}
/** An owner is 64 bits that mean nothing to us. */
const ownerAt = (c: Context, at: number) => `${c.req.in.view.getBigUint64(BODY + at, true)}`;
function wantedOf(c: Context): HostLock & { readonly type: number } {
  const d = c.req.in.view;
  const { get } = LkIn;
  const type = get.type(d, BODY);
  const last = get.end(d, BODY);
  return {
    world: get.flags(d, BODY) & LK_FLOCK ? "flock" : "fcntl",
    owner: ownerAt(c, LkIn.at.owner),
    type,
    exclusive: type === WRITING,
    start: get.start(d, BODY),
    end: last >= LAST ? Infinity : last + 1,
    pid: get.pid(d, BODY),
  };
}
/** GETLK: what is in the way of a lock. */
export const getlk: Op = (c) => {
  const other = locksOf(c).conflict(c.node, wantedOf(c));
  const d = c.req.out.view;
  const end = !other || other.end === Infinity ? LAST : other.end - 1;
  LkOut.write(d, OUT_HEADER, {
    start: other?.start ?? 0,
    end: 0,
    type: !other ? NONE! : other.exclusive ? WRITING! : READING!,
    pid: other?.pid ?? 0,
  });
  d.setBigUint64(OUT_HEADER + LkOut.at.end, end === LAST ? 0x7fff_ffff_ffff_ffffn : BigInt(end), true);
  return LkOut.size;
};
/** SETLK, and SETLKW, which waits. */
export const setlk = (wait: boolean): Op => (c) => {
  const locks = locksOf(c);
  const wanted = wantedOf(c);
  if (wanted.type === NONE) {
    locks.clear(c.node, wanted, wanted);
    return 0;
  }
  const end = c.server.interruptible(c.req);
  const done = locks.set(c.node, wanted, wait ? end.by : undefined);
  return done instanceof Promise ? done.finally(end.over).then(() => 0) : 0;
};
/** FLUSH: a process has closed a descriptor of the file, and so gives up its locks on it. ENOSYS once, where there are none. */
export const flush: Op = (c) => {
  locksOf(c).clear(c.node, { owner: ownerAt(c, ReleaseIn.at.owner), world: "fcntl" });
  return 0;
};
/** RELEASE: an opening is done with, and its locks. */
export const release: Op = (c) => {
  const d = c.req.in.view;
  const { opens } = c.server;
  opens?.direct?.release(ReleaseIn.get.fh(d, BODY));
  if (ReleaseIn.get.releaseFlags(d, BODY) & RELEASE_FLOCK) {
    opens?.locks?.clear(c.node, { owner: ownerAt(c, ReleaseIn.at.owner), world: "flock" });
  }
  return then(opens?.release(c.node, ReleaseIn.get.flags(d, BODY)), () => 0);
};
