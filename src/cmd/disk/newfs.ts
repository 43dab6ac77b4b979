/** newfs_msdos(8): make a FAT file system in an image, a partition of one, or a device. */
import { Failure, type Grammar, parse, reasonOf, usage } from "../cli.ts";
import type { Run } from "../mod.ts";
import { type FatBits, formats, type Layout, NONE, plan, type Want } from "./newfs_plan.ts";
import { identity } from "./newfs_identity.ts";
import { groundOf } from "./newfs_ground.ts";
import { writeVolume } from "./newfs_write.ts";

const grammar: Grammar = {
  usage: "[-N] [-@ offset] [-C create-size] [-F FAT-type] [-L label] [-options] [--json] special [disktype]",
  about: "Make a FAT12, FAT16 or FAT32 file system in an image, a partition of one (disk.img%GPT:1%), or a device;\n" +
    "with a server in RUMP_SERVER (and a name that begins with rump.) in its devices, unless written host:path.",
  letters: "N@:B:C:F:I:L:O:S:T:a:b:c:e:f:h:i:k:m:n:o:r:s:u:",
  help: {
    N: "only show the parameters",
    "@": "where in the image it begins, in bytes or with suffix s (sectors), k, m, g",
    B: "file with the boot program",
    C: "create the image, sparse, of this size; suffixes as with -@",
    F: "FAT type: 12, 16 or 32; default: by size, 32 from 512 MiB on",
    I: "volume id, decimal or 0x hexadecimal; default: from the time",
    L: "volume label, up to 11 characters",
    O: "OEM string, up to 8 characters",
    S: "bytes a sector, 512 to 32768",
    T: "seconds since 1970 that the volume id and the label's time come from; default: SOURCE_DATE_EPOCH, or now",
    a: "sectors a FAT",
    b: "bytes a cluster",
    c: "sectors a cluster, 1 to 128",
    e: "entries of the root directory (FAT12 and FAT16)",
    f: `diskette: ${formats.join(" ")}`,
    h: "heads",
    i: "sector of the FSInfo block (FAT32); 0xffff: none",
    k: "sector of the backup boot sector (FAT32); 0xffff: none",
    m: "media byte, 0xf0 or 0xf8 to 0xff",
    n: "number of FATs, 1 to 16",
    o: "hidden sectors: those before the volume",
    r: "reserved sectors",
    s: "sectors of the whole, or a size with suffix k, m, g",
    u: "sectors a track",
    json: "show the parameters as JSON",
  },
  examples: ["-C 64m disk.img", "-F 32 -L BOOT 'disk.img%GPT:EFI System%'", "-f 1440 floppy.img"],
};
const MAX_HIDDEN = 0xffff_ffff;
/** disktab(5)'s diskettes. */
const disktypes: Readonly<Record<string, number>> = {
  floppy: 1440,
  floppy3: 1440,
  floppy144: 1440,
  floppy288: 2880,
  floppy5: 1200,
  floppy12: 1200,
  floppy720: 720,
  floppy360: 360,
};

/** Values of options by letter; every complaint names the option. */
class Options {
  readonly #values: ReadonlyMap<string, string>;
  readonly #program: string;
  constructor(program: string, options: readonly (readonly [string, string])[]) {
    this.#program = program;
    this.#values = new Map(options);
  }
  has(name: string): boolean {
    return this.#values.has(name);
  }
  text(name: string): string | undefined {
    return this.#values.get(name);
  }
  fail(name: string, why: string): never {
    throw new Failure(`${this.#program}: -${name} ${this.text(name)}: ${why}`);
  }
  /** A whole number, decimal or hexadecimal. */
  number(name: string): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    if (!/^(\d+|0x[\da-f]+)$/i.test(text) || !Number.isSafeInteger(Number(text))) {
      return this.fail(name, "not a number");
    }
    return Number(text);
  }
  /** Bytes; `s`: sectors, which is also what a number without suffix is when `plain` says so. */
  size(name: string, sector: number, plain: number): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const m = /^(\d+)([skmg]?)$/i.exec(text);
    const units: Readonly<Record<string, number>> = { "": plain, s: sector, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30 };
    const bytes = m ? Number(m[1]) * units[m[2]!.toLowerCase()]! : NaN;
    return Number.isSafeInteger(bytes) ? bytes : this.fail(name, "not a size: a number, with suffix s, k, m or g");
  }
}

