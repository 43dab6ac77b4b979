import { describe, it } from "node:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { assert, assertEquals, assertStringIncludes } from "../assert.ts";
import { noFuse, type Shell, within } from "./helpers.ts";

const skip = noFuse();

/** A FAT image filled by mtools, its mount, and the way back. */
function image(sh: Shell, bits: 12 | 16 | 32): void {
  sh.must(`truncate -s ${bits === 12 ? 4 : bits === 16 ? 64 : 300}M d.img && mkfs.fat -F ${bits} d.img && mkdir mnt`);
}
/** Prints the number of the process that has the image open. */
const server = (sh: Shell) =>
  `for p in /proc/[0-9]*; do ls -l $p/fd 2>/dev/null | grep -q " ${sh.dir}/[de].img$" && echo \${p#/proc/}; done; true`;
function unmount(sh: Shell): void {
  sh.must("umount mnt");
  assert(sh.until(`test -z "$(${server(sh)})"`), "the process ends with the mount");
}
const clean = (sh: Shell) => assertStringIncludes(sh.must("fsck.fat -n d.img"), "d.img:");

describe("rump_msdos, a mount", { skip }, () => {
  for (const bits of [12, 16, 32] as const) {
    it(`FAT${bits}: what others wrote is read byte for byte; what is written others read`, () =>
      within((sh) => {
        image(sh, bits);
        sh.must(
          `mkdir src && cd src && mkdir -p "Ein Verzeichnis/\u00fcber" sub && for i in $(seq 60); do seq $i 9 900 > "File number $i with a long name.txt"; done &&
          cp File*1* sub && cp File*2* "Ein Verzeichnis/\u00fcber" && mcopy -s -i ../d.img * ::`,
        );
        sh.must("rump_msdos d.img mnt");
        sh.must("diff -r src mnt");
        sh.must(
          'cp -r /etc/default mnt/copied && rm mnt/File*3* && mv mnt/sub mnt/moved && echo more >> "mnt/File number 1 with a long name.txt"',
        );
        sh.must(
          'mkdir mnt/many && cd mnt/many && for i in $(seq 300); do echo $i > "name $i.text"; done && ls | wc -l | grep -x 300 && rm *7*',
        );
        sh.must("diff -r /etc/default mnt/copied");
        unmount(sh);
        clean(sh);
        sh.must(
          'mkdir back && mcopy -s -n -i d.img ::copied ::many ::moved back && diff -r /etc/default back/copied && diff back/many/"NAME 1.text" /dev/null; ls back/many | wc -l',
        );
        assertStringIncludes(sh.must('mtype -i d.img "::File number 1 with a long name.txt" | tail -1'), "more");
      }));
  }
  it("a tree of 2,000 files and a file of 200 MB come back as they went in", () =>
    within((sh) => {
      sh.must("truncate -s 600M d.img && mkfs.fat -F 32 d.img && mkdir mnt");
      sh.must(`python3 - <<'P'
import os
for i in range(2000):
    d = "src/d%d" % (i % 20); os.makedirs(d, exist_ok=True)
    open("%s/%s %d.txt" % (d, ["Odd name;, = +", "\u00e9\u00e8 \u4e2d\u6587", "UPPER", "lower", "Mixed.Case.Dots"][i % 5], i), "w").write("x" * i)
P
head -c 200000000 /dev/urandom > src/big; rump_msdos d.img mnt && cp -r src/. mnt/ && diff -r src mnt`);
      unmount(sh);
      clean(sh);
      sh.must("rump_msdos -o ro d.img mnt && diff -r src mnt");
      assertStringIncludes(sh.run("touch mnt/x").err, "Read-only file system");
      unmount(sh);
    }));
  it("a full volume is ENOSPC, and what was there stays", () =>
    within((sh) => {
      image(sh, 12);
      sh.must("rump_msdos d.img mnt && echo keep > mnt/keep");
      assertStringIncludes(sh.run("cat /dev/zero > mnt/fill").err, "No space left on device");
      sh.must("rm mnt/fill && grep -x keep mnt/keep && cp /bin/true mnt/t");
      unmount(sh);
      clean(sh);
    }));
  it("SIGTERM unmounts and writes everything, also while somebody is in it", () =>
    within((sh) => {
      image(sh, 16);
      sh.must("rump_msdos d.img mnt && echo data > mnt/file");
      sh.must(`cd mnt && kill $(${server(sh)}) && sleep 0.5`);
      assert(sh.until(`test -z "$(${server(sh)})"`));
      assert(!sh.must("cat /proc/self/mounts").includes(sh.dir));
      assertEquals(sh.must("mtype -i d.img ::file"), "data\n");
      clean(sh);
    }));
  it("after kill -9 the next mount takes the dead one's place, and nothing but the dirty mark is amiss", () =>
    within((sh) => {
      image(sh, 16);
      sh.must("rump_msdos d.img mnt && echo data > mnt/file && sync mnt/file");
      sh.must(`kill -9 $(${server(sh)})`);
      assert(sh.until("! stat mnt"));
      sh.must("rump_msdos d.img mnt && grep -x data mnt/file");
      unmount(sh);
      assert(!sh.must("fsck.fat -n d.img; true").includes("Contains a free cluster"));
    }));
  it("df, findmnt and stat see what one expects", () =>
    within((sh) => {
      image(sh, 16);
      sh.must("rump_msdos -u 7 -g 8 -m 640 -M 750 d.img mnt && echo x > mnt/f && mkdir mnt/d");
      assertEquals(sh.must("stat -c '%u %g %a' mnt/f mnt/d"), "7 8 640\n7 8 750\n");
      assertEquals(sh.must("findmnt -no SOURCE,FSTYPE mnt"), `${sh.dir}/d.img fuse.msdos\n`);
      unmount(sh);
    }));
});

