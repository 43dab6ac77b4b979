/** rump disk convert and compare, with qemu-img as the other side. */
import { writeFileSync } from "node:fs";
import { describe, it } from "node:test";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "../assert.ts";
import { isDeno, noFuse, type Shell, within } from "./helpers.ts";

/** A disk of 40 MiB: data of several kinds, zeros that are written, holes; its length is no whole number of clusters. */
const DISK = `python3 - <<'P'
import random
random.seed(1); f = open("d.img", "wb")
f.write(random.randbytes(300_000)); f.seek(5 << 20); f.write(bytes(3 << 20)); f.write(b"text " * 200_000)
for i in range(60): f.seek(random.randrange(12 << 20, 38 << 20)); f.write(random.randbytes(random.randrange(1, 9000)))
f.seek((40 << 20) - 700); f.write(b"end"); f.truncate((40 << 20) - 512)
P
`;
/** Options of ours, qemu-img's name of the format, whether it can check it. */
const targets = [
  ["raw", "-O raw", "raw", false],
  ["qcow2", "-O qcow2", "qcow2", true],
  ["qcow2 in small clusters", "-O qcow2 -o cluster_size=512", "qcow2", true],
  ["qcow2 in large clusters", "-O qcow2 -o cluster_size=2m", "qcow2", true],
  ["qcow2, packed", "-c -O qcow2", "qcow2", true],
  ["qcow2, packed with zstd in small clusters", "-O qcow2 -o compress=zstd,cluster_size=4k", "qcow2", true],
  ["vhd", "-O vhd", "vpc", false],
  ["vhd of fixed size", "-O vhd -o subformat=fixed", "vpc", false],
  ["vmdk", "-O vmdk", "vmdk", true],
  ["vmdk, packed", "-c -O vmdk", "vmdk", true],
] as const;
const size = (sh: Shell, file: string) => Number(sh.must(`du -k ${file}`).split("\t")[0]);

