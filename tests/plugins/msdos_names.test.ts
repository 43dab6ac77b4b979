import { describe, it } from "node:test";
import { looksLike, parseBpb } from "../../plugins/fs_msdos/bpb.ts";
import { cp437 } from "../../plugins/fs_msdos/codepage.ts";
import { asShort, shortParts, showShort, tailed } from "../../plugins/fs_msdos/short_names.ts";
import { fold } from "../../plugins/fs_msdos/spelling.ts";
import { fromDos, toDos } from "../../plugins/fs_msdos/times.ts";
import { assertEquals, assertStringIncludes } from "../assert.ts";
import { fatDisk } from "../vfs/helpers.ts";

describe("msdos names and times", () => {
  it("a short name is one only when it can come back as it was", () => {
    assertEquals(asShort("README.TXT"), { short: "README  TXT", ntCase: 0 });
    assertEquals(asShort("readme.TXT"), { short: "README  TXT", ntCase: 8 });
    for (const name of ["Readme.txt", "toolongname", "a.b.c", ".x", "a b", "\u00e9", "x.long"]) {
      assertEquals(asShort(name), undefined, name);
    }
    assertEquals(showShort("README  TXT", 0x18, cp437), "readme.txt");
    assertEquals(showShort("\x05AB        ", 0, cp437), "\u03c3AB");
  });
  it("long names get short ones others expect", () => {
    const cases = [["A Long File Name.text", "ALONGF~1TEX"], ["a:b", "AB~1       "], ["x+y", "X_Y~1      "], [
      "...",
      "_~1        ",
    ]] as const;
    for (const [name, short] of cases) assertEquals(tailed(shortParts(name, cp437), 1), short);
  });
  it("folding keeps a name's length", () => assertEquals(fold("stra\u00dfe \u00e9"), "STRA\u00dfE \u00c9"));
  it("times survive, and are clamped to what FAT can say", () => {
    for (const sec of [315532800, 1_000_000_000, 4354819198]) {
      const { date, time, tenth } = toDos(sec, 0, 0);
      assertEquals(fromDos(date, time, tenth, 0)[0], sec);
    }
    assertEquals(toDos(0, 0, 0).date, 33);
    assertEquals(fromDos(toDos(2 ** 33, 0, 0).date, 0, 0, 0)[0] > 4e9, true);
  });
});
describe("boot sectors", () => {
  it("each field that is wrong is named", () => {
    const wrong: readonly (readonly [at: number, value: number, text: string])[] = [
      [11, 3, "bytes per sector is 515"],
      [13, 3, "sectors per cluster is 3"],
      [16, 0, "number of FATs is 0"],
      [510, 0, "no boot signature"],
    ];
    for (const [at, value, text] of wrong) {
      const boot = fatDisk(16).bytes.slice(0, 512);
      boot[at] = value;
      assertStringIncludes(String(parseBpb(boot)), text);
    }
  });
  it("what is no FAT is recognized", () => {
    const image = new Uint8Array(2048);
    assertStringIncludes(looksLike(image)!, "empty");
    image.set(new TextEncoder().encode("EFI PART"), 512);
    assertStringIncludes(looksLike(image)!, "GPT");
  });
});
