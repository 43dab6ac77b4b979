/*
 * The host's own TCP at the other end: `serve ADDRESS BASE` offers echo, discard and chargen at BASE + 7, 9, 19;
 * `measure ADDRESS BASE MIB [PID]` prints Gbit/s towards it and from it, each beside the processor seconds PID took, and
 * microseconds of 64 bytes there and back.
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static char buf[256 << 10];

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}
static double used(const char *pid)
{
    char path[64], text[1024];
    unsigned long user = 0, system = 0;
    snprintf(path, sizeof path, "/proc/%s/stat", pid);
    FILE *f = fopen(path, "r");
    if (!f) return 0;
    text[fread(text, 1, sizeof text - 1, f)] = 0;
    fclose(f);
    sscanf(strrchr(text, ')') + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system);
    return (double)(user + system) / sysconf(_SC_CLK_TCK);
}
static struct sockaddr_in at(const char *address, int port)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port) };
    inet_pton(AF_INET, address, &a.sin_addr);
    return a;
}
static int dial(const char *address, int port)
{
    struct sockaddr_in a = at(address, port);
    int one = 1, s = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connect(s, (struct sockaddr *)&a, sizeof a) < 0) { perror("connect"); exit(1); }
    return s;
}
static void serve(const char *address, int base, int service)
{
    struct sockaddr_in a = at(address, base + service);
    if (service != 19) prctl(PR_SET_PDEATHSIG, SIGKILL);
    int one = 1, s = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(s, (struct sockaddr *)&a, sizeof a) < 0 || listen(s, 16) < 0) { perror("bind"); exit(1); }
    for (;;) {
        int c = accept(s, 0, 0);
        setsockopt(c, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        ssize_t n = 1;
        while (n > 0) {
            n = service == 19 ? (ssize_t)sizeof buf : read(c, buf, sizeof buf);
            if (n > 0 && service != 9 && write(c, buf, n) < 0) break;
        }
        close(c);
    }
}
static void bulk(const char *address, int base, double bytes, const char *pid, int out)
{
    int s = dial(address, base + (out ? 19 : 9));
    double cpu = used(pid), t = now(), done = 0;
    while (done < bytes) {
        ssize_t n = out ? read(s, buf, sizeof buf) : write(s, buf, sizeof buf);
        if (n <= 0) { perror("bulk"); exit(1); }
        done += n;
    }
    if (!out) {
        shutdown(s, SHUT_WR);
        while (read(s, buf, sizeof buf) > 0);
    }
    t = now() - t;
    cpu = used(pid) - cpu;
    close(s);
    printf("%s %f\n%sCpu %f\n", out ? "out" : "in", done * 8 / t / 1e9, out ? "out" : "in", cpu > 0 ? done * 8 / cpu / 1e9 : 0);
}
static void trips(const char *address, int base)
{
    int s = dial(address, base + 7), n = 20000;
    double t = 0;
    for (int i = -2000; i < n; i++) {
        if (i == 0) t = now();
        if (write(s, buf, 64) != 64 || read(s, buf, 64) != 64) { perror("trip"); exit(1); }
    }
    printf("trip %f\n", (now() - t) * 1e6 / n);
}
int main(int argc, char **argv)
{
    if (argc < 4) return 2;
    signal(SIGPIPE, SIG_IGN);
    int base = atoi(argv[3]);
    if (strcmp(argv[1], "serve") == 0) {
        if (fork() == 0) serve(argv[2], base, 7);
        if (fork() == 0) serve(argv[2], base, 9);
        serve(argv[2], base, 19);
    }
    double bytes = atof(argv[4]) * (1 << 20);
    const char *pid = argc > 5 ? argv[5] : "none";
    for (int i = 0; i < 2; i++) {
        bulk(argv[2], base, i ? bytes : bytes / 8, pid, 0);
        bulk(argv[2], base, i ? bytes : bytes / 8, pid, 1);
    }
    trips(argv[2], base);
    return 0;
}
