import { describe, it } from "node:test";
import { assert, assertEquals, assertStringIncludes } from "../assert.ts";
import { type Shell, within } from "./helpers.ts";

/** The numbers of a boot sector, by their offsets; what both formatters decide. */
const geometry = (sh: Shell, image: string) =>
  sh.must(`python3 -c 'import struct,sys
b=open("${image}","rb").read(90)
print(struct.unpack_from("<HBHBHHBHHH",b,11), struct.unpack_from("<I",b,32)[0], struct.unpack_from("<I",b,36)[0] if b[22:24]==b"\\0\\0" else 0)'`);
/** fsck.fat finds nothing, our driver and mtools read and write it. */
function judged(sh: Shell, image: string, what: string): void {
  const fsck = sh.run(`fsck.fat -n ${image}`);
  assertEquals([fsck.status, fsck.out.trim().split("\n").length], [0, 2], `${what}: ${fsck.out}${fsck.err}`);
  sh.must(
    `echo text > file && mcopy -i ${image} file ::one && rump.cp --image ${image} /one host:back && cmp file back`,
  );
  sh.must(`rump.cp --image ${image} host:file /two && mtype -i ${image} ::two | cmp - file`);
  const after = sh.run(`fsck.fat -n ${image}`);
  assertEquals(after.status, 0, `${what}: ${after.out}`);
}

