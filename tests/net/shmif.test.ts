/** The interface shmif: what is on a bus, who gets it, and what damage to the bus does. */
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { describe, it } from "node:test";
import { AF_INET, SOCK_DGRAM, SOCK_RAW } from "../../src/abi/flags.ts";
import { maskOf, parseIpv4 } from "../../src/lib/inet.ts";
import { stackOf } from "../../src/net/interfaces.ts";
import { boot } from "../../src/rump.ts";
import { BUS_SIZE, RING, SHMIF_MAGIC, ShmifBus } from "../../src/wire/shmif.ts";
import { busFrames, busHeader } from "../../src/wire/shmif_dump.ts";
import { assert, assertEquals } from "../assert.ts";
import { randomOf, seedOf } from "../cases/fat_images.ts";
import { frame, inDirectory, memory, station } from "./bus.ts";
import { sin } from "./helpers.ts";

async function hostOn(path: string, address: string) {
  const made = await boot({ components: ["rumpnet_shmif"] });
  const stack = stackOf(made.kernel);
  const iface = await stack.create("shmif0");
  await iface.device.setLinkstr!(path);
  const mask = maskOf(24);
  const a = parseIpv4(address)!;
  await stack.addAddress(iface, { address: a, mask, broadcast: (a | ~mask) >>> 0 });
  return made;
}
const onBus = (work: (bus: string) => Promise<void> | void) => () => inDirectory((dir) => work(`${dir}/bus`));
const code = (work: () => unknown): string => {
  try {
    work();
    return "";
  } catch (e) {
    return (e as { code: string }).code;
  }
};
const numbers = (frames: readonly Uint8Array[]) => frames.map((f) => new DataView(f.buffer).getUint32(14));

