/** rumphijack: a server that goes while programs use it, and comes back; a program that is killed. */
import { after, before, describe, it } from "node:test";
import { assertEquals, assertStringIncludes } from "../assert.ts";
import { noFuse, type Result, Shell } from "./helpers.ts";

/** Says what comes of each of its parts by Linux's number of the error; `LOSE` stands for the loss of the server. */
const PROGRAM = `import errno, os, select, socket, sys, threading, time
def tell(name, part):
    try: r = part()
    except OSError as e: r = errno.errorcode[e.errno]
    print(name, r, flush=True)
    return r
def lose():
    print("ready", flush=True)
    while not os.path.exists("go"): time.sleep(0.01)
def listener(port):
    s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.bind(("127.0.0.1", port)); s.listen(5)
    return s
def pair(port=7000):
    a = listener(port); b = socket.create_connection(("127.0.0.1", port)); c, _ = a.accept(); b.sendall(b"ok")
    return c.recv(5)
def write(text): open("/rump/tmp/f", "w").write(text)
def read(): return open("/rump/tmp/f").read()
`;
const ERRORS = `${PROGRAM}
a = listener(7000); b = socket.create_connection(("127.0.0.1", 7000)); c, _ = a.accept()
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); u.bind(("127.0.0.1", 7000))
l = listener(7001); idle = socket.socket()
p = select.poll(); p.register(l, select.POLLIN)
parts = {"accept": a.accept, "receive": lambda: b.recv(10), "datagram": lambda: u.recvfrom(10), "poll": lambda: len(p.poll())}
said = {}
def run(name, part):
    try: said[name] = part()
    except OSError as e: said[name] = errno.errorcode[e.errno]
waiting = [threading.Thread(target=run, args=x) for x in parts.items()]
for t in waiting: t.start()
write("text"); k = open("/rump/tmp/f")
lose()
for t in waiting: t.join(10)
print(sorted(said.items()))
tell("send", lambda: b.send(b"x"))
tell("peer", b.getpeername)
tell("connect", lambda: idle.connect(("127.0.0.1", 7001)))
tell("socket", socket.socket)
tell("send to", lambda: u.sendto(b"x", ("127.0.0.1", 7001)))
tell("file", read)
tell("open file", k.read)
sys.exit(7)`;
const SAID = `[('accept', 'ENOTCONN'), ('datagram', 'ECONNRESET'), ('poll', 1), ('receive', 'ECONNRESET')]
send EPIPE
peer ENOTCONN
connect ENOTCONN
socket ENOTCONN
send to ENOTCONN
file ENOTCONN
open file ENOTCONN
`;
const LOOPS = `${PROGRAM}
a = listener(7000); p = select.poll(); p.register(a, select.POLLIN)
lose()
end, n = time.monotonic() + 1, 0
while time.monotonic() < end:
    p.poll(); n += 1
    try: a.accept()
    except OSError: pass
print(50 < n < 100)`;
const AGAIN = `${PROGRAM}
tell("before", pair); write("one"); k = open("/rump/tmp/f"); old = listener(7001)
lose()
tell("sockets", pair); tell("old", old.accept); tell("file", read); write("two"); tell("file", read); tell("open file", k.read)`;
const KEEPS = `${PROGRAM}
k = open("/rump/mnt/FILE"); tell("before", lambda: k.read(4))
lose()
tell("after", lambda: k.read(4))`;
const INTERFACES = `${PROGRAM}
tell("before", lambda: socket.if_nametoindex("lo0"))
lose()
tell("number", lambda: socket.if_nametoindex("lo0")); tell("names", socket.if_nameindex)`;
const WAITS = `${PROGRAM}
lose()
tell("socket", socket.socket)
sys.exit(7)`;
const ALIVE =
  `for p in /proc/[0-9]*; do grep -qz -e -[-]hijack-apart $p/cmdline && grep -qz RUMP_SERVER=$S $p/environ && exit 1; done 2>/dev/null; true`;

