/** An NBD server that says anything: the client fails with an errno, soon, and takes no more memory than it asked for. */
import { describe, it } from "node:test";
import nbd from "../../plugins/disk_nbd/mod.ts";
import { SysError } from "../../src/abi/errno.ts";
import type { BlockDevice, BlockingChannel } from "../../src/plugin.ts";
import { assertEquals } from "../assert.ts";
import { plainSys, type Random, randomOf, seedOf } from "../cases/fat_images.ts";

const words = (...list: number[]) => list.flatMap((n) => [n >>> 24, n >>> 16 & 255, n >>> 8 & 255, n & 255]);
const HELLO = [...words(0x4e42444d, 0x41474943, 0x49484156, 0x454f5054), 0, 3];
const answer = (
  option: number,
  type: number,
  data: number[] = [],
) => [...words(0x0003e889, 0x045565a9, option, type, data.length), ...data];
/** What a sound server with structured replies says up to an export of 1 MiB; its context of where data is has number 7. */
const SOUND = [
  ...HELLO,
  ...answer(8, 1),
  ...answer(10, 4, [...words(7), ...new TextEncoder().encode("base:allocation")]),
  ...answer(10, 1),
  ...answer(7, 3, [0, 0, ...words(0, 1 << 20), 0, 0x25]),
  ...answer(7, 1),
];
const chunk = (
  handle: number,
  flags: number,
  type: number,
  data: number[],
) => [...words(0x668e33ef), flags >> 8, flags & 255, type >> 8, type & 255, ...words(0, handle, data.length), ...data];

/** A server that has said all this already, and then hangs up. */
function scripted(bytes: readonly number[]): BlockingChannel {
  let at = 0;
  return {
    send: () => {},
    receive(into) {
      const n = Math.min(into.length, bytes.length - at);
      into.set(bytes.slice(at, at + n));
      at += n;
      return n;
    },
    close: () => {},
  };
}
async function opened(bytes: readonly number[]): Promise<BlockDevice> {
  const sys = { ...plainSys(), sockets: { connectBlocking: () => scripted(bytes) } as never };
  return await nbd.open(sys, {}, { source: "nbd://127.0.0.1/x", readOnly: false });
}
const outcome = async (work: () => unknown): Promise<string> => {
  try {
    await work();
    return "ok";
  } catch (e) {
    if (e instanceof SysError) return e.code;
    throw e;
  }
};

describe("nbd", () => {
  it("a reply in pieces and holes, in any order, is put together", async () => {
    const disk = await opened([
      ...SOUND,
      ...chunk(1, 0, 2, words(0, 4096 + 4, 4)),
      ...chunk(1, 1, 1, [...words(0, 4096), 1, 2, 3, 4]),
    ]);
    const into = new Uint8Array(8).fill(9);
    await disk.read(into, 4096);
    assertEquals([...into], [1, 2, 3, 4, 0, 0, 0, 0]);
  });
  for (
    const [what, bytes] of [
      ["for another request", chunk(7, 1, 1, [...words(0, 4096), 1, 2, 3, 4, 5, 6, 7, 8])],
      ["outside what was asked for", chunk(1, 1, 1, [...words(0, 4092), 1, 2, 3, 4, 5, 6, 7, 8])],
      ["that is too short", chunk(1, 1, 1, [...words(0, 4096), 1])],
      ["of an unknown kind", chunk(1, 1, 77, [])],
      ["of an enormous hole", chunk(1, 1, 2, words(0, 4096, 0xffffffff))],
      ["with an error", chunk(1, 1, 0x8001, [...words(5), 0, 0])],
      ["that ends in the middle", chunk(1, 1, 1, [...words(0, 4096), 1, 2, 3, 4, 5, 6, 7, 8]).slice(0, 25)],
    ] as const
  ) {
    it(`a reply ${what} is EIO`, async () => {
      const disk = await opened([...SOUND, ...bytes]);
      assertEquals(await outcome(() => disk.read(new Uint8Array(8), 4096)), "EIO");
    });
  }
  it("what a server says to be zeros is passed over, and asked about once", async () => {
    const disk = await opened([...SOUND, ...chunk(1, 1, 5, words(7, 4096, 3, 4096, 0, 8192, 2, 4096, 0))]);
    const found = [];
    for (const from of [0, 1, 4096, 5000, 8192, 16384, 100]) found.push(await disk.nextData!(from));
    assertEquals(found, [4096, 4096, 4096, 5000, 16384, 16384, 4096]);
  });
  it("one that does not say it is not asked again, and of a context of no sense is EIO", async () => {
    const mute = await opened([...SOUND, ...chunk(1, 1, 0x8001, [...words(22), 0, 0])]);
    assertEquals([await mute.nextData!(0), await mute.nextData!(512)], [0, 512]);
    for (const bytes of [words(8, 4096, 3), words(7), words(7, 4096)]) {
      const disk = await opened([...SOUND, ...chunk(1, 1, 5, bytes)]);
      assertEquals(await outcome(() => disk.nextData!(0)), "EIO");
    }
  });
  it("one that says nothing of it each time is asked so often and no more", async () => {
    const replies = Array.from({ length: 3000 }, (_, n) => chunk(n + 1, 1, 5, words(7, 1, 2))).flat();
    const disk = await opened([...SOUND, ...replies]);
    assertEquals(await disk.nextData!(0), 1024);
  });
  it("servers that say anything: an errno", async () => {
    const seed = seedOf();
    for (let i = 0; i < 3000; i++) {
      const random = randomOf(seed + i);
      const bytes = [...SOUND, ...chunk(1, 1, 1, [...words(0, 0), ...new Array(64).fill(5)]), ...noise(random)];
      for (let n = 1 + random(4); n > 0; n--) bytes[random(bytes.length)] = random(4) === 0 ? 255 : random(256);
      try {
        let disk: BlockDevice | undefined;
        await outcome(async () => (disk = await opened(bytes)));
        if (disk) {
          for (let n = 0; n < 3; n++) await outcome(() => disk!.read(new Uint8Array(64), 0));
          await outcome(() => disk!.nextData?.(0));
          await outcome(() => disk!.write?.(new Uint8Array(64), 0));
          await outcome(() => disk!.close?.());
        }
      } catch (e) {
        throw new Error(`SEED=${seed + i}`, { cause: e });
      }
    }
  });
});
const noise = (random: Random) => Array.from({ length: random(200) }, () => random(256));