describe("shmif", () => {
  it(
    "makes the bus file as NetBSD does: 1 MiB, mode 0644, magic, version 3",
    onBus((bus) => {
      const { device } = station(bus);
      const { size, mode } = statSync(bus);
      const { version, first, last } = busHeader(readFileSync(bus))!;
      assertEquals([size, mode & 0o777, version, first, last], [BUS_SIZE, 0o644, 3, RING, 0]);
      device.destroy();
    }),
  );
  it(
    "has a link address as NetBSD's: b2:a0 and four bytes at random",
    onBus((bus) => {
      const log: string[] = [];
      const { device } = station(bus, log);
      assert(/^shmif0: Ethernet address b2:a0(:[0-9a-f]{2}){4}$/.test(log[0]!));
      device.destroy();
    }),
  );
  it(
    "carries a datagram between two kernels",
    onBus(async (bus) => {
      const [a, b] = [await hostOn(bus, "10.0.0.1"), await hostOn(bus, "10.0.0.2")];
      const [s, t] = [a, b].map(({ sys }) => sys.socket({ domain: AF_INET, type: SOCK_DGRAM, protocol: 0 }) as number);
      await b.sys.bind({ s: t!, name: sin("10.0.0.2", 7) });
      await a.sys.connect({ s: s!, name: sin("10.0.0.2", 7) });
      await a.sys.write({ fd: s!, buf: new TextEncoder().encode("there") });
      const buf = new Uint8Array(32);
      const n = (await b.sys.read({ fd: t!, buf })) as number;
      assertEquals(new TextDecoder().decode(buf.subarray(0, n)), "there");
      await a.halt();
      await b.halt();
    }),
  );
  it(
    "eight kernels on one bus ping each other, each all the others (rumpnet/t_shmif crossping)",
    onBus(async (bus) => {
      const named = async (address: string) => ({ ...await hostOn(bus, address), address });
      const hosts = await Promise.all(Array.from({ length: 8 }, (_, i) => named(`10.0.0.${i + 1}`)));
      const echo = new Uint8Array([8, 0, 0xf7, 0xff, 0, 0, 0, 0]);
      const crossed = hosts.map(async ({ sys, address }) => {
        const s = sys.socket({ domain: AF_INET, type: SOCK_RAW, protocol: 1 }) as number;
        const answered = new Set<number>();
        const others = hosts.filter((o) => o.address !== address);
        for (const other of others) await sys.sendto({ s, buf: echo, flags: 0, to: sin(other.address, 0) });
        for (const buf = new Uint8Array(100); answered.size < others.length;) {
          await sys.recvfrom({ s, buf, flags: 0 });
          if (buf[20] === 0) answered.add(buf[15]!);
        }
        return answered.size;
      });
      assertEquals(await Promise.all(crossed), hosts.map(() => 7));
      for (const host of hosts) await host.halt();
    }),
  );
  it(
    "frames of all lengths arrive whole and in order, over the ring's end many times",
    onBus((bus) => {
      const [a, b] = [station(bus), station(bus)];
      for (let n = 0; n < 8000; n++) {
        a.device.output(frame(a.device.mac, n));
        if (n % 100 === 99) b.drain();
      }
      b.drain();
      assert(busHeader(readFileSync(bus))!.generation >= 5n);
      assertEquals(b.came.length, 8000);
      for (const [n, f] of b.came.entries()) assertEquals(f, frame(a.device.mac, n));
    }),
  );
  it(
    "who was too slow goes on with the oldest frame there is",
    onBus((bus) => {
      const [a, b] = [station(bus), station(bus)];
      for (let n = 0; n < 3000; n++) a.device.output(frame(a.device.mac, n, 1514));
      b.drain();
      const got = numbers(b.came);
      assert(got.length > 600 && got.length < 700);
      assertEquals([got[0], got.at(-1)], [3000 - got.length, 2999]);
    }),
  );
  it(
    "its own frames, and those for others, are not shown",
    onBus((bus) => {
      const [a, b] = [station(bus), station(bus)];
      const other = frame(a.device.mac, 1);
      other.set([2, 0, 0, 0, 0, 9]);
      const own = frame(a.device.mac, 2);
      own.set(b.device.mac);
      for (const f of [other, own]) a.device.output(f);
      for (const s of [a, b]) s.drain();
      assertEquals([numbers(a.came), numbers(b.came)], [[], [2]]);
    }),
  );
  it(
    "given another link address, it gets frames for that one only",
    onBus((bus) => {
      const [a, b] = [station(bus), station(bus)];
      const old = frame(a.device.mac, 1);
      old.set(b.device.mac);
      const mac = new Uint8Array([2, 0, 0, 0, 0, 9]);
      b.device.setMac(mac);
      const now = frame(a.device.mac, 2);
      now.set(mac);
      for (const f of [old, now]) a.device.output(f);
      b.drain();
      assertEquals(numbers(b.came), [2]);
    }),
  );
  it(
    "promiscuous, it shows those for others",
    onBus((bus) => {
      const [a, b] = [station(bus), station(bus)];
      b.device.promiscuous(true);
      const other = frame(a.device.mac, 1);
      other.set([2, 0, 0, 0, 0, 9]);
      a.device.output(other);
      b.drain();
      assertEquals(numbers(b.came), [1]);
    }),
  );
  it(
    "a frame longer than NetBSD's readers have room for is EMSGSIZE",
    onBus((bus) => {
      const { device } = station(bus);
      assertEquals(code(() => device.output(new Uint8Array(1515))), "EMSGSIZE");
    }),
  );
  it(
    "a file that is no bus is left as it is",
    onBus((bus) => {
      writeFileSync(bus, "precious");
      assertEquals([code(() => station(bus)), readFileSync(bus, "latin1")], ["EFTYPE", "precious"]);
    }),
  );
  for (const [what, magic, version] of [["magic", 1, 3], ["version", SHMIF_MAGIC, 4]] as const) {
    it(
      `a file of another ${what} is ENOEXEC, and the log says why`,
      onBus((bus) => {
        const file = new Uint8Array(BUS_SIZE);
        ShmifBus.write(new DataView(file.buffer), 0, { magic, version });
        writeFileSync(bus, file);
        const log: string[] = [];
        assertEquals(code(() => station(bus, log)), "ENOEXEC");
        assert(log.at(-1)!.includes(what === "magic" ? "bus is not magical" : "bus of version 4"));
      }),
    );
  }
  it(
    "the lock of a process that died is taken over",
    onBus((bus) => {
      const log: string[] = [];
      const { device } = station(bus, log);
      const { words } = memory(bus);
      // No process has such a number.
      [words[6], words[7]] = [1, 0x7fff_fff0];
      const end = Date.now() + 5000;
      while (code(() => device.output(frame(device.mac, 1))) !== "" && Date.now() < end);
      assert(log.at(-1)!.endsWith("lock of the bus taken over from process 2147483632"));
    }),
  );
  it(
    "a bus that makes no sense is made one again by who sends, and all go on",
    onBus((bus) => {
      const [a, b] = [station(bus), station(bus)];
      a.device.output(frame(a.device.mac, 1));
      memory(bus).bytes.fill(0xff, ShmifBus.size - 16, 4096);
      memory(bus).words[6] = 0;
      b.drain();
      for (const n of [2, 3]) a.device.output(frame(a.device.mac, n));
      b.drain();
      a.device.output(frame(a.device.mac, 4));
      b.drain();
      assertEquals(numbers(b.came).at(-1), 4);
    }),
  );
  const seed = seedOf();
  it(
    `scribbled over, it neither throws nor hangs, and works once it is let alone (SEED=${seed})`,
    onBus((bus) => {
      const random = randomOf(seed);
      const [a, b] = [station(bus), station(bus)];
      const { bytes, words } = memory(bus);
      for (let round = 0; round < 3000; round++) {
        scribble(random, bytes, words);
        words[6] = 0;
        a.device.output(frame(a.device.mac, round));
        b.drain();
        assert(b.came.every((f) => f.length <= 2048));
        b.came.length = 0;
      }
      for (const n of [1, 2]) a.device.output(frame(a.device.mac, n));
      b.drain();
      a.device.output(frame(a.device.mac, 3));
      b.drain();
      assertEquals(numbers(b.came).at(-1), 3);
      const file = readFileSync(bus);
      for (const f of busFrames(file, busHeader(file)!)) assert(f.frame.length > 0);
    }),
  );
});

/** Change some words of the header or some bytes of the ring, mostly near what is used. */
function scribble(random: (n: number) => number, bytes: Uint8Array, words: Int32Array): void {
  const values = [0, 1, 23, 24, RING - 24, RING - 1, RING, RING + 1, -1, 0x7fff_ffff, random(2 ** 31), random(RING)];
  const value = () => values[random(values.length)]!;
  const kind = random(4);
  if (kind < 2) words[2 + random(4)] = value();
  else if (kind === 2) words[8 + random(64)] = value();
  else for (let i = random(64); i > 0; i--) bytes[32 + random(RING)] = random(256);
  const last = words[5]! >>> 0;
  if (last < RING - 4 && random(2) === 0) new DataView(bytes.buffer).setUint32(32 + last, value() >>> 0, true);
}
