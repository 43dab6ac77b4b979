/** What a mount of this driver can be told; checked before `mount` is called. mount_msdos(8)'s, and Linux vfat's by their names. */
import * as v from "valibot";
import { CHARSETS, PAGES } from "./codepage.ts";
import { isZone } from "./times.ts";

const id = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(0xffff_fffe));
const mode = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(0o777));
const flag = v.optional(v.boolean(), false);

export const options = v.strictObject({
  /** Owner of everything; left out: the mount point's. */
  uid: v.optional(id),
  gid: v.optional(id),
  /** -m, -M: bits files and directories may have. */
  mask: v.optional(mode),
  dirmask: v.optional(mode),
  /** -l: long names (which is how it is). */
  long: flag,
  /** -s: short names only, shown in lower case. */
  short: flag,
  /** -9: neither long names nor their dates. */
  win95: flag,
  /** -G: GEMDOS and Human68k. */
  gemdos: flag,
  /** -U: names are UTF-8; false: bytes one to one, which is ISO 8859-1. */
  utf8: v.optional(v.boolean(), true),
  /** Names towards programs are in this character set; a name it cannot say shows its short one. */
  iocharset: v.optional(v.picklist(CHARSETS)),
  /** Short names on the volume are in this code page. */
  codepage: v.optional(v.picklist(PAGES), 437),
  /** How short names show (lower, as stored, by the NTRes bits), and when a name gets a long one. */
  shortname: v.optional(v.picklist(["lower", "win95", "winnt", "mixed"]), "winnt"),
  /** s: names that differ by case are two; with -s also: n, s refuse what is no short name instead of cutting it. */
  check: v.optional(v.picklist(["r", "n", "s"])),
  /** The short name of a long one is tried without ~1 first. */
  nonumtail: flag,
  /** Names Windows refuses are refused here, too. */
  windows_names: flag,
  /** -t: seconds east of UTC of the volume's times; left out: the process's zone. */
  gmtoff: v.optional(v.pipe(v.number(), v.integer(), v.minValue(-86400), v.maxValue(86400))),
  /** A zone's name instead, as Europe/Berlin, with its summer time. */
  tz: v.optional(v.pipe(v.string(), v.check(isZone))),
  /** chmod and chown that cannot be done succeed. */
  quiet: flag,
  /** Only EXE, COM and BAT files may be executed. */
  showexec: flag,
  /** Files with the system attribute cannot be changed. */
  sys_immutable: flag,
  /** The read-only attribute counts on directories, too. */
  rodir: flag,
  /** Every change is written at once; only those of names; all soon after they were made. */
  sync: flag,
  dirsync: flag,
  flush: flag,
  /** Room of removed files is given back to the image's own disk. */
  discard: flag,
  /** FSInfo's count of free clusters is believed even of a volume that was not unmounted. */
  usefree: flag,
  /** What damage found does to the mount: nothing beyond EIO, or it is read-only from then on. */
  errors: v.optional(v.picklist(["continue", "remount-ro"]), "continue"),
  /** Read-only, and every directory has a directory `.deleted` with the files removed from it. */
  deleted: flag,
});
export type MsdosOptions = v.InferOutput<typeof options>;

/** What a live mount can change (mount -u). */
const changeable = [
  "uid",
  "gid",
  "mask",
  "dirmask",
  "gmtoff",
  "tz",
  "quiet",
  "showexec",
  "rodir",
  "sys_immutable",
  "sync",
  "dirsync",
];
/** The options of a live mount after mount -u; "fixed": one of those given is made once, when it is mounted. */
export function updated(had: MsdosOptions, asked: unknown): MsdosOptions | "invalid" | "fixed" {
  const parsed = v.safeParse(options, asked);
  if (!parsed.success) return "invalid";
  const given = Object.entries(parsed.output).filter(([name]) => Object.hasOwn(asked as object, name));
  const isFixed = ([name, value]: [string, unknown]) =>
    !changeable.includes(name) && name !== "long" && value !== had[name as keyof MsdosOptions];
  return given.some(isFixed) ? "fixed" : { ...had, ...Object.fromEntries(given) };
}
