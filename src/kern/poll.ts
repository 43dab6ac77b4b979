/** Waiting for descriptors and for time: poll, select, nanosleep and their kin (NetBSD: sys_select.c, kern_time.c). */
import { errno, SysError } from "../abi/errno.ts";
import { POLLERR, POLLHUP, POLLIN, POLLNVAL, POLLOUT, POLLPRI, POLLRDNORM } from "../abi/flags.ts";
import { Pollfd, Timespec } from "../abi/structs.ts";
import { viewOf } from "../lib/struct.ts";
import type { Async } from "../plugin.ts";
import type { Handlers } from "./dispatch.ts";
import type { File } from "./file.ts";
import type { Kernel } from "./kernel.ts";
import type { Lwp } from "./proc.ts";
import { type Callout, sleep, type Waiters } from "./wait.ts";

/** What an open file is ready for now. */
export const readiness = (file: File): number => file.ops.poll ? file.ops.poll(file) : POLLIN | POLLRDNORM | POLLOUT;

/** Descriptors watched at once (NetBSD refuses more than the process may have open, and a little). */
const MAX_WATCHED = 4096;
const NEVER = -1;

/** Milliseconds in a timespec or timeval; undefined for none: wait for ever. Throws EINVAL. */
export function milliseconds(time: Uint8Array | undefined, perSecond: number): number | undefined {
  if (!time) return undefined;
  const d = viewOf(time);
  const [sec, part] = [Timespec.get.sec(d, 0), Timespec.get.nsec(d, 0)];
  if (sec < 0 || part < 0 || part >= perSecond) throw errno.EINVAL;
  return Math.min(sec * 1000 + (part * 1000) / perSecond, LONGEST);
}
/** What a timer takes: 24 days. */
const LONGEST = 0x7fff_ffff;

/**
 * Look until `look` counts something, or the time is up: then what it counted last. `look` also says what to wait for.
 */
export function until(
  lwp: Lwp,
  callout: Callout,
  now: () => number,
  ms: number | undefined,
  look: (things: Set<Waiters>) => number,
): Async<number> {
  const things = new Set<Waiters>();
  const n = look(things);
  if (n > 0 || ms === 0) return n;
  const end = ms === undefined ? undefined : now() + ms;
  // A loop: promises that wait for one another would be kept for every time it was woken in vain.
  const wait = async (): Promise<number> => {
    for (let left = ms;;) {
      const woken = await sleep(lwp, [...things], callout, left);
      things.clear();
      const n = look(things);
      if (end !== undefined) left = end - now();
      if (n > 0 || !woken || (left !== undefined && left <= 0)) return n;
    }
  };
  return wait();
}

/** Fill in the answers of one struct pollfd each; how many are not empty. */
function lookAt({ proc: { files } }: Lwp, fds: Uint8Array, things: Set<Waiters>): number {
  const d = viewOf(fds);
  let n = 0;
  for (let at = 0; at + Pollfd.size <= fds.length; at += Pollfd.size) {
    const fd = Pollfd.get.fd(d, at);
    const file = files.find(fd);
    if (file?.ops.changes) things.add(file.ops.changes);
    const wanted = Pollfd.get.events(d, at) | POLLERR | POLLHUP;
    const ready = fd < 0 ? 0 : file ? readiness(file) & wanted : POLLNVAL;
    Pollfd.set.revents(d, at, ready);
    if (ready !== 0) n++;
  }
  return n;
}

type Set3 = readonly [Uint8Array | undefined, Uint8Array | undefined, Uint8Array | undefined];
const SELECTS = [POLLIN | POLLRDNORM | POLLHUP | POLLERR, POLLOUT | POLLERR, POLLPRI] as const;
const has = (set: Uint8Array, fd: number) => (set[fd >> 3]! & (1 << (fd & 7))) !== 0;

