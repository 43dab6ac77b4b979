/** A life of random changes on a volume, beside a model of what a FAT volume must then hold. */
import { O_CREAT, O_EXCL, O_RDWR, O_TRUNC } from "../../src/abi/flags.ts";
import { SysError } from "../../src/abi/errno.ts";
import { Stat, Statvfs } from "../../src/abi/structs.ts";
import { rumpList, rumpUtimes } from "../../src/cmd/files.ts";
import type { SyncCalls } from "../../src/proxy/stubs.ts";
import type { Random } from "./fat_images.ts";

export interface FileModel {
  readonly dir: false;
  data: Uint8Array;
  /** Seconds, even. */
  mtime: number;
  /** Counts changes of the data. */
  version: number;
}
export interface DirModel {
  readonly dir: true;
  readonly children: Map<string, { name: string; node: FileModel | DirModel }>;
}
type Node = FileModel | DirModel;

const NAMES = [
  ...["A", "b.txt", "README.TXT", "lower.c", "Mixed.Case", "x.", "trail ", "a.b.c", ".hidden", "no ext", "+,;=[].x"],
  ...[
    "A rather long file name.text",
    "another long name, with commas",
    "\u00fcml\u00e4ut.txt",
    "\u65e5\u672c\u8a9e",
    "\ud83d\ude00 smile",
  ],
  ...[
    "n".repeat(255),
    "LONGNAME.EXTENSION",
    "12345678.123",
    "123456789.1234",
    "sp ace.t t",
    "caf\u00e9",
    "exactly13char",
    'q:*?<>|"',
  ],
];
/** As the volume compares names. */
const key = (name: string) => clean(name).toUpperCase();
const clean = (name: string) => name.replace(/[. ]+$/, "");
const isWithin = (dir: DirModel, node: Node): boolean =>
  dir === node || [...dir.children.values()].some((c) => c.node.dir && isWithin(c.node, node));

export class Life {
  readonly root: DirModel = { dir: true, children: new Map() };
  /** What happened last, for the report. */
  readonly log: string[] = [];
  readonly #sys: SyncCalls;
  readonly #random: Random;
  readonly #clock: () => number;
  readonly #most: number;
  readonly #open: { readonly fd: number; readonly file: FileModel }[] = [];
  steps = 0;
  /** What the last step has made safe. */
  synced: FileModel | "all" | undefined;
  full = 0;

