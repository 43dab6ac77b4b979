import { describe, it } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { errno, SysError } from "../../src/abi/errno.ts";
import {
  EV_ADD,
  EV_CLEAR,
  EV_DELETE,
  EV_EOF,
  EV_ERROR,
  EV_ONESHOT,
  EVFILT_READ,
  EVFILT_TIMER,
  EVFILT_WRITE,
  F_GETLK,
  F_RDLCK,
  F_SETLK,
  F_SETLKW,
  F_UNLCK,
  F_WRLCK,
  LOCK_EX,
  LOCK_NB,
  LOCK_SH,
  LOCK_UN,
  O_NONBLOCK,
  POLLHUP,
  POLLIN,
  POLLNVAL,
  POLLOUT,
} from "../../src/abi/flags.ts";
import { Flock, Kevent, Pollfd, Timespec } from "../../src/abi/structs.ts";
import { viewOf } from "../../src/lib/struct.ts";
import { builtins } from "../../plugins/mod.ts";
import type { Calls } from "../../src/kern/dispatch.ts";
import { assert, assertEquals, assertRejects, assertThrows } from "../assert.ts";
import { fakeKernel } from "./fake.ts";

const setup = () => fakeKernel({ builtins, components: ["rumpvfs", "rumpfs_tmpfs", "rumpnet"] });
const bytes = (s: string) => new TextEncoder().encode(s);
const pair = (sys: Calls) => sys.pipe() as readonly [number, number];
async function get(sys: Calls, fd: number, n = 100): Promise<string> {
  const buf = new Uint8Array(n);
  return new TextDecoder().decode(buf.subarray(0, await sys.read({ fd, buf })));
}
/** Whether a promise is done by now. */
async function done(p: unknown): Promise<boolean> {
  let is = false;
  void Promise.resolve(p).then(() => (is = true), () => (is = true));
  await delay(1);
  return is;
}
const poll = (sys: Calls, fds: readonly (readonly [fd: number, events: number])[], timeout: number) => {
  const raw = new Uint8Array(fds.length * Pollfd.size);
  for (const [i, [fd, events]] of fds.entries()) Pollfd.write(viewOf(raw), i * Pollfd.size, { fd, events });
  const ready = () => fds.map((_, i) => Pollfd.get.revents(viewOf(raw), i * Pollfd.size));
  return { n: sys.poll({ fds: raw, timeout }), ready };
};

describe("a call that waits", () => {
  it("is outstanding only while it is awake: what it sleeps for comes from the kernel", async () => {
    const { kernel, host, lwp, sys } = await setup();
    let pending = 0;
    host.pending = (change) => (pending += change);
    const [r, w] = pair(sys);
    const counts = [];
    const reading = get(sys, r);
    const counted = kernel.outstanding(reading, lwp);
    counts.push(pending);
    sys.write({ fd: w, buf: bytes("x") });
    counts.push(pending);
    await counted;
    counts.push(pending);
    assertEquals(counts, [0, 1, 0]);
  });
});

