import process from "node:process";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { noFuse, within } from "./helpers.ts";

const script = fileURLToPath(new URL("../cases/fsx.py", import.meta.url).href);
const seed = Number(process.env.SEED ?? Date.now() & 0xffffff);
const OPERATIONS = Number(process.env.OPERATIONS ?? 800);

describe("a file's data through a mount", { skip: noFuse() }, () => {
  for (const [bits, perCluster] of [[12, 8], [16, 1], [32, 1]] as const) {
    it(`FAT${bits}: reads, writes, cuts and mapped memory agree with an array, also after mounting anew; fsck agrees`, () =>
      within((sh) => {
        sh.must(
          `truncate -s ${
            { 12: 8, 16: 16, 32: 40 }[bits]
          }M f.img && mkfs.fat -F ${bits} -s ${perCluster} f.img && mkdir mnt`,
        );
        sh.must("rump_msdos f.img mnt");
        sh.must(`python3 ${script} mnt/file ${seed} ${OPERATIONS} && umount mnt`);
        sh.must("rump_msdos f.img mnt && cmp mnt/file mnt/file.want && umount mnt");
        sh.until("fsck_msdos -n f.img && fsck.fat -n f.img");
        sh.must("fsck_msdos -n f.img && fsck.fat -n f.img");
      }));
  }
});
