/** p2k(3): every built-in file system is a program, a helper of mount(8), and a type of rump.mount. */
import { describe, it } from "node:test";
import { builtins } from "../../plugins/mod.ts";
import { assertEquals, assertMatch, assertStringIncludes } from "../assert.ts";
import { noFuse, within } from "./helpers.ts";

const types = Object.keys(builtins).filter((n) => n.startsWith("rumpfs_") && n !== "rumpfs_rumpfs").map((n) =>
  n.slice("rumpfs_".length)
);

describe("the program of a file system", () => {
  it("is there for every one: rump_NAME, rump.mount_NAME, mount.NAME and mount.rump_NAME", () =>
    within((sh) => {
      for (const type of types) {
        for (const name of [`rump_${type}`, `rump.mount_${type}`, `mount.${type}`, `mount.rump_${type}`]) {
          assertStringIncludes(sh.must(`${name} --help`), `$ ${name} `);
        }
      }
    }));
  it("says which option is wrong, and why, in one line", () =>
    within((sh) => {
      const r = sh.run("mkdir mnt; rump_tmpfs -s lots tmpfs mnt; rump_tmpfs -o size=1m,uid=no-such-one tmpfs mnt");
      assertEquals(r.err.split("\n"), [
        "rump_tmpfs: size: neither a size nor a part of the memory",
        "rump_tmpfs: uid=no-such-one: no such user",
        "",
      ]);
      assertEquals(sh.run("rump_tmpfs -o bogus tmpfs mnt").err, "rump_tmpfs: -o bogus: option not supported\n");
    }));
  it("says what an image of another file system looks like", () =>
    within((sh) => {
      sh.must("mkdir mnt && newfs_msdos -C 16m d.img && truncate -s 8M e.img && mke2fs -q e.img");
      const said = sh.run("rump_ext2fs d.img mnt; rump_exfat e.img mnt").err.trim().split("\n");
      assertEquals(said.map((line) => /\(.*\)$/.exec(line)?.[0]), ["(it looks like FAT16)", "(it looks like ext2)"]);
    }));
  it("is named to who would mount an image in no kernel", () =>
    within((sh) => {
      sh.must("mkdir mnt && newfs_msdos -C 8m d.img");
      const r = sh.run("unset RUMP_SERVER; rump mount d.img mnt");
      assertMatch(r.err, /^rump\.mount: d\.img: RUMP_SERVER is not set; .*rump_ext2fs, .*rump_msdos\n$/);
      assertEquals(r.status, 1);
    }));
  it("tells a file's holes apart, and keeps attributes (tmpfs)", { skip: noFuse() }, () =>
    within((sh) => {
      sh.must("mkdir mnt && rump_tmpfs -s 25% tmpfs mnt");
      sh.must("truncate -s 100M mnt/f && echo x | dd of=mnt/f bs=1 seek=50M conv=notrunc status=none");
      const seek =
        "import os; f = os.open('mnt/f', 0); d = os.lseek(f, 0, 3); print(d >> 20, os.lseek(f, d, 4) - d, os.lseek(f, 0, 4))";
      assertEquals(sh.must(`python3 -c "${seek}"; stat -c %b mnt/f`), "50 65536 0\n8\n");
      sh.must("setfattr -n user.a -v b mnt/f && cp -a --sparse=always mnt/f mnt/g && cmp mnt/f mnt/g");
      assertEquals(sh.must("getfattr -n user.a --only-values mnt/g"), "b");
      sh.must("rump_tmpfs -u mnt");
    }));
  it("takes options by letter, by name and by Linux's name", { skip: noFuse() }, () =>
    within((sh) => {
      sh.must("mkdir mnt && rump_tmpfs -s 10m -m 750 -o nr_inodes=100,uid=nobody tmpfs mnt");
      assertMatch(sh.must("df --output=size,itotal mnt | tail -1; stat -c '%a %U' mnt"), /10240 +100\n750 nobody\n/);
      sh.must("rump_tmpfs -u mnt");
    }));
});