describe("rump disk convert", () => {
  it("what it makes is to qemu-img what the source is, and no larger than its own; and back", () =>
    within((sh) => {
      sh.must(DISK);
      // Programs start slowly by `deno run`: every other one will do there.
      for (const [name, options, qemu, checked] of targets.filter((_, i) => !isDeno || i % 2 === 1)) {
        sh.must(`rump disk convert ${options} d.img new`);
        assertStringIncludes(sh.must(`qemu-img compare -f raw -F ${qemu} d.img new`), "Images are identical");
        if (checked) assertStringIncludes(sh.must(`qemu-img check -f ${qemu} new`), "No errors were found");
        assertEquals(sh.must("rump disk compare --strict d.img new"), "the disks are the same\n", name);
        sh.must("rump disk convert new back.img && cmp back.img d.img");
        if (name === "raw") assert(size(sh, "new") <= size(sh, "d.img") - 3000, "the zeros are holes");
        sh.must("rm new back.img");
      }
      const [packed, theirs] = ["rump disk convert -c d.img ours.qcow2", "qemu-img convert -c -O qcow2 d.img q.qcow2"];
      sh.must(`${packed} && ${theirs}`);
      assert(size(sh, "ours.qcow2") <= size(sh, "q.qcow2") * 1.1 + 64, sh.must("ls -ls"));
    }));
  it("the target's name tells its format; every format is a source", () =>
    within((sh) => {
      sh.must(DISK);
      for (
        const [name, qemu] of [["a.qcow2", "qcow2"], ["a.vhd", "vpc"], ["a.vmdk", "vmdk"], ["a.bin", "raw"]] as const
      ) {
        sh.must(`rump disk convert d.img ${name} && qemu-img compare -f raw -F ${qemu} d.img ${name}`);
        sh.must(`rump disk convert ${name} b.qcow2 && qemu-img compare d.img b.qcow2 && rm b.qcow2`);
      }
    }));
  it("an image that cannot be made is refused by its name's ending, too", () =>
    within((sh) => {
      sh.must("truncate -s 1M d.img");
      for (const [ending, format] of [["gz", "gzip"], ["xz", "xz"], ["zst", "zstd"], ["vdi", "vdi"]] as const) {
        const r = sh.run(`rump disk convert d.img new.${ending}`);
        assertEquals([r.status, r.err.startsWith(`rump.disk convert: new.${ending}: ${format}: `)], [1, true], r.err);
        sh.must(`rump disk convert -O raw d.img new.${ending} && cmp d.img new.${ending}`);
      }
    }));
  it("onto the source itself is refused as that, by another name, too", () =>
    within((sh) => {
      sh.must("truncate -s 1M d.img && ln -s d.img e.img");
      const r = sh.run("rump disk convert --force d.img e.img");
      assertEquals([r.status, r.err], [1, "rump.disk convert: e.img: the image that is to be read\n"]);
    }));
  it("--backing of a partitioned image is all of it, and what is wrong with it is said once", () =>
    within((sh) => {
      sh.must("mkdir src && echo one > src/a && rump disk create --from src base.img");
      sh.must("rump disk create --backing base.img c.qcow2 && rump disk compare --backing base.img c.qcow2 base.img");
      assertEquals(sh.must("rump.cat --image base.img%GPT:1% /a"), "one\n");
      const r = sh.run("rump disk compare --backing none c.qcow2 base.img");
      assertEquals(r.err, "rump.disk compare: none: no such file or directory\n");
    }));
  it("--backing reads a change through; --target-backing makes one, of two images of any kind", () =>
    within((sh) => {
      sh.must(`${DISK} cp d.img new.img; printf changed | dd of=new.img bs=1 seek=9000000 conv=notrunc status=none
        dd if=/dev/zero of=new.img bs=64k seek=1 count=2 conv=notrunc status=none; qemu-img convert -O qcow2 d.img base`);
      sh.must("rump disk convert --target-backing base new.img change.qcow2");
      assertMatch(sh.must("qemu-img info change.qcow2"), /backing file: base\nbacking file format: qcow2/);
      assertStringIncludes(sh.must("qemu-img check change.qcow2"), "No errors were found");
      sh.must("qemu-img compare new.img change.qcow2");
      assert(size(sh, "change.qcow2") < 600, sh.must("ls -ls"));
      assertMatch(
        sh.run("rump disk convert change.qcow2 x.img").err,
        /^rump.disk convert: change.qcow2: .*--backing FILE/,
      );
      sh.must("rump disk convert --backing base change.qcow2 x.img && cmp x.img new.img");
      // A change of a change; from another directory the name must still be found.
      sh.must(`qemu-img create -q -f qcow2 -b change.qcow2 -F qcow2 top && qemu-io -c 'write -P 7 20M 1M' top > said
        qemu-img convert -O raw top top.img && rump disk compare --backing change.qcow2 --backing base top top.img
        mkdir deep && rump disk convert --target-backing base new.img deep/c.qcow2 && qemu-img compare deep/c.qcow2 new.img`);
    }));
  it("a part of a disk is a source, and with --force a target", () =>
    within((sh) => {
      sh.must(
        `mkdir src && seq 99999 > src/n && rump disk create p.img --size 40m --from src && rump disk convert p.img p.vmdk
        rump disk convert p.vmdk%GPT:1% part.img && mtype -i part.img ::n | cmp - src/n`,
      );
      sh.must("rump disk create e.img --size 40m");
      assertMatch(
        sh.run("rump disk convert part.img e.img%GPT:1%").err,
        /e.img%GPT:1%: all of it is to be overwritten: --force/,
      );
      sh.must("rump disk convert -f part.img e.img%GPT:1% && rump disk compare e.img%GPT:1% p.vmdk%GPT:1%");
      sh.must("rump disk convert e.img e.qcow2 && newfs_msdos -C 30m f.img");
      sh.must("rump disk convert --force f.img e.qcow2%GPT:1% && qemu-img check -q e.qcow2");
      assertMatch(sh.must("rump disk slices e.qcow2"), /%GPT:1%/);
      assertMatch(sh.run("rump disk convert -f p.img e.img%GPT:1%").err, /has 39M, the source 40M/);
    }));
  it("a target that is there is not touched, nor what somebody writes", { skip: noFuse() }, () =>
    within((sh) => {
      sh.must("echo old > there && mkdir mnt && newfs_msdos -C 20m d.img && rump_msdos d.img mnt");
      assertEquals(sh.run("rump disk convert x there").err, "rump.disk convert: x: no such file or directory\n");
      assertMatch(
        sh.run("rump disk convert d.img new").err,
        /d.img: locked by process \d+: it is being written already/,
      );
      sh.must("rump_msdos -u mnt");
      assertEquals(
        sh.run("rump disk convert d.img there").err,
        "rump.disk convert: there: exists (--force replaces it)\n",
      );
      assertEquals(sh.must("cat there && ls"), "old\nd.img\nmnt\nthere\n");
      sh.must("rump disk convert -f d.img there && cmp d.img there");
      sh.must("rump_msdos d.img mnt");
      assertMatch(sh.run("rump disk convert -f there d.img").err, /d.img: locked by process/);
    }));
  it("interrupted, killed, or on a full disk, it leaves nothing", { skip: noFuse() }, () =>
    within(async (sh) => {
      sh.must(
        "truncate -s 400M r && head -c 400M /dev/zero | tr '\\0' x > d.img && mkdir small && rump_tmpfs -s 4m tmpfs small",
      );
      for (const [signal, status] of [["SIGINT", 1], ["SIGKILL", 128]] as const) {
        const running = sh.start("rump disk convert -c d.img new.qcow2");
        assert(sh.until(`ls -l /proc/${running.pid}/fd | grep -q " ${sh.dir}/.*(deleted)"`));
        running.kill(signal);
        assertEquals(await running.ended, status);
        assertEquals(sh.must("ls -A"), "d.img\nr\nsmall\n");
      }
      const full = sh.run("rump disk convert d.img small/d.qcow2");
      assertStringIncludes(full.err.toLowerCase(), "no space left on device");
      assertEquals([full.status, full.err.trim().split("\n").length, sh.must("ls -A small; umount small")], [1, 1, ""]);
    }));
  it("the disk that cannot be read is the one that is named, be it the source or the second one", () =>
    within((sh) => {
      sh.must("truncate -s 8M d.img && qemu-img create -q -f qcow2 bad.qcow2 8M");
      sh.must(`python3 - <<'P'
import struct
f = open("bad.qcow2", "r+b"); f.seek(40); table = struct.unpack(">Q", f.read(8))[0]
f.seek(table); f.write(struct.pack(">Q", 1 << 50))
P`);
      assertEquals(
        sh.run("rump disk convert bad.qcow2 new.img").err,
        "rump.disk convert: bad.qcow2: Input/output error\n",
      );
      assertEquals(
        sh.run("rump disk compare d.img bad.qcow2").err,
        "rump.disk compare: bad.qcow2: Input/output error\n",
      );
    }));
  it("an image does not become a change of itself, whatever it is called", () =>
    within((sh) => {
      sh.must("seq 100000 > d.img && truncate -s 8M d.img && cp d.img old && ln d.img hard && touch other.img");
      for (const backing of ["d.img", "hard", "d.img%OFFSET:0%"]) {
        for (
          const [program, command] of [
            ["convert", `convert -f -O qcow2 --target-backing ${backing} other.img d.img`],
            ["create", `create -f --backing ${backing} d.img`],
          ] as const
        ) {
          assertEquals(
            sh.run(`rump disk ${command}`).err,
            `rump.disk ${program}: d.img: the image it is to be a change of\n`,
          );
        }
      }
      sh.must("cmp d.img old");
    }));
  it("on a terminal a line tells how far it is, and how long it will take", () =>
    within((sh) => {
      const command = `script -qec "rump disk convert 'nbd+unix:///?socket=$unixsocket' new.img" /dev/null`;
      const said = sh.must(
        `nbdkit -U - --filter=delay pattern 64M rdelay=30ms --run '${command.replaceAll("'", "'\\''")}'`,
      );
      assertMatch(said, /\r\d+% \d+M of 64M, [\d.]+[KM]B\/s, 0:\d\d left/);
      assert(said.endsWith("\r\x1b[K"), "and is gone at the end");
    }));
  it("what cannot be is refused by name", () =>
    within((sh) => {
      sh.must("truncate -s 1M d.img && truncate -s 3T large.img && printf 'QFI\\373 nothing more' > bad");
      for (
        const [args, said, status] of [
          ["d.img", "usage: rump.disk convert", 2],
          ["-O tape d.img x", "tape: no such format (raw, qcow2, vhd, vmdk", 1],
          ["-O nbd d.img x", "nbd: no such format", 1],
          ["-O qcow2 -o cluster_size=5 d.img x", "qcow2: cluster_size: a power of two from 512 to 2m", 1],
          ["-O qcow2 -o nosuch=1 d.img x", "qcow2: ", 1],
          ["-c d.img x", "raw: has no options", 1],
          ["--target-backing d.img -O vhd d.img x", "vhd: ", 1],
          ["-O vhd large.img x", "a disk of 3298534883328 bytes: at most", 1],
          ["-O qcow2 -o cluster_size=512 large.img x", "needs larger clusters than 512", 1],
          ["bad x", "bad: qcow2: shorter than a header", 1],
          ["d.img nosuch/x", "nosuch/x: no such file or directory", 1],
          ["d.img .", ".: exists", 1],
          ["-f d.img .", ".: is a directory", 1],
        ] as const
      ) {
        const r = sh.run(`rump disk convert ${args}`);
        assertStringIncludes(r.err, said);
        assertEquals([r.status, r.out, sh.must("ls -A")], [status, "", "bad\nd.img\nlarge.img\n"], r.err);
      }
      assertStringIncludes(sh.must("rump disk convert -O qcow2 -o help d.img x"), "compress=none|zlib|zstd  ");
    }));
});

