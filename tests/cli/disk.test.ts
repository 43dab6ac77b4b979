import { describe, it } from "node:test";
import { assert, assertEquals, assertStringIncludes } from "../assert.ts";
import { noFuse, type Shell, within } from "./helpers.ts";

/** Odd names, empty and large files, a directory of more than one cluster, with settled times. */
function tree(sh: Shell): void {
  sh.must(`mkdir -p src/EFI/BOOT "src/Ein Verzeichnis/\u00fcber" src/many src/empty && cd src &&
    head -c 3000000 /dev/urandom > EFI/BOOT/BOOTX64.EFI && : > nothing && echo text > UPPER.TXT && echo text > lower.txt &&
    echo text > "Mixed Case.Dots.txt" && echo text > "Ein Verzeichnis/\u00fcber/\u4e2d\u6587\u6587.txt" &&
    for i in $(seq 300); do echo $i > "many/file number $i.txt"; done && find . -exec touch -d "2023-05-06 07:08:10 UTC" {} +`);
}
const MB = 1 << 20;
interface Row {
  readonly name: string;
  readonly offset: number;
  readonly size: number;
  readonly type: string;
  readonly label: string | null;
  readonly uuid: string | null;
  readonly missing: number;
  readonly holds: { readonly name: string; readonly label: string | null } | null;
}
const rows = (sh: Shell, image: string): Row[] => JSON.parse(sh.must(`rump disk slices --json ${image}`)).slices;

