import { describe, it } from "node:test";
import { crc32 } from "../../src/lib/crc32.ts";
import { viewOf } from "../../src/lib/struct.ts";
import { GptHeader, guidBytes, guidText } from "../../src/wire/gpt.ts";
import { partitionsOf, readTables, resolve, sliceLocator, splitLocator } from "../../src/wire/slices.ts";
import { assertEquals, assertThrows } from "../assert.ts";
import { boot, diskOf, ESP, gpt, type GptPart, label, LINUX } from "./disks.ts";

const MiB = 1 << 20;
const place = (bytes: Uint8Array, name: string, size?: number) =>
  resolve(diskOf(bytes, size), splitLocator(`disk.img${name}`)[1]!);
const where = (bytes: Uint8Array, name: string) => {
  const { offset, length } = place(bytes, name);
  return [offset, length];
};
const shown = (bytes: Uint8Array) =>
  readTables(diskOf(bytes)).slices.map((s) => `${sliceLocator(s)} ${s.type} ${s.offset} ${s.length}`);

describe("names of partitions", () => {
  it("a locator ends the path, whatever the path has in it", () => {
    assertEquals(splitLocator("a%b/c%GPT:EFI System%"), ["a%b/c", { scheme: "GPT", name: "EFI System" }]);
    assertEquals(splitLocator("plain.img"), ["plain.img", undefined]);
    assertEquals(splitLocator("50%"), ["50%", undefined]);
  });
  it("one without its end, and an unknown kind, are refused by name", () => {
    assertThrows(() => splitLocator("d.img%GPT:1"), Error, "%GPT:1: the closing % is missing");
    assertThrows(() => splitLocator("d.img%PART:1%"), Error, "%PART: no such kind of partition");
  });
  it("an offset is bytes, with suffixes, and a length", () => {
    const bytes = new Uint8Array(4 * MiB);
    assertEquals(where(bytes, "%OFFSET:1m%"), [MiB, 3 * MiB]);
    assertEquals(where(bytes, "%OFFSET:512,1k%"), [512, 1024]);
    assertEquals(place(bytes, "%OFFSET:3m,8m%"), { offset: 3 * MiB, length: MiB, missing: 7 * MiB });
    for (const bad of ["", "-1", "1m,", "1,2,3", "x", "9999999999999999999"]) {
      assertThrows(() => place(bytes, `%OFFSET:${bad}%`), Error, `%OFFSET:${bad}%: not a start`);
    }
    assertThrows(() => place(bytes, "%OFFSET:4m%"), Error, "begins at byte 4194304, the image ends at 4194304");
  });
});

describe("master boot records", () => {
  /** Three primaries with a gap, and a chain of three logical ones in the fourth. */
  function disk(): Uint8Array {
    const bytes = new Uint8Array(MiB);
    boot(bytes, 0, [{ type: 0x0c, start: 8, sectors: 100 }, { type: 0, start: 0, sectors: 0 }, {
      type: 0x83,
      start: 200,
      sectors: 10,
    }, { type: 5, start: 1000, sectors: 900 }]);
    boot(bytes, 1000 * 512, [{ type: 6, start: 2, sectors: 20 }, { type: 5, start: 100, sectors: 50 }]);
    boot(bytes, 1100 * 512, [{ type: 0x0e, start: 3, sectors: 30 }, { type: 5, start: 300, sectors: 50 }]);
    boot(bytes, 1300 * 512, [{ type: 0x83, start: 4, sectors: 40 }]);
    return bytes;
  }
  it("primary partitions keep their place's number, logical ones count from 5, each from its own link", () => {
    assertEquals(shown(disk()), [
      `%MBR:1% W95 FAT32 (LBA) ${8 * 512} ${100 * 512}`,
      `%MBR:3% Linux ${200 * 512} ${10 * 512}`,
      `%MBR:4% Extended ${1000 * 512} ${900 * 512}`,
      `%MBR:5% FAT16 ${1002 * 512} ${20 * 512}`,
      `%MBR:6% W95 FAT16 (LBA) ${1103 * 512} ${30 * 512}`,
      `%MBR:7% Linux ${1304 * 512} ${40 * 512}`,
    ]);
  });
  it("a chain that comes back to an earlier link ends there", () => {
    const bytes = disk();
    boot(bytes, 1300 * 512, [{ type: 0x83, start: 4, sectors: 40 }, { type: 5, start: 100, sectors: 50 }]);
    assertEquals(shown(bytes).length, 6);
  });
  it("a chain without end is walked 128 links far", () => {
    const bytes = new Uint8Array(2 * MiB);
    boot(bytes, 0, [{ type: 5, start: 1, sectors: 4000 }]);
    for (let i = 0; i < 2000; i++) {
      boot(bytes, (1 + 2 * i) * 512, [{ type: 6, start: 1, sectors: 1 }, { type: 5, start: 2 * (i + 1), sectors: 2 }]);
    }
    assertEquals(shown(bytes).length, 129);
  });
  it("logical partitions outside their extended one are not there", () => {
    const bytes = disk();
    boot(bytes, 1300 * 512, [{ type: 0x83, start: 4, sectors: 4000 }]);
    assertEquals(shown(bytes).length, 5);
  });
  it("an extended partition is none to mount, a missing number is told with those there are", () => {
    assertThrows(() => place(disk(), "%MBR:4%"), Error, "is an extended partition");
    assertThrows(() => place(disk(), "%MBR:2%"), Error, "no partition %MBR:2%; there is %MBR:1%, %MBR:3%, %MBR:4%");
    assertThrows(() => place(new Uint8Array(MiB), "%MBR:1%"), Error, "no master boot record with partitions");
  });
  it("sectors of 4096 bytes are found out by the FAT volume at their place", () => {
    const bytes = new Uint8Array(MiB);
    boot(bytes, 0, [{ type: 0x0c, start: 16, sectors: 100 }]);
    const fat = viewOf(bytes);
    const at = 16 * 4096;
    fat.setUint16(at + 11, 4096, true);
    bytes.set([1, 1, 0, 2], at + 13);
    fat.setUint16(at + 17, 512, true);
    fat.setUint16(at + 19, 100, true);
    bytes[at + 21] = 0xf8;
    fat.setUint16(at + 22, 1, true);
    fat.setUint16(at + 510, 0xaa55, true);
    assertEquals(where(bytes, "%MBR:1%"), [at, 100 * 4096]);
  });
  it("the farthest partitions are computed without loss", () => {
    const bytes = new Uint8Array(1024);
    boot(bytes, 0, [{ type: 6, start: 0xfffffffe, sectors: 0xffffffff }]);
    assertEquals(place(bytes, "%MBR:1%", 2 ** 43), {
      offset: 0xfffffffe * 512,
      length: 0xffffffff * 512,
      missing: 0,
    });
    assertThrows(() => place(bytes, "%MBR:1%"), Error, "begins at byte 2199023254528");
  });
  it("boot code with odd status bytes is no table", () => {
    const bytes = disk();
    bytes[446 + 16] = 0x33;
    assertEquals(shown(bytes), []);
  });
});

