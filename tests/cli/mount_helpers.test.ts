import { writeFileSync } from "node:fs";
import { describe, it } from "node:test";
import { assert, assertEquals, assertStringIncludes } from "../assert.ts";
import { isDeno, noFuse, type Result, type Shell, within } from "./helpers.ts";

/** A mount name space of its own where mount(8) finds the helpers, /etc/fstab is ours and everybody may open /dev/fuse. */
const SETUP = `set -e
chmod 755 . && mkdir sbin orig mnt && truncate -s 8M d.img && mkfs.fat d.img >/dev/null && chown nobody d.img mnt
mount --bind /usr/sbin orig && for f in orig/*; do ln -s $PWD/$f sbin/; done
cp "$(readlink -f "$(command -v rump)")" rump && ./rump --install --mount-helpers $PWD/sbin
mount --bind sbin /usr/sbin && mknod fuse c 10 229 && chmod 666 fuse && mount --bind fuse /dev/fuse
printf '%s %s msdos rump,user,noauto 0 0\\n' $PWD/d.img $PWD/mnt > fstab && touch /etc/fstab && mount --bind fstab /etc/fstab
gone() { i=0; while ls -l /proc/[0-9]*/fd 2>/dev/null | grep -q "$PWD/d.img$"; do i=$((i+1)); [ $i -lt 200 ] || exit 9; sleep 0.05; done; }
nobody() { setpriv --reuid=65534 --regid=65534 --clear-groups "$@"; }
`;
function inSpace(sh: Shell, script: string): Result {
  writeFileSync(`${sh.dir}/space.sh`, SETUP + script);
  return sh.run("unshare -m --propagation private sh space.sh");
}
const LINKS = "mount.rump_msdos mount.msdos";

describe("mount(8) with the helpers installed", { skip: isDeno ? "needs the executable" : noFuse() }, () => {
  it("-t msdos -o rump mounts by rump_msdos, also as -t rump_msdos; findmnt and df name image and type", () =>
    within((sh) => {
      const r = inSpace(
        sh,
        `mount -t msdos -o rump d.img mnt; findmnt -no SOURCE,FSTYPE mnt; df --output=source,fstype mnt | tail -1; umount mnt; gone
        mount -t rump_msdos -o ro d.img mnt; findmnt -no FSTYPE mnt; ! touch mnt/x 2>/dev/null; umount mnt; gone`,
      );
      assertEquals(r.status, 0, r.err);
      const [first, found, df, again] = r.out.split("\n");
      assertStringIncludes(first!, LINKS);
      assertEquals(found, `${sh.dir}/d.img fuse.msdos`);
      assertEquals(df!.split(/ +/), [`${sh.dir}/d.img`, "fuse.msdos"]);
      assertEquals(again, "fuse.msdos");
    }));
  it("every type is mounted by its own name and by Linux', with options of its own; a loop device is not wanted", () =>
    within((sh) => {
      const r = inSpace(
        sh,
        `mkdir src; echo one > src/f; genisoimage -quiet -R -o cd.iso src; truncate -s 8M e.img; mke2fs -q -t ext4 -d src e.img
        for how in '-t iso9660 -o rump,loop cd.iso' '-t rump_cd9660 cd.iso' '-t ext4 -o rump,ro,noload e.img' '-t ext2fs -o rump e.img'; do
          mount $how mnt; findmnt -no FSTYPE mnt; cat mnt/f; umount mnt; done
        mount -t tmpfs -o rump,size=1m tmpfs mnt; df --output=source,size mnt | tail -1; umount mnt`,
      );
      assertEquals([r.status, r.err], [0, ""]);
      const types = ["cd9660", "cd9660", "ext2fs", "ext2fs"].map((type) => `fuse.${type}\none\n`).join("");
      assert(r.out.replace(/ +/g, " ").endsWith(`${types}tmpfs 1024\n`), r.out);
    }));
  it("a line in fstab is enough: mount dir, mount -a twice", () =>
    within((sh) => {
      const r = inSpace(
        sh,
        `mount mnt; echo one > mnt/f; umount mnt; gone; sed s/,noauto// fstab > f2; cat f2 > fstab
        mount -a; mount -a; cat mnt/f; findmnt -n mnt | wc -l; umount mnt; gone`,
      );
      assertEquals([r.status, r.out.split("\n").slice(1)], [0, ["one", "1", ""]], r.err);
    }));
  it("an ordinary user mounts and unmounts what fstab says user of", () =>
    within((sh) => {
      const r = inSpace(
        sh,
        `nobody sh -c 'mount mnt && echo hi > mnt/f && stat -c %U mnt/f && findmnt -no OPTIONS mnt && umount mnt'; gone; mtype -i d.img ::f`,
      );
      assertEquals(r.status, 0, r.err);
      assertStringIncludes(r.out, "nobody\n");
      assertStringIncludes(r.out, "noexec");
      assertStringIncludes(r.out, "user_id=65534");
      assert(r.out.endsWith("hi\n"));
    }));
  it("without rump the kernel's driver is asked, by root only", () =>
    within((sh) => {
      const r = inSpace(sh, `mount.msdos d.img mnt -f -v; nobody mount.msdos d.img mnt || echo $?`);
      assertStringIncludes(r.err, "only root mounts by the kernel's driver; -o rump mounts without it");
      assert(r.out.endsWith("1\n"), r.out);
    }));
  it("a failure is said in one line, and mount fails; -s leaves out what is not known, -f mounts nothing", () =>
    within((sh) => {
      const r = inSpace(
        sh,
        `mount -t msdos -o rump,bogus d.img mnt || echo $?; mount -t msdos -o rump fstab mnt || echo $?
        mount -s -t msdos -o rump,bogus d.img mnt && umount mnt && gone; mount -f -t msdos -o rump d.img mnt; findmnt mnt || echo none`,
      );
      assertEquals(r.err.trim().split("\n"), [
        "mount.msdos: -o bogus: option not supported",
        `mount.msdos: ${sh.dir}/fstab: not a FAT volume: shorter than a boot sector`,
      ]);
      assertEquals(r.out.split("\n").slice(1), ["1", "1", "none", ""]);
    }));
});

