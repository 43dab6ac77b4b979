import { describe, it } from "node:test";
import { assert, assertEquals, assertStringIncludes } from "../assert.ts";
import { isDeno, noFuse, type Shell, within } from "./helpers.ts";

const image = (sh: Shell) => sh.must("truncate -s 64M d.img && mkfs.fat d.img && mkdir mnt");
/** The process that has the image open. */
function server(sh: Shell): string {
  const command =
    `for p in /proc/[0-9]*; do ls -l $p/fd 2>/dev/null | grep -q " ${sh.dir}/d.img$" && echo \${p#/proc/}; done; true`;
  return sh.must(command).trim();
}
const ended = (sh: Shell) => assert(sh.until(`! ls -l /proc/[0-9]*/fd 2>/dev/null | grep -q " ${sh.dir}/d.img$"`));
/** Lines of /proc/PID/status, of every thread. */
const status = (sh: Shell, pid: string) => sh.must(`cat /proc/${pid}/task/*/status`).split("\n");
const values = (
  lines: readonly string[],
  key: string,
) => [...new Set(lines.filter((l) => l.startsWith(`${key}:`)).map((l) => l.slice(key.length + 1).trim()))];

describe("the sandbox of a mount", { skip: noFuse() }, () => {
  it("takes user, capabilities, new privileges and calls from every thread, and the mount works", () =>
    within((sh) => {
      image(sh);
      sh.must("rump_msdos --sandbox d.img mnt");
      const pid = server(sh);
      sh.must("cp -r /etc/default mnt/ && diff -r /etc/default mnt/default && rm -r mnt/default/d* && sync");
      const lines = status(sh, pid);
      assertEquals(values(lines, "Uid"), ["65534\t65534\t65534\t65534"]);
      assertEquals(values(lines, "Groups"), [""]);
      assertEquals([values(lines, "CapPrm"), values(lines, "CapEff")], [["0".repeat(16)], ["0".repeat(16)]]);
      assertEquals([values(lines, "NoNewPrivs"), values(lines, "Seccomp")], [["1"], ["2"]]);
      assertStringIncludes(sh.must(`grep "Max core" /proc/${pid}/limits`), " 0 ");
      sh.must("umount mnt");
      ended(sh);
      assertEquals(sh.run("fsck.fat -n d.img").status, 0);
    }));
  it("is entered before the first byte of the image is read", () =>
    within((sh) => {
      // The image's own file system does not answer: the one who reads it stands still.
      sh.must("mkdir on mnt");
      const disk = sh.start("rump_tmpfs --foreground -s 80m t on").pid;
      assert(sh.until(`grep -q "${sh.dir}/on" /proc/self/mounts`));
      sh.must(`truncate -s 64M on/d.img && mkfs.fat on/d.img && sync && stat on/d.img && kill -STOP ${disk}`);
      sh.must("echo 1 > /proc/sys/vm/drop_caches");
      const mount = sh.start("rump_msdos --foreground --sandbox on/d.img mnt");
      try {
        assert(sh.until(`grep -qE "request_wait_answer|folio_wait" /proc/${mount.pid}/wchan`));
        assertEquals(values(status(sh, `${mount.pid}`), "Seccomp"), ["2"]);
      } finally {
        sh.must(`kill -CONT ${disk}`);
      }
      sh.must("touch mnt/x && umount mnt");
      sh.until("umount on");
    }));
  it("what cannot be mounted is told all the same, and leaves no mount", () =>
    within((sh) => {
      sh.must("head -c 1M /dev/zero > d.img && mkdir mnt");
      const r = sh.run("rump_msdos --sandbox d.img mnt");
      assertEquals([r.status, r.out], [1, ""]);
      assertStringIncludes(r.err, "/d.img: not a FAT volume: ");
      assert(!sh.must("cat /proc/self/mounts").includes(sh.dir));
      ended(sh);
    }));
  it("tables of code pages are loaded before it", () =>
    within((sh) => {
      image(sh);
      sh.must("rump_msdos --sandbox -o codepage=932,iocharset=koi8-r d.img mnt && touch mnt/x && umount mnt");
      ended(sh);
    }));
  it("lasts through much work: the runtime's threads go on", () =>
    within((sh) => {
      image(sh);
      sh.must("rump_msdos --sandbox d.img mnt");
      sh.must(`python3 - <<'P'
import os
for r in range(3):
    os.mkdir("mnt/d"); data = os.urandom(300)
    for i in range(1500):
        with open("mnt/d/file with a long name %d" % i, "wb") as f: f.write(data)
    for n in os.listdir("mnt/d"):
        assert open("mnt/d/" + n, "rb").read() == data; os.unlink("mnt/d/" + n)
    os.rmdir("mnt/d")
P`);
      sh.must("umount mnt");
      ended(sh);
      assertEquals(sh.run("fsck.fat -n d.img").status, 0);
    }));
  it("leaves the unmounting to another process: signals unmount, also a busy mount", () =>
    within((sh) => {
      image(sh);
      sh.must("rump_msdos --sandbox d.img mnt && echo x > mnt/f");
      sh.run(`cd mnt && kill ${server(sh)} && sleep 0.3`);
      ended(sh);
      assert(!sh.must("cat /proc/self/mounts").includes(sh.dir));
      assertEquals(sh.must("mtype -i d.img ::f"), "x\n");
    }));
  it("--no-sandbox keeps the rights; both at once are refused", () =>
    within((sh) => {
      image(sh);
      sh.must("rump_msdos --no-sandbox d.img mnt");
      assertEquals(values(status(sh, server(sh)), "Seccomp"), ["0"]);
      sh.must("umount mnt");
      ended(sh);
      const r = sh.run("rump_msdos --sandbox --no-sandbox d.img mnt");
      assertEquals([r.status, r.err], [1, "rump_msdos: --sandbox and --no-sandbox: choose one\n"]);
    }));
  it(
    "--sandbox where nothing can unmount is an error",
    { skip: isDeno && "needs the executable" },
    () =>
      within((sh) => {
        image(sh);
        sh.must(
          'mkdir bin && ln -s "$(command -v rump || command -v rump_msdos)" bin/rump_msdos; ln -s /bin/sh bin/sh',
        );
        const r = sh.run(`PATH=$PWD/bin; rump_msdos --sandbox d.img mnt`);
        assertEquals(r.status, 1);
        assertStringIncludes(r.err, "no sandbox: no program to unmount with");
        sh.run("umount -l mnt");
        ended(sh);
      }),
  );
});