describe("GUID partition tables", () => {
  const parts: readonly GptPart[] = [
    { type: ESP, guid: "11111111-2222-3333-4444-555555555555", first: 34, last: 133, name: "boot" },
    { type: LINUX, guid: "11111111-2222-3333-4444-aaaaaaaaaaaa", first: 200, last: 299, name: "Root Files" },
  ];
  function disk(sector = 512): Uint8Array {
    const bytes = new Uint8Array(4 * MiB);
    boot(bytes, 0, [{ type: 0xee, start: 1, sectors: 0xffffffff }]);
    gpt(bytes, sector, parts);
    return bytes;
  }
  for (const sector of [512, 1024, 2048, 4096]) {
    it(`is read with sectors of ${sector} bytes`, () => {
      assertEquals(where(disk(sector), "%GPT:2%"), [200 * sector, 100 * sector]);
    });
  }
  it("partitions are found by number, GUID, name and type", () => {
    for (
      const name of [
        "1",
        "uuid=11111111-2222-3333-4444-555555555555",
        "boot",
        "label=boot",
        "EFI System",
        "type=efi system",
        `type=${ESP.toUpperCase()}`,
      ]
    ) assertEquals(where(disk(), `%GPT:${name}%`), [34 * 512, 100 * 512], name);
    assertEquals(where(disk(), "%GPT:Root Files%"), [200 * 512, 100 * 512]);
    assertThrows(() => place(disk(), "%GPT:root%"), Error, "no partition %GPT:root%; there is %GPT:1%, %GPT:2%");
  });
  it("a name two partitions have is refused", () => {
    const bytes = disk();
    gpt(bytes, 512, parts.map((p) => ({ ...p, name: "same" })));
    assertThrows(() => place(bytes, "%GPT:same%"), Error, "is more than one partition: %OFFSET:17408,51200%, %OFFSET:");
  });
  for (
    const [what, at] of [["header", 512 + 60], ["header's checksum", 512 + 16], ["table", 1024 + 40]] as const
  ) {
    it(`with a damaged first ${what} the last is used, and said to be`, () => {
      const bytes = disk();
      bytes[at]! ^= 1;
      const { slices, complaints } = readTables(diskOf(bytes));
      assertEquals([slices.length, complaints.length], [2, 1]);
      assertEquals(where(bytes, "%GPT:1%"), [34 * 512, 100 * 512]);
    });
  }
  it("with both damaged the reason is said", () => {
    const bytes = disk();
    bytes[1024]! ^= 1;
    bytes[bytes.length - 512 + 16]! ^= 1;
    assertThrows(() => place(bytes, "%GPT:1%"), Error, "GPT: wrong checksum of its table");
  });
  it("an absurd table is refused before it is read", () => {
    const bytes = disk();
    const header = bytes.subarray(512, 604);
    GptHeader.set.entries(viewOf(header), 0, 0xffffffff);
    GptHeader.set.headerCrc(viewOf(header), 0, 0);
    GptHeader.set.headerCrc(viewOf(header), 0, crc32(header));
    assertEquals(readTables(diskOf(bytes)).complaints, [
      "GPT: first header: 4294967295 entries are too many; the last is used",
    ]);
  });
  it("LBAs beyond what numbers can tell lie outside the image", () => {
    const bytes = disk();
    gpt(bytes, 512, [{ ...parts[0]!, first: 2 ** 62, last: 2 ** 62 + 1000 }]);
    assertThrows(() => place(bytes, "%GPT:1%"), Error, "the partition begins at byte");
    gpt(bytes, 512, [{ ...parts[0]!, last: 10 }]);
    assertThrows(() => place(bytes, "%GPT:1%"), Error, "the partition has no sectors");
  });
  it("a GUID's text and bytes are each other's", () => {
    assertEquals(guidText(guidBytes(ESP)!), ESP);
    assertEquals(guidBytes(ESP)!.slice(0, 4), new Uint8Array([0x28, 0x73, 0x2a, 0xc1]));
    assertEquals(guidBytes("not a guid"), undefined);
  });
});