describe("newfs_msdos", () => {
  it("chooses what mkfs.fat chooses, at common sizes", () =>
    within((sh) => {
      const sizes = "64K 360K 720K 1440K 2M 4M 9M 32M 100M 128M 129M 256M 260M 511M 512M 4G 9G 17G 33G";
      for (const size of sizes.split(" ")) {
        sh.must(`rm -f a b; truncate -s ${size} a b; mkfs.fat a; newfs_msdos b`);
        assertEquals(geometry(sh, "b"), geometry(sh, "a"), size);
      }
    }));
  /** Options and the size of the image. */
  const variants: readonly (readonly [string, string])[] = [
    ...["160", "180", "320", "360", "640", "720", "1200", "1232", "1440", "2880"].map((f) =>
      [`-f ${f}`, `${f}k`] as const
    ),
    ...[512, 1024, 2048, 4096].flatMap((s) =>
      [["-F 12", "8m"], ["-F 16", "150m"], ["-F 32", "500m"]].map(([f, size]) => [`${f} -S ${s}`, size!] as const)
    ),
    ...[1, 2, 4, 8, 16, 32, 64, 128].map((c) => [`-c ${c}`, "30m"] as const),
    ["-F 12 -b 4096", "4m"],
    ["-F 16 -b 32768", "1g"],
    ["-F 32 -c 1", "40m"],
    ["-F 32 -c 64", "3g"],
    ["-n 1", "20m"],
    ["-n 2 -L LABEL", "20m"],
    ["-F 32 -n 1 -i 3 -k 9", "300m"],
    ["-F 32 -r 3", "300m"],
    ["-e 112 -r 7", "10m"],
    ["-e 1000", "10m"],
    ["-s 5000", "10m"],
    ["-a 200 -F 16", "100m"],
    ["-m 0xf0 -h 4 -u 17 -o 63 -O TESTING -I 0xcafe1234", "10m"],
  ];
  it(`${variants.length} variants are clean for fsck.fat, and mtools and our driver use them`, () =>
    within((sh) => {
      for (const [options, size] of variants) {
        sh.must(`rm -f d.img && newfs_msdos -C ${size} ${options} d.img`);
        // A FAT that does not cover the volume makes it smaller; mtools wants whole tracks otherwise.
        const env = { MTOOLS_SKIP_CHECK: "1" };
        Object.assign(sh.env, env);
        judged(sh, "d.img", `${options} ${size}`);
      }
    }));
  it("what it prints is what NetBSD's prints", () =>
    within((sh) => {
      assertEquals(
        sh.must("newfs_msdos -C 1440k -f 1440 d.img"),
        "d.img: 2847 sectors in 2847 FAT12 clusters (512 bytes/cluster)\nMBR type: 1\n" +
          "bps=512 spc=1 res=1 nft=2 rde=224 sec=2880 mid=0xf0 spf=9 spt=18 hds=2 hid=0\n",
      );
      assertEquals(
        sh.must("newfs_msdos -N -C 64m -F 16 -c 4 -m 0xf0 -h 255 -u 63 -r 4 -s 131072 e.img"),
        "e.img: 130780 sectors in 32695 FAT16 clusters (2048 bytes/cluster)\nMBR type: 6\n" +
          "bps=512 spc=4 res=4 nft=2 rde=512 mid=0xf0 spf=128 spt=63 hds=255 hid=0 bsec=131072\n",
      );
      assertEquals(sh.run("test -e e.img").status, 1, "-N makes nothing");
      const { type, clusters, volumeId } = JSON.parse(sh.must("newfs_msdos --json -I 7 -F 12 -s 2880 -c 1 d.img"));
      assertEquals([type, clusters, volumeId], ["FAT12", 2829, 7]);
    }));
  it("old data in the way is gone, what is behind stays a hole", () =>
    within((sh) => {
      sh.must("head -c 20M /dev/urandom > d.img && truncate -s 2048G d.img && newfs_msdos d.img 2> said");
      assertStringIncludes(sh.must("cat said"), "512 bytes at the end are left unused");
      assert(Number(sh.must("stat -c %b d.img")) < 42_000);
      sh.must("truncate -s 3M e.img && head -c 3M /dev/urandom > e.img && newfs_msdos e.img");
      judged(sh, "e.img", "old data");
    }));
  it("the volume id is the time's, or SOURCE_DATE_EPOCH's: then two runs make the same image", () =>
    within((sh) => {
      sh.must("newfs_msdos -C 10m -L SAME a", { SOURCE_DATE_EPOCH: "1700000000" });
      sh.must("sleep 0.1; newfs_msdos -C 10m -L SAME b", { SOURCE_DATE_EPOCH: "1700000000" });
      sh.must("newfs_msdos -C 10m -L SAME -T 1700000000 c && cmp a b && cmp a c");
      sh.must("newfs_msdos -C 10m -L SAME d; ! cmp -s a d");
      assertStringIncludes(sh.must("mlabel -s -i a ::"), "SAME");
      assertStringIncludes(sh.must("mdir -i a ::"), "Volume in drive : is SAME");
    }));
  it("a partition of an image is formatted in its place, and knows where it begins", () =>
    within((sh) => {
      sh.must("truncate -s 64M d.img && sgdisk -n 1:2048:+20M -n 2:0:+10M d.img && cp d.img e.img");
      sh.must("newfs_msdos 'd.img%GPT:2%' && newfs_msdos -@ 21m -s 10m e.img");
      assertStringIncludes(sh.must("newfs_msdos -N 'd.img%GPT:2%'"), "hid=43008");
      sh.must("sgdisk -v d.img | grep -q 'No problems found' && mdir -i d.img@@21M && mdir -i e.img@@21M");
      const r = sh.run("newfs_msdos d.img");
      assertStringIncludes(r.err, "newfs_msdos: d.img: has partitions: which one is meant?\n  d.img%GPT:1%");
      assertStringIncludes(r.err, "d.img%OFFSET:0%  all of it");
      sh.must("newfs_msdos d.img%OFFSET:0% && mdir -i d.img");
    }));
  it("a boot program comes along, with the parameters put in", () =>
    within((sh) => {
      sh.must("head -c 1024 /dev/urandom > boot && newfs_msdos -C 64m -F 32 -B boot d.img && fsck.fat -n d.img");
      sh.must("cmp -n 3 boot d.img && cmp -i 90 -n 420 boot d.img && cmp -i 90 -n 420 boot:0 /dev/null; true");
      assertStringIncludes(sh.run("newfs_msdos -C 1m -B boot d.img").err, "-B boot: 1024 bytes: not 512 to 512");
    }));

  /** Command, what is said. */
  const refused: readonly (readonly [string, string])[] = [
    ["newfs_msdos nosuch", "newfs_msdos: nosuch: no such file or directory"],
    ["newfs_msdos .", "newfs_msdos: .: is a directory"],
    ["newfs_msdos /dev/null", "newfs_msdos: /dev/null: neither a file nor a block device"],
    ["newfs_msdos empty", "newfs_msdos: empty: -@ 0: it ends at 0"],
    ["newfs_msdos -S 100 d.img", "-S 100: not a power of 2 from 512 to 32768"],
    ["newfs_msdos -F 13 d.img", "-F 13: not 12, 16 or 32"],
    ["newfs_msdos -c 3 d.img", "-c 3: not a power of 2 from 1 to 128"],
    ["newfs_msdos -c 1 -b 512 d.img", "-b and -c: choose one"],
    ["newfs_msdos -b 700 d.img", "-b 700: not 512 bytes (a sector) times a power of 2"],
    ["newfs_msdos -n 17 d.img", "-n 17: not from 1 to 16"],
    ["newfs_msdos -n two d.img", "-n two: not a number"],
    ["newfs_msdos -m 0x10 d.img", "-m 16: not 0xf0 or 0xf8 to 0xff"],
    ["newfs_msdos -F 32 d.img", "clusters are too few for FAT32, it needs 65525"],
    ["newfs_msdos -F 16 -c 64 d.img", "clusters are too few for FAT16, it needs 4085"],
    ["newfs_msdos -e 10 -F 32 d.img", "-e 10: a FAT32 root directory grows by itself"],
    ["newfs_msdos -i 3 -F 12 d.img", "-i 3: only FAT32 has one"],
    ["newfs_msdos -i 2 -k 2 -C 64m x", "-i 2 and -k 2: one sector for two things"],
    ["newfs_msdos -i 99 -C 64m x", "-i 99: there are 32 reserved sectors (-r)"],
    ["newfs_msdos -r 20480 d.img", "20480 sectors leave no room for data"],
    ["newfs_msdos -s 9999999 d.img", "-s 9999999: there are only 20480 sectors of 512 bytes"],
    ["newfs_msdos -f 1000 d.img", "-f 1000: not one of 160 180 320"],
    ["newfs_msdos -f 2880 -C 1m x", "-s 5760: there are only 2048 sectors"],
    ["newfs_msdos -L 'A/B' d.img", 'label A/B: "/" cannot stand in a FAT label'],
    ["newfs_msdos -L ABCDEFGHIJKL d.img", "label ABCDEFGHIJKL: not 1 to 11 characters"],
    ["newfs_msdos -I 0x1ffffffff d.img", "-I 0x1ffffffff: not a 32-bit number"],
    ["newfs_msdos -@ 20m d.img", "-@ 20971520: it ends at 10485760"],
    ["newfs_msdos -C 1m 'x%GPT:1%'", "-C and %GPT:1%: choose one"],
    ["newfs_msdos -@ 1m 'd.img%MBR:1%'", "-@ and %MBR:1%: choose one"],
    ["newfs_msdos -@ x d.img", "-@ x: not a size"],
    ["newfs_msdos d.img zip", "zip: no such disk type"],
    ["newfs_msdos 'd.img%GPT:1%'", "newfs_msdos: d.img: no GUID partition table"],
    ["SOURCE_DATE_EPOCH=now newfs_msdos d.img", "SOURCE_DATE_EPOCH=now: not seconds since 1970"],
  ];
  it("what cannot be is refused by name, in one line, and nothing is changed", () =>
    within((sh) => {
      sh.must("truncate -s 10M d.img && : > empty");
      for (const [command, said] of refused) {
        const r = sh.run(command);
        assertStringIncludes(r.err, said);
        assertEquals([r.status, r.out, r.err.startsWith("newfs_msdos: "), r.err.trim().split("\n").length], [
          1,
          "",
          true,
          1,
        ], r.err);
      }
      assertEquals(sh.must("stat -c %b d.img; test ! -e x"), "0\n");
      assertEquals(sh.run("newfs_msdos").status, 2);
    }));
  it("in a rump kernel it formats the kernel's devices, as NetBSD's under rumphijack does", () =>
    within((sh) => {
      const env = { RUMP_SERVER: `unix://${sh.dir}/sock` };
      sh.must(
        "truncate -s 1440k d.img && truncate -s 64M e.img && head -c 2M /dev/urandom | dd of=e.img conv=notrunc status=none",
      );
      sh.must(
        `rump_server -lrumpfs_msdos -d key=/dev/d1440k,hostpath=d.img,size=host -d key=/dev/d64M,hostpath=e.img,size=host unix://sock`,
      );
      assertEquals(
        sh.must("rump.newfs_msdos -f 1440 /dev/rd1440k", env),
        "/dev/rd1440k: 2847 sectors in 2847 FAT12 clusters (512 bytes/cluster)\nMBR type: 1\n" +
          "bps=512 spc=1 res=1 nft=2 rde=224 sec=2880 mid=0xf0 spf=9 spt=18 hds=2 hid=0\n",
      );
      sh.must("rump.newfs_msdos -L KERNEL /dev/d64M && rump.mkdir /mnt && rump.mount_msdos /dev/d64M /mnt", env);
      assertStringIncludes(sh.run("rump.newfs_msdos /dev/d64M", env).err, "rump.newfs_msdos: /dev/d64M: Device busy");
      assertStringIncludes(sh.run("rump.newfs_msdos /dev/nosuch", env).err, "/dev/nosuch: No such file or directory");
      sh.must("rump.cp host:/etc/passwd /mnt/ && rump.umount /mnt && rump.halt", env);
      sh.must("mtype -i e.img ::passwd | cmp - /etc/passwd && fsck.fat -n e.img && fsck.fat -n d.img");
      sh.must("rump.newfs_msdos -C 1m f.img && mdir -i f.img"); // no server: an image
      sh.must("RUMP_SERVER=unix://nosuch newfs_msdos f.img && RUMP_SERVER=unix://nosuch rump.newfs_msdos host:f.img");
    }));
  it("an image somebody has open for writing is refused", () =>
    within(async (sh) => {
      sh.must("truncate -s 10M d.img && newfs_msdos d.img && mkfifo go");
      const holder = sh.start(
        'python3 -c \'import fcntl,time; f=open("d.img","r+b"); fcntl.lockf(f,fcntl.LOCK_EX); open("ready","w"); time.sleep(60)\'',
      );
      assert(sh.until("test -e ready"));
      for (const command of ["newfs_msdos d.img", "newfs_msdos -C 20m d.img"]) {
        const r = sh.run(command);
        assertStringIncludes(r.err, `newfs_msdos: d.img: locked by process ${holder.pid}`);
        assertEquals(r.status, 1);
      }
      holder.kill("SIGKILL");
      await holder.ended;
      assertEquals(sh.must("stat -c %s d.img"), "10485760\n");
    }));
});
