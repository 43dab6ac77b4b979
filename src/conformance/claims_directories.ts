/** Claims about directories and names: mkdir(2), rmdir(2), unlink(2), getdents(2), path resolution. */
import { assert, assertEquals } from "./assert.ts";
import { type Claim, getText, type Posix, put, refused } from "./claim.ts";

const sorted = async (p: Posix, path: string) => (await p.readdir(path)).sort();
const numbered = (n: number) => Array.from({ length: n }, (_, i) => `file number ${String(i).padStart(5, "0")}.text`);
const MANY = 5000;
/** Files of the first batch whose time is not yet compared: everything is compiled meanwhile. */
const BATCH = MANY / 5;

/** Make many; the last fifth must not take much longer than the second: no directory is searched from end to end. */
async function makeMany(p: Posix, dir: string, names: readonly string[]): Promise<void> {
  const times: number[] = [];
  for (let batch = 0; batch < 5; batch++) {
    const start = performance.now();
    for (const name of names.slice(batch * BATCH, (batch + 1) * BATCH)) {
      await p.close(await p.open(`${dir}/${name}`, "wx"));
    }
    times.push(performance.now() - start);
  }
  assert(times[4]! < times[1]! * 6 + 200, `creating slows down: ${times.map((t) => t.toFixed(0)).join(", ")} ms`);
}

