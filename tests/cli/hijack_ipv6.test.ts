/** rumphijack over IPv6, and options of sockets: programs see what they see on the host's kernel. */
import { after, before, describe, it } from "node:test";
import { assertEquals, assertMatch } from "../assert.ts";
import { noFuse, Shell } from "./helpers.ts";

/** Listeners of both families, datagrams and what comes beside them. */
const SIX = `import socket, struct
def say(name, f):
    try: r = f()
    except OSError as e: r = e
    print(name, r, flush=True)
SIX, UDP, V6 = socket.AF_INET6, socket.SOCK_DGRAM, socket.IPPROTO_IPV6
def listener(port, only):
    l = socket.socket(SIX); l.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if only is not None: l.setsockopt(V6, socket.IPV6_V6ONLY, only)
    l.bind(("::", port)); l.listen(5); return l
l = listener(7300, None); listener(7301, 1)
c = socket.create_connection(("127.0.0.1", 7300)); s, a = l.accept()
say("mapped", lambda: (a[0], s.getsockname()[0], c.getpeername()[0]))
c = socket.create_connection(("::1", 7300)); s, a = l.accept(); say("six", lambda: a[0])
m = socket.socket(SIX); say("connect to four", lambda: m.connect(("::ffff:127.0.0.1", 7300)))
say("six only", lambda: socket.create_connection(("127.0.0.1", 7301)))
u = socket.socket(SIX, UDP); u.bind(("::", 7302)); u.settimeout(5)
for o in "IPV6_RECVPKTINFO", "IPV6_RECVHOPLIMIT", "IPV6_RECVTCLASS": u.setsockopt(V6, getattr(socket, o), 1)
v = socket.socket(SIX, UDP); v.setsockopt(V6, socket.IPV6_UNICAST_HOPS, 17); v.setsockopt(V6, socket.IPV6_TCLASS, 32)
def receive():
    d, beside, flags, where = u.recvmsg(100, 400)
    return d, sorted((t, x[:16].hex()) for l, t, x in beside), where[0]
v.sendto(b"hello", ("::1", 7302)); say("beside", receive)
info = socket.inet_pton(SIX, "::1") + struct.pack("i", 0)
beside = [(V6, socket.IPV6_PKTINFO, info), (V6, socket.IPV6_HOPLIMIT, struct.pack("i", 9))]
v.sendmsg([b"via"], beside, 0, ("::1", 7302)); say("from", receive)
w = socket.socket(socket.AF_INET, UDP); w.settimeout(5); w.sendto(b"four", ("127.0.0.1", 7302))
say("of four", lambda: u.recvfrom(10)[0]); u.sendto(b"back", ("::ffff:127.0.0.1", w.getsockname()[1])); say("to four", lambda: w.recvfrom(10))
v.connect(("::1", 7302)); say("peer", v.getpeername); v.send(b"x"); say("of six", lambda: u.recvfrom(10)[0])
say("family", lambda: v.sendto(b"x", ("127.0.0.1", 7302)))
say("name", lambda: socket.getaddrinfo("::1", 80, type=socket.SOCK_STREAM)[0][4])`;
/** Each option: what it is, what comes of setting it, what it is then. */
const OPTIONS = `import ctypes, errno, socket
libc = ctypes.CDLL(None, use_errno=True)
def called(r, value): return errno.errorcode[ctypes.get_errno()] if r < 0 else value()
def get(s, level, name):
    b, n = ctypes.create_string_buffer(64), ctypes.c_uint(16)
    r = libc.getsockopt(s.fileno(), level, name, b, ctypes.byref(n)); return called(r, lambda: b.raw[:n.value].hex())
def put(s, level, name):
    return called(libc.setsockopt(s.fileno(), level, name, ctypes.byref(ctypes.c_int(1)), 4), lambda: "set")
all = { 1: [2, 3, 4, 5, 6, 9, 10, 11, 12, 15, 18, 19, 29, 30, 36, 38, 39, 40, 45, 46, 49, 69, 190],
  0: [2, 6, 8, 10, 11, 12, 13, 15, 19, 24, 26, 34, 190], 6: [1, 3, 4, 5, 7, 8, 9, 12, 16, 18, 23, 25, 30, 37, 190],
  17: [190], 41: [11, 16, 19, 23, 25, 29, 31, 33, 49, 51, 53, 56, 58, 66, 70, 75, 78, 190], 99: [1] }
for family in socket.AF_INET, socket.AF_INET6:
    for type in socket.SOCK_STREAM, socket.SOCK_DGRAM:
        for level, names in all.items():
            for name in names:
                s = socket.socket(family, type)
                print(int(family), int(type), level, name, get(s, level, name), put(s, level, name), get(s, level, name))
                s.close()`;

