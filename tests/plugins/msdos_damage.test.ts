import { describe, it } from "node:test";
import { assert, assertEquals, assertStringIncludes } from "../assert.ts";
import { Hand, mkfs } from "../cases/fat_images.ts";
import { answer, type Mounted, mounted, read, touch } from "../cases/fat_mounts.ts";

/** A volume with files of eight clusters, broken by hand, mounted again. */
async function broken(
  harm: (h: Hand) => void,
  options: object = {},
  bits: 12 | 16 | 32 = 16,
): Promise<Mounted & { readonly hand: Hand }> {
  const disk = mkfs(bits);
  const fs = await mounted({}, disk);
  for (const name of ["ONE", "TWO", "THREE"]) touch(fs.sys, name, name.repeat(2000).slice(0, 4096));
  await fs.sys.mkdir({ path: "DIR", mode: 0o755 });
  touch(fs.sys, "DIR/INSIDE", "inside");
  await fs.sys.chdir({ path: "/" });
  await fs.kernel.halt();
  const hand = new Hand(disk.bytes);
  harm(hand);
  return Object.assign(await mounted(options, disk), { hand });
}
/** The nth cluster of a file, from 0. */
function nth(h: Hand, short: string, n: number): number {
  let at = h.start(short);
  while (n-- > 0) at = h.next(at);
  return at;
}
const write = ({ sys }: Mounted, path: string, offset: number) =>
  answer(() => {
    const fd = sys.open({ path, flags: 1 }) as number;
    try {
      sys.pwrite({ fd, buf: new Uint8Array(10).fill(1), offset });
    } finally {
      sys.close({ fd });
    }
  });
const whole = (fs: Mounted, name: string) =>
  answer(() => read(fs.sys, name)) === "ok" && read(fs.sys, name).length === 4096;
const lines = (fs: Mounted) => fs.kernel.log.lines.filter((l) => l.includes("msdos: "));

describe("msdos: chains that cross", () => {
  for (const bits of [12, 16, 32] as const) {
    it(`FAT${bits}: what two files own is not written through either, and not freed with either`, async () => {
      const fs = await broken((h) => h.link(nth(h, "TWO", 2), nth(h, "ONE", 4)), {}, bits);
      const shared = nth(fs.hand, "ONE", 4);
      assertEquals([write(fs, "TWO", 10), write(fs, "ONE", 4000), write(fs, "ONE", 10)], ["EIO", "EIO", "EIO"]);
      assertEquals(write(fs, "THREE", 10), "ok");
      assertEquals(answer(() => fs.sys.truncate({ path: "TWO", length: 9000 })), "EIO");
      assertEquals(answer(() => fs.sys.unlink({ path: "TWO" })), "ok");
      await fs.sys.sync();
      assert(fs.hand.next(shared) !== 0, "freed");
      assertEquals(whole(fs, "ONE"), true);
    });
  }
  it("two entries that begin at one cluster: neither is written, the data stays when one goes", async () => {
    const fs = await broken((h) => h.view.setUint16(h.entry("TWO") + 26, h.start("ONE"), true));
    assertEquals([write(fs, "ONE", 0), write(fs, "TWO", 0), write(fs, "THREE", 0)], ["EIO", "EIO", "ok"]);
    fs.sys.unlink({ path: "ONE" });
    await fs.sys.sync();
    assertEquals(read(fs.sys, "TWO").slice(0, 6), "ONEONE");
  });
  it("a free cluster that a chain runs into is given to nobody", async () => {
    const fs = await broken((h) => {
      const free = h.g.clusters - 10;
      h.link(nth(h, "ONE", 3), free);
    });
    const free = fs.hand.g.clusters - 10;
    const fd = fs.sys.open({ path: "ALL", flags: 0x602, mode: 0o644 }) as number;
    const buf = new Uint8Array(65_536).fill(2);
    while (answer(() => fs.sys.write({ fd, buf })) === "ok");
    await fs.sys.sync();
    assertEquals(fs.hand.next(free), 0);
  });
});

describe("msdos: what is broken stays apart", () => {
  it("a directory without clusters is EIO, to list and to put something into", async () => {
    for (const start of [0, 1, 0xfff0]) {
      const fs = await broken((h) => h.view.setUint16(h.entry("DIR") + 26, start, true));
      const list = answer(() => fs.list("DIR"));
      const make = answer(() => touch(fs.sys, "DIR/NEW"));
      assertEquals([list, make, whole(fs, "ONE")], ["EIO", "EIO", true], `${start}`);
    }
  });
  it("a directory that is its own parent ends", async () => {
    const fs = await broken((h) => {
      const inside = h.entry("INSIDE");
      h.bytes[inside + 11] = 0x10;
      h.view.setUint16(inside + 26, h.start("DIR"), true);
    });
    assertEquals([fs.list("DIR"), answer(() => fs.list("DIR/INSIDE"))], [["INSIDE"], "EIO"]);
  });
  it("names no file can have are cleaned, and the files can be removed by what is shown", async () => {
    const fs = await broken((h) => {
      h.bytes[h.entry("ONE") + 1] = 0x2f;
      h.bytes[h.entry("TWO") + 1] = 0x00;
      h.bytes[h.entry("THREE") + 1] = 0x0a;
    });
    const shown = fs.list().filter((n) => n !== "DIR");
    assertEquals(shown, ["O\uff0fE", "T\u2400O", "T\u240aREE"]);
    assertEquals(lines(fs).filter((l) => l.includes("a name no file can have")).length, 3);
    for (const name of shown) fs.sys.unlink({ path: name });
    assertEquals(fs.list(), ["DIR"]);
  });
  it("an entry that begins nowhere is EIO and can be removed", async () => {
    const fs = await broken((h) => h.view.setUint16(h.entry("ONE") + 26, 0xfff1, true));
    assertEquals([whole(fs, "ONE"), whole(fs, "TWO"), write(fs, "ONE", 0)], [false, true, "EIO"]);
    fs.sys.unlink({ path: "ONE" });
    assertEquals(fs.list(), ["DIR", "THREE", "TWO"]);
  });
  it("damage is one line each, however often it is met", async () => {
    const fs = await broken((h) => h.link(nth(h, "ONE", 3), 1));
    for (let i = 0; i < 20; i++) whole(fs, "ONE");
    assertEquals(lines(fs).filter((l) => l.includes("ONE")).length, 1);
  });
  it("errors=remount-ro: after the first damage nothing is written any more", async () => {
    const fs = await broken((h) => h.link(nth(h, "ONE", 3), 1), { errors: "remount-ro" });
    assertEquals(write(fs, "TWO", 0), "ok");
    whole(fs, "ONE");
    assertEquals([write(fs, "TWO", 0), answer(() => touch(fs.sys, "NEW")), whole(fs, "TWO")], ["EROFS", "EROFS", true]);
    assertStringIncludes(lines(fs).join("\n"), "read-only from now on");
    await fs.sys.chdir({ path: "/" });
    assertEquals(answer(() => fs.sys.unmount({ path: "/m", flags: 0 })), "ok");
  });
  it("a volume that was not unmounted is mounted, said so, and keeps its mark", async () => {
    for (const bits of [16, 32] as const) {
      const fs = await broken((h) => (h.bytes[h.g.stateByte] = 1), {}, bits);
      assertStringIncludes(lines(fs).join("\n"), "not unmounted cleanly");
      assertEquals(write(fs, "ONE", 0), "ok");
      await fs.sys.chdir({ path: "/" });
      await fs.kernel.halt();
      assertEquals(fs.hand.bytes[fs.hand.g.stateByte], 1);
    }
  });
});
