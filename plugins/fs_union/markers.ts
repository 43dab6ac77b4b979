/**
 * What an upper directory says of the lower one, by files in it whose names begin with ".wh.": any file system can hold
 * them, and they are those of OCI images' layers (image-spec, layer.md, "Whiteouts"), save for the one that tells where a
 * moved directory's lower one is.
 */
import { nameBytes } from "../../src/lib/text.ts";
import type { Errnos } from "../../src/plugin.ts";

const PREFIX = ".wh.";
/** Nothing of the lower directory is seen. */
export const OPAQUE = ".wh..wh..opq";
/** Its text is the path of the lower directory, from the lower root. */
export const REDIRECT = ".wh..wh..lower";
/** In the upper root: files that are being copied up. */
export const WORK = ".wh..wh..work";
/** Its text is a name that is hidden, one too long to have a word put before it. */
export const LONG = ".wh..wh.name.";
const OURS = ".wh..wh.";
/** Longest name most file systems have, in bytes. */
const MAX_NAME = 255;

/** A name that is no file of the union, and can be none. */
export const isMarker = (name: string): boolean => name.startsWith(PREFIX);
/** A name in bytes too long for the file that hides it to have it in its own. */
export const isLong = (name: string): boolean => nameBytes(name) + PREFIX.length > MAX_NAME;
/** The file that hides a name of the lower directory: it is no more, whatever the upper one has by that name. */
export const whiteoutOf = (name: string): string => PREFIX + name;
/** The name a marker hides; undefined: it is another marker. */
export const hiddenBy = (marker: string): string | undefined =>
  marker.startsWith(OURS) ? undefined : marker.slice(PREFIX.length);

/** Longest path of a lower directory. */
export const MAX_PATH = 65_536;
/** The names in a path of the lower tree. EIO: it is none. */
export function namesIn(path: string, errno: Errnos): string[] {
  const names = path === "" ? [] : path.split("/");
  if (names.some((n) => n === "" || n === "." || n === ".." || n.includes("\0"))) throw errno.EIO;
  return names;
}