describe("BSD disklabels", () => {
  const parts = [
    { size: 100, offset: 63, type: 7 },
    { size: 0, offset: 0, type: 0 },
    { size: 1000, offset: 0, type: 0 },
    { size: 0, offset: 500, type: 8 },
    { size: 40, offset: 200, type: 8 },
  ];
  for (const le of [true, false]) {
    for (const at of [0, 64, 128, 512, 512 + 128, 2048]) {
      it(`of ${le ? "little" : "big"}-endian machines at byte ${at}`, () => {
        const bytes = new Uint8Array(MiB);
        label(bytes, at, parts, { le });
        assertEquals(where(bytes, "%DISKLABEL:e%"), [200 * 512, 40 * 512]);
      });
    }
  }
  it("count their own sectors, and size 0 reaches to the end of the image", () => {
    const bytes = new Uint8Array(4 * MiB);
    label(bytes, 2048, parts, { sector: 2048 });
    assertEquals(where(bytes, "%DISKLABEL:a%"), [63 * 2048, 100 * 2048]);
    assertEquals(where(bytes, "%DISKLABEL:d%"), [500 * 2048, 4 * MiB - 500 * 2048]);
  });
  it("an unused letter, and one beyond the last, are not there", () => {
    const bytes = new Uint8Array(MiB);
    label(bytes, 512, parts);
    for (const letter of ["b", "f", "p", "A", "1"]) {
      assertThrows(() => place(bytes, `%DISKLABEL:${letter}%`), Error, `no partition %DISKLABEL:${letter}%`);
    }
  });
  it("with a wrong checksum or too many partitions are none", () => {
    const bytes = new Uint8Array(MiB);
    label(bytes, 512, parts);
    bytes[512 + 150]! ^= 1;
    assertThrows(() => place(bytes, "%DISKLABEL:e%"), Error, "no BSD disklabel");
    label(bytes, 512, Array.from({ length: 23 }, () => parts[0]!));
    assertThrows(() => place(bytes, "%DISKLABEL:e%"), Error, "no BSD disklabel");
  });
  it("are found in the slice of an MBR; NetBSD's count from the disk, FreeBSD's from their partition c", () => {
    const bytes = new Uint8Array(2 * MiB);
    boot(bytes, 0, [{ type: 0xa9, start: 1000, sectors: 2000 }]);
    label(bytes, 1001 * 512, [{ size: 100, offset: 1100, type: 8 }]);
    assertEquals(where(bytes, "%DISKLABEL:a%"), [1100 * 512, 100 * 512]);
    boot(bytes, 0, [{ type: 0xa5, start: 1000, sectors: 2000 }]);
    label(bytes, 1001 * 512, [{ size: 100, offset: 16, type: 7 }, parts[1]!, { size: 2000, offset: 0, type: 0 }]);
    assertEquals(where(bytes, "%DISKLABEL:a%"), [1016 * 512, 100 * 512]);
    label(bytes, 1001 * 512, [{ size: 100, offset: 1016, type: 7 }, parts[1]!, { size: 2000, offset: 1000, type: 0 }]);
    assertEquals(where(bytes, "%DISKLABEL:a%"), [1016 * 512, 100 * 512]);
  });
});

describe("what is partitioned", () => {
  it("is not a FAT volume whose boot code looks like a table", () => {
    const bytes = new Uint8Array(MiB);
    boot(bytes, 0, [{ type: 0x0c, start: 8, sectors: 100 }]);
    assertEquals(partitionsOf(diskOf(bytes)).length, 1);
    bytes.set([0, 2, 1, 1, 0, 2, 0, 2, 0, 8, 0xf8, 8, 0], 11);
    assertEquals(partitionsOf(diskOf(bytes)).length, 0);
    assertEquals(where(bytes, "%MBR:1%"), [8 * 512, 100 * 512]); // asked for by name it is there
  });
});
