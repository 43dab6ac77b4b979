/** FAT volumes for hostile tests: filled by the driver, damaged by a seeded hand, checked in process and by fsck.fat. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import msdos from "../../plugins/fs_msdos/mod.ts";
import { type Geometry, parseBpb } from "../../plugins/fs_msdos/bpb.ts";
import type { BlockDevice, CheckResult, Finding, Sys } from "../../src/plugin.ts";
import type { MsdosOptions } from "../../plugins/fs_msdos/options.ts";
import { host } from "../../src/host/mod.ts";
import { errno } from "../../src/abi/errno.ts";
import { parseOptions } from "../../src/kern/driver_options.ts";
import { BufferCache } from "../../src/kern/buffers.ts";
import { memoryDisk } from "../kern/fake.ts";
import { format, withFs } from "../vfs/helpers.ts";

/** Numbers below n, the same for a seed everywhere (mulberry32). */
export type Random = (n: number) => number;
export function randomOf(seed: number): Random {
  let a = seed >>> 0;
  return (n) => {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = Math.imul(a ^ (a >>> 15), a | 1);
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 4294967296) * n);
  };
}
/** The seed to use: SEED; where CI judges a change always the same, elsewhere one of the moment. */
export const seedOf = (): number => Number(process.env.SEED ?? (process.env.CI === "true" ? 1 : Date.now() & 0xffffff));

/** A kernel's services for a driver without a kernel: a clock that stands, no timers. */
export function plainSys(log: (text: string) => void = () => {}): Sys {
  const cache = new BufferCache(16 << 20);
  return {
    errno,
    now: () => Date.UTC(2026, 10, 23, 8, 5),
    random: (into) => void into.fill(7),
    log,
    callout: () => () => {},
    pathVolume: undefined as never,
    changed: () => {},
    lend: undefined as never,
    kernel: undefined as never,
    memory: undefined as never,
    buffers: (device, options) => cache.attach(device, options),
    sockets: undefined as never,
    unpack: host.unpack,
    unpacking: host.unpacking,
    pack: host.pack,
    sharedFile: undefined as never,
    growingFile: undefined as never,
    file: undefined as never,
    tap: undefined as never,
    datagrams: undefined as never,
    netDevice: undefined as never,
    port: undefined as never,
    tunnel: undefined as never,
  };
}

/** An empty volume of `bits`, with some sectors a cluster. */
export function emptyVolume(bits: 12 | 16 | 32, perCluster = 1, size?: number) {
  const least = bits === 12 ? 300 << 10 : bits === 16 ? 4200 * perCluster * 512 : 700 << 10;
  const disk = memoryDisk(Math.ceil((size ?? least) / 512) * 512);
  format(disk, bits, perCluster);
  return disk;
}
export function geometryOf(bytes: Uint8Array): Geometry {
  const g = parseBpb(bytes.subarray(0, 512));
  if (typeof g === "string") throw new Error(g);
  return g;
}

/** The driver's options when none is given. */
export const plainOptions = () => parseOptions(msdos.options as never, {}) as MsdosOptions;

/** A disk whose bytes are these, changed in place. */
export function diskOn(bytes: Uint8Array): BlockDevice & { readonly bytes: Uint8Array } {
  const inside = (length: number, offset: number) => {
    if (offset < 0 || offset + length > bytes.length) throw errno.EIO;
  };
  return {
    name: "memory",
    blockSize: 1,
    size: bytes.length,
    bytes,
    read(into, offset) {
      inside(into.length, offset);
      into.set(bytes.subarray(offset, offset + into.length));
    },
    write(from, offset) {
      inside(from.length, offset);
      bytes.set(from, offset);
    },
  };
}

export interface Checked {
  readonly findings: (Finding & { readonly repaired: boolean })[];
  readonly result: CheckResult | undefined;
}
/** Check a volume in memory, mending what `mend` says. Undefined result: it is no volume. */
export async function checked(bytes: Uint8Array, mend: (f: Finding) => boolean = () => false): Promise<Checked> {
  const findings: (Finding & { repaired: boolean })[] = [];
  const device = diskOn(bytes);
  try {
    const result = await msdos.check!(plainSys(), device, {
      options: plainOptions(),
      found(finding) {
        const repaired = finding.repair !== undefined && mend(finding);
        findings.push({ ...finding, repaired });
        return repaired;
      },
      phase: () => {},
      progress: () => true,
    });
    return { findings, result };
  } catch (e) {
    if (e === errno.EINVAL) return { findings, result: undefined };
    throw e;
  }
}
export const say = (c: Checked): string =>
  c.findings.map((f) => `${f.kind} ${f.path ?? f.block ?? ""}: ${f.text}${f.repaired ? ` (${f.repair})` : ""}`).join(
    "\n",
  );