describe("pipes", () => {
  it("a reader waits for bytes, and sees the end when the writer goes", async () => {
    const { sys } = await setup();
    const [r, w] = pair(sys);
    const reading = get(sys, r);
    assertEquals(await done(reading), false);
    assertEquals(sys.write({ fd: w, buf: bytes("hello") }), 5);
    assertEquals(await reading, "hello");
    const last = get(sys, r);
    await sys.close({ fd: w });
    assertEquals(await last, "");
  });
  it("many writers wait at a full pipe, and each one's bytes come out whole", async () => {
    const { sys } = await setup();
    const [r, w] = pair(sys);
    const writing = Promise.all([1, 2, 3].map((i) => sys.write({ fd: w, buf: new Uint8Array(100_000).fill(i) })));
    assertEquals(await done(writing), false);
    const count = [0, 0, 0, 0];
    const buf = new Uint8Array(5000);
    for (let left = 300_000; left > 0;) {
      const n = await sys.read({ fd: r, buf });
      left -= n;
      for (const b of buf.subarray(0, n)) count[b]!++;
    }
    assertEquals([await writing, count], [[100_000, 100_000, 100_000], [0, 100_000, 100_000, 100_000]]);
  });
  it("a writer waits for room, and fails with EPIPE when nobody can read", async () => {
    const { sys } = await setup();
    const [r, w] = pair(sys);
    const big = Uint8Array.from({ length: 200_000 }, (_, i) => i * 31);
    const writing = sys.write({ fd: w, buf: big }) as Promise<number>;
    assertEquals(await done(writing), false);
    const all = new Uint8Array(big.length);
    for (let n = 0; n < all.length;) n += await sys.read({ fd: r, buf: all.subarray(n, n + 7777) });
    assertEquals([await writing, all], [big.length, big]);
    await sys.close({ fd: r });
    assertThrows(() => sys.write({ fd: w, buf: bytes("x") }), SysError, errno.EPIPE.message);
  });
  it("do not wait when told not to; short writes are whole or not at all", async () => {
    const { sys } = await setup();
    const fildes = new Uint8Array(8);
    sys.pipe2({ fildes, flags: O_NONBLOCK });
    const [r, w] = [viewOf(fildes).getInt32(0, true), viewOf(fildes).getInt32(4, true)];
    assertThrows(() => sys.read({ fd: r, buf: new Uint8Array(1) }), SysError, errno.EAGAIN.message);
    const n = sys.write({ fd: w, buf: new Uint8Array(1 << 20) }) as number;
    assert(n > 0 && n < 1 << 20);
    assertThrows(() => sys.write({ fd: w, buf: new Uint8Array(100) }), SysError, errno.EAGAIN.message);
    sys.read({ fd: r, buf: new Uint8Array(50) });
    assertThrows(() => sys.write({ fd: w, buf: new Uint8Array(100) }), SysError, errno.EAGAIN.message);
  });
  it("socketpair goes both ways", async () => {
    const { sys } = await setup();
    const rsv = new Uint8Array(8);
    sys.socketpair({ domain: 1, type: 1, protocol: 0, rsv });
    const [a, b] = [viewOf(rsv).getInt32(0, true), viewOf(rsv).getInt32(4, true)];
    sys.write({ fd: a, buf: bytes("there") });
    sys.write({ fd: b, buf: bytes("back") });
    assertEquals([await get(sys, b), await get(sys, a)], ["there", "back"]);
    assertThrows(() => sys.socketpair({ domain: 2, type: 1, protocol: 0, rsv }), SysError);
  });
  it("vectors read and write as one", async () => {
    const { sys } = await setup();
    const [r, w] = pair(sys);
    assertEquals(sys.writev({ fd: w, iov: bytes("pieces") }), 6);
    const iov = new Uint8Array(3);
    assertEquals([sys.readv({ fd: r, iov }), new TextDecoder().decode(iov)], [3, "pie"]);
  });
});

describe("waiting for descriptors", () => {
  it("poll tells what is ready, waits for what is not, and gives up in time", async () => {
    const { sys, host } = await setup();
    const [r, w] = pair(sys);
    const now = poll(sys, [[r, POLLIN], [w, POLLOUT], [99, POLLIN], [-1, POLLIN]], 0);
    assertEquals([now.n, now.ready()], [2, [0, POLLOUT, POLLNVAL, 0]]);
    const later = poll(sys, [[r, POLLIN]], -1);
    assertEquals(await done(later.n), false);
    sys.write({ fd: w, buf: bytes("x") });
    assertEquals([await later.n, later.ready()], [1, [POLLIN]]);
    await get(sys, r);
    const never = poll(sys, [[r, POLLIN]], 500);
    host.pass(499);
    assertEquals(await done(never.n), false);
    host.pass(1);
    assertEquals(await never.n, 0);
    const end = poll(sys, [[r, POLLIN]], -1);
    await sys.close({ fd: w });
    assertEquals([await end.n, end.ready()[0]! & POLLHUP], [1, POLLHUP]);
  });
  it("select clears what is not ready, and refuses descriptors that are none", async () => {
    const { sys } = await setup();
    const [r, w] = pair(sys);
    const set = (...fds: number[]) => {
      const bits = new Uint8Array(32);
      for (const fd of fds) bits[fd >> 3]! |= 1 << (fd & 7);
      return bits;
    };
    const [i, ou] = [set(r), set(w)];
    assertEquals(sys.select({ nd: 64, in: i, ou }), 1);
    assertEquals([i, ou], [set(), set(w)]);
    assertThrows(() => sys.select({ nd: 64, in: set(50) }), SysError, errno.EBADF.message);
    assertThrows(() => sys.select({ nd: 300, in: set(r) }), SysError, errno.EFAULT.message);
    const waiting = sys.select({ nd: 64, in: (i.set(set(r)), i) });
    sys.write({ fd: w, buf: bytes("x") });
    assertEquals([await waiting, i], [1, set(r)]);
  });
  it("nanosleep sleeps, and says what was left when its process ends", async () => {
    const { kernel, sys, host } = await setup();
    const [rqtp, rmtp] = [new Uint8Array(16), new Uint8Array(16)];
    Timespec.write(viewOf(rqtp), 0, { sec: 1, nsec: 500e6 });
    const nap = sys.nanosleep({ rqtp });
    host.pass(1500);
    assertEquals(await nap, 0);
    const proc = kernel.fork("sleeper");
    const cut = kernel.calls(proc).nanosleep({ rqtp, rmtp }) as Promise<number>;
    host.pass(1000);
    await kernel.procs.exit(proc);
    await assertRejects(() => cut, SysError, errno.EINTR.message);
    assertEquals(Timespec.dump(viewOf(rmtp), 0), { sec: 0, nsec: 500e6 });
    Timespec.write(viewOf(rqtp), 0, { sec: 0, nsec: 1e9 });
    assertThrows(() => sys.nanosleep({ rqtp }), SysError, errno.EINVAL.message);
  });
});

