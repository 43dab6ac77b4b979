/** rump disk create: an image with a partition table and a FAT volume, filled from a directory; the same bytes every time. */
import type { Host, HostFile } from "../../host/host.ts";
import { type Options, parseSize } from "../../lib/getopt.ts";
import { human } from "../../lib/human.ts";
import { GPT_NAME, gptPieces, mbrPieces, type Piece } from "../../wire/gpt_write.ts";
import { Answered, Failure, type Grammar, reasonOf } from "../cli.ts";
import { copyDisk } from "./disk_copy.ts";
import { fill } from "./disk_fill.ts";
import { directoryOf, unfinished } from "./disk_new.ts";
import { type ImagePlan, planImage, type Table } from "./disk_plan.ts";
import { blank, newImage, sameKernel } from "./disk_blank.ts";
import { makeImage, mayMake, TARGET_HELP } from "./disk_target.ts";
import { type Entry, readTree } from "./disk_tree.ts";
import { epoch, labelText, stamp } from "./newfs_identity.ts";
import type { FatBits } from "./newfs_plan.ts";
import { targetIn } from "./newfs_target.ts";
import { writeVolume } from "./newfs_write.ts";

export const createGrammar: Grammar = {
  usage: [
    "[-cfL] [--size size|fit[+free]] [--table gpt|mbr|none] [--type esp|fat] [--from dir] [--format format] [option ...] image",
    "[-cf] [--format format] [-o options] --empty --size size image",
    "[-cf] [--format format] [-o options] --backing image [--size size] image",
  ],
  about:
    "Make an image with a partition table and a FAT volume in it, filled from a directory. The same files make the\n" +
    "same image, byte for byte, on every machine: numbers come from the files' names, sizes and times, nothing is dated\n" +
    "later than SOURCE_DATE_EPOCH, or than the newest file when that is not set. Or an empty one, or one that is a\n" +
    "change of another.",
  letters: "cfLO:o:",
  help: {
    "size=": "bytes of the image, with suffix k, m or g; fit (the default with --from): as many as needed; fit+10m",
    "table=": "gpt (the default), mbr or none",
    "type=": "esp: EFI system partition (the default), FAT32 from 34 MiB on; fat: data, FAT32 from 512 MiB on",
    "fat=": "FAT type, whatever the size: 12, 16 or 32",
    "from=": "directory whose files are copied into it",
    "label=": "name of the partition in a GPT",
    "volume-label=": "label of the FAT volume, up to 11 characters",
    "sector-size=": "bytes a sector: 512, 1024, 2048 or 4096",
    "seed=": "text that makes the numbers others (GUIDs, volume id)",
    "format=": TARGET_HELP.O!,
    o: TARGET_HELP.o!,
    c: TARGET_HELP.c!,
    empty: "nothing is in it",
    "backing=": "it is a change of this image, and shows what that has (qcow2)",
    L: "follow symbolic links: what they point to is copied",
    f: TARGET_HELP.f!,
    force: TARGET_HELP.force!,
  },
  examples: [
    "esp.img --from boot",
    "sd.img --size 512m --table mbr --type fat --volume-label PI --from boot",
    "sd.qcow2 --size 2g --fat 32",
    "--empty --size 100g disk.qcow2",
    "--backing base.img changes.qcow2",
  ],
};
const DEFAULT_SIZE = "64m";
const types = {
  esp: { gpt: "c12a7328-f81f-11d2-ba4b-00a0c93ec93b", mbr: { 12: 0xef, 16: 0xef, 32: 0xef }, label: "EFI System" },
  fat: { gpt: "ebd0a0a2-b9e5-4433-87c0-68b6b72699c7", mbr: { 12: 0x01, 16: 0x0e, 32: 0x0c }, label: "" },
} as const;

