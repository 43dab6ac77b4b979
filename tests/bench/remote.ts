/** Calls of a client in another process, beside a C echo of as many bytes. */
import { writeFileSync } from "node:fs";
import process from "node:process";
import { caller, type SyncCalls } from "../../src/cmd/client.ts";
import { host } from "../../src/host/mod.ts";
import { best, env, line, out, sh, us, work } from "./bench.ts";

/** `echo REQUEST REPLY TIMES`: microseconds of an exchange of so many bytes. */
const ECHO = `#include <sys/socket.h>
#include <unistd.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
static int all(int fd, char *b, int n) { for (int m = 0, r; m < n; m += r) if ((r = read(fd, b + m, n - m)) <= 0) return 0; return 1; }
int main(int c, char **v) { int n = atoi(v[1]), m = atoi(v[2]), k = atoi(v[3]), s[2]; char *b = calloc(1, n + m); socketpair(AF_UNIX, SOCK_STREAM, 0, s);
if (!fork()) { close(s[0]); while (all(s[1], b, n)) if (write(s[1], b, m) < 0) break; return 0; }
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
const echo = (request: number, reply: number) => best(3, () => Number(out(`./echo ${request} ${reply} 20000`)));
/** The calls that are measured over a connection, beside the same exchange of a C program. */
function calls(sys: SyncCalls, how: string, small: () => number): void {
  const ub = new Uint8Array(152);
  const fd = sys.open({ path: "/x", flags: 0x202, mode: 0o644 });
  sys.write({ fd, buf: piece });
  const peer = how === "ring" ? "C futex ring" : "C echo";
  const write = () => sys.pwrite({ fd, buf: piece, offset: 0 });
  const read = () => sys.pread({ fd, buf: piece, offset: 0 });
  line(`null call, ${how}`, us(5000, () => sys.getpid()), "us", peer, small());
  line(`stat, ${how}`, us(5000, () => sys.stat({ path: "/x", ub })), "us", peer, small());
  line(`write 64 KiB, ${how}`, mbs(us(2000, write)), "MB/s", "C socket", mbs(echo(65536, 16)), "more");
  line(`read 64 KiB, ${how}`, mbs(us(2000, read)), "MB/s", "C socket", mbs(echo(16, 65536)), "more");
}

export function remote(): void {
  writeFileSync(`${work}/echo.c`, ECHO);
  writeFileSync(`${work}/ring.c`, RING);
  sh("cc -O2 -w echo.c -o echo && cc -O2 -w ring.c -o ring");
  sh("rump_server -l rumpvfs unix://sock");
  process.env.RUMP_SERVER = env.RUMP_SERVER;
  process.env.RUMP_RING = "0";
  const { sys, batch } = caller(host, "bench");
  calls(sys, "unix://", () => echo(16, 16));
  delete process.env.RUMP_RING;
  calls(caller(host, "bench").sys, "ring", () => best(3, () => Number(out("./ring 50000"))));
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
  const pid = out(`pgrep -nf "[r]ump_server .*sock"`).split("\n")[0];
  line("server RSS", Number(out(`awk '/VmRSS/ {print $2}' /proc/${pid}/status`)) / 1024, "MiB");
  sh("rump.halt");
}
