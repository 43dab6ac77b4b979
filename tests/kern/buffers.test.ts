import { describe, it } from "node:test";
import { BufferCache } from "../../src/kern/buffers.ts";
import { assert, assertEquals, assertRejects, assertThrows } from "../assert.ts";
import { memoryDisk } from "./fake.ts";

const quiet = { size: 512, pressure: () => {} };

describe("buffer cache", () => {
  it("a block is read once and found again", () => {
    const disk = memoryDisk(4096);
    const bufs = new BufferCache(1 << 20).attach(disk, quiet);
    assertEquals(bufs.get(3), bufs.get(3));
    assertEquals(disk.reads, 1);
  });
  it("neighbouring dirty blocks go out in one transfer, in order", async () => {
    const disk = memoryDisk(8192);
    const bufs = new BufferCache(1 << 20).attach(disk, quiet);
    for (const b of [5, 3, 4, 9]) (await bufs.modify(b))[0] = b;
    assertEquals(bufs.dirty, 4 * 512);
    await bufs.flush();
    assertEquals([disk.writes, disk.bytes[3 * 512], disk.bytes[5 * 512], disk.bytes[9 * 512], bufs.dirty], [
      2,
      3,
      5,
      9,
      0,
    ]);
  });
  it("flush of a range leaves the rest dirty", async () => {
    const disk = memoryDisk(8192);
    const bufs = new BufferCache(1 << 20).attach(disk, quiet);
    for (const b of [1, 8]) (await bufs.modify(b))[0] = b;
    await bufs.flush(0, 4);
    assertEquals([disk.bytes[512], disk.bytes[8 * 512], bufs.dirty], [1, 0, 512]);
  });
  it("memory is bounded: clean blocks go, dirty ones stay and their owner is asked to write", async () => {
    const disk = memoryDisk(1 << 20);
    const cache = new BufferCache(16 * 512);
    let asked = 0;
    const bufs = cache.attach(disk, { size: 512, pressure: () => asked++ });
    for (let b = 0; b < 100; b++) void bufs.get(b);
    assert(cache.used <= 16 * 512);
    for (let b = 0; b < 12; b++) (await bufs.modify(b))[0] = 7;
    assert(asked > 0);
    for (let b = 200; b < 300; b++) void bufs.get(b);
    await bufs.flush();
    assertEquals([...Array(12).keys()].every((b) => disk.bytes[b * 512] === 7), true);
    assertEquals(cache.dirty, 0);
  });
  it("a write that fails leaves its blocks dirty, for later", async () => {
    for (const slow of [false, true]) {
      const disk = memoryDisk(4096, { slow });
      const cache = new BufferCache(1 << 20);
      const bufs = cache.attach(disk, quiet);
      (await bufs.modify(1))[0] = 9;
      disk.fail = true;
      if (slow) disk.write = () => Promise.reject(new Error("io"));
      if (slow) await assertRejects(() => bufs.flush() as Promise<void>);
      else assertThrows(() => bufs.flush());
      assertEquals([bufs.dirty, cache.dirty], [512, 512]);
    }
  });
  it("two readers of a slow disk wait for one transfer", async () => {
    const disk = memoryDisk(4096, { slow: true });
    const bufs = new BufferCache(1 << 20).attach(disk, quiet);
    const [a, b] = await Promise.all([bufs.get(2), bufs.get(2)]);
    assertEquals([disk.reads, a === b], [1, true]);
  });
  it("forgotten blocks are not written", async () => {
    const disk = memoryDisk(4096);
    const bufs = new BufferCache(1 << 20).attach(disk, quiet);
    bufs.fresh(1)[0] = 1;
    bufs.forget(0, 8);
    await bufs.flush();
    assertEquals([disk.writes, bufs.dirty], [0, 0]);
  });
  it("a block past the device's end is EIO, the last one is cut", () => {
    const bufs = new BufferCache(1 << 20).attach(memoryDisk(700), quiet);
    assertEquals((bufs.get(1) as Uint8Array).length, 188);
    assertThrows(() => bufs.get(2), Error, "Input/output error");
    assertThrows(() => bufs.get(-1), Error, "Input/output error");
  });
});