function want(o: Options, sector: number, disktype: string | undefined, program: string): Omit<Want, "room"> {
  const format = disktype === undefined ? o.number("f") : disktypes[disktype];
  if (disktype !== undefined && format === undefined) {
    throw new Failure(`${program}: ${disktype}: no such disk type (${Object.keys(disktypes).join(" ")})`);
  }
  const total = o.size("s", sector, sector);
  return {
    bits: o.number("F") as FatBits | undefined,
    sector: o.number("S"),
    total: total === undefined ? undefined : Math.floor(total / sector),
    perCluster: o.number("c"),
    clusterBytes: o.number("b"),
    reserved: o.number("r"),
    fats: o.number("n"),
    fatSize: o.number("a"),
    rootEntries: o.number("e"),
    media: o.number("m"),
    heads: o.number("h"),
    track: o.number("u"),
    hidden: o.number("o"),
    fsInfo: o.number("i"),
    backup: o.number("k"),
    format,
  };
}

/** What newfs_msdos prints: the line, what an MBR calls it, and the parameters by their short names. */
function described(name: string, l: Layout): string {
  const s = (n: number) => (n === 1 ? "" : "s");
  const sectors = l.clusters * l.perCluster;
  const small = l.bits !== 32 && l.total <= 0xffff;
  const pairs: readonly (readonly [string, number | string, boolean?])[] = [
    ["bps", l.sector],
    ["spc", l.perCluster],
    ["res", l.reserved],
    ["nft", l.fats],
    ["rde", l.rootEntries, l.bits !== 32],
    ["sec", l.total, small],
    ["mid", `0x${l.media.toString(16)}`],
    ["spf", l.fatSize, l.bits !== 32],
    ["spt", l.track],
    ["hds", l.heads],
    ["hid", l.hidden],
    ["bsec", l.total, !small],
    ["bspf", l.fatSize, l.bits === 32],
    ["rdcl", 2, l.bits === 32],
    ["infs", l.fsInfo === NONE ? "0xffff" : l.fsInfo, l.bits === 32],
    ["bkbs", l.backup === NONE ? "0xffff" : l.backup, l.bits === 32],
  ];
  return `${name}: ${sectors} sector${s(sectors)} in ${l.clusters} FAT${l.bits} cluster${s(l.clusters)} (${
    l.perCluster * l.sector
  } bytes/cluster)\nMBR type: ${mbrType(l)}\n${
    pairs.filter(([, , shown]) => shown ?? true).map(([k, v]) => `${k}=${v}`).join(" ")
  }\n`;
}
/** The type an MBR entry for it would have. */
function mbrType(l: Layout): number {
  if (l.bits === 32) return 11;
  return l.bits === 12 ? 1 : l.total <= 0xffff ? 4 : 6;
}
function json(name: string, l: Layout, serial: number, label: string | undefined): string {
  const { bits, warnings, ...rest } = l;
  const about = { special: name, type: `FAT${bits}`, volumeId: serial, label: label ?? null };
  return `${JSON.stringify({ ...about, ...rest, clusterBytes: l.perCluster * l.sector, warnings })}\n`;
}

export const run: Run = (host, argv) => {
  const program = argv[0]!;
  const { options, rest } = parse(host, argv, grammar);
  const [special, disktype, ...more] = rest;
  if (special === undefined || more.length > 0) usage(host, program, grammar);
  const o = new Options(program, options);
  const sector = o.number("S") ?? 512;
  const asked = want(o, sector, disktype, program);
  const ground = groundOf(host, program, special!, { at: o.size("@", sector, 1), create: o.size("C", sector, 1) });
  try {
    const before = ground.offset / sector;
    const hidden = asked.hidden ?? (Number.isInteger(before) && before <= MAX_HIDDEN ? before : 0);
    const layout = plan({ ...asked, room: ground.room, ...(ground.offset > 0 ? { hidden } : {}) });
    const id = identity(host, layout, { text: (name) => o.text(name), number: (name) => o.number(name) });
    for (const w of layout.warnings) host.err(`${program}: ${special}: ${w}\n`);
    if (!o.has("N")) ground.use((target) => writeVolume(target, layout, id));
    host.out(o.has("json") ? json(special!, layout, id.serial, id.label?.trimEnd()) : described(special!, layout));
    return 0;
  } catch (e) {
    throw e instanceof Failure ? e : new Failure(`${program}: ${special}: ${reasonOf(e)}`);
  }
};
