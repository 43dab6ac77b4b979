/** What may be handed to a server for data to go straight to: anything at all. */
import { readdirSync } from "node:fs";
import { after, before, describe, it } from "node:test";
import process from "node:process";
import { AF_INET, SOCK_DGRAM, SOCK_STREAM } from "../../src/abi/flags.ts";
import { errno } from "../../src/abi/errno.ts";
import { cstring, raw } from "../../src/host/ffi.ts";
import { host } from "../../src/host/mod.ts";
import { type AsyncClient, pipelinedClient } from "../../src/proxy/client.ts";
import { encodeFrame } from "../../src/proxy/encode.ts";
import { MAGIC } from "../../src/proxy/frame.ts";
import { assert, assertEquals } from "../assert.ts";
import { DataLab, pair, Program, SEQPACKET, until } from "../cases/data_lab.ts";
import { drain, failure, word } from "../conformance/data_path.ts";

const AF_UNIX = 1;
const DGRAM = 2;
const STREAM = 1;
const opened = (path: string, flags = 2) => raw.open(cstring(path), flags, 0);

describe("what is handed over", { skip: process.platform !== "linux" }, () => {
  let lab: DataLab;
  let [us, other]: AsyncClient[] = [];
  const descriptors = () => readdirSync(`/proc/${lab.server.pid}/fd`).length;
  /** The server has no more descriptors than before. */
  const settles = (before: number) => until(() => descriptors() <= before ? true : undefined, "closing");
  before(async () => {
    lab = new DataLab();
    us = await lab.client();
    other = await lab.client("peer");
  });
  after(() => lab.close());

  it("is refused and closed unless it is an end of a pair of local streams", async () => {
    const { s } = await lab.connection(us!, other!);
    const before = descriptors();
    const listening = raw.socket(AF_UNIX, STREAM, 0);
    raw.bind(listening, new Uint8Array([AF_UNIX, 0]), 2);
    raw.listen(listening, 1);
    const epoll = raw.epoll_create1(0);
    const things: Readonly<Record<string, number>> = {
      device: opened("/dev/zero"),
      directory: opened("/", 0),
      file: opened(`${lab.sh.dir}/log`),
      epoll,
      event: raw.eventfd(0, 0),
      "socket of the host's network": raw.socket(2, STREAM, 0),
      "socket that is nobody's end": raw.socket(AF_UNIX, STREAM, 0),
      "socket that listens": listening,
      "pair of datagrams": pair(DGRAM)[0],
    };
    for (const [what, fd] of Object.entries(things)) {
      assert(fd >= 0, what);
      assertEquals(await failure(us!.splice(s, fd)), errno.ENOTSOCK, what);
    }
    const records = pair(SEQPACKET);
    assertEquals(await failure(us!.splice(s, records[0])), errno.EOPNOTSUPP, "records");
    await settles(before);
    for (const fd of [...Object.values(things), ...records]) raw.close(fd);
  });
  it("is refused for what is no connected stream socket, or is spliced already", async () => {
    const { sys } = us!;
    const { s } = await lab.connection(us!, other!);
    const [ours, theirs] = pair();
    const before = descriptors();
    const file = await sys.open({ path: "/f", flags: 0x202, mode: 0o600 });
    const make = (type: number) => sys.socket({ domain: AF_INET, type, protocol: 0 });
    const listening = await make(SOCK_STREAM);
    await sys.listen({ s: listening, backlog: 1 });
    assertEquals(
      [
        await failure(us!.splice(file, ours)),
        await failure(us!.splice(await make(SOCK_STREAM), ours)),
        await failure(us!.splice(listening, ours)),
        await failure(us!.splice(await make(SOCK_DGRAM), ours)),
        await failure(us!.splice(1234, ours)),
        await failure(us!.splice("x" as never, ours)),
      ],
      [errno.EOPNOTSUPP, errno.ENOTCONN, errno.EOPNOTSUPP, errno.EOPNOTSUPP, errno.EBADF, errno.EINVAL],
    );
    assertEquals(descriptors(), before);
    await us!.splice(s, ours);
    assertEquals(await failure(us!.splice(s, ours)), errno.EBUSY);
    raw.close(ours);
    raw.close(theirs);
    await settles(before);
  });
  it("must be there: a request without a descriptor is an error, descriptors without a request are closed", async () => {
    const before = descriptors();
    const channel = await host.loopSockets.connect({ path: `${lab.sh.dir}/sock` });
    let came = 0;
    let open = true;
    channel.closed(() => (open = false));
    channel.receive((bytes) => void (came += bytes.length));
    channel.send(MAGIC, ...encodeFrame([1, "flood"]), ...encodeFrame([1, "ends"]), ...encodeFrame([2, "splice", 3]));
    await until(() => came > 50 ? true : undefined);
    const null_ = opened("/dev/null");
    const ends = pair();
    for (let i = 0; i < 500; i++) {
      const [frame] = encodeFrame([i + 3, "none"]);
      await until(() => {
        assert(open, `closed after ${i}: ${lab.sh.run("cat log").out}`);
        return channel.sendWith!(i % 2 === 0 ? ends[0] : null_, frame!) || undefined;
      }, `descriptor ${i}`);
    }
    // It may be long before a busy server has looked at the last of them.
    await until(() => descriptors() < before + 100 ? true : undefined, "keeping few");
    channel.close();
    await settles(before);
    for (const fd of [null_, ...ends]) raw.close(fd);
  });
  it("comes over unix sockets alone", async () => {
    const listener = await host.loopSockets.connect({ path: `${lab.sh.dir}/sock` });
    assertEquals(typeof listener.sendWith, "function");
    listener.close();
    lab.sh.must("rump_server -l rumpnet_netinet tcp://127.0.0.1:0/ > tcp.url");
    const url = /tcp:\/\/127\.0\.0\.1:(\d+)/.exec(lab.sh.must("cat tcp.url"))!;
    const channel = await host.loopSockets.connect({ host: "127.0.0.1", port: Number(url[1]) });
    const client = await pipelinedClient(channel, "far");
    const [ours, theirs] = pair();
    assertEquals(await failure(client.splice(0, ours)), errno.EOPNOTSUPP);
    client.close();
    lab.sh.must("rump.halt", { RUMP_SERVER: url[0]! });
    for (const fd of [ours, theirs]) raw.close(fd);
  });
  it("may have been closed or shut down before: that is what its peer meets", async () => {
    for (const how of ["closed", "shut"] as const) {
      const { s, peer } = await lab.connection(us!, other!);
      const [ours, theirs] = pair();
      const program = new Program(theirs);
      program.put(word(5));
      if (how === "closed") program.close();
      else program.shutdown(2);
      await us!.splice(s, ours);
      raw.close(ours);
      await us!.sys.close({ fd: s });
      assertEquals(await drain(other!, peer), word(5), how);
      if (how === "shut") program.close();
      await other!.sys.close({ fd: peer });
    }
  });
  it("goes on when who handed it over is gone, until the program closes its end", async () => {
    const gone = await lab.client("gone");
    const { s, peer } = await lab.connection(gone, other!);
    const [ours, theirs] = pair();
    await gone.splice(s, ours);
    raw.close(ours);
    gone.close();
    await gone.closed;
    const program = new Program(theirs);
    const before = lab.count("splices");
    await program.write(word(1, 2));
    assertEquals(await drain(other!, peer, 8), word(1, 2));
    await other!.sys.write({ fd: peer, buf: word(3) });
    assertEquals(await program.read(4), word(3));
    program.close();
    assertEquals((await drain(other!, peer)).length, 0);
    assertEquals(lab.count("splices"), before - 1);
  });
  it("leaves nothing behind: hundreds are begun, used and ended in any way", async () => {
    const before = descriptors();
    const seed = Number(process.env.SEED ?? Date.now() & 0xffff);
    let state = seed;
    const random = (n: number) => (state = (Math.imul(state, 1103515245) + 12345) >>> 0) % n;
    for (let i = 0; i < 300; i++) {
      const { s, peer } = await lab.connection(us!, other!);
      const [ours, theirs] = pair();
      const program = new Program(theirs);
      const steps = [
        () => program.put(new Uint8Array(random(100_000))),
        () => other!.sys.write({ fd: peer, buf: new Uint8Array(random(5000)) }),
        () => program.shutdown(random(3)),
        () => other!.sys.shutdown({ s: peer, how: random(3) }).catch(() => {}),
        () => other!.sys.setsockopt({ s: peer, level: 0xffff, name: 0x80, val: word(1, 0) }).catch(() => {}),
        () => program.put(new Uint8Array(1), 1),
        () => other!.sys.sendto({ s: peer, buf: new Uint8Array(1), flags: 1 }).catch(() => {}),
      ];
      if (random(4) === 0) void steps[random(steps.length)]!();
      await failure(us!.splice(s, ours));
      raw.close(ours);
      for (let k = random(4); k > 0; k--) await Promise.resolve(steps[random(steps.length)]!()).catch(() => {});
      const ends = [
        () => us!.sys.close({ fd: s }).catch(() => {}),
        () => other!.sys.close({ fd: peer }).catch(() => {}),
        () => Promise.resolve(program.close()),
      ];
      while (ends.length > 0) await ends.splice(random(ends.length), 1)[0]!();
    }
    await settles(before);
    assertEquals(lab.count("splices"), 0, `SEED=${seed}`);
    assertEquals(lab.sh.run("grep -c bug log").out.trim(), "0", `SEED=${seed}`);
  });
  it("is the end of it for the program when the server is killed", async () => {
    const { s } = await lab.connection(us!, other!);
    const [ours, theirs] = pair();
    await us!.splice(s, ours);
    raw.close(ours);
    lab.server.kill("SIGKILL");
    const program = new Program(theirs);
    assertEquals(await program.next(), new Uint8Array(0));
    program.close();
  });
});
