/** Images damaged at random, with a list of what the damage touched: whatever it did not must still be there. */
import msdos from "../../plugins/fs_msdos/mod.ts";
import { SysError } from "../../src/abi/errno.ts";
import type { Volume } from "../../src/plugin.ts";
import { fileAt } from "./fat_crash.ts";
import { checked, diskOn, Hand, plainOptions, plainSys, type Random } from "./fat_images.ts";

/** A file and the bytes of the volume it depends on. */
export interface Listed {
  readonly path: string;
  readonly data: Uint8Array;
  /** [from, to) */
  readonly ranges: readonly (readonly [number, number])[];
  /** Where its directory's slots before it begin: an end mark in one hides it. */
  readonly before: readonly number[];
}
interface Place {
  readonly path: string;
  readonly slots: readonly number[];
  readonly ranges: readonly (readonly [number, number])[];
}

/** What is on a sound volume. */
export function listed(bytes: Uint8Array): Listed[] {
  const h = new Hand(bytes);
  const { g } = h;
  const volume = mountOf(bytes, true);
  const files: Listed[] = [];
  const root = g.rootSize > 0
    ? { slots: Array.from({ length: g.rootSize / 32 }, (_, i) => g.rootStart + 32 * i), ranges: [] }
    : chainOf(h, g.rootCluster);
  const todo: Place[] = [{ path: "", ...root }];
  for (let dir = todo.pop(); dir; dir = todo.pop()) {
    let first = 0;
    for (const [i, at] of dir.slots.entries()) {
      if (bytes[at] === 0) break;
      if (bytes[at] === 0xe5 || bytes[at] === 0x2e) first = i + 1;
      if (bytes[at] === 0xe5 || bytes[at] === 0x2e || bytes[at + 11] === 0x0f) continue;
      const start = h.view.getUint16(at + 26, true);
      // The slot before may become a piece of its name.
      const own = dir.slots.slice(Math.max(0, first - 1), i + 1).map((s) => [s, s + 32] as const);
      const chain = chainOf(h, start);
      const ranges = [...dir.ranges, ...own, ...chain.ranges];
      const before = dir.slots.slice(0, i);
      const path = `${dir.path}${nameOf(bytes, dir.slots.slice(first, i + 1))}`;
      first = i + 1;
      if (bytes[at + 11]! & 0x10) {
        todo.push({
          path: `${path}/`,
          slots: chain.slots,
          ranges: [...ranges, ...before.map((s) => [s, s + 1] as const)],
        });
        continue;
      }
      const data = fileAt(volume, path)!;
      files.push({ path, data, ranges: [...ranges, ...dataOf(h, start, data.length)], before });
    }
  }
  return files;
}
function chainOf(h: Hand, start: number): { slots: number[]; ranges: (readonly [number, number])[] } {
  const [slots, ranges]: [number[], (readonly [number, number])[]] = [[], []];
  for (let c = start; c >= 2 && c <= h.g.clusters + 1; c = h.next(c)) {
    for (let at = 0; at < h.g.clusterSize; at += 32) slots.push(h.position(c) + at);
    const at = h.g.fatStart + Math.floor((c * h.g.bits) / 8);
    ranges.push([at, at + Math.ceil(h.g.bits / 8)]);
  }
  return { slots, ranges };
}
function dataOf(h: Hand, start: number, size: number): (readonly [number, number])[] {
  const ranges: (readonly [number, number])[] = [];
  for (let c = start; size > 0; c = h.next(c)) {
    ranges.push([h.position(c), h.position(c) + Math.min(size, h.g.clusterSize)]);
    size -= h.g.clusterSize;
  }
  return ranges;
}
/** The name in a set of slots: of its pieces, or 8.3 as its case bits say. */
function nameOf(bytes: Uint8Array, slots: readonly number[]): string {
  const d = new DataView(bytes.buffer, bytes.byteOffset);
  const at = slots.at(-1)!;
  let name = "";
  for (const s of slots.slice(0, -1)) {
    let part = "";
    for (const w of [1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30]) {
      part += String.fromCharCode(d.getUint16(s + w, true));
    }
    name = part + name;
  }
  if (name !== "") return name.split("\0")[0]!.replace(/\uffff+$/, "");
  const text = (from: number, to: number, lower: number) => {
    const t = String.fromCharCode(...bytes.subarray(at + from, at + to)).trimEnd();
    return bytes[at + 12]! & lower ? t.toLowerCase() : t;
  };
  const [base, ext] = [text(0, 8, 8), text(8, 11, 16)];
  return ext === "" ? base : `${base}.${ext}`;
}

