import { describe, it } from "node:test";
import { builtins } from "../../plugins/mod.ts";
import { errno } from "../../src/abi/errno.ts";
import { MNT_RDONLY, O_CREAT, O_RDWR } from "../../src/abi/flags.ts";
import { encodeMountArgs } from "../../src/abi/mount_args.ts";
import { Dirent, Statvfs } from "../../src/abi/structs.ts";
import { refused } from "../../src/conformance/claim.ts";
import { decodeName } from "../../src/lib/text.ts";
import { viewOf } from "../../src/lib/struct.ts";
import { rumpList } from "../../src/cmd/files.ts";
import type { Calls } from "../../src/kern/dispatch.ts";
import type { SyncCalls } from "../../src/proxy/stubs.ts";
import { assertEquals } from "../assert.ts";
import { slow } from "../cases/slow.ts";
import { fakeKernel } from "../kern/fake.ts";

const over = { uid: 0, gid: 0, mode: 0o755 };
/** Directories, and files with their names as text. */
async function kernelWith(...paths: string[]) {
  const made = await fakeKernel({ builtins, components: ["rumpvfs", "null", "union", "tmpfs"] });
  for (const path of paths) await (path.endsWith("/") ? mkdir(made.sys, path) : put(made.sys, path, path));
  return made;
}
const mkdir = async (sys: Calls, path: string) => await sys.mkdir({ path, mode: 0o755 });
async function put(sys: Calls, path: string, text: string): Promise<void> {
  const fd = await sys.open({ path, flags: O_CREAT | O_RDWR, mode: 0o644 });
  await sys.write({ fd, buf: new TextEncoder().encode(text) });
  await sys.close({ fd });
}
async function get(sys: Calls, path: string): Promise<string> {
  const fd = await sys.open({ path, flags: 0 });
  const buf = new Uint8Array(1000);
  const n = await sys.read({ fd, buf });
  await sys.close({ fd });
  return decodeName(buf.subarray(0, n));
}
const list = (sys: Calls, path: string) => rumpList(sys as unknown as SyncCalls, path).sort();
/** The same of a file system that answers later. */
async function names(sys: Calls, path: string): Promise<string[]> {
  const fd = await sys.open({ path, flags: 0 });
  const buf = new Uint8Array(10_000);
  const n = await sys.getdents({ fd, buf });
  await sys.close({ fd });
  const d = viewOf(buf);
  const found: string[] = [];
  for (let at = 0; at < n; at += Dirent.get.reclen(d, at)) {
    found.push(decodeName(buf.subarray(at + Dirent.size, at + Dirent.size + Dirent.get.namlen(d, at))));
  }
  return found.filter((name) => name !== "." && name !== "..").sort();
}
const mount = async (sys: Calls, type: string, path: string, options: object, flags = 0) =>
  await sys.mount({ type, path, flags, data: encodeMountArgs(type, options as never, over) });
const code = (work: () => unknown) => refused((async () => await work())());

