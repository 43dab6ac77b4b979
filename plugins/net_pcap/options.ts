/** How a captured link is described: `shmif:BUS?file=net.pcapng&size=64m`. */
import type { Wrapped } from "../../src/lib/net_wrapper.ts";

const GIB = 2 ** 30;
const units: Readonly<Record<string, number>> = { "": 1, k: 2 ** 10, m: 2 ** 20, g: GIB };
const WHAT = "not DRIVER:LINKSTR?file=FILE&size=64m";

/** What is captured, and where to. */
export interface Recorded extends Wrapped {
  readonly file: string;
  /** Bytes the file may have. */
  readonly size: number;
}
function sizeOf(text: string | undefined): number | undefined {
  if (text === undefined) return GIB;
  const m = /^([1-9]\d{0,8})([kmg]?)$/.exec(text);
  return m ? Number(m[1]) * units[m[2]!]! : undefined;
}

/** A linkstr taken apart; a text says what is wrong with it. The driver's own linkstr may have options, too. */
export function parseRecorded(text: string): Recorded | string {
  const m = /^([a-z][a-z0-9_]*):(.*)\?([^?]*)$/.exec(text);
  if (!m) return WHAT;
  const given = new Map(m[3]!.split("&").map((word) => [word.split("=", 1)[0]!, word.slice(word.indexOf("=") + 1)]));
  const [file, size] = [given.get("file"), sizeOf(given.get("size"))];
  const other = [...given.keys()].find((name) => name !== "file" && name !== "size");
  if (other !== undefined) return `${other}: neither file nor size`;
  if (size === undefined) return `size=${given.get("size")}: not a size, as 64m`;
  return file ? { driver: m[1]!, linkstr: m[2]!, file, size } : WHAT;
}