describe("a hijacked program whose server goes", { skip: noFuse() }, () => {
  let sh: Shell;
  let n = 0;
  before(() => void (sh = new Shell()));
  after(() => sh.close());
  /** Run a program; once it is ready its server S is lost by a shell line, and behind that the program goes on. */
  const lost = (program: string, lose: string, { start = "rump_allserver $S", more = "", retry = "" } = {}): Result => {
    const dir = sh.mkdir(`${n++}`);
    const set = retry === "" ? "" : `export RUMPHIJACK_RETRYCONNECT=${retry};`;
    return sh.run(
      `cd ${dir}; export S=unix://${dir}/s; export RUMP_SERVER=$S; cat > program.py <<'END'\n${program}\nEND
      ${start}; ${more}
      (${set} exec timeout 20 rumphijack python3 program.py) > out 2> err & program=$!
      for i in $(seq 200); do grep -q ready out 2> /dev/null && break; sleep 0.05; done
      ${lose}; touch go; wait $program; status=$?; grep -v ready out; cat err >&2
      RUMP_SERVER=$S timeout 5 rump.halt 2> /dev/null; exit $status`,
    );
  };
  for (
    const [how, lose, start] of [
      ["is halted", "rump.halt", "rump_allserver $S"],
      [
        "is killed",
        "kill -9 $server; sleep 0.1",
        "rump_allserver -s $S 2> log & server=$!; until rump.sysctl -n kern.ostype > log 2>&1; do sleep 0.05; done",
      ],
    ] as const
  ) {
    it(`and ${how}: calls that wait end, others fail, its status is its own`, () => {
      const r = lost(ERRORS, lose, { start });
      assertEquals([r.out, r.status], [SAID, 7], r.err);
    });
  }
  it("and it polls and accepts on and on: that does not spin", () => {
    assertEquals(lost(LOOPS, "rump.halt").out, "True\n");
  });
  const BACK = "before b'ok'\nsockets b'ok'\nold ENOTCONN\nfile ENOENT\nfile two\nopen file ESTALE\n";
  it("and is back at once: new sockets and files are the new one's, old ones are gone", () => {
    const r = lost(AGAIN, "rump.halt; rump_allserver $S", { retry: "once" });
    assertEquals([r.out.replace("open file ENOENT", "open file ESTALE"), r.err], [BACK, ""]);
  });
  it("and is back at once: interfaces are the new one's", () => {
    const r = lost(INTERFACES, "rump.halt; rump_allserver $S", { retry: "once" });
    assertEquals(r.out, "before 1\nnumber 1\nnames [(1, 'lo0')]\n", r.err);
  });
  it("and comes back later: that is waited for, and said", () => {
    const r = lost(AGAIN, "rump.halt; touch go; until grep -q lost err; do sleep 0.05; done; rump_allserver $S", {
      retry: "inftime",
    });
    assertEquals(r.out.replace("open file ENOENT", "open file ESTALE"), BACK);
    assertEquals(r.err, "rump_sp: connection to kernel lost, trying to reconnect ...\nrump_sp: reconnected!\n");
  });
  it("and comes back with the same disk: what is open goes on", () => {
    const serve =
      "rump_server -l rumpvfs,rumpfs_msdos -d key=/dk,hostpath=disk,size=host $S; rump.mkdir /mnt; rump.mount_msdos /dk /mnt";
    const disk =
      "truncate -s 4m disk; mkfs.fat disk > /dev/null; echo 12345678 | MTOOLS_SKIP_CHECK=1 mcopy -i disk - ::FILE";
    const r = lost(KEEPS, `rump.halt; ${serve}`, { start: `${disk}; ${serve}`, retry: "inftime" });
    assertEquals(r.out, "before 1234\nafter 5678\n", r.err);
  });
  for (
    const [retry, says, status] of [
      ["once", "", 7],
      ["1", "rump_sp: reconnect failed, 1 second timeout\n", 7],
      ["0", "", 7],
    ] as const
  ) {
    it(`and does not come back, RUMPHIJACK_RETRYCONNECT=${retry}: ENOTCONN`, () => {
      const r = lost(WAITS, "rump.halt", { retry });
      assertEquals([r.out, r.status], ["socket ENOTCONN\n", status]);
      assertStringIncludes(r.err, says);
    });
  }
  it("RUMPHIJACK_RETRYCONNECT=die: it is killed", () => {
    const r = lost(WAITS, "rump.halt", { retry: "die" });
    assertEquals([r.out, r.status], ["", 137]);
  });
  it("waits for another, and is killed then: nobody waits on", () => {
    const r = lost(
      WAITS,
      `rump.halt; touch go; until grep -q lost err; do sleep 0.05; done; kill -9 $(cat /proc/$program/task/*/children) $program`,
      {
        retry: "inftime",
        more: `apart() { ${ALIVE}; };`,
      },
    );
    assertEquals(r.status, 137);
    assertEquals(sh.until(`(export S=unix://${sh.dir}/${n - 1}/s; ${ALIVE})`), true);
  });
});
