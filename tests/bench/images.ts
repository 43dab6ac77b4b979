/** Images of other file systems, mounted by our programs and by their peers in C, on the same files in the same run. */
import { spawnSync } from "node:child_process";
import process from "node:process";
import { writeFileSync } from "node:fs";
import { best, env, line, out, sh, work } from "./bench.ts";

const RANDOM = `import os, random, sys, time
f = os.open(sys.argv[1], os.O_RDONLY); size = os.fstat(f).st_size
random.seed(1); n = 3000; t = time.time()
for i in range(n): os.pread(f, 4096, random.randrange(0, size // 4096) * 4096)
print(n / (time.time() - t))`;
const FILL = `import os, random, sys
random.seed(1)
for d in range(50):
    os.mkdir("src/d%d" % d)
    for f in range(100): open("src/d%d/file number %d.txt" % (d, f), "w").write("line %d\\n" % f * random.randrange(1, 400))
words = [random.randbytes(64) for i in range(4096)]
open("src/big", "wb").write(b"".join(random.choice(words) for i in range(int(sys.argv[1]) << 14)))`;
const MIB = 128;

interface Row {
  readonly type: string;
  /** For the lines; left out: the type. */
  readonly name?: string;
  /** Makes d.img of the directory src. */
  readonly make: string;
  readonly peer: string;
  /** Mounts d.img at peer. */
  readonly mountPeer: string;
  /** Mounts d.img at peer for writing; undefined: it is only read. */
  readonly writePeer?: string;
}
/** For a peer that takes block devices only: $l goes when it is not in use any more. */
const looped = (mount: string) =>
  `l=$(losetup -f --show d.img); ${mount} > /dev/null 2>&1; r=$?; losetup -d $l; exit $r`;
const rows: readonly Row[] = [
  {
    type: "squashfs",
    make: "mksquashfs src d.img -noappend -quiet -no-progress -comp zstd > /dev/null",
    peer: "squashfuse",
    mountPeer: "squashfuse d.img peer",
  },
  {
    type: "squashfs",
    name: "squashfs, xz",
    make: "mksquashfs src d.img -noappend -quiet -no-progress -comp xz > /dev/null",
    peer: "squashfuse",
    mountPeer: "squashfuse d.img peer",
  },
  { type: "cd9660", make: "genisoimage -quiet -R -o d.img src", peer: "fuseiso", mountPeer: "fuseiso d.img peer" },
  {
    type: "ext2fs",
    make: `rm -f d.img && mke2fs -q -F -t ext2 -d src d.img ${3 * MIB}M`,
    peer: "fuse2fs",
    mountPeer: "fuse2fs -o ro d.img peer",
    writePeer: "fuse2fs d.img peer",
  },
  {
    type: "exfat",
    make: `rm -f d.img && truncate -s ${8 * MIB}M d.img && mkfs.exfat d.img > /dev/null &&
      rump_exfat d.img mnt && cp -r src/. mnt && rump_exfat -u mnt`,
    peer: "mount.exfat-fuse",
    mountPeer: looped("mount.exfat-fuse -o ro $l peer"),
    writePeer: looped("mount.exfat-fuse $l peer"),
  },
];
const has = (program: string) => spawnSync("sh", ["-c", `command -v ${program}`], { env }).status === 0;

/** Seconds of a command on a fresh mount, best of some. */
function fresh(mount: string, dir: string, command: string): number {
  return best(3, () => fresh1(mount, dir, command));
}
function fresh1(mount: string, dir: string, command: string): number {
  sh(mount);
  try {
    return sh(`cd ${dir} && ${command}`);
  } finally {
    sh(`for i in 1 2 3 4 5; do umount ${dir} && break; sleep 0.1; done`);
  }
}
function random(mount: string, dir: string): number {
  sh(mount);
  try {
    return Number(out(`python3 random.py ${dir}/big`));
  } finally {
    sh(`umount ${dir}`);
  }
}
/** On an image of its own each time. */
function changed(make: string, mount: string, dir: string, command: string): number {
  return best(3, () => {
    sh(make);
    return fresh1(mount, dir, command);
  });
}
function measure({ type, name = type, make, peer, mountPeer, writePeer }: Row): void {
  sh(make);
  const there = has(peer);
  const ours = `rump_${type} -o ro d.img mnt`;
  const both = (what: string, unit: string, better: "more" | "less", run: (mount: string, dir: string) => number) => {
    const mine = run(ours, "mnt");
    if (there) line(`${name}: ${what}`, mine, unit, peer, run(mountPeer, "peer"), better);
    else line(`${name}: ${what}`, mine, unit);
  };
  both("find 5,000 files with attributes", "s", "less", (m, d) => fresh(m, d, "find . -printf '%s %p\\n' > /dev/null"));
  both("read 5,000 small files", "s", "less", (m, d) => fresh(m, d, "find . -name 'f*' -exec cat {} + > /dev/null"));
  both(`read ${MIB} MiB`, "MiB/s", "more", (m, d) => MIB / fresh(m, d, "dd if=big of=/dev/null bs=1M status=none"));
  both("random 4 KiB", "/s", "more", random);
  if (writePeer === undefined) return;
  const write = (what: string, command: string) => {
    const mine = changed(make, `rump_${type} d.img mnt`, "mnt", command);
    if (there) line(`${type}: ${what}`, mine, "s", peer, changed(make, writePeer, "peer", command), "less");
    else line(`${type}: ${what}`, mine, "s");
  };
  write("create 5,000 files", "mkdir new && python3 ../create.py new");
  write("write 64 MiB and fsync", "dd if=/dev/zero of=new bs=1M count=64 conv=fsync status=none");
  write("remove 5,000 files", "rm -rf d*");
}

export function images(): void {
  if (spawnSync("id", ["-u"]).stdout.toString() !== "0\n") return;
  sh("mkdir -p src mnt peer");
  writeFileSync(`${work}/random.py`, RANDOM);
  writeFileSync(`${work}/fill.py`, FILL);
  writeFileSync(
    `${work}/create.py`,
    "import sys\nfor i in range(5000): open(sys.argv[1] + '/file %d' % i, 'w').write('x')\n",
  );
  sh(`python3 fill.py ${MIB}`);
  const only = process.env.TYPE;
  for (const row of rows) if (only === undefined || only === row.type) measure(row);
}
