import { describe, it } from "node:test";
import { assertEquals, assertStringIncludes } from "../assert.ts";
import { type Shell, within } from "./helpers.ts";

const image = (sh: Shell) => sh.must("truncate -s 8M d.img && mkfs.fat -n RUMP d.img");
const clean = (sh: Shell) => assertEquals(sh.run("fsck.fat -n d.img").status, 0);

describe("the file tools with --image", () => {
  it("copy a tree in and out, which mtools and fsck agree with", () =>
    within((sh) => {
      image(sh);
      sh.must(
        `mkdir -p src/sub "src/Long name" && seq 5000 > src/numbers && cp /bin/true src/sub && echo x > "src/Long name/\u00fc"`,
      );
      sh.must(
        "rump.cp -R --image d.img host:src /copy && rump.cp -R --image d.img /copy host:back && diff -r src back",
      );
      assertEquals(sh.must("mtype -i d.img ::copy/numbers | tail -1"), "5000\n");
      clean(sh);
    }));
  it("make, move, show and remove files as on a server", () =>
    within((sh) => {
      image(sh);
      sh.must(
        "echo hello > h && rump.mkdir --image d.img /a /b && rump.cp --image d.img host:h /a/ && rump.mv --image d.img /a/h /b/moved",
      );
      assertEquals(sh.must("rump.cat --image d.img b/moved ../../b/moved"), "hello\nhello\n");
      assertEquals(sh.must("rump.rm -r --image d.img /a && rump.ls --image d.img"), "b\n");
      assertStringIncludes(sh.must("rump.df --image d.img"), "% /\n");
      clean(sh);
    }));
  it("read an image nobody may write, and change nothing", () =>
    within((sh) => {
      image(sh);
      sh.must(
        "echo x > f && rump.cp --image d.img host:f / && sha256sum d.img > sum && rump.ls -l --image d.img && rump.cp --image d.img f host:g && rump.df --image d.img && sha256sum -c sum",
      );
      assertStringIncludes(
        sh.run("rump.mkdir --image d.img --mount-options ro /x").err,
        "rump.mkdir: /x: Read-only file system",
      );
      sh.must("sha256sum -c sum");
    }));
  it("leave no half of a file when the volume is full", () =>
    within((sh) => {
      image(sh);
      sh.must("head -c 9M /dev/zero > big && echo keep > keep && rump.cp --image d.img host:keep /");
      const r = sh.run("rump.cp --image d.img host:big /");
      assertEquals([r.status, r.err], [1, "rump.cp: /big: No space left on device\n"]);
      assertEquals(sh.must("rump.ls --image d.img && rump.cat --image d.img keep"), "keep\nkeep\n");
      clean(sh);
    }));
  const refused: readonly (readonly [command: string, said: string])[] = [
    ["rump.ls --image nosuch /", "rump.ls: nosuch: no such file or directory"],
    ["rump.ls --image . /", "rump.ls: .: is a directory"],
    ["rump.ls --image zeros /", "rump.ls: zeros: not a FAT volume"],
    ["rump.ls --image d.img /nosuch", "rump.ls: /nosuch: No such file or directory"],
    ["rump.ls --image d.img --type foo /", "rump.ls: --type foo: no such file system"],
    ["rump.ls --image d.img --type tmpfs /", "rump.ls: tmpfs: not a file system of images"],
    ["rump.ls --image d.img --mount-options bogus /", "rump.ls: -o bogus: option not supported"],
  ];
  it("say in one line what is wrong, and end with 1", () =>
    within((sh) => {
      image(sh);
      sh.must("truncate -s 1M zeros");
      for (const [command, said] of refused) {
        const r = sh.run(command);
        assertStringIncludes(r.err, said);
        assertEquals([r.status, r.out, r.err.trim().split("\n").length], [1, "", 1], command);
      }
    }));
  it("find out what is on the image; --type takes Linux's names", () =>
    within((sh) => {
      sh.must(
        "mkdir src && echo one > src/a && truncate -s 8M e.img && mke2fs -q -t ext4 -d src e.img && gzip -k e.img",
      );
      assertEquals(sh.must("rump.cat --image e.img /a; rump.cat --image e.img.gz /a"), "one\none\n");
      assertEquals(sh.must("rump.cat --image e.img --type ext4 /a"), "one\n");
      assertEquals(sh.run("rump.rm --image e.img /a").err, "rump.rm: /a: Read-only file system\n");
    }));
  it("tell of the target what fails there, and of the source what fails there", () =>
    within((sh) => {
      image(sh);
      sh.must("echo one > one && rump.cp --image d.img host:one /");
      for (
        const [operands, said] of [
          ["/one host:none/x", "host:none/x: No such file or directory"],
          ["host:one /none/x", "/none/x: No such file or directory"],
          ["host:none /x", "host:none: No such file or directory"],
          ["-R host:. /none/x", "/none/x: No such file or directory"],
        ] as const
      ) assertEquals(sh.run(`rump.cp --image d.img ${operands}`).err, `rump.cp: ${said}\n`);
    }));
  it("work on a file system of a plugin", () =>
    within((sh) => {
      sh.must(`printf 'hello from the image' > d.img && cat > onefs.ts <<'P'
export default { kind: "fs", name: "onefs", wantsDevice: true, mount: (sys, device) => {
  const root = { dir: true }, file = {};
  return { root, lookup: (d, n) => (n === "all" ? file : undefined), readdir: () => [["all", file]],
    getattr: (n) => n.dir ? { ino: 1, type: "dir", size: 0 } : { ino: 2, type: "file", size: device.size },
    read: (n, into, at) => { const m = Math.max(0, Math.min(into.length, device.size - at)); device.read(into.subarray(0, m), at); return m; } };
} };
P`);
      assertEquals(sh.must("rump.cat --image d.img --type ./onefs.ts /all"), "hello from the image");
    }));
});
