/** Images converted and compared, beside qemu-img, which is told to have everything on the disk in the end, as ours has. */
import { writeFileSync } from "node:fs";
import { best, line, sh, work } from "./bench.ts";

const MIB = 256;
/** Data that can be packed to half, and a hole eight times as long, in a disk. */
const FILL = `import random
random.seed(1)
words = [random.randbytes(24) + bytes(24) for i in range(4096)]
f = open("c.img", "wb")
for i in range(${MIB}): f.write(b"".join(random.choice(words) for _ in range((1 << 20) // 48)))
f.truncate(${MIB} * 8 << 20)`;
/** What is done, ours, qemu-img's. */
const rows = [
  ["raw to raw", "c.img ours.img", "-O raw c.img theirs.img"],
  ["raw to qcow2", "c.img ours.qcow2", "-O qcow2 c.img theirs.qcow2"],
  ["qcow2 to raw", "ours.qcow2 ours2.img", "-O raw theirs.qcow2 theirs2.img"],
  ["raw to packed qcow2", "-c c.img oursc.qcow2", "-c -O qcow2 c.img theirsc.qcow2"],
  ["packed qcow2 to raw", "oursc.qcow2 ours2.img", "-O raw theirsc.qcow2 theirs2.img"],
  [
    "raw to qcow2 by zstd",
    "-o compress=zstd c.img oursz.qcow2",
    "-c -O qcow2 -o compression_type=zstd c.img theirsz.qcow2",
  ],
  ["raw to vmdk", "c.img ours.vmdk", "-O vmdk c.img theirs.vmdk"],
] as const;

export function convert(): void {
  writeFileSync(`${work}/fill.py`, FILL);
  sh("python3 fill.py && sync c.img");
  for (const [what, ours, theirs] of rows) {
    const mine = best(3, () => sh(`rump disk convert -f ${ours}`));
    line(
      `convert ${what}, ${MIB} MiB`,
      mine,
      "s",
      "qemu-img",
      best(3, () => sh(`qemu-img convert -t writeback ${theirs}`)),
    );
  }
  const mine = best(3, () => sh("rump disk compare -q ours.qcow2 c.img"));
  line(
    `compare qcow2 with raw, ${MIB} MiB`,
    mine,
    "s",
    "qemu-img",
    best(3, () => sh("qemu-img compare ours.qcow2 c.img")),
  );
}
