/** Journals of writes: mounts that keep one, and their disks as a crash at any moment leaves them, judged by fsck programs. */
import { describe, it } from "node:test";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "../assert.ts";
import { isDeno, noFuse, type Shell, within } from "./helpers.ts";

/** Five files, each synced; something comes and goes meanwhile. The journal has as many entries after each as its line in `synced` says. */
const LIFE = `for i in $(seq 5); do seq $i 900 > mnt/kept$i; echo $i > mnt/other; sync mnt/kept$i
    rump disk replay -j --list j | wc -l >> synced; [ $((i % 3)) = 0 ] && rm mnt/other; done; true`;
const flushes = (sh: Shell) => sh.must("rump disk replay --list --flushes j").trim().split("\n").map(Number);
/** The disk after every flush, and what had been synced then. */
function eachFlush(sh: Shell, look: (files: number, entry: number) => void): void {
  const synced = sh.must("cat synced").trim().split("\n").map(Number);
  const all = flushes(sh);
  assert(all.length >= 5, `${all.length} flushes`);
  for (const entry of all.filter((_, i) => !isDeno || i % 3 === 0)) {
    sh.must(`cp before at.img && rump disk replay --until ${entry} j at.img`);
    look(synced.filter((n) => n <= entry).length, entry);
  }
}

describe("a journal of writes", { skip: noFuse() }, () => {
  it("msdos: at each flush fsck.fat finds the mark and lost clusters at most, and what was synced is there", () =>
    within((sh) => {
      sh.must("mkdir mnt && truncate -s 8M d.img && mkfs.fat d.img > /dev/null && cp d.img before");
      sh.must(`rump_msdos --sandbox --journal j d.img mnt && ${LIFE} && rump_msdos -u mnt`);
      eachFlush(sh, (files, entry) => {
        const { out } = sh.run("fsck.fat -n at.img");
        const odd = out.split("\n").filter((line) =>
          line !== "" && !/^(fsck.fat|Dirty bit| Automatically|Reclaimed|Leaving|at.img:)/.test(line)
        );
        assertEquals(odd, [], `entry ${entry}`);
        // mtools reads no volume that is marked.
        sh.run("fsck.fat -a at.img");
        const all = Array.from(
          { length: files },
          (_, i) => `seq ${i + 1} 900 > want; mtype -i at.img ::kept${i + 1} | cmp - want`,
        );
        if (files > 0) sh.must(all.join(" && "));
      });
      sh.must("cp before at.img && rump disk replay j at.img && cmp at.img d.img");
    }));
  it("ext2: at each flush e2fsck mends it, and what was synced is there", () =>
    within((sh) => {
      sh.must("mkdir mnt && mke2fs -q -t ext2 d.img 8M && cp d.img before");
      sh.must(`rump_ext2fs --journal j d.img mnt && ${LIFE} && rump_ext2fs -u mnt`);
      eachFlush(sh, (files, entry) => {
        assert(sh.run("e2fsck -fy at.img").status <= 1, `entry ${entry}`);
        const all = Array.from(
          { length: files },
          (_, i) => `debugfs -R 'cat /kept${i + 1}' at.img 2> said > is; seq ${i + 1} 900 | cmp - is`,
        );
        if (files > 0) sh.must(all.join(" && "));
      });
      sh.must("cp before at.img && rump disk replay j at.img && cmp at.img d.img");
    }));
  it("a process that is killed leaves one that tells all there was; with --snapshot it is all there is", () =>
    within(async (sh) => {
      sh.must("mkdir mnt && newfs_msdos -C 8m d.img && cp d.img before");
      const running = sh.start("rump_msdos -f --snapshot --journal j d.img mnt");
      assert(sh.until('grep -q " $PWD/mnt " /proc/self/mounts'));
      sh.must("seq 9999 > mnt/n && sync mnt/n");
      running.kill("SIGKILL");
      await running.ended;
      sh.run("umount -l mnt");
      sh.must("cmp d.img before && rump disk replay j before && fsck.fat -a before > said; seq 9999 > n");
      sh.must("mtype -i before ::n | cmp - n");
    }));
  it("one that is there is not written over", () =>
    within((sh) => {
      sh.must("mkdir mnt && newfs_msdos -C 8m d.img && echo mine > j");
      assertEquals(sh.run("rump_msdos --journal j d.img mnt").err, "rump_msdos: j: file exists\n");
      assertEquals(sh.must("cat j"), "mine\n");
    }));
});