/** A format of somebody else's: a line of text, and the disk's bytes turned round behind it. */
const PLUGIN = `import type { BlockDevice, DiskDriver } from "rump/plugin";
const HEAD = 512;
const turned = (base: BlockDevice, name: string, readOnly: boolean): BlockDevice => ({
  name, size: base.size - HEAD, blockSize: 1,
  async read(into, offset) { await base.read(into, HEAD + offset); into.forEach((b, i) => (into[i] = b ^ 0xff)); },
  ...readOnly ? {} : { write: (from: Uint8Array, offset: number) => base.write!(from.map((b) => b ^ 0xff), HEAD + offset) },
  close: () => base.close?.(),
});
const driver: DiskDriver = {
  kind: "disk", name: "turned",
  open(sys, _options, request) { if (!request?.base) throw sys.errno.ENOTBLK; return turned(request.base, request.source, request.readOnly); },
  describe: (_sys, base) => ({ size: base.size - HEAD, variant: "of the test" }),
  async create(_sys, { base, size, source }) {
    await base.resize!(HEAD + size);
    const zeros = new Uint8Array(size).fill(0xff);
    await base.write!(zeros, HEAD);
    return turned(base, source, false);
  },
};
export default driver;
`;
describe("a format that a plugin has", () => {
  it("is made, read, shown and compared with -l", () =>
    within((sh) => {
      writeFileSync(`${sh.dir}/turned.ts`, PLUGIN);
      sh.must("mkdir src && seq 999 > src/n && rump disk create d.img --from src --table none");
      sh.must(
        "rump disk convert -l ./turned.ts -O turned d.img t && test $(stat -c %s t) = $(($(stat -c %s d.img) + 512))",
      );
      sh.must("! cmp -s d.img t; rump disk compare -l ./turned.ts --other-format turned d.img t");
      sh.must("rump disk convert -l ./turned.ts --format turned t back && cmp back d.img");
      assertMatch(
        sh.must("rump disk info -l ./turned.ts --format turned t"),
        /format: turned, of the test\nsize: .*\non disk: .*\nholds: FAT12/,
      );
      assertStringIncludes(sh.run("rump disk convert -O turned d.img x").err, "turned: no such format (raw, ");
    }));
});

