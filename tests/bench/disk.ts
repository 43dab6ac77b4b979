/** Making images: one filled from 2,000 files beside sfdisk, mkfs.fat and mcopy, and an empty volume beside mkfs.fat. */
import { best, line, sh } from "./bench.ts";

const TREE = `import os
r = os.urandom(1 << 21)
for i in range(2000):
    d = "tree/dir %d" % (i % 40); os.makedirs(d, exist_ok=True)
    open(d + "/File number %d with a name.bin" % i, "wb").write(r[i * 37:i * 37 + 100000 + (i % 7) * 1000])`;
const PEER = `rm -f b.img; truncate -s 260M b.img
printf 'label: gpt\\nstart=2048,type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B\\n' | sfdisk -q b.img
mkfs.fat --offset 2048 -F 32 b.img 264000 > /dev/null 2>&1
mcopy -s -i b.img@@1M tree/* ::`;

/** Seconds, each after the other, so that neither has the quiet moment. */
function both(n: number, ours: string, peer: string): readonly [number, number] {
  const times = Array.from({ length: n }, () => [sh(ours), sh(peer)] as const);
  return [Math.min(...times.map(([t]) => t)), Math.min(...times.map(([, t]) => t))];
}

export function disk(): void {
  sh(`python3 -c '${TREE}'`);
  const [ours, theirs] = both(5, "rump disk create -f a.img --from tree > /dev/null", PEER);
  line("image of 2,000 files, 200 MB", ours, "s", "sfdisk, mkfs.fat, mcopy", theirs);
  const empty = (size: string) =>
    both(
      5,
      `rm -f v.img; newfs_msdos -C ${size} v.img > /dev/null 2>&1`,
      `rm -f w.img; truncate -s ${size} w.img; mkfs.fat w.img > /dev/null`,
    );
  for (const size of ["64m", "32g"]) {
    const [made, peer] = empty(size.replace("m", "M").replace("g", "G"));
    line(`an empty volume of ${size}`, made * 1000, "ms", "mkfs.fat", peer * 1000);
  }
  line(
    "an empty volume of 2 TiB",
    best(3, () => sh("rm -f v.img; newfs_msdos -C 2048g v.img > /dev/null 2>&1")) * 1000,
    "ms",
  );
}
