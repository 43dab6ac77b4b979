/** rumphijack: the program it becomes is itself: status, signals, terminal, environment, descriptors, limits; and what it says. */
import { after, before, describe, it } from "node:test";
import { assertEquals, assertStringIncludes } from "../assert.ts";
import { noFuse, Shell } from "./helpers.ts";

/** What a program can see of how it was started. */
const SELF = `import fcntl, json, os, resource, sys
status = dict(l.split(":", 1) for l in open("/proc/self/status").read().splitlines() if ":" in l)
seen = {k: status[k].strip() for k in ("SigBlk", "SigIgn", "SigCgt", "CapEff", "CapAmb", "Umask", "Uid", "Gid", "Cpus_allowed")}
seen["SigIgn"] = hex(int(seen["SigIgn"], 16) & ~(3 << 31)) # 32 and 33 are the C library's own
seen["limits"] = open("/proc/self/limits").read()
seen["environment"] = sorted(k.hex() + "=" + v.hex() for k, v in os.environb.items() if k != b"_")
fds = [(f, os.readlink("/proc/self/fd/" + f)) for f in sorted(os.listdir("/proc/self/fd")) if os.path.exists("/proc/self/fd/" + f)]
seen["descriptors"] = [(f, t.split(":")[0]) for f, t in fds if not t.startswith("/proc/")]
seen["flags"] = [fcntl.fcntl(i, fcntl.F_GETFL) for i in (0, 1, 2)]
seen["arguments"] = [os.fsencode(a).hex() for a in sys.argv]
seen["rest"] = [os.getcwd(), os.nice(0), os.getpgrp() == os.getpid(), open("/proc/self/comm").read()]
seen["children"] = open("/proc/self/task/%d/children" % os.getpid()).read()
print(json.dumps(seen))`;
/** A program in the foreground of a terminal, as a shell starts it: is stopped by ^Z, goes on, and is ended by ^C. */
const TERMINAL = `import os, pty, signal, sys
leader, fd = pty.fork()
if leader == 0:
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    pid = os.fork()
    if pid == 0:
        os.setpgid(0, 0); os.tcsetpgrp(0, os.getpid()); signal.signal(signal.SIGTTOU, signal.SIG_DFL)
        os.execvp(sys.argv[1], sys.argv[1:])
    print("stopped by", os.WSTOPSIG(os.waitpid(pid, os.WUNTRACED)[1]), flush=True)
    os.kill(pid, signal.SIGCONT); print("goes on", flush=True)
    print("ended by", os.WTERMSIG(os.waitpid(pid, 0)[1]), "!", flush=True); os._exit(0)
seen = b""
def until(text):
    global seen
    while text not in seen: seen += os.read(fd, 4096)
until(b"ready"); os.write(fd, b"\\x1a"); until(b"goes on"); os.write(fd, b"\\x03"); until(b"!")
print(*[l for l in seen.decode().split("\\r\\n") if "by" in l], sep="\\n")`;

/** A server and its client on a loopback interface, and what was said in a file. */
const BOTH = `import os, socket
s = socket.socket(); s.bind(("127.0.0.1", 5001)); s.listen(5)
if os.fork() == 0:
    socket.create_connection(("127.0.0.1", 5001)).sendall(b"hello"); os._exit(0)
open("/rump/tmp/heard", "wb").write(s.accept()[0].recv(100)); os.wait()`;
/** As many sockets as there may be. */
const MANY = `import socket
a = []
try:
    while True: a.append(socket.socket())
except OSError as e: print(e.strerror)`;

