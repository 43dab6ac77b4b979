/** rump.ps, fstat, top, ktrace, kdump, rump env, and who may come in: as a user has them. */
import { describe, it } from "node:test";
import process from "node:process";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "../assert.ts";
import { type Shell, within } from "./helpers.ts";

const RUMP_SERVER = "unix://sock";
async function onServer(options: string, test: (sh: Shell, run: (line: string) => ReturnType<Shell["run"]>) => void) {
  await within((sh) => {
    sh.must(`rump_server -l rumpvfs,rumpfs_tmpfs ${options} ${RUMP_SERVER}`);
    try {
      test(sh, (line) => sh.run(line, { RUMP_SERVER }));
    } finally {
      sh.run("rump.halt", { RUMP_SERVER });
    }
  });
}

describe("what clients do", () => {
  it("rump.ps and rump.fstat tell of clients and their descriptors", () =>
    onServer("", (_sh, run) => {
      const { out } = run("rump.cat </dev/null /dev/null; sleep 0.1; rump.ps");
      assertMatch(out.split("\n")[0]!, /^ *PID +PPID +UID +FILES +CALLS +AGE WAITS FOR WIRE +PEER +COMMAND$/);
      assertMatch(out, / cbor +uid \d+ pid \d+ +rump\.ps\n/);
      assert(!out.includes("rump.cat"));
      assertMatch(run("rump.fstat").out, /rump\.fstat +0 console +rw /);
      assertEquals(run("rump.ps -p 9999"), { status: 1, out: "", err: "rump.ps: 9999: no such process\n" });
    }));
  it("rump.top shows rates, and ends after so many displays", () =>
    onServer("", (_sh, run) => {
      const { out, status } = run("rump.top -n 2 -s 0.2");
      assertEquals([status, out.match(/clients?, \d+ calls\/s, \d+ waiting/g)?.length], [0, 2]);
      assertEquals(run("rump.top -s 0").status, 1);
    }));
  it("rump.ktrace follows a command's programs; rump.kdump shows it", () =>
    onServer("", (_sh, run) => {
      const traced = run("rump.ktrace sh -c 'rump.mkdir /x; rump.rm /nosuch'");
      assertEquals([traced.status, traced.err], [1, "rump.rm: /nosuch: No such file or directory\n"]);
      const { out } = run("rump.kdump");
      assertMatch(out, /^ +\d+ rump\.mkdir mkdir\("\/x", 0777\) = 0 <\d+us>$/m);
      assertMatch(out, /rump\.rm lstat\("\/nosuch", ub\) = -1 ENOENT No such file or directory/);
      assertMatch(run("rump.ktrace -l rump.mkdir /y").err, /mkdir\("\/y", 0777\) = 0/);
      assertEquals(run("rump.ktrace -l -p 9999").err, "rump.ktrace: No such process\n");
      assertEquals(run("rump.ktrace -l nosuchprogram").status, 127);
    }));
  it("rump.ktrace without a command shows everybody until interrupted", () =>
    onServer("", (_sh, run) => {
      const { err, out } = run(
        "rump.ktrace -l 2>trace & p=$!; sleep 1; rump.mkdir /z; sleep 0.3; kill -INT $p; wait $p; echo $?; cat trace",
      );
      assertMatch(out, /^0\n[^]*rump\.mkdir mkdir\("\/z", 0777\) = 0/);
      assertEquals(err, "");
    }));
});

describe("rump env", () => {
  it("sets server, path and prompt, and takes them back", () =>
    onServer("", (sh) => {
      const script =
        'PS1="$ "; eval "$(rump env --shell bash unix://sock)"; cd /; rump.sysctl -n kern.ostype; echo "$PS1"; rump_off; echo "${RUMP_SERVER-none} $PS1"';
      const [ostype, prompt, after] = sh.must(`bash -c '${script}'`).split("\n");
      assertEquals([ostype, prompt, after], ["NetBSD", `(unix://${sh.dir}/sock) $ `, "none $ "]);
    }));
  it("speaks to the shell it is run by, whatever SHELL says", () =>
    within((sh) => {
      // A shell by another name: what counts is what the process is called.
      sh.must("cp $(command -v bash) fish && cp fish zsh");
      assertStringIncludes(
        sh.must("./fish -c 'rump env unix://a%b; true'", { SHELL: "/bin/sh" }),
        "set -gx RUMP_SERVER",
      );
      assertStringIncludes(sh.must("./zsh -c 'rump env unix://a%b; true'", { SHELL: "/bin/fish" }), "a%%b) ");
    }));
  it("quotes what a shell would expand, and refuses what is no locator", () =>
    within((sh) => {
      const out = sh.must(`rump env --shell sh 'unix://a$(id)"b'"'"'c'`);
      assertStringIncludes(sh.must(`sh -c "$(cat <<'EOF'\n${out}echo "$RUMP_SERVER"\nEOF\n)"`), `a$(id)"b'c`);
      assertEquals(sh.run("rump env sock").status, 2);
      assertStringIncludes(sh.must("rump env --shell fish unix://sock"), "functions -c fish_prompt rump_old_prompt");
    }));
});

