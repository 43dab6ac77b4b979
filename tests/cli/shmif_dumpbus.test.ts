/** shmif_dumpbus: what it lists, and that others can read its captures. */
import { readFileSync, writeFileSync } from "node:fs";
import { describe, it } from "node:test";
import { BUS_SIZE } from "../../src/wire/shmif.ts";
import { assert, assertEquals } from "../assert.ts";
import { frame, station } from "../net/bus.ts";
import { within } from "./helpers.ts";

/** A bus with some frames on it, the first ones overwritten. */
function busWith(path: string, frames: number): void {
  const { device } = station(path);
  for (let n = 0; n < frames; n++) device.output(frame(device.mac, n, 1000));
  device.destroy();
}
/** A bus of NetBSD's version 2, on a machine of the other byte order: one frame of 64 bytes. */
function foreign(): Uint8Array {
  const file = new Uint8Array(BUS_SIZE);
  const d = new DataView(file.buffer);
  for (
    const [at, value] of [[0, 0xca11d054], [4, 2], [16, BUS_SIZE - 32], [20, 12], [32 + 12, 64], [36 + 12, 124], [
      40 + 12,
      280004,
    ]]
  ) {
    d.setUint32(at!, value!, false);
  }
  return file;
}

describe("shmif_dumpbus", () => {
  it("-h tells the header", () =>
    within((sh) => {
      busWith(`${sh.dir}/bus`, 1);
      assertEquals(
        sh.must("shmif_dumpbus -h bus"),
        "bus version 3, lock: 0, generation: 0, firstoff: 0xfffe0, lastoff: 0x0018\n",
      );
    }));
  it("lists the frames from the oldest on, over the end of the ring", () =>
    within((sh) => {
      busWith(`${sh.dir}/bus`, 1100);
      const lines = sh.must("shmif_dumpbus bus").trim().split("\n").slice(1);
      assertEquals(lines.length, 1023);
      assert(lines.every((l, i) => l.startsWith(`packet ${i}, offset 0x`) && l.includes("length 0x03e8, ts ")));
    }));
  it("shows what members of the fast bus send each other, in its place, with the checksums that were put off", () =>
    within((sh) => {
      const [a, b] = [station(`${sh.dir}/bus`), station(`${sh.dir}/bus`)];
      a.device.output(frame(a.device.mac, 1, 100));
      const f = frame(a.device.mac, 2, 100);
      f.set(b.device.mac);
      f.fill(0, 14);
      f.set([1, 2, 3, 4], 34);
      const offload = { flags: 1, gsoType: 0, headerLength: 0, gsoSize: 0, checksumStart: 34, checksumOffset: 16 };
      a.device.output(f, offload);
      a.device.output(frame(a.device.mac, 3, 100));
      const lines = sh.must("shmif_dumpbus -p out bus").trim().split("\n").slice(1);
      assertEquals(lines.map((l) => l.endsWith(", fast")), [false, true, false]);
      const sum = readFileSync(`${sh.dir}/out`).subarray(24 + 16 + 100 + 16 + 50);
      assertEquals([sum[0], sum[1]], [~(1 + 3) & 255, ~(2 + 4) & 255]);
    }));
  it("shows a bus of version 2 and of the other byte order", () =>
    within((sh) => {
      writeFileSync(`${sh.dir}/bus`, foreign());
      assertEquals(
        sh.must("shmif_dumpbus bus").split("\n")[1],
        "packet 0, offset 0x0018, length 0x0040, ts 124/280004",
      );
    }));
  it("tshark reads what -p writes", () =>
    within((sh) => {
      busWith(`${sh.dir}/bus`, 20);
      sh.must("shmif_dumpbus -p - bus >out.pcap 2>list");
      assertEquals(sh.must("tshark -r out.pcap -T fields -e frame.len 2>/dev/null | uniq -c").trim(), "20 1000");
    }));
  for (
    const [what, make, reason] of [
      ["a missing file", "true", "No such file or directory"],
      ["a short file", "echo x >bus", "not a shmif bus: 2 bytes"],
      ["something else", "truncate -s 1M bus", "not a shmif bus"],
    ] as const
  ) {
    it(`${what} is one line and status 1`, () =>
      within((sh) => {
        sh.must(make);
        assertEquals(sh.run("shmif_dumpbus bus"), { status: 1, out: "", err: `shmif_dumpbus: bus: ${reason}\n` });
      }));
  }
});
