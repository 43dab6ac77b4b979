/** rumphijack: what is left, and what goes on, when a program, who serves it, or who started it is gone. */
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { assertEquals, assertStringIncludes } from "../assert.ts";
import { noFuse, Shell } from "./helpers.ts";

/** Processes apart of this server's programs, in a shell. */
const APART =
  "apart() { for p in /proc/[0-9]*; do if grep -qz -e -[-]hijack-apart $p/cmdline && grep -qz RUMP_SERVER=$RUMP_SERVER $p/environ; then echo ${p#/proc/}; fi; done 2> /dev/null; };";
/** Two ends of a connection, and who serves them is killed. */
const KILLED = `import errno, os, socket, sys, threading, time
a = socket.socket(); a.bind(("127.0.0.1", 7000)); a.listen(5)
b = socket.create_connection(("127.0.0.1", 7000)); c, _ = a.accept()
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); u.bind(("127.0.0.1", 7000))
said = {}
def run(name, part):
    try: said[name] = part()
    except OSError as e: said[name] = errno.errorcode[e.errno]
waiting = [threading.Thread(target=run, args=x) for x in (("accept", a.accept), ("datagram", lambda: u.recvfrom(10)), ("receive", lambda: b.recv(10)))]
for t in waiting: t.start()
print("ready", flush=True)
while not os.path.exists("go"): time.sleep(0.01)
run("socket", socket.socket); run("connect", lambda: b.connect(("127.0.0.1", 1)))
c.sendall(b"still")
for t in waiting: t.join(10)
print(sorted(said.items()))
sys.exit(7)`;
const MAIN = fileURLToPath(new URL("../../src/main.ts", import.meta.url).href);
const CONFIG = fileURLToPath(new URL("../../deno.json", import.meta.url).href);
const DENO = `deno run -A --no-check --no-lock --config ${CONFIG} ${MAIN}`;

describe("the life of hijacked programs", { skip: noFuse() }, () => {
  let sh: Shell;
  before(() => {
    sh = new Shell();
    sh.env.RUMP_SERVER = `unix://${sh.dir}/s`;
    sh.must("rump_allserver unix://s && rump_allserver unix://other && mkdir sub");
    sh.must("rump.mkdir /tmp/here", { RUMP_SERVER: `unix://${sh.dir}/other` });
  });
  after(() => sh.close());
  const run = (command: string) => sh.run(command, { RUMP_SERVER: sh.env.RUMP_SERVER! });

  it("a pipe ends with the program, though what it started is served on", () => {
    const line = "echo out; echo err >&2; sleep 19.725 > /dev/null 2>&1 &";
    const r = run(
      `timeout 10 sh -c 'rumphijack sh -c "${line}" 2>&1 | cat; echo $?'; ${APART} kill $(pgrep -f "^sleep 19.725$")`,
    );
    assertEquals(r.out, "out\nerr\n0\n");
  });
  it("a program that is killed leaves neither process nor mount", () => {
    const r = run(
      `rumphijack sh -c 'cd /rump/tmp; echo > ready; exec sleep 100' & p=$!; until rump.ls /tmp | grep -q ready; do sleep 0.05; done
      ${APART} test -n "$(apart)" && echo served; kill -9 $p; i=0; while [ -n "$(apart)" ] && [ $i -lt 100 ]; do sleep 0.05; i=$((i+1)); done; apart; grep -c " /rump " /proc/mounts`,
    );
    assertEquals(r.out, "served\n0\n");
  });
  it("who serves it is killed: calls fail with ENOSYS, connections there are go on, its status is its own", () => {
    sh.must(`cat > killed.py <<'END'\n${KILLED}\nEND`);
    const r = run(
      `rumphijack --path none python3 killed.py > out & p=$!; until grep -q ready out; do sleep 0.05; done; ${APART} sleep 0.3; kill -9 $(apart); touch go; wait $p; echo $?; tail -n 1 out`,
    );
    const said = { accept: "ENOSYS", connect: "ENOSYS", datagram: "ENOSYS" };
    const all = [
      ...Object.entries(said).map(([n, e]) => `('${n}', '${e}')`),
      "('receive', b'still')",
      "('socket', 'ENOSYS')",
    ];
    assertEquals(r.out, `7\n[${all.join(", ")}]\n`);
  });
  it("hijacked once more: files of another server are there beside those of the first, sockets stay the first's", () => {
    const other = `RUMP_SERVER=unix://${sh.dir}/other rumphijack --socket none --path /again`;
    const line = `${other} sh -c "ls -d /again/tmp/here; ls /rump/tmp/here; busybox ifconfig lo0 | grep -c 127.0.0.1"`;
    const r = run(`rumphijack sh -c '${line}'`);
    assertEquals(r.out, "/again/tmp/here\n1\n");
    const sockets = run(`rumphijack sh -c '${other.replace("--socket none", "")} true; echo $?'`);
    assertStringIncludes(sockets.err, "a program that is hijacked or supervised already");
    assertEquals(sockets.out, "1\n");
  });
  it("from source under Deno it is the same: files, sockets, status", () => {
    const line = "echo deno > /rump/tmp/deno; cat /rump/tmp/deno; busybox ifconfig lo0 | grep -c 127.0.0.1; exit 5";
    const r = run(`${DENO} rumphijack sh -c '${line}'`);
    assertEquals([r.out, r.status], ["deno\n1\n", 5], r.err);
  });
});