/** Change some bytes; where. Anywhere: the boot sector, FATs, directories (32 bytes at a time, too), data. */
export function mutate(bytes: Uint8Array, random: Random): number[] {
  const { g } = new Hand(bytes);
  const dirs = g.rootSize > 0 ? g.rootStart : g.dataStart;
  const touched: number[] = [];
  const put = (at: number, value: number) => {
    if (at >= bytes.length) return;
    bytes[at] = value;
    touched.push(at);
  };
  for (let i = random(8); i >= 0; i--) {
    const kind = random(20);
    const where = kind === 0
      ? random(90)
      : kind < 8
      ? g.fatStart + random(Math.min(g.fatSize, 600))
      : kind < 16
      ? dirs + random(4096)
      : g.dataStart + random(Math.min(bytes.length - g.dataStart, 60_000));
    const how = random(6);
    if (how < 4) put(where, [random(256), 0xff, 0, bytes[where]! ^ (1 << random(8))][how]!);
    else if (how === 4) { for (let k = 0; k < 4; k++) put(where + k, random(256)); }
    // A slot is copied over another, or a piece of the FAT.
    else {
      const from = dirs + 32 * random(128);
      const to = kind < 8 ? where - (where % 2) : dirs + 32 * random(128);
      for (let k = 0; k < (kind < 8 ? 4 : 32); k++) put(to + k, bytes[from + k]!);
    }
  }
  return touched;
}
/** Files the damage has not touched; none when it hit the boot sector. */
export function untouched(files: readonly Listed[], bytes: Uint8Array, touched: readonly number[]): Listed[] {
  if (touched.some((at) => at < RESERVED)) return [];
  return files.filter((f) =>
    !touched.some((at) => f.ranges.some(([from, to]) => at >= from && at < to)) &&
    !f.before.some((at) => bytes[at] === 0)
  );
}
/** The boot sector; what follows it before the FAT means nothing to files. */
const RESERVED = 512;

function mountOf(bytes: Uint8Array, readOnly: boolean): Volume {
  const over = { uid: 0, gid: 0, mode: 0o755 };
  return msdos.mount(plainSys(), diskOn(bytes), { source: "d.img", options: plainOptions(), readOnly, over }) as Volume;
}
/** Do something that may fail as calls fail, and in no other way. */
function quietly(work: () => unknown): void {
  try {
    work();
  } catch (e) {
    if (!(e instanceof SysError)) throw e;
  }
}

