/** exFAT through a mount, as programs use it; fsck.exfat and the peer's driver see the same. */
import { spawnSync } from "node:child_process";
import process from "node:process";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { assertEquals, assertStringIncludes } from "../assert.ts";
import { noFuse, type Shell, within } from "./helpers.ts";

const script = fileURLToPath(new URL("../cases/fsx.py", import.meta.url).href);
const seed = Number(process.env.SEED ?? Date.now() & 0xffffff);
const OPERATIONS = Number(process.env.OPERATIONS ?? 500);

const image = (sh: Shell, options = "", size = "64M") =>
  sh.must(`export PATH=$PATH:/sbin:/usr/sbin; truncate -s ${size} d.img && mkfs.exfat ${options} d.img && mkdir mnt`);
const sound = (sh: Shell) => {
  sh.until("fsck_exfat -n d.img");
  sh.must("PATH=$PATH:/sbin:/usr/sbin; fsck.exfat -n d.img | grep -q 'clean'");
};
const SOURCE = `mkdir -p src/a/b && seq 9999 > src/a/numbers && cp /bin/sh src/a/b && : > src/empty &&
  head -c 70000 /dev/urandom > src/random &&
  for i in $(seq 200); do echo $i > "src/a file with a longer name, number $i"; done`;

/** The peer takes block devices only. */
const noPeer = () =>
  (process.getuid?.() !== 0 ||
    spawnSync("sh", ["-c", "PATH=$PATH:/sbin:/usr/sbin; losetup -f && command -v mount.exfat-fuse"]).status !== 0) &&
  "no loop devices";

describe("exfat through a mount", { skip: noFuse() }, () => {
  for (const options of ["-c 512", "-c 32K"]) {
    it(`mkfs.exfat ${options}: reads, writes, cuts and mapped memory agree with an array, also after mounting anew`, () =>
      within((sh) => {
        image(sh, options);
        sh.must(`rump_exfat d.img mnt && python3 ${script} mnt/file ${seed} ${OPERATIONS} && rump_exfat -u mnt`);
        sh.must("rump_exfat d.img mnt && cmp mnt/file mnt/file.want && rump_exfat -u mnt");
        sound(sh);
      }));
  }
  it("cp and mv make trees that are the same, also after mounting anew", () =>
    within((sh) => {
      image(sh);
      sh.must(SOURCE);
      sh.must(
        "rump_exfat d.img mnt && cp -r --preserve=timestamps src mnt/one && cp -r src mnt/two && mv mnt/two/a mnt/b",
      );
      sh.must("mv mnt/two/random mnt/one/random && rm -r mnt/two && rump_exfat -u mnt");
      sh.must("rump_exfat -o ro d.img mnt && diff -r src/a mnt/b && rm src/random && diff -r -x random src mnt/one");
      const times = (dir: string) => sh.must(`cd ${dir}; find . -type f ! -name random -printf '%P %Ts\\n' | sort`);
      assertEquals(times("mnt/one"), times("src"));
      sh.must("rump_exfat -u mnt");
      sound(sh);
    }));
  it("a name of 255 characters of three bytes each is no longer than names may be", () =>
    within((sh) => {
      image(sh);
      const name = "\u65e5".repeat(255);
      sh.must(`rump_exfat d.img mnt && echo x > mnt/${name} && [ "$(ls mnt)" = ${name} ] && rm mnt/${name}`);
      assertStringIncludes(sh.run(`echo x > mnt/${name}x`).err, "File name too long");
      assertEquals(sh.must("getconf NAME_MAX mnt; rump_exfat -u mnt"), "765\n");
    }));
  it("the label is an attribute of the root; the full disk loses nothing", () =>
    within((sh) => {
      image(sh, "-L BEFORE", "8M");
      assertEquals(
        sh.must(
          "rump_exfat d.img mnt && getfattr --only-values -n user.fat.label mnt && setfattr -n user.fat.label -v \u00dcber mnt",
        ),
        "BEFORE",
      );
      sh.must(
        "seq 100000 > mnt/kept; dd if=/dev/zero of=mnt/full bs=64k; seq 100000 | cmp - mnt/kept && rm mnt/full && rump_exfat -u mnt",
      );
      sound(sh);
      assertStringIncludes(sh.must("PATH=$PATH:/sbin:/usr/sbin; exfatlabel d.img"), "\u00dcber");
    }));
  it(
    "another driver reads what was written, files in pieces too, and what it writes is read",
    { skip: noPeer() },
    () =>
      within((sh) => {
        image(sh, "-c 4K");
        sh.must(SOURCE);
        sh.must("rump_exfat d.img mnt && cp -r src/. mnt");
        sh.must(
          "for i in 1 2 3; do for f in one two; do head -c 9000 /dev/urandom | tee -a src/$f >> mnt/$f; done; done",
        );
        sh.must("mv mnt/a mnt/c && mv src/a src/c && rm mnt/*7 src/*7 && rump_exfat -u mnt");
        sh.must(`export PATH=$PATH:/sbin:/usr/sbin; l=$(losetup -f --show d.img); trap 'umount mnt; losetup -d $l' EXIT
        mount.exfat-fuse $l mnt > /dev/null && diff -r src mnt && echo more | tee -a src/one >> mnt/one`);
        sh.until("rump_exfat d.img mnt");
        sh.must("diff -r src mnt && rump_exfat -u mnt");
        sound(sh);
      }),
  );
  it("a killed mount leaves the mark; fsck_exfat takes it off, and what was synced is there", () =>
    within(async (sh) => {
      image(sh);
      const mount = sh.start("rump_exfat -f d.img mnt");
      sh.until("mountpoint -q mnt");
      sh.must("echo x > mnt/f && sync mnt/f && echo y > mnt/g");
      mount.kill("SIGKILL");
      await mount.ended;
      sh.must("umount -l mnt");
      assertStringIncludes(sh.must("fsck_exfat -p d.img"), "was not unmounted cleanly");
      sound(sh);
      assertEquals(sh.must("rump_exfat -o ro d.img mnt && cat mnt/f && rump_exfat -u mnt"), "x\n");
    }));
});
