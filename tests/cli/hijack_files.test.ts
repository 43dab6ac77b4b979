/** rumphijack: the files of a rump kernel, for programs as they are. */
import { after, before, describe, it } from "node:test";
import { assertEquals, assertStringIncludes } from "../assert.ts";
import { noFuse, Shell } from "./helpers.ts";

const MAPS = `import hashlib, mmap, sys
f = open(sys.argv[1], "r+b"); m = mmap.mmap(f.fileno(), 0)
print(hashlib.sha256(m).hexdigest()); m[0:3] = b"new"; m.flush(); print(open(sys.argv[1], "rb").read(3).decode())`;

describe("files of a rump kernel", { skip: noFuse() }, () => {
  let sh: Shell;
  let n = 0;
  before(() => {
    sh = new Shell();
    sh.env.RUMP_SERVER = `unix://${sh.dir}/s`;
    sh.must(
      "rump_allserver unix://s && mkdir tree tree/sub && seq 1 50000 > tree/numbers && ln -s numbers tree/link && ln tree/numbers tree/sub/hard && printf '#!/bin/sh\\necho script $1\\n' > tree/script && chmod 755 tree/script",
    );
  });
  after(() => sh.close());
  const env = () => ({ RUMP_SERVER: sh.env.RUMP_SERVER!, GIT_CONFIG_GLOBAL: "/dev/null" });
  const must = (command: string) => sh.must(command, env());
  /** A shell line within, in a directory of its own under /rump. */
  const inside = (line: string) => {
    const dir = `/rump/tmp/t${n++}`;
    return must(`rumphijack sh -ec 'mkdir ${dir}; here=$PWD; cd ${dir}; ${line.replaceAll("'", "'\\''")}'`);
  };
  /** Programs with what they print. */
  const programs: readonly (readonly [claim: string, line: string, out: string])[] = [
    ["cp -r and diff -r", 'cp -r "$here/tree" . && diff -r "$here/tree" tree && echo same', "same\n"],
    [
      "cp -a keeps links, modes and times",
      'cp -a "$here/tree" . && test tree/numbers -ef tree/sub/hard && readlink tree/link && stat -c %a tree/script && test ! tree/script -nt "$here/tree/script" -a ! tree/script -ot "$here/tree/script" && echo as it was',
      "numbers\n755\nas it was\n",
    ],
    [
      "find sees everything once",
      "mkdir -p a/b/c && touch a/x a/b/y && find . | sort | tr '\\n' ' '",
      ". ./a ./a/b ./a/b/c ./a/b/y ./a/x ",
    ],
    [
      "tar, there and back",
      'tar cf t.tar -C "$here" tree && mkdir out && tar xf t.tar -C out && diff -r "$here/tree" out/tree && tar tf t.tar | wc -l',
      "6\n",
    ],
    [
      "git: a repository, and its clone",
      'git init -q -b main r && cp "$here/tree/numbers" r/ && git -C r add . && git -C r -c user.name=a -c user.email=a@b commit -qm one && git clone -q r copy && cmp r/numbers copy/numbers && git -C copy fsck 2>&1 && git -C copy status --short && git -C copy log --format=%s',
      "one\n",
    ],
    ["a script is executed", 'cp "$here/tree/script" . && ./script well', "script well\n"],
    [
      "a program is executed, also by a name in PATH",
      "cp /bin/echo speak && chmod 755 speak && PATH=$PWD:$PATH && speak well",
      "well\n",
    ],
    ["a static program is executed", "cp /bin/busybox . && ./busybox echo static", "static\n"],
    [
      "relative paths and ..",
      "mkdir -p a/b && cd a/b && echo x > ../../up && cd ../.. && cat up && pwd | sed 's/[0-9]*$//'",
      "x\n/rump/tmp/t\n",
    ],
    [
      "rename, also over another, and into a directory",
      "echo 1 > a && echo 2 > b && mv a b && cat b && mkdir d && mv b d/ && cat d/b && mv d e && cat e/b && ls",
      "1\n1\n1\ne\n",
    ],
    ["a removed file that is open stays", "echo still > f && exec 3< f && rm f && cat <&3 && ls", "still\n"],
    [
      "files are cut, lengthened, appended to, written in the middle",
      "printf abc > f && truncate -s 6 f && printf def >> f && printf X | dd of=f bs=1 seek=1 conv=notrunc status=none && od -An -c f | tr -d ' '",
      "aXc\\0\\0\\0def\n",
    ],
    ["O_EXCL makes one file once", "set -C; echo 1 > f; (echo 2 > f) 2>/dev/null || cat f", "1\n"],
    [
      "flock excludes",
      "flock f sleep 1 & sleep 0.4; flock -n f true || echo locked; wait; flock -n f echo free",
      "locked\nfree\n",
    ],
    [
      "sqlite keeps its rows",
      "sqlite3 db 'create table t(x); insert into t values(1),(2)' && sqlite3 db 'select sum(x) from t'",
      "3\n",
    ],
    ["modes and owners", "touch f && chmod 640 f && chown 12:34 f && stat -c '%a %u:%g' f", "640 12:34\n"],
    ["a fifo connects two programs", "mkfifo p && (echo through > p &) && cat p", "through\n"],
    ["a name may be any bytes", "touch \"$(printf 'a\\377b')\" && ls | od -An -tx1", " 61 ff 62 0a\n"],
    [
      "links with absolute targets lead to the rump kernel's files",
      "echo yes > /rump/tmp/target && ln -s /rump/tmp/target l && cat l && readlink l",
      "yes\n/rump/tmp/target\n",
    ],
  ];
  for (const [claim, line, out] of programs) it(claim, () => assertEquals(inside(line), out));

  it("python3 maps a file, and what it writes is in the file", () => {
    sh.must(`cat > maps.py <<'END'\n${MAPS}\nEND`);
    const [hash, three] = inside('cp "$here/tree/numbers" f && python3 "$here/maps.py" f').split("\n");
    assertEquals([hash, three], [sh.must("sha256sum tree/numbers").split(" ")[0]!, "new"]);
  });
  it("df shows the rump kernel's file systems, each its own", () => {
    must("rump.mount_tmpfs -s 2m tmpfs /tmp");
    const out = must("rumphijack df --output=size,target /rump /rump/tmp");
    assertEquals(out.split("\n").slice(1, 3).map((l) => l.trim().split(/\s+/)[0]), ["1048576", "2048"]);
    must("rump.umount /tmp");
  });
  it("room of what others remove, and mounts they take away, are not kept for a program's memory of them", () => {
    must("rump.mkdir /small && rump.mount_tmpfs -s 4m tmpfs /small");
    const line =
      "cd /rump; head -c 3000000 /dev/zero > small/a; cat small/a | wc -c; rump.rm /small/a; head -c 3000000 /dev/zero > small/b && ls -s small; rump.umount /small; ls small | wc -l";
    assertEquals(must(`rumphijack sh -c '${line}'`).replace(/\d+ b/, "b").replace(/total.*\n/, ""), "3000000\nb\n0\n");
  });
  it("files that say something else each time, and those that are seen at two places, are read anew", () => {
    must("rump.mkdir /kern /low /up && rump.mount_kernfs kernfs /kern && rump.mount_null /low /up");
    const line =
      "cd /rump; cat kern/time > /tmp/$$; sleep 0.01; cat kern/time | cmp -s - /tmp/$$ || echo differs; rm /tmp/$$; echo one > low/f; cat up/f; echo two > low/f; sleep 1.1; cat up/f";
    assertEquals(must(`rumphijack sh -c '${line}'`), "differs\none\ntwo\n");
    must("rump.umount /up; rump.umount /kern");
  });
  it("a mount there is another file system to find -xdev's inode numbers", () => {
    must("rump.mkdir -p /a/b && rump.mount_tmpfs tmpfs /a/b && rumphijack mkdir /rump/a/b/c");
    assertEquals(must("rumphijack find /rump/a"), "/rump/a\n/rump/a/b\n/rump/a/b/c\n");
  });
  it("the host's own files are as ever, and nothing of it is left there", () => {
    assertStringIncludes(must("rumphijack cat /etc/passwd"), "root:");
    assertEquals(sh.run("ls -d /rump").status, 2);
    assertEquals(
      must("rumphijack sh -c 'ls / | grep -v rump' | sort | cksum"),
      sh.must("ls / | grep -v rump | sort | cksum"),
    );
  });
  it("--path makes the directories it needs, which only the program sees", () => {
    assertStringIncludes(must(`rumphijack --path ${sh.dir}/deep/er ls ${sh.dir}/deep/er`), "tmp");
    assertEquals(must(`rumphijack --path ${sh.dir}/deep/er cat ${sh.dir}/tree/link | wc -l`), "50000\n");
    assertEquals(sh.run("ls -d deep").status, 2);
  });
  it("--blanket: directories and files of the rump kernel in the places of the host's", () => {
    must(
      "rump.mkdir -p /etc /opt/only && rumphijack sh -c 'echo rump > /rump/etc/hostname && echo there > /rump/opt/only/file'",
    );
    const out = must("rumphijack --path none --blanket /etc/hostname:/opt/only cat /etc/hostname /opt/only/file");
    assertEquals(out, "rump\nthere\n");
    assertStringIncludes(must("rumphijack --path none --blanket /etc/hostname cat /etc/passwd"), "root:");
  });
  it("--blanket: what is named twice, or below another, is there once", () =>
    assertEquals(
      must("timeout 30 rumphijack --path none --blanket /opt:/opt/only:/opt cat /opt/only/file"),
      "there\n",
    ));
  it("RUMPHIJACK says the same", () =>
    assertEquals(must("RUMPHIJACK=blanket=/etc/hostname rumphijack cat /etc/hostname"), "rump\n"));
  /** What a hijacked shell sees of what happens by another client: `$again` asks, before and after. */
  const others: readonly (readonly [claim: string, before: string, again: string, change: string, out: string])[] = [
    [
      "data of the same length",
      "printf one > seen",
      "cat seen",
      "echo -n two | rump.dd of=/tmp/o/seen 2>&-",
      "one|two|",
    ],
    ["data of another length", "printf one > seen", "cat seen", "echo more | rump.dd of=/tmp/o/seen 2>&-", "one|more|"],
    ["attributes", "echo > seen; chmod 600 seen", "stat -c %a seen", "rump.chmod 755 /tmp/o/seen", "600|755|"],
    ["a file that was missing", "rm -f new", "ls new 2>&-", "rump.cp host:/etc/hostname /tmp/o/new", "|new|"],
    ["a file that is gone", "echo > old", "ls old 2>&-", "rump.rm /tmp/o/old", "old|"],
    ["another file by the same name", "echo a > f; echo b > g", "cat f", "rump.mv /tmp/o/g /tmp/o/f", "a|b|"],
    ["a listing", "rm -rf d; mkdir d", "ls d", "rump.mkdir /tmp/o/d/e", "|e|"],
    [
      "a moved directory",
      "mkdir -p a/b; rm -rf c",
      "ls c a/b 2>&1 | grep -c cannot",
      "rump.mv /tmp/o/a /tmp/o/c",
      "1|1|",
    ],
    ["a mount over a directory", "mkdir m; echo > m/x", "ls m", "rump.mount_tmpfs tmpfs /tmp/o/m", "x||"],
    ["and its end", "true", "ls m", "rump.umount /tmp/o/m", "|x|"],
    [
      "what another hijacked program writes",
      "printf one > seen",
      "cat seen",
      'rumphijack --socket none sh -c "printf two > /rump/tmp/o/seen"',
      "one|two|",
    ],
  ];
  describe("what another client changes is seen at once", () => {
    before(() => must("rump.mkdir /tmp/o"));
    for (const [claim, first, again, change, out] of others) {
      it(claim, () => {
        const line = `cd /rump/tmp/o; ${first}; for i in 1 2; do ${again}; echo "|"; test $i = 1 && ${change}; done`;
        sh.must(`cat > line.sh <<'END'\n${line}\nEND`);
        assertEquals(must("rumphijack sh line.sh | tr -d '\\n'").replace(/\|+$/, "|"), out.replace(/\|+$/, "|"));
      });
    }
  });
});
