import { describe, it } from "node:test";
import { pattern } from "../../src/conformance/claim.ts";
import { diskCases } from "../../src/conformance/disk.ts";
import { overlayDisk } from "../../src/lib/overlay_disk.ts";
import type { Sys } from "../../src/plugin.ts";
import { assertEquals } from "../assert.ts";
import { register } from "../conformance/fs.ts";
import { memoryDisk } from "../kern/fake.ts";

/** Not a multiple of the overlay's pages. */
const SIZE = 100 * 512;
for (const slow of [false, true]) {
  register(
    `an overlay over a ${slow ? "slow" : "fast"} disk`,
    diskCases(
      {} as Sys,
      { kind: "disk", name: "overlay", open: () => overlayDisk(memoryDisk(SIZE, { slow })) },
      undefined,
    ),
  );
}
describe("an overlay", () => {
  it("shows what was written anywhere, and leaves the disk below alone", async () => {
    const base = memoryDisk(SIZE);
    base.bytes.set(pattern(SIZE, 1));
    const over = overlayDisk(base);
    const expected = pattern(SIZE, 1);
    for (
      const [i, [at, length]] of [[0, 512], [3584, 1024], [4096, 8192], [SIZE - 512, 512], [512, 20_480]].entries()
    ) {
      const bytes = pattern(length!, i + 2);
      expected.set(bytes, at);
      await over.write!(bytes, at!);
    }
    const all = new Uint8Array(SIZE);
    await over.read(all, 0);
    assertEquals([all, base.bytes, base.writes], [expected, pattern(SIZE, 1), 0]);
  });
});
