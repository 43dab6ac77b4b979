import { describe, it } from "node:test";
import { errno } from "../../src/abi/errno.ts";
import { hostErrno, hostError } from "../../src/host/errors.ts";
import type { HostError } from "../../src/host/host.ts";
import { host } from "../../src/host/mod.ts";
import { assert, assertEquals, assertThrows } from "../assert.ts";
import { inDirectory, script } from "./helpers.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (b: Uint8Array) => new TextDecoder().decode(b);
function failure(fn: () => unknown): string {
  try {
    fn();
  } catch (e) {
    const { code, message } = e as HostError;
    return `${code}: ${message}`;
  }
  return "no failure";
}

describe("host files", () => {
  it("what is written at an offset is read there, with zeros before it", () =>
    inDirectory((dir) => {
      const f = host.open(`${dir}/f`, { write: true, create: true, mode: 0o640 });
      assertEquals(f.pwrite(bytes("abc"), 5), 3);
      const into = new Uint8Array(10);
      assertEquals(f.pread(into, 0), 8);
      assertEquals(text(into.subarray(0, 8)), "\0\0\0\0\0abc");
      assertEquals(f.size, 8);
      f.truncate(2);
      assertEquals(f.pread(into, 0), 2);
      f.fdatasync();
      f.close();
      assertEquals(host.stat(`${dir}/f`).mode & 0o777, 0o640);
    }));
  it("offsets beyond 4 GiB are kept whole, and holes are found", () =>
    inDirectory((dir) => {
      const f = host.open(`${dir}/f`, { write: true, create: true });
      const far = 5 * 2 ** 32 + 4096;
      f.pwrite(bytes("far"), far);
      const into = new Uint8Array(3);
      assertEquals(f.pread(into, far), 3);
      assertEquals(text(into), "far");
      assertEquals(f.size, far + 3);
      assert(f.nextData(0) >= far - 65536, "the hole was not skipped");
      assertEquals(f.nextData(far + 3), -1);
      f.close();
    }));
  it("failures carry the host's errno name and a plain reason", () => {
    assertEquals(failure(() => host.open("/nonexistent", {})), "ENOENT: no such file or directory");
    assertEquals(failure(() => host.open("/tmp", { write: true })), "EISDIR: is a directory");
    assertEquals(failure(() => host.stat("/etc/passwd/x")), "ENOTDIR: not a directory");
    assertEquals(failure(() => host.readlink("/")), "EINVAL: invalid argument");
    assertEquals(hostErrno(hostError("EWOULDBLOCK")), errno.EAGAIN);
    assertEquals(hostErrno(new Error("a bug")), errno.EIO);
    assertEquals(host.read(0x7ffffff, 0, 0), -9);
  });
  it("exclusive creation of what exists fails with EEXIST", () =>
    inDirectory((dir) => {
      host.writeFile(`${dir}/f`, "x");
      assertEquals(
        failure(() => host.open(`${dir}/f`, { write: true, create: true, exclusive: true })),
        "EEXIST: file exists",
      );
      host.open(`${dir}/f`, { write: true, create: true, truncate: true }).close();
      assertEquals(host.stat(`${dir}/f`).size, 0);
    }));
  it("directory calls do what their names say", () =>
    inDirectory((dir) => {
      host.mkdir(`${dir}/d`, 0o755);
      host.symlink("d", `${dir}/l`);
      host.writeFile(`${dir}/d/f`, "data");
      host.rename(`${dir}/d/f`, `${dir}/d/g`);
      host.utimes(`${dir}/d/g`, 1000, 2000.5);
      assertEquals(host.stat(`${dir}/d/g`).mtime, 2000.5);
      assertEquals(host.readdir(`${dir}/l`), ["g"]);
      assertEquals([host.stat(`${dir}/l`).type, host.stat(`${dir}/l`, false).type], ["dir", "link"]);
      assertEquals(failure(() => host.rmdir(`${dir}/d`)), "ENOTEMPTY: directory not empty");
      host.unlink(`${dir}/d/g`);
      host.rmdir(`${dir}/d`);
    }));
  it("a lock another process holds is told with its pid, and ends with the process", () =>
    inDirectory(async (dir) => {
      const path = `${dir}/f`;
      host.writeFile(path, "x");
      const holder = script("child.ts", ["lock", path]);
      while (host.stat(path).size !== 2) await new Promise((resolve) => setTimeout(resolve, 5)); // its sign
      const f = host.open(path, { write: true });
      assertEquals(f.lock(true, 0, 0), { pid: holder.pid });
      host.kill(holder.pid, "SIGKILL");
      await holder.status;
      assertEquals(f.lock(true, 0, 0), undefined);
      f.close();
    }));
});

