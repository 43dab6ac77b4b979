/** --isolate: a driver in a process of its own does what it would in ours; whatever it does there, the mount says EIO and the server lives. */
import { writeFileSync } from "node:fs";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "../assert.ts";
import { isDeno, noFuse, type Shell, within } from "./helpers.ts";

const file = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url).href);
/** A volume of a file `ok`, and of one `bad` whose reading does something. */
const code = (bad: string, head = "") =>
  `import * as fs from "node:fs"; ${head}
export default { kind: "fs", name: "wild", mount(sys) {
  const [root, ok, bad] = [{ n: 1 }, { n: 2 }, { n: 3 }];
  return { root, lookup: (_, name) => ({ ok, bad })[name], readdir: () => [["ok", ok], ["bad", bad]],
    getattr: ({ n }) => ({ ino: n, type: n === 1 ? "dir" : "file", size: n === 1 ? 0 : 3 }),
    read(node, into, at) {
      if (node === bad) { ${bad} }
      const b = new TextEncoder().encode("ok\\n").subarray(at, at + into.length); into.set(b); return b.length;
    } };
} };
`;
const wild: Readonly<Record<string, readonly [code: string, log: string]>> = {
  "loops without an end": ["for (;;);", "no answer within 1 s, killed"],
  "never answers": ["return new Promise(() => {});", "no answer within 1 s, killed"],
  "ends its process": ["process.exit(3);", "its process has ended"],
  "is killed": ["process.kill(process.pid, 'SIGKILL'); for (;;);", "its process has ended"],
  "takes all memory": [
    "globalThis.all = []; const more = () => { all.push(new Uint8Array(8 << 20).fill(1)); setTimeout(more, 1); }; more(); return new Promise(() => {});",
    "more than 256 MiB of memory, killed",
  ],
  "sends rubbish": ["fs.writeSync(0, new Uint8Array(100).fill(255)); return 0;", "it does not speak our language"],
};
const limits = "--isolate --timeout 1 --memory 256m";
const gone = (sh: Shell) => sh.until("! pgrep -f -- '--isolated '$PWD >/dev/null", 5);

describe("an isolated driver", () => {
  it("that reads passes its suite, from a disk of its kernel's", () =>
    within((sh) => {
      writeFileSync(`${sh.dir}/d.json`, '{ "a": 1, "b": { "c": [2, 3] } }');
      const out = sh.must(`rump plugin check -q --isolate ${file("tests/examples/jsonfs/mod.ts")} d.json`);
      assertMatch(out, /option format=auto\|json\|toml {2}auto: .*\n9 passed, 0 failed/s);
    }));
  it("that writes passes its suite", () =>
    within((sh) => {
      const out = sh.must(`rump plugin check -q --isolate --timeout 60 -o size=8g ${file("plugins/fs_tmpfs/mod.ts")}`);
      assertMatch(out, /\n9\d passed, 0 failed/);
    }));
  it("whose file hangs when it is loaded is given up, in one line", () =>
    within((sh) => {
      writeFileSync(`${sh.dir}/x.ts`, "for (;;);");
      const r = sh.run("rump plugin check --isolate --timeout 1 ./x.ts");
      assertEquals([r.status, r.err], [
        1,
        "rump.plugin check: ./x.ts: no answer within 1 s, killed: all its files are EIO from now on\n",
      ]);
      assert(gone(sh), "its process is left");
    }));
});

