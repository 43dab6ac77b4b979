/** A file system lives beside tmpfs: the same calls on both, the same answers, and in the end the same files. */
import { builtins } from "../../plugins/mod.ts";
import { SysError } from "../../src/abi/errno.ts";
import type { Kernel } from "../../src/kern/kernel.ts";
import { vfsOf } from "../../src/vfs/vfs.ts";
import { rumpList, rumpStat } from "../../src/cmd/files.ts";
import type { SyncCalls } from "../../src/proxy/stubs.ts";
import type { BlockDevice, FsDriver } from "../../src/plugin.ts";
import { assertEquals } from "../assert.ts";
import { fakeKernel } from "../kern/fake.ts";
import type { Random } from "./fat_images.ts";

export interface Beside {
  readonly driver: FsDriver;
  readonly device?: BlockDevice;
  /** What is mounted, when that is no device. */
  readonly source?: string;
  /** What it stands on; `live`: a life in a tree, and the same beside it, before it is mounted. */
  readonly ground?: (kernel: Kernel, live: (root: string) => void) => Promise<void>;
  /** Must not be changed. */
  readonly kept?: string;
  readonly options?: unknown;
  readonly random: Random;
  readonly steps: number;
  /** Hard and symbolic links, modes. */
  readonly unix: boolean;
}
const NAMES = ["a", "b", "c", "Some longer name.text", "d".repeat(120), "\u00e4\u00f6\u00fc", "x.y.z", "e"];
const [TREE, OTHER] = ["/m", "/ref"] as const;
const O = { RDWR: 2, CREAT: 0x200, TRUNC: 0x400 } as const;

/** Live; the log of calls is thrown along with what is wrong. */
export async function liveBeside(b: Beside): Promise<void> {
  const { kernel, sys: calls } = await fakeKernel({ builtins, components: ["rumpvfs", "rumpfs_tmpfs"] });
  const sys = calls as unknown as SyncCalls;
  if (!kernel.registry.fs(b.driver.name)) await kernel.use(b.driver);
  for (const dir of [TREE, OTHER]) sys.mkdir({ path: dir, mode: 0o755 });
  const mount = (type: string, on: string, device?: BlockDevice, options: unknown = {}, from = type) =>
    vfsOf(kernel).mountVolume(type, device, { from, on, flags: 0, options });
  await mount("tmpfs", OTHER);
  const log: string[] = [];
  const live = (root: string, unix = b.unix) => {
    const life = new Twice(sys, { ...b, unix }, log, [root, OTHER]);
    for (let i = 0; i < b.steps; i++) life.step();
    life.rest();
  };
  // Hard links there are already are nobody's to keep.
  await b.ground?.(kernel, (root) => live(root, false));
  const before = b.kept && tree(sys, b.kept, true);
  const mountTree = () => mount(b.driver.name, TREE, b.device, b.options, b.source);
  const same = () => assertEquals(tree(sys, TREE, b.unix), tree(sys, OTHER, b.unix));
  const mounted = await mountTree();
  try {
    live(TREE);
    same();
    if (b.ground) {
      await vfsOf(kernel).unmount(mounted);
      await mountTree();
      same();
    }
    if (b.kept) assertEquals(tree(sys, b.kept, true), before);
  } catch (e) {
    throw new Error(log.slice(-30).join("\n"), { cause: e });
  }
  await kernel.halt();
}
class Twice {
  readonly #roots: readonly [string, string];
  readonly #sys: SyncCalls;
  readonly #b: Beside;
  readonly #log: string[];
  /** Open files: a descriptor on either side. */
  readonly #open: (readonly [number, number])[] = [];

