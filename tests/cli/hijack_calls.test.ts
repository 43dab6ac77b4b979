/** Calls on sockets: results and errors are those of the same program on the host's kernel; and a program of many threads. */
import { writeFileSync } from "node:fs";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { assertEquals } from "../assert.ts";
import { noFuse, Shell } from "./helpers.ts";

const CALLS = fileURLToPath(new URL("../hijack/calls.c", import.meta.url).href);
/** Each of 64 threads talks with another over a connection of its own, and checks every byte. */
const THREADS = `#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>
enum { THREADS = 64, ROUNDS = 100 };
static struct sockaddr_in at;
static int good;
static void *serve(void *p) {
  int s = (long)p, n;
  char b[512];
  while ((n = read(s, b, sizeof b)) > 0) write(s, b, n);
  close(s);
  return 0;
}
static void *ask(void *p) {
  unsigned char b[512], c[512];
  int s = socket(AF_INET, SOCK_STREAM, 0), ok = connect(s, (void *)&at, sizeof at) == 0;
  for (int i = 0; ok && i < ROUNDS; i++) {
    for (int k = 0; k < 512; k++) b[k] = (long)p * 7 + i + k;
    ok = write(s, b, sizeof b) == sizeof b && recv(s, c, sizeof c, MSG_WAITALL) == sizeof c;
    for (int k = 0; ok && k < 512; k++) ok = b[k] == c[k];
  }
  close(s);
  if (ok) __sync_fetch_and_add(&good, 1);
  return 0;
}
int main(void) {
  pthread_t t[THREADS], u[THREADS];
  int l = socket(AF_INET, SOCK_STREAM, 0);
  socklen_t n = sizeof at;
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  bind(l, (void *)&at, sizeof at);
  listen(l, THREADS);
  getsockname(l, (void *)&at, &n);
  for (long i = 0; i < THREADS; i++) pthread_create(&t[i], 0, ask, (void *)i);
  for (long i = 0; i < THREADS; i++) pthread_create(&u[i], 0, serve, (void *)(long)accept(l, 0, 0));
  for (int i = 0; i < THREADS; i++) pthread_join(t[i], 0);
  for (int i = 0; i < THREADS; i++) pthread_join(u[i], 0);
  printf("%d\\n", good);
}
`;

describe("hijacked calls", { skip: noFuse() }, () => {
  let sh: Shell;
  before(() => {
    sh = new Shell();
    writeFileSync(`${sh.dir}/threads.c`, THREADS);
    sh.must(
      `gcc -o calls ${CALLS} && gcc -pthread -o threads threads.c && rump_server -l rumpnet_netinet6,rumpvfs unix://s`,
    );
  });
  after(() => sh.close());
  const hijacked = (command: string) =>
    sh.run(`timeout 60 rumphijack --path none ${command}`, { RUMP_SERVER: `unix://${sh.dir}/s` });

  it("give what they give on the host's kernel, line by line", () => {
    const lines = (r: { out: string }) => r.out.split("\n");
    assertEquals(lines(hijacked("./calls")), lines(sh.run("./calls")));
  });
  it("64 threads talk with 64 others, every byte as it was", () => {
    assertEquals(hijacked("./threads").out, "64\n");
  });
});