describe("rump disk compare", () => {
  /** Change of a copy, how they are compared, what is said. */
  const cases = [
    ["", "", "the disks are the same", 0],
    [
      "printf x | dd of=e.img bs=1 seek=6000001 conv=notrunc status=none",
      "",
      "the first difference is at byte 6000001",
      1,
    ],
    ["truncate -s 64M e.img", "", "the disks are the same, but for zeros behind 41942528", 0],
    ["truncate -s 64M e.img", "--strict", "the sizes differ: 41942528 and 67108864 bytes", 1],
    ["truncate -s 20M e.img", "", "the first difference is at byte ", 1],
    ["truncate -s 64M e.img; printf x >> e.img", "", "the first difference is at byte 67108864", 1],
    ["qemu-img convert -O qcow2 e.img q; mv q e.img", "", "the disks are the same", 0],
  ] as const;
  it("says the same as qemu-img compare, and where", () =>
    within((sh) => {
      sh.must(DISK);
      for (const [change, options, said, status] of cases) {
        sh.must(`cp d.img e.img; ${change}`);
        for (const both of ["d.img e.img", "e.img d.img"]) {
          const r = sh.run(`rump disk compare ${options} ${both}`);
          if (both.startsWith("d")) assertStringIncludes(r.out, said);
          assertEquals([r.status, r.err], [status, ""], change);
          assertEquals(sh.run(`qemu-img compare ${options && "-s"} ${both}`).status, status, change);
        }
      }
      sh.must("cp d.img e.img; printf x | dd of=e.img bs=1 seek=77 conv=notrunc status=none");
      assertEquals(
        sh.run("rump disk compare -j d.img e.img").out,
        '{"equal":false,"offset":77,"sizes":[41942528,41942528]}\n',
      );
      assertEquals(sh.run("rump disk compare -q d.img e.img").out, "");
    }));
  it("what cannot be compared is status 2", () =>
    within((sh) => {
      sh.must("truncate -s 1M d.img");
      const r = sh.run("rump disk compare d.img nosuch");
      assertEquals([r.status, r.out, r.err], [2, "", "rump.disk compare: nosuch: no such file or directory\n"]);
      assertEquals(sh.run("rump disk compare d.img").status, 2);
    }));
});
