/** Every call that can wait, on both wires: it holds up nobody, and ends when it is cancelled or its client goes. */
import { describe, it } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { EV_ADD, EVFILT_READ, F_SETLKW, F_WRLCK, LOCK_EX, O_CREAT, O_RDWR, POLLIN } from "../../src/abi/flags.ts";
import { Flock, Kevent, Pollfd } from "../../src/abi/structs.ts";
import { type AsyncClient, pipelinedClient } from "../../src/proxy/client.ts";
import type { AsyncCalls } from "../../src/proxy/stubs.ts";
import { viewOf } from "../../src/lib/struct.ts";
import { assertEquals } from "../assert.ts";
import { refused } from "../../src/conformance/claim.ts";
import { sun } from "../net/helpers.ts";
import { served } from "./helpers.ts";

type Start = (sys: AsyncCalls, other: AsyncCalls) => Promise<(sys: AsyncCalls) => Promise<unknown>>;
const buf = () => new Uint8Array(10);
const seconds = (n: number) => {
  const raw = new Uint8Array(16);
  viewOf(raw).setBigInt64(0, BigInt(n), true);
  return raw;
};
function pollfd(fd: number): Uint8Array {
  const raw = new Uint8Array(Pollfd.size);
  Pollfd.write(viewOf(raw), 0, { fd, events: POLLIN });
  return raw;
}
function readable(ident: number): Uint8Array {
  const raw = new Uint8Array(Kevent.size);
  Kevent.write(viewOf(raw), 0, { ident, filter: EVFILT_READ, flags: EV_ADD });
  return raw;
}
function bit(fd: number): Uint8Array {
  const raw = new Uint8Array(4);
  viewOf(raw).setUint32(0, 1 << fd, true);
  return raw;
}
function wholeFile(): Uint8Array {
  const raw = new Uint8Array(Flock.size);
  Flock.write(viewOf(raw), 0, { type: F_WRLCK });
  return raw;
}
const lockFile = (sys: AsyncCalls) => sys.open({ path: "/lock", flags: O_CREAT | O_RDWR, mode: 0o666 });
const reader = async (sys: AsyncCalls) => (await sys.pipe())[0];

const kinds: Readonly<Record<string, Start>> = {
  async "read of an empty pipe"(sys) {
    const fd = await reader(sys);
    return (sys) => sys.read({ fd, buf: buf() });
  },
  async "read of a socket"(sys) {
    const rsv = new Uint8Array(8);
    await sys.socketpair({ domain: 1, type: 1, protocol: 0, rsv });
    const fd = viewOf(rsv).getInt32(0, true);
    return (sys) => sys.read({ fd, buf: buf() });
  },
  async "recvmsg of a socket"(sys) {
    const rsv = new Uint8Array(8);
    await sys.socketpair({ domain: 1, type: 2, protocol: 0, rsv });
    const s = viewOf(rsv).getInt32(0, true);
    return (sys) => sys.recvmsg({ s, msg: new Uint8Array(48), iov: buf(), flags: 0 });
  },
  async "accept"(sys) {
    const s = await sys.socket({ domain: 1, type: 1, protocol: 0 });
    await sys.bind({ s, name: sun("/tmp/socket") });
    await sys.listen({ s, backlog: 1 });
    return (sys) => sys.accept({ s });
  },
  async "readv"(sys) {
    const fd = await reader(sys);
    return (sys) => sys.readv({ fd, iov: buf() });
  },
  async "write to a full pipe"(sys) {
    const [, fd] = await sys.pipe();
    await sys.write({ fd, buf: new Uint8Array(64 << 10) });
    return (sys) => sys.write({ fd, buf: buf() });
  },
  async "poll"(sys) {
    const fd = await reader(sys);
    return (sys) => sys.poll({ fds: pollfd(fd), timeout: -1 });
  },
  async "pollts"(sys) {
    const fd = await reader(sys);
    return (sys) => sys.pollts({ fds: pollfd(fd), ts: seconds(1000) });
  },
  async "select"(sys) {
    const fd = await reader(sys);
    return (sys) => sys.select({ nd: fd + 1, in: bit(fd) });
  },
  async "kevent"(sys) {
    const fd = await reader(sys);
    const kq = await sys.kqueue();
    return (sys) => sys.kevent({ fd: kq, changelist: readable(fd), eventlist: new Uint8Array(Kevent.size) });
  },
  "nanosleep": () => Promise.resolve((sys) => sys.nanosleep({ rqtp: seconds(1000) })),
  "clock_nanosleep": () =>
    Promise.resolve((sys) => sys.clock_nanosleep({ clock_id: 3, flags: 0, rqtp: seconds(1000) })),
  async "fcntl, a lock another process has"(sys, other) {
    await other.fcntl({ fd: await lockFile(other), cmd: F_SETLKW, lock: wholeFile() });
    const fd = await lockFile(sys);
    return (sys) => sys.fcntl({ fd, cmd: F_SETLKW, lock: wholeFile() });
  },
  async "flock, one another process has"(sys, other) {
    await other.flock({ fd: await lockFile(other), how: LOCK_EX });
    const fd = await lockFile(sys);
    return (sys) => sys.flock({ fd, how: LOCK_EX });
  },
};
const settle = async () => {
  for (let i = 0; i < 5; i++) await turn();
};

for (const [wire, options] of [["cbor", {}], ["sysproxy", { version: "NetBSD-7.99.34" }]] as const) {
  describe(`calls that wait, over ${wire}`, () => {
    for (const [name, start] of Object.entries(kinds)) {
      const begun = async () => {
        const s = await served(options);
        const other: AsyncClient = await pipelinedClient(s.dial(), "other");
        const processes = s.kernel.procs.size;
        const client = await pipelinedClient(s.dial(), "test");
        const call = await start(client.sys, other.sys);
        return { ...s, other, client, call, processes };
      };
      it(`${name} holds up nobody, and ends with its client`, async () => {
        const { client, call, other, kernel, processes, server } = await begun();
        let over = false;
        const waiting = refused(call(client.sys)).finally(() => (over = true));
        await settle();
        assertEquals(over, false, "it waits");
        assertEquals([(await client.sys.getpid()).length, (await other.sys.getpid()).length], [2, 2]);
        client.close();
        assertEquals(await waiting, "ECONNRESET");
        await settle();
        assertEquals([kernel.procs.size, [...server.clients].reduce((n, c) => n + c.waiting + c.held, 0)], [
          processes,
          0,
        ]);
      });
      if (wire === "cbor") {
        it(`${name} ends when it is cancelled, and the client goes on`, async () => {
          const { client, call, server } = await begun();
          const stop = new AbortController();
          const waiting = refused(call(client.until(stop.signal)));
          await settle();
          stop.abort();
          assertEquals(["EINTR", "ok"].includes(await waiting), true);
          assertEquals((await client.sys.getpid()).length, 2);
          assertEquals([...server.clients].reduce((n, c) => n + c.waiting, 0), 0);
        });
      }
    }
  });
}
