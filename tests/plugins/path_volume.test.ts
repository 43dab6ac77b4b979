/** Drivers that think in paths: one of a Map of paths, at once and later, passes the suite; and changes by other hands. */
import { describe, it } from "node:test";
import { builtins } from "../../plugins/mod.ts";
import { errno } from "../../src/abi/errno.ts";
import { callsPosix } from "../../src/conformance/calls.ts";
import { getText, put, refused } from "../../src/conformance/claim.ts";
import type { Async, FsDriver, PathDriver, Volume } from "../../src/plugin.ts";
import { assertEquals } from "../assert.ts";
import { conformance } from "../conformance/fs.ts";
import { fakeKernel } from "../kern/fake.ts";

interface Entry {
  type: "file" | "dir" | "link";
  mode: number;
  mtime: number;
  uid: number;
  gid: number;
  atime: number;
  bytes: Uint8Array;
}
/** Files by path, as somebody new to all this would write them. */
class MapFs {
  readonly files: Map<string, Entry>;
  readonly now: () => number;
  constructor(files: Map<string, Entry>, now: () => number) {
    this.files = files;
    this.now = now;
    files.set("", this.entry("dir", { mode: 0o755, uid: 0, gid: 0 }));
  }
  entry(type: Entry["type"], make: { mode: number; uid: number; gid: number }, bytes = new Uint8Array(0)): Entry {
    const time = this.now() / 1000;
    return { type, ...make, bytes, mtime: time, atime: time };
  }
  at(path: string): Entry {
    const found = this.files.get(path);
    if (!found) throw errno.ENOENT;
    return found;
  }
  touch(path: string): void {
    this.at(path.includes("/") ? path.slice(0, path.lastIndexOf("/")) : "").mtime = this.now() / 1000;
  }
  inside(path: string): string[] {
    return [...this.files.keys()].filter((p) => p !== "" && (path === "" || p.startsWith(`${path}/`)));
  }
  add(path: string, made: Entry): void {
    this.files.set(path, made);
    this.touch(path);
  }
  remove(path: string): void {
    if (this.inside(path).length > 0) throw errno.ENOTEMPTY;
    this.files.delete(path);
    this.touch(path);
  }
  rename(from: string, to: string): void {
    if (this.files.get(to)?.type === "dir" && this.inside(to).length > 0) throw errno.ENOTEMPTY;
    for (const path of [from, ...this.inside(from)]) {
      const f = this.at(path);
      this.files.delete(path);
      this.files.set(to + path.slice(from.length), f);
    }
    for (const path of [from, to]) this.touch(path);
  }
  cut(f: Entry, size: number): void {
    const bytes = new Uint8Array(size);
    bytes.set(f.bytes.subarray(0, size));
    f.bytes = bytes;
    f.mtime = this.now() / 1000;
  }
  write(f: Entry, from: Uint8Array, offset: number): number {
    if (offset + from.length > f.bytes.length) this.cut(f, offset + from.length);
    f.bytes.set(from, offset);
    f.mtime = this.now() / 1000;
    return from.length;
  }
}
function mapFs(files: Map<string, Entry>, now: () => number): PathDriver {
  const fs = new MapFs(files, now);
  return {
    getattr(path) {
      const f = files.get(path);
      return f && { ...f, size: f.bytes.length, nlink: 1 };
    },
    readdir(path) {
      const names = fs.inside(path).map((p) => p.slice(path === "" ? 0 : path.length + 1));
      return names.filter((n) => !n.includes("/"));
    },
    read(path, into, offset) {
      const part = fs.at(path).bytes.subarray(offset, offset + into.length);
      into.set(part);
      return part.length;
    },
    write: (path, from, offset) => fs.write(fs.at(path), from, offset),
    setattr(path, { size, ...change }) {
      if (size !== undefined) fs.cut(fs.at(path), size);
      Object.assign(fs.at(path), change);
    },
    create: (path, make) => fs.add(path, fs.entry("file", make)),
    mkdir: (path, make) => fs.add(path, fs.entry("dir", make)),
    symlink: (path, target, make) => fs.add(path, fs.entry("link", make, new TextEncoder().encode(target))),
    readlink: (path) => new TextDecoder().decode(fs.at(path).bytes),
    unlink: (path) => fs.remove(path),
    rmdir: (path) => fs.remove(path),
    rename: (from, to) => fs.rename(from, to),
  };
}
/** The same, each answer later. */
const slowly = (driver: PathDriver): PathDriver =>
  Object.fromEntries(
    Object.entries(driver).map(([name, op]) => [name, async (...args: never[]) => {
      await undefined;
      return await (op as (...a: never[]) => Async<unknown>)(...args);
    }]),
  ) as unknown as PathDriver;
const pathfs = (name: string, how = (d: PathDriver) => d): FsDriver => ({
  kind: "fs",
  name,
  lacks: ["links", "dirlinks", "nodes", "flags", "xattr", "allocate", "punch", "exchange", "huge"],
  mount: (sys) => sys.pathVolume(how(mapFs(new Map(), () => sys.now()))) as Volume,
});
conformance(pathfs("pathfs"));
conformance(pathfs("slowpathfs", slowly));

describe("what changes by other hands", () => {
  for (const [name, how] of [["at once", (d: PathDriver) => d], ["later", slowly]] as const) {
    it(`is seen once the driver has said so, where it answers ${name}`, async () => {
      const files = new Map<string, Entry>();
      let tell: (path?: string) => void = () => {};
      const driver: FsDriver = {
        ...pathfs("pathfs"),
        mount(sys) {
          const volume = sys.pathVolume({ ...how(mapFs(files, () => sys.now())), changing: true });
          tell = (path) => sys.changed(volume, path === undefined ? undefined : volume.root, path);
          return volume as Volume;
        },
      };
      const { kernel, sys } = await fakeKernel({ builtins, components: ["rumpvfs"] });
      await kernel.use(driver);
      const p = callsPosix(sys);
      await p.mkdir("/m");
      await sys.mount({ type: "pathfs", path: "/m", flags: 0, data: new TextEncoder().encode("{}") });
      assertEquals(await refused(p.stat("/m/new")), "ENOENT");
      await put(p, "/m/old", "old");
      files.set("new", { ...files.get("old")! });
      files.delete("old");
      for (const path of ["new", "old"]) tell(path);
      assertEquals([await getText(p, "/m/new"), await refused(p.stat("/m/old"))], ["old", "ENOENT"]);
      files.delete("new");
      tell();
      assertEquals(await refused(p.stat("/m/new")), "ENOENT");
    });
  }
});
