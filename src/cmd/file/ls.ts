/** rump.ls: list files (ls(1)). One name a line unless standard output is a terminal (NetBSD's looks at the rump console). */
import { major, minor, S_IFBLK, S_IFCHR, S_IFDIR, S_IFLNK, S_IFMT } from "../../abi/flags.ts";
import { human } from "../../lib/human.ts";
import { infos } from "../batched.ts";
import { type Info, isDir, isLink, join, namesIn, rumpStat, rumpTree, words } from "../files.ts";
import { modeText } from "./mode.ts";
import { isExpected } from "../cli.ts";
import { fileProgram, type Tool } from "../tool.ts";

interface Row {
  readonly name: string;
  readonly path: string;
  readonly info: Info;
}
const MAX_DEPTH = 1000;

function compare(t: Tool): (a: Row, b: Row) => number {
  const byName = (a: Row, b: Row) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0);
  const time = (
    i: Info,
  ) => (t.last("u", "c") === "u" ? i.atime : t.last("u", "c") === "c" ? i.ctime : i.mtime + i.mtimensec / 1e9);
  const by = t.last("S", "t");
  const order = by === "S"
    ? (a: Row, b: Row) => b.info.size - a.info.size || byName(a, b)
    : by === "t"
    ? (a: Row, b: Row) => time(b.info) - time(a.info) || byName(a, b)
    : byName;
  return t.has("r") ? (a, b) => order(b, a) : order;
}
const sorted = (t: Tool, rows: Row[]) => (t.has("f") ? rows : rows.sort(compare(t)));

/** What is not shown is made visible on a terminal, so that a name cannot move the cursor. */
function shown(t: Tool, name: string): string {
  if (!t.has("q", "B", "b") && !t.host.isTerminal(1)) return name;
  // deno-lint-ignore no-control-regex -- that is what is looked for
  return name.replace(/[\x00-\x1f\x7f-\x9f\udc80-\udcff]/g, "?");
}
const suffixes: Readonly<Record<number, string>> = { [S_IFDIR]: "/", [S_IFLNK]: "@", 0o010000: "|", 0o140000: "=" };
function suffix(t: Tool, { mode }: Info): string {
  const of = suffixes[mode & S_IFMT] ?? (mode & 0o111 ? "*" : "");
  return t.has("F") ? of : t.has("p") && of === "/" ? of : "";
}

function list(t: Tool, rows: readonly Row[], total: boolean): void {
  const blocks = (i: Info) => (t.has("k") ? Math.ceil(i.blocks / 2) : i.blocks);
  const size = (i: Info) => (t.has("h") ? human(i.blocks * 512) : String(blocks(i)));
  if (total && rows.length > 0 && (t.has("l", "n", "g", "o") || t.has("s"))) {
    const all = rows.reduce((sum, r) => sum + r.info.blocks, 0);
    t.out(`total ${t.has("h") ? human(all * 512) : t.has("k") ? Math.ceil(all / 2) : all}\n`);
  }
  const inodes = width(rows, (r) => String(r.info.ino));
  const sizes = width(rows, (r) => size(r.info));
  const head = (r: Row) =>
    (t.has("i") ? `${String(r.info.ino).padStart(inodes)} ` : "") +
    (t.has("s") ? `${size(r.info).padStart(sizes)} ` : "");
  if (t.has("l", "n", "g", "o")) return long(t, rows, head);
  const names = rows.map((r) => head(r) + shown(t, r.name) + suffix(t, r.info));
  const columns = t.has("1") ? undefined : t.has("C", "x") ? t.host.columns() ?? 80 : t.host.columns();
  if (t.has("m")) t.out(names.length > 0 ? `${names.join(", ")}\n` : "");
  else if (columns === undefined || names.length === 0) t.out(names.map((n) => `${n}\n`).join(""));
  else t.out(inColumns(names, columns, t.has("x")));
}
const width = (rows: readonly Row[], text: (r: Row) => string) => Math.max(0, ...rows.map((r) => text(r).length));

/** Names in columns, down (or with -x across), each as wide as the longest and a space. */
function inColumns(names: readonly string[], total: number, across: boolean): string {
  const wide = Math.max(...names.map((n) => n.length)) + 1;
  const columns = Math.max(1, Math.floor(total / wide));
  const rows = Math.ceil(names.length / columns);
  let out = "";
  for (let r = 0; r < rows; r++) {
    const line: string[] = [];
    for (let c = 0; c < columns; c++) {
      const name = names[across ? r * columns + c : c * rows + r];
      if (name !== undefined) line.push(name.padEnd(wide));
    }
    out += `${line.join("").trimEnd()}\n`;
  }
  return out;
}