describe("who may come in", () => {
  it("over TCP with keys: whose key is authorized, as it says", () =>
    within((sh) => {
      sh.must("ssh-keygen -q -t ed25519 -N '' -f me && ssh-keygen -q -t ed25519 -N '' -f boss");
      sh.must("{ printf 'ro,uid=1000 '; cat me.pub; cat boss.pub; } > authorized");
      const url = `tcp://127.0.0.1:${20_000 + (process.pid % 20_000)}/`;
      sh.must(`rump_server -l rumpvfs --keys authorized ${url}`);
      const run = (line: string, key = "") => sh.run(`${key ? `RUMP_KEY=${key} ` : ""}${line}`, { RUMP_SERVER: url });
      assertEquals(run("rump.ls /", "me").out, "dev\ntmp\n");
      assertEquals(run("rump.mkdir /x", "me").err, "rump.mkdir: /x: Read-only file system\n");
      assertStringIncludes(run("rump.ls /").err, `${url}: a key is needed: RUMP_KEY names its file\n`);
      assertEquals(run("rump.halt", "me").err, "rump.halt: Operation not permitted\n");
      assertEquals(run("rump.halt", "boss").status, 0);
    }));
  it("limits are options, and variables that can be changed", () =>
    onServer("--max-clients=2", (_sh, run) => {
      assertEquals(run("rump.sysctl -n rump.sp.limits.clients").out, "2\n");
      assertEquals(run("rump.sysctl -w rump.sp.limits.clients=0").status, 1);
      assertStringIncludes(
        run("rump.top -n 3 -s 0.3 >/dev/null & rump.top -n 3 -s 0.3 >/dev/null & sleep 0.4; rump.ls /; wait").err,
        "too many clients",
      );
      assertEquals(run("rump.sysctl -w rump.sp.limits.clients=3").out, "rump.sp.limits.clients: 2 -> 3\n");
    }));
  it("options that make no sense are told", () =>
    within((sh) => {
      sh.must("echo nonsense > authorized");
      for (
        const [options, line] of [
          ["--keys authorized", "rump_server: authorized: line 1: no ssh-ed25519 key\n"],
          ["--keys nosuch", "rump_server: nosuch: no such file or directory\n"],
          ["--allow 1000", "rump_server: --allow 1000: it begins with uid=NUMBER\n"],
          ["--allow uid=1,rw", "rump_server: --allow uid=1,rw: bad option rw\n"],
          ["--max-calls=x", "rump_server: --max-calls x: not a number of at least 1\n"],
        ] as const
      ) assertEquals(sh.run(`rump_server ${options} unix://sock`), { status: 1, out: "", err: line });
    }));
});

describe("a server that goes away", () => {
  it("ends a client with a clear line, or is waited for as RUMPHIJACK_RETRYCONNECT says", () =>
    onServer("", (sh, run) => {
      const sleeper = "rump.top -b -n 5 -s 0.4";
      const dies = run(`${sleeper} >out & p=$!; sleep 0.6; rump.halt; wait $p; echo $?`);
      assertEquals([dies.out, dies.err], ["1\n", "rump.top: Connection reset by peer\n"]);
      const again = "sleep 0.5; rump_server -l rumpvfs,rumpfs_tmpfs unix://sock";
      sh.must(again);
      const back = run(
        `RUMPHIJACK_RETRYCONNECT=20 ${sleeper} >out & p=$!; sleep 0.6; rump.halt; ${again}; wait $p; echo $?`,
      );
      assertEquals(back.out, "0\n");
      assertMatch(
        back.err,
        /^rump_sp: connection to kernel lost, trying to reconnect \.\.\.\nrump_sp: reconnected!\n$/,
      );
      assertMatch(run("RUMPHIJACK_RETRYCONNECT=often rump.ls /").err, /^RUMPHIJACK_RETRYCONNECT: often: not inftime/);
    }));
});