describe("a mount of an isolated driver", { skip: noFuse() }, () => {
  for (const [what, [bad, log]] of Object.entries(wild)) {
    // Deno gives nobody its descriptor 0.
    const skip = isDeno && what === "sends rubbish";
    it(`that ${what}: EIO, a line in the log, and it can be unmounted`, { skip }, () =>
      within((sh) => {
        writeFileSync(`${sh.dir}/x.ts`, code(bad));
        sh.must(`mkdir mnt && rump mount ./x.ts ${limits} --log $PWD/log mnt && cat mnt/ok`);
        assertStringIncludes(sh.run("cat mnt/bad").err, "Input/output error");
        assertStringIncludes(sh.run("cat mnt/bad; ls mnt/new").err, "Input/output error");
        const lines = sh.must("cat log").split("\n").filter((line) => line.startsWith("wild: "));
        assertEquals(lines.length, 1, sh.must("cat log"));
        assertStringIncludes(lines[0]!, `wild: ./x.ts: ${log}`);
        sh.must("rump mount ./x.ts -u mnt");
        assert(gone(sh), "its process is left");
      }));
  }
  it("whose link is longer than any path: that is all that is said, and nothing logged", () =>
    within((sh) => {
      writeFileSync(
        `${sh.dir}/x.ts`,
        `export default { kind: "fs", name: "far", mount: () => ({ root: { n: 1 }, lookup: () => ({ n: 2 }), readdir: () => [],
          getattr: ({ n }) => ({ ino: n, type: n === 1 ? "dir" : "link", size: 1 }), readlink: () => "x".repeat(10e6) }) };`,
      );
      sh.must("mkdir mnt && rump mount ./x.ts --isolate --log log mnt");
      assertStringIncludes(sh.run("readlink -v mnt/link").err, "File name too long");
      sh.must("rump mount ./x.ts -u mnt");
      assertEquals(sh.must("grep -c bug log || true"), "0\n");
    }));
  it("may be in the sandbox: its process is nobody's and opens no file, and serves", () =>
    within((sh) => {
      writeFileSync(`${sh.dir}/x.ts`, code("fs.readFileSync('/etc/hostname');"));
      sh.must("mkdir mnt && rump mount ./x.ts --isolate --sandbox --log $PWD/log mnt && cat mnt/ok");
      assertEquals(sh.must("ps -o user= $(pgrep -f -- '--isolated.*'$PWD)"), "nobody\n");
      assertStringIncludes(sh.run("cat mnt/bad").err, "Input/output error");
      sh.must("cat mnt/ok && grep -q 'EPERM\\|not permitted' log");
    }));
  it("ends with the process that serves it, however that ends", () =>
    within((sh) => {
      writeFileSync(`${sh.dir}/x.ts`, code("for (;;);"));
      sh.must("mkdir mnt && rump mount ./x.ts --isolate mnt");
      sh.run("(cat mnt/bad &) ; sleep 0.2; pkill -KILL -f 'mount ./x.ts --isolate mnt'");
      assert(gone(sh), "its process is left");
    }));
});

describe("rump_server --isolate", () => {
  it("lives when a driver does not: other files are there, a new mount of it works", () =>
    within((sh) => {
      writeFileSync(`${sh.dir}/x.ts`, code("for (;;);"));
      const env = { RUMP_SERVER: "unix://sock" };
      sh.must(`rump_server ${limits} -l rumpfs_tmpfs -l ./x.ts unix://sock`);
      sh.must("rump.mkdir /m /n && rump.mount -t wild none /m && rump.mount -t wild none /n", env);
      assertStringIncludes(sh.run("rump.cat /m/bad", env).err, "Input/output error");
      assertEquals(
        sh.must("rump.cat /n/ok && rump.umount /m && rump.mount -t wild none /m && rump.cat /m/ok", env),
        "ok\nok\n",
      );
      sh.must("rump.halt", env);
    }));
});

describe("a built-in driver that is isolated", { skip: noFuse() }, () => {
  /** The process that serves, and its driver's. */
  const serving = '$(pgrep -xf "rump_msdos --isolate --log $PWD/log d.img mnt")';
  const driver = `$(pgrep -P ${serving} -f -- --isolated)`;
  it("reads and writes its image; it and who serves the mount are nobody's, and in the sandbox", () =>
    within((sh) => {
      sh.must("truncate -s 40M d.img && mkfs.fat -F 32 d.img > /dev/null && mkdir mnt");
      sh.must(
        "rump_msdos --isolate --log $PWD/log d.img mnt && seq 300000 > mnt/seq && mkdir mnt/d && mv mnt/seq mnt/d && sync mnt/d/seq",
      );
      if (!isDeno) {
        const states = sh.must(`for p in ${serving} ${driver}; do grep -h '^Uid\\|^Seccomp:' /proc/$p/status; done`);
        assertEquals(states, "Uid:\t65534\t65534\t65534\t65534\nSeccomp:\t2\n".repeat(2));
      }
      sh.must("rump_msdos -u mnt && fsck.fat -n d.img && seq 300000 > seq && mtype -i d.img ::d/seq | cmp - seq");
      assert(gone(sh), "its process is left");
    }));
  it("and is killed: EIO, one line in the log, and the mount can be unmounted", {
    skip: isDeno && "needs the executable",
  }, () =>
    within((sh) => {
      sh.must(
        "truncate -s 4M d.img && mkfs.fat d.img > /dev/null && mkdir mnt && rump_msdos --isolate --log $PWD/log d.img mnt",
      );
      sh.must(
        `echo a > mnt/a && sync mnt/a && kill -9 ${driver}`,
      );
      assertMatch(sh.run("ls mnt/none; touch mnt/b").err, /Input\/output error/);
      assertMatch(
        sh.must("cat log"),
        /^msdos: rumpfs_msdos: its process has ended: all its files are EIO from now on$/m,
      );
      sh.must("rump_msdos --unmount --lazy mnt");
      assert(gone(sh), "its process is left");
    }));
});
