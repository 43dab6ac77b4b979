import { after, describe, it } from "node:test";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { spawn, spawnSync } from "node:child_process";
import { O_CREAT, O_TRUNC, O_WRONLY } from "../../src/abi/flags.ts";
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
async function lent(
  how: { readonly readOnly?: boolean } = {},
  prepare: (dir: string) => void = () => {},
): Promise<{ sys: Calls; dir: string; read: (path: string) => Promise<string> }> {
  const dir = fresh();
  fs.mkdirSync(`${dir}/in`);
  prepare(dir);
  fs.mkdirSync(`${dir}/out`);
  fs.writeFileSync(`${dir}/out/secret`, "secret");
  const { kernel, sys } = await fakeKernel({ builtins, components: ["rumpvfs"] });
  await vfsOf(kernel).etfsVolume("/l", hostfs(host, `${dir}/in`, how), `${dir}/in`, "dir");
  const read = async (path: string) => {
    const fd = await sys.open({ path, flags: 0 });
    const buf = new Uint8Array(100);
    return new TextDecoder().decode(buf.subarray(0, await sys.read({ fd, buf })));
  };
  return { sys, dir, read };
}
/** Between a directory and a link to one outside, and a file and a link to one outside, there and back. */
const ATTACK = `
import os
os.symlink("../out", "in/l1")
os.symlink("../out/secret", "in/l2")
while True:
    for name, link in (("in/d", "in/l1"), ("in/f", "in/l2")):
        os.rename(name, name + ".own"); os.rename(link, name)
        os.rename(name, link); os.rename(name + ".own", name)
`;
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
  it("is not left while somebody changes its names for links as fast as he can, neither for reading nor for writing", async () => {
    const { sys, dir, read } = await lent();
    fs.mkdirSync(`${dir}/in/d`);
    fs.writeFileSync(`${dir}/in/d/secret`, "mine");
    fs.writeFileSync(`${dir}/in/f`, "mine");
    const attacker = spawn("python3", ["-c", ATTACK], { cwd: dir, stdio: "ignore" });
    const ended = new Promise((resolve) => attacker.on("close", resolve));
    const seen = new Map<string, number>();
    const note = (what: string) => seen.set(what, (seen.get(what) ?? 0) + 1);
    const put = async (path: string) => {
      const fd = await sys.open({ path, flags: O_CREAT | O_WRONLY | O_TRUNC, mode: 0o666 });
      await sys.write({ fd, buf: new TextEncoder().encode("mine") });
      await sys.close({ fd });
    };
    try {
      for (const end = Date.now() + 1000; Date.now() < end;) {
        for (const path of ["/l/d/secret", "/l/f"]) {
          for (const work of [() => read(path), () => put(path), () => sys.chmod({ path, mode: 0o666 })]) {
            try {
              note(String(await work()));
            } catch (e) {
              note((e as { code: string }).code);
            }
          }
        }
      }
    } finally {
      attacker.kill("SIGKILL");
      await ended;
    }
    assertEquals([seen.has("secret"), (seen.get("mine") ?? 0) > 0], [false, true], [...seen].join(" "));
    assertEquals(fs.readFileSync(`${dir}/out/secret`, "utf8"), "secret");
    assertEquals([fs.statSync(`${dir}/out/secret`).mode & 0o777, fs.readdirSync(`${dir}/out`)], [0o644, ["secret"]]);
  });
  it("stays the same directory when it is moved, or another takes its name", async () => {
    const { dir, read } = await lent();
    fs.writeFileSync(`${dir}/in/f`, "mine");
    fs.renameSync(`${dir}/in`, `${dir}/moved`);
    fs.symlinkSync("out", `${dir}/in`);
    assertEquals([await read("/l/f"), await refused(read("/l/secret"))], ["mine", "ENOENT"]);
  });
  it("shows a file that takes another's name on the host, and the old one to those who have it open", async () => {
    const { sys, dir, read } = await lent({}, (dir) => fs.writeFileSync(`${dir}/in/f`, "old"));
    assertEquals(await read("/l/f"), "old");
    const fd = await sys.open({ path: "/l/f", flags: 0 });
    const buf = new Uint8Array(10);
    await sys.pread({ fd, buf, offset: 0 });
    fs.writeFileSync(`${dir}/in/new`, "newer");
    fs.renameSync(`${dir}/in/new`, `${dir}/in/f`);
    assertEquals(await read("/l/f"), "newer");
    assertEquals(new TextDecoder().decode(buf.subarray(0, await sys.pread({ fd, buf, offset: 0 }))), "old");
    fs.unlinkSync(`${dir}/in/f`);
    const made = await sys.open({ path: "/l/f", flags: O_CREAT | O_WRONLY, mode: 0o644 });
    await sys.write({ fd: made, buf: new Uint8Array([65]) });
    assertEquals(fs.readFileSync(`${dir}/in/f`, "utf8"), "A");
  });
  it("can be for reading only, whatever the host would let us do", async () => {
    const { sys, read } = await lent({ readOnly: true }, (dir) => fs.writeFileSync(`${dir}/in/f`, "mine"));
    for (
      const work of [
        () => sys.open({ path: "/l/f", flags: O_WRONLY }),
        () => sys.open({ path: "/l/new", flags: O_CREAT | O_WRONLY, mode: 0o644 }),
        () => sys.unlink({ path: "/l/f" }),
        () => sys.chmod({ path: "/l/f", mode: 0o600 }),
        () => sys.rename({ from: "/l/f", to: "/l/g" }),
      ]
    ) assertEquals(await refused((async () => await work())()), "EROFS");
    assertEquals(await read("/l/f"), "mine");
  });
  it("devices of the host can neither be made in it nor opened", async () => {
    const { sys, dir } = await lent();
    assertEquals(
      await refused((async () => await sys.mknod({ path: "/l/null", mode: 0o020666, dev: 0x103 }))()),
      "EPERM",
    );
    assertEquals(fs.readdirSync(`${dir}/in`), []);
  });
});
