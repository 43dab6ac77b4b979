/** Volumes as a crash leaves them: a journal of all that was written, cut anywhere, what was not flushed in any order. */
import msdos from "../../plugins/fs_msdos/mod.ts";
import { recorded, type Step, survivors } from "../../src/conformance/crash.ts";
import type { SyncCalls } from "../../src/proxy/stubs.ts";
import type { Volume } from "../../src/plugin.ts";
import { withFs } from "../vfs/helpers.ts";
import { checked, diskOn, Hand, plainOptions, plainSys, type Random, say } from "./fat_images.ts";
import { type FileModel, Life } from "./fat_model.ts";

/** What must be found at a path whenever the crash comes in [from, to): one of these contents. */
interface Promised {
  readonly path: string;
  readonly node: FileModel;
  /** The files these are the contents of, as they were: one that is open may be written without a name, too. */
  readonly of: readonly (readonly [FileModel, number])[];
  readonly any: readonly Uint8Array[];
  readonly from: number;
  to: number;
}
export interface Recording {
  readonly before: Uint8Array;
  readonly journal: readonly Step[];
  readonly promises: readonly Promised[];
  readonly log: readonly string[];
}

/** Live through `steps` changes on a volume and record every write. */
export async function record(start: Uint8Array, random: Random, steps: number): Promise<Recording> {
  const journal: Step[] = [];
  const bytes = start.slice();
  const device = { ...recorded(diskOn(bytes), journal), bytes };
  const { sys, kernel, host } = await withFs("msdos", device);
  const life = new Life(sys as unknown as SyncCalls, random, () => host.clock, 8000);
  const promises = new Promises(life, journal);
  for (let i = 0; i < steps; i++) {
    promises.before();
    await life.step();
    if (random(20) === 0) host.pass(random(3000));
    promises.after();
  }
  life.rest();
  promises.end();
  await sys.chdir({ path: "/" });
  await kernel.halt();
  return { before: start, journal, promises: promises.all, log: life.log };
}
/** What fsync(2), sync(2) and rename(2) promise. */
class Promises {
  readonly all: Promised[] = [];
  readonly #life: Life;
  readonly #journal: readonly Step[];
  #open = new Map<string, Promised>();
  #at = 0;
  constructor(life: Life, journal: readonly Step[]) {
    this.#life = life;
    this.#journal = journal;
  }
  before(): void {
    this.#at = this.#journal.length;
  }
  after(): void {
    const files = this.#life.files();
    const were = [...this.#open.values()];
    for (const p of were) {
      const now = files.get(p.path);
      const same = p.of.every(([node, version]) => node.version === version);
      if (now === p.node && same) continue;
      p.to = this.#at;
      this.#open.delete(p.path);
      // Another file that was safe under its old name has taken the place: the old or the new content, nothing else.
      const moved = now && same && were.find((w) => w.node === now && w.of.every(([n, v]) => n.version === v));
      if (now && moved) this.#promise(p.path, now, [...p.of, ...moved.of], [...p.any, ...moved.any], this.#at);
    }
    const { synced } = this.#life;
    if (synced === undefined) return;
    for (const [path, node] of files) {
      if (synced === "all" || synced === node) {
        this.#promise(path, node, [[node, node.version]], [node.data.slice()], this.#journal.length);
      }
    }
  }
  #promise(path: string, node: FileModel, of: Promised["of"], any: readonly Uint8Array[], from: number): void {
    const had = this.#open.get(path);
    if (had) had.to = from;
    const p = { path, node, of, any, from, to: Infinity };
    this.#open.set(path, p);
    this.all.push(p);
  }
  end(): void {
    for (const p of this.#open.values()) p.to = this.#journal.length;
  }
}

/** The volume after a crash when `n` steps of the journal were made; `random`: what was not flushed got there or not, sector by sector. */
export function crashed(r: Recording, n: number, random?: Random): Uint8Array {
  const image = r.before.slice();
  for (const [at, data] of survivors(r.journal, n, random)) image.set(data, at);
  return image;
}

/** Lost clusters, and what is no more than that. */
const HARMLESS = new Set([
  "dirty",
  "lost-chain",
  "lost-directory",
  "orphan-name",
  "fats-differ",
  "free-count",
  "chain-too-long",
  // Links and entries of the table lie in different sectors: a chain that goes on behind its end into nothing.
  "chain-end",
  "directory-chain",
  // New names whose sector came before that of their neighbours: not there yet.
  "entries-behind-end",
]);
/** Of a file under its old and its new name; of a directory only one ".." can be right. */
const BOTH_NAMES = new Set(["crossed-chain", "directory-start", "dots", "duplicate-name"]);

/** What is worse about a crashed volume than may be; empty: nothing. */
export async function harm(r: Recording, n: number, image: Uint8Array): Promise<string> {
  const c = await checked(image);
  const worse = c.findings.filter((f) => !HARMLESS.has(f.kind) && !BOTH_NAMES.has(f.kind));
  if (worse.length > 0) return say({ ...c, findings: worse });
  // A second name has its file's clusters from the first one on.
  const crossed = c.findings.filter((f) => f.kind === "crossed-chain" && !/after 0 clusters/.test(f.text));
  if (crossed.length > 0) return say({ ...c, findings: crossed });
  // The mark stands in each copy of the FAT, too.
  const other = c.findings.filter((f) => f.kind !== "fats-differ");
  if (other.length > 0 && !isMarked(image)) return `not marked, but\n${say(c)}`;
  return broken(r, n, image);
}
/** In the boot sector, or in the FAT, where that has it. */
function isMarked(image: Uint8Array): boolean {
  const h = new Hand(image);
  if (image[h.g.stateByte]! & 1) return true;
  return h.g.bits !== 12 && (h.next(1) & (h.g.bits === 16 ? 0x8000 : 0x800_0000)) === 0;
}
function broken(r: Recording, n: number, image: Uint8Array): string {
  const due = r.promises.filter((p) => p.from <= n && n < p.to);
  if (due.length === 0) return "";
  const volume = mounted(image);
  for (const { path, any } of due) {
    const data = fileAt(volume, path);
    if (!data) return `${path} is gone`;
    if (!any.some((a) => Buffer.compare(a, data) === 0)) return `${path} is not as it was synced`;
  }
  return "";
}
/** Two files, or directories with a file, whose names are exchanged once they are on the disk. */
export interface Exchanged extends Recording {
  /** Where each content may be: under the names, or one that is there only meanwhile. */
  readonly contents: readonly Uint8Array[];
}
export function exchanged(
  start: Uint8Array,
  how: "side by side" | "in two directories" | "two directories",
): Exchanged {
  const journal: Step[] = [];
  const bytes = start.slice();
  const volume = journaled(bytes, journal);
  const make = { mode: 0o755, uid: 0, gid: 0 };
  const fill = (dir: unknown, which: number) => {
    for (let i = 0; i < 20; i++) volume.create!(dir, `something beside ${which}: ${i}`, make);
  };
  const dirs = [0, 1].map((i) => (how === "side by side" ? volume.root : volume.mkdir!(volume.root, `d${i}`, make)));
  const contents = [new Uint8Array(3000).fill(1), new Uint8Array(1500).fill(2)];
  for (const [i, dir] of dirs.entries()) {
    const name = how === "side by side" ? `a name ${i}` : "one name";
    const at = how === "two directories" ? volume.mkdir!(dir, name, make) : dir;
    volume.write!(volume.create!(at, how === "two directories" ? "file" : name, make), contents[i]!, 0);
    fill(dir, i);
  }
  (volume.sync as () => void)();
  const before = bytes.slice();
  journal.length = 0;
  const names = how === "side by side" ? ["a name 0", "a name 1"] : ["one name", "one name"];
  volume.exchange!(dirs[0], names[0]!, dirs[1], names[1]!);
  const done = journal.length;
  (volume.unmount as () => void)();
  const paths = how === "side by side"
    ? names
    : [0, 1].map((i) => `d${i}/one name${how === "two directories" ? "/file" : ""}`);
  // A directory under two names shows its files under one of them.
  const promises = how === "two directories" ? [] : paths.flatMap((path, i): Promised[] => [
    { path, node: undefined as never, of: [], any: contents, from: 0, to: done },
    { path, node: undefined as never, of: [], any: [contents[1 - i]!], from: done, to: Infinity },
  ]);
  return { before, journal, promises, log: [], contents };
}
/** What a crash has lost of what was exchanged; empty: nothing. */
export function lostBy(e: Exchanged, image: Uint8Array): string {
  const volume = mounted(image);
  const found: Uint8Array[] = [];
  const look = (dir: unknown, path: string) => {
    for (const [name, node] of namesIn(volume, dir)) {
      if ((volume.getattr(node) as { type: string }).type === "dir") look(node, `${path}${name}/`);
      else found.push(fileAt(volume, path + name) ?? new Uint8Array(0));
    }
  };
  look(volume.root, "");
  const lost = e.contents.findIndex((c) => !found.some((f) => Buffer.compare(f, c) === 0));
  return lost < 0 ? "" : `file ${lost} has no name any more`;
}
/** None of a directory whose clusters are another's, too. */
function namesIn(volume: Volume, dir: unknown): Iterable<readonly [string, unknown]> {
  try {
    return volume.readdir(dir) as Iterable<readonly [string, unknown]>;
  } catch {
    return [];
  }
}
function journaled(bytes: Uint8Array, journal: Step[]): Volume {
  const device = recorded(diskOn(bytes), journal);
  const over = { uid: 0, gid: 0, mode: 0o755 };
  return msdos.mount(plainSys(), device, { source: "d.img", options: plainOptions(), readOnly: false, over }) as Volume;
}
export function mounted(image: Uint8Array): Volume {
  const { write: _, ...device } = diskOn(image);
  const over = { uid: 0, gid: 0, mode: 0o755 };
  return msdos.mount(plainSys(), device, { source: "d.img", options: plainOptions(), readOnly: true, over }) as Volume;
}
/** What is in a file, by its path; undefined: there is none, or it cannot be read. */
export function fileAt(volume: Volume, path: string): Uint8Array | undefined {
  let node: unknown = volume.root;
  for (const name of path.split("/")) node = node && volume.lookup(node, name);
  if (!node) return undefined;
  const { size } = volume.getattr(node) as { readonly size: number };
  const data = new Uint8Array(size);
  try {
    volume.read!(node, data, 0);
  } catch {
    return undefined;
  }
  return data;
}
