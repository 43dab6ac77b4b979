import { writeFileSync } from "node:fs";
import { describe, it } from "node:test";
import { assert, assertEquals, assertStringIncludes } from "../assert.ts";
import { noFuse, type Shell, within } from "./helpers.ts";

/** disk.img: a FAT16 volume with a file, marked as not unmounted. */
function dirty(sh: Shell): void {
  sh.must("truncate -s 8M disk.img && mkfs.fat -F 16 -s 1 disk.img && echo hello >h.txt && mcopy -i disk.img h.txt ::");
  sh.must("printf '\\001' | dd of=disk.img bs=1 seek=37 conv=notrunc 2>dd.log");
}

describe("fsck_msdos", () => {
  it("says what NetBSD's says of a clean volume, and ends with 0", () =>
    within((sh) => {
      sh.must("truncate -s 1440K f.img && mkfs.fat -s 1 -r 512 f.img");
      assertEquals(
        sh.run("fsck_msdos -n f.img"),
        {
          status: 0,
          out: "** f.img (NO WRITE)\n** Phase 1 - Read and Compare FATs\n** Phase 2 - Checking Directories\n" +
            "** Phase 3 - Check Cluster Chains\n** Phase 4 - Checking for Lost Files\n1 files, 1414 free (2829 clusters)\n",
          err: "",
        },
      );
    }));
  it("-n leaves the image as it is and ends with 8; -y mends it and ends with 0", () =>
    within((sh) => {
      dirty(sh);
      const sum = sh.must("cksum disk.img");
      const looked = sh.run("fsck_msdos -n disk.img");
      assertEquals([looked.status, sh.must("cksum disk.img")], [8, sum]);
      assertStringIncludes(looked.out, "was not unmounted cleanly: mark it clean? no");
      const mended = sh.run("fsck_msdos -y disk.img");
      assertEquals(mended.status, 0);
      assertStringIncludes(mended.out, "***** FILE SYSTEM WAS MODIFIED *****");
      sh.must("fsck_msdos -n disk.img && fsck.fat -n disk.img");
    }));
  it("without options it asks, and what is not y is no", () =>
    within((sh) => {
      dirty(sh);
      assertEquals(sh.run("echo n | rump.fsck_msdos disk.img").status, 8);
      assertEquals(sh.run("rump.fsck_msdos disk.img </dev/null").status, 8);
      assertEquals(sh.run("echo y | rump.fsck_msdos disk.img").status, 0);
    }));
  it("--json is one document with every finding", () =>
    within((sh) => {
      dirty(sh);
      const looked = JSON.parse(sh.run("fsck_msdos --json disk.img").out);
      assertEquals(looked.findings, [{
        kind: "dirty",
        text: "was not unmounted cleanly",
        repair: "mark it clean",
        safe: true,
        repaired: false,
      }]);
      const { findings, modified, clean, files } = JSON.parse(sh.must("fsck_msdos --json -p disk.img"));
      assertEquals([findings[0].repaired, modified, clean, files], [true, true, true, 2]);
    }));
  it("what is no volume is said in one line, and ends with 8", () =>
    within((sh) => {
      writeFileSync(`${sh.dir}/x`, new Uint8Array(4096));
      const r = sh.run("fsck_msdos x");
      assertEquals(r.status, 8);
      assertEquals(
        r.err,
        "fsck_msdos: x: not a FAT volume: no boot signature 55 AA (empty (all zeros): make a file system with newfs_msdos)\n",
      );
    }));
  it("a label of the boot sector that can be none goes, where the directory has none", () =>
    within((sh) => {
      sh.must("truncate -s 8M disk.img && mkfs.fat -F 16 -s 1 disk.img");
      sh.must(`printf '\\001bad"' | dd of=disk.img bs=1 seek=43 conv=notrunc 2>dd.log`);
      assertEquals(sh.run("fsck.fat -n disk.img").status, 1);
      assertStringIncludes(sh.must("fsck_msdos -y disk.img"), "which is no label: take it away? yes");
      sh.must("fsck.fat -n disk.img && fsck_msdos -n disk.img");
    }));
  it("names are shown by the code page they are in", () =>
    within((sh) => {
      // In the root of a floppy, a name that begins with 9D, of a file with a size and no clusters.
      sh.must("newfs_msdos -C 1440k -f 1440 d.img");
      sh.must("printf '\\235RE     TXT ' | dd of=d.img bs=1 seek=9728 conv=notrunc status=none");
      sh.must("printf '\\005' | dd of=d.img bs=1 seek=9756 conv=notrunc status=none");
      for (const [option, name] of [["", "/\u00a5RE.TXT"], ["--codepage 850", "/\u00d8RE.TXT"]]) {
        assertStringIncludes(sh.run(`fsck_msdos -n ${option} d.img`).out, name!);
      }
      assertEquals(sh.run("fsck_msdos --codepage 7 -n d.img").status, 1);
    }));
  it("a partition of an image is checked by its place", () =>
    within((sh) => {
      dirty(sh);
      sh.must("truncate -s 12M whole.img && dd if=disk.img of=whole.img bs=1M seek=1 conv=notrunc 2>dd.log");
      assertStringIncludes(sh.must("fsck_msdos -p 'whole.img%OFFSET:1048576%'"), "2 files");
      sh.must("fsck_msdos -n 'whole.img%OFFSET:1048576%'");
      assertEquals(sh.run("fsck_msdos -n whole.img").status, 8);
    }));
  it("a mounted image is refused", { skip: noFuse() }, () =>
    within((sh) => {
      dirty(sh);
      sh.mkdir("mnt");
      sh.must("rump_msdos disk.img mnt");
      const r = sh.run("fsck_msdos -y disk.img");
      sh.must("umount mnt");
      assertEquals(r.status, 8);
      assertStringIncludes(r.err, "it is mounted already");
    }));
  it("rump.fsck_msdos checks a device of the server", () =>
    within((sh) => {
      dirty(sh);
      const env = { RUMP_SERVER: "unix://sock" };
      sh.must("rump_server -lrumpvfs -lrumpfs_msdos -d key=/dev/fat,hostpath=disk.img,size=host unix://sock");
      assertStringIncludes(sh.must("rump.fsck_msdos -y /dev/rfat", env), "MODIFIED");
      sh.must("rump.fsck_msdos -n /dev/rfat", env);
      sh.must("rump.mkdir /m && rump.mount_msdos /dev/fat /m", env);
      assertEquals(sh.run("rump.fsck_msdos -y /dev/rfat", env).status, 8);
      sh.must("rump.halt", env);
    }));
  it("a third party's file system is checked by its plugin", () =>
    within((sh) => {
      writeFileSync(
        `${sh.dir}/onefs.ts`,
        `export default { kind: "fs", name: "onefs", wantsDevice: true, mount() { throw new Error() },
          check(sys, device, request) {
            request.phase("Look at byte 0");
            const b = new Uint8Array(1);
            device.read(b, 0);
            if (b[0] !== 1 && request.found({ kind: "byte", text: "byte 0 is " + b[0], repair: "make it 1" })) {
              device.write(new Uint8Array([1]), 0);
            }
            return { files: 0, free: 0, freeBlocks: 0, blockSize: 512 };
          } };`,
      );
      writeFileSync(`${sh.dir}/x`, new Uint8Array(512));
      assertEquals(sh.run("rump.fsck -t onefs -l ./onefs.ts -n x").status, 8);
      assertStringIncludes(sh.must("rump.fsck -t onefs -l ./onefs.ts -y x"), "byte 0 is 0: make it 1? yes");
      assertEquals(sh.run("rump.fsck -t onefs -l ./onefs.ts -n x").status, 0);
      assertStringIncludes(sh.run("rump.fsck -t tmpfs x").err, "tmpfs: cannot be checked");
    }));
  it("a volume of 2 TiB is checked in bounded memory", () =>
    within((sh) => {
      sh.must("truncate -s 2T big.img && mkfs.fat -F 32 -s 128 big.img");
      const measure = "import resource, subprocess; subprocess.check_call(['fsck_msdos', '-n', 'big.img']); " +
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)";
      const r = sh.run(`python3 -c "${measure}"`);
      assertEquals(r.status, 0);
      assert(/^1 files, \d+ free \(\d+ clusters\)$/m.test(r.out), r.out);
      const kib = Number(r.out.trim().split("\n").at(-1));
      assert(kib > 0 && kib < 300 << 10, `${kib} KiB`);
    }));
});
