/** Locks of hijacked programs: the server's, whichever rumphijack they run under. */
import { after, before, describe, it } from "node:test";
import { assertEquals } from "../assert.ts";
import { noFuse, Shell } from "./helpers.ts";

/** Takes a lock, says so, and keeps it until its standard input ends. */
const KEEP = `import fcntl, os, sys
f = open(sys.argv[2], "r+b"); fcntl.lockf(f, fcntl.LOCK_EX, 10, 5) if sys.argv[1] == "lockf" else fcntl.flock(f, fcntl.LOCK_EX)
print("have it", flush=True); sys.stdin.read()`;
/** What others see of it. */
const ASK = `import fcntl, os, struct, sys, time
f = open(sys.argv[1], "r+b")
def attempt(what, *args):
    try: what(f, *args); return "free"
    except OSError as e: return e.strerror
print(attempt(fcntl.lockf, fcntl.LOCK_EX | fcntl.LOCK_NB, 10, 5))
print(attempt(fcntl.lockf, fcntl.LOCK_EX | fcntl.LOCK_NB, 5, 0))
print(attempt(fcntl.flock, fcntl.LOCK_EX | fcntl.LOCK_NB))`;
/** Waits for a lock, while another thread uses the mount. */
const WAIT = `import fcntl, os, signal, sys, threading, time
f = open(sys.argv[1], "r+b"); t = threading.Thread(target=fcntl.lockf, args=(f, fcntl.LOCK_EX), daemon=True); t.start()
for i in range(20): open(sys.argv[1] + "y%d" % i, "w").close()
print("waits" if t.is_alive() else "has it", flush=True); os.kill(int(sys.argv[2]), signal.SIGTERM); t.join(10)
print("waits" if t.is_alive() else "has it")`;
/** Is interrupted in it. */
const ALARM = `import fcntl, signal, sys
class Late(Exception): pass
def late(*_): raise Late()
signal.signal(signal.SIGALRM, late); signal.setitimer(signal.ITIMER_REAL, 0.2); f = open(sys.argv[1], "r+b")
try: fcntl.lockf(f, fcntl.LOCK_EX); print("has it")
except Late: print("interrupted")`;

describe("locks of hijacked programs", { skip: noFuse() }, () => {
  let sh: Shell;
  before(() => {
    sh = new Shell();
    sh.env.RUMP_SERVER = `unix://${sh.dir}/s`;
    for (const [name, text] of Object.entries({ keep: KEEP, ask: ASK, wait: WAIT, alarm: ALARM })) {
      sh.must(`cat > ${name}.py <<'END'\n${text}\nEND`);
    }
    sh.must("rump_allserver unix://s", { RUMP_SERVER: sh.env.RUMP_SERVER! });
  });
  after(() => sh.close());
  /** A shell line, `HOLDER` being a program of another rumphijack that has locked /rump/tmp/NAME. */
  const beside = (how: "lockf" | "flock", name: string, line: string) => {
    const keep =
      `mkfifo ${name}.in; rumphijack sh -c 'echo > /rump/tmp/${name}; exec python3 keep.py ${how} /rump/tmp/${name}' < ${name}.in > ${name}.out & HOLDER=$!; exec 9> ${name}.in;
until grep -q have ${name}.out; do sleep 0.05; done;`;
    return sh.must(`${keep} ${line}; exec 9>&-; wait`, { RUMP_SERVER: sh.env.RUMP_SERVER! });
  };

  it("a range that another has is refused, the next is not, and flock(2) is a world of its own", () =>
    assertEquals(
      beside("lockf", "a", "rumphijack python3 ask.py /rump/tmp/a"),
      "Resource temporarily unavailable\nfree\nfree\n",
    ));
  it("flock(2) excludes programs of another rumphijack", () =>
    assertEquals(
      beside("flock", "b", "rumphijack python3 ask.py /rump/tmp/b"),
      "free\nfree\nResource temporarily unavailable\n",
    ));
  it("who waits for a lock does not keep others from the mount, and has it once its holder is gone", () =>
    assertEquals(beside("lockf", "c", "rumphijack python3 wait.py /rump/tmp/c $HOLDER"), "waits\nhas it\n"));
  it("a signal ends the wait", () =>
    assertEquals(beside("lockf", "d", "rumphijack python3 alarm.py /rump/tmp/d"), "interrupted\n"));
  it("closing any descriptor of a file gives its locks up", () => {
    const line =
      'import fcntl, os; f = open("/rump/tmp/e", "w"); fcntl.lockf(f, fcntl.LOCK_EX); os.close(os.open("/rump/tmp/e", 0)); os.spawnlp(os.P_WAIT, "rumphijack", "rumphijack", "--socket", "none", "python3", "ask.py", "/rump/tmp/e")';
    assertEquals(
      sh.must(`rumphijack --socket none python3 -c '${line}'`, { RUMP_SERVER: sh.env.RUMP_SERVER! }),
      "free\nfree\nfree\n",
    );
  });
  it("sqlite: two writers of different rumphijacks lose nothing", () => {
    const write = (n: number) =>
      `rumphijack sh -c 'for i in 1 2 3 4 5; do sqlite3 -cmd ".timeout 20000" /rump/tmp/db "insert into t values(${n})"; done'`;
    const line = `rumphijack sqlite3 /rump/tmp/db "create table t(x)"; ${write(1)} & ${
      write(2)
    } & wait; rumphijack sqlite3 /rump/tmp/db "select count(*) from t; pragma integrity_check"`;
    assertEquals(sh.must(line, { RUMP_SERVER: sh.env.RUMP_SERVER! }), "10\nok\n");
  });
});
