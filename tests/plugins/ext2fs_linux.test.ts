import { describe, it } from "node:test";
import { writeFileSync } from "node:fs";
import ext2fs from "../../plugins/fs_ext2fs/mod.ts";
import { decodeName } from "../../src/lib/text.ts";
import { assert, assertEquals } from "../assert.ts";
import { emptyImage, extScratch, lacks, run } from "../cases/ext_images.ts";
import { crashedOnLinux, noLinux, onLinux } from "../cases/ext_linux.ts";
import { hostListing, imageListing, type Listing, mountImage, nodeAt } from "../cases/image_walk.ts";
import { pattern } from "../../src/conformance/claim.ts";

const skip = noLinux();
const clean = ({ "lost+found": _, ...rest }: Listing): Listing => rest;

/** What makes blocks, extents, indexes and names of many kinds. */
function live(dir: string): Listing {
  run(`cd ${dir}; mkdir d many gone; for i in $(seq 500); do : > "many/a name that is rather long $i"; done
    seq 30000 > d/numbers; cp d/numbers removed; rm removed; ln d/numbers link; ln -s d/numbers sym
    fallocate -l 2M room || :; fallocate -p -o 4096 -l 8192 d/numbers || :; mkfifo fifo; mknod dev b 300 70000
    for i in $(seq 40); do mkdir gone/$i; done; rm -r gone; for i in $(seq 3 3 500); do rm "many/a name that is rather long $i"; done`);
  writeFileSync(`${dir}/pattern`, pattern(3_000_001));
  return clean(hostListing(dir));
}
const seen = async (image: Uint8Array, log: string[]): Promise<Listing> =>
  clean(await imageListing(ext2fs, image, { log }));

