import { describe, it } from "node:test";
import { execFileSync, spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { host } from "../../src/host/mod.ts";
import { assert, assertEquals, assertMatch } from "../assert.ts";
import { inDirectory, script } from "./helpers.ts";

describe("processes", () => {
  it("spawn gives status, output and the signal it ended by", async () => {
    const child = host.spawn("sh", ["-c", 'cat; echo "$X" >&2; exit 3'], { env: { X: "\u00e4" }, stdin: "in\u00e4" });
    assertEquals([await child.status, await child.stdout, await child.stderr], [3, "in\u00e4", "\u00e4\n"]);
    assertEquals(await host.spawn("sh", ["-c", "kill -9 $$"]).status, 137);
    assertEquals(await host.spawn("/nonexistent/command", []).status, 127);
  });
  it("output into a closed pipe ends the program quietly, as a signal would", () => {
    const { path } = host.self;
    const child = new URL("child.ts", import.meta.url).pathname;
    const run = host.runtime === "bun" ? `'${path}' '${child}'` : `'${path}' run -A --no-check --no-lock '${child}'`;
    const { stdout, stderr } = spawnSync("bash", ["-c", `${run} yes | head -c 10; echo " \${PIPESTATUS[0]}"`], {
      encoding: "utf8",
    });
    assertEquals([stdout, stderr], ["yyyyyyyyyy 141\n", ""]);
  });
  it("users and groups are known by name and number", () => {
    assertEquals([host.userId("root"), host.groupId("root")], [0, 0]);
    assertEquals([host.userName(0), host.groupName(0)], ["root", "root"]);
    assertEquals([host.userId("no such user"), host.userName(4_000_000_000)], [undefined, undefined]);
  });
  it("random fills all of a large buffer", () => {
    const b = new Uint8Array(200_000);
    host.random(b);
    assert(b.subarray(-64).some((x) => x !== 0) && b.subarray(0, 64).some((x) => x !== 0));
  });
});

describe("daemons", () => {
  it("the command ends with 0 once the daemon says it is ready; the daemon has a session and a name of its own", () =>
    inDirectory(async (dir) => {
      const file = `${dir}/said`;
      const start = host.now();
      const command = script("child.ts", ["daemon", file]);
      assertEquals([await command.status, await command.stdout, await command.stderr], [0, "", ""]);
      assert(host.now() - start < 5000);
      const [pid, ...argv] = new TextDecoder().decode(host.readFile(file)).split(" ");
      assert(Number(pid) !== command.pid);
      assertEquals(argv.join(" "), `rump daemon ${file}`);
      const [state, , , session] = new TextDecoder().decode(host.readFile(`/proc/${pid}/stat`)).split(") ")[1]!.split(
        " ",
      );
      assert(state !== "Z");
      assertEquals(session, pid);
    }));
  it("one that cannot start prints why, and the command ends with 1", () =>
    inDirectory(async (dir) => {
      const command = script("child.ts", ["daemon", `${dir}/f`, "rump: no room"]);
      assertEquals([await command.status, await command.stderr], [1, "rump: no room\n"]);
    }));
  it("one that dies without a word is told as such", async () => {
    const command = script("child.ts", ["mute"]);
    assertEquals([await command.status, await command.stderr], [1, "rump: ended before it was ready\n"]);
  });
});

describe("the compiled executable", { skip: host.runtime !== "bun" }, () => {
  it("knows the name it was called by: of a link, of exec -a, in a path", () =>
    inDirectory((dir) => {
      const mod = new URL("../../src/host/mod.ts", import.meta.url).pathname;
      writeFileSync(
        `${dir}/a.ts`,
        `import { host } from "${mod}"; host.out(host.argv.join(" ") + "\\n"); host.exit(0);`,
      );
      execFileSync(host.self.path, ["build", "--compile", `${dir}/a.ts`, "--outfile", `${dir}/rump`], {
        stdio: "ignore",
      });
      host.symlink("rump", `${dir}/rump.sysctl`);
      const sh = (line: string) => execFileSync("bash", ["-c", line], { cwd: dir, encoding: "utf8" }).trim();
      assertMatch(sh("./rump.sysctl -a x"), /(^|\/)rump\.sysctl -a x$/);
      assertEquals(sh("PATH=.:$PATH rump.sysctl"), "rump.sysctl");
      assertEquals(sh("exec -a rump_server ./rump -s"), "rump_server -s");
    }));
});
