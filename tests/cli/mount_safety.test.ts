import { existsSync, writeFileSync } from "node:fs";
import { describe, it } from "node:test";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "../assert.ts";
import { noFuse, type Shell, within } from "./helpers.ts";

const skip = noFuse();
const image = (sh: Shell, size = "16M") => sh.must(`truncate -s ${size} d.img && mkfs.fat d.img && mkdir mnt`);

describe("one image", { skip }, () => {
  it("has one writer or many readers, under whatever name", () =>
    within((sh) => {
      image(sh);
      sh.must(
        "ln d.img hard && ln -s d.img soft && mkdir m2 m3 && rump_msdos -o ro d.img mnt && rump_msdos -o ro hard m2",
      );
      assertStringIncludes(sh.run("rump_msdos soft m3").err, "locked by process");
      sh.must("rump.ls --image soft / && rump_msdos -u mnt; rump_msdos -u m2; rump_msdos soft m3");
      for (
        const command of ["rump_msdos -o ro hard mnt", "rump.ls --image d.img /", "rump.cp --image hard host:soft /"]
      ) {
        const r = sh.run(command);
        assertEquals(
          [r.status, /locked by process \d+: it is (being written|mounted) already/.test(r.err)],
          [1, true],
          r.err,
        );
      }
      sh.must("rump_msdos -u m3");
    }));
  it("is the same bytes as the partitions in it, and not those of another partition", () =>
    within((sh) => {
      sh.must("truncate -s 40M d.img && mkdir mnt m2");
      sh.must(
        `printf 'label: dos\\n2048,30720,c\\n32768,30720,c\\n' | sfdisk -q d.img && mkfs.fat --offset 2048 d.img 15360 && mkfs.fat --offset 32768 d.img 15360`,
      );
      sh.must("rump_msdos d.img%MBR:1% mnt && rump_msdos d.img%MBR:2% m2");
      assertStringIncludes(sh.run("rump.ls --image d.img%OFFSET:1m% /").err, "locked by process");
      sh.must("echo 1 > mnt/one && echo 2 > m2/two && rump_msdos -u mnt && rump_msdos -u m2");
      assertEquals(sh.must("rump.ls --image d.img%MBR:1% / && rump.ls --image d.img%MBR:2% /"), "one\ntwo\n");
    }));
  it("that a server has is not mounted, nor lent twice", () =>
    within((sh) => {
      image(sh);
      sh.must("rump_server -l rumpvfs -d key=/dev/a,hostpath=d.img,size=host unix://sock");
      assertStringIncludes(sh.run("rump_msdos d.img mnt").err, "locked by process");
      const twice = sh.run("rump_server -l rumpvfs -d key=/dev/a,hostpath=d.img,size=host unix://s2");
      assertStringIncludes(twice.err, "etfs register: d.img: locked by process".replace("d.img", `${sh.dir}/d.img`));
      sh.must("RUMP_SERVER=unix://sock rump.halt");
    }));
  it("that is a block device the kernel has mounted is refused, and so is a second use", (t) =>
    within((sh) => {
      sh.must("truncate -s 16M d.img && mkfs.ext4 -q d.img && truncate -s 16M f.img && mkfs.fat f.img && mkdir mnt m2");
      const loop = sh.run("losetup --show -f d.img && losetup --show -f f.img");
      if (loop.status !== 0) return t.skip("no loop devices");
      const [ext4, fat] = loop.out.split("\n");
      try {
        sh.must(`mount ${ext4} mnt`);
        assertStringIncludes(sh.run(`rump_msdos ${ext4} m2`).err, "device or resource busy");
        assertStringIncludes(sh.run(`rump_msdos -o ro ${ext4} m2`).err, "device or resource busy");
        sh.must(`umount mnt && rump_msdos ${fat} mnt`);
        assertStringIncludes(sh.run(`rump.ls --image ${fat} /`).err, "busy");
        sh.must("echo x > mnt/f && rump_msdos -u mnt");
        assertEquals(sh.must("mtype -i f.img ::f"), "x\n");
      } finally {
        sh.must(`umount mnt 2>/dev/null; losetup -d ${ext4} ${fat}`);
      }
    }));
  it("that a loop device has is left to it", (t) =>
    within((sh) => {
      image(sh);
      const loop = sh.run("losetup --show -f d.img");
      if (loop.status !== 0) return t.skip("no loop devices");
      try {
        assertStringIncludes(sh.run("rump_msdos d.img mnt").err, `in use by ${loop.out.trim()}`);
      } finally {
        sh.must(`losetup -d ${loop.out.trim()}`);
      }
    }));
});

