/** rump.df: show free space (df(1)). */
import { human } from "../../lib/human.ts";
import { type Mounted, mountOf, mounts } from "./statvfs.ts";
import { fileProgram, type Tool } from "../tool.ts";

/** Bytes a unit, and its heading. */
function unit(t: Tool): readonly [number, string] {
  const of: Readonly<Record<string, readonly [number, string]>> = {
    k: [1024, "1K-blocks"],
    m: [1 << 20, "1M-blocks"],
    g: [1 << 30, "1G-blocks"],
    h: [0, "Size"],
  };
  return of[t.last("k", "m", "g", "h", "b") ?? "b"] ?? [512, "512-blocks"];
}
const percent = (
  used: number,
  avail: number,
) => (used + avail === 0 ? (used === 0 ? "100" : "0") : String(Math.floor((used * 100) / (used + avail))));

interface Space {
  readonly total: string;
  readonly used: string;
  readonly avail: string;
  readonly capacity: string;
}
function space(m: Mounted, size: number): Space {
  const show = (
    blocks: number,
  ) => (size === 0 ? human(blocks * m.frsize) : String(Math.floor((blocks * m.frsize) / size)));
  const used = m.blocks - m.bfree;
  return { total: show(m.blocks), used: show(used), avail: show(m.bavail), capacity: percent(used, m.bavail) };
}
const NAME = 12;

function table(t: Tool, list: readonly Mounted[]): void {
  const [size, heading] = unit(t);
  const wide = Math.max(NAME, ...list.map((m) => m.mntfromname.length + 1));
  const row = (name: string, a: string, b: string, c: string, cap: string, inodes: string, on: string) =>
    t.out(`${name.padEnd(wide)} ${a.padStart(10)} ${b.padStart(10)} ${c.padStart(10)} ${cap}${inodes} ${on}\n`);
  const i = t.has("i");
  row("Filesystem", heading, "Used", "Avail", "%Cap", i ? "    iUsed   iAvail %iCap" : "", "Mounted on");
  for (const m of list) {
    const s = space(m, size);
    const iused = m.files - m.ffree;
    const inodes = i
      ? ` ${String(iused).padStart(8)} ${String(m.ffree).padStart(8)} ${
        (m.files === 0 ? "0" : percent(iused, m.ffree)).padStart(4)
      }%`
      : "";
    row(m.mntfromname, s.total, s.used, s.avail, `${s.capacity.padStart(3)}%`, inodes, m.mntonname);
  }
}
function posix(t: Tool, list: readonly Mounted[]): void {
  const [size, heading] = unit(t);
  t.out(`Filesystem ${heading === "1K-blocks" ? "1024-blocks" : heading} Used Available Capacity Mounted on\n`);
  for (const m of list) {
    const s = space(m, size);
    t.out(`${m.mntfromname} ${s.total} ${s.used} ${s.avail} ${s.capacity}% ${m.mntonname}\n`);
  }
}
/** -G: all that statvfs(2) tells. */
function details(t: Tool, m: Mounted): void {
  const n = (x: number | string, w: number) => String(x).padStart(w);
  t.out(
    `${n(m.mntonname, 10)} (${m.mntfromname.padEnd(12)}): ${n(m.bsize, 7)} block size ${n(m.frsize, 12)} frag size\n` +
      `${n(m.blocks, 10)} total blocks ${n(m.bfree, 10)} free blocks ${n(m.bavail, 11)} available\n` +
      `${n(m.files, 10)} total files ${n(m.ffree, 11)} free files ${n(m.fsid.toString(16), 12)} filesys id\n` +
      `${n(m.fstypename, 10)} fstype ${n(`0x${m.flag.toString(16)}`, 16)} flag ${n(m.namemax, 18)} filename length\n` +
      `${n(m.owner, 10)} owner ${n(m.syncwrites, 17)} syncwrites ${n(m.asyncwrites, 12)} asyncwrites\n\n`,
  );
}
export const { run, over } = fileProgram({
  usage: "[-Gbghiklmn | -P] [-t type] [file ...]",
  about: "Show the free space of the rump kernel's file systems.",
  letters: "Gbghiklmnt:P",
  help: {
    G: "everything statvfs(2) tells",
    b: "blocks of 512 bytes (the default)",
    g: "gigabytes",
    h: "sizes with units",
    i: "files, too",
    k: "kilobytes",
    l: "local file systems (all are)",
    m: "megabytes",
    n: "what is known, without asking anew",
    t: "file systems of a type only",
    P: "the portable format",
  },
}, (t) => {
  const list: Mounted[] = [];
  if (t.rest.length === 0) list.push(...mounts(t.sys));
  for (const path of t.rest) t.attempt(path, () => void list.push(mountOf(t.sys, path)));
  const types = t.all("t").flatMap((x) => x.split(","));
  const chosen = types.length > 0 ? list.filter((m) => types.includes(m.fstypename)) : list;
  if (chosen.length === 0) {
    if (t.status === 0) t.complain("no matching file systems");
  } else if (t.has("G")) { for (const m of chosen) details(t, m); }
  else if (t.has("P")) posix(t, chosen);
  else table(t, chosen);
}, () => true);
