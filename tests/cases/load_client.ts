/** A client in C of our own wire that is many at once: `load SOCKET CLIENTS ROUNDS [hold]`. Prints connects a second, then calls a second. */
export const LOAD_CLIENT = `#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
static double now(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec + t.tv_nsec / 1e9; }
static void need(int fd, char *b, int n) {
  for (int m = 0, r; m < n; m += r) if ((r = read(fd, b + m, n - m)) <= 0) { perror("read"); exit(1); }
}
static void frame(int fd, char *b) { int n; need(fd, (char *)&n, 4); if (n > 200) exit(1); need(fd, b, n); }
int main(int c, char **v) {
  int n = atoi(v[2]), rounds = atoi(v[3]), *fd = calloc(n, sizeof(int));
  char b[256]; struct sockaddr_un a = { AF_UNIX }; strncpy(a.sun_path, v[1], sizeof a.sun_path - 1);
  double t = now();
  for (int i = 0; i < n; i++) {
    fd[i] = socket(AF_UNIX, SOCK_STREAM, 0);
    if (connect(fd[i], (void *)&a, sizeof a) < 0) { perror("connect"); return 1; }
    do need(fd[i], b, 1); while (*b != '\\n');
    static const char hello[] = "RUMPCBOR\\7\\0\\0\\0\\x82\\1\\x64load";
    if (write(fd[i], hello, sizeof hello - 1) < 0) return 1;
    frame(fd[i], b);
  }
  printf("%f\\n", n / (now() - t)); fflush(stdout);
  if (c > 4) getchar();
  t = now();
  for (int k = 0; k < rounds; k++) for (int i = 0; i < n; i += 64) {
    int to = i + 64 < n ? i + 64 : n;
    for (int j = i; j < to; j++) if (write(fd[j], "\\3\\0\\0\\0\\x82\\1\\x14", 7) != 7) return 1;
    for (int j = i; j < to; j++) frame(fd[j], b);
  }
  printf("%f\\n", (double)n * rounds / (now() - t)); fflush(stdout);
  return 0;
}
`;
