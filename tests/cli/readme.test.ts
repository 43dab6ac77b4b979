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
      writeFileSync(`${sh.dir}/hellofs.ts`, blocks("ts").find((b) => b.includes('"hellofs"'))!);
      for (const [i, block] of blocks("sh").entries()) {
        writeFileSync(`${sh.dir}/block.sh`, `set -e\n${block}`);
        const r = sh.run("sh block.sh");
        assertEquals(r.status, 0, `block ${i}:\n${block}\n${r.out}${r.err}`);
        if (block.includes("fstypes")) assertStringIncludes(r.out, "vfs.generic.fstypes = rumpfs");
        if (block.includes("hellofs")) assertStringIncludes(r.out, "Hello, world!");
      }
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
