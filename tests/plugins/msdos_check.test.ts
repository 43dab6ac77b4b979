import { describe, it } from "node:test";
import { assert, assertEquals } from "../assert.ts";
import { checked, filled, fsckFat, Hand, mkfs, randomOf, say, seedOf } from "../cases/fat_images.ts";

/** What is broken, how, and what a check calls it (first; what follows from it may come with it). */
const damages: readonly {
  readonly name: string;
  readonly kind: string;
  readonly bits?: readonly (12 | 16 | 32)[];
  readonly harm: (h: Hand) => void;
}[] = [
  { name: "a FAT32 boot sector that is gone", kind: "boot-sector", bits: [32], harm: (h) => h.bytes.fill(0, 0, 512) },
  {
    name: "a copy of the boot sector that differs",
    kind: "boot-copy",
    bits: [32],
    harm: (h) => (h.bytes[6 * 512 + 3] = 1),
  },
  { name: "no FSInfo sector", kind: "fsinfo", bits: [32], harm: (h) => h.bytes.fill(0, 512, 1024) },
  { name: "a wrong count of free clusters", kind: "free-count", bits: [32], harm: (h) => (h.bytes[512 + 488] = 1) },
  { name: "a label that differs", kind: "label", harm: (h) => addLabel(h, "SOMETHING") },
  {
    name: "two labels",
    kind: "stray-label",
    harm: (h) => (addLabel(h, "NO NAME"), addLabel(h, "AGAIN", "SHORT0  TXT")),
  },
  {
    name: "a second FAT that differs",
    kind: "fats-differ",
    harm: (h) => (h.bytes[h.g.fatStart + h.g.fatSize + 9] = 77),
  },
  { name: "a media byte in the FAT", kind: "fat-start", harm: (h) => h.link(0, 0x1) },
  { name: "the mark of an unclean end", kind: "dirty", harm: (h) => (h.bytes[h.g.stateByte] = 1) },
  { name: "a chain that loops", kind: "chain", harm: (h) => h.link(nth(h, "SHORT7  TXT", 4), h.start("SHORT7  TXT")) },
  {
    name: "a chain that crosses another",
    kind: "crossed-chain",
    harm: (h) => h.link(nth(h, "SHORT7  TXT", 2), h.start("SHORT6  TXT")),
  },
  {
    name: "a chain that points outside",
    kind: "chain",
    harm: (h) => h.link(nth(h, "SHORT7  TXT", 1), h.g.clusters + 2),
  },
  { name: "a chain that runs into a free cluster", kind: "chain", harm: (h) => h.link(nth(h, "SHORT7  TXT", 3), 0) },
  { name: "a bad cluster in a chain", kind: "chain", harm: (h) => h.link(nth(h, "SHORT7  TXT", 3), 0x0ffffff7) },
  { name: "a chain that does not end", kind: "chain-end", harm: (h) => h.link(nth(h, "SHORT7  TXT", 11), 1) },
  {
    name: "a size beyond the chain",
    kind: "size",
    harm: (h) => h.view.setUint32(h.entry("SHORT7  TXT") + 28, 60_000, true),
  },
  {
    name: "a chain beyond the size",
    kind: "chain-too-long",
    harm: (h) => h.view.setUint32(h.entry("SHORT7  TXT") + 28, 1000, true),
  },
  {
    name: "an empty file with clusters",
    kind: "chain-too-long",
    harm: (h) => h.view.setUint32(h.entry("SHORT7  TXT") + 28, 0, true),
  },
  {
    name: "an empty file that starts outside",
    kind: "start",
    harm: (h) => h.view.setUint16(h.entry("SHORT0  TXT") + 26, 0xfff0, true),
  },
  {
    name: "a file that starts outside",
    kind: "chain",
    harm: (h) => h.view.setUint16(h.entry("SHORT7  TXT") + 26, 0xfff0, true),
  },
  { name: "a wrong '..'", kind: "dots", harm: (h) => h.view.setUint16(h.position(h.start("DIR")) + 32 + 26, 9, true) },
  { name: "no '.'", kind: "dots", harm: (h) => (h.bytes[h.position(h.start("DIR"))] = 0xe5) },
  { name: "a directory with a size", kind: "directory-size", harm: (h) => (h.bytes[h.entry("DIR") + 28] = 9) },
  { name: "a directory's chain that ends badly", kind: "directory-chain", harm: (h) => h.link(nth(h, "DIR", 1), 0) },
  {
    name: "a directory that starts outside",
    kind: "directory-start",
    harm: (h) => h.view.setUint16(h.entry("DIR") + 26, 0xfff0, true),
  },
  { name: "two names of one directory", kind: "directory-start", harm: (h) => twins(h) },
  {
    name: "a file marked as a directory",
    kind: "no-directory",
    harm: (h) => (h.bytes[h.entry("SHORT7  TXT") + 11] = 0x10),
  },
  {
    name: "a file marked as a label",
    kind: "label-attribute",
    harm: (h) => (h.bytes[h.entry("SHORT7  TXT") + 11] = 0x28),
  },
  { name: "characters no short name has", kind: "bad-name", harm: (h) => (h.bytes[h.entry("SHORT7  TXT") + 2] = 0x3f) },
  { name: "a short name twice", kind: "duplicate-name", harm: (h) => (h.bytes[h.entry("SHORT7  TXT") + 5] = 0x36) },
  {
    name: "reserved bits of an entry",
    kind: "reserved-bits",
    harm: (h) => (h.bytes[h.entry("SHORT7  TXT") + 12] = 0xff),
  },
  {
    name: "a month of no year",
    kind: "bad-time",
    harm: (h) => h.view.setUint16(h.entry("SHORT7  TXT") + 24, 0x1e0 + 1, true),
  },
  {
    name: "a long name of another file",
    kind: "name-checksum",
    harm: (h) => (h.bytes[h.entry("AFILEW~2TXT") + 3] = 0x58),
  },
  { name: "pieces without a file", kind: "orphan-name", harm: (h) => (h.bytes[h.entry("AFILEW~2TXT")] = 0xe5) },
  { name: "a file without a name", kind: "lost-chain", harm: (h) => (h.bytes[h.entry("SHORT7  TXT")] = 0xe5) },
  { name: "a ring of clusters nobody owns", kind: "lost-chain", harm: (h) => ring(h) },
  { name: "a tree without a name", kind: "lost-directory", harm: (h) => (h.bytes[h.entry("DIR")] = 0xe5) },
  {
    name: "an end mark before entries",
    kind: "entries-behind-end",
    harm: (h) => (h.bytes[h.entry("SHORT6  TXT")] = 0),
  },
];
function nth(h: Hand, short: string, n: number): number {
  let at = h.start(short);
  while (--n > 0) at = h.next(at);
  return at;
}
/** A label in place of a file that is gone. */
function addLabel(h: Hand, label: string, instead = "\xe5HORT3  TXT"): void {
  const at = h.entry(instead);
  h.bytes.fill(0, at, at + 32);
  h.bytes.set(new TextEncoder().encode(label.padEnd(11)), at);
  h.bytes[at + 11] = 8;
}
/** A file's slot becomes a copy of the directory's. */
function twins(h: Hand): void {
  const at = h.entry("SHORT0  TXT");
  h.bytes.copyWithin(at, h.entry("DIR"), h.entry("DIR") + 32);
  h.bytes[at] = 0x45;
}
function ring(h: Hand): void {
  const [a, b] = [h.g.clusters, h.g.clusters + 1];
  h.link(a, b);
  h.link(b, a);
}

