/** Thousands of clients of one server: connections and calls a second, and what an idle one costs, beside a C server that answers as many bytes. */
import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { LOAD_CLIENT } from "../cases/load_client.ts";
import { env, line, out, sh, work } from "./bench.ts";

const CLIENTS = 5000;
const ROUNDS = 20;
/** The least a server can do: a banner, an answer to hello, an answer to each call; epoll, one thread. */
const SERVER = `#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <string.h>
int main(int c, char **v) {
  struct sockaddr_un a = { AF_UNIX }; strncpy(a.sun_path, v[1], sizeof a.sun_path - 1); unlink(v[1]);
  int l = socket(AF_UNIX, SOCK_STREAM, 0), e = epoll_create1(0); bind(l, (void *)&a, sizeof a); listen(l, 1024);
  struct epoll_event ev = { EPOLLIN, { .fd = l } }, evs[64]; epoll_ctl(e, EPOLL_CTL_ADD, l, &ev); char b[4096];
  for (;;) for (int n = epoll_wait(e, evs, 64, -1); n-- > 0;) { int fd = evs[n].data.fd;
    if (fd == l) { int s = accept(l, 0, 0); struct epoll_event x = { EPOLLIN, { .fd = s } }; epoll_ctl(e, EPOLL_CTL_ADD, s, &x); if (write(s, "RUMPSP\\n", 7) < 0) return 1; }
    else { int r = read(fd, b, sizeof b); if (r <= 0) close(fd); else if (write(fd, r > 7 ? "\\4\\0\\0\\0\\x83\\0\\0\\1" : "\\7\\0\\0\\0\\x84\\1\\0\\x19\\x13\\x88\\1", r > 7 ? 8 : 11) < 0) close(fd); } }
}`;
const rss = (pid: string) => Number(out(`awk '/VmRSS/ {print $2}' /proc/${pid}/status`));

/** Connections and calls a second. */
const measured = (socket: string) => out(`./load ${socket} ${CLIENTS} ${ROUNDS}`).split("\n").map(Number);

export function load(): void {
  writeFileSync(`${work}/load.c`, LOAD_CLIENT);
  writeFileSync(`${work}/echod.c`, SERVER);
  sh("cc -O2 -w load.c -o load && cc -O2 -w echod.c -o echod");
  sh("rump_server -l rumpvfs unix://sock");
  const pid = out(`pgrep -nf "[r]ump_server .*sock$"`).split("\n")[0]!;
  const echod = spawn(`${work}/echod`, ["echo.sock"], { cwd: work, env });
  sh("for i in 1 2 3 4 5 6 7 8 9; do [ -S echo.sock ] && break; sleep 0.1; done");
  const [peerConnects, peerCalls] = measured("echo.sock");
  echod.kill();
  sh(`./load sock 200 20 >/dev/null`); // warm
  const before = rss(pid);
  const holder = spawn(`${work}/load`, ["sock", String(CLIENTS), "0", "hold"], {
    cwd: work,
    env,
    stdio: ["pipe", "ignore", "ignore"],
  });
  sh(`until [ "$(ls /proc/${pid}/fd | wc -l)" -gt ${CLIENTS} ]; do sleep 0.1; done; sleep 0.3`);
  line(`${CLIENTS} idle clients: each`, (rss(pid) - before) / CLIENTS, "KiB", "goal", 20);
  holder.kill();
  sh(`until [ "$(ls /proc/${pid}/fd | wc -l)" -lt 100 ]; do sleep 0.1; done`);
  const [connects, calls] = measured("sock");
  line("connections a second", connects!, "1/s", "C epoll", peerConnects, "more");
  line(`calls of ${CLIENTS} clients a second`, calls!, "1/s", "C epoll", peerCalls, "more");
  sh("rump.halt");
}
