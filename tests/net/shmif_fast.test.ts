/** The fast bus of shmif: large frames between those who ask for it, the bus for all others. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { AF_INET, SOCK_DGRAM, SOCK_STREAM } from "../../src/abi/flags.ts";
import { SysError } from "../../src/abi/errno.ts";
import { maskOf, parseIpv4 } from "../../src/lib/inet.ts";
import { stackOf } from "../../src/net/interfaces.ts";
import { boot, type Rump } from "../../src/rump.ts";
import { FAST_DATA, FAST_MAGIC, FAST_MEMBERS, FAST_SIZE, FastMember } from "../../src/wire/shmif.ts";
import { busFrames, busHeader } from "../../src/wire/shmif_dump.ts";
import { assert, assertEquals, assertThrows } from "../assert.ts";
import { randomOf, seedOf } from "../cases/fat_images.ts";
import { frame, inDirectory, station } from "./bus.ts";
import { host } from "../../src/host/mod.ts";
import { sin } from "./helpers.ts";

const SIZE = 8 << 20;

async function hostOn(linkstr: string, address: string): Promise<Rump> {
  const made = await boot({ components: ["rumpnet_shmif"] });
  const stack = stackOf(made.kernel);
  const iface = await stack.create("shmif0");
  await iface.device.setLinkstr!(linkstr);
  const mask = maskOf(24);
  const a = parseIpv4(address)!;
  await stack.addAddress(iface, { address: a, mask, broadcast: (a | ~mask) >>> 0 });
  return made;
}
const pattern = (at: number, length: number) =>
  Uint8Array.from({ length }, (_, i) => ((at + i) * 31 + ((at + i) >> 8)) & 255);

/** Send bytes from one to another over TCP; whether they are the same there. */
async function transfer(a: Rump, b: Rump, to: string): Promise<boolean> {
  const socket = (r: Rump) => r.sys.socket({ domain: AF_INET, type: SOCK_STREAM, protocol: 0 }) as number;
  const [s, l] = [socket(a), socket(b)];
  await b.sys.bind({ s: l, name: sin(to, 7) });
  b.sys.listen({ s: l, backlog: 1 });
  await a.sys.connect({ s, name: sin(to, 7) });
  const k = (await b.sys.accept({ s: l })) as number;
  const [sent, got] = [createHash("sha256"), createHash("sha256")];
  const sending = (async () => {
    for (let at = 0; at < SIZE; at += 65_536) {
      const buf = pattern(at, 65_536);
      sent.update(buf);
      for (let n = 0; n < buf.length;) n += (await a.sys.write({ fd: s, buf: buf.subarray(n) })) as number;
    }
    a.sys.shutdown({ s, how: 1 });
  })();
  const buf = new Uint8Array(65_536);
  for (let n = 1; n > 0;) {
    n = (await b.sys.read({ fd: k, buf })) as number;
    got.update(buf.subarray(0, n));
  }
  await sending;
  return sent.digest("hex") === got.digest("hex");
}
async function pair(kinds: readonly [string, string], work: (a: Rump, b: Rump, bus: string) => Promise<void>) {
  await inDirectory(async (dir) => {
    const a = await hostOn(`${dir}/bus${kinds[0]}`, "10.0.0.1");
    const b = await hostOn(`${dir}/bus${kinds[1]}`, "10.0.0.2");
    await work(a, b, `${dir}/bus`);
    await a.halt();
    await b.halt();
  });
}