/** What is asked for: descriptor and which of the three sets. */
function watched(nd: number, sets: Set3): { readonly fd: number; readonly set: number }[] {
  const all: { fd: number; set: number }[] = [];
  for (const [set, bits] of sets.entries()) {
    if (!bits) continue;
    if (bits.length * 8 < nd) throw errno.EFAULT;
    for (let fd = 0; fd < nd; fd++) if (has(bits, fd)) all.push({ fd, set });
  }
  return all;
}
function select(lwp: Lwp, k: Kernel, nd: number, sets: Set3, ms: number | undefined): Async<number> {
  if (nd < 0 || nd > MAX_WATCHED) throw errno.EINVAL;
  const all = watched(nd, sets);
  const files = all.map(({ fd }) => lwp.proc.files.get(fd));
  const look = (things: Set<Waiters>): number => {
    for (const set of sets) set?.fill(0);
    let n = 0;
    for (const [i, { fd, set }] of all.entries()) {
      const file = files[i]!;
      if (file.ops.changes) things.add(file.ops.changes);
      if ((readiness(file) & SELECTS[set]!) === 0) continue;
      sets[set]![fd >> 3]! |= 1 << (fd & 7);
      n++;
    }
    return n;
  };
  return until(lwp, k.sys.callout, () => k.host.now(), ms, look);
}

/** Sleep; `left` is told how much of it was not slept when it is interrupted. */
async function nap(lwp: Lwp, k: Kernel, ms: number, left: Uint8Array | undefined): Promise<number> {
  const end = k.host.now() + ms;
  try {
    await sleep(lwp, [], k.sys.callout, ms);
    return 0;
  } catch (e) {
    const rest = Math.max(0, end - k.host.now());
    if (left) Timespec.write(viewOf(left), 0, { sec: Math.floor(rest / 1000), nsec: Math.floor((rest % 1000) * 1e6) });
    throw e;
  }
}
const TIMER_ABSTIME = 1;
const CLOCK_REALTIME = 0;
const CLOCK_MONOTONIC = 3;

type Waits = "poll" | "pollts" | "select" | "pselect" | "nanosleep" | "clock_nanosleep";
export const pollSyscalls = (k: Kernel): Handlers<Waits> => {
  const poll = (lwp: Lwp, fds: Uint8Array, ms: number | undefined) => {
    if (fds.length / Pollfd.size > MAX_WATCHED) throw errno.EINVAL;
    return until(lwp, k.sys.callout, () => k.host.now(), ms, (things) => lookAt(lwp, fds, things));
  };
  return {
    poll: (lwp, { fds, timeout }) => poll(lwp, fds, timeout <= NEVER ? undefined : timeout),
    pollts: (lwp, { fds, ts }) => poll(lwp, fds, milliseconds(ts, 1e9)),
    select: (lwp, { nd, in: i, ou, ex, tv }) => select(lwp, k, nd, [i, ou, ex], milliseconds(tv, 1e6)),
    pselect: (lwp, { nd, in: i, ou, ex, ts }) => select(lwp, k, nd, [i, ou, ex], milliseconds(ts, 1e9)),
    nanosleep: (lwp, { rqtp, rmtp }) => nap(lwp, k, milliseconds(rqtp, 1e9)!, rmtp),
    // As posix_fallocate: the error is the result.
    clock_nanosleep: async (lwp, { clock_id, flags, rqtp, rmtp }) => {
      if (clock_id !== CLOCK_REALTIME && clock_id !== CLOCK_MONOTONIC) return errno.EINVAL.errno;
      try {
        const ms = milliseconds(rqtp, 1e9)!;
        const now = clock_id === CLOCK_REALTIME ? k.host.wall() : k.host.now();
        return await nap(lwp, k, flags & TIMER_ABSTIME ? Math.max(0, ms - now) : ms, rmtp);
      } catch (e) {
        if (e instanceof SysError) return e.errno;
        throw e;
      }
    },
  };
};
