import { readFileSync, writeFileSync } from "node:fs";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { boot } from "../../src/rump.ts";
import { assert, assertEquals, assertStringIncludes } from "../assert.ts";
import { noFuse, within } from "./helpers.ts";

const readme = readFileSync(fileURLToPath(new URL("../../README.md", import.meta.url).href), "utf8");
/** Code blocks of a language, in order. */
const blocks = (language: string) =>
  [...readme.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, "gms"))].map((m) => m[1]!);

describe("README", () => {
  it("every shell command works as it stands, one after the other", { skip: noFuse() }, () =>
    within((sh) => {
      writeFileSync(`${sh.dir}/README.md`, readme);
      for (const [i, block] of blocks("sh").entries()) {
        writeFileSync(`${sh.dir}/block.sh`, `set -e\n${block}`);
        const r = sh.run("sh block.sh");
        assertEquals(r.status, 0, `block ${i}:\n${block}\n${r.out}${r.err}`);
        if (block.includes("fstypes")) assertStringIncludes(r.out, "vfs.generic.fstypes = rumpfs");
        if (block.includes("/hello\n")) assertStringIncludes(r.out, "Hello, world!");
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