const event = (ident: number, filter: number, flags: number, data = 0) => {
  const raw = new Uint8Array(Kevent.size);
  Kevent.write(viewOf(raw), 0, { ident, filter, flags, data, udata: new Uint8Array(8).fill(7) });
  return raw;
};
describe("kqueue", () => {
  it("tells what can be read and written, again and again, or once per change", async () => {
    const { sys } = await setup();
    const [r, w] = pair(sys);
    const fd = sys.kqueue() as number;
    const eventlist = new Uint8Array(Kevent.size * 4);
    const add = (e: Uint8Array) => sys.kevent({ fd, changelist: e });
    const timeout = new Uint8Array(16);
    const look = () => sys.kevent({ fd, eventlist, timeout });
    add(event(r, EVFILT_READ, EV_ADD));
    assertEquals(look(), 0);
    const waiting = sys.kevent({ fd, eventlist });
    sys.write({ fd: w, buf: bytes("abc") });
    assertEquals(await waiting, 1);
    const { ident, data, udata } = Kevent.dump(viewOf(eventlist), 0);
    assertEquals([ident, data, udata], [r, 3, new Uint8Array(8).fill(7)]);
    assertEquals([look(), look()], [1, 1]);
    add(event(r, EVFILT_READ, EV_ADD | EV_CLEAR));
    assertEquals([look(), look()], [1, 0]);
    sys.write({ fd: w, buf: bytes("d") });
    assertEquals(look(), 1);
    add(event(w, EVFILT_WRITE, EV_ADD | EV_ONESHOT));
    assertEquals([look(), look()], [1, 0]);
    await sys.close({ fd: w });
    assertEquals([look(), Kevent.get.flags(viewOf(eventlist), 0) & EV_EOF], [1, EV_EOF]);
    add(event(r, EVFILT_READ, EV_DELETE));
    assertEquals(look(), 0);
  });
  it("has timers", async () => {
    const { sys, host } = await setup();
    const fd = sys.kqueue() as number;
    const eventlist = new Uint8Array(Kevent.size);
    const waiting = sys.kevent({ fd, changelist: event(1, EVFILT_TIMER, EV_ADD, 100), eventlist });
    assertEquals(await done(waiting), false);
    host.pass(100);
    assertEquals(await waiting, 1);
    host.pass(100);
    host.pass(100);
    sys.kevent({ fd, eventlist });
    assertEquals(Kevent.get.data(viewOf(eventlist), 0), 2);
    await sys.close({ fd });
  });
  it("watches another queue, but in no circle and no deeper", async () => {
    const { sys } = await setup();
    const [r, w] = pair(sys);
    const [a, b, c] = [await sys.kqueue(), await sys.kqueue(), await sys.kqueue()];
    const watch = (fd: number, ident: number) => {
      const changelist = new Uint8Array(Kevent.size);
      Kevent.write(viewOf(changelist), 0, { ident, filter: EVFILT_READ, flags: EV_ADD });
      return sys.kevent({ fd, changelist });
    };
    watch(b, r);
    watch(a, b);
    for (const [fd, ident] of [[a, a], [b, a], [b, b], [b, c], [c, a]] as const) {
      assertThrows(() => watch(fd, ident), SysError, errno.ELOOP.message);
    }
    const eventlist = new Uint8Array(Kevent.size);
    const waiting = sys.kevent({ fd: a, eventlist });
    assertEquals(await done(waiting), false);
    sys.write({ fd: w, buf: bytes("x") });
    assertEquals([await waiting, Kevent.get.ident(viewOf(eventlist), 0)], [1, b]);
    await sys.close({ fd: a });
    assertEquals(watch(b, c), 0);
  });
  it("says what is wrong with a change", async () => {
    const { sys } = await setup();
    const fd = sys.kqueue() as number;
    assertThrows(() => sys.kevent({ fd, changelist: event(77, EVFILT_READ, EV_ADD) }), SysError, "Bad file");
    assertThrows(() => sys.kevent({ fd, changelist: event(0, 99, EV_ADD) }), SysError, errno.EINVAL.message);
    const eventlist = new Uint8Array(Kevent.size);
    assertEquals(sys.kevent({ fd, changelist: event(5, EVFILT_READ, EV_DELETE), eventlist }), 1);
    const { flags, data } = Kevent.dump(viewOf(eventlist), 0);
    assertEquals([flags, data], [EV_ERROR, errno.ENOENT.errno]);
  });
});

