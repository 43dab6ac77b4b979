import { after, describe, it } from "node:test";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { spawnSync } from "node:child_process";
import { host } from "../../src/host/mod.ts";
import type { Calls } from "../../src/kern/dispatch.ts";
import type { FsDriver } from "../../src/plugin.ts";
import { hostfs } from "../../src/vfs/hostfs.ts";
import { vfsOf } from "../../src/vfs/vfs.ts";
import { builtins } from "../../plugins/mod.ts";
import { assertEquals } from "../assert.ts";
import { refused } from "../../src/conformance/claim.ts";
import { conformance } from "../conformance/fs.ts";
import { fakeKernel } from "../kern/fake.ts";

/** In memory where there is such a place: the claims make thousands of files. */
const scratch = fs.mkdtempSync(`${fs.existsSync("/dev/shm") ? "/dev/shm" : tmpdir()}/rump-hostfs-`);
after(() => fs.rmSync(scratch, { recursive: true, force: true }));
let made = 0;
const fresh = () => {
  const dir = `${scratch}/${made++}`;
  fs.mkdirSync(dir);
  return dir;
};

const driver: FsDriver = { kind: "fs", name: "hostfs", mount: () => hostfs(host, fresh()) as never };
conformance(driver, {
  lacks: ["nodes", "flags", "allocate", "exchange"],
});

/** A directory of the host at /l, and something beside it that nobody lent. */
async function lent(): Promise<{ sys: Calls; dir: string; read: (path: string) => Promise<string> }> {
  const dir = fresh();
  fs.mkdirSync(`${dir}/in`);
  fs.mkdirSync(`${dir}/out`);
  fs.writeFileSync(`${dir}/out/secret`, "secret");
  const { kernel, sys } = await fakeKernel({ builtins, components: ["rumpvfs"] });
  await vfsOf(kernel).etfsVolume("/l", hostfs(host, `${dir}/in`), `${dir}/in`, "dir");
  const read = async (path: string) => {
    const fd = await sys.open({ path, flags: 0 });
    const buf = new Uint8Array(100);
    return new TextDecoder().decode(buf.subarray(0, await sys.read({ fd, buf })));
  };
  return { sys, dir, read };
}
const mkdir = async (sys: Calls, path: string) => await sys.mkdir({ path, mode: 0o755 });

describe("a host directory that was lent", () => {
  it("is not left by a directory that became a link, through the kernel or behind its back", async () => {
    const { sys, dir, read } = await lent();
    await mkdir(sys, "/l/d");
    await sys.chdir({ path: "/l/d" });
    await sys.rmdir({ path: "/l/d" });
    await sys.symlink({ path: `${dir}/out`, link: "/l/d" });
    assertEquals(await refused(read("secret")), "ENOTDIR");
    await mkdir(sys, "/l/e");
    await sys.chdir({ path: "/l/e" });
    fs.rmdirSync(`${dir}/in/e`);
    fs.symlinkSync(`${dir}/out`, `${dir}/in/e`);
    assertEquals(await refused(read("secret")), "ENOTDIR");
    assertEquals(await refused((async () => await sys.unlink({ path: "secret" }))()), "ENOTDIR");
    assertEquals(fs.readFileSync(`${dir}/out/secret`, "utf8"), "secret");
  });
  it("is not left by a file that became a link, whatever is done to it", async () => {
    const { sys, dir, read } = await lent();
    fs.writeFileSync(`${dir}/in/f`, "mine");
    assertEquals(await read("/l/f"), "mine");
    const { mode } = fs.statSync(`${dir}/out/secret`);
    const fd = await sys.open({ path: "/l/f", flags: 2 });
    fs.unlinkSync(`${dir}/in/f`);
    fs.symlinkSync(`${dir}/out/secret`, `${dir}/in/f`);
    for (
      const work of [
        () => sys.fchmod({ fd, mode: 0o777 }),
        () => sys.chmod({ path: "/l/f", mode: 0o777 }),
        () => sys.truncate({ path: "/l/f", length: 0 }),
        () => read("/l/f"),
      ]
    ) await refused((async () => await work())());
    assertEquals(
      [fs.readFileSync(`${dir}/out/secret`, "utf8"), fs.statSync(`${dir}/out/secret`).mode],
      ["secret", mode],
    );
  });
  it("a fifo in it holds nobody up", async () => {
    const { dir, read } = await lent();
    assertEquals(spawnSync("sh", ["-c", `mkfifo ${dir}/in/fifo`]).status, 0);
    assertEquals(await refused(read("/l/fifo")) === "ok", false);
  });
});
