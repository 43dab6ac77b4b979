/** What a program sees of a stream socket whose data somebody moves between the rump kernel and the pair that stands in for it. */
import { createHash } from "node:crypto";
import { after, before, describe, it } from "node:test";
import process from "node:process";
import { MSG_OOB, SO_LINGER, SO_RCVBUF, SO_SNDBUF, SOL_SOCKET } from "../../src/abi/flags.ts";
import { errno, SysError } from "../../src/abi/errno.ts";
import { raw } from "../../src/host/ffi.ts";
import type { AsyncClient } from "../../src/proxy/client.ts";
import { assert, assertEquals } from "../assert.ts";
import { DataLab, MSG_OOB as LINUX_OOB, pair, Program, sleep, until } from "../cases/data_lab.ts";

/** Begin to move data between a socket of a client and our end of a pair, which stays the caller's; `ended`: 0 or NetBSD's errno. */
export type Mover = (client: AsyncClient, s: number, fd: number) => Promise<{ readonly ended: Promise<number> }>;

const MEGA = 1 << 20;
const EAGAIN = -11;
const EPIPE = -32;
const ECONNRESET = -104;
/** More than all buffers on the way hold. */
const BOUND = 12 * MEGA;
export const word = (...n: number[]) => new Uint8Array(new Int32Array(n).buffer);
const sum = (data: Uint8Array) => createHash("sha256").update(data).digest("hex");
function noise(length: number, seed: number): Uint8Array {
  const words = new Uint32Array(Math.ceil(length / 4));
  for (let i = 0; i < words.length; i++) words[i] = seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
  return new Uint8Array(words.buffer).subarray(0, length);
}
/** What a socket of a client gets until the end. */
export async function drain({ sys }: AsyncClient, s: number, most = Infinity): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let length = 0;
  while (length < most) {
    const buf = new Uint8Array(Math.min(MEGA / 4, most - length));
    const n = await sys.recvfrom({ s, buf, flags: 0 });
    if (n === 0) break;
    parts.push(buf.subarray(0, n));
    length += n;
  }
  const all = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
/** Send from a socket of a client, as it goes. */
async function feed({ sys }: AsyncClient, s: number, data: Uint8Array): Promise<void> {
  for (let at = 0; at < data.length;) at += await sys.write({ fd: s, buf: data.subarray(at, at + MEGA / 4) });
}
export const failure = async (work: Promise<unknown>): Promise<SysError | undefined> => {
  try {
    await work;
    return undefined;
  } catch (e) {
    if (e instanceof SysError) return e;
    throw e;
  }
};

/** A server and two clients of it; one works for programs. */
class World {
  readonly lab = new DataLab();
  us!: AsyncClient;
  other!: AsyncClient;
  readonly #move: Mover;

  constructor(move: Mover) {
    this.#move = move;
  }
  async attach(): Promise<void> {
    this.us = await this.lab.client();
    this.other = await this.lab.client("peer");
  }
  /** Move data as a supervisor does, which breaks our end when the connection is broken. */
  moving(s: number, type?: number) {
    const [ours, theirs] = pair(type);
    const program = new Program(theirs);
    const begin = async () => {
      const { ended } = await this.#move(this.us, s, ours);
      const settled = ended.then((why) => {
        if (why !== 0) program.put(word(0).subarray(0, 1));
        raw.close(ours);
        return why;
      });
      return { settled };
    };
    return { program, begin };
  }
  /** A connection whose one end is a program's. */
  async connected() {
    const { s, peer } = await this.lab.connection(this.us, this.other);
    const { program, begin } = this.moving(s);
    return { s, peer, program, ...await begin() };
  }
}