describe("rump disk create", () => {
  for (const table of ["gpt", "mbr", "none"]) {
    for (const sector of [512, 4096]) {
      it(`${table}, ${sector}-byte sectors: others find the table and the files right`, () =>
        within((sh) => {
          tree(sh);
          sh.must(`rump disk create d.img --from src --table ${table} --sector-size ${sector} --volume-label boot`);
          const at = table === "none" ? 0 : MB;
          sh.must(`dd if=d.img of=p.img bs=64k iflag=skip_bytes skip=${at} status=none`);
          const fsck = sh.run("fsck.fat -n p.img");
          assertEquals([fsck.status, fsck.out.trim().split("\n").length], [0, 2], fsck.out);
          sh.must(`mkdir back && mcopy -s -m -i p.img ::* back 2>/dev/null && diff -r src back`, { TZ: "UTC" });
          assertEquals(sh.must("find back -type f ! -newermt '2023-05-06 07:08:11 UTC' | wc -l").trim(), "306");
          assertStringIncludes(sh.must("mdir -i p.img ::"), "Volume in drive : is BOOT");
          if (table === "none") return;
          const listed = sh.must(`fdisk -b ${sector} -l -o Start,Sectors,Type d.img`);
          assertStringIncludes(listed, `Disklabel type: ${table === "gpt" ? "gpt" : "dos"}`);
          const [, start, size, type] = /^ *(\d+) +(\d+) (.*)$/.exec(listed.trim().split("\n").at(-1)!)!;
          assertEquals([Number(start) * sector, Number(size) * sector], [MB, rows(sh, "d.img")[0]!.size]);
          assertStringIncludes(type!, table === "gpt" ? "EFI System" : "EFI (FAT-12/16/32)");
          if (table === "gpt" && sector === 512) assertStringIncludes(sh.must("sgdisk -v d.img"), "No problems found");
          if (sector === 512) assertStringIncludes(sh.must("parted -s d.img unit B print"), `${MB}B`);
        }));
    }
  }
  it("is the same image whoever makes it, when and where, as SOURCE_DATE_EPOCH has it", () =>
    within((sh) => {
      tree(sh);
      sh.must("cp -r src other && find other -exec touch -d 2024-01-01 {} + && chmod -R go-w,a-x+X other");
      const env = { SOURCE_DATE_EPOCH: "1600000000" };
      sh.must("rump disk create a.img --size 40m --from src", { ...env, TZ: "Asia/Tokyo" });
      sh.must("sleep 1.1; umask 077; rump disk create b.img --size 40m --from other", {
        ...env,
        TZ: "America/New_York",
      });
      sh.must("cmp a.img b.img");
      sh.must("cd src && rump disk create ../c.img --size 40m --from . && cmp ../c.img ../a.img", env);
      assertStringIncludes(sh.must("TZ=UTC mdir -i a.img@@1M ::many | tail -5"), "2020-09-13  12:26");
      sh.must(
        "rump disk create d.img --size 40m --from src && rump disk create e.img --size 40m --from src && cmp d.img e.img",
      );
      sh.must("rump disk create f.img --size 40m --from src --seed x && ! cmp -s d.img f.img");
    }));
  it("--size fit is as large as needed, and no MiB larger", () =>
    within((sh) => {
      tree(sh);
      const size = Number(sh.must("rump disk create d.img --from src > said && stat -c %s d.img"));
      const less = sh.run(`rump disk create e.img --from src --size ${size - MB}`);
      assertStringIncludes(less.err, `needs ${size / MB}m for what is to be in it, --size ${size - MB} is too small`);
      sh.must(`rump disk create e.img --from src --size ${size} && rump disk create f.img --from src --size fit+50m`);
      assert(Number(sh.must("stat -c %s f.img")) >= size + 50 * MB);
      sh.must(
        "mkdir root && cd root && seq 3000 | xargs touch && cd .. && rump disk create r.img --from root --table none",
      );
      assertEquals(sh.must("mdir -b -i r.img :: | wc -l"), "3000\n");
      assertEquals(sh.run("fsck.fat -n r.img").status, 0);
    }));
  it("an EFI system partition is FAT32 wherever that is possible", () =>
    within((sh) => {
      const holds = (options: string) => {
        sh.must(`rump disk create -f d.img ${options}`);
        return rows(sh, "d.img")[0]!.holds!.name;
      };
      assertEquals(holds("--size 36m"), "FAT32");
      assertEquals(holds("--size 20m"), "FAT16");
      assertEquals(holds("--size 36m --type fat"), "FAT16");
      assertEquals(holds("--size 36m --fat 12"), "FAT12");
      assertEquals(holds("--size 36m --type fat --fat 32 --table mbr"), "FAT32");
      assertEquals(rows(sh, "d.img")[0]!.type, "W95 FAT32 (LBA)");
    }));
  /** What is in the directory, what is said about it. */
  const odd: readonly (readonly [string, string])[] = [
    ["ln -s x src/link", "src/link: a symbolic link, which FAT has not (-L copies what it points to)"],
    ["mkfifo src/pipe", "src/pipe: a named pipe, which FAT has not"],
    ["touch src/readme src/README", "src/readme: the same name as README to FAT, which ignores case"],
    ["touch src/\u00e9 src/\u00c9", "the same name as \u00c9 to FAT"],
    ["touch 'src/a:b'", 'src/a:b: ":" cannot stand in a FAT name'],
    ["touch 'src/end.'", "src/end.: FAT names do not end in a dot or space"],
    ["truncate -s 5G src/big", "src/big: 5368709120 bytes, a FAT file has at most 4294967295"],
    ["printf 'src/\\377' | xargs -0 touch", "the name is not UTF-8"],
  ];
  it("what FAT has no place for is named, and no image is left", () =>
    within((sh) => {
      for (const [make, said] of odd) {
        sh.must(`rm -rf src && mkdir src && ${make}`);
        const r = sh.run("rump disk create d.img --from src");
        assertStringIncludes(r.err, `rump.disk create: d.img: `);
        assertStringIncludes(r.err, said);
        assertEquals([r.status, r.err.trim().split("\n").length], [1, 1], r.err);
      }
      assertEquals(sh.must("ls -A"), "src\n");
      sh.must(
        "rm -rf src && mkdir -p src/d && echo text > f && ln -s ../../f src/d/link && rump disk create -L d.img --from src",
      );
      assertEquals(sh.must("mtype -i d.img@@1M ::d/link"), "text\n");
      sh.must("rm src/d/link && rump disk create src/in.img --from src");
      assertStringIncludes(
        sh.run("rump disk create -f src/in.img --from src").err,
        "lies in the directory it is made from: src/in.img",
      );
      sh.must("rm src/in.img && ln -s . src/d/self && touch src/d/x");
      assertStringIncludes(sh.run("rump disk create -fL d.img --from src").err, "too many levels of symbolic links");
    }));
  /** Command, what is said. */
  const refused: readonly (readonly [string, string, number])[] = [
    ["", "usage: rump.disk create", 2],
    ["x.img --size 1k", "--size 1k: not a size of at least 64k, nor fit or fit+size", 1],
    ["x.img --size 100k", "--size 102400: no room for a partition", 1],
    ["x.img --table apple", "--table apple: not one of gpt, mbr, none", 1],
    ["x.img --type swap", "--type swap: not one of esp, fat", 1],
    ["x.img --sector-size 100", "--sector-size 100: not one of 512, 1024, 2048, 4096", 1],
    ["x.img --fat 32 --size 10m", "clusters are too few for FAT32", 1],
    ["x.img --label 1234567890123456789012345678901234567", "more than 36 characters", 1],
    ["x.img --label x --table mbr", "--label: only partitions of a GPT have names", 1],
    ["x.img --volume-label a/b", "label a/b", 1],
    ["x.img --from nosuch", "nosuch: no such file or directory", 1],
    ["x.img --from there.img", "there.img: not a directory", 1],
    ["x.img --table mbr --size 3000g", "use a GPT", 1],
    ["there.img", "there.img: exists (--force replaces it)", 1],
    ["dir/x.img", "no such file or directory", 1],
    ["-f /dev/null", "neither a file nor a block device", 1],
    ["x.img --bogus", "unknown option -- bogus", 2],
  ];
  it("what cannot be is refused by name", () =>
    within((sh) => {
      sh.must("echo > there.img");
      for (const [args, said, status] of refused) {
        const r = sh.run(`rump disk create ${args}`);
        assertStringIncludes(r.err, said);
        assertEquals([r.status, r.out], [status, ""], r.err);
      }
      assertEquals(sh.must("ls -A"), "there.img\n");
    }));
  it(
    "interrupted, killed, or on a full disk, it leaves nothing but what was there before",
    { skip: noFuse() },
    () =>
      within(async (sh) => {
        sh.must("mkdir src small && head -c 60M /dev/urandom > src/a && echo old > d.img");
        sh.must("for i in $(seq 200); do ln src/a src/$i; done");
        for (const [signal, status] of [["SIGINT", 1], ["SIGKILL", 128]] as const) {
          const running = sh.start("rump disk create -f d.img --from src");
          // The image has no name yet.
          assert(sh.until(`ls -l /proc/${running.pid}/fd | grep -q " ${sh.dir}/.*(deleted)"`));
          running.kill(signal);
          assertEquals(await running.ended, status);
          assertEquals(sh.must("cat d.img; ls -A"), "old\nd.img\nsmall\nsrc\n");
        }
        sh.must("rm -rf src && mkdir src && head -c 8M /dev/urandom > src/a && rump_tmpfs -s 4m tmpfs small");
        const full = sh.run("rump disk create small/d.img --from src");
        assertStringIncludes(full.err.toLowerCase(), "no space left on device");
        assertEquals([full.status, sh.must("ls -A small; umount small")], [1, ""]);
      }),
  );
  it("an image of another format has the same disk in it, byte for byte every time; an empty one and a change of another are made, too", () =>
    within((sh) => {
      sh.must("mkdir src && seq 99999 > src/n && rump disk create d.img --from src");
      for (const [name, format] of [["d.qcow2", "qcow2"], ["d.vhd", "vpc"], ["d.vmdk", "vmdk"]] as const) {
        sh.must(`rump disk create ${name} --from src && qemu-img compare -F ${format} d.img ${name}`);
        sh.must(
          `mv ${name} x && ${
            format === "vpc" ? "sleep 1.1" : ":"
          } && rump disk create ${name} --from src && cmp x ${name}`,
        );
      }
      sh.must(
        "rump disk create --format qcow2 -c packed --from src && qemu-img check packed && qemu-img compare d.img packed",
      );
      sh.must(
        "rump disk create --empty --size 3g e.qcow2 && qemu-img check e.qcow2 && rump disk create --empty --size 3g e.img",
      );
      sh.must("qemu-img compare e.img e.qcow2 && rump disk create --backing d.qcow2 c && qemu-img compare c d.img");
      assertStringIncludes(sh.must("qemu-img info c"), "backing file format: qcow2");
      for (
        const [args, said] of [
          ["--empty y", "--size : not a size"],
          ["--empty --size 1m --from src y", "--from: of an image that has something in it"],
          ["--backing d.img --format vhd y", "vhd: a change of another image: not supported"],
          ["--backing nosuch y", "nosuch: no such file or directory"],
        ] as const
      ) assertStringIncludes(sh.run(`rump disk create ${args}`).err, said);
      assertEquals(sh.must("ls -A | grep part; true"), "");
    }));
  it("an image somebody has open for writing is not replaced", { skip: noFuse() }, () =>
    within((sh) => {
      sh.must("mkdir mnt && rump disk create d.img --size 20m && rump_msdos d.img%GPT:1% mnt");
      assertStringIncludes(sh.run("rump disk create --force d.img").err, "locked by process");
      sh.must("umount mnt");
    }));
});

