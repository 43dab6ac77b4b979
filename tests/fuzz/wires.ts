/**
 * Clients of both wires that make every call of the table with odd arguments, answer questions wrongly, cut frames and
 * hang up: whatever they do, the server lives, answers others, and keeps nothing of them.
 * By hand: `bun tests/fuzz/wires.ts SECONDS [SEED]`.
 */
import { Encoder } from "cbor-x/encode";
import process from "node:process";
import { declared } from "../../src/abi/syscalls.ts";
import { type Arg, type Decl, i32, slotNames, u32 } from "../../src/abi/types.ts";
import { pipelinedClient } from "../../src/proxy/client.ts";
import { encodeFrame } from "../../src/proxy/encode.ts";
import { MAGIC } from "../../src/proxy/frame.ts";
import { Class, Handshake, type SpFrame, spFrame, SpFrames, Type } from "../../src/proxy/sysproxy.ts";
import { viewOf } from "../../src/lib/struct.ts";
import type { Channel } from "../../src/plugin.ts";
import { BATCH } from "../../src/proxy/wire_batch.ts";
import { served } from "../proxy/helpers.ts";

/** A seeded stream of numbers below `n`. */
type Random = (n: number) => number;
function seeded(seed: number): Random {
  let state = seed >>> 0;
  return (n) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
  };
}
/** Halting the kernel is what it says. */
const rows = Object.entries(declared).filter(([name]) => name !== "reboot");
const paths = [
  "/",
  "/tmp",
  "/tmp/a",
  "/tmp/b",
  "tmp/../tmp/c",
  "/tmp/d/e",
  "",
  ".",
  "/dev/null",
  "/nosuch/x",
  `/${"x".repeat(300)}`,
  "/tmp/\udcff",
];
const numbers = [
  0,
  1,
  -1,
  2,
  3,
  4,
  5,
  7,
  8,
  16,
  64,
  511,
  4096,
  65536,
  2 ** 31 - 1,
  -(2 ** 31),
  2 ** 32 - 1,
  2 ** 40,
  2 ** 53 - 1,
  -(2 ** 53 - 1),
];
const lengths = [0, 1, 4, 8, 16, 24, 64, 100, 152, 512, 2256, 5000, 70_000];
const pick = <T>(random: Random, list: readonly T[]): T => list[random(list.length)]!;

function fill(random: Random, n: number): Uint8Array {
  const bytes = new Uint8Array(n);
  // Structures are small numbers mostly.
  for (let i = 0; i < n; i += 1 + random(8)) bytes[i] = random(3) === 0 ? random(256) : random(8);
  return bytes;
}
function number(random: Random, a: Arg<unknown>): number {
  if (a.ctype === "int" && random(2) === 0) return random(8);
  const n = pick(random, numbers);
  return a.schema === i32 ? n | 0 : a.schema === u32 ? n >>> 0 : n;
}
const sizeOf = (random: Random, a: Arg<unknown>) =>
  typeof a.size === "number" && random(8) > 0 ? a.size : pick(random, lengths);

/** One argument of our wire: what its row says, and now and then anything. */
function argument(random: Random, a: Arg<unknown>): unknown {
  if (random(16) === 0) return pick(random, [null, "text", -1, 1e300, [], {}, new Uint8Array(3), true]);
  if (a.kind === "value") return number(random, a);
  if (a.kind === "path") return pick(random, paths);
  return a.kind === "out" ? sizeOf(random, a) : fill(random, sizeOf(random, a));
}
const call = (random: Random): readonly [string, Decl] => pick(random, rows);
const travels = (a: Arg<unknown>) => a.kind !== "len" && a.kind !== "pad";

/** Change, cut or lengthen a byte string. */
function damage(random: Random, bytes: Uint8Array): Uint8Array {
  if (random(12) > 0) return bytes;
  const copy = bytes.slice(0, random(3) === 0 ? random(bytes.length + 1) : bytes.length);
  if (copy.length > 0) copy[random(copy.length)] = random(256);
  return copy;
}
const joined = (parts: readonly Uint8Array[]) => new Uint8Array(parts.flatMap((p) => [...p]));
const encoder = new Encoder({ useRecords: false, tagUint8Array: false });
/** A frame with anything CBOR knows in it, by another encoder than ours. */
function framed(items: readonly unknown[]): Uint8Array {
  const body = encoder.encode(items) as Uint8Array;
  const frame = new Uint8Array(4 + body.length);
  viewOf(frame).setUint32(0, body.length, true);
  frame.set(body, 4);
  return frame;
}

/** What is no system call: words of the wire, with arguments that are theirs or not. */
function control(random: Random): unknown[] {
  const arg = pick(random, [undefined, null, 1, 5, -1, 2 ** 53, "name", "x".repeat(100), new Uint8Array(16), []]);
  return [pick(random, ["prefork", "exec", "cancel", "", "other"]), arg];
}
function cborClient(random: Random, channel: Channel): void {
  channel.receive(() => {});
  const cookie = random(20) === 0 ? [null, random(99), fill(random, random(20))] : [];
  channel.send(MAGIC, ...encodeFrame([1, "fuzz", ...cookie]));
  for (let i = random(30); i >= 0; i--) {
    if (random(12) === 0) channel.send(damage(random, framed([i, ...control(random)])));
    const items = random(4) === 0 ? batch(random) : packed(random);
    channel.send(damage(random, framed([i, ...items])));
  }
}
function packed(random: Random): unknown[] {
  const [, decl] = call(random);
  return [decl.nr, ...Object.values(decl.args).filter(travels).map((a) => argument(random, a))];
}
/** Calls with references to each other, also to what is not there; now and then too many, or no calls at all. */
function batch(random: Random): unknown[] {
  const reference = (x: unknown) => (random(3) === 0 ? [random(6) - 1, random(8) === 0 ? random(4) - 1 : 0] : x);
  const calls = Array.from({ length: random(50) === 0 ? random(80) : random(8) }, () => {
    const [nr, ...args] = packed(random);
    return random(60) === 0 ? nr : [nr, ...args.map(reference)];
  });
  return [BATCH, random(20) === 0 ? random(4) - 1 : random(2), ...calls];
}

