/** How programs start: what they take from where they are started, and what a daemon keeps of it. */
import { describe, it } from "node:test";
import { existsSync, writeFileSync } from "node:fs";
import { assert, assertEquals, assertMatch } from "../assert.ts";
import { type Shell, within } from "./helpers.ts";

/** Start a server the way `before` says, do something with its number as $pid, halt it. */
function served(sh: Shell, before: string, work: string): string {
  return sh.must(
    `${before} rump_server unix://$PWD/sock && pid=$(pgrep -nf "rump_server unix://$PWD/sock"); ${work}; ` +
      "RUMP_SERVER=unix://$PWD/sock rump.halt",
  );
}

describe("a program", () => {
  it("runs nothing that the directory it is started in asks the runtime for", () =>
    within((sh) => {
      writeFileSync(`${sh.dir}/bunfig.toml`, 'preload = ["./preload.ts"]\n');
      writeFileSync(`${sh.dir}/preload.ts`, 'import { writeFileSync } from "node:fs"; writeFileSync("ran", "");\n');
      assertEquals(sh.run("rump --version").status, 0);
      assert(!existsSync(`${sh.dir}/ran`));
    }));
  it("takes no RUMP_SERVER from a .env file", () =>
    within((sh) => {
      writeFileSync(`${sh.dir}/.env`, "RUMP_SERVER=unix://sock\n");
      assertEquals(sh.run("rump.sysctl kern.ostype").err.split("\n")[0], "error: RUMP_SERVER not set");
    }));
});

describe("a server in the background", () => {
  it("has a session of its own, the root as its directory, and the null device as its standard streams", () =>
    within((sh) => {
      const seen = served(
        sh,
        "",
        'ps -o sid= -p $pid | tr -d " "; echo $pid; readlink /proc/$pid/cwd /proc/$pid/fd/[012]',
      );
      const [session, pid, ...paths] = seen.trim().split("\n");
      assertEquals(session, pid);
      assertEquals(paths, ["/", "/dev/null", "/dev/null", "/dev/null"]);
    }));
  it("keeps no file open that whoever started it had: a lock ends with its holder", () =>
    within((sh) => {
      served(sh, "exec 7>held; flock 7; ", "exec 7>&-; flock -n held true");
    }));
  it("does not answer the command that starts it with success when it is killed before it is ready", () =>
    within((sh) => {
      writeFileSync(`${sh.dir}/stuck.ts`, "process.kill(process.pid, 'SIGKILL');\nawait new Promise(() => {});\n");
      const { status, err } = sh.run("rump_server -l ./stuck.ts unix://sock");
      assertEquals(status, 1);
      assertMatch(err, /^rump\S*: ended before it was ready\n$/);
    }));
});
