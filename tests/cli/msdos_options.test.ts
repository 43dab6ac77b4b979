import { describe, it } from "node:test";
import { assert, assertEquals, assertStringIncludes } from "../assert.ts";
import { noFuse, within } from "./helpers.ts";

const skip = noFuse();

const ATTRIBUTES = `import fcntl, os, struct
def ask(path, command, data): 
    f = os.open(path, os.O_RDONLY); b = bytearray(data); fcntl.ioctl(f, command, b); os.close(f); return bytes(b)
word = lambda path, command, value=0: struct.unpack("I", ask(path, command, struct.pack("I", value)))[0]
print("%x" % word("mnt/f", 0x80047210))
word("mnt/f", 0x40047211, 0x23)
print("%x" % word("mnt/f", 0x80047210), os.getxattr("mnt/f", "user.DOSATTRIB"), "%o" % os.stat("mnt/f").st_mode)
print("%x" % word("mnt", 0x80047213))
ask("mnt", 0x41009432, b"NEW NAME".ljust(256, bytes(1)))
print(ask("mnt", 0x81009431, bytes(256)).rstrip(bytes(1)), os.getxattr("mnt", "user.fat.label"))
for name in "security.selinux", "user.other":
    try: print(os.getxattr("mnt/f", name))
    except OSError as e: print(e.strerror)
try: word("mnt/f", 0x80041234)
except OSError as e: print(e.strerror)`;

/** Options that cannot be had, and what is said of them. */
const refused: readonly (readonly [option: string, said: string])[] = [
  ["codepage=123", "not one of 437, 720"],
  ["iocharset=klingon", "not one of utf8, ascii"],
  ["shortname=short", "only lower, win95, winnt, mixed"],
  ["check=x", "only r, n, s"],
  ["errors=panic", "nothing here panics"],
  ["nfs", "file handles do not outlive the mount"],
  ["allow_utime=20", "the owner"],
  ["tz=Mars/Olympus", "no such time zone"],
  ["time_offset=99999", "not a number within a day"],
  ["dots", "by their attribute"],
  ["quiet=perhaps", "yes or no"],
  ["fmask=9", "not an octal mode"],
];

describe("rump_msdos: options", { skip }, () => {
  it("attributes, serial number and label by the ioctls of Linux's tools and as extended attributes", () =>
    within((sh) => {
      sh.must("truncate -s 64M d.img && mkfs.fat -F 32 -i 1234abcd -n OLD d.img && mkdir mnt && rump_msdos d.img mnt");
      sh.must(`echo x > mnt/f && cat > ask.py <<'P'\n${ATTRIBUTES}\nP`);
      assertEquals(
        sh.must("python3 ask.py"),
        "20\n23 b'0x23' 100555\n1234abcd\nb'NEW NAME' b'NEW NAME'\nOperation not supported\nNo data available\n" +
          "Inappropriate ioctl for device\n",
      );
      sh.must("umount mnt; while ! fsck.fat -n d.img; do sleep 0.1; done");
      assertStringIncludes(sh.must("mattrib -i d.img ::f"), "R");
      assertEquals(sh.must("fatlabel d.img").trim(), "NEW NAME");
    }));
  it("what cannot be honoured is refused by name", () =>
    within((sh) => {
      sh.must("truncate -s 4M d.img && mkfs.fat d.img && mkdir mnt");
      for (const [option, said] of refused) {
        const r = sh.run(`rump_msdos -o ${option} d.img mnt`);
        assertEquals(r.status, 1, option);
        assertStringIncludes(r.err, `rump_msdos: -o ${option}: `);
        assertStringIncludes(r.err, said);
      }
    }));
  it("discard: room of removed files is the host's again", () =>
    within((sh) => {
      sh.must("truncate -s 64M d.img && mkfs.fat d.img && mkdir mnt && rump_msdos -o discard d.img mnt");
      sh.must("head -c 20M /dev/urandom > mnt/f && sync mnt/f");
      assert(Number(sh.must("du -k d.img | cut -f1")) > 20_000);
      sh.must("rm mnt/f && sync mnt");
      assert(sh.until("test $(du -k d.img | cut -f1) -lt 4000"), sh.must("du -k d.img"));
      sh.must("umount mnt");
    }));
});

describe("rump.mount_msdos: options", () => {
  it("what the C structure has no room for reaches the driver; mount -u changes a live mount", () =>
    within((sh) => {
      sh.must(
        "truncate -s 4M d.img && mkfs.fat d.img && rump_server -lrumpfs_msdos -d key=/dev/d,hostpath=d.img,size=host unix://sock",
      );
      const env = { RUMP_SERVER: `unix://${sh.dir}/sock` };
      const must = (command: string) => {
        const r = sh.run(command, env);
        assertEquals(r.status, 0, `${command}: ${r.err}`);
        return r.out;
      };
      try {
        must("rump.mkdir /m && rump.mount_msdos -o codepage=866,shortname=lower,uid=5 /dev/d /m");
        must("echo x > f && rump.cp host:f '/m/\u0424\u0430\u0439\u043b' && rump.cp host:f /m/UPPER");
        assertEquals(must("rump.ls /m"), "upper\n\u0424\u0430\u0439\u043b\n");
        must("rump.mount -u -o ro /dev/d /m");
        assertStringIncludes(sh.run("rump.rm /m/upper", env).err, "Read-only file system");
        must("rump.mount -u -o rw,umask=077 /dev/d /m && rump.rm /m/upper");
        assertStringIncludes(must("rump.ls -l /m"), "-rwx------");
        assertStringIncludes(sh.run("rump.mount -u -o codepage=850 /dev/d /m", env).err, "not supported");
        must("rump.umount /m");
      } finally {
        sh.run("rump.halt", env);
      }
      assertStringIncludes(sh.must("LC_ALL=C.UTF-8 mdir -b -i d.img ::"), "\u0424\u0430\u0439\u043b");
    }));
});
