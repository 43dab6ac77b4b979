/*
 * What single calls take, in microseconds, the best of some rounds, each on a line with its name: `files DIR MIB` in a
 * directory of its own, `calls INTERFACE` on sockets. Run as it is, and under rumphijack.
 */
#include <dirent.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { ROUNDS = 5, NAMES = 1000, PIECE = 1 << 20 };
static char path[4096];
static const char *dir, *interface;
static char *buf;
static size_t mib;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1e6 + t.tv_nsec / 1e3;
}
static int ok(int r, const char *what)
{
    if (r < 0) perror(what), exit(1);
    return r;
}
static const char *name(int i)
{
    snprintf(path, sizeof path, "%s/f%d", dir, i);
    return path;
}

static void open_close(int i) { (void)i; ok(close(ok(open(name(0), O_RDONLY), "open")), "close"); }
static void small(int i)
{
    int fd = ok(open(name(i), O_RDONLY), "open");
    ok(read(fd, buf, 4096), "read");
    close(fd);
}
static void stat_one(int i) { struct stat s; (void)i; ok(stat(name(0), &s), "stat"); }
static void create(int i)
{
    int fd = ok(open(name(i), O_CREAT | O_EXCL | O_WRONLY, 0644), "create");
    ok(write(fd, buf, 100), "write");
    close(fd);
}
static void empty(int i) { close(ok(open(name(i), O_CREAT | O_EXCL | O_WRONLY, 0644), "create")); }
static void removes(int i) { ok(unlink(name(i)), "unlink"); }
static void appends(int i)
{
    static int fd = -1;
    if (i == 0 && fd >= 0) close(fd);
    if (i == 0) fd = ok(open(name(0), O_WRONLY | O_APPEND), "open");
    ok(write(fd, buf, 100), "write");
}
static void list(int stats)
{
    struct stat s;
    DIR *d = opendir(dir);
    for (struct dirent *e; (e = readdir(d));) if (stats) fstatat(dirfd(d), e->d_name, &s, AT_SYMLINK_NOFOLLOW);
    closedir(d);
}
static void sockets(int i) { (void)i; close(ok(socket(AF_INET, SOCK_STREAM, 0), "socket")); }
static int s;
static void option(int i)
{
    int on, *value = &on;
    socklen_t n = sizeof on;
    (void)i;
    ok(getsockopt(s, SOL_SOCKET, SO_REUSEADDR, value, &n), "getsockopt");
}
static void flags(int i)
{
    struct ifreq r = { 0 };
    (void)i;
    strncpy(r.ifr_name, interface, IFNAMSIZ - 1);
    ok(ioctl(s, SIOCGIFFLAGS, &r), "ioctl");
}

/* `undo`: what makes the next round possible. */
static void row(const char *what, int n, void (*fn)(int), void (*undo)(int))
{
    double best = 1e18;
    for (int k = 0; k < ROUNDS; k++) {
        double t = now();
        for (int i = 0; i < n; i++) fn(i);
        t = (now() - t) / n;
        if (t < best) best = t;
        if (undo) for (int i = 0; i < n; i++) undo(i);
    }
    printf("%s %.3f\n", what, best);
}
/* MB/s, which is bytes a microsecond. */
static void bulk(const char *what, int flags, ssize_t (*move)(int))
{
    double t = now();
    int fd = ok(open(path, flags, 0644), "open");
    for (size_t i = 0; i < mib; i++) if (move(fd) != PIECE) perror(what), exit(1);
    close(fd);
    printf("%s %.3f\n", what, mib * PIECE / (now() - t));
}
static ssize_t puts_piece(int fd) { return write(fd, buf, PIECE); }
static ssize_t gets_piece(int fd) { return read(fd, buf, PIECE); }

static void files(void)
{
    mkdir(dir, 0755);
    row("empty", NAMES, empty, removes);
    row("create", NAMES, create, removes);
    for (int i = 0; i < NAMES; i++) create(i);
    row("small", NAMES, small, NULL);
    row("open", NAMES, open_close, NULL);
    row("stat", 100 * NAMES, stat_one, NULL);
    row("append", NAMES, appends, NULL);
    row("list", 10, list, NULL);
    for (int i = 0; i < 3; i++) list(1);
    double t = now();
    list(1);
    printf("ls %.3f\n", now() - t);
    for (int i = 0; i < NAMES; i++) removes(i);
    rmdir(dir);
}
static void data(const char *action)
{
    snprintf(path, sizeof path, "%s", dir);
    if (strcmp(action, "write") == 0) {
        bulk("write", O_CREAT | O_TRUNC | O_WRONLY, puts_piece);
        return;
    }
    bulk("cold", O_RDONLY, gets_piece);
    bulk("warm", O_RDONLY, gets_piece);
}

int main(int argc, char **argv)
{
    if (argc < 3) return 2;
    buf = calloc(1, PIECE);
    dir = interface = argv[2];
    if (strcmp(argv[1], "files") == 0) files();
    else if (strcmp(argv[1], "calls") == 0) {
        s = ok(socket(AF_INET, SOCK_STREAM, 0), "socket");
        row("socket", NAMES, sockets, NULL);
        row("getsockopt", NAMES, option, NULL);
        row("ioctl", NAMES, flags, NULL);
    } else if (argc == 4) mib = atoi(argv[3]), data(argv[1]);
    else return 2;
    return 0;
}
