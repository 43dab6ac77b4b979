/** Claims about link(2), symlink(2), readlink(2) and following links. */
import { assertEquals } from "./assert.ts";
import { type Claim, getText, put, refused } from "./claim.ts";

export const linkClaims: readonly Claim[] = [
  {
    name: "a hard link is the same file; it lives until its last name goes",
    needs: ["links"],
    async run(p, dir) {
      await put(p, `${dir}/a`, "one");
      await p.link(`${dir}/a`, `${dir}/b`);
      const [a, b] = [await p.stat(`${dir}/a`), await p.stat(`${dir}/b`)];
      assertEquals([a.ino, a.nlink, b.nlink], [b.ino, 2, 2]);
      await put(p, `${dir}/b`, "two");
      assertEquals(await getText(p, `${dir}/a`), "two");
      await p.unlink(`${dir}/a`);
      assertEquals([await getText(p, `${dir}/b`), (await p.stat(`${dir}/b`)).nlink], ["two", 1]);
    },
  },
  {
    name: "link refuses directories, missing files and taken names",
    needs: ["links", "directories"],
    async run(p, dir) {
      await put(p, `${dir}/a`, "");
      await put(p, `${dir}/b`, "");
      await p.mkdir(`${dir}/d`);
      assertEquals(await refused(p.link(`${dir}/a`, `${dir}/b`)), "EEXIST");
      assertEquals(await refused(p.link(`${dir}/a`, `${dir}/d`)), "EEXIST");
      assertEquals(await refused(p.link(`${dir}/d`, `${dir}/e`)), "EPERM");
      assertEquals(await refused(p.link(`${dir}/none`, `${dir}/e`)), "ENOENT");
      assertEquals(await refused(p.link(`${dir}/a`, `${dir}/none/e`)), "ENOENT");
    },
  },
  {
    name: "a directory's link count tells how many directories are in it",
    needs: ["dirlinks", "directories"],
    async run(p, dir) {
      const before = (await p.stat(dir)).nlink;
      await p.mkdir(`${dir}/a`);
      await p.mkdir(`${dir}/b`);
      assertEquals((await p.stat(dir)).nlink, before + 2);
      await p.rmdir(`${dir}/a`);
      await p.rename(`${dir}/b`, `${dir}/c`);
      assertEquals((await p.stat(dir)).nlink, before + 1);
    },
  },
  {
    name: "a symbolic link says what it was given, and leads there",
    needs: ["symlinks", "directories"],
    async run(p, dir) {
      await p.mkdir(`${dir}/d`);
      await put(p, `${dir}/d/f`, "found");
      await p.symlink("d/f", `${dir}/rel`);
      await p.symlink(`${dir}/d`, `${dir}/abs`);
      await p.symlink("../rel", `${dir}/d/up`);
      assertEquals(await p.readlink(`${dir}/rel`), "d/f");
      assertEquals([(await p.lstat(`${dir}/rel`)).type, (await p.lstat(`${dir}/rel`)).size], ["link", 3]);
      assertEquals((await p.stat(`${dir}/rel`)).type, "file");
      for (const path of ["rel", "abs/f", "abs/up", "d/up"]) assertEquals(await getText(p, `${dir}/${path}`), "found");
      assertEquals(await refused(p.readlink(`${dir}/d/f`)), "EINVAL");
      assertEquals(await refused(p.symlink("x", `${dir}/rel`)), "EEXIST");
    },
  },
  {
    name: "a link to nothing is ENOENT, one to itself ELOOP",
    needs: ["symlinks"],
    async run(p, dir) {
      await p.symlink("nowhere", `${dir}/dangling`);
      await p.symlink("loop", `${dir}/loop`);
      await p.symlink("b", `${dir}/a`);
      await p.symlink("a", `${dir}/b`);
      assertEquals(await refused(p.stat(`${dir}/dangling`)), "ENOENT");
      assertEquals(await refused(p.stat(`${dir}/loop`)), "ELOOP");
      assertEquals(await refused(p.open(`${dir}/a`, "r")), "ELOOP");
      assertEquals((await p.lstat(`${dir}/loop`)).type, "link");
      await put(p, `${dir}/dangling`, "made through the link");
      assertEquals(await getText(p, `${dir}/nowhere`), "made through the link");
      assertEquals(await refused(p.open(`${dir}/dangling`, "wx")), "EEXIST");
    },
  },
  {
    name: "removing a link leaves what it leads to",
    needs: ["symlinks", "directories"],
    async run(p, dir) {
      await p.mkdir(`${dir}/d`);
      await put(p, `${dir}/d/f`, "1");
      await p.symlink("d", `${dir}/l`);
      assertEquals(await refused(p.rmdir(`${dir}/l`)), "ENOTDIR");
      await p.unlink(`${dir}/l`);
      assertEquals(await getText(p, `${dir}/d/f`), "1");
    },
  },
  {
    name: "without links, making one is refused and nothing is made",
    async run(p, dir) {
      await put(p, `${dir}/a`, "");
      const ways = [["h", () => p.link(`${dir}/a`, `${dir}/h`)], ["s", () => p.symlink("a", `${dir}/s`)]] as const;
      for (const [name, make] of ways) {
        const answer = await refused(make());
        assertEquals(["ok", "EOPNOTSUPP", "ENOTSUP", "EPERM", "ENOSYS"].includes(answer), true, answer);
        assertEquals((await p.readdir(dir)).includes(name), answer === "ok");
      }
    },
  },
];