describe("an image's own disk", { skip }, () => {
  it("is not unmounted by -u while the host has no room for what was written", () =>
    within((sh) => {
      sh.must(
        "mkdir disk mnt && mount -t tmpfs -o size=1m tmpfs disk && truncate -s 64M disk/d.img && newfs_msdos disk/d.img",
      );
      sh.run("dd if=/dev/zero of=disk/fill bs=4k; rump_msdos disk/d.img mnt; mkdir mnt/made; echo x > mnt/small");
      const r = sh.run("rump_msdos -u mnt");
      const said = "rump_msdos: mnt: No space left on device: not everything is written, it stays mounted " +
        "(--unmount --lazy gives up what is not)\n";
      assertEquals([r.status, r.err], [1, said]);
      sh.must("rm disk/fill && rump_msdos -u mnt && fsck.fat -n disk/d.img && umount disk");
    }));
  it("that is full is ENOSPC for the writer, and what was written before stays whole", () =>
    within((sh) => {
      sh.must(
        "mkdir disk mnt && mount -t tmpfs -o size=8m tmpfs disk && truncate -s 64M disk/d.img && mkfs.fat disk/d.img",
      );
      sh.must("rump_msdos disk/d.img mnt && head -c 2M /dev/urandom > keep && cp keep mnt/ && sync mnt/keep");
      assertStringIncludes(sh.run("head -c 20M /dev/urandom > mnt/big && sync mnt/big").err, "No space left on device");
      sh.must("cmp keep mnt/keep && rm -f mnt/big && rump_msdos -u mnt");
      assertEquals(sh.must("rump.ls --image disk/d.img /"), "keep\n");
      assertEquals(sh.run("fsck.fat -n disk/d.img").status, 0);
      sh.must("umount disk");
    }));
  it("that loses its end is an error for the reader and for fsync, and the mount goes on", () =>
    within((sh) => {
      image(sh);
      sh.must(
        "head -c 8M /dev/urandom > src && rump_msdos d.img mnt && cp src mnt/big && echo small > mnt/small && sync mnt/big",
      );
      sh.must("truncate -s 4M d.img && echo 3 > /proc/sys/vm/drop_caches");
      const r = sh.run("cat mnt/big > /dev/null");
      assertEquals(r.status, 1);
      assertStringIncludes(r.err, "Input/output error");
      sh.must("ls mnt && head -c 1M mnt/big | cmp -n 1048576 - src");
      sh.must("rump_msdos -u mnt");
    }));
  it("that may not be written is mounted read-only, and the log says so", () =>
    within((sh) => {
      image(sh);
      sh.must(
        "mkdir disk && mount --bind disk disk && cp d.img disk/ && mount -o remount,ro,bind disk && rump_msdos --log log disk/d.img mnt",
      );
      assertStringIncludes(sh.run("touch mnt/x").err, "Read-only file system");
      assertStringIncludes(sh.must("cat log"), "d.img: mounted read-only");
      sh.must("rump_msdos -u mnt && umount disk");
    }));
});

describe("what is written", { skip }, () => {
  it("is on the disk after fsync, also when the process is killed then", () =>
    within((sh) => {
      image(sh);
      sh.must(`rump_msdos d.img mnt && mkdir mnt/d && head -c 100000 /dev/urandom > src && python3 - <<'P'
import os, signal, subprocess
data = open("src", "rb").read()
f = os.open("mnt/d/a long name.bin", os.O_CREAT | os.O_WRONLY)
os.write(f, data); os.fsync(f); os.fsync(os.open("mnt/d", os.O_RDONLY))
P
for p in /proc/[0-9]*; do ls -l $p/fd 2>/dev/null | grep -q " $PWD/d.img$" && kill -9 \${p#/proc/}; done; umount -l mnt`);
      assert(sh.until("rump.ls --image d.img /"));
      sh.must(`rump.cp --image d.img "/d/a long name.bin" host:back && cmp src back`);
    }));
  it("is on the disk some seconds later without anybody asking", () =>
    within((sh) => {
      image(sh);
      sh.must("rump_msdos d.img mnt && echo later > mnt/file");
      assert(sh.until("mtype -i d.img ::file 2>/dev/null | grep -q later", 40));
      sh.must("rump_msdos -u mnt");
    }));
});