describe("the fast bus", () => {
  for (
    const [what, kinds] of [
      ["two who are on it", ["", "?fast"]],
      ["one who is and one who is not", ["", "?v3"]],
      ["one who is not and one who is", ["?v3", "?fast"]],
    ] as const
  ) {
    it(`8 MiB of TCP arrive whole between ${what}`, () =>
      pair(kinds, async (a, b) => {
        assert(await transfer(a, b, "10.0.0.2"));
      }));
  }
  it("between two who do not say that they will not, the bus itself carries broadcasts only", () =>
    pair(["", ""], async (a, b, bus) => {
      await transfer(a, b, "10.0.0.2");
      const file = readFileSync(bus);
      for (const { frame: f } of busFrames(file, busHeader(file)!)) assertEquals(f[0]! & 1, 1);
    }));
  it("a broadcast whose checksum was left to do has it on the bus", () =>
    inDirectory(async (dir) => {
      const a = await hostOn(`${dir}/bus?fast`, "10.0.0.1");
      const plain = station(`${dir}/bus?v3`);
      const s = a.sys.socket({ domain: AF_INET, type: SOCK_DGRAM, protocol: 0 }) as number;
      const [SOL_SOCKET, SO_BROADCAST] = [0xffff, 0x20];
      await a.sys.setsockopt({ s, level: SOL_SOCKET, name: SO_BROADCAST, val: new Uint8Array([1, 0, 0, 0]) });
      await a.sys.sendto({ s, buf: new Uint8Array(7).fill(65), flags: 0, to: sin("10.0.0.255", 9) });
      plain.drain();
      const udp = plain.came.find((f) => f[12] === 8 && f[13] === 0 && f[23] === 17)!;
      assertEquals(sumOf(udp), 0xffff);
      await a.halt();
    }));
  it("who is given another link address is a member by that one", () =>
    inDirectory((dir) => {
      const [a, b] = [station(`${dir}/bus?fast`), station(`${dir}/bus?fast`)];
      const mac = new Uint8Array([2, 0, 0, 0, 0, 9]);
      b.device.setMac(mac);
      const f = frame(a.device.mac, 1);
      f.set(mac);
      a.device.output(f);
      b.drain();
      const file = readFileSync(`${dir}/bus`);
      assertEquals([b.came.length, [...busFrames(file, busHeader(file)!)].length], [1, 0]);
    }));
  it("once somebody is heard who is not on it, he sees what members send each other", () =>
    inDirectory((dir) => {
      const [a, b] = [station(`${dir}/bus`), station(`${dir}/bus`)];
      const stranger = station(`${dir}/bus?v3`);
      const f = to(b.device.mac, a.device.mac);
      stranger.device.promiscuous(true);
      a.device.output(f);
      stranger.device.output(frame(stranger.device.mac, 2));
      b.drain();
      a.device.output(f);
      stranger.drain();
      b.drain();
      assertEquals([stranger.came.length, b.came.length], [1, 3]);
    }));
  it("frames of a member who has left since make nobody a stranger", () =>
    inDirectory((dir) => {
      const [a, b, c] = [station(`${dir}/bus`), station(`${dir}/bus`), station(`${dir}/bus`)];
      c.device.output(frame(c.device.mac, 2));
      c.device.destroy();
      b.drain();
      a.device.output(to(b.device.mac, a.device.mac));
      assertEquals(onBus(`${dir}/bus`), 1);
    }));
  it("who listens to all hears also what goes over the fast bus", () =>
    inDirectory((dir) => {
      const [a, b, c] = [station(`${dir}/bus`), station(`${dir}/bus`), station(`${dir}/bus`)];
      c.device.promiscuous(true);
      a.device.output(to(b.device.mac, a.device.mac));
      c.drain();
      assertEquals(c.came.length, 1);
    }));
  it("a member that died asleep is none any more once it is sent something", () =>
    inDirectory((dir) => {
      const [a, b] = [station(`${dir}/bus`), station(`${dir}/bus`)];
      const { view } = host.eventSharedFile(`${dir}/bus.fast`, FAST_SIZE);
      b.device.rest();
      FastMember.set.pid(view, FAST_MEMBERS + FastMember.size, NOBODY);
      for (let i = 0; i < 2; i++) {
        a.device.output(to(b.device.mac, a.device.mac));
        a.device.rest();
      }
      assertEquals(onBus(`${dir}/bus`), 1);
    }));
  it("where the fast bus cannot be had, the bus can; who demands it is told", () =>
    inDirectory((dir) => {
      const log: string[] = [];
      const older = host.eventSharedFile(`${dir}/bus.fast`, FAST_SIZE);
      older.words.set([FAST_MAGIC | 0, 1]);
      const [a, b] = [station(`${dir}/bus`, log), station(`${dir}/bus?v3`)];
      a.device.output(to(b.device.mac, a.device.mac));
      b.drain();
      assertEquals(b.came.length, 1);
      assert(log.some((line) => line.endsWith("bus.fast: bus of version 1")), log.join());
      assertThrows(() => station(`${dir}/bus?fast`), SysError, "Exec format");
    }));
  it("who leaves is no member any more: frames for it go over the bus", () =>
    inDirectory((dir) => {
      const [a, b] = [station(`${dir}/bus?fast`), station(`${dir}/bus?fast`)];
      const f = frame(a.device.mac, 1);
      f.set(b.device.mac);
      b.device.destroy();
      a.device.output(f);
      const file = readFileSync(`${dir}/bus`);
      assertEquals([...busFrames(file, busHeader(file)!)].length, 1);
    }));
  const seed = seedOf();
  it(`scribbled over, it neither throws nor hangs, and works once it is let alone (SEED=${seed})`, () =>
    inDirectory((dir) => {
      const random = randomOf(seed);
      const [a, b] = [station(`${dir}/bus?fast`), station(`${dir}/bus?fast`)];
      const { bytes, words } = host.eventSharedFile(`${dir}/bus.fast`, FAST_SIZE);
      const members = bytes.slice(FAST_MEMBERS, FAST_DATA);
      const send = (n: number) => {
        const f = frame(a.device.mac, n);
        f.set(b.device.mac);
        const offload = {
          flags: 1,
          gsoType: random(6),
          headerLength: 54,
          gsoSize: 1,
          checksumStart: 34,
          checksumOffset: 16,
        };
        a.device.output(f, a.device.unfinished(f, 0) ? offload : undefined);
        b.drain();
      };
      for (let round = 0; round < 2000; round++) {
        if (random(2) === 0) words[2 + random(4)] = random(3) === 0 ? -1 : random(FAST_SIZE);
        else bytes.fill(random(256), FAST_MEMBERS + random(20_000), FAST_MEMBERS + random(21_000));
        if (random(4) === 0) bytes.set(members, FAST_MEMBERS);
        words[6] = 0;
        send(round);
        for (const f of b.came) assert(f.length <= 66 << 10);
        b.came.length = 0;
      }
      bytes.set(members, FAST_MEMBERS);
      for (const n of [1, 2, 3]) send(n);
      assert(b.came.length > 0);
    }));
});

/** No process has this number. */
const NOBODY = 0x7fff_fff0;
function to(mac: Uint8Array, from: Uint8Array): Uint8Array {
  const f = frame(from, 1);
  f.set(mac);
  return f;
}
function onBus(path: string): number {
  const file = readFileSync(path);
  return [...busFrames(file, busHeader(file)!)].length;
}
/** The sum of a UDP datagram in a frame with its pseudo header: 0xffff when its checksum is right. */
function sumOf(f: Uint8Array): number {
  const d = new DataView(f.buffer);
  const length = d.getUint16(38);
  let sum = 17 + length;
  for (let at = 26; at < 34; at += 2) sum += d.getUint16(at);
  for (let at = 34; at < 34 + length; at++) sum += (at & 1) === 0 ? f[at]! << 8 : f[at]!;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return sum;
}