/** Command, what is said (one line), status. */
const refused: readonly (readonly [command: string, said: string, status: number])[] = [
  ["rump_msdos", "usage: rump_msdos ", 2],
  ["rump_msdos nosuch.img mnt", "rump_msdos: nosuch.img: no such file or directory", 1],
  ["rump_msdos mnt mnt", "rump_msdos: mnt: is a directory", 1],
  ["rump_msdos text mnt", "not a FAT volume: shorter than a boot sector", 1],
  ["rump_msdos zeros mnt", "empty (all zeros): make a file system with newfs_msdos", 1],
  ["rump_msdos cut.img mnt", "truncated: the volume has 4194304 bytes, the image 1048576", 1],
  ["rump_msdos d.img nomnt", "rump_msdos: nomnt: no such file or directory", 1],
  ["rump_msdos d.img text", "rump_msdos: text: not a directory", 1],
  ["rump_msdos -o bogus d.img mnt", "rump_msdos: -o bogus: option not supported", 1],
  ["rump_msdos -m 9 d.img mnt", "rump_msdos: -m 9: not an octal mode", 1],
  ["rump_msdos -u nobodyhere d.img mnt", "rump_msdos: -u nobodyhere: no such user", 1],
  ["rump_msdos -x d.img mnt", "rump_msdos: unknown option -- x", 2],
];
describe("rump_msdos that cannot mount", { skip }, () => {
  it("says why in one line, and leaves nothing behind", () =>
    within((sh) => {
      sh.must(
        "truncate -s 4M d.img && mkfs.fat d.img && head -c 1M d.img > cut.img && truncate -s 1M zeros && echo text > text && mkdir mnt",
      );
      for (const [command, said, status] of refused) {
        const r = sh.run(command);
        assertStringIncludes(r.err, said);
        assertEquals([r.status, r.out], [status, ""], command);
        if (status === 1) assertEquals(r.err.trim().split("\n").length, 1, r.err);
      }
      assert(!sh.must("cat /proc/self/mounts").includes(sh.dir));
      assertEquals(sh.must(server(sh)), "");
    }));
  it("an image mounted already is refused, and so is a mount point in use", () =>
    within((sh) => {
      image(sh, 12);
      sh.must("mkdir other && rump_msdos d.img mnt");
      assertStringIncludes(sh.run("rump_msdos d.img other").err, "locked by process");
      sh.must("cp d.img e.img");
      assertStringIncludes(sh.run("rump_msdos e.img mnt").err, "something is mounted there already");
      unmount(sh);
    }));
});

