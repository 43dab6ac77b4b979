/** Compressed images, mounted by a process of its own, and used without. */
import { describe, it } from "node:test";
import { assertEquals, assertMatch } from "../assert.ts";
import { noFuse, within } from "./helpers.ts";

const MADE = `truncate -s 20M d.raw && mkfs.fat d.raw >/dev/null && seq 300000 > numbers && mcopy -i d.raw numbers :: &&
  gzip -kc d.raw > d.gz && xz -1 -kc d.raw > d.xz && zstd -qkc d.raw > d.zst && mkdir mnt`;

describe("a compressed image", () => {
  it("is mounted in its sandbox, read-only, and says so; it stays as it was", { skip: noFuse() }, () =>
    within((sh) => {
      sh.must(`${MADE}; md5sum d.* > before`);
      for (const image of ["d.gz", "d.xz", "d.zst"]) {
        sh.must(`rump_msdos --sandbox --log log ${image} mnt && cmp mnt/numbers numbers`);
        assertMatch(sh.run("echo x > mnt/new").err, /Read-only file system/);
        sh.must("rump_msdos -u mnt");
        assertMatch(sh.must("cat log; rm log"), /mounted read-only\n/);
      }
      sh.must("md5sum -c before");
    }));
  it("is written with --snapshot, in memory", { skip: noFuse() }, () =>
    within((sh) => {
      sh.must(
        `${MADE}; cp d.xz before; rump_msdos --snapshot d.xz mnt && echo x > mnt/new && rm mnt/numbers && sync mnt`,
      );
      assertEquals(sh.must("ls mnt; rump_msdos -u mnt; cmp d.xz before"), "new\n");
    }));
  it("is read by many at once, and by none while somebody writes the file", { skip: noFuse() }, () =>
    within((sh) => {
      sh.must(`${MADE}; mkdir two`);
      for (const image of ["d.gz", "d.xz", "d.zst"]) {
        sh.must(`rump_msdos ${image} mnt && rump_msdos --sandbox ${image} two && cmp mnt/numbers two/numbers`);
        sh.must(`rump.ls --image ${image} / && rump_msdos -u mnt && rump_msdos -u two`);
      }
      const lend = "rump_server -l rumpvfs -d key=/dev/a,hostpath=d.xz,size=host,format=raw unix://sock";
      sh.must("rump_msdos d.xz mnt");
      assertMatch(sh.run(lend).err, /locked by process \d+: it is mounted already/);
      sh.must(`rump_msdos -u mnt && ${lend}`);
      try {
        assertMatch(
          sh.run("rump_msdos d.xz mnt").err,
          /^rump_msdos: d\.xz: locked by process \d+: it is being written already\n$/,
        );
      } finally {
        sh.run("RUMP_SERVER=unix://sock rump.halt");
      }
    }));
  it("may be partitioned, and is read without mounting", () =>
    within((sh) => {
      sh.must("mkdir src; echo hello > src/a; rump disk create --from src p.raw && gzip p.raw && mv p.raw.gz p.img");
      assertMatch(sh.run("rump.ls --image p.img /").err, /has partitions: which one is meant\?\n {2}p\.img%GPT:1%/);
      assertEquals(sh.must("rump.cat --image p.img%GPT:1% /a"), "hello\n");
    }));
  it(
    "that is cut short is refused in one line, or gives EIO for what is missing",
    { skip: noFuse() },
    () =>
      within((sh) => {
        sh.must(`${MADE}; for f in d.gz d.xz d.zst; do head -c -2000 $f > short; mv short $f; done`);
        assertMatch(
          sh.run("rump_msdos d.gz mnt").err,
          /^rump_msdos: d\.gz: gzip: damaged, or cut short, before byte \d+\n$/,
        );
        assertMatch(sh.run("rump_msdos d.xz mnt").err, /^rump_msdos: d\.xz: xz: cut short.*\n$/);
        assertMatch(sh.run("rump_msdos d.zst mnt").err, /^rump_msdos: d\.zst: zstd: cut short.*\n$/);
      }),
  );
  it("may hold an image of another format, also with --snapshot", { skip: noFuse() }, () =>
    within((sh) => {
      sh.must(`${MADE}; qemu-img convert -O qcow2 d.raw q.img && gzip q.img && rump_msdos --snapshot q.img.gz mnt`);
      sh.must("cmp mnt/numbers numbers && echo x > mnt/new && rump_msdos -u mnt");
      sh.must("rump_msdos -o ro --sandbox q.img.gz mnt && cmp mnt/numbers numbers && rump_msdos -u mnt");
    }));
  it("is what its first bytes say, unless --format says otherwise", { skip: noFuse() }, () =>
    within((sh) => {
      sh.must(MADE);
      assertMatch(sh.run("rump_msdos --format xz d.gz mnt").err, /^rump_msdos: d\.gz: xz: cut short, or no xz image/);
      assertEquals(sh.run("rump_msdos --format raw d.gz mnt").status, 1);
    }));
});
