/** What a server may answer that is damaged, or none at all: files made of it are a text, or an error number. SEED, SECONDS. */
import process from "node:process";
import { test } from "node:test";
import { SysError } from "../../src/abi/errno.ts";
import { viewOf } from "../../src/lib/struct.ts";
import type { Source } from "../../src/hijack/proc/questions.ts";
import { viewVolumes } from "../../src/hijack/proc/views.ts";
import { boot } from "../../src/rump.ts";
import { assert } from "../assert.ts";
import { type Random, randomOf, seedOf } from "../cases/fat_images.ts";

/** Bytes of an answer become others, and its length another. */
function damage(random: Random, bytes: Uint8Array, length: Uint8Array): void {
  const size = Math.min(bytes.length, Number(viewOf(length).getBigUint64(0, true)));
  for (let i = random(8); i > 0 && size > 0; i--) bytes[random(size)] = random(256);
  if (random(10) === 0) {
    viewOf(length).setBigUint64(0, BigInt(random(random(10) === 0 ? 2 ** 40 : 2 * size + 2)), true);
  }
}

test("damaged answers of a server harm nobody", async () => {
  const seed = seedOf();
  process.stdout.write(`proc fuzz: SEED=${seed}\n`);
  const random = randomOf(seed);
  const { sys, halt } = await boot({ components: ["rumpnet_netinet6"] });
  const remote = {
    sys: {
      ...sys,
      async __sysctl(args: Parameters<typeof sys.__sysctl>[0]) {
        const done = await sys.__sysctl(args);
        if (random(2) === 0 && args.oldp && args.oldlenp) damage(random, args.oldp, args.oldlenp);
        return done;
      },
    },
  };
  const source = { remote, again: () => undefined, stands: new Map() } as unknown as Source;
  const host = { uid: 0, gid: 0, now: () => 0, wall: () => 0 } as unknown as Parameters<typeof viewVolumes>[0];
  const order = { views: ["tables", "linux", "variables"], families: [2, 10] } as const;
  const end = Date.now() + 1000 * Number(process.env.SECONDS ?? 1);
  let [texts, errors] = [0, 0];
  while (Date.now() < end) {
    for (const volume of viewVolumes(host, source, order)) {
      let node: unknown = volume.root;
      try {
        // Down some way, by names that are listed there.
        while ((await volume.getattr(node)).type === "dir") {
          const list = [...await volume.readdir(node)];
          if (list.length === 0) break;
          node = list[random(list.length)]![1];
        }
        const { type } = await volume.getattr(node);
        if (type === "file") texts += await volume.direct!.read(1, node, new Uint8Array(4096), 0) >= 0 ? 1 : 0;
      } catch (e) {
        if (!(e instanceof SysError)) throw e;
        errors++;
      }
    }
  }
  await halt();
  assert(texts > 0 && errors > 0, `${texts} texts, ${errors} errors`);
});
