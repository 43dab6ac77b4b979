import { describe, it } from "node:test";
import { errno, SysError } from "../../src/abi/errno.ts";
import { viewOf } from "../../src/lib/struct.ts";
import { builtins } from "../../plugins/mod.ts";
import { assertEquals, assertThrows } from "../assert.ts";
import { fakeKernel } from "./fake.ts";

const user = { uid: 10, euid: 10, gid: 20, egid: 20, groups: [20] };
async function setup() {
  const { kernel, sys } = await fakeKernel({ builtins, components: ["rumpvfs", "rumpfs_tmpfs"] });
  const proc = kernel.fork("user", user);
  return { kernel, sys, proc, theirs: kernel.calls(proc) };
}
const limit = (soft: number, hard: number) => {
  const raw = new Uint8Array(16);
  viewOf(raw).setBigUint64(0, BigInt(soft), true);
  viewOf(raw).setBigUint64(8, BigInt(hard), true);
  return raw;
};

describe("who a process is", () => {
  it("users swap their ids and nobody else's", async () => {
    const { theirs, sys } = await setup();
    assertThrows(() => theirs.setreuid({ ruid: 0, euid: 0 }), SysError, errno.EPERM.message);
    assertEquals(theirs.setreuid({ ruid: 0xffff_ffff, euid: 10 }), 0);
    assertEquals(sys.setregid({ rgid: 5, egid: 6 }), 0);
    assertEquals(sys.getgid(), [5, 6]);
  });
  it("each leads a session and a group of its own", async () => {
    const { theirs, proc, sys } = await setup();
    assertEquals([theirs.getpgrp(), theirs.getsid({ pid: 0 }), sys.getpgid({ pid: proc.pid })], [
      proc.pid,
      proc.pid,
      proc.pid,
    ]);
    assertEquals(theirs.setpgid({ pid: 0, pgid: 0 }), 0);
    assertThrows(() => theirs.setsid(), SysError, errno.EPERM.message);
    assertThrows(() => sys.getsid({ pid: 29_999 }), SysError, errno.ESRCH.message);
  });
  it("the login name is set by the super-user", async () => {
    const { theirs, sys } = await setup();
    assertThrows(() => theirs.__setlogin({ namebuf: "me" }), SysError, errno.EPERM.message);
    assertEquals(sys.__setlogin({ namebuf: "me" }), 0);
    const namebuf = new Uint8Array(17);
    theirs.__getlogin({ namebuf });
    assertEquals(new TextDecoder().decode(namebuf.subarray(0, 3)), "me\0");
    assertThrows(() => sys.__getlogin({ namebuf: new Uint8Array(2) }), SysError, errno.ERANGE.message);
  });
  it("the limit of descriptors holds, and only the super-user raises it again", async () => {
    const { theirs } = await setup();
    assertEquals(theirs.setrlimit({ which: 8, rlp: limit(2, 4) }), 0);
    theirs.open({ path: "/dev/null", flags: 0 });
    theirs.open({ path: "/dev/null", flags: 0 });
    assertThrows(() => theirs.open({ path: "/dev/null", flags: 0 }), SysError, errno.EMFILE.message);
    assertThrows(() => theirs.setrlimit({ which: 8, rlp: limit(5, 5) }), SysError, errno.EPERM.message);
    const rlp = new Uint8Array(16);
    theirs.getrlimit({ which: 8, rlp });
    assertEquals(rlp, limit(2, 4));
  });
  it("attributes are reached by link and by descriptor, and mknodat and fchroot by directory", async () => {
    const { sys } = await setup();
    const fd = sys.open({ path: "/tmp/f", flags: 0x202, mode: 0o644 }) as number;
    sys.symlink({ path: "f", link: "/tmp/l" });
    sys.fsetxattr({ fd, name: "user.a", value: new Uint8Array([1]), flags: 0 });
    assertEquals(sys.getxattr({ path: "/tmp/l", name: "user.a", value: new Uint8Array(0) }), 1);
    assertThrows(() => sys.lgetxattr({ path: "/tmp/l", name: "user.a", value: new Uint8Array(0) }), SysError);
    const dir = sys.open({ path: "/tmp", flags: 0 }) as number;
    assertEquals(sys.mkfifoat({ fd: dir, path: "fifo", mode: 0o600 }), 0);
    assertEquals(sys.fchroot({ fd: dir }), 0);
    assertEquals(sys.lstat({ path: "/fifo", ub: new Uint8Array(152) }), 0);
  });
});
describe("modctl", () => {
  it("loads built-in components by name, and no file of the host", async () => {
    const { sys, kernel, host, theirs } = { ...await setup(), ...await fakeKernel({ builtins }) };
    assertEquals(await sys.modctl({ cmd: 0, arg: "msdos" }), 0);
    assertEquals(kernel.loaded.has("rumpfs_msdos"), true);
    host.modules.set("./evil.ts", {
      default: { kind: "component", name: "evil", setup: () => void kernel.log.write("ran") },
    });
    assertThrows(() => sys.modctl({ cmd: 0, arg: "./evil.ts" }), SysError, errno.ENOENT.message);
    assertThrows(() => theirs.modctl({ cmd: 0, arg: "msdos" }), SysError, errno.EPERM.message);
    assertEquals(kernel.log.lines.includes("ran"), false);
  });
});
