/** The fast bus of shmif: large frames between those who ask for it, the bus for all others. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { AF_INET, SOCK_DGRAM, SOCK_STREAM } from "../../src/abi/flags.ts";
import { maskOf, parseIpv4 } from "../../src/lib/inet.ts";
import { stackOf } from "../../src/net/interfaces.ts";
import { boot, type Rump } from "../../src/rump.ts";
import { busFrames, busHeader } from "../../src/wire/shmif_dump.ts";
import { assert, assertEquals } from "../assert.ts";
import { randomOf, seedOf } from "../cases/fat_images.ts";
import { frame, inDirectory, station } from "./bus.ts";
import { host } from "../../src/host/mod.ts";
import { sin } from "./helpers.ts";

const SIZE = 8 << 20;
const FAST_SIZE = (8 << 20) + 4096;

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
      ["two who are on it", ["?fast", "?fast"]],
      ["one who is and one who is not", ["?fast", ""]],
      ["one who is not and one who is", ["", "?fast"]],
    ] as const
  ) {
    it(`8 MiB of TCP arrive whole between ${what}`, () =>
      pair(kinds, async (a, b) => {
        assert(await transfer(a, b, "10.0.0.2"));
      }));
  }
  it("between two who are on it, the bus itself carries broadcasts only", () =>
    pair(["?fast", "?fast"], async (a, b, bus) => {
      await transfer(a, b, "10.0.0.2");
      const file = readFileSync(bus);
      for (const { frame: f } of busFrames(file, busHeader(file)!)) assertEquals(f[0]! & 1, 1);
    }));
  it("a broadcast whose checksum was left to do has it on the bus", () =>
    inDirectory(async (dir) => {
      const a = await hostOn(`${dir}/bus?fast`, "10.0.0.1");
      const plain = station(`${dir}/bus`);
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
      const members = bytes.slice(64, 4096);
      const send = (n: number) => {
        const f = frame(a.device.mac, n);
        f.set(b.device.mac);
        a.device.output(f, {
          flags: 1,
          gsoType: random(6),
          headerLength: 54,
          gsoSize: 1,
          checksumStart: 34,
          checksumOffset: 16,
        });
        b.drain();
      };
      for (let round = 0; round < 2000; round++) {
        if (random(2) === 0) words[2 + random(4)] = random(3) === 0 ? -1 : random(FAST_SIZE);
        else bytes.fill(random(256), 64 + random(8000), 64 + random(9000));
        if (random(4) === 0) bytes.set(members, 64);
        words[6] = 0;
        send(round);
        for (const f of b.came) assert(f.length <= 66 << 10);
        b.came.length = 0;
      }
      bytes.set(members, 64);
      for (const n of [1, 2, 3]) send(n);
      assert(b.came.length > 0);
    }));
});

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
