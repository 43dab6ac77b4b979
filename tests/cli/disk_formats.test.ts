/** Images of other formats than raw, mounted by a process of its own. */
import { describe, it } from "node:test";
import { assertEquals, assertMatch } from "../assert.ts";
import { noFuse, within } from "./helpers.ts";

const MADE =
  "truncate -s 40M d.raw && mkfs.fat -F 32 d.raw >/dev/null && qemu-img convert -O qcow2 d.raw d.img && mkdir mnt";

describe("an image that is not raw", () => {
  it("is mounted in its sandbox and written; --snapshot leaves it alone", { skip: noFuse() }, () =>
    within((sh) => {
      sh.must(`${MADE} && rump_msdos --sandbox d.img mnt && seq 100000 > mnt/numbers && rump_msdos -u mnt`);
      sh.must("qemu-img check -q d.img && qemu-img convert -O raw d.img e.raw && fsck.fat -n e.raw && cp d.img before");
      assertEquals(sh.must("mtype -i e.raw ::numbers | md5sum"), sh.must("seq 100000 | md5sum"));
      sh.must(
        "rump_msdos --snapshot d.img mnt && rm mnt/numbers && echo x > mnt/new && rump_msdos -u mnt && cmp d.img before",
      );
    }));
  it("may be partitioned", { skip: noFuse() }, () =>
    within((sh) => {
      sh.must(
        "mkdir src mnt; echo hello > src/a; rump disk create --from src p.raw && qemu-img convert -O qcow2 p.raw p.img",
      );
      assertMatch(sh.run("rump_msdos p.img mnt").err, /has partitions: which one is meant\?\n {2}p\.img%GPT:1%/);
      assertEquals(sh.must("rump_msdos p.img%GPT:1% mnt && cat mnt/a && rump_msdos -u mnt"), "hello\n");
    }));
  it("that is a change of another is mounted only when told of which", { skip: noFuse() }, () =>
    within((sh) => {
      sh.must(`${MADE} && qemu-img create -q -f qcow2 -b d.img -F qcow2 c.img`);
      assertMatch(
        sh.run("rump_msdos c.img mnt").err,
        /^rump_msdos: c\.img: .*--backing FILE says which image that is\n$/,
      );
      sh.must(
        "cp d.img before; rump_msdos --backing d.img c.img mnt && echo x > mnt/x && rump_msdos -u mnt && cmp d.img before",
      );
    }));
});
