import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import process from "node:process";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { rumpList } from "../../src/cmd/files.ts";
import type { SyncCalls } from "../../src/proxy/stubs.ts";
import { assert, assertEquals } from "../assert.ts";
import { fileAt, mounted } from "../cases/fat_crash.ts";
import { checked, diskOn, fsckFat, say, scratchDir } from "../cases/fat_images.ts";
import { withFs } from "../vfs/helpers.ts";

const corpus = (name: string) =>
  new Uint8Array(gunzipSync(readFileSync(fileURLToPath(new URL(`../corpus/fat/${name}`, import.meta.url).href))));
/** A shell line in the scratch directory; it must work. */
function tool(command: string): string {
  const path = `${process.env.PATH}:/sbin:/usr/sbin`;
  const env = { ...process.env, PATH: path, LC_ALL: "C.UTF-8", MTOOLS_SKIP_CHECK: "1" };
  const r = spawnSync("sh", ["-c", command], { cwd: scratchDir(), encoding: "utf8", env });
  assertEquals(r.status, 0, `${command}\n${r.stdout}${r.stderr}`);
  return r.stdout;
}

/** Volumes mkfs.fat makes: options, KiB, and whether mtools reads it, too. */
const volumes: readonly (readonly [options: string, kib: number, mtools?: false])[] = [
  ["", 1440],
  ["", 720],
  ["", 2880],
  ["-F 12", 4096],
  ["-F 12 -s 1 -r 64", 1000],
  ["-F 12 -s 2 -f 1", 2000],
  ["-F 12 -s 128", 16384],
  ["-F 12 -R 9 -a", 3000],
  ["-F 16", 20480],
  ["-F 16 -s 1", 5000],
  ["-F 16 -s 1 -f 1 -a", 5000],
  ["-F 16 -s 2 -f 4 -R 7", 10000],
  ["-F 16 -s 4 -r 16", 20000],
  ["-F 16 -s 1 -S 1024", 8000],
  ["-F 16 -s 1 -S 2048", 12000],
  ["-F 16 -s 1 -S 4096", 20000],
  ["-F 16 -D 0 -M 0xf0", 20480],
  ["-F 16 --mbr=y", 20480],
  ["-F 32 -s 1", 40000],
  ["-F 32 -s 1 -f 1", 40000],
  ["-F 32 -s 1 -f 3 -R 64 -b 12", 40000],
  ["-F 32 -s 1 -R 3 -b 2 -a", 40000],
  ["-F 32 -s 8", 4000, false],
  ["-F 32 -s 1 -S 512 -a", 1000, false],
  ["-F 32 -s 1 -S 2048", 3000, false],
  ["-F 32 -s 1 -S 4096", 6000, false],
  ["-A -F 12", 720, false],
];
const NAMES = ["plain.txt", "Long Name With Blanks.text", "\u00dcber.txt", "UPPER.BIN", "a.b.c.d"];
const content = (i: number) => new Uint8Array(700 * i + i).fill(65 + i);

describe("msdos and others", () => {
  it("every volume mkfs.fat makes is written, and fsck.fat, mtools and fsck_msdos find all in order", async () => {
    for (const [options, kib, mtools] of volumes) {
      const what = `mkfs.fat ${options} (${kib} KiB)`;
      tool(`rm -f v.img; mkfs.fat ${options} -n LABEL -C v.img ${kib}`);
      const bytes = new Uint8Array(readFileSync(`${scratchDir()}/v.img`));
      const gemdos = options.includes("-A");
      if (!gemdos) assertEquals(say(await checked(bytes)), "", what);
      const { sys, kernel } = await withFs("msdos", diskOn(bytes), gemdos ? { gemdos: true } : {});
      sys.mkdir({ path: "Folder", mode: 0o755 });
      for (const [i, name] of NAMES.entries()) {
        if (gemdos && !/^[A-Za-z]{1,8}\.[A-Za-z]{3}$/.test(name)) continue;
        for (const path of [name, `Folder/${name}`]) {
          const fd = sys.open({ path, flags: 0x602, mode: 0o644 }) as number;
          sys.write({ fd, buf: content(i) });
          sys.close({ fd });
        }
      }
      sys.unlink({ path: "UPPER.BIN" });
      await sys.chdir({ path: "/" });
      await kernel.halt();
      if (!gemdos) assertEquals(say(await checked(bytes)), "", what);
      // fsck.fat knows one or two FATs.
      if (!gemdos && !/-f [34]/.test(options)) assertEquals(fsckFat(bytes), [], what);
      if (mtools === false || gemdos) continue;
      writeFileSync(`${scratchDir()}/v.img`, bytes);
      for (const [i, name] of NAMES.entries()) {
        tool(`rm -f got; mcopy -i v.img '::/Folder/${name}' got`);
        assert(Buffer.from(content(i)).equals(readFileSync(`${scratchDir()}/got`)), `${what}: ${name}`);
      }
    }
  });
  it("trees mtools makes are read back byte for byte", async () => {
    const root = `${scratchDir()}/tree`;
    rmSync(root, { recursive: true, force: true });
    mkdirSync(`${root}/Some Directory/deep er/UPPER`, { recursive: true });
    const paths = [
      "a",
      "Some Directory/b with blanks",
      "Some Directory/deep er/c.d.e",
      "Some Directory/deep er/UPPER/F.TXT",
    ];
    for (const [i, path] of paths.entries()) writeFileSync(`${root}/${path}`, content(i * 7));
    for (const format of ["-f 1440", "-T 20000 -c 1", "-F -T 80000 -c 1"]) {
      tool(`rm -f t.img; mformat -C -i t.img ${format} :: && mcopy -s -i t.img tree/* ::`);
      const bytes = new Uint8Array(readFileSync(`${scratchDir()}/t.img`));
      assertEquals(say(await checked(bytes)), "", format);
      const volume = mounted(bytes);
      for (const [i, path] of paths.entries()) {
        assert(Buffer.compare(content(i * 7), fileAt(volume, path) ?? new Uint8Array(1)) === 0, `${format}: ${path}`);
      }
    }
  });
  it("what NetBSD has written is read, found in order, and written to", async () => {
    const bytes = corpus("fat16_written_by_netbsd.img.gz");
    assertEquals(say(await checked(bytes)), "");
    const { sys, kernel } = await withFs("msdos", diskOn(bytes));
    const calls = sys as unknown as SyncCalls;
    assertEquals(rumpList(calls, ".").sort(), ["COPY.BIN", "short"]);
    assertEquals(rumpList(calls, "short"), ["File With Mixed Case.TXT"]);
    const fd = calls.open({ path: "SHORT/file with mixed case.txt", flags: 0 });
    const data = new Uint8Array(6000).fill(1);
    assertEquals([calls.read({ fd, buf: data }), data.subarray(0, 5000).every((b) => b === 0)], [5000, true]);
    calls.close({ fd });
    calls.rename({ from: "COPY.BIN", to: "short/A new place.bin" });
    await sys.chdir({ path: "/" });
    await kernel.halt();
    assertEquals([say(await checked(bytes)), fsckFat(bytes)], ["", []]);
  });
});