describe("rump disk replay", () => {
  /** A journal of QEMU's. */
  const QEMU =
    `truncate -s 8M d.img && cp d.img before && truncate -s 20M j && qemu-io -c 'write -P 5 4k 8k' -c flush -c 'write -P 6 1M 64k' \\
    -c 'discard 1M 4k' -c 'write -f -P 7 2M 512' 'json:{"driver":"blklogwrites","file":{"driver":"file","filename":"d.img"},
    "log":{"driver":"file","filename":"j"}}' > said`;
  it("makes a journal of QEMU's again, on a disk of any kind, up to any entry", () =>
    within((sh) => {
      sh.must(QEMU);
      assertMatch(
        sh.must("rump disk replay --list j"),
        /^ +ENTRY WHAT +OFFSET +LENGTH\n +1 write +4096 +8192\n +2 flush\n +3 write +1048576 +65536\n +4 discard +1048576 +4096\n +5 write +2097152 +512\n/,
      );
      assertStringIncludes(
        sh.must("rump disk replay -j --list j"),
        '{"kind":"write","offset":4096,"length":8192,"number":1}\n',
      );
      sh.must("cp before at.img && rump disk replay j at.img && cmp at.img d.img");
      sh.must(
        "qemu-img convert -O qcow2 before at.qcow2 && rump disk replay j at.qcow2 && qemu-img compare at.qcow2 d.img",
      );
      sh.must(
        "cp before at.img && rump disk replay --until 2 j at.img && qemu-io -r -c 'read -P 5 4k 8k' -c 'read -P 0 1M 7M' at.img > said",
      );
      assertEquals(sh.run("grep -c 'verification failed' said").out, "0\n");
    }));
  it("goes on to a mark; what is damaged, too short, or of another disk is said in a line", () =>
    within((sh) => {
      sh.must(`${QEMU} && python3 - <<'P'
import struct
log = open("j", "rb").read(); n = struct.unpack_from("<Q", log, 16)[0]
# A mark in the place of the first flush, as dmsetup message makes one.
at = 512 + 512 + 8192
m = bytearray(log); m[at:at + 512] = (struct.pack("<QQQQ", 0, 0, 8, 5) + b"first").ljust(512, b"\\0"); open("m", "wb").write(m)
f = bytearray(log); struct.pack_into("<Q", f, at + 16, 99); open("flags", "wb").write(f)
h = bytearray(log); h[0] ^= 1; open("magic", "wb").write(h)
s = bytearray(log); struct.pack_into("<I", s, 24, 100); open("sector", "wb").write(s)
c = bytearray(log); struct.pack_into("<Q", c, 16, 2**40); open("count", "wb").write(c)
b = bytearray(log); struct.pack_into("<Q", b, 512 + 8, 2**50); open("big", "wb").write(b)
open("cut", "wb").write(log[:5000])
P`);
      sh.must("cp before at.img && rump disk replay --until first m at.img");
      assertStringIncludes(sh.must("rump disk replay --list m").replace(/ +/g, " "), "\n 2 mark first\n");
      for (
        const [args, said] of [
          ["j nosuch", "nosuch: no such file or directory"],
          ["nosuch at.img", "nosuch: no such file or directory"],
          ["--until 9 j at.img", "j: has 7 entries, not 9"],
          ["--until last m at.img", 'm: no mark "last"'],
          ["--list flags", "flags: entry 2 of 7: unknown flags 0x63"],
          ["--list magic", "magic: not a journal of writes"],
          ["--list sector", "sector: sectors of 100 bytes"],
          ["--list count", "count: entry 40815 of 1099511627776: is missing"],
          ["--list big", "big: entry 1 of 7: "],
          ["--list cut", "cut: entry 1 of 7: is cut off"],
          ["j small", "small: the journal is of a disk of at least 2097664 bytes"],
        ] as const
      ) {
        sh.must("truncate -s 1M small");
        const r = sh.run(`rump disk replay ${args}`);
        assertStringIncludes(r.err, `rump.disk replay: ${said}`);
        assertEquals([r.status, r.err.trim().split("\n").length], [1, 1], r.err);
      }
      assertEquals([sh.run("rump disk replay j").status, sh.run("rump disk replay --list j at.img").status], [2, 2]);
    }));
});
