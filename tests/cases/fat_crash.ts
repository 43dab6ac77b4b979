/** Volumes as a crash leaves them: a journal of all that was written, cut anywhere, what was not flushed in any order. */
import msdos from "../../plugins/fs_msdos/mod.ts";
import type { SyncCalls } from "../../src/proxy/stubs.ts";
import type { Volume } from "../../src/plugin.ts";
import { withFs } from "../vfs/helpers.ts";
import { checked, diskOn, Hand, plainOptions, plainSys, type Random, say } from "./fat_images.ts";
import { type FileModel, Life } from "./fat_model.ts";

interface Write {
  readonly at: number;
  readonly data: Uint8Array;
}
/** A write, or a flush. */
type Step = Write | "flush";
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
  const device = {
    ...diskOn(bytes),
    write(from: Uint8Array, offset: number) {
      journal.push({ at: offset, data: from.slice() });
      bytes.set(from, offset);
    },
    flush: () => void journal.push("flush"),
  };
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
  const flushed = random ? r.journal.lastIndexOf("flush", n - 1) + 1 : n;
  const likely = random ? 1 + random(9) : 0;
  for (const [i, step] of r.journal.slice(0, n).entries()) {
    if (step === "flush") continue;
    if (!random || i < flushed) image.set(step.data, step.at);
    else {
      for (let at = 0; at < step.data.length; at += 512) {
        if (random(10) < likely) image.set(step.data.subarray(at, at + 512), step.at + at);
      }
    }
  }
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
export function mounted(image: Uint8Array): Volume {
  const { write: _, ...device } = diskOn(image);
  const over = { uid: 0, gid: 0, mode: 0o755 };
  return msdos.mount(plainSys(), device, { options: plainOptions(), readOnly: true, over }) as Volume;
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