describe("rump_msdos -u", { skip: noFuse() }, () => {
  it("comes back when the image is complete", () =>
    within((sh) => {
      sh.must(
        "truncate -s 64M d.img && mkfs.fat d.img && mkdir mnt && rump_msdos d.img mnt && cp -r /etc/default mnt/",
      );
      sh.must(
        "rump_msdos -u mnt && fsck.fat -n d.img && mcopy -s -i d.img ::default back && diff -r /etc/default back",
      );
    }));
  it("of a busy mount is refused; --lazy takes it away", () =>
    within((sh) => {
      sh.must("truncate -s 8M d.img && mkfs.fat d.img && mkdir mnt && rump_msdos d.img mnt");
      const busy = sh.run("cd mnt && rump_msdos -u ../mnt");
      assertEquals(busy.status, 1);
      assertStringIncludes(busy.err, "busy");
      sh.must("cd mnt && rump_msdos --unmount --lazy ../mnt");
      assert(!sh.must("cat /proc/self/mounts").includes(sh.dir));
      assertEquals(sh.run("rump_msdos -u mnt").err, "rump_msdos: mnt: no mount of ours\n");
    }));
  it("options may follow the operands, as mount.fuse puts them", () =>
    within((sh) => {
      sh.must("truncate -s 8M d.img && mkfs.fat d.img && mkdir mnt && rump_msdos d.img mnt -o ro,uid=7");
      assertEquals(sh.must("stat -c %u mnt; rump_msdos -u mnt"), "7\n");
    }));
});

describe("who may mount", { skip: isDeno ? "needs the executable" : noFuse() }, () => {
  it("the root of a user name space, without any other right", () =>
    within((sh) => {
      sh.must(
        `chmod 755 . && truncate -s 8M d.img && mkfs.fat d.img && mkdir mnt && chown nobody d.img mnt && cp "$(readlink -f "$(command -v rump)")" .`,
      );
      const r = sh.run(
        `unshare -m --propagation private sh -c 'mknod ${sh.dir}/fuse c 10 229; chmod 666 ${sh.dir}/fuse; mount --bind ${sh.dir}/fuse /dev/fuse
        setpriv --reuid=65534 --regid=65534 --clear-groups unshare -Urm sh -c "./rump msdos d.img mnt && echo user > mnt/file && cat mnt/file && ./rump msdos -u mnt"'`,
      );
      assertEquals([r.out, r.status], ["user\n", 0], r.err);
      assertEquals(sh.must("mtype -i d.img ::file"), "user\n");
    }));
});
