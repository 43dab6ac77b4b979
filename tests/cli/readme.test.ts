import { readFileSync, writeFileSync } from "node:fs";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { boot } from "../../src/rump.ts";
import { assert, assertEquals, assertStringIncludes } from "../assert.ts";
import { Netns, noDnsmasq } from "../net/netns.ts";
import { noFuse, type Shell, within } from "./helpers.ts";

const readme = readFileSync(fileURLToPath(new URL("../../README.md", import.meta.url).href), "utf8");
/** Code blocks of a language, in order. */
const blocks = (language: string) =>
  [...readme.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, "gms"))].map((m) => m[1]!);

/** What a block prints when it is run. */
function said(sh: Shell, i: number, block: string, command: string): string {
  writeFileSync(`${sh.dir}/block.sh`, `set -e\n${block}`);
  const r = sh.run(command);
  assertEquals(r.status, 0, `block ${i}:\n${block}\n${r.out}${r.err}`);
  return r.out;
}

describe("README", () => {
  it("every shell command works as it stands, one after the other", { skip: noFuse() }, () =>
    within((sh) => {
      writeFileSync(`${sh.dir}/README.md`, readme);
      for (const [i, block] of blocks("sh").entries()) {
        const out = said(sh, i, block, "sh block.sh");
        if (block.includes("fstypes")) assertStringIncludes(out, "vfs.generic.fstypes = rumpfs");
        if (block.includes("/hello\n")) assertStringIncludes(out, "Hello, world!");
      }
    }));
  it("so do those that need root and a network of their own", { skip: noDnsmasq() }, () =>
    within((sh) => {
      using ns = new Netns();
      for (const [i, block] of blocks("sh root").entries()) {
        said(sh, i, block, `ip netns exec ${ns.name} sh block.sh`);
      }
    }));
  it("the file system it shows is the one rump plugin new writes, its options are an example's", () =>
    within((sh) => {
      sh.must("rump plugin new hellofs");
      assertEquals(blocks("ts").find((b) => b.includes('"hellofs"')), sh.must("cat hellofs/mod.ts"));
      const example = readFileSync(new URL("../examples/jsonfs/mod.ts", import.meta.url).pathname, "utf8");
      assertStringIncludes(example, blocks("ts").find((b) => b.includes("strictObject"))!);
    }));
  it("the library example does what it says", async () => {
    const kernel = await boot();
    const { sys } = kernel;
    const fd = await sys.open({ path: "/hello", flags: 0x202, mode: 0o644 });
    assertEquals(await sys.write({ fd, buf: new TextEncoder().encode("hello\n") }), 6);
    await kernel.halt();
    assert(blocks("ts").some((b) => b.includes("await boot()")));
  });
});
