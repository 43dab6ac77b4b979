/** The msdos driver in process, through the kernel's calls, beside node:fs on the host's own file system. */
import * as fs from "node:fs";
import process from "node:process";
import { boot, type Rump } from "../../src/rump.ts";
import { host } from "../../src/host/mod.ts";
import { best, line, sh, work } from "./bench.ts";

const MIB = 256;
const [O_RDONLY, O_CREATE] = [0, 0x202];

/** Work on a tree of files, by whoever offers it. */
interface Tree {
  mkdir(path: string): void;
  create(path: string): void;
  stat(path: string): void;
  list(path: string): number;
  unlink(path: string): void;
  rmdir(path: string): void;
}
function ours({ sys }: Rump): Tree {
  const ub = new Uint8Array(152);
  const buf = new Uint8Array(64 << 10);
  const count = (n: number) => {
    const view = new DataView(buf.buffer);
    let found = 0;
    for (let at = 0; at < n; at += view.getUint16(at + 8, true)) found++;
    return found;
  };
  return {
    mkdir: (path) => void sys.mkdir({ path: `/m/${path}`, mode: 0o755 }),
    create: (path) => void sys.close({ fd: sys.open({ path: `/m/${path}`, flags: O_CREATE, mode: 0o644 }) as number }),
    stat: (path) => void sys.stat({ path: `/m/${path}`, ub }),
    list(path) {
      const fd = sys.open({ path: `/m/${path}`, flags: O_RDONLY }) as number;
      let found = 0;
      for (let n = 0; (n = sys.getdents({ fd, buf }) as number) > 0;) found += count(n);
      sys.close({ fd });
      return found;
    },
    unlink: (path) => void sys.unlink({ path: `/m/${path}` }),
    rmdir: (path) => void sys.rmdir({ path: `/m/${path}` }),
  };
}
const theirs: Tree = {
  mkdir: (path) => fs.mkdirSync(`${work}/${path}`),
  create: (path) => fs.closeSync(fs.openSync(`${work}/${path}`, "w")),
  stat: (path) => void fs.statSync(`${work}/${path}`),
  list: (path) => fs.readdirSync(`${work}/${path}`).length,
  unlink: (path) => fs.unlinkSync(`${work}/${path}`),
  rmdir: (path) => fs.rmdirSync(`${work}/${path}`),
};
const seconds = (fn: () => void) => {
  const t = performance.now();
  fn();
  return (performance.now() - t) / 1000;
};
/** Seconds of each step with `n` files, `per` in a directory. */
function files(t: Tree, n: number, per: number): Readonly<Record<"create" | "stat" | "list" | "unlink", number>> {
  const dirs = Array.from({ length: n / per }, (_, i) => `d${i}`);
  // A directory has room for 65,536 slots: 50,000 files are so many only by their short names.
  const name = (
    i: number,
  ) => (per > 20_000 ? `F${String(i).padStart(6, "0")}.TXT` : `a file with a long name ${i}.txt`);
  const names = Array.from({ length: n }, (_, i) => `d${Math.floor(i / per)}/${name(i)}`);
  const create = seconds(() => {
    for (const d of dirs) t.mkdir(d);
    for (const name of names) t.create(name);
  });
  const stat = seconds(() => names.forEach(t.stat));
  const list = seconds(() => dirs.forEach(t.list));
  const unlink = seconds(() => names.forEach(t.unlink));
  dirs.forEach(t.rmdir);
  return { create, stat, list, unlink };
}
function inDirectories(rump: Rump): void {
  for (const [n, per] of [[5000, 100], [5000, 5000], [50_000, 50_000]] as const) {
    const runs = [0, 1, 2].map(() => [files(ours(rump), n, per), files(theirs, n, per)] as const);
    const least = (which: 0 | 1, step: keyof (typeof runs)[0][0]) => Math.min(...runs.map((r) => r[which][step]));
    const where = `${n} ${per === n ? "in one" : `in ${n / per}`}`;
    line(`msdos create ${where}`, n / least(0, "create"), "/s", "node:fs", n / least(1, "create"), "more");
    line(`msdos stat ${where}`, least(0, "stat"), "s", "node:fs", least(1, "stat"));
    line(`msdos list ${where}`, least(0, "list"), "s", "node:fs", least(1, "list"));
    line(`msdos unlink ${where}`, least(0, "unlink"), "s", "node:fs", least(1, "unlink"));
  }
}

/** Listing directories nobody has read since the mount; the peer's are in the host's memory. */
async function cold(rump: Rump): Promise<void> {
  const [dirs, per] = [100, 300];
  const path = (i: number) => `c${i % dirs}`;
  for (const t of [ours(rump), theirs]) {
    for (let i = 0; i < dirs; i++) t.mkdir(path(i));
    for (let i = 0; i < dirs * per; i++) t.create(`${path(i)}/a file with a long name ${i}.txt`);
  }
  const list = (t: Tree) => () => Array.from({ length: dirs }, (_, i) => t.list(path(i)));
  let least = Infinity;
  for (let round = 0; round < 3; round++) {
    await rump.sys.unmount({ path: "/m", flags: 0 });
    await mount(rump);
    least = Math.min(least, seconds(list(ours(rump))));
  }
  line("msdos cold list of 30000 in 100", least, "s", "node:fs", best(3, () => seconds(list(theirs))));
}

