/** rump disk info: qemu-img, blkid and xorriso say the same. */
import { describe, it } from "node:test";
import { assertEquals, assertMatch, assertStringIncludes } from "../assert.ts";
import { type Shell, within } from "./helpers.ts";

interface Info {
  readonly format: string;
  readonly size: number;
  readonly allocated: number;
  readonly unit: number | null;
  readonly compression: string | null;
  readonly backing: { readonly name: string; readonly format?: string } | null;
  readonly snapshots: readonly { readonly id: string; readonly name: string; readonly size: number }[];
  readonly chain: readonly Info[];
  readonly holds: { readonly name: string; readonly label: string | null; readonly uuid: string | null } | null;
  readonly boot: readonly { platform: string; bootable: boolean; media: string; sector: number; size: number }[];
  readonly slices: readonly { readonly name: string; readonly holds: Info["holds"] }[];
  readonly complaints: readonly string[];
}
const info = (sh: Shell, words: string): Info => JSON.parse(sh.must(`rump disk info -j ${words}`)) as Info;
interface Qemu {
  readonly "virtual-size": number;
  readonly "actual-size": number;
  readonly "cluster-size"?: number;
  readonly "backing-filename"?: string;
  readonly snapshots?: readonly { readonly id: string; readonly name: string }[];
}
const qemu = (sh: Shell, words: string): Qemu => JSON.parse(sh.must(`qemu-img info --output=json ${words}`)) as Qemu;

