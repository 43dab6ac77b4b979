/** An ISO image by a process of its own, and in a server. */
import { describe, it } from "node:test";
import { assertEquals, assertMatch } from "../assert.ts";
import { noFuse, within } from "./helpers.ts";

const IMAGE =
  "mkdir -p src/sub mnt && seq 200000 > src/sub/numbers && ln -s sub/numbers src/link && mkzftree src src.z && " +
  "genisoimage -quiet -R -o plain.iso src && genisoimage -quiet -R -z -o packed.iso src.z";

describe("rump_cd9660", () => {
  for (const image of ["plain.iso", "packed.iso"]) {
    it(`mounts ${image} read-only, in its sandbox`, { skip: noFuse() }, () =>
      within((sh) => {
        sh.must(`${IMAGE} && rump_cd9660 --sandbox ${image} mnt && cmp src/sub/numbers mnt/link && diff -r src mnt`);
        assertMatch(sh.run("touch mnt/new").err, /Read-only file system/);
        sh.must("rump_cd9660 -u mnt");
      }));
  }
  it("what is no ISO image is refused in one line", () =>
    within((sh) => {
      const r = sh.run("mkdir mnt; head -c 1m /dev/zero > zeros; rump_cd9660 zeros mnt");
      assertEquals(r.status, 1);
      assertMatch(r.err, /^rump_cd9660: \S*zeros: not an ISO 9660 volume: no volume descriptor\n$/);
    }));
});
