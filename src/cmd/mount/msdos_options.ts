/** The options of mount_msdos(8) and of Linux's vfat by their names, for the mount helper and for mounting in a rump kernel. */
import { CHARSETS, PAGES } from "../../../plugins/fs_msdos/codepage.ts";
import { isZone } from "../../../plugins/fs_msdos/times.ts";
import type { Host } from "../../host/host.ts";
import type { Options } from "../../lib/getopt.ts";
import { Failure } from "../cli.ts";
import type { DriverMount, DriverWords } from "./driver_words.ts";
import { parseMountOptions } from "./mount_options.ts";

export const MSDOS_LETTERS = "9GlsUg:M:m:o:t:u:";
export const MSDOS_HELP: Readonly<Record<string, string>> = {
  "9": "no long names, and none of their dates (as before Windows 95)",
  G: "GEMDOS (Atari) or Human68k disk: no boot signature wanted, larger sectors",
  l: "long names (the default)",
  s: "short names only, shown in lower case; a longer one is cut (a long name.text: along~1.tex) and found by what is left of\n" +
    "it, as NetBSD does it; with -o check=s it is refused",
  U: "names are UTF-8 (the default; -o noutf8: bytes one to one)",
  g: "group of all files, name or number; default: the mount point's",
  M: "mode bits directories may have, octal; default: the mount point's",
  m: "mode bits files may have, octal (755, not a umask); default: the mount point's",
  o: "mount options: ro, noexec, nosuid, nodev, noatime, sync, dirsync, flush, uid=, gid=, umask=, fmask=, dmask=,\n" +
    "tz=UTC, tz=Europe/Berlin, time_offset=MINUTES, codepage=850, iocharset=utf8, shortname=lower|win95|winnt|mixed, check=r|n|s,\n" +
    "nonumtail, errors=continue|remount-ro, discard, showexec, sys_immutable, rodir, quiet, usefree, windows_names, and deleted:\n" +
    "read-only, with the files removed from each directory in a directory .deleted",
  t: "seconds east of UTC of the times on the volume; default: this zone, with summer time",
  u: "owner of all files, name or number; default: the mount point's",
};

/** Makes sense of an option's value; throws Failure with the reason. */
interface Asked {
  readonly host: Host;
  readonly value: string;
  readonly into: Record<string, unknown>;
  fail(why: string): never;
}
type Row = (a: Asked) => void;

function octal({ value, fail }: Asked): number {
  if (!/^0*[0-7]{1,4}$/.test(value)) fail("not an octal mode");
  return parseInt(value, 8) & 0o777;
}
function id({ value, fail }: Asked, what: string, find: (name: string) => number | undefined): number {
  const n = /^\d{1,10}$/.test(value) ? Number(value) : find(value);
  if (n === undefined || n > 0xffff_fffe) fail(`no such ${what}`);
  return n!;
}
const user = (a: Asked) => id(a, "user", (n) => a.host.userId(n));
const group = (a: Asked) => id(a, "group", (n) => a.host.groupId(n));
function seconds({ value, fail }: Asked, unit: number): number {
  if (!/^[-+]?\d{1,6}$/.test(value) || Math.abs(Number(value) * unit) > 86400) fail("not a number within a day");
  return Number(value) * unit;
}
/** One of some words. */
const word = (name: string, ...words: readonly string[]): Row => ({ value, into, fail }) => {
  if (!words.includes(value)) fail(`only ${words.join(", ")}`);
  into[name] = value;
};
/** On, or off by =0 and =no as Linux has it. */
const flag = (name: string): Row => ({ value, into, fail }) => {
  if (!["", "1", "yes", "true", "0", "no", "false"].includes(value)) fail("yes or no");
  into[name] = !["0", "no", "false"].includes(value);
};
const refused = (why: string): Row => ({ fail }) => fail(why);
const nothing: Row = () => {};

