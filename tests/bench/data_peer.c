/*
 * Two programs with one connection: `a WHERE MIB TRIPS` prints Gbit/s out, Gbit/s in, and microseconds of 64 bytes there and
 * back; `b WHERE MIB TRIPS` is the other end. WHERE: an open descriptor, `connect:ADDRESS:PORT`, or `listen:PORT`.
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static char buf[256 << 10];
static const int one = 1;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}
static int fail(const char *what)
{
    perror(what);
    exit(1);
}
static int open_end(char *where)
{
    struct sockaddr_in a = { .sin_family = AF_INET };
    char *port = strrchr(where, ':');
    if (!port) return atoi(where);
    *port++ = 0;
    a.sin_port = htons(atoi(port));
    int s = socket(AF_INET, SOCK_STREAM, 0), c;
    if (strcmp(where, "listen") == 0) {
        setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
        if (bind(s, (struct sockaddr *)&a, sizeof a) < 0 || listen(s, 1) < 0) fail("listen");
        if ((c = accept(s, NULL, NULL)) < 0) fail("accept");
    } else {
        inet_pton(AF_INET, where + strlen("connect:"), &a.sin_addr);
        for (int i = 0; connect(s, (struct sockaddr *)&a, sizeof a) < 0; i++) {
            if (i == 100) fail("connect");
            usleep(50000);
            close(s);
            s = socket(AF_INET, SOCK_STREAM, 0);
        }
        c = s;
    }
    setsockopt(c, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return c;
}
static void put(int fd, size_t n)
{
    while (n > 0) {
        ssize_t k = write(fd, buf, n < sizeof buf ? n : sizeof buf);
        if (k <= 0) fail("write");
        n -= k;
    }
}
static void get(int fd, size_t n)
{
    while (n > 0) {
        ssize_t k = read(fd, buf, n < sizeof buf ? n : sizeof buf);
        if (k <= 0) fail("read");
        n -= k;
    }
}
int main(int argc, char **argv)
{
    if (argc != 5) return 2;
    int first = argv[1][0] == 'a', fd = open_end(argv[2]), trips = atoi(argv[4]);
    size_t bytes = (size_t)atol(argv[3]) << 20;
    for (int way = 0; way < 2; way++) {
        int sends = first == (way == 0);
        put(fd, first);
        get(fd, !first);
        double t = now();
        if (sends) put(fd, bytes), get(fd, 1);
        else get(fd, bytes), put(fd, 1);
        if (first) printf("%.3f ", bytes * 8 / (now() - t) / 1e9);
    }
    double t = now();
    for (int i = 0; i < trips; i++) {
        if (first) put(fd, 64), get(fd, 64);
        else get(fd, 64), put(fd, 64);
    }
    if (first) printf("%.2f\n", (now() - t) * 1e6 / trips);
    return 0;
}
