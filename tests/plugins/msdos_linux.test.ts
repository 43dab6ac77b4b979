import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { describe, it } from "node:test";
import { assert, assertEquals } from "../assert.ts";
import { fileAt, mounted } from "../cases/fat_crash.ts";
import { checked, diskOn, fsckFat, mkfs, say, scratchDir } from "../cases/fat_images.ts";
import { inLinux, noUml } from "../cases/uml.ts";
import { withFs } from "../vfs/helpers.ts";

const NAMES = [
  "plain.txt",
  "Long Name With Blanks.text",
  "\u00dcml\u00e4ut.txt",
  "UPPER.BIN",
  "Mixed.Case",
  "a.b.c.d",
  "dir/\u65e5\u672c\u8a9e",
  "dir/+,;=[].x",
];
const volumes = [[12, 1], [16, 2], [32, 1]] as const;
const content = (i: number) => new Uint8Array(1 + 777 * i).fill(65 + i);
const sum = (data: Uint8Array) => createHash("md5").update(data).digest("hex");

describe("msdos and Linux's vfat", () => {
  it(
    "Linux reads what is written here, and what Linux writes is read here and found in order",
    { skip: noUml() },
    async () => {
      const images: string[] = [];
      for (const [bits, perCluster] of volumes) {
        const { bytes } = mkfs(bits, perCluster);
        const { sys, kernel } = await withFs("msdos", diskOn(bytes));
        sys.mkdir({ path: "dir", mode: 0o755 });
        for (const [i, path] of NAMES.entries()) {
          const fd = sys.open({ path, flags: 0x602, mode: 0o644 }) as number;
          sys.write({ fd, buf: content(i) });
          sys.close({ fd });
        }
        await sys.chdir({ path: "/" });
        await kernel.halt();
        images.push(`${scratchDir()}/linux${bits}.img`);
        writeFileSync(images.at(-1)!, bytes);
      }
      const outputs = inLinux(
        images,
        `b find . -type f -exec /bin/busybox md5sum '{}' ';' &&
       b mkdir -p "Made by Linux/Deeper Still" && b cp UPPER.BIN "Made by Linux/Deeper Still/a copy of it.bin" &&
       b mv Mixed.Case "dir/MIXED again.case" && b rm plain.txt && b dd if=/dev/zero of=zeros bs=512 count=30 2>/dev/null &&
       b mv zeros "Long Name With Blanks.text"`,
      );
      for (const [v, image] of images.entries()) {
        const seen = outputs[v]!.split("\n").filter((l) => l !== "").map((l) => l.split("  ./").reverse().join(" "))
          .sort();
        assertEquals(seen, NAMES.map((name, i) => `${name} ${sum(content(i))}`).sort(), image);
        const bytes = new Uint8Array(readFileSync(image));
        assertEquals([say(await checked(bytes)), fsckFat(bytes)], ["", []], image);
        const volume = mounted(bytes);
        assertEquals(sum(fileAt(volume, "Made by Linux/Deeper Still/a copy of it.bin")!), sum(content(3)));
        assertEquals(sum(fileAt(volume, "dir/MIXED again.case")!), sum(content(4)));
        assertEquals(fileAt(volume, "Long Name With Blanks.text"), new Uint8Array(512 * 30));
        assert(fileAt(volume, "plain.txt") === undefined);
      }
    },
  );
});