let scratch: string | undefined;
/** A directory for images other programs look at; removed at the end. */
export function scratchDir(): string {
  if (scratch) return scratch;
  const dir = mkdtempSync(join(tmpdir(), "rump-fat-"));
  process.on("exit", () => rmSync(dir, { recursive: true, force: true }));
  return (scratch = dir);
}
/** What fsck.fat says of an image with -n, without what it says anyway; empty: it is clean. */
export function fsckFat(bytes: Uint8Array): string[] {
  const path = `${scratchDir()}/fsck.img`;
  writeFileSync(path, bytes);
  const r = spawnSync("fsck.fat", ["-n", path], {
    encoding: "utf8",
    env: { ...process.env, PATH: `${process.env.PATH}:/sbin:/usr/sbin` },
  });
  const lines = (r.stdout + r.stderr).split("\n").filter((l) =>
    l !== "" &&
    !/^fsck\.fat|fsck\.img:|^Leaving|^ *Automatically|^Warning: Filesystem is FAT32|but has only|This may lead/.test(l)
  );
  return r.status === 0 ? lines : [...lines, `status ${r.status}`];
}

/** An empty volume as mkfs.fat makes it. */
export function mkfs(bits: 12 | 16 | 32, perCluster = 1) {
  const disk = emptyVolume(bits, perCluster);
  const path = `${scratchDir()}/mkfs.img`;
  writeFileSync(path, new Uint8Array(disk.bytes.length));
  const r = spawnSync("mkfs.fat", ["-F", String(bits), "-s", String(perCluster), path], {
    encoding: "utf8",
    env: { ...process.env, PATH: `${process.env.PATH}:/sbin:/usr/sbin` },
  });
  if (r.status !== 0) throw new Error(`mkfs.fat: ${r.stderr}`);
  disk.bytes.set(readFileSync(path));
  return disk;
}
/** A small tree on a fresh volume, unmounted: long and short names, directories in directories, gaps. */
export async function filled(bits: 12 | 16 | 32, perCluster = 1): Promise<Uint8Array> {
  const disk = mkfs(bits, perCluster);
  const { sys, kernel } = await withFs("msdos", disk);
  const put = (path: string, n: number) => {
    const fd = sys.open({ path, flags: 0x602, mode: 0o644 }) as number;
    sys.write({ fd, buf: new Uint8Array(n).fill(n) });
    sys.close({ fd });
  };
  for (let i = 0; i < 12; i++) put(`A file with a long name ${i}.txt`, i * 297);
  for (let i = 0; i < 8; i++) put(`short${i}.txt`, i * 797);
  for (const path of ["dir", "dir/Sub Directory", "dir/Sub Directory/deep"]) sys.mkdir({ path, mode: 0o755 });
  for (let i = 0; i < 20; i++) put(`dir/moved a b ${i}`, i * 11);
  for (let i = 0; i < 5; i++) put(`dir/Sub Directory/deep/f${i}`, i * 1100);
  for (let i = 0; i < 20; i += 3) sys.unlink({ path: `dir/moved a b ${i}` });
  sys.unlink({ path: "short3.txt" });
  await sys.chdir({ path: "/" });
  await kernel.halt();
  return disk.bytes;
}

/** A hand inside a volume: entries by their short names, the FAT in all its copies. */
export class Hand {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly g: Geometry;
  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.g = geometryOf(bytes);
  }
  /** Where the entry with a short name (11 characters) stands. */
  entry(short: string): number {
    const at = Buffer.from(this.bytes).indexOf(short.padEnd(11), this.g.dataStart - this.g.rootSize, "latin1");
    if (at < 0) throw new Error(`no entry ${short}`);
    return at;
  }
  start(short: string): number {
    return this.view.getUint16(this.entry(short) + 26, true);
  }
  position(cluster: number): number {
    return this.g.dataStart + (cluster - 2) * this.g.clusterSize;
  }
  next(cluster: number): number {
    const { bits, fatStart } = this.g;
    if (bits === 32) return this.view.getUint32(fatStart + cluster * 4, true) & 0xfffffff;
    if (bits === 16) return this.view.getUint16(fatStart + cluster * 2, true);
    const word = this.view.getUint16(fatStart + cluster + (cluster >> 1), true);
    return cluster & 1 ? word >> 4 : word & 0xfff;
  }
  link(cluster: number, value: number, copies = this.g.fats): void {
    const { bits, fatStart, fatSize } = this.g;
    for (let n = 0; n < copies; n++) {
      const base = fatStart + n * fatSize;
      const at = base + cluster + (cluster >> 1);
      if (bits === 32) this.view.setUint32(base + cluster * 4, value, true);
      else if (bits === 16) this.view.setUint16(base + cluster * 2, value, true);
      else {
        const word = this.view.getUint16(at, true);
        this.view.setUint16(at, cluster & 1 ? (word & 15) | (value << 4) : (word & 0xf000) | (value & 0xfff), true);
      }
    }
  }
}
