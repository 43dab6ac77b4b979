import { describe, it } from "node:test";
import { cp437, loadPage, PAGES } from "../../plugins/fs_msdos/codepage.ts";
import { errno, SysError } from "../../src/abi/errno.ts";
import { MNT_RDONLY, MNT_UPDATE } from "../../src/abi/flags.ts";
import { viewOf } from "../../src/lib/struct.ts";
import { decodeName } from "../../src/lib/text.ts";
import { assert, assertEquals, assertThrows } from "../assert.ts";
import { answer, mounted, read, stat, touch } from "../cases/fat_mounts.ts";
import { memoryDisk } from "../kern/fake.ts";
import { fatDisk, type Fs, mountAt } from "../vfs/helpers.ts";

/** The 11 bytes of every short entry in the root, in order; with `slots` of those of long names, too. */
function shorts(disk: { readonly bytes: Uint8Array }, slots = false): string[] {
  const at = (1 + 2 * viewOf(disk.bytes).getUint16(22, true)) * 512;
  const found: string[] = [];
  for (let i = at; disk.bytes[i] !== 0; i += 32) {
    if (disk.bytes[i] !== 0xe5 && (slots || disk.bytes[i + 11] !== 15)) {
      found.push(String.fromCharCode(...disk.bytes.subarray(i, i + 11)));
    }
  }
  return found;
}
describe("msdos: code pages and character sets", () => {
  it("every code page is there, and what it can encode it decodes to the same", async () => {
    for (const n of PAGES) {
      const page = await loadPage(`cp${n}`);
      assert(page, `cp${n}`);
      for (let b = 0x80; b < 0x100; b++) {
        const char = page.decode(String.fromCharCode(b));
        if (char.length === 1 && char !== "\ufffd" && page.encode(char)) {
          assertEquals(page.decode(page.encode(char)!), char);
        }
      }
    }
  });
  it("short names of other code pages are shown and made", async () => {
    const cases: readonly (readonly [number, string, string])[] = [
      [850, "\u00c1rea.txt", "\xb5REA    TXT"],
      [866, "\u0424\u0430\u0439\u043b.txt", "\x94\x80\x89\x8b    TXT"],
      [932, "\u30c6\u30b9\u30c8.txt", "\x83e\x83X\x83g  TXT"],
      [936, "\u4e2d\u6587.doc", "\xd6\xd0\xce\xc4    DOC"],
      [949, "\ud55c\uae00", "\xc7\xd1\xb1\xdb       "],
      [1251, "\u041c\u0438\u0440", "\xcc\xc8\xd0        "],
    ];
    for (const [codepage, name, short] of cases) {
      const fs = await mounted({ codepage });
      touch(fs.sys, name);
      await fs.sys.sync();
      assertEquals(shorts(fs.disk), [short], `${codepage}`);
      const asShort = await fs.again({ codepage, short: true });
      assertEquals(asShort.list(), [name.toLowerCase()], `${codepage}`);
    }
  });
  it("two bytes of one character are not parted by a numeric tail", async () => {
    const fs = await mounted({ codepage: 932 });
    touch(fs.sys, "a\u30c6\u30b9\u30c8\u30c6\u30b9\u30c8 long");
    await fs.sys.sync();
    assertEquals(shorts(fs.disk), ["A\x83e\x83X~1    "]);
  });
  it("a short name that begins with byte E5 is no free entry", async () => {
    const fs = await mounted({ codepage: 850 });
    touch(fs.sys, "\u00f5x.txt", "text");
    const again = await fs.again({ codepage: 850 });
    assertEquals(shorts(fs.disk), ["\x05X      TXT"]);
    assertEquals([again.list(), read(again.sys, "\u00f5x.txt")], [["\u00f5x.txt"], "text"]);
    assertEquals((await again.again({ codepage: 850, short: true })).list(), ["\u00f5x.txt"]);
  });
  it("with iocharset= names are bytes of that set; what it cannot say shows its short name", async () => {
    const fs = await mounted({});
    for (const name of ["\u0424\u0430\u0439\u043b", "\u4e2d\u6587 name"]) touch(fs.sys, name, name);
    const koi8 = await fs.again({ iocharset: "koi8-r" });
    const file = decodeName(new Uint8Array([0xe6, 0xc1, 0xca, 0xcc]));
    assertEquals(koi8.list(), ["__NAME~1", file]);
    assertEquals(read(koi8.sys, file), "\u0424\u0430\u0439\u043b");
    assertEquals(read(koi8.sys, "__NAME~1"), "\u4e2d\u6587 name");
  });
  it("names of surrogate pairs are kept; half a pair on the volume shows as U+FFFD and can be removed", async () => {
    const fs = await mounted({});
    touch(fs.sys, "\ud83d\ude00 smile", "x");
    await fs.sys.sync();
    assertEquals(fs.list(), ["\ud83d\ude00 smile"]);
    const at = Buffer.from(fs.disk.bytes).indexOf(Buffer.from([0x3d, 0xd8, 0x00, 0xde]));
    fs.disk.bytes[at + 3] = 0x20;
    const again = await fs.again({});
    assertEquals(again.list(), ["\ufffd\u2000 smile"]);
    again.sys.unlink({ path: "\ufffd\u2000 smile" });
    assertEquals(again.list(), []);
  });
});