describe("mount_null(8)", () => {
  it("shows a directory a second time, and what is written at one place is seen at the other", async () => {
    const { sys } = await kernelWith("/a/", "/a/f", "/b/");
    await mount(sys, "null", "/b", { fspec: "/a" });
    await put(sys, "/b/g", "new");
    assertEquals([list(sys, "/b"), await get(sys, "/a/g"), await get(sys, "/b/f")], [["f", "g"], "new", "/a/f"]);
    await sys.unlink({ path: "/a/f" });
    assertEquals(list(sys, "/b"), ["g"]);
  });
  it("takes names as its caller has them: relative, through links, and tells whole ones", async () => {
    const { sys } = await kernelWith("/a/", "/a/in/", "/a/in/f", "/b/");
    await sys.symlink({ path: "/a", link: "/s" });
    await sys.chdir({ path: "/s" });
    await mount(sys, "null", "../b", { fspec: "in" });
    const buf = new Uint8Array(Statvfs.size);
    await sys.statvfs1({ path: "/b", buf, flags: 0 });
    const { get: at } = Statvfs;
    const d = viewOf(buf);
    assertEquals([at.mntfromname(d, 0), at.mntonname(d, 0), at.fstypename(d, 0)], ["/a/in", "/b", "null"]);
    assertEquals(list(sys, "/b"), ["f"]);
  });
  it("is read-only where it was asked to be, and the directory below is not", async () => {
    const { sys } = await kernelWith("/a/", "/a/f", "/b/");
    await mount(sys, "null", "/b", { fspec: "/a" }, MNT_RDONLY);
    assertEquals(await code(() => put(sys, "/b/g", "x")), "EROFS");
    assertEquals(await code(() => sys.unlink({ path: "/b/f" })), "EROFS");
    await put(sys, "/a/g", "x");
    assertEquals(list(sys, "/b"), ["f", "g"]);
  });
  it("has no loops: of a directory within itself, of one around it, and over itself, a tree has an end", async () => {
    const { sys } = await kernelWith("/a/", "/a/b/", "/a/b/f");
    await mount(sys, "null", "/a/b", { fspec: "/a" });
    assertEquals([list(sys, "/a/b"), list(sys, "/a/b/b")], [["b"], ["f"]]);
    const within = await kernelWith("/a/", "/a/b/", "/a/b/f");
    await mount(within.sys, "null", "/a", { fspec: "/a/b" });
    assertEquals(list(within.sys, "/a"), ["f"]);
    const same = await kernelWith("/a/", "/a/f");
    await mount(same.sys, "null", "/a", { fspec: "/a" }, MNT_RDONLY);
    assertEquals([list(same.sys, "/a"), await code(() => put(same.sys, "/a/f", ""))], [["f"], "EROFS"]);
  });
  it("keeps what it shows from being unmounted, until it is unmounted itself", async () => {
    const { sys } = await kernelWith("/a/", "/b/");
    await mount(sys, "tmpfs", "/a", {});
    await mount(sys, "null", "/b", { fspec: "/a" });
    await put(sys, "/b/f", "x");
    assertEquals(await code(() => sys.unmount({ path: "/a", flags: 0 })), "EBUSY");
    await sys.unmount({ path: "/b", flags: 0 });
    await sys.unmount({ path: "/a", flags: 0 });
  });
  it("of a directory that was removed, nothing can be made in it, at either place", async () => {
    const { sys } = await kernelWith("/a/", "/a/d/", "/b/");
    await mount(sys, "null", "/b", { fspec: "/a" });
    const fd = await sys.open({ path: "/b/d", flags: 0 });
    await sys.rmdir({ path: "/a/d" });
    await sys.fchdir({ fd });
    assertEquals(await code(() => put(sys, "x", "")), "ENOENT");
  });
  it("is of directories only, and of what there is", async () => {
    const { sys } = await kernelWith("/a/", "/f");
    assertEquals(await code(() => mount(sys, "null", "/a", { fspec: "/f" })), "ENOTDIR");
    assertEquals(await code(() => mount(sys, "null", "/a", { fspec: "/none" })), "ENOENT");
  });
});