describe("rump disk info", () => {
  it("format, sizes, clusters and snapshots are what qemu-img says", () =>
    within((sh) => {
      sh.must("truncate -s 10M d.img && mkfs.fat -n LABEL d.img > /dev/null");
      for (
        const [format, name, options] of [
          ["qcow2", "qcow2", "-o cluster_size=4k"],
          ["qcow2", "qcow2", "-c -o compression_type=zstd"],
          ["vhd", "vpc", "-o force_size"],
          ["vmdk", "vmdk", ""],
          ["vmdk", "vmdk", "-o subformat=streamOptimized"],
        ] as const
      ) {
        sh.must(`rm -f image && qemu-img convert -O ${name} ${options} d.img image`);
        if (format === "qcow2") sh.must("qemu-img snapshot -c one image && qemu-img snapshot -c 'two 2' image");
        const [ours, theirs] = [info(sh, "image"), qemu(sh, "image")];
        assertEquals([ours.format, ours.size, ours.allocated], [format, theirs["virtual-size"], theirs["actual-size"]]);
        if (theirs["cluster-size"]) assertEquals(ours.unit, theirs["cluster-size"]);
        assertEquals(ours.snapshots.map((s) => [s.id, s.name]), (theirs.snapshots ?? []).map((s) => [s.id, s.name]));
        assertEquals([ours.holds?.name, ours.holds?.label, ours.complaints], ["FAT16", "LABEL", []]);
      }
      assertMatch(
        sh.must("rump disk info image"),
        /^image: image\nformat: vmdk, streamOptimized, compression zlib\nsize: 10MB \(10485760 bytes\)\non disk: .*\nunit: 64KB \(65536 bytes\)\nholds: FAT16 "LABEL", .{9}\n$/,
      );
    }));
  it("a change of another says of which; --chain follows the names, from where the image is", () =>
    within((sh) => {
      sh.must(
        `mkdir deep && newfs_msdos -C 10m -L BELOW d.img && cd deep && qemu-img create -q -f qcow2 -b ../d.img -F raw a
        qemu-img create -q -f qcow2 -b a -F qcow2 b`,
      );
      const one = info(sh, "deep/b");
      assertEquals([one.backing, one.chain, one.holds], [{ name: "a", format: "qcow2" }, [], null]);
      assertMatch(one.complaints[0]!, /a change of "a": --backing FILE/);
      const all = info(sh, "--chain deep/b");
      assertEquals(all.chain.map((i) => [i.format, i.backing?.name]), [["qcow2", "../d.img"], ["raw", undefined]]);
      assertEquals(all.holds?.label, "BELOW");
      sh.must("qemu-img rebase -u -b a -F qcow2 deep/a");
      assertStringIncludes(sh.run("rump disk info --chain deep/b").err, "more than 32 images");
      sh.must("qemu-img rebase -u -b nbd://127.0.0.1/x -F raw deep/a");
      assertStringIncludes(
        sh.run("rump disk info --chain deep/b").err,
        "deep/a: names nbd://127.0.0.1/x: only files are followed",
      );
    }));
  it("labels and numbers of file systems are blkid's", () =>
    within((sh) => {
      const makes = [
        "mkfs.fat -F 32 -n 'MY DISK' d.img",
        "mke2fs -q -t ext4 -L 'my label' d.img",
        "mke2fs -q -t ext2 d.img",
        "mkfs.exfat d.img",
        "mkswap -q -L pages d.img",
        "mkdir src && echo > src/a && rm d.img && mksquashfs src d.img -quiet -no-progress",
        "rm d.img && genisoimage -quiet -V VOLUME -o d.img src",
      ];
      const names: Readonly<Record<string, RegExp>> = {
        vfat: /^FAT32$/,
        ext4: /^ext4$/,
        ext2: /^ext2$/,
        exfat: /^exFAT$/,
        swap: /^swap$/,
        squashfs: /^squashfs$/,
        iso9660: /^ISO 9660$/,
      };
      for (const make of makes) {
        sh.must(`rm -f d.img && truncate -s 40M d.img && (${make}) > said 2>&1`);
        const said = Object.fromEntries(
          sh.must("blkid -p -o export d.img").trim().split("\n").map((l) => l.replaceAll("\\ ", " ").split("=")),
        ) as Record<string, string>;
        const { holds } = info(sh, "d.img");
        assertMatch(holds!.name, names[said.TYPE!]!);
        assertEquals([holds!.label ?? undefined, holds!.uuid ?? undefined], [said.LABEL, said.UUID], make);
      }
    }));
  it("what a CD starts machines with is what xorriso reports", () =>
    within((sh) => {
      sh.must(
        `mkdir src && head -c 30000 /dev/zero > src/efi.img && head -c 2048 /dev/zero > src/bios.bin && xorriso -as mkisofs -quiet \\
        -b bios.bin -no-emul-boot -boot-load-size 4 -eltorito-alt-boot -e efi.img -no-emul-boot -o d.iso src 2> said`,
      );
      const said = sh.must("xorriso -indev d.iso -report_el_torito plain 2>/dev/null | grep '^El Torito boot img'");
      const theirs = [...said.matchAll(/: +\d+ +(\w+) +(y|n) +(\w+) +\S+ +\S+ +(\d+) +(\d+)/g)].map((m) => m.slice(1));
      const ours = info(sh, "d.iso").boot.map((b) => [b.platform, b.bootable, b.media, b.size / 512, b.sector]);
      assertEquals(
        ours,
        theirs.map(([platform, y, media, size, at]) => [
          platform!.toLowerCase().replace("uefi", "efi"),
          y === "y",
          media,
          Number(size),
          Number(at),
        ]),
      );
      assertEquals(ours.map((b) => b[0]), ["bios", "efi"]);
      assertMatch(
        sh.must("rump disk info d.iso"),
        /BOOT +BOOTABLE +EMULATION +OFFSET +SIZE +ADDRESS\nbios +yes +none +\d+ +2048 +0x7c00\n/,
      );
    }));
  it("an image that is packed whole has the size of what is in it", () =>
    within((sh) => {
      sh.must("newfs_msdos -C 3m -L PACKED d.img && gzip d.img");
      const { format, size, holds } = info(sh, "d.img.gz");
      assertEquals([format, size, holds?.label], ["gzip", 3 << 20, "PACKED"]);
    }));
  it("partitions say what they hold; a part of a disk can be asked for", () =>
    within((sh) => {
      sh.must("mkdir src && echo > src/a && rump disk create d.img --from src --volume-label INSIDE");
      for (const image of ["d.img", "d.qcow2", "d.vhd", "d.vmdk"]) {
        if (image !== "d.img") sh.must(`rump disk convert d.img ${image}`);
        const { slices } = info(sh, image);
        assertEquals(slices.map((s) => [s.name, s.holds?.label]), [[`${image}%GPT:1%`, "INSIDE"]]);
        assertMatch(sh.must(`rump disk info ${image}%GPT:1%`), /\npart: 1\.0MB \(\d+ bytes\)\nholds: FAT12 "INSIDE", /);
      }
      assertEquals(sh.run("rump disk info nosuch").err, "rump.disk info: nosuch: no such file or directory\n");
      sh.must("printf 'QFI\\373 and nothing more of it' > bad");
      assertEquals(sh.run("rump disk info bad").err, "rump.disk info: bad: qcow2: shorter than a header\n");
    }));
});