const isDevice = ({ mode }: Info) => (mode & S_IFMT) === S_IFCHR || (mode & S_IFMT) === S_IFBLK;
function long(t: Tool, rows: readonly Row[], head: (r: Row) => string): void {
  // Users are the rump kernel's: it has no names for them.
  const links = width(rows, (r) => String(r.info.nlink));
  const owners = width(rows, (r) => String(r.info.uid));
  const groups = width(rows, (r) => String(r.info.gid));
  const devices = rows.filter((r) => isDevice(r.info));
  const majors = width(devices, (r) => String(major(r.info.rdev)));
  const minors = width(devices, (r) => String(minor(r.info.rdev)));
  const plain = (r: Row) => (t.has("h") ? human(r.info.size) : String(r.info.size));
  const sizes = Math.max(
    width(rows.filter((r) => !isDevice(r.info)), plain),
    devices.length > 0 ? majors + minors + 2 : 0,
  );
  for (const r of rows) {
    const { info } = r;
    const size = isDevice(info)
      ? `${String(major(info.rdev)).padStart(majors)}, ${String(minor(info.rdev)).padStart(minors)}`
      : plain(r);
    const who = (t.has("g") ? "" : `${String(info.uid).padEnd(owners)}  `) +
      (t.has("o") ? "" : `${String(info.gid).padEnd(groups)}  `);
    t.out(
      `${head(r)}${modeText(info.mode)}  ${String(info.nlink).padStart(links)} ${who}${size.padStart(sizes)} ` +
        `${date(t, info)} ${shown(t, r.name)}${suffix(t, info)}${target(t, r)}\n`,
    );
  }
}
function target(t: Tool, { path, info }: Row): string {
  if (!isLink(info)) return "";
  try {
    return ` -> ${shown(t, rumpTree(t).readlink(path))}`;
  } catch {
    return "";
  }
}
const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const HALF_YEAR = (365 / 2) * 86400;
function date(t: Tool, info: Info): string {
  const seconds = t.last("u", "c") === "u" ? info.atime : t.last("u", "c") === "c" ? info.ctime : info.mtime;
  const d = new Date(seconds * 1000);
  const two = (n: number) => String(n).padStart(2, "0");
  const day = `${months[d.getMonth()]} ${String(d.getDate()).padStart(2)}`;
  const clock = `${two(d.getHours())}:${two(d.getMinutes())}`;
  if (t.has("T")) return `${day} ${clock}:${two(d.getSeconds())} ${d.getFullYear()}`;
  const now = t.host.wall() / 1000;
  return Math.abs(now - seconds) < HALF_YEAR ? `${day} ${clock}` : `${day}  ${d.getFullYear()}`;
}

/** A directory's contents, and with -R of those below. */
function directory(t: Tool, path: string, titled: boolean, depth: number): void {
  if (titled) t.out(`${path}:\n`);
  const rows: Row[] = [];
  t.attempt(path, () => {
    const names = namesIn(t, path).filter((name) =>
      !name.startsWith(".") || t.has("a", "f") || (t.has("A") && name !== "." && name !== "..")
    );
    const found = infos(t, names.map((name) => join(path, name)), t.has("L"));
    for (const [i, name] of names.entries()) {
      const at = join(path, name);
      t.attempt(at, () => void rows.push({ name, path: at, info: found[i]!() }));
    }
    list(t, sorted(t, rows), true);
  });
  if (!t.has("R") || depth > MAX_DEPTH) return;
  for (const r of rows) {
    if (!isDir(r.info) || r.name === "." || r.name === "..") continue;
    t.out("\n");
    directory(t, r.path, true, depth + 1);
  }
}
/** An operand: links to directories are followed unless they are to be described. */
function operand(t: Tool, path: string): Row | undefined {
  try {
    const follow = t.has("L") || !(t.has("l", "d", "F", "n", "g", "o"));
    try {
      return { name: path, path, info: rumpStat(t.sys, path, follow) };
    } catch {
      return { name: path, path, info: rumpStat(t.sys, path, false) };
    }
  } catch (e) {
    if (!isExpected(e)) throw e;
    t.complain(`${path}: ${words(e)}`);
    return undefined;
  }
}
export const { run, over } = fileProgram({
  usage: "[-1AaCcdFfghiklLmnopqRrSsTtux] [file ...]",
  about: "List files of the rump kernel.",
  letters: "1AaBbCcdFfghiklLmnopqRrSsTtux",
  help: {
    "1": "one a line",
    A: "names that begin with a dot, but not . and ..",
    a: "names that begin with a dot",
    B: "show ? for what does not print",
    b: "the same",
    C: "in columns",
    c: "time of change for -l and -t",
    d: "directories themselves, not what is in them",
    F: "mark directories /, links @, programs *",
    f: "as they come, unsorted, all",
    g: "as -l, without the owner",
    h: "sizes with units",
    i: "inode numbers",
    k: "blocks of a kilobyte",
    l: "mode, links, owner, size, time",
    L: "what links lead to",
    m: "separated by commas",
    n: "as -l (users are numbers anyway)",
    o: "as -l, without the group",
    p: "mark directories /",
    q: "show ? for what does not print",
    R: "and all below",
    r: "in reverse",
    S: "largest first",
    s: "blocks each takes",
    T: "times to the second",
    t: "newest first",
    u: "time of access for -l and -t",
    x: "in columns, across",
  },
}, (t) => {
  const operands = (t.rest.length > 0 ? t.rest : ["."]).map((path) => operand(t, path)).filter((r) => r !== undefined);
  const files = operands.filter((r) => t.has("d") || !isDir(r.info));
  const dirs = operands.filter((r) => !t.has("d") && isDir(r.info));
  list(t, sorted(t, files), false);
  for (const [i, d] of sorted(t, dirs).entries()) {
    if (i > 0 || files.length > 0) t.out("\n");
    directory(t, d.path, t.rest.length > 1 || (t.has("R") && t.rest.length > 1), 0);
  }
}, () => true);