describe("hijacked programs and IPv6", { skip: noFuse() }, () => {
  let sh: Shell;
  const on = (kernel: "a" | "b", command: string) =>
    sh.run(`timeout 30 rumphijack --path none ${command}`, { RUMP_SERVER: `unix://${sh.dir}/${kernel}` });
  before(() => {
    sh = new Shell();
    sh.must("head -c 3000000 /dev/urandom > data; sha256sum < data > sum");
    for (const [name, address] of [["a", "fd00::1"], ["b", "fd00::2"]] as const) {
      const env = { RUMP_SERVER: `unix://${sh.dir}/${name}` };
      sh.must(`rump_server -l rumpnet_shmif,rumpnet_netinet6,rumpvfs unix://${name}`);
      sh.must(`rump.ifconfig shmif0 create linkstr ${sh.dir}/bus && rump.ifconfig shmif0 inet6 ${address}/64`, env);
    }
    sh.must(`cat > six.py <<'E'\n${SIX}\nE\ncat > options.py <<'E'\n${OPTIONS}\nE`);
    // An address that may be another's still is nobody's to bind.
    sh.until("! RUMP_SERVER=unix://b rump.ifconfig shmif0 | grep -q tentative");
    const serve = (command: string) =>
      sh.must(`rumphijack --path none ${command} > log 2>&1 & echo $! >> pids`, { RUMP_SERVER: `unix://${sh.dir}/b` });
    serve("python3 -m http.server -b fd00::2 8080");
    serve("iperf3 -s -B fd00::2");
    serve("socat -u TCP6-LISTEN:8081,bind=[fd00::2] OPEN:got,creat");
    sh.until("RUMP_SERVER=unix://b rump.netstat -an -f inet6 | grep -q 5201.*LISTEN", 10);
  });
  after(() => {
    sh.run("kill $(cat pids)");
    sh.close();
  });

  it("listeners of both families, mapped addresses, datagrams and what is beside them are as on the host", () => {
    const lines = (r: { out: string }) => r.out.split("\n");
    assertEquals(lines(on("b", "python3 six.py")), lines(sh.run("python3 six.py")));
  });
  it("options that are known do as on the host, those that are not fail with its errors", () => {
    const lines = (r: { out: string }) => r.out.split("\n");
    assertEquals(lines(on("b", "python3 options.py")), lines(sh.run("python3 options.py")));
  });
  it("curl -6 and wget get a file of python's server", () => {
    for (const get of ["curl -6 -s --retry 20 --retry-connrefused", "wget -q -O -"]) {
      assertEquals(on("a", `${get} 'http://[fd00::2]:8080/data' | sha256sum`).out, sh.must("cat sum"));
    }
  });
  it("socat sends one", () => {
    assertEquals(on("a", "socat -u OPEN:data 'TCP6:[fd00::2]:8081,retry=20,interval=0.1'").status, 0);
    assertEquals(sh.until('[ "$(sha256sum < got)" = "$(cat sum)" ]'), true);
  });
  it("ping -6 says nothing but what comes back", () => {
    const r = on("a", "ping -6 -c 2 -i 0.2 fd00::2");
    assertEquals(r.err, "");
    assertMatch(r.out, /2 packets transmitted, 2 received, 0% packet loss/);
  });
  it("iperf3 -6 moves data both ways", () => {
    for (const way of ["", "-R"]) {
      assertMatch(on("a", `iperf3 -6 -c fd00::2 -n 16M ${way}`).out, /16\.\d MBytes.*sender\n.*\d MBytes.*receiver\n/);
    }
  });
});
