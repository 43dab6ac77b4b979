/** Claims about stat(2), chmod(2), utimes(2). */
import { assert, assertEquals } from "./assert.ts";
import { type Claim, put, refused } from "./claim.ts";

/** Even seconds: FAT keeps no odd ones. */
const THEN = Date.UTC(2001, 8, 9, 1, 46, 40) / 1000;
const LATER = Date.UTC(2020, 1, 29, 23, 59, 58) / 1000;

export const attributeClaims: readonly Claim[] = [
  {
    name: "inode numbers tell files apart and stay",
    needs: ["directories"],
    async run(p, dir) {
      await put(p, `${dir}/a`, "1");
      await put(p, `${dir}/b`, "2");
      await p.mkdir(`${dir}/d`);
      const numbers = async () => {
        const all: number[] = [];
        for (const name of ["a", "b", "d", "."]) all.push((await p.stat(`${dir}/${name}`)).ino);
        return all;
      };
      const before = await numbers();
      assertEquals(new Set(before).size, 4);
      await put(p, `${dir}/a`, "more than before");
      assertEquals(await numbers(), before);
      const fd = await p.open(`${dir}/a`, "r");
      assertEquals((await p.fstat(fd)).ino, before[0]);
      await p.close(fd);
    },
  },
  {
    name: "utimes sets the modification time to the second",
    async run(p, dir) {
      await put(p, `${dir}/f`, "1");
      for (const time of [THEN, LATER]) {
        await p.utimes(`${dir}/f`, time, time);
        assertEquals((await p.stat(`${dir}/f`)).mtime, time);
      }
      assertEquals(await refused(p.utimes(`${dir}/none`, THEN, THEN)), "ENOENT");
    },
  },
  {
    name: "utimes sets the access time apart from the modification time",
    needs: ["atime"],
    async run(p, dir) {
      await put(p, `${dir}/f`, "1");
      await p.utimes(`${dir}/f`, THEN, LATER);
      const s = await p.stat(`${dir}/f`);
      assertEquals([s.atime, s.mtime], [THEN, LATER]);
    },
  },
  {
    name: "writing and truncating move the modification time on",
    needs: ["truncate"],
    async run(p, dir) {
      await put(p, `${dir}/f`, "1");
      const change = async (how: () => Promise<unknown>) => {
        await p.utimes(`${dir}/f`, THEN, THEN);
        await how();
        const { mtime } = await p.stat(`${dir}/f`);
        assert(mtime > LATER, `modified at ${mtime}`);
      };
      await change(() => put(p, `${dir}/f`, "22"));
      await change(() => p.truncate(`${dir}/f`, 1));
      await change(async () => {
        const fd = await p.open(`${dir}/f`, "a");
        await p.write(fd, new Uint8Array(3));
        await p.close(fd);
      });
    },
  },
  {
    name: "reading leaves the modification time alone, and so does renaming",
    needs: ["rename"],
    async run(p, dir) {
      await put(p, `${dir}/f`, "1");
      await p.utimes(`${dir}/f`, THEN, THEN);
      const fd = await p.open(`${dir}/f`, "r");
      await p.read(fd, 1);
      await p.close(fd);
      await p.rename(`${dir}/f`, `${dir}/g`);
      assertEquals((await p.stat(`${dir}/g`)).mtime, THEN);
    },
  },
  {
    name: "making and removing names moves the directory's modification time on",
    needs: ["directories"],
    async run(p, dir) {
      await p.mkdir(`${dir}/d`);
      for (const change of [() => put(p, `${dir}/d/f`, ""), () => p.unlink(`${dir}/d/f`)]) {
        await p.utimes(`${dir}/d`, THEN, THEN);
        await change();
        assert((await p.stat(`${dir}/d`)).mtime > LATER);
      }
    },
  },
  {
    name: "permission bits are kept",
    needs: ["modes", "directories"],
    async run(p, dir) {
      await put(p, `${dir}/f`, "");
      await p.mkdir(`${dir}/d`, 0o700);
      assertEquals((await p.stat(`${dir}/d`)).mode, 0o700);
      for (const mode of [0o600, 0o444, 0o4755, 0o644]) {
        await p.chmod(`${dir}/f`, mode);
        assertEquals((await p.stat(`${dir}/f`)).mode, mode);
      }
      await p.chmod(`${dir}/d`, 0o1777);
      assertEquals((await p.stat(`${dir}/d`)).mode, 0o1777);
      assertEquals(await refused(p.chmod(`${dir}/none`, 0o644)), "ENOENT");
    },
  },
];