describe("fsck_msdos", () => {
  for (const bits of [12, 16, 32] as const) {
    it(`FAT${bits}: a fresh volume and a filled one are clean`, async () => {
      for (const bytes of [mkfs(bits).bytes, await filled(bits), await filled(bits, 4)]) {
        assertEquals(say(await checked(bytes)), "");
      }
    });
    it(`FAT${bits}: every kind of damage is told by its name, and gone after -y, for fsck.fat too`, async () => {
      const sound = await filled(bits);
      for (const { name, kind, harm, bits: only } of damages) {
        if (only && !only.includes(bits)) continue;
        const bytes = sound.slice();
        harm(new Hand(bytes));
        const was = bytes.slice();
        const looked = await checked(bytes);
        assert(looked.findings.some((f) => f.kind === kind), `${name}: ${kind} in\n${say(looked)}`);
        assert(Buffer.from(bytes).equals(was), `${name}: looking changes nothing`);
        const mended = await checked(bytes, () => true);
        assertEquals(say(await checked(bytes)), "", `${name}: after\n${say(mended)}`);
        assertEquals(fsckFat(bytes), [], `${name}: after\n${say(mended)}`);
      }
    });
  }
  it("what was lost is found again: files in FOUND.000, trees with all that is in them", async () => {
    const bytes = await filled(16);
    const h = new Hand(bytes);
    h.bytes[h.entry("DIR")] = 0xe5;
    h.bytes[h.entry("SHORT7  TXT")] = 0xe5;
    const had = (await checked(await filled(16))).result!.files;
    const { findings } = await checked(bytes, () => true);
    assertEquals(findings.map((f) => f.kind).sort(), ["lost-chain", "lost-directory"]);
    // As many as before, and FOUND.000 itself.
    assertEquals((await checked(bytes)).result!.files, had + 1);
    h.entry("FOUND   000");
    h.entry("DIR0000 CHK");
    assertEquals(h.view.getUint32(h.entry("FILE0001CHK") + 28, true), 11 * 512);
  });
  it("lost chains go to LOST.DIR where there is one", async () => {
    const bytes = await filled(12);
    const h = new Hand(bytes);
    h.bytes.set(new TextEncoder().encode("LOST    DIR"), h.entry("DIR"));
    h.bytes[h.entry("SHORT7  TXT")] = 0xe5;
    const { findings } = await checked(bytes, () => true);
    assertEquals(findings.map((f) => f.repair), ["keep them as /LOST.DIR/FILE0000.CHK"]);
    assertEquals(fsckFat(bytes), []);
  });
  it("preening leaves alone what loses something, and the volume marked", async () => {
    const bytes = await filled(16);
    const h = new Hand(bytes);
    h.view.setUint32(h.entry("SHORT7  TXT") + 28, 60_000, true);
    h.bytes[h.entry("DIR") + 28] = 9;
    await checked(bytes, (f) => f.safe === true);
    assertEquals((await checked(bytes)).findings.map((f) => f.kind), ["size"]);
    assertEquals(h.bytes[37]! & 1, 1);
  });
  it("volumes damaged at random are clean after -y, for fsck.fat too, and nothing fsck.fat finds is missed", async () => {
    const seed = seedOf();
    const sounds = [await filled(12), await filled(16), await filled(32), await filled(12, 4)];
    for (let round = 0; round < 150; round++) {
      const random = randomOf(seed + round);
      const bytes = sounds[round % sounds.length]!.slice();
      damage(bytes, random);
      const before = fsckFat(bytes);
      const first = await checked(bytes, () => true);
      const what = `SEED=${seed + round}, volume ${round % sounds.length}\n${say(first)}\nfsck.fat before: ${
        before.join("\n")
      }`;
      assert(before.length === 0 || first.findings.length > 0, `missed: ${what}`);
      assertEquals(say(await checked(bytes)), "", what);
      assertEquals(fsckFat(bytes), [], what);
    }
  });
});
/** Some bytes of the FATs, the directories and the data. */
function damage(bytes: Uint8Array, random: (n: number) => number): void {
  const { g } = new Hand(bytes);
  for (let i = random(6); i >= 0; i--) {
    const where = [
      g.fatStart + random(g.fats * Math.min(g.fatSize, 700)),
      g.rootSize > 0 ? g.rootStart + random(2000) : g.dataStart + random(1500),
      g.dataStart + random(20_000),
      g.dataStart + random(Math.min(bytes.length - g.dataStart, 60_000)),
    ][random(4)]!;
    bytes[where] = [random(256), 0xff, 0, bytes[where]! ^ (1 << random(8))][random(4)]!;
  }
}
