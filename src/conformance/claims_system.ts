/** Claims on a volume in a kernel: listing by pieces, rights, read-only mounts, unmounting, and the calls of NetBSD. */
import {
  AT_FDCWD,
  MNT_FORCE,
  MNT_RDONLY,
  MNT_UPDATE,
  O_CREAT,
  O_RDONLY,
  O_RDWR,
  O_WRONLY,
  PC_NAME_MAX,
  S_IFCHR,
  SEEK_SET,
  UF_APPEND,
  UF_IMMUTABLE,
} from "../abi/flags.ts";
import { Stat as StatLayout, Statvfs } from "../abi/structs.ts";
import type { Calls } from "../kern/dispatch.ts";
import { assert, assertEquals } from "./assert.ts";
import { callsPosix, dirType, list, readEntries } from "./calls.ts";
import { get, getText, pattern, put, refused } from "./claim.ts";
import { mountOf, type Subject, type SubjectClaim } from "./subject.ts";

const text = (s: string) => new TextEncoder().encode(s);
/** Calls of another process: of a user. */
const asUser = (s: Subject, uid: number): Calls =>
  s.kernel.calls(s.kernel.fork("user", { uid, euid: uid, gid: uid, egid: uid, groups: [uid] }));
/** A call's errno, or "ok". */
const answer = (work: () => unknown): Promise<string> =>
  refused(
    (async () => {
      await work();
    })(),
  );
const open = async (sys: Calls, path: string, flags: number) => await sys.open({ path, flags, mode: 0o644 });

/** Every call that changes something in a directory with a file f and a directory d. */
const changes = (sys: Calls): Readonly<Record<string, () => unknown>> => ({
  create: () => sys.open({ path: "/m/new", flags: O_CREAT | O_RDWR, mode: 0o644 }),
  "open for writing": () => sys.open({ path: "/m/f", flags: O_WRONLY }),
  mkdir: () => sys.mkdir({ path: "/m/nd", mode: 0o755 }),
  rmdir: () => sys.rmdir({ path: "/m/d" }),
  unlink: () => sys.unlink({ path: "/m/f" }),
  rename: () => sys.rename({ from: "/m/f", to: "/m/g" }),
  link: () => sys.link({ path: "/m/f", link: "/m/g" }),
  symlink: () => sys.symlink({ path: "f", link: "/m/g" }),
  mkfifo: () => sys.mkfifo({ path: "/m/g", mode: 0o644 }),
  truncate: () => sys.truncate({ path: "/m/f", length: 1 }),
  chmod: () => sys.chmod({ path: "/m/f", mode: 0o600 }),
  chown: () => sys.chown({ path: "/m/f", uid: 1, gid: 1 }),
  utimes: () => sys.utimensat({ fd: AT_FDCWD, path: "/m/f", flag: 0 }),
  chflags: () => sys.chflags({ path: "/m/f", flags: 0 }),
  setxattr: () => sys.setxattr({ path: "/m/f", name: "user.a", value: text("1"), flags: 0 }),
});