describe("ext2fs and Linux", () => {
  for (
    const [name, options] of Object.entries({
      "ext2": "-t ext2 -b 1024",
      "ext3": "-t ext3",
      "ext4": "-t ext4",
      "ext4 of 1 KiB blocks": "-t ext4 -b 1024",
      "ext4 with data in inodes": "-t ext4 -O inline_data -I 512",
    })
  ) {
    it(`${name}: what Linux has written is read`, { skip }, async () => {
      const [image, list] = onLinux(emptyImage(options, 32768), "noatime", live);
      const log: string[] = [];
      assertEquals(await seen(image, log), list);
      assertEquals(log, []);
    });
  }
  for (
    const [name, options, how] of [
      ["ext3", "-t ext3", "noatime"],
      ["ext3 with all data in the journal", "-t ext3 -b 1024", "noatime,data=journal"],
      ["ext3 with checksums in its commits", "-t ext3", "noatime,journal_checksum"],
      ["ext4", "-t ext4", "noatime"],
      ["ext4 of 1 KiB blocks without 64 bits", "-t ext4 -b 1024 -O ^64bit", "noatime"],
      ["ext4 with all data in the journal", "-t ext4", "noatime,data=journal"],
    ] as const
  ) {
    it(
      `${name}: after a crash all that is in the journal is read, and the image stays as it is`,
      { skip },
      async () => {
        const magic = new Uint8Array(40_000);
        for (let at = 0; at < magic.length; at += 1024) magic.set([0xc0, 0x3b, 0x39, 0x98], at);
        const [image, list] = crashedOnLinux(emptyImage(options, 32768), how, (dir) => {
          writeFileSync(`${dir}/magic`, magic);
          const list = live(dir);
          run(`cd ${dir}; sync magic pattern d/numbers`); // data to its place, what leads to it into the journal
          return list;
        });
        const before = image.slice();
        const log: string[] = [];
        assertEquals(await seen(image, log), list);
        assert(
          /^ext2fs: memory: was not unmounted: \d+ blocks are read from its journal/.test(log[0] ?? ""),
          log.join(),
        );
        assertEquals(log.length, 1);
        assertEquals(Buffer.compare(image, before), 0);
      },
    );
  }
  for (const options of ["-t ext2 -b 1024", "-t ext4"]) {
    it(`a file of 5 GB with a hole is read at both ends (${options})`, { skip }, async () => {
      const [image] = onLinux(emptyImage(options, 32768), "noatime", (dir) => {
        run(
          `cd ${dir}; printf begin > huge; truncate -s 5G huge; printf end | dd of=huge bs=1 seek=5000000000 conv=notrunc`,
        );
      });
      const volume = await mountImage(ext2fs, image);
      const huge = await nodeAt(volume, "huge");
      const at = async (offset: number) => {
        const into = new Uint8Array(10).fill(1);
        return decodeName(into.subarray(0, await volume.read!(huge, into, offset)));
      };
      const zeros = (n: number) => "\0".repeat(n);
      assertEquals([await at(0), await at(2 ** 32), await at(4_999_999_997)], [
        `begin${zeros(5)}`,
        zeros(10),
        `${zeros(3)}end${zeros(4)}`,
      ]);
      assertEquals((await volume.getattr(huge)).size, 5 * 2 ** 30);
    });
  }
  it("times before 1970 and after 2038, owners and flags are read", { skip }, async () => {
    const times = [-2_000_000_000, -1, 0, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 15_032_385_534];
    const [image] = onLinux(emptyImage("-t ext4"), "noatime", (dir) => {
      for (const [i, t] of times.entries()) run(`touch -d @${t}.123456789 ${dir}/t${i}`);
      run(`cd ${dir}; echo 1 > f; chown 70000:80000 f; touch i a n; chattr +i i; chattr +a a; chattr +d n`);
    });
    const volume = await mountImage(ext2fs, image);
    for (const [i, t] of times.entries()) {
      const { mtime, mtimensec } = await volume.getattr(await nodeAt(volume, `t${i}`));
      // Before 1970 the fraction of what touch is told counts backwards.
      assertEquals([mtime, mtimensec], t < 0 ? [t - 1, 876_543_211] : [t, 123_456_789]);
    }
    const flags = await Promise.all(
      ["i", "a", "n"].map(async (n) => (await volume.getattr(await nodeAt(volume, n))).flags),
    );
    assertEquals(flags, [0x2_0000, 0x4_0000, 1]);
    const { uid, gid } = await volume.getattr(await nodeAt(volume, "f"));
    assertEquals([uid, gid], [70_000, 80_000]);
  });
  it(
    "extended attributes: in inodes, in blocks, long ones in inodes of their own; access lists as getfacl knows them",
    { skip: skip || lacks("setfattr") || lacks("setfacl") },
    async () => {
      const long = "v".repeat(20_000);
      const [image, acl] = onLinux(emptyImage("-t ext4 -O ea_inode"), "noatime,acl", (dir) => {
        writeFileSync(`${dir}/f`, "x");
        run(`cd ${dir}; setfattr -n user.short -v one f; setfattr -n user.middle -v ${"m".repeat(900)} f
          setfattr -n trusted.t -v 1 f; setfattr -n security.s -v 2 f; setfacl -m u:1234:rw,g:99:r f`);
        writeFileSync(`${extScratch()}/long.dump`, `# file: f\nuser.long="${long}"\n`);
        run(`dump=$PWD/long.dump; cd ${dir}; setfattr --restore=$dump`);
        return run(`cd ${dir}; getfattr -e hex --only-values -n system.posix_acl_access f | od -An -v -tx1`);
      });
      const volume = await mountImage(ext2fs, image);
      const f = await nodeAt(volume, "f");
      const get = async (name: string) => decodeName((await volume.getxattr!(f, name)) ?? new Uint8Array([33]));
      assertEquals(
        [await get("user.short"), await get("user.middle"), await get("trusted.t"), await get("security.s")],
        ["one", "m".repeat(900), "1", "2"],
      );
      assertEquals(await get("user.long"), long);
      const bytes = acl.trim().split(/\s+/).map((x) => parseInt(x, 16));
      assertEquals([...(await volume.getxattr!(f, "system.posix_acl_access"))!], bytes);
      const names = [...await volume.listxattr!(f)].sort();
      assertEquals(names, [
        "security.s",
        "system.posix_acl_access",
        "trusted.t",
        "user.long",
        "user.middle",
        "user.short",
      ]);
    },
  );
});
