/** What is in an image, by the driver alone, to be compared with what went in; and images damaged at random. */
import { createHash } from "node:crypto";
import { lstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { SysError } from "../../src/abi/errno.ts";
import type { FsDriver, Volume } from "../../src/plugin.ts";
import { diskOn, plainSys, type Random } from "./fat_images.ts";

/** One line a file: path, type, mode, links, owner, time, size or device or target, hash of the content. */
export type Listing = Record<string, string>;
/** What of a file is compared. */
export interface Compared {
  readonly links?: boolean;
  readonly owner?: boolean;
  readonly mode?: boolean;
  readonly mtime?: boolean;
}
const ALL: Required<Compared> = { links: true, owner: true, mode: true, mtime: true };
interface Told {
  readonly type: string;
  readonly mode: number;
  readonly nlink: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtime: number;
  readonly what: string;
}
const line = (t: Told, c: Required<Compared>): string =>
  [
    t.type,
    ...c.mode ? [t.mode.toString(8)] : [],
    ...c.links && t.type !== "dir" ? [`${t.nlink} links`] : [],
    ...c.owner ? [`${t.uid}:${t.gid}`] : [],
    ...c.mtime ? [`@${t.mtime}`] : [],
    t.what,
  ].join(" ");
const hash = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex").slice(0, 16);

export interface WalkOptions extends Compared {
  /** What the driver is told. */
  readonly options?: unknown;
  /** Lines of its log. */
  readonly log?: string[];
  /** Most files looked at; more are an error. */
  readonly most?: number;
}
/** Mount, read-only unless `writable`, a copy of it. */
export async function mountImage(
  driver: FsDriver,
  image: Uint8Array,
  how: WalkOptions & { readonly writable?: boolean } = {},
): Promise<Volume> {
  const { parse } = await import("valibot");
  return await driver.mount(plainSys((text) => how.log?.push(text)), diskOn(image.slice()), {
    options: parse(driver.options as never, how.options ?? {}),
    source: "image",
    readOnly: how.writable !== true,
    over: { uid: 0, gid: 0, mode: 0o755 },
  });
}
/** Everything in an image. */
export async function imageListing(driver: FsDriver, image: Uint8Array, how: WalkOptions = {}): Promise<Listing> {
  return await volumeListing(await mountImage(driver, image, how), how);
}
export async function volumeListing(volume: Volume, how: WalkOptions = {}): Promise<Listing> {
  const out: Listing = {};
  let left = how.most ?? 100_000;
  const look = async (dir: unknown, path: string): Promise<void> => {
    for (const [name, node] of await volume.readdir(dir)) {
      if (left-- <= 0) throw new Error(`more than ${how.most} files`);
      out[path + name] = line(await told(volume, node), { ...ALL, ...how });
      const { type } = await volume.getattr(node);
      if (type === "dir") await look(node, `${path}${name}/`);
    }
  };
  await look(volume.root, "");
  return out;
}
async function told(volume: Volume, node: unknown): Promise<Told> {
  const a = await volume.getattr(node);
  const what = a.type === "file"
    ? `${a.size} ${hash(await wholeFile(volume, node))}`
    : a.type === "link"
    ? await volume.readlink!(node)
    : a.type === "chr" || a.type === "blk"
    ? `${a.rdev! >> 8 & 0xfff},${(a.rdev! >>> 12 & 0xfff00) | (a.rdev! & 0xff)}`
    : "";
  return {
    type: a.type,
    mode: a.mode ?? 0,
    nlink: a.nlink ?? 1,
    uid: a.uid ?? 0,
    gid: a.gid ?? 0,
    mtime: a.mtime ?? 0,
    what,
  };
}
/** A file's bytes, in pieces that meet at no boundary. */
export async function wholeFile(volume: Volume, node: unknown): Promise<Uint8Array> {
  const { size } = await volume.getattr(node);
  const bytes = new Uint8Array(size);
  for (let at = 0; at < size;) {
    const n = await volume.read!(node, bytes.subarray(at, at + 70_001), at);
    if (n <= 0) throw new Error(`nothing at ${at} of ${size}`);
    at += n;
  }
  return bytes;
}
/** The node at a path. */
export async function nodeAt(volume: Volume, path: string): Promise<unknown> {
  let node = volume.root;
  for (const name of path.split("/")) node = await volume.lookup(node, name);
  return node;
}

/** Everything below a directory of the host. */
export function hostListing(root: string, compared: Compared = {}): Listing {
  const out: Listing = {};
  const look = (path: string): void => {
    for (const name of readdirSync(join(root, path))) {
      const at = join(path, name);
      out[at] = line(hostTold(join(root, at)), { ...ALL, ...compared });
      if (lstatSync(join(root, at)).isDirectory()) look(at);
    }
  };
  look("");
  return out;
}
const types: Readonly<Record<number, string>> = {
  0o010000: "fifo",
  0o020000: "chr",
  0o040000: "dir",
  0o060000: "blk",
  0o100000: "file",
  0o120000: "link",
  0o140000: "sock",
};
function hostTold(path: string): Told {
  const s = lstatSync(path);
  const type = types[s.mode & 0o170000]!;
  const what = type === "file"
    ? `${s.size} ${hash(readFileSync(path))}`
    : type === "link"
    ? readlinkSync(path)
    : type === "chr" || type === "blk"
    // As Linux packs it.
    ? `${s.rdev >> 8 & 0xfff},${(s.rdev >>> 12 & 0xfff00) | (s.rdev & 0xff)}`
    : "";
  const { nlink, uid, gid } = s;
  return { type, mode: s.mode & 0o7777, nlink, uid, gid, mtime: Math.floor(s.mtimeMs / 1000), what };
}

/** Ranges of an image mutations are to hit: [from, to). */
export type Ranges = readonly (readonly [from: number, to: number])[];
/** Values that are wrong in interesting ways. */
const EDGES = [0, 1, 0x7f, 0x80, 0xff, 0xfe];
/** Change some bytes: single ones, words with edges, copies from elsewhere. */
export function mutateImage(bytes: Uint8Array, random: Random, ranges: Ranges): void {
  const place = () => {
    const [from, to] = ranges[random(ranges.length)]!;
    return from + random(to - from);
  };
  for (let n = 1 + random(8); n > 0; n--) {
    const at = place();
    const kind = random(4);
    if (kind === 0) bytes[at] = random(256);
    else if (kind === 1) bytes[at] = EDGES[random(EDGES.length)]!;
    else if (kind === 2) bytes.fill(EDGES[random(EDGES.length)]!, at, at + 1 + random(4));
    else {
      const from = place();
      bytes.copyWithin(at, from, Math.min(from + 1 + random(64), bytes.length));
    }
  }
}
/** Most files a damaged image is looked at for; circles of directories have no end. */
const MOST = 2000;
/** Walk a damaged image, `writing` on the way: it may refuse with an errno, nothing else. Tells how long it took, in milliseconds. */
export async function abuseImage(
  driver: FsDriver,
  image: Uint8Array,
  options: unknown = {},
  writing = false,
): Promise<number> {
  const start = performance.now();
  let left = MOST;
  try {
    const volume = await mountImage(driver, image, { options, writable: writing });
    await survey(volume, volume.root, 12);
    await allowed(() => volume.unmount?.(), undefined);
  } catch (e) {
    if (!(e instanceof SysError)) throw e;
  }
  return performance.now() - start;

  async function survey(volume: Volume, dir: unknown, depth: number): Promise<void> {
    for (const [name, node] of await allowed(() => volume.readdir(dir), []) as Iterable<readonly [string, unknown]>) {
      if (left-- <= 0) return;
      await allowed(() => volume.lookup(dir, name), undefined);
      if (writing && volume.write) await scribble(volume, dir, name, node);
      const { type, size } = await volume.getattr(node);
      const piece = new Uint8Array(64 << 10);
      if (type === "file") {
        for (const at of [0, Math.max(0, size - 100), Math.floor(size / 2)]) {
          await allowed(() => volume.read!(node, piece, at), 0);
        }
      } else if (type === "link") await allowed(() => volume.readlink!(node), "");
      else if (type === "dir" && depth > 0) await survey(volume, node, depth - 1);
    }
  }
}
/** Change a file and its directory in every way there is. */
async function scribble(volume: Volume, dir: unknown, name: string, node: unknown): Promise<void> {
  const make = { mode: 0o755, uid: 0, gid: 0 };
  const bytes = new Uint8Array(5000).fill(7);
  const all = [
    () => volume.write!(node, bytes, 70_000),
    () => volume.setattr!(node, { size: 300 }),
    () => volume.setattr!(node, { mode: 0o600 }),
    () => volume.create!(dir, `${name.slice(0, 20)}+`, make),
    () => volume.mkdir!(dir, `${name.slice(0, 20)}-`, make),
    async () => {
      const target = await volume.lookup(volume.root, "moved");
      if (target !== node) await volume.rename?.(dir, name, node, volume.root, "moved", target);
    },
    async () => {
      if (await volume.lookup(dir, name) === node) await volume.unlink?.(dir, name, node);
    },
    () => volume.inactive?.(node),
  ];
  for (const work of all) await allowed(work as () => unknown, undefined);
}
async function allowed<T>(work: () => T | Promise<T>, otherwise: T): Promise<T> {
  try {
    return await work();
  } catch (e) {
    if (e instanceof SysError) return otherwise;
    throw e;
  }
}