describe("mount_union(8)", () => {
  const lower = ["/l/", "/l/f", "/l/g", "/l/d/", "/l/d/x", "/l/d/y"];
  it("puts a directory above what the mount point shows, also what is mounted there", async () => {
    const { sys } = await kernelWith("/up/", "/l/");
    await mount(sys, "tmpfs", "/l", {});
    await put(sys, "/l/f", "below");
    await put(sys, "/up/g", "above");
    await mount(sys, "union", "/l", { fspec: "/up" });
    await put(sys, "/l/f", "changed");
    assertEquals(list(sys, "/l"), ["f", "g"]);
    assertEquals(await code(() => sys.unmount({ path: "/up", flags: 0 })), "EINVAL");
    await sys.unmount({ path: "/l", flags: 0 });
    assertEquals([await get(sys, "/l/f"), await get(sys, "/up/f")], ["below", "changed"]);
  });
  it("with -b puts it below", async () => {
    const { sys } = await kernelWith(...lower, "/up/");
    await mount(sys, "union", "/up", { fspec: "/l", below: true });
    await sys.unlink({ path: "/up/f" });
    assertEquals([list(sys, "/up"), list(sys, "/l")], [["d", "g"], ["d", "f", "g"]]);
  });
  it("says what is gone by whiteouts an OCI image's layer may hold", async () => {
    const { sys } = await kernelWith(...lower, "/up/", "/m/");
    await mount(sys, "union", "/m", { fspec: "/up", lower: "/l" });
    await sys.unlink({ path: "/m/d/x" });
    await sys.unlink({ path: "/m/g" });
    assertEquals([list(sys, "/m"), list(sys, "/m/d")], [["d", "f"], ["y"]]);
    assertEquals([list(sys, "/up").filter((n) => n !== ".wh..wh..work"), list(sys, "/up/d")], [
      [".wh.g", "d"],
      [".wh.x"],
    ]);
    await sys.unmount({ path: "/m", flags: 0 });
    assertEquals(list(sys, "/up"), [".wh.g", "d"]);
  });
  it("understands opaque directories", async () => {
    const { sys } = await kernelWith(...lower, "/up/", "/up/d/", "/up/d/.wh..wh..opq", "/up/d/z", "/m/");
    await mount(sys, "union", "/m", { fspec: "/up", lower: "/l" });
    assertEquals(list(sys, "/m/d"), ["z"]);
  });
  it("a directory made where another was removed shows nothing of it", async () => {
    const { sys } = await kernelWith(...lower, "/up/", "/m/");
    await mount(sys, "union", "/m", { fspec: "/up", lower: "/l" });
    for (const path of ["/m/d/x", "/m/d/y"]) await sys.unlink({ path });
    await sys.rmdir({ path: "/m/d" });
    await mkdir(sys, "/m/d");
    assertEquals(list(sys, "/m/d"), []);
    await sys.unmount({ path: "/m", flags: 0 });
    await mount(sys, "union", "/m", { fspec: "/up", lower: "/l" });
    assertEquals(list(sys, "/m/d"), []);
  });
  it("a directory that is moved brings the lower one along, also when it is mounted again", async () => {
    const { sys } = await kernelWith(...lower, "/up/", "/m/");
    await mount(sys, "union", "/m", { fspec: "/up", lower: "/l" });
    await mkdir(sys, "/m/new");
    await sys.rename({ from: "/m/d", to: "/m/new/e" });
    await put(sys, "/m/new/e/x", "changed");
    const see = async () => [list(sys, "/m"), list(sys, "/m/new/e"), await get(sys, "/m/new/e/x")];
    const expected = [["f", "g", "new"], ["x", "y"], "changed"];
    assertEquals(await see(), expected);
    await sys.unmount({ path: "/m", flags: 0 });
    await mount(sys, "union", "/m", { fspec: "/up", lower: "/l" });
    assertEquals(await see(), expected);
  });
  it("a file that is open is changed for all who have it open, though it is copied up meanwhile", async () => {
    const { sys } = await kernelWith(...lower, "/up/", "/m/");
    await mount(sys, "union", "/m", { fspec: "/up", lower: "/l" });
    const fd = await sys.open({ path: "/m/f", flags: 0 });
    await put(sys, "/m/f", "NEW");
    const buf = new Uint8Array(10);
    assertEquals(decodeName(buf.subarray(0, await sys.pread({ fd, buf, offset: 0 }))), "NEWf");
  });
  it("a lower file that was removed can be written to as long as it is open, and nobody sees it", async () => {
    const { sys } = await kernelWith(...lower, "/up/", "/m/");
    await mount(sys, "union", "/m", { fspec: "/up", lower: "/l" });
    const fd = await sys.open({ path: "/m/f", flags: O_RDWR });
    await sys.unlink({ path: "/m/f" });
    await sys.pwrite({ fd, buf: new Uint8Array([65]), offset: 0 });
    const buf = new Uint8Array(10);
    assertEquals(decodeName(buf.subarray(0, await sys.pread({ fd, buf, offset: 0 }))), "Al/f".replace("A", "A"));
    assertEquals([list(sys, "/m"), await get(sys, "/l/f")], [["d", "g"], "/l/f"]);
    await sys.close({ fd });
    await sys.unmount({ path: "/m", flags: 0 });
    assertEquals(list(sys, "/up"), [".wh.f"]);
  });
  it("of one directory with itself there is none", async () => {
    const { sys } = await kernelWith("/l/", "/m/");
    assertEquals(await code(() => mount(sys, "union", "/m", { fspec: "/l", lower: "/l" })), "EINVAL");
    assertEquals(await code(() => sys.unmount({ path: "/m", flags: 0 })), "EINVAL");
  });
  it("names that are its own words can neither be made nor seen", async () => {
    const { sys } = await kernelWith(...lower, "/l/.wh.strange", "/up/", "/m/");
    await mount(sys, "union", "/m", { fspec: "/up", lower: "/l" });
    assertEquals(list(sys, "/m"), ["d", "f", "g"]);
    assertEquals(await code(() => put(sys, "/m/.wh.f", "")), errno.EINVAL.code);
    assertEquals(await code(() => sys.rename({ from: "/m/f", to: "/m/.wh.g" })), errno.EINVAL.code);
  });
  it("hides also names that leave no room for a whiteout's", async () => {
    const long = ["x".repeat(255), "y".repeat(253), "\u00e4".repeat(126)];
    const { sys } = await kernelWith(...lower, ...long.map((name) => `/l/${name}`), "/up/", "/m/");
    const again = () => mount(sys, "union", "/m", { fspec: "/up", lower: "/l" });
    await again();
    for (const name of long) await sys.unlink({ path: `/m/${name}` });
    assertEquals(list(sys, "/m"), ["d", "f", "g"]);
    await sys.unmount({ path: "/m", flags: 0 });
    await again();
    assertEquals(list(sys, "/m"), ["d", "f", "g"]);
  });
  it("many copy one file up at once, while its directory is moved: there is one copy, with what all wrote", async () => {
    const { sys, kernel } = await kernelWith();
    await kernel.use(slow);
    for (const path of ["/up", "/l", "/m"]) {
      await mkdir(sys, path);
      if (path !== "/m") await mount(sys, "slowfs", path, {});
    }
    await mkdir(sys, "/l/d");
    await put(sys, "/l/d/f", "0".repeat(20));
    await mount(sys, "union", "/m", { fspec: "/up", lower: "/l" });
    const writers = [...Array(20).keys()].map(async (i) => {
      const calls = kernel.calls(kernel.fork(`writer${i}`));
      const fd = await calls.open({ path: "/m/d/f", flags: O_RDWR });
      await calls.pwrite({ fd, buf: new TextEncoder().encode("1"), offset: i });
      await calls.close({ fd });
    });
    const movers = [0, 1].map(async (i) => await code(() => sys.rename({ from: "/m/d", to: `/m/e${i}` })));
    const makers = [0, 1, 2].map(async (i) => await code(() => put(sys, `/m/d/new${i}`, "x")));
    const done = await Promise.allSettled([...writers, ...movers, ...makers]);
    const refusedOnes = done.filter((d) => d.status === "rejected").length;
    const [place] = await names(sys, "/m");
    const text = await get(sys, `/m/${place}/f`);
    assertEquals([text.length, text.replaceAll("0", "").length + refusedOnes], [20, 20]);
    assertEquals(await get(sys, "/l/d/f"), "0".repeat(20));
    assertEquals((await names(sys, "/up")).filter((n) => n === ".wh..wh..work").length, 1);
    assertEquals(await names(sys, "/up/.wh..wh..work"), []);
  });
});
