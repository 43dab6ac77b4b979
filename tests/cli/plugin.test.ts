/** rump plugin, and plugins' files mounted and loaded: as somebody has it who has nothing but the executable. */
import { writeFileSync } from "node:fs";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "../assert.ts";
import { isDeno, noFuse, within } from "./helpers.ts";

const root = fileURLToPath(new URL("../..", import.meta.url).href);
const kinds = ["fs", "disk", "net", "transport"];
/** A volume of one file `f`, with a part of it replaced. */
const volume = (part = "", options = "", head = "") =>
  `${head}
export default { kind: "fs", name: "tiny", ${options} mount(sys, device, request) {
  const root = {}, f = {};
  return { root, lookup: (d, n) => n === "f" ? f : undefined, readdir: () => [["f", f]],
    getattr: (n) => ({ ino: n === root ? 1 : 2, type: n === root ? "dir" : "file", size: n === root ? 0 : 3 }),
    read(n, into, at) { const b = new TextEncoder().encode("abc").subarray(at, at + into.length); into.set(b); return b.length; },
    ${part} };
} };
`;

describe("rump plugin new", () => {
  for (const kind of kinds) {
    it(`--kind ${kind} makes a plugin that passes its suite, and whose test runs under both runtimes`, () =>
      within((sh) => {
        sh.must(`rump plugin new --kind ${kind} mine`);
        const tests = ["bun test mine/", "deno test -A --no-check mine/"];
        for (const command of tests) assertMatch(sh.must(`${command} 2>&1`), /[1-9]\d* passed, 0 failed/);
      }));
  }
  it(
    "makes plugins that type-check, by tsc and by deno, with nothing installed",
    { skip: isDeno },
    () =>
      within((sh) => {
        for (const kind of kinds) sh.must(`rump plugin new ${kind}1 --kind ${kind} && cd ${kind}1 && tsc`);
        sh.must("cd fs1 && deno check -q mod.ts && sed -i s/getattr/gettattr/ mod.ts");
        assertStringIncludes(sh.run("cd fs1 && tsc").out, "gettattr");
      }),
  );
  it("overwrites nothing, and says what is wrong with a name or kind", () =>
    within((sh) => {
      const r = sh.run("mkdir mine; rump plugin new mine; rump plugin new ../x; rump plugin new x --kind y; ls");
      assertEquals(r.err.split("\n"), [
        "rump.plugin new: mine: file exists",
        "rump.plugin new: ../x: not a word of a-z, 0-9 and _",
        "rump.plugin new: --kind y: only fs, disk, net, transport",
        "",
      ]);
      assertEquals(r.out, "mine\n");
    }));
});

describe("the package", { skip: isDeno }, () => {
  it("as npm packs it gives a plugin its types, by tsc and by deno", () =>
    within((sh) => {
      sh.must(`(cd ${root} && npm pack --pack-destination ${sh.dir}) && mkdir -p node_modules && tar xf rump-*.tgz`);
      sh.must("mv package node_modules/rump && rump plugin new mine && mv mine/mod.ts .");
      writeFileSync(`${sh.dir}/package.json`, '{ "type": "module", "dependencies": { "rump": "*" } }');
      const strict = "--strict --noEmit --exactOptionalPropertyTypes --module nodenext --target esnext --types ''";
      sh.must(`tsc ${strict} mod.ts && deno check -q --node-modules-dir=manual mod.ts`);
      sh.must("sed -i s/lookup/look_up/ mod.ts");
      assertStringIncludes(sh.run(`tsc ${strict} mod.ts`).out, "look_up");
    }));
});

