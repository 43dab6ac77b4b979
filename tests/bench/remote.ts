/** Calls of a client in another process, beside a C echo of as many bytes. */
import { writeFileSync } from "node:fs";
import process from "node:process";
import { caller, type SyncCalls } from "../../src/cmd/client.ts";
import { host } from "../../src/host/mod.ts";
import { connect } from "../../src/rump.ts";
import { best, env, line, out, sh, us, work } from "./bench.ts";

/** `echo REQUEST REPLY TIMES [apart]`: microseconds of an exchange of so many bytes; apart: each end on a CPU of its own. */
const ECHO = `#define _GNU_SOURCE
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
static int all(int fd, char *b, int n) { for (int m = 0, r; m < n; m += r) if ((r = read(fd, b + m, n - m)) <= 0) return 0; return 1; }
static void on(int c, int cpu) { cpu_set_t s; CPU_ZERO(&s); CPU_SET(cpu, &s); if (c > 4) sched_setaffinity(0, sizeof s, &s); }
int main(int c, char **v) { int n = atoi(v[1]), m = atoi(v[2]), k = atoi(v[3]), s[2]; char *b = calloc(1, n + m); socketpair(AF_UNIX, SOCK_STREAM, 0, s);
on(c, 1); if (!fork()) { on(c, 0); close(s[0]); while (all(s[1], b, n)) if (write(s[1], b, m) < 0) break; return 0; }
struct timespec x, y; clock_gettime(1, &x); for (int i = 0; i < k; i++) { if (write(s[0], b, n) < 0 || !all(s[0], b, m)) return 1; } clock_gettime(1, &y);
printf("%f\\n", ((y.tv_sec - x.tv_sec) * 1e9 + y.tv_nsec - x.tv_nsec) / 1e3 / k); }`;
/** `ring TIMES`: the least an exchange through shared memory can cost: a word each way, busy waiting of 50 us, then a futex. */
const RING = `#include <sys/mman.h>
#include <sys/syscall.h>
#include <linux/futex.h>
#include <unistd.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
static double now(void) { struct timespec t; clock_gettime(1, &t); return t.tv_sec * 1e6 + t.tv_nsec / 1e3; }
static long cpus;
static void await(int *p, int *sleeps, int v) {
  double end = now() + 50;
  while (__atomic_load_n(p, 5) != v) {
    if (cpus > 1 && now() < end) continue;
    __atomic_store_n(sleeps, 1, 5);
    int seen = __atomic_load_n(p, 5);
    if (seen != v) syscall(SYS_futex, p, FUTEX_WAIT, seen, 0, 0, 0);
    __atomic_store_n(sleeps, 0, 5);
  }
}
static void say(int *p, int *sleeps, int v) { __atomic_store_n(p, v, 5); if (__atomic_load_n(sleeps, 5)) syscall(SYS_futex, p, FUTEX_WAKE, 1, 0, 0, 0); }
int main(int c, char **v) { int k = atoi(v[1]), *w = mmap(0, 4096, 3, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
FILE *f = popen("nproc", "r"); fscanf(f, "%ld", &cpus); pclose(f);
if (!fork()) { for (int i = 1; i <= k; i++) { await(w, w + 64, i); say(w + 128, w + 192, i); } return 0; }
double t = now(); for (int i = 1; i <= k; i++) { say(w, w + 64, i); await(w + 128, w + 192, i); }
printf("%f\\n", (now() - t) / k); }`;

const piece = new Uint8Array(65536);
const mbs = (microseconds: number) => piece.length / microseconds;
const echo = (request: number, reply: number, apart = "") =>
  best(3, () => Number(out(`./echo ${request} ${reply} 20000 ${apart}`)));
const oneCpu = process.env.BENCH_CPUS === "one";
/** What the C echo took where the goals for one CPU were set, us: they are for its like. */
const ECHO_THEN = 3.9;

interface Goals {
  readonly call: number;
  readonly stat?: number;
  readonly write: number;
  readonly read: number;
}
/** The calls that are measured over a connection, beside the same exchange of a C program (us, and of MB/s `large`). */
function calls(sys: SyncCalls, how: string, small: readonly [string, number], goal: Goals, apart = ""): void {
  const ub = new Uint8Array(152);
  const fd = sys.open({ path: "/x", flags: 0x202, mode: 0o644 });
  sys.write({ fd, buf: piece });
  const write = () => sys.pwrite({ fd, buf: piece, offset: 0 });
  const read = () => sys.pread({ fd, buf: piece, offset: 0 });
  const large = (request: number, reply: number) => ["C socket", mbs(echo(request, reply, apart)), "more"] as const;
  line(`null call, ${how}`, us(5000, () => sys.getpid()), "us", ...small, "less", goal.call);
  line(`stat, ${how}`, us(5000, () => sys.stat({ path: "/x", ub })), "us", ...small, "less", goal.stat);
  line(`write 64 KiB, ${how}`, mbs(us(2000, write)), "MB/s", ...large(65536, 16), goal.write);
  line(`read 64 KiB, ${how}`, mbs(us(2000, read)), "MB/s", ...large(16, 65536), goal.read);
  sys.close({ fd });
}
const ring = () => ["C futex ring", best(3, () => Number(out("./ring 50000")))] as const;
const serverPid = () => out(`pgrep -nf "[r]ump_server .*sock"`).split("\n")[0];

