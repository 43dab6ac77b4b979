/**
 * Benchmarks: one line a metric, ours, a peer on the same work in the same run, and the ratio (above 1: we are faster).
 * `taskset -c 1 bun tests/bench/run.ts` measures on one CPU, without taskset on all. Needs dist/rump (deno task build), cc,
 * mkfs.fat, mtools; mounts need root or fusermount3. Arguments choose groups: local remote start fuse.
 */
import { spawnSync } from "node:child_process";
import { closeSync, existsSync, mkdtempSync, openSync, readSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { builtins } from "../../plugins/mod.ts";
import { host } from "../../src/host/mod.ts";
import { bootKernel } from "../../src/kern/kernel.ts";
import { server } from "../../src/cmd/client.ts";
import { fakeHost } from "../kern/fake.ts";
import { fileURLToPath } from "node:url";

const root = join(fileURLToPath(new URL(".", import.meta.url).href), "../..");
const work = mkdtempSync(join(tmpdir(), "rump-bench-"));
const env = {
  ...process.env,
  PATH: `${root}/dist:${process.env.PATH}:/sbin:/usr/sbin`,
  RUMP_SERVER: `unix://${work}/sock`,
};

/** Run a shell line in the scratch directory; seconds it took. */
function sh(command: string): number {
  const t = performance.now();
  const r = spawnSync("sh", ["-c", command], { cwd: work, env, encoding: "utf8", maxBuffer: 1 << 28 });
  if (r.status !== 0) throw new Error(`${command}: ${r.stderr}`);
  return (performance.now() - t) / 1000;
}
const out = (command: string) => spawnSync("sh", ["-c", command], { cwd: work, env, encoding: "utf8" }).stdout.trim();

/** Microseconds of a call: the best of five. */
function us(n: number, fn: () => unknown): number {
  let best = Infinity;
  for (let round = 0; round < 5; round++) {
    const t = performance.now();
    for (let i = 0; i < n; i++) fn();
    best = Math.min(best, ((performance.now() - t) * 1000) / n);
  }
  return best;
}
const best = (n: number, fn: () => number) => Math.min(...Array.from({ length: n }, fn));
function line(name: string, ours: number, unit: string, peerName?: string, peer?: number, more = "less"): void {
  const shown = (x: number) => (x < 10 ? x.toFixed(3) : x < 100 ? x.toFixed(1) : x.toFixed(0));
  const ratio = peer === undefined
    ? ""
    : `  ${peerName} ${shown(peer)} ${unit}  x${(more === "less" ? peer / ours : ours / peer).toFixed(2)}`;
  process.stdout.write(`${name.padEnd(34)} ${shown(ours).padStart(8)} ${unit}${ratio}\n`);
}

/** System calls in process against node:fs on the host's /tmp. */
async function local(): Promise<void> {
  const kernel = await bootKernel(fakeHost(), { builtins, components: ["rumpvfs"] });
  const sys = kernel.calls(kernel.fork("bench"));
  const buf = new Uint8Array(4096);
  const fd = (await sys.open({ path: "/x", flags: 0x202, mode: 0o644 })) as number;
  await sys.write({ fd, buf });
  writeFileSync(`${work}/x`, buf);
  const peer = openSync(`${work}/x`, "r");
  const ub = new Uint8Array(152);
  line("local getpid", us(1e6, () => sys.getpid()), "us");
  line(
    "local open+close",
    us(1e5, () => sys.close({ fd: sys.open({ path: "/x", flags: 0 }) as number })),
    "us",
    "node:fs",
    us(5e4, () => closeSync(openSync(`${work}/x`, "r"))),
  );
  line(
    "local stat",
    us(1e5, () => sys.stat({ path: "/x", ub })),
    "us",
    "node:fs",
    us(5e4, () => statSync(`${work}/x`)),
  );
  line(
    "local pread 4 KiB",
    us(2e5, () => sys.pread({ fd, buf, offset: 0 })),
    "us",
    "node:fs",
    us(5e4, () => readSync(peer, buf, 0, 4096, 0)),
  );
  closeSync(peer);
}

const ECHO = `#include <sys/socket.h>
#include <unistd.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
int main(int c, char **v) { int n = atoi(v[1]), k = atoi(v[2]), s[2]; char *b = calloc(1, n); socketpair(AF_UNIX, SOCK_STREAM, 0, s);
if (!fork()) { for (;;) { int m = 0, r; while (m < n) { r = read(s[1], b + m, n - m); if (r <= 0) return 0; m += r; } if (write(s[1], b, n > 64 ? 16 : n) < 0) return 1; } }
struct timespec x, y; clock_gettime(1, &x); for (int i = 0; i < k; i++) { if (write(s[0], b, n) < 0 || read(s[0], b, 64) < 0) return 1; } clock_gettime(1, &y);
printf("%f\\n", ((y.tv_sec - x.tv_sec) * 1e9 + y.tv_nsec - x.tv_nsec) / 1e3 / k); }`;

function remote(): void {
  writeFileSync(`${work}/echo.c`, ECHO);
  sh("cc -O2 -w echo.c -o echo");
  sh("rump_server -l rumpvfs unix://sock");
  process.env.RUMP_SERVER = env.RUMP_SERVER;
  const sys = server(host, "bench");
  const buf = new Uint8Array(65536);
  const ub = new Uint8Array(152);
  const fd = sys.open({ path: "/x", flags: 0x202, mode: 0o644 });
  sys.write({ fd, buf });
  const echo = (n: number) => best(3, () => Number(out(`./echo ${n} 20000`)));
  line("null call over unix://", us(5000, () => sys.getpid()), "us", "C echo", echo(16));
  line("remote stat", us(5000, () => sys.stat({ path: "/x", ub })), "us", "C echo", echo(64));
  const piece = 65536 / 1e6;
  const mbs = (t: number) => (piece * 1e6) / t;
  line(
    "remote write 64 KiB",
    mbs(us(2000, () => sys.pwrite({ fd, buf, offset: 0 }))),
    "MB/s",
    "C sink",
    mbs(echo(65536)),
    "more",
  );
  line("remote read 64 KiB", mbs(us(2000, () => sys.pread({ fd, buf, offset: 0 }))), "MB/s");
  const pid = out(`pgrep -f "[r]ump_server .*sock"`).split("\n")[0];
  line("server RSS", Number(out(`awk '/VmRSS/ {print $2}' /proc/${pid}/status`)) / 1024, "MiB");
  sh("rump.halt");
}

function start(): void {
  writeFileSync(`${work}/hello.ts`, "console.log(1)");
  sh(`${root}/node_modules/.bin/bun build --compile --minify --bytecode --format=esm hello.ts --outfile hello`);
  const hello = best(10, () => sh("./hello")) * 1000;
  sh("rump_server -l rumpvfs unix://sock");
  line("rump.sysctl, start to end", best(10, () => sh("rump.sysctl kern.hostname")) * 1000, "ms", "bun hello", hello);
  sh("rump.halt");
  const boot = (name: string) =>
    best(5, () => {
      const t = sh(`${name} unix://sock`);
      sh("rump.halt; while [ -e sock ]; do :; done");
      return t;
    }) * 1000;
  line("rump_server to prompt", boot("rump_server"), "ms", "bun hello x2", hello * 2);
  line("rump_allserver to prompt", boot("rump_allserver"), "ms", "bun hello x2", hello * 2);
}

const RANDOM = `import os,random,time
f=os.open("FILE",os.O_RDONLY|os.O_DIRECT) if DIRECT else os.open("FILE",os.O_RDONLY)
import mmap
b=mmap.mmap(-1,4096); random.seed(1); t=time.time(); n=5000
for i in range(n): os.preadv(f,[b],random.randrange(0,60000)*4096)
print(n/(time.time()-t))`;
const CREATE = `import os,time
os.mkdir("DIR"); t=time.time()
for i in range(5000): os.close(os.open("DIR/a file with a long name %d.txt"%i,os.O_CREAT|os.O_WRONLY))
print(5000/(time.time()-t)); t=time.time()
for e in os.scandir("DIR"): e.stat()
print(time.time()-t)`;

/** A mounted FAT image beside the host's own file system, mtools and (where there is one) fusefat. */
function fuse(): void {
  if (!existsSync("/dev/fuse")) return;
  sh("mkdir -p mnt host && truncate -s 1G d.img && mkfs.fat -F 32 d.img && head -c 256M /dev/urandom > src");
  line(
    "mount",
    best(3, () => {
      const t = sh("rump_msdos d.img mnt");
      sh("umount mnt; while rump_msdos d.img mnt 2>&1 | grep -q locked; do :; done; umount mnt; sleep 0.2");
      return t;
    }) * 1000,
    "ms",
  );
  sh("rump_msdos d.img mnt");
  const write = (dir: string) =>
    268 / best(2, () => sh(`rm -f ${dir}/big; dd if=src of=${dir}/big bs=1M conv=fsync status=none`));
  const mtools = () =>
    268 / sh("truncate -s 1G m.img && mkfs.fat -F 32 m.img >/dev/null && mcopy -i m.img src ::big && sync m.img");
  line("FUSE write 256 MiB, fsync", write("mnt"), "MB/s", "host", write("host"), "more");
  line("  beside mtools", write("mnt"), "MB/s", "mcopy", mtools(), "more");
  const cold = "sync; echo 3 > /proc/sys/vm/drop_caches;";
  const read = (dir: string) =>
    268 / best(2, () => {
      sh(cold);
      return sh(`dd if=${dir}/big of=/dev/null bs=1M status=none`);
    });
  line("FUSE read 256 MiB, cold", read("mnt"), "MB/s", "host", read("host"), "more");
  const random = (dir: string) =>
    Number(
      out(
        `python3 -c '${
          RANDOM.replaceAll("FILE", `${dir}/big`).replace("DIRECT", "1").replaceAll('"', '\\"').replaceAll('\\"', '"')
        }'`,
      ),
    );
  line("FUSE random 4 KiB, O_DIRECT", random("mnt"), "/s", "host", random("host"), "more");
  const files = (dir: string) =>
    out(`python3 -c '${CREATE.replaceAll("DIR", `${dir}/many`)}'`).split("\n").map(Number) as [number, number];
  const [ours, peer] = [files("mnt"), files("host")];
  line("FUSE create 5,000 in one directory", ours[0], "/s", "host", peer[0], "more");
  line("FUSE list and stat 5,000", ours[1], "s", "host", peer[1]);
  sh("umount mnt");
}
const groups: Readonly<Record<string, () => void | Promise<void>>> = { local, remote, start, fuse };
const asked = process.argv.slice(2);
try {
  for (const [name, group] of Object.entries(groups)) if (asked.length === 0 || asked.includes(name)) await group();
} finally {
  spawnSync("sh", ["-c", `umount ${work}/mnt 2>/dev/null; rump.halt 2>/dev/null`], { env });
  rmSync(work, { recursive: true, force: true });
}
process.exit(0);