  constructor(sys: SyncCalls, b: Beside, log: string[], roots: readonly [string, string]) {
    this.#roots = roots;
    this.#sys = sys;
    this.#b = b;
    this.#log = log;
  }
  /** The same on both sides; what it gives, or the errno. */
  #both<T>(what: string, call: (root: string, side: 0 | 1) => T): readonly [T | string, T | string] {
    this.#log.push(what);
    const one = (root: string, side: 0 | 1) => {
      try {
        return call(root, side);
      } catch (e) {
        if (e instanceof SysError) return e.code;
        throw e;
      }
    };
    return [one(this.#roots[0], 0), one(this.#roots[1], 1)];
  }
  #same(what: string, call: (root: string, side: 0 | 1) => unknown): void {
    const [mine, other] = this.#both(what, call);
    assertEquals(mine, other, what);
  }
  #path(): string {
    const { random } = this.#b;
    let path = "";
    for (let depth = random(3); depth >= 0; depth--) path += `/${NAMES[random(NAMES.length)]!}`;
    return path;
  }
  step(): void {
    const { random, unix } = this.#b;
    const sys = this.#sys;
    const [path, other] = [this.#path(), this.#path()];
    const kind = random(unix ? 14 : 11);
    if (kind < 3) return this.#openFile(path);
    if (kind < 5) return this.#transfer();
    if (kind === 5) this.#same(`mkdir ${path}`, (r) => sys.mkdir({ path: r + path, mode: 0o755 }));
    else if (kind === 6) this.#same(`rmdir ${path}`, (r) => sys.rmdir({ path: r + path }));
    else if (kind === 7) this.#same(`unlink ${path}`, (r) => sys.unlink({ path: r + path }));
    else if (kind === 8) this.#same(`rename ${path} ${other}`, (r) => sys.rename({ from: r + path, to: r + other }));
    else if (kind === 9) {
      const length = random(random(4) === 0 ? 400_000 : 9000);
      this.#same(`truncate ${path} ${length}`, (r) => sys.truncate({ path: r + path, length }));
    } else if (kind === 10) this.#close();
    else if (kind === 11) this.#same(`link ${path} ${other}`, (r) => sys.link({ path: r + path, link: r + other }));
    else if (kind === 12) {
      this.#same(
        `symlink ${path}`,
        (r) => sys.symlink({ path: "x".repeat(1 + random(1) + path.length), link: r + path }),
      );
    } else this.#same(`chmod ${path}`, (r) => sys.chmod({ path: r + path, mode: 0o640 }));
  }
  #openFile(path: string): void {
    const flags = O.RDWR | (this.#b.random(4) > 0 ? O.CREAT : 0) | (this.#b.random(5) === 0 ? O.TRUNC : 0);
    const [mine, other] = this.#both(
      `open ${path}`,
      (r) => this.#sys.open({ path: r + path, flags, mode: 0o644 }) as number,
    );
    if (typeof mine !== "number" || typeof other !== "number") return assertEquals(mine, other, `open ${path}`);
    this.#open.push([mine, other]);
    if (this.#open.length > 6) this.#close();
  }
  #close(): void {
    const fds = this.#open.splice(this.#b.random(this.#open.length || 1), 1)[0];
    if (fds) this.#same("close", (_r, side) => this.#sys.close({ fd: fds[side] }));
  }
  #transfer(): void {
    const { random } = this.#b;
    const fds = this.#open[random(this.#open.length || 1)];
    if (!fds) return;
    const offset = random(random(6) === 0 ? 1_000_000 : 30_000);
    const length = 1 + random(random(5) === 0 ? 60_000 : 3000);
    const sys = this.#sys;
    if (random(2) === 0) {
      const buf = new Uint8Array(length).fill(1 + random(255));
      this.#same(`pwrite ${offset} ${length}`, (_r, side) => sys.pwrite({ fd: fds[side], buf, offset }));
    } else {
      this.#same(`pread ${offset} ${length}`, (_r, side) => {
        const buf = new Uint8Array(length);
        const n = sys.pread({ fd: fds[side], buf, offset });
        return [n, buf];
      });
    }
  }
  rest(): void {
    while (this.#open.length > 0) this.#close();
  }
}
/** Every path with its kind, size and, in a few words, its content. */
function tree(sys: SyncCalls, root: string, unix: boolean): Record<string, string> {
  const out: Record<string, string> = {};
  const look = (path: string): void => {
    for (const name of rumpList(sys, root + path).sort()) {
      const at = `${path}/${name}`;
      if (at === "/lost+found") continue; // e2fsck's
      const { mode, size, nlink } = rumpStat(sys, root + at, false);
      const type = mode & 0o170000;
      const isDirectory = type === 0o040000;
      // What mode a link shows is each system's own affair.
      const kept = type === 0o120000 ? 0 : mode & 0o777;
      out[at] = `${type.toString(8)} ${isDirectory ? "" : size} ${unix && !isDirectory ? `${nlink} ${kept}` : ""} ${
        type === 0o100000 ? sum(sys, root + at, size) : ""
      }`;
      if (isDirectory) look(at);
    }
  };
  look("");
  return out;
}
function sum(sys: SyncCalls, path: string, size: number): number {
  const fd = sys.open({ path, flags: 0 }) as number;
  const buf = new Uint8Array(size);
  for (let at = 0; at < size;) at += sys.pread({ fd, buf: buf.subarray(at), offset: at }) || size;
  sys.close({ fd });
  return buf.reduce((n, byte) => (Math.imul(n, 31) + byte) | 0, 7);
}