export const systemClaims: readonly SubjectClaim[] = [
  {
    name: "getdents gives the same with any buffer: . and .. first, types and numbers as stat has them",
    needs: ["directories"],
    async run({ sys }) {
      const p = callsPosix(sys);
      await p.mkdir("/m/d");
      await p.mkdir("/m/d/sub");
      for (let i = 0; i < 40; i++) await put(p, `/m/d/${"name".repeat(i % 5)}${i}`, "");
      const all = await list(sys, "/m/d", 65536);
      for (const size of [64, 100, 512]) assertEquals(await list(sys, "/m/d", size), all);
      assertEquals(all.slice(0, 2).map((e) => e.name), [".", ".."]);
      for (const { name, ino, type } of all) {
        const s = await p.stat(`/m/d/${name}`);
        assertEquals([ino, type], [s.ino, dirType(s.type as "file" | "dir")], name);
      }
    },
  },
  {
    name: "a directory can be emptied while it is listed, and listed anew from offset 0",
    needs: ["directories"],
    async run({ sys }) {
      const p = callsPosix(sys);
      await p.mkdir("/m/d");
      for (let i = 0; i < 200; i++) await put(p, `/m/d/file ${i}`, "");
      const fd = await open(sys, "/m/d", O_RDONLY);
      const buf = new Uint8Array(256);
      for (let n = await sys.getdents({ fd, buf }); n > 0; n = await sys.getdents({ fd, buf })) {
        for (const { name } of readEntries(buf.slice(0, n))) {
          if (name.startsWith("file")) await p.unlink(`/m/d/${name}`);
        }
      }
      await put(p, "/m/d/late", "");
      await sys.lseek({ fd, offset: 0, whence: SEEK_SET });
      const n = await sys.getdents({ fd, buf });
      assertEquals(readEntries(buf.slice(0, n)).map((e) => e.name), [".", "..", "late"]);
      await sys.close({ fd });
    },
  },
  {
    name: "a directory cannot be read or written like a file",
    readOnly: true,
    async run({ sys }) {
      const fd = await open(sys, "/m", O_RDONLY);
      assertEquals(await answer(() => sys.read({ fd, buf: new Uint8Array(10) })), "EISDIR");
      assertEquals(await answer(() => sys.write({ fd, buf: new Uint8Array(10) })), "EBADF");
      assertEquals(await answer(() => sys.open({ path: "/m", flags: O_RDWR })), "EISDIR");
      await sys.close({ fd });
    },
  },
  {
    name: "statvfs tells type, place and room; pathconf the longest name",
    readOnly: true,
    async run({ sys, driver }) {
      const buf = new Uint8Array(Statvfs.size);
      await sys.statvfs1({ path: "/m", buf, flags: 1 });
      const d = new DataView(buf.buffer);
      const { get: field } = Statvfs;
      assertEquals([field.fstypename(d, 0), field.mntonname(d, 0)], [driver.name, "/m"]);
      assert(field.bfree(d, 0) <= field.blocks(d, 0) && field.bsize(d, 0) > 0, "room");
      assert(await sys.pathconf({ path: "/m", name: PC_NAME_MAX }) as number >= 12, "names of 8.3 at least");
    },
  },
  {
    name: "mounted read-only nothing changes: EROFS; reading goes on; and back again",
    needs: ["directories"],
    async run(s) {
      const { sys } = s;
      const p = callsPosix(sys);
      await put(p, "/m/f", "kept");
      await p.mkdir("/m/d");
      const update = (flags: number) => sys.mount({ type: s.driver.name, path: "/m", flags, data: text("{}") });
      assertEquals(await update(MNT_UPDATE | MNT_RDONLY), 0);
      for (const [name, work] of Object.entries(changes(sys))) assertEquals(await answer(work), "EROFS", name);
      assertEquals([await getText(p, "/m/f"), (await p.readdir("/m")).sort()], ["kept", ["d", "f"]]);
      assertEquals(await update(MNT_UPDATE), 0);
      await put(p, "/m/f", "changed");
      assertEquals(await getText(p, "/m/f"), "changed");
    },
  },
  {
    name: "mount -u to read-only is EBUSY while a file is open for writing, unless forced",
    async run(s) {
      const { sys } = s;
      const update = (flags: number) =>
        answer(() => sys.mount({ type: s.driver.name, path: "/m", flags: MNT_UPDATE | flags, data: text("{}") }));
      const fd = await open(sys, "/m/f", O_CREAT | O_RDWR);
      assertEquals(await update(MNT_RDONLY), "EBUSY");
      assertEquals([await update(MNT_RDONLY | MNT_FORCE), await answer(() => sys.write({ fd, buf: text("x") }))], [
        "ok",
        "EROFS",
      ]);
      await sys.close({ fd });
      assertEquals([await update(0), await update(MNT_RDONLY)], ["ok", "ok"]);
    },
  },
  {
    name: "a volume that cannot be written is shown as read-only, and making something is EROFS",
    readOnly: true,
    async run(s) {
      if (!mountOf(s).volume.readOnly) return;
      const buf = new Uint8Array(Statvfs.size);
      await s.sys.statvfs1({ path: "/m", buf, flags: 1 });
      assertEquals(Statvfs.get.flag(new DataView(buf.buffer), 0) & MNT_RDONLY, MNT_RDONLY);
      assertEquals(await answer(() => s.sys.mkdir({ path: "/m/new", mode: 0o755 })), "EROFS");
      assertEquals(await answer(() => open(s.sys, "/m/new", O_CREAT | O_RDWR)), "EROFS");
    },
  },
  {
    name: "an open file or a current directory keeps the volume mounted: EBUSY",
    readOnly: true,
    async run({ sys }) {
      const fd = await open(sys, "/m", O_RDONLY);
      assertEquals(await answer(() => sys.unmount({ path: "/m", flags: 0 })), "EBUSY");
      await sys.close({ fd });
      await sys.chdir({ path: "/m" });
      assertEquals(await answer(() => sys.unmount({ path: "/m", flags: 0 })), "EBUSY");
      await sys.chdir({ path: "/" });
      assertEquals(await answer(() => sys.unmount({ path: "/m", flags: 0 })), "ok");
    },
  },
  {
    name: "after a forced unmount open files fail with EIO, and closing them is no error",
    async run(s) {
      const { sys } = s;
      const p = callsPosix(sys);
      await put(p, "/m/f", "1");
      const fd = await open(sys, "/m/f", O_RDWR);
      await sys.unmount({ path: "/m", flags: 0x8_0000 });
      assertEquals(await answer(() => sys.read({ fd, buf: new Uint8Array(1) })), "EIO");
      assertEquals(await answer(() => sys.write({ fd, buf: new Uint8Array(1) })), "EIO");
      assertEquals(await answer(() => sys.fstat({ fd, sb: new Uint8Array(StatLayout.size) })), "EIO");
      assertEquals(await answer(() => sys.close({ fd })), "ok");
      assertEquals(await refused(p.stat("/m/f")), "ENOENT");
    },
  },
  {
    name: "getcwd follows a directory that is renamed; in a removed one nothing can be made",
    needs: ["directories", "rename"],
    async run({ sys }) {
      const p = callsPosix(sys);
      await p.mkdir("/m/a");
      await p.mkdir("/m/a/b");
      await sys.chdir({ path: "/m/a/b" });
      await p.rename("/m/a", "/m/z");
      const bufp = new Uint8Array(100);
      const n = await sys.__getcwd({ bufp }) as number;
      assertEquals(new TextDecoder().decode(bufp.subarray(0, n - 1)), "/m/z/b");
      await p.rmdir("/m/z/b");
      assertEquals(await refused(p.open("f", "w")), "ENOENT");
      assertEquals(await refused(p.mkdir("d")), "ENOENT");
      assertEquals(await answer(() => sys.__getcwd({ bufp })), "ENOENT");
      await sys.chdir({ path: "/m" });
      assertEquals(await p.readdir("/m/z"), []);
    },
  },
  {
    name: "mode bits keep others out: EACCES, and EPERM for what only the owner may",
    needs: ["modes", "directories"],
    async run(s) {
      const p = callsPosix(s.sys);
      const user = callsPosix(asUser(s, 1000));
      await p.mkdir("/m/closed", 0o700);
      await put(p, "/m/closed/f", "1");
      await put(p, "/m/secret", "1");
      await p.chmod("/m/secret", 0o600);
      await put(p, "/m/shown", "1");
      assertEquals(await refused(user.stat("/m/closed/f")), "EACCES");
      assertEquals(await refused(user.readdir("/m/closed")), "EACCES");
      assertEquals(await refused(user.open("/m/secret", "r")), "EACCES");
      assertEquals(await getText(user, "/m/shown"), "1");
      const others = [user.open("/m/shown", "r+"), user.open("/m/new", "w"), user.unlink("/m/shown")];
      assertEquals(await Promise.all(others.map(refused)), others.map(() => "EACCES"));
      assertEquals(await refused(user.chmod("/m/shown", 0o777)), "EPERM");
      assertEquals(await refused(user.utimes("/m/shown", 1, 1)), "EPERM");
    },
  },
  {
    name: "in a sticky directory only the owner removes; new files are the maker's",
    needs: ["modes", "owners", "directories"],
    async run(s) {
      const p = callsPosix(s.sys);
      const [one, two] = [callsPosix(asUser(s, 1000)), callsPosix(asUser(s, 1001))];
      await p.mkdir("/m/tmp");
      await p.chmod("/m/tmp", 0o1777);
      await put(one, "/m/tmp/f", "1");
      assertEquals(await refused(two.unlink("/m/tmp/f")), "EPERM");
      assertEquals(await refused(two.rename("/m/tmp/f", "/m/tmp/g")), "EPERM");
      assertEquals(await refused(two.open("/m/tmp/f", "r+")), "EACCES");
      await one.unlink("/m/tmp/f");
    },
  },
  {
    name: "only the super-user gives files away",
    needs: ["owners"],
    async run(s) {
      const { sys } = s;
      await put(callsPosix(sys), "/m/f", "1");
      await sys.chown({ path: "/m/f", uid: 1000, gid: 1000 });
      const user = asUser(s, 1000);
      assertEquals(await answer(() => user.chmod({ path: "/m/f", mode: 0o4755 })), "ok");
      assertEquals(await answer(() => user.chown({ path: "/m/f", uid: 1001, gid: 0xffff_ffff })), "EPERM");
      assertEquals(await answer(() => user.chown({ path: "/m/f", uid: 0xffff_ffff, gid: 0 })), "EPERM");
      const ub = new Uint8Array(StatLayout.size);
      await sys.stat({ path: "/m/f", ub });
      const d = new DataView(ub.buffer);
      assertEquals([StatLayout.get.uid(d, 0), StatLayout.get.gid(d, 0)], [1000, 1000]);
    },
  },
  {
    name: "immutable files change in nothing; append-only ones grow",
    needs: ["flags"],
    async run({ sys }) {
      const p = callsPosix(sys);
      await put(p, "/m/f", "1");
      await sys.chflags({ path: "/m/f", flags: UF_IMMUTABLE });
      const works = [p.open("/m/f", "r+"), p.unlink("/m/f"), p.rename("/m/f", "/m/g"), p.chmod("/m/f", 0o600)];
      assertEquals(await Promise.all(works.map(refused)), works.map(() => "EPERM"));
      await sys.chflags({ path: "/m/f", flags: UF_APPEND });
      assertEquals(await refused(p.open("/m/f", "r+")), "EPERM");
      assertEquals(await refused(p.truncate("/m/f", 0)), "EPERM");
      const fd = await p.open("/m/f", "a");
      await p.write(fd, text("2"));
      await p.close(fd);
      await sys.chflags({ path: "/m/f", flags: 0 });
      assertEquals(await getText(p, "/m/f"), "12");
      await p.unlink("/m/f");
    },
  },
  {
    name: "fifos and devices have a type and a number, and are removed like files",
    needs: ["nodes"],
    async run({ sys }) {
      const p = callsPosix(sys);
      await sys.mkfifo({ path: "/m/fifo", mode: 0o644 });
      await sys.mknod({ path: "/m/dev", mode: S_IFCHR | 0o644, dev: 0x20c });
      assertEquals((await p.stat("/m/fifo")).type, "fifo");
      const ub = new Uint8Array(StatLayout.size);
      await sys.stat({ path: "/m/dev", ub });
      assertEquals(StatLayout.get.rdev(new DataView(ub.buffer), 0), 0x20c);
      assertEquals((await list(sys, "/m")).find((e) => e.name === "dev")?.type, dirType("chr"));
      assertEquals(await sys.truncate({ path: "/m/fifo", length: 9 }), 0); // nothing happens
      assertEquals((await p.stat("/m/fifo")).size, 0);
      await p.unlink("/m/fifo");
      await p.unlink("/m/dev");
    },
  },
  {
    name: "extended attributes are set, listed, replaced and removed",
    needs: ["xattr"],
    async run({ sys }) {
      await put(callsPosix(sys), "/m/f", "1");
      const set = (name: string, value: string, flags = 0) =>
        answer(() => sys.setxattr({ path: "/m/f", name, value: text(value), flags }));
      assertEquals([await set("user.a", "one"), await set("user.b", "")], ["ok", "ok"]);
      assertEquals([await set("user.a", "x", 1), await set("user.none", "x", 2)], ["EEXIST", "ENOATTR"]);
      const value = new Uint8Array(10);
      const read = async (name: string) =>
        new TextDecoder().decode(value.slice(0, await sys.getxattr({ path: "/m/f", name, value })));
      assertEquals([await read("user.a"), await read("user.b")], ["one", ""]);
      assertEquals(await sys.getxattr({ path: "/m/f", name: "user.a", value: new Uint8Array(0) }), 3);
      assertEquals(
        await answer(() => sys.getxattr({ path: "/m/f", name: "user.a", value: new Uint8Array(2) })),
        "ERANGE",
      );
      const names = new Uint8Array(100);
      const listed = new TextDecoder().decode(names.slice(0, await sys.listxattr({ path: "/m/f", list: names })));
      assertEquals(listed.split("\0").sort(), ["", "user.a", "user.b"]);
      await sys.removexattr({ path: "/m/f", name: "user.a" });
      assertEquals(await answer(() => read("user.a")), "ENOATTR");
    },
  },
  {
    name: "posix_fallocate grows with zeros and keeps what is there",
    needs: ["allocate"],
    async run({ sys }) {
      const p = callsPosix(sys);
      await put(p, "/m/f", "start");
      const fd = await open(sys, "/m/f", O_RDWR);
      assertEquals(await sys.posix_fallocate({ fd, pos: 0, len: 20_000 }), 0);
      const got = await get(p, "/m/f");
      assertEquals([got.length, got.slice(0, 5), got.slice(5).every((b) => b === 0)], [20_000, text("start"), true]);
      assertEquals(await sys.posix_fallocate({ fd, pos: 0, len: 0 }), 22, "EINVAL is the result");
      await sys.close({ fd });
    },
  },
  {
    name: "fdiscard zeroes a range, and the size stays",
    needs: ["punch"],
    async run({ sys }) {
      const p = callsPosix(sys);
      await put(p, "/m/f", pattern(200_000));
      const fd = await open(sys, "/m/f", O_RDWR);
      await sys.fdiscard({ fd, pos: 1000, len: 150_000 });
      const want = pattern(200_000);
      want.fill(0, 1000, 151_000);
      assertEquals(await get(p, "/m/f"), want);
      await sys.close({ fd });
    },
  },
  {
    name: "sync(2) succeeds and everything is still there",
    async run(s) {
      const p = callsPosix(s.sys);
      await put(p, "/m/f", pattern(9000));
      await s.sys.sync();
      await mountOf(s).sync();
      assertEquals(await get(p, "/m/f"), pattern(9000));
    },
  },
];
