/** Directories and images over each other, mounted on the host: rump_null and rump_union. */
import process from "node:process";
import { describe, it } from "node:test";
import { assertEquals, assertMatch, assertStringIncludes } from "../assert.ts";
import { isDeno, noFuse, type Shell, within } from "./helpers.ts";

/** An ext2 image `low.img` with some files, and the same tree in `tree`. */
function image(sh: Shell): void {
  sh.must(
    `mkdir -p tree/sub/deep mnt up && seq 20000 > tree/numbers && echo one > tree/sub/one && echo two > tree/sub/deep/two &&
    ln -s numbers tree/link && chmod 640 tree/sub/one && touch -d 2001-02-03T04:05:06 tree/numbers tree/sub &&
    truncate -s 8M low.img && mke2fs -q -t ext2 -d tree low.img && sha256sum low.img > sum`,
  );
}
const CHANGES =
  `echo more >> $t/numbers && rm $t/sub/one && mv $t/sub $t/moved && mkdir $t/sub && echo new > $t/sub/new &&
  ln $t/sub/new $t/hard && rm $t/link && ln -s sub/new $t/link && chmod 600 $t/moved/deep/two && mkfifo $t/fifo`;

describe("rump_union", { skip: noFuse() }, () => {
  it("is an image with a writable layer in one command: the image stays as it was, the layer is found again", () =>
    within((sh) => {
      image(sh);
      sh.must("rump_union up low.img mnt");
      assertEquals(
        sh.must("stat -c '%a %U %Y' mnt/sub/one mnt/numbers mnt/sub"),
        sh.must("stat -c '%a %U %Y' tree/sub/one tree/numbers tree/sub"),
      );
      sh.must("rmdir mnt/lost+found");
      for (const t of ["mnt", "tree"]) sh.must(`t=${t}; ${CHANGES}`);
      sh.must("diff -r --no-dereference tree mnt -x fifo && test -p mnt/fifo");
      sh.must("rump_union -u mnt && sha256sum -c sum && rump_union up low.img mnt");
      sh.must("diff -r --no-dereference tree mnt -x fifo && rump_union -u mnt && sha256sum -c sum");
    }));
  it("copies a file up with its mode, times, holes and attributes", () =>
    within((sh) => {
      sh.must(
        `mkdir tree mnt up && truncate -s 30M tree/f && echo x | dd of=tree/f bs=1 seek=20M conv=notrunc status=none &&
        chmod 604 tree/f && setfattr -n user.a -v b tree/f && touch -d 2001-02-03T04:05:06.789 tree/f && sha256sum < tree/f > sum`,
      );
      sh.must("rump_union up tree mnt && chmod 600 mnt/f");
      assertEquals(sh.must("stat -c '%a %y' up/f"), "600 2001-02-03 04:05:06.789000000 +0000\n");
      assertStringIncludes(sh.must("getfattr -n user.a --only-values mnt/f"), "b");
      sh.must("sha256sum < mnt/f | cmp - sum && test $(stat -c %b up/f) -lt 2000 && rump_union -u mnt");
      assertEquals(sh.must("ls -A up"), "f\n");
    }));
  it("takes an image for the layer, too, in the sandbox; e2fsck finds it well", () =>
    within((sh) => {
      image(sh);
      sh.must("truncate -s 16M up.img && mke2fs -q -t ext2 up.img && rump_union --sandbox up.img low.img mnt");
      sh.must(`rm -r tree/sub/deep mnt/sub/deep && t=mnt; cp tree/numbers mnt/copy && echo y > mnt/sub/one`);
      sh.must("rump_union -u mnt && e2fsck -fn up.img && sha256sum -c sum && rump_union up.img low.img mnt");
      assertEquals(sh.must("cat mnt/sub/one && ls mnt/sub && cmp tree/numbers mnt/copy"), "y\none\n");
      sh.must("rump_union -u mnt");
    }));
  it("with tmpfs above forgets what was written", () =>
    within((sh) => {
      image(sh);
      sh.must("rump_union --sandbox tmpfs low.img mnt && echo x > mnt/x && rm mnt/numbers && rump_union -u mnt");
      sh.must(
        "rump_union -o ro tmpfs low.img mnt && cmp mnt/numbers tree/numbers && rump_union -u mnt && sha256sum -c sum",
      );
    }));
  it("takes Linux's words of overlay, and mount_union(8)'s operands", () =>
    within((sh) => {
      image(sh);
      sh.must("rump_union -o lowerdir=low.img,upperdir=up mnt && echo x > mnt/x && rump_union -u mnt && test -f up/x");
      sh.must("echo below > mnt/below && rump_union up mnt && ls mnt");
      assertEquals(sh.must("cat mnt/x mnt/below && echo z > mnt/below; cat up/below"), "x\nbelow\nz\n");
      sh.must("rump_union -u mnt && rump_union -b tree mnt");
      assertEquals(sh.must("cat mnt/below mnt/sub/one; rump_union -u mnt"), "below\none\n");
    }));
  it("says what is wrong in one line", () =>
    within((sh) => {
      image(sh);
      sh.must("truncate -s 1M nothing.img");
      const said = (command: string) => sh.run(command).err;
      assertEquals(
        said("rump_union up nothing.img mnt"),
        "rump_union: nothing.img: no file system that is known; type:image says which it is\n",
      );
      assertEquals(said("rump_union up nosuch mnt"), "rump_union: nosuch: no such file or directory\n");
      assertEquals(
        said("rump_union --sandbox up low.img mnt"),
        "rump_union: no sandbox: a directory of the host is served\n",
      );
      sh.must("rump_union up low.img mnt && mkdir second");
      assertMatch(
        said("rump_union up low.img second"),
        /^rump_union: up: in use by process \d+: it is mounted already\n$/,
      );
      sh.must("rump_union -u mnt");
      assertMatch(said("rump_union up"), /^usage: rump_union /i);
    }));
  it("dpkg and git work in it", () =>
    within((sh) => {
      sh.must(`mkdir tree mnt up && cd tree && git init -q . && git config user.email a@b && git config user.name a &&
        seq 1000 > f && git add f && git commit -qm one`);
      sh.must(
        `rump_union up tree mnt && cd mnt && echo x >> f && git commit -qam two && git gc -q && git fsck --strict && git status --porcelain`,
      );
      assertEquals(sh.must("cd mnt && git log --format=%s && cd ../tree && git log --format=%s"), "two\none\none\n");
      sh.must("rump_union -u mnt && cd tree && git fsck --strict");
    }));
});
describe("rump_null", { skip: noFuse() }, () => {
  it("does not show a directory inside itself: it would wait for itself there", () =>
    within((sh) => {
      sh.must("mkdir -p dir/mnt tree && touch tree/file");
      for (const command of ["rump_null dir dir/mnt", "rump_union tree dir dir/mnt"]) {
        assertEquals(
          sh.run(command).err,
          `${command.split(" ")[0]}: dir: the mountpoint ${sh.dir}/dir/mnt is in it\n`,
        );
      }
      assertEquals(sh.must("rump_null tree tree && ls tree && umount tree"), "file\n");
    }));
  it("mounts a directory, or an image, at a second place, read-only where asked", () =>
    within((sh) => {
      image(sh);
      sh.must("rump_null -o ro tree mnt && diff -r --no-dereference tree mnt");
      assertStringIncludes(sh.run("touch mnt/x").err, "Read-only file system");
      sh.must(
        "rump_null -u mnt && rump_null -o ro low.img mnt && cmp mnt/numbers tree/numbers && rump_null -u mnt && sha256sum -c sum",
      );
    }));
});
describe("rump_null, while the host changes the directory", { skip: noFuse() }, () => {
  it("shows what is changed, made and replaced there within seconds", () =>
    within((sh) => {
      sh.must("mkdir d mnt && echo old > d/f && rump_null d mnt && cat mnt/f && ls mnt");
      sh.must("echo newer > d/n && mv d/n d/f && echo x > d/g && sleep 1.2");
      assertEquals(sh.must("cat mnt/f mnt/g && ls mnt"), "newer\nx\nf\ng\n");
      sh.must("rump_null -u mnt");
    }));
});
describe("a directory of the host lent to a server", () => {
  const serve = (how: string) => `rump_server -lrumpvfs -d key=/d,hostpath=dir,type=dir${how} unix://sock`;
  const sock = { RUMP_SERVER: "unix://sock" };
  it("has the host's owners, modes, times and links; what is written is the host's", () =>
    within((sh) => {
      sh.must("mkdir dir && echo x > dir/f && chmod 640 dir/f && ln dir/f dir/g && touch -d 2001-02-03T04:05:06 dir/f");
      sh.must(serve(""));
      assertMatch(sh.must("rump.ls -l /d", sock), /^total \d+\n-rw-r----- {2}2 \S+ +\S+ +2 Feb {2}3 {2}2001 f\n/);
      sh.must("echo new > n && rump.cp host:n /d/n && rump.ln /d/n /d/m && rump.chmod 600 /d/n && rump.halt", sock);
      assertEquals(sh.must("cat dir/n && stat -c '%a %h' dir/m"), "new\n600 2\n");
    }));
  it(
    "a server that is not root there may what its user may",
    { skip: isDeno || process.getuid?.() !== 0 },
    () =>
      within((sh) => {
        sh.must(
          `chmod 755 . && mkdir -m 777 dir run && chmod 777 . && cp "$(command -v rump)" run/ && chmod 755 run/rump &&
        echo secret > dir/theirs && chmod 600 dir/theirs && echo read > dir/readable`,
        );
        sh.must(
          `setpriv --reuid 65534 --regid 65534 --clear-groups run/rump rump_server -lrumpvfs -d key=/d,hostpath=dir,type=dir unix://sock`,
        );
        const said = (command: string) => sh.run(command, sock).err.replace(/^.*: /, "");
        assertEquals(
          ["rump.cat /d/theirs", "rump.chmod 666 /d/readable", "rump.cp /d/readable /d/theirs"].map(said),
          ["Permission denied\n", "Operation not permitted\n", "Permission denied\n"],
        );
        sh.must("rump.cp /d/readable /d/mine && rump.halt", sock);
        assertEquals(sh.must("stat -c %u dir/mine && cat dir/theirs"), "65534\nsecret\n");
      }),
  );
  it("with `ro` cannot be written, nor can a disk", () =>
    within((sh) => {
      sh.must("mkdir dir && echo x > dir/f && truncate -s 1M d.img && sha256sum d.img > sum");
      sh.must(
        `rump_server -lrumpvfs -d key=/d,hostpath=dir,type=dir,ro -d key=/dev/dk,hostpath=d.img,size=host,ro unix://sock`,
      );
      assertStringIncludes(sh.run("rump.rm /d/f", sock).err, "Read-only file system");
      assertEquals(sh.run("rump.dd if=/dev/zero of=/dev/rdk count=1", sock).status, 1);
      sh.must("rump.cat /d/f && rump.halt && sha256sum -c sum", sock);
    }));
});