  /** `most`: bytes of the largest file; `clock`: milliseconds. */
  constructor(sys: SyncCalls, random: Random, clock: () => number, most: number) {
    this.#sys = sys;
    this.#random = random;
    this.#clock = clock;
    this.#most = most;
  }
  #pick<T>(list: readonly T[]): T {
    return list[this.#random(list.length)]!;
  }
  /** A directory that is there, with its path. */
  #dir(): { readonly dir: DirModel; readonly path: string } {
    let [dir, path] = [this.root, ""];
    for (let depth = 0; depth < 4 && this.#random(3) > 0; depth++) {
      const below = [...dir.children.values()].filter((c) => c.node.dir);
      if (below.length === 0) break;
      const next = this.#pick(below);
      if (path.length + next.name.length > 300) break;
      [dir, path] = [next.node as DirModel, `${path}${next.name}/`];
    }
    return { dir, path };
  }
  /** A place in a directory: often one where something is, in another spelling now and then. */
  #place(): { readonly dir: DirModel; readonly name: string; readonly path: string; readonly has: Node | undefined } {
    const { dir, path } = this.#dir();
    const there = [...dir.children.values()];
    let name = there.length > 0 && this.#random(10) < 6 ? this.#pick(there).name : this.#pick(NAMES);
    if (this.#random(8) === 0 && name.toUpperCase().toLowerCase() === name.toLowerCase()) {
      name = this.#random(2) ? name.toUpperCase() : name.toLowerCase();
    }
    return { dir, name, path: path + name, has: dir.children.get(key(name))?.node };
  }
  #now(): number {
    return Math.floor(this.#clock() / 2000) * 2;
  }

  /** Do something, and see that what comes of it is what must. */
  step(): void | Promise<unknown> {
    this.steps++;
    this.synced = undefined;
    const n = this.#random(100);
    if (n < 22) this.#create();
    else if (n < 40) this.#write();
    else if (n < 48) this.#read();
    else if (n < 56) this.#truncate();
    else if (n < 66) this.#rename();
    else if (n < 80) this.#unlink();
    else if (n < 86) this.#mkdir();
    else if (n < 92) this.#rmdir();
    else if (n < 95) this.#times();
    else if (n < 97) return this.#sync();
    else this.#close();
  }
  /**
   * Make a call. `wrong`: the errors that must come instead; none given: it must work, unless the volume is full, for
   * which it needs `clusters` or more. False: it did not work.
   */
  #call(what: string, wrong: readonly string[], clusters: number, work: () => void): boolean {
    this.log.push(what);
    if (this.log.length > 400) this.log.shift();
    try {
      work();
    } catch (e) {
      if (!(e instanceof SysError)) throw e;
      this.log.push(`  ${e.code}`);
      if (wrong.includes(e.code)) return false;
      if (e.code === "ENOSPC" && wrong.length === 0 && this.free() < clusters) {
        this.full++;
        return false;
      }
      throw new Error(`${what}: ${e.code}, expected ${wrong.join(" or ") || "success"}; ${this.free()} clusters free`);
    }
    if (wrong.length > 0) throw new Error(`${what}: worked, expected ${wrong.join(" or ")}`);
    return true;
  }
  #statvfs(): DataView {
    const buf = new Uint8Array(Statvfs.size);
    this.#sys.statvfs1({ path: ".", buf, flags: 1 });
    return new DataView(buf.buffer);
  }
  free(): number {
    return Statvfs.get.bfree(this.#statvfs(), 0);
  }
  get cluster(): number {
    return (this.#cluster ??= Statvfs.get.bsize(this.#statvfs(), 0));
  }
  #cluster: number | undefined;
  #needs(bytes: number): number {
    return Math.ceil(bytes / this.cluster);
  }

  #create(): void {
    const { dir, name, path, has } = this.#place();
    const flags = O_RDWR | this.#pick([O_CREAT, O_CREAT, O_CREAT | O_EXCL, O_CREAT | O_TRUNC, O_TRUNC, 0]);
    const wrong = has?.dir
      ? flags & O_EXCL ? ["EEXIST"] : ["EISDIR"]
      : has
      ? flags & O_EXCL ? ["EEXIST"] : []
      : flags & O_CREAT
      ? []
      : ["ENOENT"];
    let fd = -1;
    const ok = this.#call(`open ${path} ${flags.toString(16)}`, wrong, 2, () => {
      fd = this.#sys.open({ path, flags, mode: 0o644 });
    });
    if (!ok) return;
    let file = has as FileModel | undefined;
    if (!file) {
      file = { dir: false, data: new Uint8Array(0), mtime: this.#now(), version: 0 };
      dir.children.set(key(name), { name: clean(name), node: file });
    } else if (flags & O_TRUNC) {
      file.data = new Uint8Array(0);
      file.version++;
      file.mtime = this.#now();
    }
    if (this.#open.length >= 8) this.#close();
    this.#open.push({ fd, file });
    if (this.#random(3) > 0) this.#writeTo(this.#open.at(-1)!);
  }
  #write(): void {
    if (this.#open.length > 0) this.#writeTo(this.#pick(this.#open));
  }
  #writeTo({ fd, file }: { readonly fd: number; readonly file: FileModel }): void {
    const at = this.#random(3) ? this.#random(file.data.length + 1) : this.#random(this.#most);
    const length = 1 + (this.#random(4) ? this.#random(2000) : this.#random(this.#most));
    const end = Math.min(this.#most, at + length);
    if (end <= at) return;
    const buf = new Uint8Array(end - at);
    const first = this.#random(256);
    for (let i = 0; i < buf.length; i++) buf[i] = first + i * 7;
    let n = 0;
    const more = this.#needs(end) - this.#needs(file.data.length);
    if (!this.#call(`pwrite ${buf.length} at ${at}`, [], more, () => (n = this.#sys.pwrite({ fd, buf, offset: at })))) {
      return;
    }
    if (n < buf.length && this.free() >= this.#needs(end) - this.#needs(at + n)) {
      throw new Error(`pwrite: ${n} of ${buf.length} with room`);
    }
    if (n === 0) return;
    file.data = resized(file.data, Math.max(file.data.length, at + n));
    file.data.set(buf.subarray(0, n), at);
    file.version++;
    file.mtime = this.#now();
  }
  #read(): void {
    if (this.#open.length === 0) return;
    const { fd, file } = this.#pick(this.#open);
    const at = this.#random(file.data.length + 10);
    const buf = new Uint8Array(1 + this.#random(5000));
    const n = this.#sys.pread({ fd, buf, offset: at });
    const want = file.data.subarray(at, at + buf.length);
    if (!same(buf.subarray(0, n), want)) throw new Error(`pread ${buf.length} at ${at}: ${n} bytes, not as written`);
  }
  #truncate(): void {
    const { path, has } = this.#place();
    const length = this.#random(3) && has && !has.dir ? this.#random(has.data.length + 1) : this.#random(this.#most);
    const wrong = !has ? ["ENOENT"] : has.dir ? ["EISDIR"] : [];
    const more = has && !has.dir ? this.#needs(length) - this.#needs(has.data.length) : 0;
    if (!this.#call(`truncate ${path} ${length}`, wrong, more, () => this.#sys.truncate({ path, length }))) return;
    const file = has as FileModel;
    file.data = resized(file.data, length);
    file.version++;
    file.mtime = this.#now();
  }
  #rename(): void {
    const [from, to] = [this.#place(), this.#place()];
    if (from.has?.dir && to.path.length + longest(from.has) > 320) return; // a path has 1024 bytes
    const wrong = this.#renameErrors(from.has, to.dir, to.has);
    if (
      !this.#call(`rename ${from.path} ${to.path}`, wrong, 2, () => this.#sys.rename({ from: from.path, to: to.path }))
    ) {
      return;
    }
    const node = from.has!;
    if (to.has === node) {
      // The same file, in another spelling perhaps.
      if (from.path === to.path) return;
      to.dir.children.get(key(to.name))!.name = clean(to.name);
      return;
    }
    from.dir.children.delete(key(from.name));
    const was = to.dir.children.get(key(to.name));
    to.dir.children.set(key(to.name), { name: was?.name ?? clean(to.name), node });
  }
  #renameErrors(node: Node | undefined, into: DirModel, target: Node | undefined): string[] {
    if (!node) return ["ENOENT"];
    if (node === target) return [];
    const wrong: string[] = [];
    if (node.dir && isWithin(node, into)) wrong.push("EINVAL");
    if (target?.dir && !node.dir) wrong.push("EISDIR");
    if (target && !target.dir && node.dir) wrong.push("ENOTDIR");
    if (target?.dir && target.children.size > 0) wrong.push("ENOTEMPTY");
    return wrong;
  }
  #unlink(): void {
    const { dir, name, path, has } = this.#place();
    const wrong = !has ? ["ENOENT"] : has.dir ? ["EPERM"] : [];
    if (this.#call(`unlink ${path}`, wrong, 0, () => this.#sys.unlink({ path }))) dir.children.delete(key(name));
  }
  #mkdir(): void {
    const { dir, name, path, has } = this.#place();
    if (!this.#call(`mkdir ${path}`, has ? ["EEXIST"] : [], 3, () => this.#sys.mkdir({ path, mode: 0o755 }))) return;
    dir.children.set(key(name), { name: clean(name), node: { dir: true, children: new Map() } });
  }
  #rmdir(): void {
    const { dir, name, path, has } = this.#place();
    const wrong = !has ? ["ENOENT"] : !has.dir ? ["ENOTDIR"] : has.children.size > 0 ? ["ENOTEMPTY"] : [];
    if (this.#call(`rmdir ${path}`, wrong, 0, () => this.#sys.rmdir({ path }))) dir.children.delete(key(name));
  }
  #times(): void {
    const { path, has } = this.#place();
    if (!has || has.dir) return;
    const mtime = 400_000_000 + this.#random(1_900_000_000) * 2;
    this.#call(`utimes ${path}`, [], 0, () => rumpUtimes(this.#sys, path, mtime, mtime));
    has.mtime = mtime;
  }
  #sync(): void | Promise<unknown> {
    this.log.push("sync");
    const one = this.#open.length > 0 && this.#random(2) ? this.#pick(this.#open) : undefined;
    this.synced = one?.file ?? "all";
    if (!one) return (this.#sys as unknown as { sync(): Promise<unknown> }).sync();
    this.#sys.fsync({ fd: one.fd });
  }
  #close(): void {
    if (this.#open.length === 0) return;
    const [gone] = this.#open.splice(this.#random(this.#open.length), 1);
    this.#sys.close({ fd: gone!.fd });
  }
  /** Close everything. */
  rest(): void {
    while (this.#open.length > 0) this.#close();
  }

  /** All files by their paths. */
  files(dir: DirModel = this.root, path = "", into = new Map<string, FileModel>()): Map<string, FileModel> {
    for (const { name, node } of dir.children.values()) {
      if (node.dir) this.files(node, `${path}${name}/`, into);
      else into.set(path + name, node);
    }
    return into;
  }
  /** Compare all of the volume with the model; throws at the first difference. */
  verify(): void {
    this.#verify(this.root, "");
    for (const { fd, file } of this.#open) this.#content(fd, file, "an open file");
  }
  #verify(dir: DirModel, path: string): void {
    const names = rumpList(this.#sys, path || ".").sort();
    const want = [...dir.children.values()].map((c) => c.name).sort();
    if (names.join("\n") !== want.join("\n")) {
      throw new Error(`${path || "/"} holds ${JSON.stringify(names)}, not ${JSON.stringify(want)}`);
    }
    for (const { name, node } of dir.children.values()) {
      if (node.dir) this.#verify(node, `${path}${name}/`);
      else this.#file(path + name, node);
    }
  }
  #file(path: string, file: FileModel): void {
    const buf = new Uint8Array(Stat.size);
    this.#sys.stat({ path, ub: buf });
    const d = new DataView(buf.buffer);
    const [size, mtime] = [Stat.get.size(d, 0), Stat.get.mtime(d, 0)];
    if (size !== file.data.length) throw new Error(`${path}: ${size} bytes, not ${file.data.length}`);
    if (mtime !== file.mtime) throw new Error(`${path}: mtime ${mtime}, not ${file.mtime}`);
    const fd = this.#sys.open({ path, flags: 0 });
    this.#content(fd, file, path);
    this.#sys.close({ fd });
  }
  #content(fd: number, file: FileModel, path: string): void {
    const data = new Uint8Array(file.data.length + 1);
    const n = this.#sys.pread({ fd, buf: data, offset: 0 });
    if (!same(data.subarray(0, n), file.data)) throw new Error(`${path}: not the bytes that were written`);
  }
}
/** Length of the longest path below a directory. */
function longest(dir: DirModel): number {
  return Math.max(0, ...[...dir.children.values()].map((c) => c.name.length + 1 + (c.node.dir ? longest(c.node) : 0)));
}
function resized(data: Uint8Array, length: number): Uint8Array {
  const out = new Uint8Array(length);
  out.set(data.subarray(0, length));
  return out;
}
const same = (a: Uint8Array, b: Uint8Array) => a.length === b.length && Buffer.compare(a, b) === 0;