/** Memory that answers whatever is asked, mostly as it should. */
function answered(random: Random, frame: SpFrame): Uint8Array[] | undefined {
  if (frame.class !== Class.REQ || frame.type === Type.COPYOUT || random(20) === 0) return undefined;
  const length = frame.body.length >= 8 ? viewOf(frame.body).getUint32(0, true) : 0;
  const text = new TextEncoder().encode(`${pick(random, paths)}\0`);
  const body = frame.type === Type.COPYINSTR ? text : fill(random, Math.min(length, 1 << 20));
  const klass = random(30) === 0 ? Class.ERROR : Class.RESP;
  return spFrame(klass, frame.type, random(40) === 0 ? random(9) : frame.reqno, 0, damage(random, body));
}
function sysproxyClient(random: Random, channel: Channel): void {
  let banner = true;
  const frames = new SpFrames(() => 1 << 24, (frame) => {
    const answer = answered(random, frame);
    if (answer) channel.send(...answer);
    return true;
  });
  channel.receive((bytes) => (banner ? void (banner = false) : frames.push(bytes)));
  const kind = random(10) > 0 ? Handshake.GUEST : random(5);
  channel.send(...spFrame(Class.REQ, Type.HANDSHAKE, 1, kind, fill(random, random(24))));
  for (let i = random(30) + 2; i > 1; i--) channel.send(damage(random, joined(request(random, i))));
}
function request(random: Random, reqno: number): Uint8Array[] {
  if (random(10) === 0) {
    return spFrame(random(4), random(12), reqno, random(5), fill(random, random(64)));
  }
  const [, decl] = call(random);
  const names = slotNames(decl);
  const body = new Uint8Array(names.length * 8);
  const d = viewOf(body);
  for (const [i, name] of names.entries()) {
    const a = decl.args[name]!;
    const slot = a.kind === "value"
      ? number(random, a)
      : a.kind === "len"
      ? pick(random, lengths)
      : random(8) * 0x1_0000;
    d.setBigInt64(i * 8, BigInt(slot), true);
  }
  return spFrame(Class.REQ, Type.SYSCALL, reqno, random(50) === 0 ? random(1000) - 100 : decl.nr, body);
}

export interface Outcome {
  readonly seed: number;
  readonly clients: number;
  readonly calls: number;
  /** Bugs the kernel told of, and processes, clients and calls left behind. */
  readonly problems: readonly string[];
  /** Longest time a healthy client waited for an answer, milliseconds. */
  readonly slowest: number;
}
/** Clients of one kernel: its files are theirs, and go with it. */
const CLIENTS_A_KERNEL = 300;

/** Run for a while. */
export async function fuzzWires(seconds: number, seed: number): Promise<Outcome> {
  const random = seeded(seed);
  const until = Date.now() + seconds * 1000;
  let [clients, calls, slowest] = [0, 0, 0];
  const problems: string[] = [];
  while (Date.now() < until && problems.length === 0) {
    const { dial, kernel, server, host } = await served({ maxForks: 8 });
    const healthy = await pipelinedClient(dial(), "healthy");
    const before = kernel.procs.size;
    for (let i = 0; i < CLIENTS_A_KERNEL && Date.now() < until; i++, clients++) {
      const channel = dial();
      const asked = performance.now();
      (random(2) === 0 ? cborClient : sysproxyClient)(random, channel);
      await healthy.sys.getppid();
      slowest = Math.max(slowest, performance.now() - asked);
      for (let turn = random(4); turn > 0; turn--) await new Promise((r) => setImmediate(r));
      channel.close();
      host.pass(random(3) * 1000);
    }
    // Prefork cookies nobody came for.
    host.pass(60_000);
    for (let turn = 0; turn < 20; turn++) await new Promise((r) => setImmediate(r));
    problems.push(...kernel.log.lines.filter((l) => l.startsWith("bug")));
    const left = [server.clients.size - 1, kernel.procs.size - before];
    if (left.some((n) => n !== 0)) problems.push(`clients, processes left: ${left}`);
    calls += server.calls;
    healthy.close();
  }
  return { seed, clients, calls, problems, slowest };
}

if (import.meta.main) {
  const seed = Number(process.argv[3] ?? Date.now() % 2 ** 32);
  process.stderr.write(`seed ${seed}\n`);
  const { clients, calls, problems, slowest } = await fuzzWires(Number(process.argv[2] ?? 10), seed);
  process.stdout.write(
    `${clients} clients, ${calls} calls, slowest answer ${slowest.toFixed(1)} ms, ${
      Math.round(process.memoryUsage().rss / 2 ** 20)
    } MiB\n`,
  );
  for (const problem of problems) process.stdout.write(`${problem}\n`);
  process.exit(problems.length === 0 ? 0 : 1);
}