describe("msdos: rules of names", () => {
  it("shortname= decides what shows and what gets a long name", async () => {
    const names = ["UPPER.TXT", "lower.txt", "lower.TXT", "Mixed.txt"];
    const asMade = ["Mixed.txt", "UPPER.TXT", "lower.TXT", "lower.txt"];
    const cases: readonly (readonly [string, readonly string[], number])[] = [
      ["lower", ["Mixed.txt", "lower.TXT", "lower.txt", "upper.txt"], 5],
      ["win95", asMade, 5],
      ["mixed", asMade, 5],
      ["winnt", asMade, 4],
    ];
    for (const [shortname, shown, slots] of cases) {
      const { sys, list, disk } = await mounted({ shortname });
      for (const [i, name] of names.entries()) {
        await sys.mkdir({ path: `D${i}`, mode: 0o755 });
        touch(sys, `D${i}/${name}`);
      }
      assertEquals(names.map((_, i) => list(`D${i}`)[0]!).sort(), [...shown], shortname);
      for (const name of names) touch(sys, name.replace(/^./, (c) => `${c}1`));
      await sys.sync();
      const used = shorts(disk, true).length - names.length;
      assertEquals(used, slots, shortname);
    }
  });
  it("lower case of NTRes shows with winnt and mixed, not with win95; short names in lower case with lower", async () => {
    const fs = await mounted({ shortname: "winnt" });
    touch(fs.sys, "lower.txt");
    const win95 = await fs.again({ shortname: "win95" });
    assertEquals(win95.list(), ["LOWER.TXT"]);
    const lower = await win95.again({ shortname: "lower" });
    touch(lower.sys, "UPPER");
    assertEquals(lower.list(), ["lower.txt", "upper"]);
    assertEquals((await lower.again({ shortname: "mixed" })).list(), ["UPPER", "lower.txt"]);
  });
  it("check=s: names that differ by case are two files", async () => {
    const { sys, list } = await mounted({ check: "s" });
    touch(sys, "Name", "1");
    touch(sys, "name", "2");
    assertEquals([list(), read(sys, "Name"), read(sys, "name")], [["Name", "name"], "1", "2"]);
    assertEquals(answer(() => read(sys, "NAME")), "ENOENT");
  });
  it("with -s check=n refuses what is no short name; without, it is cut", async () => {
    const strict = await mounted({ short: true, check: "n" });
    assertEquals(answer(() => touch(strict.sys, "much too long.text")), "EINVAL");
    const cut = await mounted({ short: true });
    touch(cut.sys, "much too long.text");
    assertEquals(cut.list(), ["muchto~1.tex"]);
  });
  it("nonumtail tries the short name without ~1", async () => {
    const { sys, disk } = await mounted({ nonumtail: true });
    for (const name of ["documentation", "documented"]) touch(sys, name);
    await sys.sync();
    assertEquals(shorts(disk), ["DOCUMENT   ", "DOCUME~1   "]);
  });
  it("windows_names refuses what Windows refuses", async () => {
    const { sys, list } = await mounted({ windows_names: true });
    for (const name of ["a:b", "a?", "trail.", "a\nb", "trail "]) {
      assertEquals(answer(() => touch(sys, name)), "EINVAL", name);
    }
    touch(sys, "fine name");
    assertEquals(list(), ["fine name"]);
  });
});

