/** A mounted FAT image beside the host's own file system, mtools and, where it is installed, fusefat. */
import { spawnSync } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { best, env, line, out, sh, work } from "./bench.ts";
import { vfat } from "./vfat.ts";

const RANDOM = `import mmap, os, random, sys, time
f = os.open(sys.argv[1], os.O_RDONLY | (os.O_DIRECT if sys.argv[2] == "direct" else 0)); b = mmap.mmap(-1, 4096)
random.seed(1); n = 5000; t = time.time()
for i in range(n): os.preadv(f, [b], random.randrange(0, 60000) * 4096)
print(n / (time.time() - t))`;
const CREATE = `import os, sys, time
d, n, per = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]); os.mkdir(d); t = time.time()
for i in range(n):
    if i % per == 0: os.mkdir(d + "/%d" % (i // per))
    os.close(os.open(d + "/%d/a file with a long name %d.txt" % (i // per, i), os.O_CREAT | os.O_WRONLY))
print(n / (time.time() - t)); t = time.time(); n = 0
for e in os.scandir(d):
    for f in os.scandir(e.path): f.stat(); n += 1
print(time.time() - t)`;
const MIB = 256;

const has = (program: string) => spawnSync("sh", ["-c", `command -v ${program}`], { env }).status === 0;
const cold = () => sh("sync; echo 3 > /proc/sys/vm/drop_caches");

/** MiB/s of writing a file and having it on the disk. */
const write = (dir: string) =>
  MIB / best(3, () => sh(`rm -f ${dir}/big; dd if=src of=${dir}/big bs=1M conv=fsync status=none`));
function read(dir: string): number {
  return MIB / best(3, () => {
    cold();
    return sh(`dd if=${dir}/big of=/dev/null bs=1M status=none`);
  });
}
/** Reads a second; what is below the direct ones is in memory: ours then costs calls, the host's the disk. */
const random = (dir: string, how: string) =>
  Number(out(`cat ${dir}/big > /dev/null; python3 at_random.py ${dir}/big ${how}`));
/** Files made a second; seconds to list them with their attributes. */
function files(dir: string, n: number, per: number): readonly [rate: number, list: number] {
  const [rate = NaN, list = NaN] = out(`python3 create.py ${dir}/many ${n} ${per}; rm -rf ${dir}/many`).split("\n").map(
    Number,
  );
  return [rate, list];
}
const image = (name: string) => sh(`rm -f ${name}; truncate -s 1G ${name}; mkfs.fat -F 32 ${name} > /dev/null`);

function mounting(): void {
  const seconds = best(5, () => {
    const t = sh("rump_msdos d.img mnt");
    sh(
      'umount mnt; while ! rump_msdos d.img mnt 2> err; do grep -q "in use" err || exit 1; done; umount mnt; sleep 0.2',
    );
    return t;
  });
  line("mount", seconds * 1000, "ms");
}
function beside(dir: string, peer: string): void {
  line("FUSE write 256 MiB, fsync", write("mnt"), "MiB/s", peer, write(dir), "more");
  line("FUSE read 256 MiB, cold", read("mnt"), "MiB/s", peer, read(dir), "more");
  line("FUSE random 4 KiB, O_DIRECT", random("mnt", "direct"), "/s", peer, random(dir, "direct"), "more");
  line("FUSE random 4 KiB, cached", random("mnt", "cached"), "/s", peer, random(dir, "cached"), "more");
  for (const [n, per, what] of [[5000, 100, "in 50 directories"], [5000, 5000, "in one directory"]] as const) {
    const [ours, theirs] = [files("mnt", n, per), files(dir, n, per)];
    line(`FUSE create 5,000 ${what}`, ours[0], "/s", peer, theirs[0], "more");
    line(`FUSE list and stat them`, ours[1], "s", peer, theirs[1]);
  }
}
function mtools(): void {
  const copy = () => {
    image("m.img");
    return MIB / sh("mcopy -i m.img src ::big && sync m.img");
  };
  line("FUSE write 256 MiB, fsync", write("mnt"), "MiB/s", "mcopy", copy(), "more");
  const back = best(3, () => {
    cold();
    return sh("mcopy -n -i m.img ::big back");
  });
  line("FUSE read 256 MiB, cold", read("mnt"), "MiB/s", "mcopy", MIB / back, "more");
}
function fusefat(): void {
  image("f.img");
  sh("mkdir -p fat && fusefat -o rw+ f.img fat");
  line("FUSE write 256 MiB, fsync", write("mnt"), "MiB/s", "fusefat", write("fat"), "more");
  line("FUSE read 256 MiB, cold", read("mnt"), "MiB/s", "fusefat", read("fat"), "more");
  const [ours, theirs] = [files("mnt", 200, 200), files("fat", 200, 200)];
  line("FUSE create 200 in one directory", ours[0], "/s", "fusefat", theirs[0], "more");
  sh("umount fat");
}

/** `find` on 100,000 files nobody has looked at since the mount, and the memory of whoever serves them, then and when it is quiet. */
function find(): void {
  image("h.img");
  sh("mkdir -p h hh; rump_msdos h.img h");
  sh("python3 create.py h/many 100000 1000; python3 create.py hh/many 100000 1000; umount h");
  let memory = [NaN, NaN];
  const seconds = best(3, () => {
    sh('while ! rump_msdos h.img h 2> err; do grep -q "in use" err || exit 1; sleep 0.1; done');
    cold();
    const t = sh("find h | wc -l");
    const after = residentOf("rump_msdos h.img h");
    sh("sleep 5");
    memory = [after, residentOf("rump_msdos h.img h")];
    sh("umount h");
    return t;
  });
  const host = best(3, () => {
    cold();
    return sh("find hh | wc -l");
  });
  line("FUSE find of 100,000, cold", seconds, "s", "host", host);
  line("FUSE memory after it", memory[0]!, "MiB");
  line("FUSE memory when quiet again", memory[1]!, "MiB");
  sh("rm -rf hh");
}
/** MiB of the process with such a command line. */
const residentOf = (command: string) =>
  Number(out(`awk '/^VmRSS/ { print $2 }' /proc/$(pgrep -nf "^${command}")/status`)) / 1024;

export function fuse(): void {
  if (!existsSync("/dev/fuse")) return;
  writeFileSync(`${work}/at_random.py`, RANDOM);
  writeFileSync(`${work}/create.py`, CREATE);
  image("d.img");
  sh(`mkdir -p mnt host && head -c ${MIB}M /dev/urandom > src`);
  mounting();
  sh("rump_msdos d.img mnt");
  beside("host", "host");
  mtools();
  if (has("fusefat")) fusefat();
  sh("rump_msdos --unmount mnt");
  vfat();
  find();
}