/** What programs do with a file system: each line must succeed in the mounted directory. */
const programs: Readonly<Record<string, string>> = {
  git: `git init -q g && cd g && for i in $(seq 40); do echo $i > f$i; done && git add . &&
    git -c user.name=a -c user.email=a@b commit -qm x && git gc -q && git fsck --full && test -z "$(git status --porcelain)"`,
  sqlite:
    `sqlite3 a.db "pragma journal_mode=delete; create table t(a); with recursive c(x) as (select 1 union all select x+1 from c where x<2000)
    insert into t select x from c; pragma integrity_check" | tail -1 | grep -x ok`,
  "sqlite with a log and mmap":
    `sqlite3 b.db "pragma journal_mode=wal; pragma mmap_size=10000000; create table t(a); insert into t values(1);
    pragma wal_checkpoint; pragma integrity_check" | tail -1 | grep -x ok`,
  "cp --sparse": `truncate -s 10M s1 && echo x >> s1 && cp --sparse=always s1 s2 && cmp s1 s2`,
  copy_file_range:
    `head -c 3000000 /dev/urandom > r1 && python3 -c 'import os; a=os.open("r1",0); b=os.open("r4",os.O_RDWR|os.O_CREAT)
n=os.copy_file_range(a,b,1000000); assert n>0; assert os.pread(b,100,0)==os.pread(a,100,0)'`,
  "mmap, shared": `python3 -c 'import mmap,os
f=open("mm","w+b"); f.truncate(8192); m=mmap.mmap(f.fileno(),8192); m[0:5]=b"hello"; m.flush(); assert os.pread(f.fileno(),5,0)==b"hello"
m[4096:4099]=b"abc"; m.close(); f.close(); assert open("mm","rb").read()[4096:4099]==b"abc"'`,
  exec: "cp /bin/true t && chmod +x t && ./t",
  "fsync of files and directories":
    `python3 -c 'import os; f=os.open("fs",os.O_CREAT|os.O_RDWR); os.write(f,b"x"); os.fsync(f); os.fdatasync(f); os.fsync(os.open(".",os.O_RDONLY))'`,
  "flock and lockf":
    `touch l && flock l -c true && python3 -c 'import fcntl; fcntl.lockf(open("l","r+"),fcntl.LOCK_EX)'`,
  "renameat2": `python3 -c 'import ctypes; l=ctypes.CDLL(None); open("e1","w").write("1"); open("e2","w").write("2")
assert l.renameat2(-100,b"e1",-100,b"e2",1)!=0; assert l.renameat2(-100,b"e1",-100,b"e2",2)==0; assert open("e1").read()=="2"'`,
  "an open file without a name":
    `python3 -c 'import os; f=os.open("u",os.O_CREAT|os.O_RDWR); os.write(f,b"abc"); os.unlink("u"); assert os.pread(f,3,0)==b"abc"; os.write(f,b"more")'`,
  utimes: `touch -d "2001-02-03 04:05:06" ut && test "$(stat -c %Y ut)" = 981173106`,
  inotify:
    `python3 -c 'import ctypes,os; l=ctypes.CDLL(None); f=l.inotify_init1(2048); l.inotify_add_watch(f,b".",0x100); open("ino","w"); assert len(os.read(f,4096))>0'`,
  O_DIRECT: "dd if=/dev/zero of=od bs=4096 count=10 oflag=direct && dd if=od of=/dev/null bs=4096 iflag=direct",
  append: `echo a > ap; echo b >> ap; test "$(cat ap)" = "$(printf 'a\\nb')"`,
  "removal while listing": "mkdir many && cd many && seq 2000 | xargs touch && cd .. && rm -r many && ! [ -e many ]",
  fallocate: "fallocate -l 1M fa && test $(stat -c %s fa) = 1048576",
};
/** And what FAT has no place for. */
const posixOnly: Readonly<Record<string, string>> = {
  tar:
    "mkdir x && cp -r /etc/default x/ && ln -s y x/l && ln x/default/* x/ 2>/dev/null; tar cf x.tar x && rm -rf x && tar xf x.tar && tar df x.tar",
  "unlinked count":
    `python3 -c 'import os; f=os.open("u2",os.O_CREAT|os.O_RDWR); os.unlink("u2"); assert os.fstat(f).st_nlink==0'`,
  O_TMPFILE:
    `python3 -c 'import os,ctypes; f=os.open(".",os.O_TMPFILE|os.O_RDWR,0o600); os.write(f,b"tmp"); l=ctypes.CDLL(None)
assert l.linkat(-100,f"/proc/self/fd/{f}".encode(),-100,b"tmplinked",0x400)==0; assert open("tmplinked").read()=="tmp"'`,
  xattr:
    `python3 -c 'import os; open("xa","w"); os.setxattr("xa","user.a",b"v"); assert os.getxattr("xa","user.a")==b"v"; assert os.listxattr("xa")==["user.a"]; os.removexattr("xa","user.a")'`,
  mkfifo: "mkfifo ff && test -p ff",
  "fallocate, keeping the size and punching":
    "touch fk && fallocate -n -l 2M fk && test $(stat -c %s fk) = 0 && head -c 8192 /dev/urandom > fp && fallocate -p -o 0 -l 4096 fp",
  "modes and owners": "touch m && chmod 4711 m && chown 5:6 m && test $(stat -c %u:%g m) = 5:6",
};
function runAll(sh: Shell, all: Readonly<Record<string, string>>): void {
  for (const [name, command] of Object.entries(all)) {
    writeFileSync(`${sh.dir}/program.sh`, `set -e\ncd mnt\n${command}\n`);
    const r = sh.run("sh program.sh");
    assertEquals(r.status, 0, `${name}: ${r.out}${r.err}`);
  }
}
describe("programs on a mount", { skip }, () => {
  it("on rump_tmpfs all of them work", () =>
    within((sh) => {
      sh.must("mkdir mnt && rump_tmpfs -s 200m tmpfs mnt");
      runAll(sh, { ...programs, ...posixOnly });
      unmount(sh);
    }));
  it("set-id bits and capabilities do not survive a write by somebody else, a cut or a new owner", () =>
    within((sh) => {
      sh.must("chmod 755 . && mkdir mnt && rump_tmpfs -m 777 tmpfs mnt");
      const nobody = "setpriv --reuid 65534 --regid 65534 --clear-groups";
      const file = "cp /bin/true mnt/f && chown 65534:65534 mnt/f && chmod 6755 mnt/f";
      const modes = (change: string) => sh.must(`${file} && ${change} && stat -c %a mnt/f`).trim();
      assertEquals(modes("echo >> mnt/f"), "6755", "root may");
      assertEquals(modes(`${nobody} sh -c 'echo >> mnt/f'`), "755");
      assertEquals(modes(`${nobody} truncate -s 3 mnt/f`), "755");
      assertEquals(modes("chown 1 mnt/f"), "755");
      sh.must(`python3 - <<'P'
import os
cap = bytes([1, 0, 0, 2]) + bytes(16)
for change in (lambda: os.truncate("mnt/f", 1), lambda: open("mnt/f", "w").write("x"), lambda: os.chown("mnt/f", 2, 2)):
    os.setxattr("mnt/f", "security.capability", cap); assert "security.capability" in os.listxattr("mnt/f")
    change(); assert "security.capability" not in os.listxattr("mnt/f"), change
P`);
      unmount(sh);
    }));
  it("on rump_msdos those FAT has a place for", () =>
    within((sh) => {
      sh.must("truncate -s 200M d.img && mkfs.fat -F 32 d.img && mkdir mnt && rump_msdos d.img mnt");
      runAll(sh, programs);
      unmount(sh);
      clean(sh);
    }));
  it("an ordinary user mounts through fusermount3", () =>
    within((sh) => {
      sh.must(
        `chmod 755 . && truncate -s 4M d.img && mkfs.fat d.img && mkdir mnt && chmod 666 d.img && chown nobody mnt && cp "$(command -v rump || true)" . 2>/dev/null; true`,
      );
      if (!existsSync(`${sh.dir}/rump`) || readFileSync(`${sh.dir}/rump`).length < 1e6) return; // only the executable runs without this tree
      const r = sh.run(
        `unshare -m sh -c 'mount --bind /dev/fuse /dev/fuse 2>/dev/null; mknod ${sh.dir}/fuse c 10 229; chmod 666 ${sh.dir}/fuse; mount --bind ${sh.dir}/fuse /dev/fuse &&
        setpriv --reuid=65534 --regid=65534 --clear-groups sh -c "./rump msdos d.img mnt && echo user > mnt/file && cat mnt/file && fusermount3 -u mnt"'`,
      );
      assertEquals([r.out, r.status], ["user\n", 0], r.err);
    }));
});