describe("rump_msdos --stats", { skip }, () => {
  it("shows what the process of a mount does, out of its sandbox", () =>
    within((sh) => {
      image(sh);
      sh.must("rump_msdos --sandbox d.img mnt && head -c 3M /dev/urandom > mnt/f");
      const [heading, first, second, ...rest] = sh.must("rump_msdos --stats --count 2 mnt").split("\n");
      assertEquals(heading!.trim().split(/ +/), ["requests/s", "read/s", "write/s", "waiting", "cached", "dirty"]);
      const [requests, read, write] = first!.trim().split(/ +/);
      assert(Number(requests) > 0 && /^\d/.test(read!) && /M$/.test(write!), first);
      assertEquals([second!.trim().split(/ +/).length, rest], [6, [""]]);
      sh.must("rump_msdos -u mnt");
    }));
  it("of anything else is an error", () =>
    within((sh) => {
      image(sh);
      const r = sh.run("rump_msdos --stats mnt");
      assertEquals([r.status, r.err], [1, "rump_msdos: mnt: no mount of ours\n"]);
      assertStringIncludes(sh.run("rump_msdos --stats --count 0 mnt").err, "--count 0: not a number above 0");
    }));
});

describe("the log of a mount", { skip }, () => {
  it("goes to the file that --log names", () =>
    within((sh) => {
      image(sh);
      sh.must(
        "mcopy -i d.img - ::f < /etc/passwd; rump_msdos -o ro --log log d.img mnt && rump_msdos -u mnt && test -e log",
      );
      const r = sh.run("rump_msdos --log nosuch/log d.img mnt");
      assertEquals([r.status, r.err], [1, "rump_msdos: nosuch/log: no such file or directory\n"]);
    }));
  it("goes to the system's log otherwise", (t) =>
    within((sh) => {
      if (existsSync("/dev/log")) return t.skip("somebody has it");
      image(sh);
      writeFileSync(
        `${sh.dir}/syslog.py`,
        `import os, socket
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.bind("/dev/log"); s.settimeout(20); open("up", "w")
try: open("said", "w").write(s.recv(4096).decode())
finally: os.unlink("/dev/log")`,
      );
      const daemon = sh.start("python3 syslog.py");
      assert(sh.until("test -e up"));
      sh.must(
        "mkdir disk && mount --bind disk disk && cp d.img disk/ && mount -o remount,ro,bind disk && rump_msdos disk/d.img mnt",
      );
      assert(sh.until("test -s said"));
      assert(
        /^<29>\w{3} [ \d]\d \d\d:\d\d:\d\d rump_msdos\[\d+\]: rump_msdos: .*mounted read-only$/.test(
          sh.must("cat said"),
        ),
        sh.must("cat said"),
      );
      sh.must("rump_msdos -u mnt && umount disk");
      void daemon;
    }));
});

/** qemu-io has an image open while `work` runs. */
function openInQemu(sh: Shell, words: string, image: string, work: () => void): void {
  const qemu = sh.start(`sh -c '(echo read 0 512; exec sleep 30) | qemu-io ${words} -f raw ${image}'`);
  try {
    assert(sh.until(`grep -q :$(stat -c %i ${image}) /proc/locks`), "qemu-io does not begin");
    work();
  } finally {
    sh.run(`pkill -P ${qemu.pid}`);
  }
}
describe("an image qemu's programs use, too", { skip: noFuse() }, () => {
  const DISK =
    "truncate -s 8M d.img && mkfs.fat d.img > /dev/null && truncate -s 1M p.img && cat d.img >> p.img && mkdir mnt";
  const ours = { whole: "d.img", part: "p.img%OFFSET:1m%" };
  for (const [what, image] of Object.entries(ours)) {
    const file = image.replace(/%.*/, "");
    it(`${what}: what is written there is not mounted, nor is what is read there mounted for writing; qemu-io is named`, () =>
      within((sh) => {
        sh.must(DISK);
        const refused = (options: string) =>
          assertMatch(
            sh.run(`rump_msdos ${options} ${image} mnt`).err,
            /^rump_msdos: .\.img: locked by qemu-io \(process \d+\): it is (mounted|being written) already\n$/,
          );
        openInQemu(sh, "", `$PWD/${file}`, () => ["", "-o ro"].forEach(refused));
        openInQemu(sh, "-r", `$PWD/${file}`, () => {
          refused("");
          sh.must(`rump_msdos -o ro ${image} mnt && ls mnt && rump_msdos -u mnt`);
        });
      }));
    it(`${what}: what is mounted is not opened there, nor is it for writing what is mounted for reading`, () =>
      within((sh) => {
        sh.must(`${DISK} && rump_msdos ${image} mnt`);
        const asked = (words: string) => sh.run(`timeout 5 qemu-io ${words} -f raw -c 'read 0 512' ${file}`);
        for (const words of ["", "-r"]) assertMatch(asked(words).err, /Failed to (get|lock)/);
        sh.must(`rump_msdos -u mnt && rump_msdos -o ro ${image} mnt`);
        assertMatch(asked("").err, /Failed to get "write" lock/);
        assertEquals(asked("-r").status, 0);
        sh.must(`qemu-img convert -O raw ${file} copy && rump_msdos -u mnt`);
      }));
  }
});