describe("rumphijack", { skip: noFuse() }, () => {
  let sh: Shell;
  before(() => {
    sh = new Shell();
    sh.env.RUMP_SERVER = `unix://${sh.dir}/s`;
    sh.must("rump_allserver unix://s");
  });
  after(() => sh.close());
  const run = (command: string, env: Record<string, string> = {}) =>
    sh.run(command, { RUMP_SERVER: sh.env.RUMP_SERVER!, ...env });
  const must = (command: string) => sh.must(command, { RUMP_SERVER: sh.env.RUMP_SERVER! });

  for (
    const [command, status] of [
      ["true", 0],
      ["false", 1],
      ["sh -c 'exit 42'", 42],
      ["/etc/passwd", 126],
      ["nosuch", 127],
    ] as const
  ) {
    it(`${command} ends with ${status}`, () => assertEquals(run(`rumphijack ${command}`).status, status));
  }
  it("a program killed by a signal was", () => {
    sh.must(`echo 'import subprocess, sys; print(subprocess.call(sys.argv[1:]))' > call.py`);
    assertEquals(must(`python3 call.py rumphijack sh -c 'kill -TERM $$'`), "-15\n");
  });
  it("the program has the number its starter knows", () => {
    assertEquals(must("sh -c 'echo $$; exec rumphijack sh -c \"echo \\$\\$\"' | uniq | wc -l").trim(), "1");
  });
  for (
    const [what, around] of [
      [
        "arguments, environment, descriptors, signals, limits",
        "exec 5</etc/passwd 7</dev/null; export FOO=$(printf 'a\\376b');",
      ],
      ["ignored signals and a low limit", "trap '' HUP INT USR1; ulimit -S -n 200;"],
    ] as const
  ) {
    it(`${what} are as without it`, () => {
      sh.must(`cat > self.py <<'END'\n${SELF}\nEND`);
      const command = `python3 self.py "$(printf 'x\\377y')" ""`;
      assertEquals(must(`${around} rumphijack ${command}`), must(`${around} ${command}`));
    });
  }
  it("a limit on descriptors that cannot be raised is said to be reached", () => {
    sh.must(`cat > many.py <<'END'\n${MANY}\nEND`);
    assertEquals(must("ulimit -n 24; rumphijack --path none python3 many.py"), "Too many open files\n");
  });
  it("a program on a terminal is stopped by ^Z and ended by ^C", () => {
    sh.must(`cat > terminal.py <<'END'\n${TERMINAL}\nEND`);
    const out = must(`timeout 20 python3 terminal.py rumphijack sh -c 'echo ready; exec sleep 100'`);
    assertStringIncludes(out, "stopped by 20\n");
    assertStringIncludes(out, "ended by 2 !\n");
  });
  it("nothing of it is left when the program is gone", () => {
    must("rumphijack true");
    assertEquals(sh.until(`! RUMP_SERVER=${sh.env.RUMP_SERVER} rump.ps | grep -qw true`), true);
  });
  it("what the program leaves running is served on", () => {
    must("rumphijack sh -c '(sleep 0.5; echo late > /rump/late) > /dev/null 2>&1 &'");
    assertEquals(sh.until(`RUMP_SERVER=${sh.env.RUMP_SERVER} rump.cat /late 2> /dev/null | grep -q late`), true);
  });

  const wrong: readonly (readonly [command: string, says: string, status: number])[] = [
    ["rumphijack", "usage: rumphijack [--path", 2],
    ["rumphijack --path rump true", "rumphijack: path: rump: must begin with /", 2],
    ["rumphijack --path / true", "the whole of the host's files cannot be hijacked", 2],
    ["rumphijack --socket frob true", "rumphijack: socket: frob: not one of all, local, inet", 2],
    ["RUMPHIJACK=pfad=/rump rumphijack true", "rumphijack: RUMPHIJACK: pfad: not one of path, blanket", 2],
    ["RUMPHIJACK=path rumphijack true", "rumphijack: RUMPHIJACK: path: needs a value", 2],
    ["RUMPHIJACK=sysctl=perhaps rumphijack true", "rumphijack: RUMPHIJACK: sysctl: perhaps: must be yes or no", 2],
    ["RUMPHIJACK_RETRYCONNECT=never rumphijack true", "never: not inftime, once, die or seconds", 2],
    ["rumphijack --blanket /nosuch true", "rumphijack: /nosuch: the server's /nosuch: No such file or directory", 1],
    ["rumphijack --path /tmp/rump --blanket /tmp true", "rumphijack: /tmp/rump: /tmp is the rump kernel's already", 1],
    ["rumphijack --blanket /rump/tmp true", "rumphijack: /rump/tmp: /rump is the rump kernel's already", 1],
    ["rumphijack --path /proc/self/root/rump --blanket /rump true", "/rump is the rump kernel's already", 1],
    ["RUMP_SERVER=unix:///nosuch rumphijack true", "rump_sp: unix:///nosuch: no such file", 1],
    ["env -u RUMP_SERVER rumphijack true", "error: RUMP_SERVER not set", 1],
    ["rumphijack rumphijack true", "a program that is hijacked", 1],
    ["rumphijack nosuch", "rumphijack: nosuch: no such file or directory", 127],
  ];
  for (const [command, says, status] of wrong) {
    it(`${command}: ${says}`, () => {
      const r = run(command);
      assertStringIncludes(r.err, says);
      assertEquals(r.status, status);
    });
  }
  it("hijacked once, a program's files can be hijacked again", () =>
    assertEquals(
      must("rumphijack rumphijack --socket none --path /again ls /again /rump/tmp").split("\n")[0],
      "/again:",
    ));
  it("sockets and files are the rump kernel's at once", () => {
    sh.must(`cat > both.py <<'END'\n${BOTH}\nEND`);
    assertEquals(must("rumphijack python3 both.py && rump.cat /tmp/heard"), "hello");
    assertEquals(sh.run("python3 both.py").status, 1);
  });
  it("an empty RUMPHIJACK hijacks nothing, and needs no server", () => {
    const r = run("RUMPHIJACK= RUMP_SERVER=unix:///nosuch rumphijack ls -d /rump");
    assertStringIncludes(r.err, "cannot access '/rump'");
  });
});