interface Config {
  readonly image: string;
  readonly size: number | undefined;
  readonly extra: number;
  readonly table: Table;
  readonly type: keyof typeof types;
  readonly bits: FatBits | undefined;
  readonly from: string | undefined;
  readonly label: string;
  readonly volumeLabel: string | undefined;
  readonly sector: number;
  readonly seed: string;
  readonly follow: boolean;
  readonly force: boolean;
  readonly epoch: number | undefined;
}
function configure(host: Host, { options, rest }: Options): Config {
  const value = (name: string) => options.findLast(([o]) => o === name)?.[1];
  const one = <T extends string>(name: string, among: readonly T[]): T => {
    const text = value(name) ?? among[0]!;
    const found = among.find((a) => a === text);
    if (found === undefined) throw new Error(`--${name} ${text}: not one of ${among.join(", ")}`);
    return found;
  };
  const from = value("from");
  const type = one("type", ["esp", "fat"]);
  const label = value("label") ?? types[type].label;
  if (label.length > GPT_NAME) throw new Error(`--label ${label}: more than ${GPT_NAME} characters`);
  const table = one("table", ["gpt", "mbr", "none"]);
  if (value("label") !== undefined && table !== "gpt") throw new Error("--label: only partitions of a GPT have names");
  const volume = value("volume-label");
  return {
    image: rest[0]!,
    ...sizeOf(value("size") ?? (from === undefined ? DEFAULT_SIZE : "fit")),
    table,
    type,
    bits: value("fat") === undefined ? undefined : Number(one("fat", ["32", "16", "12"])) as FatBits,
    from,
    label,
    volumeLabel: volume === undefined ? undefined : labelText(volume),
    sector: Number(one("sector-size", ["512", "1024", "2048", "4096"])),
    seed: value("seed") ?? "",
    follow: value("L") !== undefined,
    force: value("f") !== undefined || value("force") !== undefined,
    epoch: epoch(host),
  };
}
function sizeOf(text: string): { readonly size: number | undefined; readonly extra: number } {
  const m = /^fit(?:\+(.+))?$/.exec(text);
  const n = m ? (m[1] === undefined ? 0 : parseSize(m[1])) : parseSize(text);
  if (n === undefined || (!m && n < 64 << 10)) {
    throw new Error(`--size ${text}: not a size of at least 64k, nor fit or fit+size`);
  }
  return m ? { size: undefined, extra: n } : { size: n, extra: 0 };
}

/** Numbers for everything that wants one, from what goes into the image. */
interface Ids {
  readonly disk: Uint8Array;
  readonly partition: Uint8Array;
  readonly mbr: number;
  readonly serial: number;
}
async function idsOf(c: Config, p: ImagePlan, entries: readonly Entry[]): Promise<Ids> {
  const { seed, table, type, label, volumeLabel, sector } = c;
  const what = JSON.stringify([
    seed,
    table,
    type,
    label,
    volumeLabel ?? null,
    sector,
    p.size,
    p.layout,
    c.epoch ?? null,
  ]);
  const files = entries.map((e) => `${e.path}\0${e.isDir ? "/" : e.size}\0${e.mtime}\n`).join("");
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(`${what}\n${files}`)));
  const d = new DataView(hash.buffer);
  // The volume id is a word of its own: the GUIDs take 32 bytes.
  const more = new Uint8Array(await crypto.subtle.digest("SHA-256", hash));
  const words = new DataView(more.buffer);
  return { disk: guid(d, 0), partition: guid(d, 16), mbr: words.getUint32(0) || 1, serial: words.getUint32(4) || 1 };
}
/** Sixteen bytes as a GUID that says it is made from something (RFC 9562, version 8). */
function guid(d: DataView, at: number): Uint8Array {
  const out = new Uint8Array(d.buffer.slice(at, at + 16) as ArrayBuffer);
  out[7] = (out[7]! & 0x0f) | 0x80;
  out[8] = (out[8]! & 0x3f) | 0x80;
  return out;
}
function tablePieces(c: Config, p: ImagePlan, ids: Ids): Piece[] {
  const { sector, table } = c;
  const [first, sectors] = [p.offset / sector, p.length / sector];
  const { gpt, mbr } = types[c.type];
  if (table === "none") return [];
  if (table === "mbr") return mbrPieces(ids.mbr, { type: mbr[p.layout.bits], start: first, sectors });
  const last = first + sectors - 1;
  const partitions = [{ type: gpt, guid: ids.partition, first, last, name: c.label }];
  return gptPieces({ sector, sectors: Math.floor(p.size / sector), disk: ids.disk, partitions });
}

