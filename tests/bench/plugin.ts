/** What --isolate costs: tmpfs from its file, mounted in the process that serves it and in one of its own. */
import { fileURLToPath } from "node:url";
import { best, line, out, sh, work } from "./bench.ts";
import { writeFileSync } from "node:fs";

const MIB = 64;
const tmpfs = fileURLToPath(new URL("../../plugins/fs_tmpfs/mod.ts", import.meta.url).href);
const CALLS = `import os, sys, time
d, n = sys.argv[1] + "/many", 2000; os.mkdir(d); t = time.time()
for i in range(n): os.close(os.open(d + "/%d" % i, os.O_CREAT | os.O_WRONLY))
print(n / (time.time() - t)); t = time.time()
for i in range(n): os.unlink(d + "/%d" % i)
print(n / (time.time() - t)); os.rmdir(d)`;

interface Speeds {
  readonly write: number;
  readonly read: number;
  readonly create: number;
  readonly unlink: number;
  readonly mount: number;
}
function measure(how: string): Speeds {
  const mount = best(5, () => {
    const seconds = sh(`rump mount ${tmpfs} ${how} -o size=1g p`);
    sh(`rump mount ${tmpfs} -u p`);
    return seconds;
  });
  sh(`rump mount ${tmpfs} ${how} -o size=1g p`);
  const write = MIB /
    best(3, () => sh(`rm -f p/big; dd if=/dev/zero of=p/big bs=1M count=${MIB} oflag=direct status=none`));
  const read = MIB / best(3, () => sh("dd if=p/big of=/dev/null bs=1M iflag=direct status=none"));
  const [create = NaN, unlink = NaN] = out("python3 calls.py p").split("\n").map(Number);
  sh(`rump mount ${tmpfs} -u p`);
  return { write, read, create, unlink, mount };
}
export function plugin(): void {
  writeFileSync(`${work}/calls.py`, CALLS);
  sh("mkdir -p p");
  const [ours, peer] = [measure("--isolate"), measure("")];
  const beside = "in our process";
  line("isolated write, 1 MiB at a time", ours.write, "MiB/s", beside, peer.write, "more");
  line("isolated read, 1 MiB at a time", ours.read, "MiB/s", beside, peer.read, "more");
  line("isolated create", ours.create, "/s", beside, peer.create, "more");
  line("isolated unlink", ours.unlink, "/s", beside, peer.unlink, "more");
  line("isolated mount", ours.mount * 1000, "ms", beside, peer.mount * 1000);
}