describe("msdos: what files look like", () => {
  it("attributes are flags of chflags(2) and user.DOSATTRIB", async () => {
    const fs = await mounted({});
    touch(fs.sys, "f");
    fs.sys.chflags({ path: "f", flags: 0x8080 });
    const value = new Uint8Array(16);
    const get = (sys: Fs["sys"], name: string, path = "f") =>
      new TextDecoder().decode(value.slice(0, sys.getxattr({ path, name, value }) as number));
    assertEquals([stat(fs.sys, "f").flags, get(fs.sys, "user.DOSATTRIB")], [0x8080, "0x26"]);
    fs.sys.setxattr({ path: "f", name: "user.DOSATTRIB", value: new TextEncoder().encode("0x1"), flags: 0 });
    const again = await fs.again({});
    assertEquals(stat(again.sys, "f"), { ...stat(again.sys, "f"), mode: 0o555, flags: 0x1_1000 });
    assertEquals(get(again.sys, "user.fat.shortname"), "F");
    for (const bad of ["0x10", "0x108", "x", ""]) {
      const set = () =>
        again.sys.setxattr({ path: "f", name: "user.DOSATTRIB", value: new TextEncoder().encode(bad), flags: 0 });
      assertEquals(answer(set), "EINVAL", bad);
    }
  });
  it("the label is an extended attribute of the root, kept in the root and in the boot sector", async () => {
    const disk = fatDisk(16);
    disk.bytes[38] = 0x29;
    viewOf(disk.bytes).setUint32(39, 0x1234abcd, true);
    const fs = await mounted({}, disk);
    const value = new Uint8Array(32);
    const get = (sys: Fs["sys"], name: string) =>
      new TextDecoder().decode(value.slice(0, sys.getxattr({ path: "/m", name, value }) as number));
    const set = (text: string) =>
      fs.sys.setxattr({ path: "/m", name: "user.fat.label", value: new TextEncoder().encode(text), flags: 0 });
    assertEquals([get(fs.sys, "user.fat.label"), get(fs.sys, "user.fat.volumeid")], ["", "1234abcd"]);
    set("first");
    set("My label");
    assertEquals(answer(() => set("twelve chars")), "EINVAL");
    touch(fs.sys, "file");
    const again = await fs.again({});
    assertEquals([get(again.sys, "user.fat.label"), again.list()], ["MY LABEL", ["file"]]);
    assertEquals(shorts(disk), ["MY LABEL   ", "FILE       "]);
    assertEquals(String.fromCharCode(...disk.bytes.subarray(43, 54)), "MY LABEL   ");
  });
  it("showexec, rodir, sys_immutable and quiet do what they say", async () => {
    const { sys } = await mounted({ showexec: true, rodir: true, sys_immutable: true, quiet: true });
    for (const name of ["run.exe", "text.txt"]) touch(sys, name);
    await sys.mkdir({ path: "d", mode: 0o755 });
    await sys.chmod({ path: "d", mode: 0o555 });
    assertEquals(["run.exe", "text.txt", "d"].map((f) => stat(sys, f).mode), [0o755, 0o644, 0o555]);
    assertEquals(answer(() => sys.chown({ path: "text.txt", uid: 7, gid: 7 })), "ok");
    await sys.chflags({ path: "text.txt", flags: 0x80 });
    for (
      const change of [
        () => sys.unlink({ path: "text.txt" }),
        () => sys.rename({ from: "text.txt", to: "x" }),
        () => sys.truncate({ path: "text.txt", length: 5 }),
        () => sys.rename({ from: "run.exe", to: "text.txt" }),
      ]
    ) assertEquals(answer(change), "EPERM");
    await sys.chflags({ path: "text.txt", flags: 0 });
    assertEquals(answer(() => sys.unlink({ path: "text.txt" })), "ok");
  });
  it("mount -u changes owner, masks and read-only of a live mount, and refuses what is made once", async () => {
    const { sys } = await mounted({ uid: 5 });
    touch(sys, "f");
    const update = (options: object, flags = 0) =>
      answer(() => mountAt(sys, "msdos", "/m", options, MNT_UPDATE | flags));
    assertEquals(update({ uid: 6, mask: 0o600 }), "ok");
    assertEquals(stat(sys, "f"), { ...stat(sys, "f"), uid: 6, mode: 0o600 });
    assertEquals([update({ codepage: 850 }), update({ nonsense: 1 })], ["EOPNOTSUPP", "EINVAL"]);
    assertEquals([update({}, MNT_RDONLY), answer(() => touch(sys, "g"))], ["ok", "EROFS"]);
    assertEquals([update({}), answer(() => touch(sys, "g"))], ["ok", "ok"]);
  });
});

