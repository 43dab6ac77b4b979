/** The examples (tests/examples) by the executable, as their users have them: checked, mounted on the host, loaded by a server. */
import { writeFileSync } from "node:fs";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { assertEquals, assertMatch, assertStringIncludes } from "../assert.ts";
import { noFuse, type Shell, within } from "./helpers.ts";

const mod = (name: string) => fileURLToPath(new URL(`../examples/${name}/mod.ts`, import.meta.url).href);
const json = '{ "name": "rump", "list": [1, 2] }';
const checked = (sh: Shell, name: string, source: string) =>
  assertMatch(sh.must(`rump plugin check -q ${mod(name)} ${source}`), /[1-9]\d* passed, 0 failed/);

describe("an example, by the executable,", () => {
  it("jsonfs passes its suite, is mounted, and tells of its options", { skip: noFuse() }, () =>
    within((sh) => {
      writeFileSync(`${sh.dir}/d.json`, json);
      checked(sh, "jsonfs", "d.json");
      assertMatch(
        sh.must(`rump mount ${mod("jsonfs")} --help`),
        /-o format=auto\|json\|toml +auto: JSON when it begins like it/,
      );
      sh.must(`mkdir mnt && rump mount ${mod("jsonfs")} d.json mnt -o newline=no`);
      assertEquals(sh.must("cat mnt/name mnt/list/1; findmnt -no SOURCE mnt"), `rump2${sh.dir}/d.json\n`);
      assertMatch(sh.must("findmnt -no OPTIONS mnt"), /^ro,/);
      sh.must("rump mount " + mod("jsonfs") + " -u mnt && echo '[[x' > bad.toml");
      const bad = sh.run(`rump mount ${mod("jsonfs")} bad.toml mnt`);
      assertEquals([bad.status, bad.err.trim().split("\n").length], [1, 1], bad.err);
      assertStringIncludes(bad.err, "bad.toml: ");
    }));
  it("jsonfs is loaded by a server, and mounts a disk lent to it", () =>
    within((sh) => {
      writeFileSync(`${sh.dir}/d.json`, json);
      const env = { RUMP_SERVER: "unix://sock" };
      sh.must(`rump_server -l ${mod("jsonfs")} -d key=/dev/json,hostpath=d.json,size=host unix://sock`);
      sh.must("rump.mkdir /m && rump.mount -t jsonfs -o ro,format=json /dev/json /m", env);
      assertEquals(sh.must("rump.cat /m/name /m/list/0; rump.halt", env), "rump\n1\n");
    }));
  it(
    "tarfs passes its suite and is mounted, by a process in the sandbox, too",
    { skip: noFuse() },
    () =>
      within((sh) => {
        sh.must("mkdir -p dir mnt && echo hello > dir/f && ln -s f dir/l && tar czf a.tgz dir");
        checked(sh, "tarfs", "a.tgz");
        sh.must(`rump mount ${mod("tarfs")} --sandbox a.tgz mnt && diff -r dir mnt/dir`);
        assertEquals(sh.must("readlink mnt/dir/l; ps -o user= $(pgrep -xf '.*--sandbox a.tgz mnt')"), "f\nnobody\n");
      }),
  );
  it(
    "httpfs passes its suite on Python's server, and is mounted: files are the server's",
    { skip: noFuse() },
    () =>
      within((sh) => {
        sh.must("mkdir -p www/sub mnt && head -c 200K /dev/urandom > www/sub/big && echo hi > www/hi");
        sh.start("python3 -u -m http.server --bind 127.0.0.1 --directory www 0 > log 2>&1");
        sh.until("grep -q port log");
        const url = `http://127.0.0.1:${/port (\d+)/.exec(sh.must("cat log"))![1]}/`;
        checked(sh, "httpfs", url);
        sh.must(`rump mount ${mod("httpfs")} ${url} mnt && diff -r www mnt`);
      }),
  );
});
