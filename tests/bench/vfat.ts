/** A mounted FAT image beside Linux's own vfat, in user-mode Linux: the same programs do the same work in both. */
import { existsSync, writeFileSync } from "node:fs";
import { inLinux, noUml } from "../cases/uml.ts";
import process from "node:process";
import { line, out, sh, work } from "./bench.ts";

const MIB = 256;
/** Of ours; the guest has one: its 5,000 files in one directory take half a minute. */
const RUNS = 2;
/** The guest sees the host's files, but not what the tests' PATH leads to. */
const PYTHON = "/usr/bin/python3";
const DATA = `import os, sys, time
path, what, n = sys.argv[1] + "/big", sys.argv[2], ${MIB}
if what == "write":
    data = os.urandom(1 << 20)
    t = time.time(); f = os.open(path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY)
    for i in range(n): os.write(f, data)
    os.fsync(f)
else:
    t = time.time(); f = os.open(path, os.O_RDONLY)
    while os.read(f, 1 << 20): pass
print(n / (time.time() - t))`;

/** A program that prints a number a line, and what the numbers are. */
interface Work {
  readonly script: string;
  readonly args: string;
  readonly metrics: readonly (readonly [name: string, unit: string, better: "more" | "less"])[];
}
const works: readonly Work[] = [
  { script: "data.py", args: "write", metrics: [["write 256 MiB, fsync", "MiB/s", "more"]] },
  { script: "data.py", args: "read", metrics: [["read 256 MiB, cold", "MiB/s", "more"]] },
  { script: "at_random.py", args: "direct", metrics: [["random 4 KiB, O_DIRECT", "/s", "more"]] },
  ...[["5000 100", "50 directories"], ["5000 5000", "one directory"]].map(([args = "", where = ""]): Work => ({
    script: "create.py",
    args,
    metrics: [[`create 5,000 in ${where}`, "/s", "more"], ["list and stat them", "s", "less"]],
  })),
];
const place = (w: Work, dir: string) =>
  w.script === "data.py" ? dir : w.script === "at_random.py" ? `${dir}/big` : `${dir}/many`;
const numbers = (text: string) => text.trim().split("\n").map(Number);
const cold = () => sh("sync; echo 3 > /proc/sys/vm/drop_caches");

const ours = (w: Work): number[] => {
  cold();
  return numbers(out(`${PYTHON} ${w.script} ${place(w, "mnt")} ${w.args}; rm -rf mnt/many`));
};
/** Each in a guest that has just started: nothing of the image is in its memory, nor in the host's. */
const theirs = (w: Work): number[] => {
  cold();
  return numbers(
    inLinux([`${work}/d.img`], `${PYTHON} ${work}/${w.script} ${place(w, ".")} ${w.args}; b rm -rf many`, "512M")[0]!,
  );
};
/** The best of several runs. */
function of(n: number, run: (w: Work) => readonly number[], w: Work): number[] {
  const runs = Array.from({ length: n }, () => run(w));
  return w.metrics.map(([, , better], i) => Math[better === "less" ? "min" : "max"](...runs.map((r) => r[i]!)));
}

/** `d.img` is ours to mount, `create.py` and `at_random.py` are there (fuse.ts). */
export function vfat(): void {
  const why = noUml() || (existsSync(PYTHON) ? false : `no ${PYTHON}`);
  if (why) return void process.stdout.write(`Linux vfat is not measured: ${why}\n`);
  writeFileSync(`${work}/data.py`, DATA);
  for (const w of works) {
    sh("rump_msdos d.img mnt");
    const a = of(RUNS, ours, w);
    sh("rump_msdos --unmount mnt");
    const b = theirs(w);
    for (const [i, [name, unit, better]] of w.metrics.entries()) {
      line(`FUSE ${name}`, a[i]!, unit, "Linux vfat", b[i]!, better);
    }
  }
}