/** Over the socket and through memory; `apart`: each end on a CPU of its own, else where the scheduler puts them. */
function both(apart: boolean): void {
  const where = apart ? ", apart" : "";
  const c = ["C echo", echo(16, 16)] as const;
  const scale = c[1] / ECHO_THEN;
  const goals = oneCpu
    ? { call: 6 * scale, stat: 9 * scale, write: 1500 / scale, read: 2500 / scale }
    : { call: 1.05 * c[1], write: 1000, read: 1500 };
  process.env.RUMP_RING = "0";
  calls(caller(host, "bench").sys, `unix://${where}`, c, goals, apart ? "apart" : "");
  delete process.env.RUMP_RING;
  calls(
    caller(host, "bench").sys,
    `ring${where}`,
    ring(),
    { ...goals, call: oneCpu ? 8 * scale : 3 },
    apart ? "apart" : "",
  );
}
/** Null calls, us, and 64 KiB writes, MB/s, at a server of its own. */
function measured(locator: string, options = ""): readonly [number, number] {
  sh(`rump_server -l rumpvfs ${options} ${locator}`);
  process.env.RUMP_SERVER = locator;
  const { sys } = caller(host, "bench");
  const fd = sys.open({ path: "/x", flags: 0x202, mode: 0o644 });
  const figures = [
    us(2000, () => sys.getpid()),
    mbs(us(500, () => sys.pwrite({ fd, buf: piece, offset: 0 }))),
  ] as const;
  sh(`RUMP_SERVER=${locator} rump.halt`);
  return figures;
}
/** Over TLS, which a process of its own speaks for a client that blocks, beside the same calls over plain TCP. */
function encrypted(): void {
  sh(
    "openssl req -x509 -newkey ed25519 -nodes -days 2 -subj /CN=rump -addext subjectAltName=IP:127.0.0.1 " +
      "-keyout key.pem -out cert.pem 2>/dev/null",
  );
  Object.assign(process.env, { RUMP_TLS_CA: `${work}/cert.pem` });
  Object.assign(env, { RUMP_TLS_CA: `${work}/cert.pem` });
  const port = 24_000 + process.pid % 20_000;
  const plain = measured(`tcp://127.0.0.1:${port}/`);
  const tls = measured(`tls://127.0.0.1:${port + 1}/`, "--tls-cert cert.pem --tls-key key.pem");
  line("null call, tls://", tls[0], "us", "tcp://", plain[0]);
  line("write 64 KiB, tls://", tls[1], "MB/s", "tcp://", plain[1], "more");
}

/** Calls that answer later: one after the other, and fifty at once. */
async function pipelined(): Promise<void> {
  const { sys, close } = await connect(env.RUMP_SERVER);
  const timed = async (n: number, fn: () => Promise<unknown>) => {
    let least = Infinity;
    for (let round = 0; round < 5; round++) {
      const t = performance.now();
      for (let i = 0; i < n; i++) await fn();
      least = Math.min(least, ((performance.now() - t) * 1000) / n);
    }
    return least;
  };
  const one = await timed(2000, () => sys.getpid());
  const fifty = await timed(200, () => Promise.all(Array.from({ length: 50 }, () => sys.getpid())));
  line("null call, 50 under way", fifty / 50, "us", "one", one);
  close();
}

export async function remote(): Promise<void> {
  writeFileSync(`${work}/echo.c`, ECHO);
  writeFileSync(`${work}/ring.c`, RING);
  sh("cc -O2 -w echo.c -o echo && cc -O2 -w ring.c -o ring");
  sh("rump_server -l rumpvfs unix://sock");
  process.env.RUMP_SERVER = env.RUMP_SERVER;
  both(false);
  const { sys, batch } = caller(host, "bench");
  const small = new Uint8Array(4096);
  const path = "/small";
  sys.close({ fd: sys.open({ path, flags: 0x601, mode: 0o644 }) });
  line(
    "open+pread+close as a batch",
    us(3000, () =>
      batch((b) => {
        const fd = b.open({ path, flags: 0 });
        b.pread({ fd, buf: small, offset: 0 });
        b.close({ fd });
      })),
    "us",
    "three calls",
    us(3000, () => {
      const fd = sys.open({ path, flags: 0 });
      sys.pread({ fd, buf: small, offset: 0 });
      sys.close({ fd });
    }),
  );
  await pipelined();
  const pid = serverPid();
  const rss = () => Number(out(`awk '/VmRSS/ {print $2}' /proc/${pid}/status`)) / 1024;
  line("server RSS", rss(), "MiB");
  sh("sleep 5");
  line("server RSS, quiet again", rss(), "MiB", undefined, undefined, "less", 60);
  if (!oneCpu) {
    sh(`taskset -acp 0 ${pid}; taskset -acp 1 ${process.pid}`);
    both(true);
    sh(`taskset -acp 0,1 ${process.pid}`);
  }
  sh("rump.halt");
  encrypted();
}
