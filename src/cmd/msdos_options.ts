/** The options of mount_msdos(8), for the mount helper and for mounting in a rump kernel. */
import type { Host } from "../host/host.ts";
import type { Options } from "../lib/getopt.ts";
import { Failure } from "./cli.ts";
import { type MountOptions, parseMountOptions } from "./mount_options.ts";

export const MSDOS_LETTERS = "9GlsUg:M:m:o:t:u:";
export const MSDOS_HELP: Readonly<Record<string, string>> = {
  "9": "no long names, and none of their dates (as before Windows 95)",
  G: "GEMDOS (Atari) or Human68k disk: no boot signature wanted, larger sectors",
  l: "long names (the default)",
  s: "short names only, shown in lower case",
  U: "names are UTF-8 (the default; -o noutf8: bytes one to one)",
  g: "group of all files, name or number; default: the mount point's",
  M: "mode bits directories may have, octal; default: the mount point's",
  m: "mode bits files may have, octal (755, not a umask); default: the mount point's",
  o: "mount options: ro, noexec, nosuid, nodev, noatime, sync, uid=, gid=, umask=, fmask=, dmask=, tz=UTC, noutf8, …",
  t: "seconds east of UTC of the times on the volume; default: this zone, with summer time",
  u: "owner of all files, name or number; default: the mount point's",
};
/** -o names that are this file system's own, most by Linux's names. */
const KNOWN = [
  "uid",
  "gid",
  "umask",
  "fmask",
  "dmask",
  "tz",
  "time_offset",
  "utf8",
  "noutf8",
  "iocharset",
  "shortname",
  "quiet",
];

const octal = (program: string, what: string, text: string): number => {
  if (!/^0*[0-7]{1,4}$/.test(text)) throw new Failure(`${program}: ${what} ${text}: not an octal mode`);
  return parseInt(text, 8) & 0o777;
};
function id(program: string, what: string, text: string, find: (name: string) => number | undefined): number {
  const n = /^\d{1,10}$/.test(text) ? Number(text) : find(text);
  if (n === undefined || n > 0xffff_fffe) {
    throw new Failure(`${program}: ${what} ${text}: no such ${what === "-g" || what === "gid" ? "group" : "user"}`);
  }
  return n;
}
function seconds(program: string, what: string, text: string, unit: number): number {
  if (!/^[-+]?\d{1,6}$/.test(text)) throw new Failure(`${program}: ${what} ${text}: not a number`);
  return Number(text) * unit;
}

/** What the driver's schema wants (plugins/fs_msdos/mod.ts), and the mount flags. */
export interface MsdosMount {
  readonly driver: Readonly<Record<string, unknown>>;
  readonly mount: MountOptions;
}
/** Make sense of a parsed command line. */
export function msdosMount(host: Host, program: string, { options }: Options): MsdosMount {
  const mount = parseMountOptions(program, options.filter(([o]) => o === "o").map(([, v]) => v), KNOWN);
  const driver: Record<string, unknown> = {};
  for (const [name, value] of mount.others) fromLinux(host, program, name, value, driver);
  for (const [letter, value] of options) fromLetter(host, program, letter, value, driver);
  if (driver.short && driver.long) throw new Failure(`${program}: -s and -l: choose one`);
  if (mount.names.includes("sync")) driver.sync = true;
  return { driver, mount };
}
function fromLetter(host: Host, program: string, letter: string, value: string, into: Record<string, unknown>): void {
  const flags: Readonly<Record<string, string>> = { "9": "win95", G: "gemdos", l: "long", s: "short", U: "utf8" };
  if (flags[letter]) into[flags[letter]!] = true;
  if (letter === "u") into.uid = id(program, "-u", value, (n) => host.userId(n));
  if (letter === "g") into.gid = id(program, "-g", value, (n) => host.groupId(n));
  if (letter === "m") into.mask = octal(program, "-m", value);
  if (letter === "M") into.dirmask = octal(program, "-M", value);
  if (letter === "t") into.gmtoff = seconds(program, "-t", value, 1);
}
/** Linux's masks take bits away. */
function fromLinux(host: Host, program: string, name: string, value: string, into: Record<string, unknown>): void {
  switch (name) {
    case "uid":
      into.uid = id(program, "uid", value, (n) => host.userId(n));
      break;
    case "gid":
      into.gid = id(program, "gid", value, (n) => host.groupId(n));
      break;
    case "umask":
      into.mask = into.dirmask = 0o777 & ~octal(program, "umask", value);
      break;
    case "fmask":
      into.mask = 0o777 & ~octal(program, "fmask", value);
      break;
    case "dmask":
      into.dirmask = 0o777 & ~octal(program, "dmask", value);
      break;
    case "tz":
      if (value !== "UTC") throw new Failure(`${program}: -o tz=${value}: only UTC`);
      into.gmtoff = 0;
      break;
    case "time_offset":
      into.gmtoff = seconds(program, "time_offset", value, 60);
      break;
    case "utf8":
    case "iocharset":
      if (name === "iocharset" && value !== "utf8") throw new Failure(`${program}: -o iocharset=${value}: only utf8`);
      into.utf8 = true;
      break;
    case "noutf8":
      into.utf8 = false;
      break;
    case "shortname":
      if (value !== "mixed" && value !== "winnt") {
        throw new Failure(`${program}: -o shortname=${value}: only mixed and winnt`);
      }
      break;
  }
}