const lockOf = (type: number, start = 0, len = 0) => {
  const raw = new Uint8Array(Flock.size);
  Flock.write(viewOf(raw), 0, { type, start, len });
  return raw;
};
describe("advisory locks", () => {
  async function two() {
    const { kernel, sys } = await setup();
    const other = kernel.fork("other");
    const theirs = kernel.calls(other);
    const open = (s: Calls) => s.open({ path: "/tmp/lock", flags: 0x202, mode: 0o666 }) as number;
    return { kernel, sys, theirs, other, mine: open(sys), its: open(theirs) };
  }
  it("keep others out of a range until they are given up", async () => {
    const { sys, theirs, mine, its } = await two();
    sys.fcntl({ fd: mine, cmd: F_SETLK, lock: lockOf(F_WRLCK, 10, 10) });
    theirs.fcntl({ fd: its, cmd: F_SETLK, lock: lockOf(F_WRLCK, 0, 10) });
    assertThrows(
      () => theirs.fcntl({ fd: its, cmd: F_SETLK, lock: lockOf(F_RDLCK, 19, 1) }),
      SysError,
      errno.EAGAIN.message,
    );
    const asked = lockOf(F_RDLCK, 0, 0);
    theirs.fcntl({ fd: its, cmd: F_GETLK, lock: asked });
    assertEquals(Flock.dump(viewOf(asked), 0), {
      start: 10,
      len: 10,
      pid: (sys.getpid() as readonly number[])[0]!,
      type: F_WRLCK,
      whence: 0,
    });
    const waiting = theirs.fcntl({ fd: its, cmd: F_SETLKW, lock: lockOf(F_WRLCK, 15, 1) });
    assertEquals(await done(waiting), false);
    sys.fcntl({ fd: mine, cmd: F_SETLK, lock: lockOf(F_UNLCK, 12, 5) });
    assertEquals(await waiting, 0);
    assertThrows(() => theirs.fcntl({ fd: its, cmd: F_SETLK, lock: lockOf(F_WRLCK, 18, 1) }), SysError);
  });
  it("are of a bounded number, however they are cut into pieces", async () => {
    const { sys, mine } = await two();
    sys.fcntl({ fd: mine, cmd: F_SETLK, lock: lockOf(F_WRLCK, 0, 0) });
    let i = 0;
    assertThrows(
      () => {
        for (; i < 5000; i++) sys.fcntl({ fd: mine, cmd: F_SETLK, lock: lockOf(F_UNLCK, 2 * i, 1) });
      },
      SysError,
      errno.ENOLCK.message,
    );
    assertEquals(sys.fcntl({ fd: mine, cmd: F_SETLK, lock: lockOf(F_UNLCK, 0, 0) }), 0);
  });
  it("find out who would wait for himself, and go with their process", async () => {
    const { kernel, sys, theirs, other, mine, its } = await two();
    sys.fcntl({ fd: mine, cmd: F_SETLK, lock: lockOf(F_WRLCK, 0, 1) });
    theirs.fcntl({ fd: its, cmd: F_SETLK, lock: lockOf(F_WRLCK, 1, 1) });
    const waiting = theirs.fcntl({ fd: its, cmd: F_SETLKW, lock: lockOf(F_WRLCK, 0, 1) }) as Promise<number>;
    assertThrows(
      () => sys.fcntl({ fd: mine, cmd: F_SETLKW, lock: lockOf(F_WRLCK, 1, 1) }),
      SysError,
      errno.EDEADLK.message,
    );
    const gone = assertRejects(() => waiting, SysError, errno.EINTR.message);
    await kernel.procs.exit(other);
    await gone;
    assertEquals(sys.fcntl({ fd: mine, cmd: F_SETLK, lock: lockOf(F_WRLCK, 1, 1) }), 0);
  });
  it("flock belongs to the open file, and goes with it", async () => {
    const { sys, theirs, mine, its } = await two();
    sys.flock({ fd: mine, how: LOCK_EX });
    assertThrows(() => theirs.flock({ fd: its, how: LOCK_SH | LOCK_NB }), SysError, errno.EAGAIN.message);
    const copy = sys.dup({ fd: mine }) as number;
    await sys.close({ fd: mine });
    const waiting = theirs.flock({ fd: its, how: LOCK_EX });
    assertEquals(await done(waiting), false);
    await sys.close({ fd: copy });
    assertEquals(await waiting, 0);
    assertEquals(theirs.flock({ fd: its, how: LOCK_UN }), 0);
  });
});
