/** Images past the host's page cache: --direct of mounts and tools, `direct` of rump_server -d. */
import { describe, it } from "node:test";
import { assertEquals, assertMatch } from "../assert.ts";
import { noFuse, type Shell, within } from "./helpers.ts";

/** An image of which nothing is in the page cache. */
const image = (sh: Shell, size = "40M") =>
  sh.must(`truncate -s ${size} d.img && mkfs.fat -F 32 d.img > /dev/null && mkdir -p mnt; ${dropped("d.img")}`);
const dropped = (file: string) => `dd of=${file} oflag=nocache conv=notrunc,fdatasync count=0 2> /dev/null`;
const pages = (sh: Shell, file: string) => sh.must(`fincore -nb -o PAGES ${file}`).trim();
/** open(2)'s flags, in octal, of what a process has an image open by. */
const flags = (sh: Shell, file: string) =>
  sh.must(`pid=$(awk "/POSIX.*:$(stat -c %i ${file}) / { print \\$5; exit }" /proc/locks); cd /proc/$pid/fd
    for fd in *; do [ "$(readlink $fd)" = "$OLDPWD/${file}" ] && sed -n 's/^flags:\\s*//p' ../fdinfo/$fd; done; true`)
    .trim();
const O_DIRECT = process.arch === "arm64" ? 0o200000 : 0o40000;

describe("an image past the page cache", () => {
  it(
    "is mounted in the sandbox, written and read, and no page of it is cached",
    { skip: noFuse() },
    () =>
      within((sh) => {
        image(sh);
        sh.must("rump_msdos --sandbox --direct d.img mnt && seq 300000 > mnt/seq && sync mnt/seq");
        assertEquals([pages(sh, "d.img"), parseInt(flags(sh, "d.img"), 8) & O_DIRECT], ["0", O_DIRECT]);
        sh.must("rump_msdos -u mnt");
        assertEquals(pages(sh, "d.img"), "0");
        sh.must("rump_msdos --direct -o ro d.img mnt && seq 300000 | cmp - mnt/seq");
        assertEquals(pages(sh, "d.img"), "0");
        sh.must("rump_msdos -u mnt && fsck.fat -n d.img && mtype -i d.img ::seq > seq && seq 300000 | cmp - seq");
        // and what is not is, without the word
        sh.must(`${dropped("d.img")}; rump_msdos -o ro d.img mnt && cat mnt/seq > seq; rump_msdos -u mnt`);
        assertMatch(pages(sh, "d.img"), /^[1-9]\d+$/);
      }),
  );
  it("gives the room of deleted files back, and is locked as any", { skip: noFuse() }, () =>
    within((sh) => {
      image(sh);
      sh.must("rump_msdos --direct -o discard d.img mnt && head -c 20M /dev/zero | tr '\\0' x > mnt/x && sync mnt/x");
      assertMatch(sh.run("rump.ls --image d.img /").err, /locked by process \d+/);
      const full = Number(sh.must("stat -c %b d.img"));
      sh.must("rm mnt/x && rump_msdos -u mnt");
      assertEquals(Number(sh.must("stat -c %b d.img")) < full / 4, true);
    }));
  it("that does not end with a block, or is of another format, is written anywhere, to its last byte", () =>
    within((sh) => {
      sh.must(
        `head -c 3000123 /dev/urandom | tee d.img > same && seq 400000 > in && qemu-img create -q -f qcow2 q.img 4M`,
      );
      sh.must(
        `rump_allserver -d key=/dev/d,hostpath=d.img,size=host,direct -d key=/dev/q,hostpath=q.img,size=host,direct unix://sock`,
      );
      const env = { RUMP_SERVER: `unix://${sh.dir}/sock` };
      assertEquals(parseInt(flags(sh, "d.img"), 8) & O_DIRECT, O_DIRECT);
      for (const [bytes, how] of [[2000000, "seek=124 bs=1000"], [777, "seek=1 bs=777"], [123, "seek=3000 bs=1000"]]) {
        for (const to of ["rump.dd of=/dev/rd", "dd of=same conv=notrunc"]) {
          sh.must(`head -c ${bytes} in > part && ${to} ${how} < part`, env);
        }
      }
      sh.must("rump.dd of=/dev/rq bs=70000 < in && rump.dd if=/dev/rd bs=9999 | cmp - same", env);
      sh.must("rump.halt", env);
      sh.must("cmp d.img same && qemu-img check -q q.img && qemu-img convert -O raw q.img r && cmp -n 2688895 r in");
    }));
  it("is compared and converted so; what has no such reads is said in a line", () =>
    within((sh) => {
      sh.must(`head -c 5000001 /dev/urandom > d.img; ${dropped("d.img")}`);
      sh.must("rump disk convert --direct -O qcow2 d.img q.img && rump disk compare --direct q.img d.img");
      assertEquals(pages(sh, "d.img"), "1"); // its end
      assertMatch(
        sh.run(
          `unshare -rm sh -c "mount -t ramfs none /mnt && truncate -s 1M /mnt/d.img && rump disk compare --direct /mnt/d.img d.img"`,
        ).err,
        /^rump.disk compare: \/mnt\/d.img: its file system does not read and write past the cache\n$/,
      );
      const r = sh.run("rump disk compare --direct http://127.0.0.1:1/x d.img");
      assertEquals(
        r.err,
        "rump.disk compare: http://127.0.0.1:1/x: only files and devices are read past the page cache\n",
      );
    }));
});