describe("a lock on a file", () => {
  it("is seen through another descriptor of the same process, and stays when that is closed", () =>
    inDirectory((dir) => {
      const path = `${dir}/f`;
      host.writeFile(path, "x");
      const f = host.open(path, { write: true });
      assertEquals(f.lock(true, 0, 0), undefined);
      for (let i = 0; i < 2; i++) {
        const other = host.open(path, { write: true });
        assert(other.lock(true, 0, 0) !== undefined);
        assert(other.holder(0, 0) !== undefined);
        other.close();
      }
      f.close();
    }));
});

describe("host disks", () => {
  it("a part of a file is a disk of its own; past its end is EIO", () =>
    inDirectory((dir) => {
      host.writeFile(`${dir}/disk`, "0123456789");
      const disk = host.disk(`${dir}/disk`, { write: true, offset: 2, length: 4 });
      assertEquals([disk.size, disk.blockSize, disk.name], [4, 1, `${dir}/disk`]);
      const into = new Uint8Array(4);
      disk.read(into, 0);
      assertEquals(text(into), "2345");
      assertThrows(() => disk.read(into, 1), Error, errno.EIO.message);
      assertThrows(() => disk.read(into, -1), Error, errno.EIO.message);
      disk.write!(bytes("AB"), 2);
      disk.flush!();
      disk.close!();
      assertEquals(text(host.readFile(`${dir}/disk`)), "0123AB6789");
    }));
  it("a file cut short under the disk gives EIO, not zeros", () =>
    inDirectory((dir) => {
      host.writeFile(`${dir}/disk`, "0123456789");
      const disk = host.disk(`${dir}/disk`, { write: false });
      assertEquals(disk.write, undefined);
      host.writeFile(`${dir}/disk`, "01");
      assertThrows(() => disk.read(new Uint8Array(4), 0), Error, errno.EIO.message);
      disk.close!();
    }));
  it("a file past the page cache is read and written at any byte, from any memory, and grows", () =>
    inDirectory((dir) => {
      host.writeFile(`${dir}/disk`, new Uint8Array(50_001));
      const file = host.open(`${dir}/disk`, { write: true, direct: true });
      const model = new Uint8Array(90_000);
      let size = 50_001;
      const most = 20_000;
      const memory = crypto.getRandomValues(new Uint8Array(most + 8));
      for (let n = 1; n < 400; n++) {
        // Whole blocks, too, and at the end.
        const block = [1, 512, 4096][n % 3]!;
        const offset = n % 7 === 0 ? size : Math.floor((n * 7919) % size / block) * block;
        const length = Math.min(Math.floor((n * 104_729) % most / block) * block, model.length - offset);
        const piece = memory.subarray(n % 8, n % 8 + length);
        assertEquals(file.pwrite(piece, offset), length);
        model.set(piece, offset);
        size = Math.max(size, offset + length);
        assertEquals(file.size, size);
        const at = (n * 6101) % size;
        const into = new Uint8Array(most);
        const got = file.pread(into, at);
        assertEquals(got, Math.min(most, size - at));
        assertEquals(into.subarray(0, got), model.subarray(at, at + got), `step ${n}`);
      }
      file.close();
      assertEquals(host.readFile(`${dir}/disk`), model.slice(0, size));
    }));
  it("a full host disk is ENOSPC", () => {
    const disk = host.disk("/dev/full", { write: true, length: 4096 });
    assertThrows(() => disk.write!(new Uint8Array(512), 0), Error, errno.ENOSPC.message);
    disk.close!();
  });
});

describe("a file that is read whole", () => {
  it("is EFBIG beyond what was said, also when it never ends", () => {
    let code = "";
    try {
      host.readFile("/dev/zero", 1 << 20);
    } catch (e) {
      code = (e as { code: string }).code;
    }
    assertEquals(code, "EFBIG");
  });
});
