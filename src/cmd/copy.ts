/** Copying trees, also between rump kernel and host: what cp(1) does, and mv(1) across mounts. */
import { SMALL } from "./batched.ts";
import { basename, type Info, isDir, isFile, isLink, isMissing, join, PIECE, type Tree } from "./files.ts";
import { isExpected } from "./cli.ts";
import { Elsewhere, type Tool } from "./tool.ts";

export interface CopyHow {
  /** Directories, too. */
  readonly recursive: boolean;
  /** Keep modes and times. */
  readonly keep: boolean;
  /** Symbolic links named as operands, and those met below, are followed. */
  readonly followTop: boolean;
  readonly followAll: boolean;
  /** Remove a target that cannot be written. */
  readonly force: boolean;
  /** Whether a file that exists may be overwritten. */
  readonly mayOverwrite: (shown: string) => boolean;
  readonly verbose: boolean;
}
type Reader = ReturnType<Tree["reader"]>;
type Writer = ReturnType<Tree["writer"]>;
const MAX_DEPTH = 1000;
/** Bytes from which a copy shows how far it is, on a terminal. */
const LONG = 64 << 20;

/** What is at a path; undefined: nothing. */
export function lookAt(tree: Tree, path: string, follow: boolean): Info | undefined {
  try {
    return tree.stat(path, follow);
  } catch (e) {
    if (isMissing(e)) return undefined;
    throw e;
  }
}

/** Copy `from` to `to`, which is the new name itself. */
export function copy(
  t: Tool,
  from: readonly [Tree, string],
  to: readonly [Tree, string],
  how: CopyHow,
  depth = 0,
): void {
  const [source, path] = from;
  const [target, at] = to;
  const shown = `${source.prefix}${path}`;
  const info = source.stat(path, depth === 0 ? how.followTop : how.followAll);
  const there = lookAt(target, at, true);
  if (there && source.prefix === target.prefix && there.ino === info.ino && there.dev === info.dev) {
    return t.complain(`${target.prefix}${at} and ${shown} are identical (not copied).`);
  }
  if (isDir(info)) return copyDir(t, from, to, how, info, there, depth);
  if (there && !how.mayOverwrite(`${target.prefix}${at}`)) return;
  if (isLink(info)) {
    if (there) target.unlink(at);
    const leads = source.readlink(path);
    onto(to, () => target.symlink(leads, at));
  } else if (isFile(info)) copyFile(t, from, to, how, info, there === undefined);
  else return t.complain(`${shown}: not a file, directory or link (not copied).`);
  if (how.verbose) t.out(`${shown} -> ${target.prefix}${at}\n`);
}
function copyDir(
  t: Tool,
  [source, path]: readonly [Tree, string],
  [target, at]: readonly [Tree, string],
  how: CopyHow,
  info: Info,
  there: Info | undefined,
  depth: number,
): void {
  const shown = `${source.prefix}${path}`;
  if (!how.recursive) return t.complain(`${shown} is a directory (not copied).`);
  if (depth > MAX_DEPTH) return t.complain(`${shown}: too deep (not copied).`);
  if (there && !isDir(there)) return t.complain(`${target.prefix}${at}: Not a directory`);
  const names = source.list(path); // before the target is made: it may lie inside
  if (!there) onto([target, at], () => target.mkdir(at, (info.mode & 0o777) | 0o700));
  for (const name of names) {
    t.attempt(join(shown, name), () => copy(t, [source, join(path, name)], [target, join(at, name)], how, depth + 1));
  }
  if (how.keep || !there) keep(t, target, at, info, how.keep);
}
function keep(t: Tool, target: Tree, at: string, info: Info, times: boolean): void {
  t.attempt(`${target.prefix}${at}`, () => {
    target.chmod(at, info.mode & 0o7777);
    if (times) target.utimes(at, info.atime, info.mtime);
  });
}

function copyFile(
  t: Tool,
  [source, path]: readonly [Tree, string],
  to: readonly [Tree, string],
  how: CopyHow,
  info: Info,
  fresh: boolean,
): void {
  const [target, at] = to;
  const reader = source.reader(path);
  const mode = info.mode & 0o777;
  try {
    const first = start(reader);
    const whole = first.length < SMALL && !how.force;
    const writer = whole ? undefined : onto(to, () => openTarget(target, at, mode, how.force));
    try {
      if (writer) transfer(first, reader, written(to, writer), new Progress(t, basename(path), info.size));
      else onto(to, () => target.store(at, mode, first));
    } catch (e) {
      // Half a file looks like a whole one.
      if (fresh) remove(target, at);
      throw e;
    }
  } finally {
    reader.close();
  }
  if (how.keep) keep(t, target, at, info, true);
}
/** Change the target: what goes wrong there is told of it, not of what is copied. */
function onto<T>([target, at]: readonly [Tree, string], work: () => T): T {
  try {
    return work();
  } catch (e) {
    throw isExpected(e) ? new Elsewhere(`${target.prefix}${at}`, e) : e;
  }
}
const written = (to: readonly [Tree, string], writer: Writer): Writer => ({
  write: (bytes) => onto(to, () => writer.write(bytes)),
  close: () => onto(to, () => writer.close()),
});
/** What comes first, as much of SMALL as there is. */
function start(reader: Reader): Uint8Array {
  const into = new Uint8Array(SMALL);
  let n = 0;
  for (let got = -1; got !== 0 && n < into.length; n += got) got = reader.read(into.subarray(n));
  return into.subarray(0, n);
}
/** Away with it, if it was made at all. */
function remove(target: Tree, at: string): void {
  try {
    target.unlink(at);
  } catch (e) {
    if (!isMissing(e)) throw e;
  }
}
function transfer(first: Uint8Array, reader: Reader, writer: Writer, progress: Progress): void {
  try {
    writer.write(first);
    progress.add(first.length);
    const piece = new Uint8Array(PIECE);
    for (let n = reader.read(piece); n > 0; n = reader.read(piece)) {
      writer.write(piece.subarray(0, n));
      progress.add(n);
    }
  } finally {
    progress.end();
    writer.close();
  }
}
function openTarget(target: Tree, at: string, mode: number, force: boolean) {
  try {
    return target.writer(at, mode);
  } catch (e) {
    if (!force || isMissing(e)) throw e;
    target.unlink(at);
    return target.writer(at, mode);
  }
}

/** How far a long copy is: one line on a terminal, rewritten. */
class Progress {
  readonly #t: Tool;
  readonly #name: string;
  readonly #total: number;
  readonly #shown: boolean;
  #done = 0;
  #next = 0;
  constructor(t: Tool, name: string, total: number) {
    this.#t = t;
    this.#name = name;
    this.#total = total;
    this.#shown = total >= LONG && t.host.isTerminal(2);
  }
  add(n: number): void {
    this.#done += n;
    if (!this.#shown || this.#t.host.now() < this.#next) return;
    this.#next = this.#t.host.now() + 200;
    const percent = Math.floor((this.#done * 100) / Math.max(1, this.#total));
    this.#t.host.err(`\r${this.#name} ${percent}% ${Math.floor(this.#done / (1 << 20))} MB\x1b[K`);
  }
  end(): void {
    if (this.#shown) this.#t.host.err("\r\x1b[K");
  }
}