describe("msdos: on the disk", () => {
  it("sync, dirsync and flush: what is on the disk, and when", async () => {
    for (
      const [options, after] of [[{}, 1000], [{ flush: true }, 50], [{ dirsync: true }, 0], [
        { sync: true },
        0,
      ]] as const
    ) {
      const { sys, disk, host } = await mounted(options);
      touch(sys, "now");
      const seen = () => shorts(disk).length === 1;
      if (after > 0) {
        assertEquals(seen(), false, JSON.stringify(options));
        host.pass(after);
        host.pass(after);
      }
      assertEquals(seen(), true, JSON.stringify(options));
    }
  });
  it("discard gives the clusters of removed files back to the disk", async () => {
    const given: (readonly [number, number])[] = [];
    const disk = Object.assign(fatDisk(16), { discard: (at: number, n: number) => void given.push([at, n]) });
    const { sys } = await mounted({ discard: true }, disk);
    touch(sys, "f", "x".repeat(5000));
    await sys.sync();
    const at = Buffer.from(disk.bytes).indexOf("x".repeat(5000));
    sys.unlink({ path: "f" });
    assertEquals(given, []);
    await sys.sync();
    assertEquals(given, [[at, 5120]]);
  });
  it("a disk of 4096-byte blocks is read and written by whole blocks", async () => {
    const plain = fatDisk(16);
    const whole = (n: number, offset: number) => assertEquals([n % 4096, offset % 4096], [0, 0]);
    const disk = Object.assign(fatDisk(16), {
      blockSize: 4096,
      read: (into: Uint8Array, offset: number) => (whole(into.length, offset), plain.read(into, offset)),
      write: (from: Uint8Array, offset: number) => (whole(from.length, offset), plain.write!(from, offset)),
    });
    const fs = await mounted({}, disk);
    touch(fs.sys, "a file", "some text".repeat(1000));
    const again = await fs.again({});
    assertEquals(read(again.sys, "a file"), "some text".repeat(1000));
  });
  it("diskettes of DOS 1 and 2 have no BPB: the FAT's first byte says how they are made", async () => {
    for (const [kib, media, sectors] of [[160, 0xfe, 1], [180, 0xfc, 2], [320, 0xff, 1], [360, 0xfd, 2]] as const) {
      const disk = memoryDisk(kib * 1024);
      for (const n of [0, 1]) disk.bytes.set([media, 0xff, 0xff], 512 * (1 + n * sectors));
      const fs = await mounted({ short: true }, disk as ReturnType<typeof fatDisk>);
      touch(fs.sys, "f", "text");
      const again = await fs.again({ short: true });
      assertEquals(read(again.sys, "f"), "text");
      assertEquals(disk.bytes.subarray(0, 512).every((b) => b === 0), true);
    }
  });
  it("deleted: files removed are shown as they were, by their whole names", async () => {
    const fs = await mounted({});
    touch(fs.sys, "kept", "kept");
    touch(fs.sys, "A removed file.txt", "what was in it ".repeat(100));
    touch(fs.sys, "GONE", "short");
    await fs.sys.mkdir({ path: "dir", mode: 0o755 });
    touch(fs.sys, "dir/in it", "inside");
    await fs.sys.sync();
    for (const path of ["A removed file.txt", "GONE", "dir/in it"]) fs.sys.unlink({ path });
    fs.sys.rmdir({ path: "dir" });
    const view = await fs.again({ deleted: true });
    assertEquals(view.list(), [".deleted", "kept"]);
    assertEquals(view.list(".deleted"), ["A removed file.txt", "_ONE", "_ir"]);
    assertEquals(read(view.sys, ".deleted/A removed file.txt"), "what was in it ".repeat(100));
    assertEquals(read(view.sys, ".deleted/_ONE"), "short");
    assertEquals([view.list(".deleted/_ir"), read(view.sys, ".deleted/_ir/in it")], [["in it"], "inside"]);
    assertEquals(answer(() => touch(view.sys, "new")), "EROFS");
    assertThrows(() => view.sys.unlink({ path: ".deleted/_ONE" }), SysError, errno.EROFS.message);
  });
  it("code page 437 needs no table to be loaded", () => assertEquals(cp437.encode("\u00e9"), "\x82"));
});
