/** What distinguishes one new volume from another: id, label, OEM string, boot program. */
import type { Host } from "../../host/host.ts";
import type { Layout } from "./newfs_plan.ts";
import type { Identity } from "./newfs_write.ts";

/** Values of options by letter. */
interface Values {
  text(name: string): string | undefined;
  number(name: string): number | undefined;
}

/** Seconds since 1970 that everything is dated with: SOURCE_DATE_EPOCH (reproducible-builds.org) when it is set. */
export function epoch(host: Host): number | undefined {
  const text = host.env("SOURCE_DATE_EPOCH");
  if (text === undefined || text === "") return undefined;
  if (!/^\d{1,12}$/.test(text)) throw new Error(`SOURCE_DATE_EPOCH=${text}: not seconds since 1970`);
  return Number(text);
}
const FIRST = 315532800; // 1980-01-01
const LAST = 4354819198; // 2107-12-31 23:59:58

/** FAT's words for a time, UTC, within what they can say. */
export function stamp(seconds: number): { readonly date: number; readonly time: number } {
  const t = new Date(Math.min(LAST, Math.max(FIRST, seconds)) * 1000);
  return {
    date: ((t.getUTCFullYear() - 1980) << 9) | ((t.getUTCMonth() + 1) << 5) | t.getUTCDate(),
    time: (t.getUTCHours() << 11) | (t.getUTCMinutes() << 5) | (t.getUTCSeconds() >> 1),
  };
}
/** As DOS makes a serial number: month, day, seconds and hundredths, added to hours, minutes and year. */
export function serialAt(seconds: number): number {
  const t = new Date(seconds * 1000);
  const high = ((t.getUTCMonth() + 1) << 8) + t.getUTCDate() + (t.getUTCSeconds() << 8) +
    Math.floor(t.getUTCMilliseconds() / 10);
  const low = (t.getUTCHours() << 8) + t.getUTCMinutes() + t.getUTCFullYear();
  return (((high & 0xffff) << 16) | (low & 0xffff)) >>> 0;
}

/** A label as directories have it: upper case, padded to 11. Throws an Error with what is wrong. */
export function labelText(label: string): string {
  const text = label.toUpperCase();
  if (text === "" || text.length > 11) throw new Error(`label ${label}: not 1 to 11 characters`);
  const odd = /[^\x20-\x7e]|["*+,./:;<=>?[\\\]|]/.exec(text);
  if (odd) throw new Error(`label ${label}: ${JSON.stringify(odd[0])} cannot stand in a FAT label`);
  if (text.startsWith(" ")) throw new Error(`label ${label}: begins with a space`);
  return text.padEnd(11);
}

/** Make sense of -I, -L, -O, -T and -B. Throws Errors naming the option. */
export function identity(host: Host, layout: Layout, o: Values): Identity {
  const at = o.number("T") ?? epoch(host) ?? host.wall() / 1000;
  if (at > LAST * 10) throw new Error(`-T ${at}: not seconds since 1970`);
  const serial = o.number("I") ?? serialAt(at);
  if (serial > 0xffff_ffff) throw new Error(`-I ${o.text("I")}: not a 32-bit number`);
  const oem = o.text("O") ?? "NetBSD";
  if (!/^[\x20-\x7e]{0,8}$/.test(oem)) throw new Error(`-O ${oem}: not up to 8 characters of ASCII`);
  const label = o.text("L");
  return {
    serial,
    label: label === undefined ? undefined : labelText(label),
    oem,
    stamp: stamp(at),
    bootCode: o.text("B") === undefined ? undefined : bootCode(host, layout, o.text("B")!),
  };
}
/** A boot program: at least a sector, at most the reserved ones. */
function bootCode(host: Host, layout: Layout, path: string): Uint8Array {
  const size = host.stat(path).size;
  const room = layout.reserved * layout.sector;
  if (size < 512 || size > room) throw new Error(`-B ${path}: ${size} bytes: not 512 to ${room}, the reserved sectors`);
  return host.readFile(path);
}
