import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { packTar } from "modern-tar";
import { assertEquals } from "../../assert.ts";
import { conformance } from "../../conformance/fs.ts";
import { bytesDisk, reader } from "../helpers.ts";
import tarfs from "./mod.ts";

const mtime = new Date(1_000_000_000_000);
const archive = await packTar([
  { header: { name: "./dir/file", size: 5, mode: 0o600, uid: 7, gid: 8, mtime }, body: "hello" },
  { header: { name: "dir/", type: "directory", size: 0, mode: 0o700, mtime } },
  { header: { name: "dir/soft", type: "symlink", size: 0, linkname: "file", mtime } },
  { header: { name: "hard", type: "link", size: 0, linkname: "dir/file", mtime } },
  { header: { name: "../../out", size: 3, mtime }, body: "out" },
]);
conformance(tarfs, { device: () => bytesDisk(archive) });

describe("tarfs", () => {
  it("shows what the archive holds, whatever the order, and nothing outside of it", async () => {
    const at = await reader(tarfs, { device: bytesDisk(archive) });
    assertEquals([await at.list("/"), await at.list("/dir")], [["dir", "hard", "out"], ["file", "soft"]]);
    assertEquals([await at.text("/hard"), await at.text("/dir/soft"), await at.p.readlink("/m/dir/soft")], [
      "hello",
      "hello",
      "file",
    ]);
    const [file, hard, dir] = [await at.p.stat("/m/dir/file"), await at.p.stat("/m/hard"), await at.p.stat("/m/dir")];
    assertEquals([file.mode, file.nlink, file.mtime, file.ino === hard.ino, dir.mode], [
      0o600,
      2,
      1_000_000_000,
      true,
      0o700,
    ]);
  });
  it("reads what tar(1) writes, compressed too: every file as it is", async () => {
    const root = new URL("../../..", import.meta.url).pathname;
    const packed = execFileSync("tar", ["czf", "-", "-C", root, "src/wire"], { maxBuffer: 64 << 20 });
    const at = await reader(tarfs, { device: bytesDisk(new Uint8Array(packed)) });
    for (const name of await at.list("/src/wire")) {
      assertEquals(await at.text(`/src/wire/${name}`), readFileSync(`${root}src/wire/${name}`, "utf8"), name);
    }
  });
  it("a damaged archive is no volume: one line says why", async () => {
    const log: string[] = [];
    const bad = archive.slice();
    bad[100] = 0x41;
    const answer = await reader(tarfs, { device: bytesDisk(bad), log }).then(() => "mounted", (e) => e.code);
    assertEquals([answer, log.length, log[0]?.includes("tarfs: memory: ")], ["EINVAL", 1, true]);
  });
});
