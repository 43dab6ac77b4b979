/** The attributes of DOS as Unix shows them: flags of chflags(2), and the text Samba and Wine keep. */
import { ATTR_ARCHIVE, ATTR_HIDDEN, ATTR_READ_ONLY, ATTR_SYSTEM } from "./fat.ts";

/** chflags(2): set where the archive attribute is not (NetBSD); FreeBSD's for the others. More are ignored, as NetBSD does. */
const SF_ARCHIVED = 0x1_0000;
const UF_SYSTEM = 0x80;
const UF_READONLY = 0x1000;
const UF_HIDDEN = 0x8000;
const CHANGEABLE = ATTR_READ_ONLY | ATTR_HIDDEN | ATTR_SYSTEM | ATTR_ARCHIVE;
/** The extended attribute that has them: "0x22". */
export const DOS_ATTRIB = "user.DOSATTRIB";

/** What FAT and exFAT have no room for, by the names of FsDriver's `lacks`. */
export const DOS_LACKS = [
  "links",
  "dirlinks",
  "symlinks",
  "nodes",
  "modes",
  "owners",
  "flags",
  "case",
  "names",
  "atime",
  "huge",
  "xattr",
  "punch",
] as const;

/** The flags attributes are shown as; a directory's archive attribute is of no account. */
export function dosFlags(attr: number, isDir: boolean): number {
  return (isDir || attr & ATTR_ARCHIVE ? 0 : SF_ARCHIVED) | (attr & ATTR_HIDDEN ? UF_HIDDEN : 0) |
    (attr & ATTR_READ_ONLY ? UF_READONLY : 0) | (attr & ATTR_SYSTEM ? UF_SYSTEM : 0);
}
/** The attributes with what flags say. */
export function withDosFlags(attr: number, flags: number, isDir: boolean): number {
  const kept = attr & ~(ATTR_HIDDEN | ATTR_SYSTEM | ATTR_READ_ONLY | (isDir ? 0 : ATTR_ARCHIVE));
  return kept | (flags & UF_HIDDEN ? ATTR_HIDDEN : 0) | (flags & UF_SYSTEM ? ATTR_SYSTEM : 0) |
    (flags & UF_READONLY ? ATTR_READ_ONLY : 0) | (isDir || flags & SF_ARCHIVED ? 0 : ATTR_ARCHIVE);
}
/** New attributes for old ones; undefined: more would change than the four that can. */
export function changedDos(had: number, attr: number): number | undefined {
  return (attr ^ had) & ~CHANGEABLE ? undefined : attr;
}
/** The value of user.DOSATTRIB. */
export const dosAttrib = (attr: number): Uint8Array => new TextEncoder().encode(`0x${attr.toString(16)}`);
/** Attributes out of it; undefined: it is none. */
export function parseDosAttrib(value: Uint8Array): number | undefined {
  const text = new TextDecoder().decode(value).replace(/\0$/, "");
  return /^0x[0-9a-f]{1,2}$/i.test(text) ? parseInt(text, 16) : undefined;
}