/** An image must not hold the one it replaces, nor what a killed run left of it. */
function refuseItself(host: Host, c: Config, entries: readonly Entry[]): void {
  const name = nameOf(c.image);
  const isOwn = (base: string) => base === name || (base.startsWith(`.${name}.`) && base.endsWith(".part"));
  const own = entries.filter((e) => isOwn(nameOf(e.path)));
  const dir = directoryOf(c.image);
  for (const e of own) {
    if (host.realpath(directoryOf(e.source)) === host.realpath(dir)) {
      throw new Error(`lies in the directory it is made from: ${e.source}`);
    }
  }
}
const nameOf = (path: string) => path.slice(path.lastIndexOf("/") + 1);

/** Tables and an empty volume in a new file. */
function lay(file: HostFile, c: Config, p: ImagePlan, ids: Ids, entries: readonly Entry[]): void {
  file.truncate(p.size);
  writeVolume(targetIn(file, p.offset), p.layout, {
    serial: ids.serial,
    label: c.volumeLabel,
    oem: "NetBSD",
    stamp: stamp(c.epoch ?? newest(entries)),
    bootCode: undefined,
  });
  const target = targetIn(file, 0);
  for (const [offset, bytes] of tablePieces(c, p, ids)) target.write(bytes, offset);
  if (entries.length === 0) file.fdatasync(); // else the volume's end does it
}
const newest = (entries: readonly Entry[]) => entries.reduce((latest, e) => Math.max(latest, e.mtime), 0);

async function make(
  host: Host,
  program: string,
  c: Config,
  entries: readonly Entry[],
  options: Options,
): Promise<ImagePlan> {
  const p = planImage({ ...c, esp: c.type === "esp", entries });
  const ids = await idsOf(c, p, entries);
  const kernel = await sameKernel(host, ids.disk, c.epoch ?? newest(entries));
  const target = await newImage(host, kernel, program, options);
  let interrupted = false;
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) host.onSignal(signal, () => void (interrupted = true));
  const made = unfinished(host, c.image);
  try {
    lay(made.file, c, p, ids, entries);
    if (entries.length > 0) {
      await fill(host, program, `${made.path}%OFFSET:${p.offset},${p.length}%`, entries, () => interrupted);
    }
    if (!target.driver) made.publish(c.force);
    else {
      const from = host.diskOn(made.file, c.image, {});
      await makeImage(host, kernel, program, target, p.size, (to) => copyDisk(host, { from, to, shows: undefined }));
      made.drop();
    }
    return p;
  } catch (e) {
    made.drop();
    throw e;
  }
}

export async function create(host: Host, program: string, options: Options): Promise<number> {
  const image = options.rest[0]!;
  try {
    if (options.options.some(([o]) => o === "empty" || o === "backing")) {
      await blank(host, program, options);
      return 0;
    }
    const c = configure(host, options);
    mayMake(host, program, { path: image, force: c.force });
    const how = { follow: c.follow, latest: c.epoch };
    const entries = c.from === undefined ? [] : readTree(host, c.from, how);
    refuseItself(host, c, entries);
    host.out(summary(c, await make(host, program, c, entries, options), entries));
    return 0;
  } catch (e) {
    if (e instanceof Failure || e instanceof Answered) throw e;
    throw new Failure(`${program}: ${image}: ${reasonOf(e)}`);
  }
}
function summary(c: Config, p: ImagePlan, entries: readonly Entry[]): string {
  const files = entries.filter((e) => !e.isDir).length;
  const free = human(Math.max(0, p.free) * p.layout.perCluster * c.sector);
  const table = c.table === "none" ? "" : `${c.table.toUpperCase()}, `;
  return `${c.image}: ${human(p.size)}, ${table}FAT${p.layout.bits}, ${files} file${
    files === 1 ? "" : "s"
  }, ${free} free\n`;
}