/** MiB/s of writing and having it on the disk, of reading it back, and random 4 KiB reads a second. */
function data({ sys }: Rump): void {
  const piece = new Uint8Array(1 << 20).fill(7);
  const small = new Uint8Array(4096);
  const at = Array.from({ length: 20_000 }, (_, i) => ((i * 7919) % (MIB * 256)) * 4096);
  const write = best(3, () => {
    const fd = sys.open({ path: "/m/big", flags: 0x602, mode: 0o644 }) as number;
    return seconds(() => {
      for (let i = 0; i < MIB; i++) sys.write({ fd, buf: piece });
      sys.fsync({ fd });
      sys.close({ fd });
    });
  });
  const peerWrite = best(3, () => {
    const fd = fs.openSync(`${work}/big`, "w");
    return seconds(() => {
      for (let i = 0; i < MIB; i++) fs.writeSync(fd, piece);
      fs.fdatasyncSync(fd);
      fs.closeSync(fd);
    });
  });
  line("msdos write 256 MiB, fsync", MIB / write, "MiB/s", "node:fs", MIB / peerWrite, "more");
  const fd = sys.open({ path: "/m/big", flags: 0 }) as number;
  const peer = fs.openSync(`${work}/big`, "r");
  const read = best(5, () =>
    seconds(() => {
      for (let i = 0; i < MIB; i++) sys.pread({ fd, buf: piece, offset: i << 20 });
    }));
  const peerRead = best(5, () =>
    seconds(() => {
      for (let i = 0; i < MIB; i++) fs.readSync(peer, piece, 0, piece.length, i << 20);
    }));
  line("msdos read 256 MiB", MIB / read, "MiB/s", "node:fs", MIB / peerRead, "more");
  const random = best(5, () => seconds(() => at.forEach((offset) => sys.pread({ fd, buf: small, offset }))));
  const peerRandom = best(5, () => seconds(() => at.forEach((offset) => fs.readSync(peer, small, 0, 4096, offset))));
  line("msdos random read 4 KiB", at.length / random, "/s", "node:fs", at.length / peerRandom, "more");
  const again = best(5, () =>
    seconds(() =>
      at.forEach((offset) => {
        const w = sys.open({ path: "/m/big", flags: 1 }) as number;
        sys.pwrite({ fd: w, buf: small, offset });
        sys.close({ fd: w });
      })
    ));
  line("msdos open, write 4 KiB, close", at.length / again, "/s");
  sys.close({ fd });
  fs.closeSync(peer);
}

async function mounted(image: string): Promise<Rump> {
  const rump = await boot();
  await rump.sys.mkdir({ path: "/m", mode: 0o755 });
  await rump.disk("/dev/d", host.disk(`${work}/${image}`, { write: true }));
  return rump;
}
const mount = async ({ sys }: Rump) =>
  await sys.mount({ type: "msdos", path: "/m", flags: 0, data: new TextEncoder().encode('{"fspec":"/dev/d"}') });

/** Mounting the largest volume there is, asking for its room, writing a file; memory it takes. */
async function huge(): Promise<void> {
  sh("rm -f huge.img; truncate -s 2T huge.img; mkfs.fat -F 32 -s 64 huge.img > /dev/null");
  const rump = await mounted("huge.img");
  const before = process.memoryUsage.rss();
  const t = performance.now();
  await mount(rump);
  line("msdos mount 2 TiB", performance.now() - t, "ms");
  const asked = seconds(() => void rump.sys.statvfs1({ path: "/m", buf: new Uint8Array(2256), flags: 1 }));
  line("msdos df of 2 TiB", asked * 1000, "ms");
  const wrote = seconds(() => {
    const fd = rump.sys.open({ path: "/m/x", flags: O_CREATE, mode: 0o644 }) as number;
    rump.sys.write({ fd, buf: new Uint8Array(1 << 20) });
    rump.sys.fsync({ fd });
    rump.sys.close({ fd });
  });
  line("msdos write 1 MiB, fsync of 2 TiB", wrote * 1000, "ms");
  line("msdos memory of 2 TiB", (process.memoryUsage.rss() - before) / (1 << 20), "MiB");
  await rump.halt();
}

export async function msdos(): Promise<void> {
  sh("rm -f m.img; truncate -s 1G m.img; mkfs.fat -F 32 m.img > /dev/null");
  const rump = await mounted("m.img");
  const t = performance.now();
  await mount(rump);
  line("msdos mount 1 GiB", performance.now() - t, "ms");
  inDirectories(rump);
  await cold(rump);
  data(rump);
  await rump.halt();
  await huge();
}
