/** Claims about rename(2): every pairing of what is moved and what stands there. */
import { assert, assertEquals } from "./assert.ts";
import { type Claim, getText, type Posix, put, refused } from "./claim.ts";

const needs = ["rename", "directories"] as const;
/** A file, an empty and a full directory, and nothing. */
async function scene(p: Posix, dir: string): Promise<void> {
  await put(p, `${dir}/file`, "file");
  await put(p, `${dir}/other`, "other");
  await p.mkdir(`${dir}/empty`);
  await p.mkdir(`${dir}/full`);
  await put(p, `${dir}/full/inside`, "inside");
}
/** from, to, what it answers. */
const matrix: readonly (readonly [from: string, to: string, answer: string])[] = [
  ["none", "file", "ENOENT"],
  ["none", "new", "ENOENT"],
  ["file", "nodir/new", "ENOENT"],
  ["file", "other/new", "ENOTDIR"],
  ["file", "empty", "EISDIR"],
  ["file", "full", "EISDIR"],
  ["empty", "file", "ENOTDIR"],
  ["empty", "full", "ENOTEMPTY"],
  ["full", "full/below", "EINVAL"],
  ["full", "full/inside/below", "ENOTDIR"],
  ["file", "file", "ok"],
  ["full", "full", "ok"],
  ["full", "empty", "ok"],
  ["file", "other", "ok"],
  ["other", "new", "ok"],
  ["empty", "fresh", "ok"],
  ["file", "full/moved", "ok"],
  ["full", "full2", "ok"],
];

export const renameClaims: readonly Claim[] = [
  {
    name: "a file moves with its content; the old name is gone",
    needs: ["rename"],
    async run(p, dir) {
      await put(p, `${dir}/a`, "content");
      const { ino } = await p.stat(`${dir}/a`);
      await p.rename(`${dir}/a`, `${dir}/b`);
      assertEquals([await getText(p, `${dir}/b`), (await p.stat(`${dir}/b`)).ino], ["content", ino]);
      assertEquals(await refused(p.stat(`${dir}/a`)), "ENOENT");
    },
  },
  ...matrix.map(([from, to, answer]): Claim => ({
    name: `${from} to ${to}: ${answer}`,
    needs,
    async run(p, dir) {
      await scene(p, dir);
      const got = await refused(p.rename(`${dir}/${from}`, `${dir}/${to}`));
      assertEquals(got === "EEXIST" ? "ENOTEMPTY" : got, answer);
      const there = async (path: string) => await refused(p.stat(`${dir}/${path}`)) === "ok";
      if (answer !== "ok") {
        for (const path of ["file", "other", "empty", "full/inside"]) assert(await there(path), path);
      } else if (from !== to) {
        assertEquals([await there(from), await there(to)], [false, true]);
        if (from === "full") assertEquals(await getText(p, `${dir}/${to}/inside`), "inside");
        else if (from !== "empty") assertEquals(await getText(p, `${dir}/${to}`), from);
      }
    },
  })),
  {
    name: "an open file that is moved, and one that is replaced, stay usable",
    needs: ["rename"],
    async run(p, dir) {
      await put(p, `${dir}/a`, "aaaa");
      await put(p, `${dir}/b`, "bbbb");
      const [a, b] = [await p.open(`${dir}/a`, "r+"), await p.open(`${dir}/b`, "r")];
      await p.rename(`${dir}/a`, `${dir}/b`);
      await p.write(a, new TextEncoder().encode("AA"), 0);
      assertEquals(new TextDecoder().decode(await p.read(b, 10, 0)), "bbbb");
      await p.close(a);
      await p.close(b);
      assertEquals(await getText(p, `${dir}/b`), "AAaa");
    },
  },
  {
    name: "a moved directory is entered under its new name, and its .. is the new parent",
    needs,
    async run(p, dir) {
      await p.mkdir(`${dir}/from`);
      await p.mkdir(`${dir}/from/moving`);
      await put(p, `${dir}/from/moving/f`, "1");
      await p.mkdir(`${dir}/to`);
      await put(p, `${dir}/to/beside`, "2");
      await p.rename(`${dir}/from/moving`, `${dir}/to/moved`);
      assertEquals(await getText(p, `${dir}/to/moved/f`), "1");
      assertEquals(await getText(p, `${dir}/to/moved/../beside`), "2");
      assertEquals([await p.readdir(`${dir}/from`), await refused(p.stat(`${dir}/from/moving/f`))], [[], "ENOENT"]);
    },
  },
  {
    name: "only the case of a name changes, and the listing shows it",
    needs: ["rename", "recase"],
    async run(p, dir) {
      await put(p, `${dir}/readme.txt`, "1");
      await p.rename(`${dir}/readme.txt`, `${dir}/README.TXT`);
      assertEquals((await p.readdir(dir)).filter((n) => /^readme/i.test(n)), ["README.TXT"]);
      assertEquals(await getText(p, `${dir}/README.TXT`), "1");
    },
  },
  {
    name: "a long way: a file renamed a thousand times is still one file",
    needs: ["rename"],
    async run(p, dir) {
      await put(p, `${dir}/n0`, "here");
      for (let i = 0; i < 1000; i++) await p.rename(`${dir}/n${i}`, `${dir}/n${i + 1}`);
      assertEquals([await p.readdir(dir), await getText(p, `${dir}/n1000`)], [["n1000"], "here"]);
    },
  },
  {
    name: "renaming one link of a file onto another does nothing",
    needs: ["rename", "links"],
    async run(p, dir) {
      await put(p, `${dir}/a`, "1");
      await p.link(`${dir}/a`, `${dir}/b`);
      await p.rename(`${dir}/a`, `${dir}/b`);
      assertEquals([(await p.readdir(dir)).sort(), (await p.stat(`${dir}/a`)).nlink], [["a", "b"], 2]);
    },
  },
  {
    name: "a symbolic link is moved itself",
    needs: ["rename", "symlinks"],
    async run(p, dir) {
      await put(p, `${dir}/target`, "1");
      await p.symlink("target", `${dir}/l`);
      await p.rename(`${dir}/l`, `${dir}/m`);
      assertEquals([await p.readlink(`${dir}/m`), await getText(p, `${dir}/m`)], ["target", "1"]);
    },
  },
];
