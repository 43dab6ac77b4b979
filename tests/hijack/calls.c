/* Calls on sockets, with their results and errors: the same lines are expected of the host's kernel and of a rump kernel. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static void say(const char *what, long r) {
  printf("%s: %ld%s%s\n", what, r, r < 0 ? " " : "", r < 0 ? strerrorname_np(errno) : "");
}
static struct sockaddr_in at(int port) {
  struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
  return a;
}
static int portof(int s) {
  struct sockaddr_in a;
  socklen_t n = sizeof a;
  getsockname(s, (void *)&a, &n);
  return ntohs(a.sin_port);
}
static int wait_for(int s, int events) {
  struct pollfd p = { s, events, 0 };
  poll(&p, 1, 3000);
  return p.revents;
}
static int option(int s, int level, int name) {
  int v = -1;
  socklen_t n = sizeof v;
  return getsockopt(s, level, name, &v, &n) < 0 ? -errno : v;
}
static int listener(void) {
  int s = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in a = at(0);
  bind(s, (void *)&a, sizeof a);
  listen(s, 5);
  return s;
}
static void pair(int l, int *c, int *s) {
  struct sockaddr_in a = at(portof(l));
  *c = socket(AF_INET, SOCK_STREAM, 0);
  connect(*c, (void *)&a, sizeof a);
  *s = accept(l, 0, 0);
}
static void refusals(int l) {
  struct sockaddr_in a = at(portof(l)), none = at(1), un = { .sin_family = 77 };
  int s;
  say("socket of no type", socket(AF_INET, 9, 0));
  say("socket of no protocol", socket(AF_INET, SOCK_STREAM, 99));
  s = socket(AF_INET, SOCK_STREAM, 0);
  say("connect to a family", connect(s, (void *)&un, sizeof un));
  say("connect, short", connect(s, (void *)&a, 3));
  say("connect, no memory", connect(s, (void *)8, sizeof a));
  say("bind, taken", bind(s, (void *)&a, sizeof a));
  say("accept of none", accept(s, 0, 0));
  say("getpeername of none", getpeername(s, (void *)&un, &(socklen_t){ sizeof un }));
  say("option of none", setsockopt(s, 6, 9999, &s, 4));
  say("option, no memory", setsockopt(s, SOL_SOCKET, SO_KEEPALIVE, (void *)8, 4));
  say("connect refused", connect(s, (void *)&none, sizeof none));
  close(s);
  say("connect, closed", connect(s, (void *)&a, sizeof a));
  s = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  int r = connect(s, (void *)&none, sizeof none), e = errno;
  if (r < 0 && e == EINPROGRESS) {
    wait_for(s, POLLOUT);
    e = option(s, SOL_SOCKET, SO_ERROR);
  }
  printf("connect refused later: %s\n", strerrorname_np(e));
  close(s);
}
static void options(int l) {
  int c, s, one = 1;
  pair(l, &c, &s);
  printf("type %d domain %d protocol %d accepts %d %d\n", option(c, SOL_SOCKET, SO_TYPE), option(c, SOL_SOCKET, SO_DOMAIN),
    option(c, SOL_SOCKET, SO_PROTOCOL), option(c, SOL_SOCKET, SO_ACCEPTCONN), option(l, SOL_SOCKET, SO_ACCEPTCONN));
  say("NODELAY", setsockopt(c, IPPROTO_TCP, TCP_NODELAY, &one, 4));
  say("KEEPALIVE", setsockopt(c, SOL_SOCKET, SO_KEEPALIVE, &one, 4));
  printf("nodelay %d keepalive %d error %d\n", !!option(c, IPPROTO_TCP, TCP_NODELAY), option(c, SOL_SOCKET, SO_KEEPALIVE),
    option(c, SOL_SOCKET, SO_ERROR));
  struct timeval tv = { 0, 30000 };
  char b[4];
  setsockopt(c, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv);
  say("recv in time", recv(c, b, 4, 0));
  setsockopt(l, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv);
  say("accept in time", accept(l, 0, 0));
  tv.tv_usec = 0;
  setsockopt(l, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv);
  struct sockaddr_in a = at(portof(l));
  say("connect again", connect(c, (void *)&a, sizeof a));
  close(c);
  close(s);
}
static void ends(int l) {
  int c, s, mark;
  char b[16];
  pair(l, &c, &s);
  say("send", send(c, "hello", 5, 0));
  shutdown(c, SHUT_WR);
  say("recv all", recv(s, b, 5, MSG_WAITALL));
  say("recv the end", recv(s, b, 5, 0));
  say("send back", send(s, "bye", 3, 0));
  say("recv back", recv(c, b, 3, MSG_WAITALL));
  say("send after shutdown", send(c, "x", 1, MSG_NOSIGNAL));
  close(c);
  close(s);
  pair(l, &c, &s);
  struct linger now = { 1, 0 };
  setsockopt(c, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  close(c);
  printf("reset: %x\n", wait_for(s, POLLIN) & (POLLIN | POLLERR));
  say("recv of a reset", recv(s, b, 1, 0));
  say("recv once more", recv(s, b, 1, 0));
  say("send after it", send(s, b, 1, MSG_NOSIGNAL));
  close(s);
  pair(l, &c, &s);
  say("send urgent", send(c, "!", 1, MSG_OOB));
  printf("urgent: %x\n", wait_for(s, POLLPRI) & POLLPRI);
  say("at mark", ioctl(s, SIOCATMARK, &mark) < 0 ? -1 : mark);
  say("recv urgent", recv(s, b, 1, MSG_OOB));
  close(c);
  close(s);
}
static void polled(int l) {
  int c, s, ep = epoll_create1(0);
  char b[8];
  struct epoll_event e = { .events = EPOLLIN | EPOLLET, .data.fd = l }, got[4];
  epoll_ctl(ep, EPOLL_CTL_ADD, l, &e);
  say("epoll, nothing", epoll_wait(ep, got, 4, 0));
  struct sockaddr_in a = at(portof(l));
  c = socket(AF_INET, SOCK_STREAM, 0);
  connect(c, (void *)&a, sizeof a);
  say("epoll, a connection", epoll_wait(ep, got, 4, 3000));
  say("epoll, once", epoll_wait(ep, got, 4, 0));
  s = accept4(l, 0, 0, SOCK_NONBLOCK | SOCK_CLOEXEC);
  printf("flags %d %d\n", !!(fcntl(s, F_GETFL) & O_NONBLOCK), fcntl(s, F_GETFD));
  say("recv of nothing", recv(s, b, 1, 0));
  e.events = EPOLLIN | EPOLLRDHUP | EPOLLET;
  e.data.fd = s;
  epoll_ctl(ep, EPOLL_CTL_ADD, s, &e);
  say("epoll, quiet", epoll_wait(ep, got, 4, 0));
  send(c, "ab", 2, 0);
  say("epoll, data", epoll_wait(ep, got, 4, 3000));
  say("epoll, told", epoll_wait(ep, got, 4, 0));
  send(c, "cd", 2, 0);
  say("epoll, more", epoll_wait(ep, got, 4, 3000));
  say("read", recv(s, b, 8, 0) > 0);
  close(c);
  say("epoll, the end", epoll_wait(ep, got, 4, 3000));
  printf("%x\n", got[0].events & (EPOLLIN | EPOLLRDHUP));
  close(s);
  close(ep);
}
static void handed(int l) {
  int c, s, u[2], d;
  char b[8], room[CMSG_SPACE(sizeof(int))] = { 0 };
  pair(l, &c, &s);
  socketpair(AF_UNIX, SOCK_STREAM, 0, u);
  struct iovec v = { b, 1 };
  struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof room };
  struct cmsghdr *h = CMSG_FIRSTHDR(&m);
  h->cmsg_level = SOL_SOCKET, h->cmsg_type = SCM_RIGHTS, h->cmsg_len = CMSG_LEN(sizeof(int));
  memcpy(CMSG_DATA(h), &c, sizeof c);
  say("hand over", sendmsg(u[0], &m, 0));
  close(c);
  say("take", recvmsg(u[1], &m, 0));
  memcpy(&d, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof d);
  int e = dup(d);
  close(d);
  fflush(stdout);
  if (fork() == 0) {
    struct sockaddr_in a;
    socklen_t n = sizeof a;
    send(e, getpeername(e, (void *)&a, &n) == 0 && ntohs(a.sin_port) == portof(l) ? "child" : "wrong", 5, 0);
    _exit(0);
  }
  wait(0);
  say("of the child", recv(s, b, 5, MSG_WAITALL));
  printf("%.5s\n", b);
  close(e);
  say("all are closed", recv(s, b, 5, 0));
  close(s);
}
static void datagrams(void) {
  int s = socket(AF_INET, SOCK_DGRAM, 0), c = socket(AF_INET, SOCK_DGRAM, 0);
  struct sockaddr_in a = at(0), from, none = at(1);
  socklen_t n = sizeof from;
  char b[3][8] = { "one", "two", "three" };
  bind(s, (void *)&a, sizeof a);
  a = at(portof(s));
  say("sendto", sendto(c, "abc", 3, 0, (void *)&a, sizeof a));
  say("recvfrom, cut", recvfrom(s, b[2], 2, MSG_TRUNC, (void *)&from, &n));
  printf("from %d %d %s\n", ntohs(from.sin_port) == portof(c), n, inet_ntoa(from.sin_addr));
  say("connect", connect(c, (void *)&a, sizeof a));
  say("empty", send(c, "", 0, 0));
  say("recv empty", recvfrom(s, b[2], 8, 0, (void *)&from, &n));
  struct iovec v[3] = { { b[0], 3 }, { b[1], 3 }, { b[2], 8 } };
  struct mmsghdr m[3] = { 0 };
  for (int i = 0; i < 3; i++) m[i].msg_hdr.msg_iov = &v[i], m[i].msg_hdr.msg_iovlen = 1;
  say("sendmmsg", sendmmsg(c, m, 2, 0));
  wait_for(s, POLLIN);
  usleep(30000);
  for (int i = 0; i < 3; i++) v[i].iov_len = 8;
  say("recvmmsg", recvmmsg(s, m, 3, MSG_WAITFORONE, 0));
  printf("%u %u %.3s %.3s\n", m[0].msg_len, m[1].msg_len, b[0], b[1]);
  say("peek of nothing", recv(s, b[0], 8, MSG_PEEK | MSG_DONTWAIT));
  say("too long", sendto(c, b, 70000, 0, (void *)&a, sizeof a));
  say("to nobody", connect(c, (void *)&none, sizeof none));
  send(c, "x", 1, 0);
  usleep(100000);
  say("refused", recvfrom(c, b[0], 8, MSG_DONTWAIT, (void *)&from, &n));
  say("and forgotten", recvfrom(c, b[0], 8, MSG_DONTWAIT, (void *)&from, &n));
  struct sockaddr none_at_all = { .sa_family = AF_UNSPEC };
  char text[9] = "";
  say("connect again", connect(c, (void *)&a, sizeof a));
  say("to another", sendto(c, "other", 5, 0, (void *)&a, sizeof a));
  say("recv of it", recvfrom(s, text, 8, 0, (void *)&from, &n));
  printf("%s\n", text);
  say("still its peer", getpeername(c, (void *)&from, &n));
  say("disconnect", connect(c, &none_at_all, sizeof none_at_all));
  say("no peer", getpeername(c, (void *)&from, &n));
  say("send to nobody", sendmsg(c, &m[0].msg_hdr, 0));
  say("sendto", sendto(c, "again", 5, 0, (void *)&a, sizeof a));
  close(c);
  close(s);
}
/** A thread of another process waits for a connection when nobody listens any more. */
static void unlistened(void) {
  int l = listener(), c, s;
  char b[1];
  pair(l, &c, &s);
  say("listen, connected", listen(c, 1));
  say("shutdown of nonsense", shutdown(l, 7));
  say("shutdown of sending", shutdown(l, SHUT_WR));
  close(s);
  close(c);
  pair(l, &c, &s);
  struct sockaddr_in a = at(portof(l));
  fflush(stdout);
  if (fork() == 0) {
    say("accept of the last", accept(l, 0, 0));
    _exit(0);
  }
  usleep(100000);
  int r = shutdown(l, SHUT_RD);
  wait(0);
  say("shutdown", r);
  printf("hung up: %x\n", wait_for(l, POLLIN) & POLLHUP);
  say("accept", accept(l, 0, 0));
  int d = socket(AF_INET, SOCK_STREAM, 0);
  say("connect", connect(d, (void *)&a, sizeof a));
  send(c, "x", 1, 0);
  say("what was accepted stays", recv(s, b, 1, 0));
  close(d);
  close(c);
  close(s);
  close(l);
}
/** No address at all is ourselves. */
static void anywhere(int l) {
  struct sockaddr_in a = at(portof(l)), name;
  socklen_t n = sizeof name;
  int c = socket(AF_INET, SOCK_STREAM, 0), s = socket(AF_INET, SOCK_DGRAM, 0), u = socket(AF_INET, SOCK_DGRAM, 0);
  a.sin_addr.s_addr = INADDR_ANY;
  say("connect to any", connect(c, (void *)&a, sizeof a));
  getpeername(c, (void *)&name, &n);
  puts(inet_ntoa(name.sin_addr));
  close(accept(l, 0, 0));
  close(c);
  a = at(0);
  bind(s, (void *)&a, sizeof a);
  a = at(portof(s));
  a.sin_addr.s_addr = INADDR_ANY;
  say("send to any", sendto(u, "hi", 2, 0, (void *)&a, sizeof a));
  char b[2];
  say("is received", wait_for(s, POLLIN) & POLLIN ? recvfrom(s, b, 2, 0, (void *)&name, &n) : 0);
  puts(inet_ntoa(name.sin_addr));
  close(s);
  close(u);
}
/** Of a socket that is connected to nothing. */
static void idle(void) {
  int s = socket(AF_INET, SOCK_STREAM, 0);
  char b[8];
  struct iovec v = { b, 8 };
  struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1 };
  struct sockaddr none_at_all = { .sa_family = AF_UNSPEC };
  say("recvmsg of nobody", recvmsg(s, &m, 0));
  say("queued errors", recvmsg(s, &m, MSG_ERRQUEUE));
  say("sendmsg to nobody", sendmsg(s, &m, MSG_NOSIGNAL));
  say("disconnect", connect(s, &none_at_all, sizeof none_at_all));
  say("shutdown", shutdown(s, SHUT_RDWR));
  close(s);
}
int main(void) {
  setvbuf(stdout, 0, _IOLBF, 0);
  int l = listener();
  refusals(l);
  options(l);
  ends(l);
  polled(l);
  handed(l);
  unlistened();
  anywhere(l);
  datagrams();
  idle();
  return 0;
}