describe("rump plugin check", () => {
  const check = (code: string, args = "") =>
    within((sh) => {
      writeFileSync(`${sh.dir}/x.ts`, code);
      last = sh.run(`timeout 30 rump plugin check ${args} ./x.ts`);
    });
  let last = { status: 0, out: "", err: "" };

  it("says what keeps a file from being a plugin", async () => {
    const faults: readonly (readonly [code: string, why: string])[] = [
      ["export const x = 1", "not a plugin: it has no default export"],
      ["export default { kind: 'disc' }", "its kind is none of fs, disk, net, transport, component"],
      ["export default { kind: 'fs', name: 'a b' }", "its name is no word"],
      ["export default { kind: 'fs', name: 'a' }", "a plugin of kind fs has a function mount"],
      ["export default { kind: 'fs', name: 'a', mount() {}, options: {} }", "its options are no schema"],
      ["export default {", "x.ts: "],
      ["throw new Error('no luck')", "x.ts: no luck"],
    ];
    for (const [code, why] of faults) {
      await check(code);
      assertEquals(last.status, 1);
      assertStringIncludes(last.err, why);
      assertEquals(last.err.split("\n").length, 2, last.err);
    }
  });
  it("tells kind, name, what it leaves out, and every claim; the sum last", async () => {
    await check(volume());
    assertEquals(last.status, 0, last.out + last.err);
    assertStringIncludes(last.out, "./x.ts: fs tiny\nleaves out readlink, write, ");
    assertMatch(last.out, /\nok {3}the driver's contract: the root is a directory with a number\n/);
    assertMatch(last.out, /\nskip files: .* \(lacks write.*\)\n/);
    assertMatch(last.out, /\n9 passed, 0 failed, \d+ skipped\n$/);
  });
  it("fails, with the reason, on a claim that does not hold", async () => {
    await check(volume("read: () => 2"), "-q");
    assertEquals(last.status, 1);
    assertMatch(last.out, /\nFAIL the driver's contract: files have as many bytes as they say.*: f: 2, not 3\n/);
    assertMatch(last.out, /[1-9] failed, \d+ skipped\n$/);
  });
  it("is told what a driver lacks, and refuses what no claim needs", async () => {
    await check(volume(), "-q --lacks case,huge");
    assertMatch(last.out, /\n9 passed, 0 failed/);
    await check(volume(), "--lacks wings");
    assertStringIncludes(last.err, "rump.plugin check: --lacks wings: only write, ");
  });
  it("waits for an answer no longer than it is told", async () => {
    await check(volume("statfs: () => new Promise(() => {})"), "-q --timeout 0.3");
    assertStringIncludes(last.out, "no answer within 0.3 s\n");
  });
  it("checks a driver of images on one, which it leaves alone", { skip: noFuse() }, () =>
    within((sh) => {
      sh.must("truncate -s 2M d.img && mkfs.fat d.img && cp d.img before");
      const fat = `${root}/plugins/fs_msdos/mod.ts`;
      assertStringIncludes(sh.run(`rump plugin check ${fat}`).err, "msdos: an image is wanted, too");
      const out = sh.must(`rump plugin check -q ${fat} d.img`);
      assertMatch(out, /option codepage=437\|/);
      assertMatch(out, /\n\d{2} passed, 0 failed/);
      sh.must("cmp d.img before");
    }));
});

describe("a plugin's file", { skip: noFuse() }, () => {
  it("is mounted by rump mount, with its options in --help and -o", () =>
    within((sh) => {
      sh.must(`mkdir mnt && ln -s ${root}/node_modules .`);
      const options = `options: v.strictObject({ deep: v.optional(v.pipe(v.number(), v.description("how deep"))) }),`;
      const part = `label: request.source + request.options.deep,`;
      writeFileSync(`${sh.dir}/x.ts`, volume(part, options, 'import * as v from "valibot";'));
      assertMatch(sh.must("rump mount ./x.ts --help"), /-o deep=number +how deep\n/);
      assertEquals(
        sh.run("rump mount ./x.ts -o deep=x mnt").err,
        'rump.mount: deep: Invalid type: Expected number but received "x"\n',
      );
      sh.must("rump mount ./x.ts https://example.org/ mnt -o deep=3");
      assertEquals(sh.must("cat mnt/f; findmnt -no FSTYPE,SOURCE mnt"), "abcfuse.tiny https://example.org/\n");
      sh.must("rump mount ./x.ts -u mnt && rump mount ./x.ts mnt && findmnt -no SOURCE mnt && umount mnt");
    }));
  it("is loaded by rump_server, and mounted there with the same options", () =>
    within((sh) => {
      const schema = `options: { "~standard": { version: 1, vendor: "me", validate: (value) => ({ value }) } },`;
      writeFileSync(`${sh.dir}/x.ts`, volume("label: request.options.a,", schema));
      const env = { RUMP_SERVER: "unix://sock" };
      sh.must("rump_server -l ./x.ts unix://sock");
      assertEquals(sh.must("rump.mkdir /m && rump.mount -t tiny -o a=b none /m && rump.cat /m/f", env), "abc");
      sh.must("rump.halt", env);
    }));
  it("finds its packages beside it, whichever directory rump is started in", { skip: isDeno }, () =>
    within((sh) => {
      sh.must("mkdir -p p/node_modules/dep mnt q");
      writeFileSync(
        `${sh.dir}/p/node_modules/dep/package.json`,
        `{"name":"dep","type":"module","exports":{".":{"import":"./lib/a.js"}}}`,
      );
      sh.must("mkdir p/node_modules/dep/lib && echo 'export const word = \"found\"' > p/node_modules/dep/lib/a.js");
      writeFileSync(`${sh.dir}/p/x.ts`, volume("label: word,", "", 'import { word } from "dep";'));
      assert(sh.must("cd q && rump plugin check -q ../p/x.ts").includes("9 passed, 0 failed"));
    }));
  it("a driver that makes files and no directories is checked without them", () =>
    within((sh) => {
      sh.must(`cat > flat.ts <<'P'
export default { kind: "fs", name: "flat", mount(sys) {
  const files = new Map();
  let ino = 1;
  return {
    root: files,
    lookup: (dir, name) => files.get(name),
    readdir: () => files,
    create(dir, name) { const f = { ino: ++ino, data: new Uint8Array() }; files.set(name, f); return f; },
    unlink: (dir, name) => void files.delete(name),
    getattr: (n) => n === files ? { ino: 1, type: "dir", size: 0 } : { ino: n.ino, type: "file", size: n.data.length },
    read(n, into, offset) { const part = n.data.subarray(offset, offset + into.length); into.set(part); return part.length; },
    write(n, from, offset) {
      const data = new Uint8Array(Math.max(n.data.length, offset + from.length));
      data.set(n.data); data.set(from, offset); n.data = data;
      return from.length;
    },
  };
} };
P`);
      const said = sh.run("rump plugin check flat.ts").out;
      assertMatch(said, /^ok {3}.*: a listing has neither \. nor \.\./m);
      assertMatch(said, /^ok {3}.*: files have as many bytes as they say/m);
      assertEquals(/^FAIL.*Read-only/m.test(said), false, said);
    }));
  it("tells of changes by other hands: the host sees new bytes and names at once, not in an hour", () =>
    within((sh) => {
      // Asked for the first time it changes soon after: f has other bytes, g is there.
      const code = (told: boolean) =>
        `export default { kind: "fs", name: "moving", mount(sys) {
  const root = {}, f = {}, g = {};
  let [text, mtime] = ["before", 1000];
  const names = () => text === "before" ? { f } : { f, g };
  const v = { root, changing: true, lookup: (d, n) => names()[n], readdir: () => Object.entries(names()),
    getattr: (n) => ({ ino: [root, f, g].indexOf(n) + 1, type: n === root ? "dir" : "file", size: n === root ? 0 : text.length, mtime }),
    read(n, into, at) {
      if (text === "before") setTimeout(() => { text = "afterwards"; mtime++;${told ? "sys.changed(v);" : ""} }, 100);
      const b = new TextEncoder().encode(text).subarray(at, at + into.length); into.set(b); return b.length;
    } };
  return v;
} };`;
      sh.must("mkdir mnt");
      for (const told of [true, false]) {
        writeFileSync(`${sh.dir}/x.ts`, code(told));
        sh.must("rump mount ./x.ts mnt && ! ls mnt/g 2>/dev/null && grep -q before mnt/f");
        assertEquals(sh.until("grep -q afterwards mnt/f && ls mnt/g", told ? 10 : 0.5), told);
        sh.must("rump mount ./x.ts -u mnt");
      }
    }));
  for (
    const [what, start] of [["a server", "rump_server -l ./x.ts --log $PWD/log unix://sock"], [
      "a mount",
      "mkdir mnt && rump mount ./x.ts --log $PWD/log mnt",
    ]] as const
  ) {
    it(`whose timers throw and whose promises are rejected ends nothing: ${what} logs a line of each`, () =>
      within((sh) => {
        const stray =
          `Promise.reject(new Error("of a promise")); setTimeout(() => { throw new Error("of a timer"); }, 5)`;
        writeFileSync(`${sh.dir}/x.ts`, volume(`readdir: () => { ${stray}; return [["f", f]]; }`));
        const env = { RUMP_SERVER: "unix://sock" };
        sh.must(`${start}`);
        if (what === "a server") sh.must("rump.mkdir /m && rump.mount -t tiny none /m && rump.ls /m", env);
        else sh.must("ls mnt");
        assert(
          sh.until("grep -q 'bug: .*of a promise' log && grep -q 'bug: .*of a timer' log", 5),
          sh.run("cat log").out,
        );
        if (what === "a server") assertEquals(sh.must("rump.cat /m/f && rump.halt", env), "abc");
        else assertEquals(sh.must("cat mnt/f && rump mount ./x.ts -u mnt"), "abc");
      }));
  }
});