describe("rump disk slices, and partitions by name", () => {
  it("shows what sfdisk made, and each can be used by its name", () =>
    within((sh) => {
      sh.must(
        `truncate -s 100M d.img && printf '%s\\n' 'size=20M,type=c' 'size=10M,type=83' 'type=5' 'size=8M,type=6' 'size=12M,type=e' |
        sfdisk -q d.img`,
      );
      const { partitions } = JSON.parse(sh.must("sfdisk -J d.img")).partitiontable;
      const found = rows(sh, "d.img");
      assertEquals(
        found.map((r) => [r.name, r.offset, r.size]),
        (partitions as { start: number; size: number }[]).map((p, i) =>
          [`d.img%MBR:${i + 1}%`, p.start * 512, p.size * 512] as [string, number, number]
        ).map((row, i) => (i < 3 ? row : [`d.img%MBR:${i + 2}%`, row[1], row[2]])),
      );
      sh.must(
        "newfs_msdos -L LOGICAL d.img%MBR:6% && echo text > file && rump.cp --image d.img%MBR:6% host:file /there",
      );
      assertEquals(sh.must(`mtype -i d.img@@${found.at(-1)!.offset} ::there`), "text\n");
      assertStringIncludes(sh.must("rump disk slices d.img | tail -1"), "W95 FAT16 (LBA)");
    }));
  it("a partition that ends behind the image can be read, and is not written", () =>
    within((sh) => {
      sh.must("rump disk create d.img --size 20m --table mbr && truncate -s 15M d.img");
      assertEquals(rows(sh, "d.img")[0]!.missing, 5 * MB);
      assertStringIncludes(
        sh.run("newfs_msdos d.img%MBR:1%").err,
        "truncated: %MBR:1% has 19922944 bytes, 5242880 of them behind",
      );
      assertEquals(sh.run("rump.ls --image d.img%MBR:1% -o ro /").status, 1);
      sh.must("truncate -s 1M d.img");
      assertStringIncludes(sh.run("newfs_msdos d.img%MBR:1%").err, "begins at byte 1048576, the image ends at 1048576");
    }));
  it("names the whole, when there are no partitions", () =>
    within((sh) => {
      sh.must(
        "newfs_msdos -C 10m -L WHOLE d.img && truncate -s 1M e.img && printf 'BZh91AY and so on' > f.bz2 && echo hello | gzip > f.gz",
      );
      assertEquals(sh.must("rump disk slices d.img"), 'd.img: no partitions; FAT16 "WHOLE"\n');
      assertEquals(sh.must("rump disk slices e.img"), "e.img: no partitions; nothing that is known\n");
      assertEquals(sh.must("rump disk slices f.bz2"), "f.bz2: no partitions; bzip2-compressed data\n");
      assertStringIncludes(sh.run("rump disk slices .").err, "rump.disk slices: .: is a directory");
    }));
  it("a damaged first GPT header is told, and the last one used", () =>
    within((sh) => {
      sh.must(
        "rump disk create d.img --size 20m && printf x | dd of=d.img bs=1 seek=600 conv=notrunc status=none && cp d.img e.img",
      );
      const r = sh.run("rump disk slices d.img");
      assertStringIncludes(r.err, "rump.disk slices: d.img: GPT: first header: wrong checksum; the last is used");
      assertEquals(r.status, 1);
      sh.must("rump.ls --image d.img%GPT:1% /");
    }));
  it("rump_server lends partitions by name, and by the letter of a disklabel", () =>
    within((sh) => {
      sh.must(`rump disk create d.img --size 20m && python3 - <<'P'
import struct
def label(sec):
    b=bytearray(148+16*5); struct.pack_into("<I",b,0,0x82564557); struct.pack_into("<I",b,132,0x82564557); struct.pack_into("<I",b,40,sec)
    struct.pack_into("<H",b,138,5); struct.pack_into("<IIIB",b,148+64,1<<15,4096,0,8)
    x=0
    for i in range(0,len(b),2): x^=struct.unpack_from("<H",b,i)[0]
    struct.pack_into("<H",b,136,x); return b
f=open("bsd.img","wb"); f.truncate(30<<20); f.seek(512); f.write(label(512))
P
        newfs_msdos -L BSD bsd.img%DISKLABEL:e%`);
      sh.must(`rump_server -l rumpfs_msdos -d 'key=/dev/gpt,hostpath=d.img%GPT:EFI System%,size=host' \
        -d key=/dev/bsd,hostpath=bsd.img,disklabel=e unix://sock`);
      const env = { RUMP_SERVER: `unix://${sh.dir}/sock` };
      sh.must(
        "rump.mkdir /a && rump.mkdir /b && rump.mount_msdos /dev/gpt /a && rump.mount_msdos /dev/bsd /b && rump.mkdir /b/made",
        env,
      );
      sh.must("rump.halt", env); // what it wrote is there when it ends
      sh.must(`mdir -i bsd.img@@2M ::made && mdir -i d.img@@1M`);
      const refusedSpec = sh.run("rump_server -l rumpfs_msdos -d key=/dev/x,hostpath=d.img,disklabel=f unix://s2");
      assertStringIncludes(refusedSpec.err, "etfs register: ");
      assertStringIncludes(refusedSpec.err, "no BSD disklabel");
    }));
});