const claims: Readonly<Record<string, (w: World) => Promise<void>>> = {
  "carries bytes both ways at once, as they are": async (w) => {
    const { peer, program, settled } = await w.connected();
    const [out, back] = [noise(8 * MEGA, 1), noise(8 * MEGA, 2)];
    const [came, went] = await Promise.all([
      drain(w.other, peer, out.length),
      program.read(back.length),
      program.write(out),
      feed(w.other, peer, back),
    ]);
    assertEquals([sum(came), sum(went)], [sum(out), sum(back)]);
    program.close();
    assertEquals(await settled, 0);
    assertEquals((await drain(w.other, peer)).length, 0);
    await w.other.sys.close({ fd: peer });
  },
  "what was sent before it began to move arrives, too": async (w) => {
    const { s, peer } = await w.lab.connection(w.us, w.other);
    const { program, begin } = w.moving(s);
    program.put(word(1, 2, 3));
    await w.other.sys.write({ fd: peer, buf: word(4, 5) });
    await begin();
    assertEquals(await drain(w.other, peer, 12), word(1, 2, 3));
    assertEquals(await program.read(8), word(4, 5));
    program.close();
  },
  "the program sends no more: its peer meets the end, and can still send": async (w) => {
    const { peer, program } = await w.connected();
    await program.write(noise(100_000, 3));
    program.shutdown(1);
    assertEquals(sum(await drain(w.other, peer)), sum(noise(100_000, 3)));
    await w.other.sys.write({ fd: peer, buf: word(7) });
    assertEquals(await program.read(4), word(7));
    program.close();
  },
  "the peer sends no more: the program meets the end, and can still send": async (w) => {
    const { peer, program } = await w.connected();
    await w.other.sys.write({ fd: peer, buf: noise(300_000, 4) });
    await w.other.sys.shutdown({ s: peer, how: 1 });
    assertEquals(sum(await program.read(300_000)), sum(noise(300_000, 4)));
    assertEquals(await program.next(), new Uint8Array(0));
    await program.write(word(9));
    assertEquals(await drain(w.other, peer, 4), word(9));
    program.close();
  },
  "a program that closes leaves nothing behind of what it sent, however slowly that is read": async (w) => {
    const { peer, program, settled } = await w.connected();
    const data = noise(3 * MEGA, 5);
    // So much fits into the buffers of both at most; the rest is written by and by.
    await Promise.all([program.write(data), sleep(50).then(() => drain(w.other, peer, 2 * MEGA))]);
    program.close();
    await sleep(50);
    assertEquals(sum(await drain(w.other, peer)), sum(data.subarray(2 * MEGA)));
    assertEquals(await settled, 0);
  },
  "a reset is told after what came before it, then writing fails, too": async (w) => {
    const { s, peer, program, settled } = await w.connected();
    await w.other.sys.write({ fd: peer, buf: word(1, 2) });
    assertEquals(await program.read(4), word(1));
    await w.other.sys.setsockopt({ s: peer, level: SOL_SOCKET, name: SO_LINGER, val: word(1, 0) });
    await w.other.sys.close({ fd: peer });
    assertEquals(await settled, errno.ECONNRESET.errno);
    assertEquals(await program.read(4), word(2));
    assertEquals(await program.next(), ECONNRESET);
    assertEquals(program.put(word(0)), EPIPE);
    program.close();
    await w.us.sys.close({ fd: s });
  },
  "a program that closes with SO_LINGER of 0 resets the connection": async (w) => {
    const { s, peer, program, settled } = await w.connected();
    await w.us.sys.setsockopt({ s, level: SOL_SOCKET, name: SO_LINGER, val: word(1, 0) });
    program.close();
    assertEquals(await settled, 0);
    await w.us.sys.close({ fd: s });
    assertEquals(await failure(drain(w.other, peer)), errno.ECONNRESET);
  },
  "a peer that does not read stops the program, and all arrives when it does": async (w) => {
    const { s, peer, program } = await w.connected();
    // As much as a program would be told.
    for (const [sys, fd] of [[w.us.sys, s], [w.other.sys, peer]] as const) {
      for (const name of [SO_SNDBUF, SO_RCVBUF]) {
        await sys.setsockopt({ s: fd, level: SOL_SOCKET, name, val: word(65_536) });
      }
    }
    const data = noise(4 * MEGA, 6);
    let gone = 0;
    const fill = () => {
      for (let n = 0; n >= 0; gone += Math.max(n, 0)) n = program.put(data.subarray(gone, gone + 65_536));
    };
    let last = -1;
    for (let quiet = 0; quiet < 20; quiet = gone === last ? quiet + 1 : 0) {
      last = gone;
      fill();
      await sleep(5);
    }
    assert(gone > 65_536 && gone < 2 * MEGA, `${gone} bytes were taken`);
    assertEquals(program.put(word(0)), EAGAIN);
    const [all] = await Promise.all([drain(w.other, peer, data.length), program.write(data.subarray(gone))]);
    assertEquals(sum(all), sum(data));
    program.close();
  },
  "a program that does not read stops its peer, and all arrives when it does": async (w) => {
    const { peer, program } = await w.connected();
    const data = noise(BOUND, 7);
    let done = false;
    const writing = feed(w.other, peer, data).then(() => (done = true));
    await sleep(200);
    assertEquals(done, false);
    assertEquals(sum(await program.read(data.length)), sum(data));
    await writing;
    program.close();
  },
  "urgent data of the program is its peer's, at its place": async (w) => {
    const { peer, program } = await w.connected();
    const { sys } = w.other;
    await program.write(word(1));
    assertEquals(program.put(new Uint8Array([33]), LINUX_OOB), 1);
    await program.write(word(2));
    const buf = new Uint8Array(1);
    const urgent = await until(() =>
      sys.recvfrom({ s: peer, buf, flags: MSG_OOB }).catch((e) => {
        if (e !== errno.EINVAL && e !== errno.EAGAIN) throw e;
        return undefined;
      })
    );
    assertEquals([urgent, buf[0]], [1, 33]);
    assertEquals(await drain(w.other, peer, 4), word(1));
    assertEquals(await drain(w.other, peer, 4), word(2));
    program.close();
  },
  "urgent data of the peer is the program's, at its place": async (w) => {
    const { peer, program } = await w.connected();
    const { sys } = w.other;
    await sys.write({ fd: peer, buf: word(3) });
    await sys.sendto({ s: peer, buf: new Uint8Array([34]), flags: MSG_OOB });
    await sys.write({ fd: peer, buf: word(4) });
    const urgent = await until(() => {
      const got = program.now(1, LINUX_OOB);
      return typeof got === "number" ? undefined : got;
    }, "urgent data");
    assertEquals(urgent, new Uint8Array([34]));
    assertEquals(await program.next(100), word(3));
    assertEquals(await program.read(4), word(4));
    program.close();
  },
};

export function dataPath(title: string, move: Mover): void {
  describe(title, { skip: process.platform !== "linux" }, () => {
    let world: World;
    before(() => (world = new World(move)).attach());
    after(() => world.lab.close());
    for (const [claim, check] of Object.entries(claims)) it(claim, () => check(world));
  });
}