export const directoryClaims: readonly Claim[] = [
  {
    name: "mkdir makes an empty directory and rmdir removes it",
    needs: ["directories"],
    async run(p, dir) {
      await p.mkdir(`${dir}/d`);
      assertEquals([(await p.stat(`${dir}/d`)).type, await p.readdir(`${dir}/d`)], ["dir", []]);
      assertEquals(await refused(p.mkdir(`${dir}/d`)), "EEXIST");
      await p.rmdir(`${dir}/d`);
      assertEquals(await refused(p.stat(`${dir}/d`)), "ENOENT");
      assertEquals(await refused(p.rmdir(`${dir}/d`)), "ENOENT");
    },
  },
  {
    name: "mkdir and rmdir refuse what cannot be",
    needs: ["directories"],
    async run(p, dir) {
      await put(p, `${dir}/f`, "");
      await p.mkdir(`${dir}/d`);
      await put(p, `${dir}/d/inside`, "");
      assertEquals(await refused(p.mkdir(`${dir}/f`)), "EEXIST");
      assertEquals(await refused(p.mkdir(`${dir}/none/d`)), "ENOENT");
      assertEquals(await refused(p.mkdir(`${dir}/f/d`)), "ENOTDIR");
      assertEquals(await refused(p.rmdir(`${dir}/f`)), "ENOTDIR");
      assertEquals(await refused(p.rmdir(`${dir}/d`)), "ENOTEMPTY");
      // EPERM here, EISDIR on Linux; Deno asks rmdir(2) as well.
      assert(await refused(p.unlink(`${dir}/d`)) !== "ok", "unlink of a directory");
      assertEquals(await refused(p.open(`${dir}/d`, "w")), "EISDIR");
      assertEquals(await refused(p.unlink(`${dir}/none`)), "ENOENT");
      assertEquals(await refused(p.unlink(`${dir}/f/x`)), "ENOTDIR");
      assertEquals(await sorted(p, dir), ["d", "f"]);
    },
  },
  {
    name: "a listing has every name once, and follows what is made, removed and renamed",
    async run(p, dir) {
      const names = numbered(300);
      for (const name of names) await put(p, `${dir}/${name}`, name);
      assertEquals((await sorted(p, dir)).filter((n) => names.includes(n)), names);
      for (const [i, name] of names.entries()) if (i % 3 === 0) await p.unlink(`${dir}/${name}`);
      const left = names.filter((_, i) => i % 3 !== 0);
      assertEquals((await sorted(p, dir)).filter((n) => names.includes(n)), left);
      for (const name of left) assertEquals(await getText(p, `${dir}/${name}`), name);
      for (const name of left) await p.unlink(`${dir}/${name}`);
    },
  },
  {
    name: `${MANY} files in one directory: made, found, halved, removed, none getting slower`,
    needs: ["directories"],
    async run(p, dir) {
      await p.mkdir(`${dir}/many`);
      const names = numbered(MANY);
      await makeMany(p, `${dir}/many`, names);
      assertEquals(await sorted(p, `${dir}/many`), names);
      for (const name of names) assertEquals((await p.stat(`${dir}/many/${name}`)).type, "file");
      for (const [i, name] of names.entries()) if (i % 2 === 0) await p.unlink(`${dir}/many/${name}`);
      assertEquals(await sorted(p, `${dir}/many`), names.filter((_, i) => i % 2 === 1));
      assertEquals(await refused(p.rmdir(`${dir}/many`)), "ENOTEMPTY");
      for (const [i, name] of names.entries()) if (i % 2 === 1) await p.unlink(`${dir}/many/${name}`);
      await p.rmdir(`${dir}/many`);
    },
  },
  {
    name: "directories nest, and paths through them resolve",
    needs: ["directories"],
    async run(p, dir) {
      let path = dir;
      for (let i = 0; i < 40; i++) await p.mkdir(path += `/level ${i}`);
      await put(p, `${path}/leaf`, "deep");
      assertEquals(await getText(p, `${path}/leaf`), "deep");
      assertEquals(await getText(p, `${path}/../${path.slice(path.lastIndexOf("/") + 1)}/./leaf`), "deep");
      assertEquals(await getText(p, `${path}//leaf`), "deep");
      assertEquals(await refused(p.stat(`${path}/leaf/`)), "ENOTDIR");
      assertEquals(await refused(p.stat(`${path}/leaf/..`)), "ENOTDIR");
      assertEquals(await refused(p.open(`${path}/new/`, "w")) === "ok", false);
    },
  },
  {
    name: "names of up to 255 bytes are kept, longer ones are ENAMETOOLONG",
    async run(p, dir) {
      // The longest a FAT name can be is 255 UTF-16 units, POSIX's 255 bytes: with ASCII they agree.
      for (
        const name of [
          "n".repeat(255),
          "a",
          "with blank",
          "UPPER and lower",
          "dots.in.it.txt",
          ".hidden",
          "h\u00e9llo \u4e2d\u6587",
        ]
      ) {
        await put(p, `${dir}/${name}`, name);
        assertEquals(await getText(p, `${dir}/${name}`), name);
        assert((await p.readdir(dir)).includes(name), name);
        await p.unlink(`${dir}/${name}`);
      }
      const long = `${dir}/${"n".repeat(256)}`;
      assertEquals(await refused(p.open(long, "w")), "ENAMETOOLONG");
      assertEquals(await refused(p.stat(long)), "ENAMETOOLONG");
    },
  },
  {
    name: "names that end in dots and blanks, or have odd characters, are kept as they are",
    needs: ["names"],
    async run(p, dir) {
      const names = [
        "trail.",
        "trail ",
        "trail",
        "a:b",
        "a*b?",
        'q"uote',
        "back\\slash",
        "tab\there",
        "new\nline",
        "..x",
        "CON",
      ];
      for (const name of names) await put(p, `${dir}/${name}`, name);
      for (const name of names) assertEquals(await getText(p, `${dir}/${name}`), name);
      assertEquals(await sorted(p, dir), [...names].sort());
    },
  },
  {
    name: "names that differ only in case are different files",
    needs: ["case"],
    async run(p, dir) {
      await put(p, `${dir}/Name`, "1");
      await put(p, `${dir}/name`, "2");
      assertEquals([await getText(p, `${dir}/Name`), await getText(p, `${dir}/name`)], ["1", "2"]);
    },
  },
  {
    name: "a file and a directory take turns under one name",
    needs: ["directories"],
    async run(p, dir) {
      for (let i = 0; i < 5; i++) {
        await put(p, `${dir}/x`, "file");
        assertEquals(await refused(p.readdir(`${dir}/x`)), "ENOTDIR");
        await p.unlink(`${dir}/x`);
        await p.mkdir(`${dir}/x`);
        await put(p, `${dir}/x/y`, "inside");
        await p.unlink(`${dir}/x/y`);
        await p.rmdir(`${dir}/x`);
      }
      assertEquals(await p.readdir(dir), []);
    },
  },
];