/** Use a damaged volume in every way; what is wrong with it: something untouched that cannot be read. */
export async function abused(image: Uint8Array, sound: readonly Listed[]): Promise<string> {
  const gone = (volume: Volume, when: string) => {
    for (const { path, data } of sound) {
      const has = fileAt(volume, path);
      if ((!has || Buffer.compare(has, data) !== 0) && !isBeside(volume, path, data)) {
        return `${when}: ${path} ${has ? "has other content" : "is gone"}`;
      }
    }
    return "";
  };
  let volume: Volume;
  const bytes = image.slice();
  try {
    volume = mountOf(bytes, false);
  } catch (e) {
    if (e instanceof SysError) return sound.length > 0 ? "does not mount" : "";
    throw e;
  }
  walk(volume, (_dir, _name, node) => {
    if (!isDir(volume, node)) quietly(() => volume.read!(node, new Uint8Array(9000), 0));
  });
  const read = gone(volume, "read");
  if (read) return read;
  change(volume, sound);
  quietly(() => volume.unmount!());
  try {
    const after = gone(mountOf(bytes, true), "after writing");
    if (after) return after;
  } catch (e) {
    if (!(e instanceof SysError) || sound.length > 0) throw e;
  }
  const mended = image.slice();
  const check = await checked(mended, () => true);
  if (!check.result) return "";
  const again = await checked(mended);
  if (again.findings.length > 0) return `after fsck: ${again.findings[0]!.kind} ${again.findings[0]!.text}`;
  const left = gone(mountOf(mended, true), "after fsck");
  // Of a file's and a directory's sound chains that cross, and of two entries of one chain, nobody can tell which is right.
  const unsure = check.findings.some((f) => f.kind === "crossed-chain" || f.kind === "duplicate-entry");
  return left && unsure ? `${AMBIGUOUS}: ${left}` : left;
}
export const AMBIGUOUS = "two sound chains cross";
/** Another file of the same name stands before it: it is there under its short name. */
function isBeside(volume: Volume, path: string, data: Uint8Array): boolean {
  const cut = path.lastIndexOf("/") + 1;
  let dir: unknown = volume.root;
  for (const name of path.slice(0, cut).split("/").slice(0, -1)) dir = dir && volume.lookup(dir, name);
  const names = dir ? [...volume.readdir(dir) as Iterable<readonly [string, unknown]>].map(([name]) => name) : [];
  return names.some((name) =>
    /~\d/.test(name) && Buffer.compare(fileAt(volume, path.slice(0, cut) + name) ?? NOTHING, data) === 0
  );
}
const NOTHING = new Uint8Array(0);
const isDir = (volume: Volume, node: unknown) => (volume.getattr(node) as { type: string }).type === "dir";
function walk(volume: Volume, visit: (dir: unknown, name: string, node: unknown, path: string) => void): void {
  let left = 400;
  const go = (dir: unknown, path: string, depth: number) =>
    quietly(() => {
      for (const [name, node] of volume.readdir(dir) as Iterable<readonly [string, unknown]>) {
        if (left-- < 0 || depth > 8) return;
        if (name === "" || name.includes("/") || name.includes("\0")) throw new Error(`a name ${JSON.stringify(name)}`);
        visit(dir, name, node, path + name);
        if (isDir(volume, node)) go(node, `${path}${name}/`, depth + 1);
      }
    });
  go(volume.root, "", 0);
}
/** Write to, cut and remove what is damaged, make new files. */
function change(volume: Volume, sound: readonly Listed[]): void {
  const todo: [unknown, string, unknown, string][] = [];
  walk(volume, (...entry) => void todo.push(entry));
  const make = { mode: 0o644, uid: 0, gid: 0 };
  for (const [i, [dir, name, node, path]] of todo.entries()) {
    if (sound.some((f) => f.path === path || f.path.startsWith(`${path}/`))) continue;
    // One of two with the same name shows under its short one.
    const data = /~\d/.test(name) ? fileAt(volume, path) : undefined;
    if (data && sound.some((f) => Buffer.compare(f.data, data) === 0)) continue;
    if (isDir(volume, node)) quietly(() => volume.create!(node, `new ${i}`, make));
    else {
      quietly(() => volume.write!(node, new Uint8Array(700).fill(i), i % 2 ? 0 : 1500));
      quietly(() => volume.setattr!(node, { size: i % 3 ? 100 : 0 }));
      if (i % 2) quietly(() => (volume.unlink!(dir, name, node), volume.inactive!(node)));
    }
  }
  for (let i = 0; i < 6; i++) {
    quietly(() =>
      volume.write!(volume.create!(volume.root, `another new file ${i}`, make), new Uint8Array(3000).fill(i), 0)
    );
  }
  quietly(() => volume.mkdir!(volume.root, "new directory", make));
}
