/** Disks of NBD servers: nbdkit and qemu-nbd on the other side. */
import { describe, it } from "node:test";
import { assertEquals, assertMatch } from "../assert.ts";
import { noFuse, type Shell, within } from "./helpers.ts";

/** nbdkit with these words while `work` runs; its socket is nbd.sock, its export is named by the second path. */
function served(sh: Shell, words: string, work: () => void): void {
  sh.must(`nbdkit -U nbd.sock -P pid ${words}; for i in $(seq 100); do [ -S nbd.sock ] && break; sleep 0.05; done`);
  try {
    work();
  } finally {
    sh.run("kill $(cat pid)");
  }
}
const DISK = "truncate -s 40M d.img && mkfs.fat -F 32 d.img > /dev/null && mkdir -p mnt";

describe("nbd", { skip: noFuse() }, () => {
  for (
    const [how, words] of [
      ["plain", "file d.img"],
      [
        "in blocks of 4096 bytes",
        "--filter=blocksize-policy file d.img blocksize-minimum=4096 blocksize-error-policy=error",
      ],
      [
        "in small transfers",
        "--filter=blocksize-policy file d.img blocksize-minimum=512 blocksize-maximum=64k blocksize-error-policy=error",
      ],
      ["of an old server", "--mask-handshake=1 --no-sr file d.img"],
      ["of a server without structured replies", "--no-sr file d.img"],
    ] as const
  ) {
    it(`a disk ${how} is mounted in the sandbox, written, and found in order`, () =>
      within((sh) => {
        sh.must(DISK);
        served(sh, words, () => {
          sh.must(
            `rump_msdos --sandbox 'nbd+unix:///?socket=nbd.sock' mnt && seq 100000 > mnt/seq && rump_msdos -u mnt`,
          );
          assertEquals(
            sh.must(
              `rump_msdos -o ro "nbd+unix:///?socket=$PWD/nbd.sock" mnt && md5sum < mnt/seq && rump_msdos -u mnt`,
            ),
            sh.must("seq 100000 | md5sum"),
          );
        });
        assertEquals(
          sh.must("fsck.fat -n d.img > said && mtype -i d.img ::seq | md5sum"),
          sh.must("seq 100000 | md5sum"),
        );
      }));
  }
  it("a read-only export is mounted read-only, a qcow2 image behind it is read", () =>
    within((sh) => {
      sh.must(`${DISK} && seq 99 > seq && mcopy -i d.img seq :: && qemu-img convert -O qcow2 d.img q.img`);
      served(sh, "-r file q.img", () => {
        sh.must("rump_msdos 'nbd+unix:///?socket=nbd.sock' mnt && cmp seq mnt/seq");
        assertMatch(sh.run("touch mnt/new").err, /Read-only file system/);
        sh.must("rump_msdos -u mnt");
      });
    }));
  it("a server that is gone, or has no such export, is said in one line; a mount whose server goes answers EIO", () =>
    within((sh) => {
      sh.must(DISK);
      assertEquals(
        sh.run("rump_msdos 'nbd+unix:///?socket=nbd.sock' mnt").err,
        "rump_msdos: nbd+unix:///?socket=nbd.sock: no such file or directory\n",
      );
      assertEquals(
        sh.run("rump_msdos nbd://127.0.0.1 mnt").err,
        "rump_msdos: nbd://127.0.0.1: connection refused\n",
      );
      assertEquals(
        sh.run("rump_msdos ftp://host/x mnt").err,
        "rump_msdos: ftp://host/x: ftp: no disks of this scheme\n",
      );
      served(
        sh,
        "--filter=exportname file d.img exportname-list=explicit exportname=one exportname-strict=true",
        () => {
          const r = sh.run("rump_msdos 'nbd+unix:///two?socket=nbd.sock' mnt");
          assertEquals(r.status, 1);
          assertMatch(r.err, /^rump_msdos: nbd\+unix:\S+: nbd: .+\n$/);
          sh.must("rump_msdos 'nbd+unix:///one?socket=nbd.sock' mnt");
        },
      );
      assertMatch(sh.run("sync; ls mnt; cat mnt/none; touch mnt/x && sync mnt/x").err, /Input\/output error/);
      sh.run("umount -l mnt");
    }));
});
