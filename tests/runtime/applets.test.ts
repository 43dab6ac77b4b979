/** The applets under the runtime that runs the test: everything else in tests/cli drives the compiled executable. */
import { describe, it } from "node:test";
import { spawnSync } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { host } from "../../src/host/mod.ts";
import { assertEquals } from "../assert.ts";
import { inDirectory } from "./helpers.ts";

const main = new URL("../../src/main.ts", import.meta.url).pathname;
const command = host.runtime === "bun" ? `'${host.self.path}'` : `'${host.self.path}' run -A --no-check --no-lock`;
function canMount(): boolean {
  try {
    accessSync("/dev/fuse", constants.R_OK | constants.W_OK);
    return host.uid === 0;
  } catch {
    return false;
  }
}
/** Run shell lines in which `rump` is the program; what they print. */
function shell(dir: string, script: string): string {
  const lines = `set -e\nrump() { ${command} '${main}' "$@"; }\nexport RUMP_SERVER=unix://sock\n${script}`;
  const { stdout, stderr, status } = spawnSync("bash", ["-c", lines], { cwd: dir, encoding: "utf8", timeout: 60_000 });
  assertEquals([status, stderr], [0, ""], stdout);
  return stdout;
}

describe(`the applets under ${host.runtime}`, () => {
  it("a server is started, asked, given files by commands, and halted", () =>
    inDirectory((dir) => {
      const said = shell(
        dir,
        `rump rump_server -l rumpfs_tmpfs unix://sock
rump sysctl -n vfs.generic.fstypes
rump mkdir /dir
echo hello > file
rump cp host:file /dir/
rump cat /dir/file
rump ls /dir
rump halt`,
      );
      assertEquals(said, "rumpfs tmpfs\nhello\nfile\n");
    }));
  it("an image is made, filled without a server, and checked", () =>
    inDirectory((dir) => {
      shell(
        dir,
        `rump newfs_msdos -C 8m disk.img > /dev/null
echo hello > file
rump cp --image disk.img host:file '/A long name.txt'
rump fsck_msdos -n disk.img > /dev/null`,
      );
      assertEquals(shell(dir, "rump cat --image disk.img '/A long name.txt'"), "hello\n");
    }));
  it("an image is mounted, written and unmounted", { skip: !canMount() }, () =>
    inDirectory((dir) => {
      const said = shell(
        dir,
        `rump newfs_msdos -C 8m disk.img > /dev/null
mkdir mnt
rump rump_msdos disk.img mnt
echo there > mnt/file
cat mnt/file
rump rump_msdos -u mnt
rump cat --image disk.img /file`,
      );
      assertEquals(said, "there\nthere\n");
    }));
});