/** -o names beside the flags of mount(8). */
const rows: Readonly<Record<string, Row>> = {
  uid: (a) => void (a.into.uid = user(a)),
  gid: (a) => void (a.into.gid = group(a)),
  umask: (a) => void (a.into.mask = a.into.dirmask = 0o777 & ~octal(a)),
  fmask: (a) => void (a.into.mask = 0o777 & ~octal(a)),
  dmask: (a) => void (a.into.dirmask = 0o777 & ~octal(a)),
  tz: ({ value, into, fail }) => {
    if (!isZone(value)) fail("no such time zone");
    if (value === "UTC") into.gmtoff = 0;
    else into.tz = value;
  },
  time_offset: (a) => void (a.into.gmtoff = seconds(a, 60)),
  utf8: flag("utf8"),
  noutf8: ({ into }) => void (into.utf8 = false),
  iocharset: ({ value, into, fail }) => {
    const name = value.toLowerCase().replace(/^utf-8$/, "utf8").replace(/^iso-?8859-/, "iso8859-");
    if (!CHARSETS.includes(name)) fail(`not one of ${CHARSETS.join(", ")}`);
    into.iocharset = name;
  },
  codepage: ({ value, into, fail }) => {
    if (!PAGES.some((n) => String(n) === value)) fail(`not one of ${PAGES.join(", ")}`);
    into.codepage = Number(value);
  },
  shortname: word("shortname", "lower", "win95", "winnt", "mixed"),
  check: ({ value, into, fail }) => {
    const letter = { relaxed: "r", normal: "n", strict: "s" }[value] ?? value;
    if (!["r", "n", "s"].includes(letter)) fail("only r, n, s");
    into.check = letter;
  },
  nonumtail: flag("nonumtail"),
  windows_names: flag("windows_names"),
  quiet: flag("quiet"),
  showexec: flag("showexec"),
  sys_immutable: flag("sys_immutable"),
  rodir: flag("rodir"),
  dirsync: flag("dirsync"),
  flush: flag("flush"),
  discard: flag("discard"),
  usefree: flag("usefree"),
  deleted: flag("deleted"),
  errors: ({ value, into, fail }) => {
    if (value === "panic") fail("nothing here panics: continue or remount-ro");
    word("errors", "continue", "remount-ro")({ value, into, fail } as Asked);
  },
  // What Linux has and is so here anyway, or cannot be.
  dos1xfloppy: nothing,
  nfs: refused("file handles do not outlive the mount"),
  allow_utime: refused("who may set times is the kernel's rule: the owner"),
  dots: refused("hidden files show by their attribute, not by their name"),
  fat: refused("the volume says which FAT it is"),
  uni_xlate: refused("a name the character set cannot say shows its short one"),
};

/** Make sense of a parsed command line. */
export function msdosMount(host: Host, program: string, { options }: Options): DriverMount {
  const mount = parseMountOptions(program, options.filter(([o]) => o === "o").map(([, v]) => v), Object.keys(rows));
  const driver: Record<string, unknown> = {};
  const asked = (what: string, value: string): Asked => ({
    host,
    value,
    into: driver,
    fail(why) {
      throw new Failure(`${program}: ${what}: ${why}`);
    },
  });
  for (const [name, value] of mount.others) rows[name]!(asked(`-o ${value === "" ? name : `${name}=${value}`}`, value));
  for (const [letter, value] of options) fromLetter(letter, asked(`-${letter} ${value}`, value));
  if (driver.short && driver.long) throw new Failure(`${program}: -s and -l: choose one`);
  if (mount.names.includes("sync")) driver.sync = true;
  return { driver, mount };
}
function fromLetter(letter: string, a: Asked): void {
  const flags: Readonly<Record<string, string>> = { "9": "win95", G: "gemdos", l: "long", s: "short", U: "utf8" };
  const name = flags[letter];
  if (name) a.into[name] = true;
  if (letter === "u") a.into.uid = user(a);
  if (letter === "g") a.into.gid = group(a);
  if (letter === "m") a.into.mask = octal(a);
  if (letter === "M") a.into.dirmask = octal(a);
  if (letter === "t") a.into.gmtoff = seconds(a, 1);
}

/** For programs that serve any file system. */
export const msdosWords: DriverWords = {
  letters: MSDOS_LETTERS,
  usage: "[-9GlsU] [-g gid] [-M mask] [-m mask] [-o options] [-t gmtoff] [-u uid]",
  help: MSDOS_HELP,
  mount: msdosMount,
};
