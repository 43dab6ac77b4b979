/** Calls of a client in another process, beside a C echo of as many bytes. */
import { writeFileSync } from "node:fs";
import process from "node:process";
import { caller } from "../../src/cmd/client.ts";
import { host } from "../../src/host/mod.ts";
import { best, env, line, out, sh, us, work } from "./bench.ts";

const ECHO = `#include <sys/socket.h>
#include <unistd.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
int main(int c, char **v) { int n = atoi(v[1]), k = atoi(v[2]), s[2]; char *b = calloc(1, n); socketpair(AF_UNIX, SOCK_STREAM, 0, s);
if (!fork()) { close(s[0]); for (;;) { int m = 0, r; while (m < n) { r = read(s[1], b + m, n - m); if (r <= 0) return 0; m += r; } if (write(s[1], b, n > 64 ? 16 : n) < 0) return 1; } }
struct timespec x, y; clock_gettime(1, &x); for (int i = 0; i < k; i++) { if (write(s[0], b, n) < 0 || read(s[0], b, 64) < 0) return 1; } clock_gettime(1, &y);
printf("%f\\n", ((y.tv_sec - x.tv_sec) * 1e9 + y.tv_nsec - x.tv_nsec) / 1e3 / k); }`;

export function remote(): void {
  writeFileSync(`${work}/echo.c`, ECHO);
  sh("cc -O2 -w echo.c -o echo");
  sh("rump_server -l rumpvfs unix://sock");
  process.env.RUMP_SERVER = env.RUMP_SERVER;
  const { sys, batch } = caller(host, "bench");
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
