/** Parts of disks by their names, over every kind of disk: a table of kinds, one of names, and what is said of wrong ones. */
import { describe, it } from "node:test";
import { assertEquals, assertMatch } from "../assert.ts";
import { isDeno, type Shell, within } from "./helpers.ts";

/** An MBR with logical partitions and a NetBSD one that has a disklabel, and a GPT: every partition is full of its own bytes. */
const DISKS = `truncate -s 24M mbr.img gpt.img
printf '%s\\n' 'size=2M,type=c' 'size=6M,type=a9' 'type=5' 'size=3M,type=6' 'size=4M,type=e' | sfdisk -q mbr.img
printf '%s\\n' 'label: gpt' 'size=3M,type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B,name="EFI System"' \\
  'size=5M,type=0FC63DAF-8483-4772-8E79-3D69D8477DE4,name=root' | sfdisk -q gpt.img
python3 - <<'P'
import json, os, struct
def fill(disk, name, at, size):
    data = (name.encode() * 512)[:512] * (size // 512)
    f = open(disk, "r+b"); f.seek(at); f.write(data); open(name, "wb").write(data)
def parts(disk): return json.loads(os.popen("sfdisk -J " + disk).read())["partitiontable"]["partitions"]
for disk in ("mbr.img", "gpt.img"):
    for p in parts(disk):
        n = int(p["node"].rsplit("img", 1)[1])
        if not (disk == "mbr.img" and n in (2, 3)): fill(disk, disk[:3] + str(n), p["start"] * 512, p["size"] * 512)
p = parts("mbr.img")[1]
e = (p["start"] + 2048, 4096)
label = bytearray(148 + 16 * 6)
for at, value in ((0, 0x82564557), (132, 0x82564557), (40, 512)): struct.pack_into("<I", label, at, value)
struct.pack_into("<H", label, 138, 6)
struct.pack_into("<IIIB", label, 148 + 32, p["size"], p["start"], 0, 0)
struct.pack_into("<IIIB", label, 148 + 64, e[1], e[0], 0, 7)
struct.pack_into("<IIIB", label, 148 + 80, 2048, e[0] + e[1], 0, 8)
x = 0
for i in range(0, len(label), 2): x ^= struct.unpack_from("<H", label, i)[0]
struct.pack_into("<H", label, 136, x)
f = open("mbr.img", "r+b"); f.seek(p["start"] * 512 + 512); f.write(label); f.close()
fill("mbr.img", "labele", e[0] * 512, e[1] * 512)
fill("mbr.img", "labelf", (e[0] + e[1]) * 512, 2048 * 512)
P
`;
/** Disk, name behind it, the file that has its bytes. */
const names = [
  ["mbr", "%MBR:1%", "mbr1"],
  ["mbr", "%MBR:5%", "mbr5"],
  ["mbr", "%MBR:6%", "mbr6"],
  ["mbr", "%DISKLABEL:e%", "labele"],
  ["mbr", "%DISKLABEL:f%", "labelf"],
  ["gpt", "%GPT:EFI System%", "gpt1"],
  ["gpt", "%GPT:2%", "gpt2"],
  ["gpt", "%OFFSET:4m,5m%", "gpt2"],
] as const;
/** Disk, name, what is wrong with it. */
const wrong = [
  ["mbr", "%MBR:4%", "no partition %MBR:4%; there is %MBR:1%, %MBR:2%, %MBR:3%, %MBR:5%, %MBR:6%"],
  ["mbr", "%MBR:7%", "no partition %MBR:7%; there is %MBR:1%, %MBR:2%, %MBR:3%, %MBR:5%, %MBR:6%"],
  ["mbr", "%MBR:3%", "%MBR:3% is an extended partition: name one of those in it"],
  ["mbr", "%DISKLABEL:g%", "no partition %DISKLABEL:g%; there is %DISKLABEL:c%, %DISKLABEL:e%, %DISKLABEL:f%"],
  ["mbr", "%GPT:1%", "no GUID partition table"],
  ["gpt", "%GPT:3%", "no partition %GPT:3%; there is %GPT:1%, %GPT:2%"],
  ["gpt", "%DISKLABEL:a%", "no BSD disklabel"],
  ["gpt", "%OFFSET:1g%", "the partition begins at byte 1073741824, the image ends at 25165824"],
  ["gpt", "%OFFSET:x%", "%OFFSET:x%: not a start, or start,length, in bytes"],
] as const;
/** What makes a disk of `$d.img`, and how it is named. */
const kinds: readonly (readonly [kind: string, make: string, source: (disk: string) => string])[] = [
  ["raw", "", (disk) => `${disk}.img`],
  ["qcow2", "qemu-img convert -O qcow2 $d.img $d.qcow2", (disk) => `${disk}.qcow2`],
  ["a packed qcow2", "qemu-img convert -c -O qcow2 -o cluster_size=4k $d.img $d.q", (disk) => `${disk}.q`],
  ["vhd", "qemu-img convert -O vpc -o force_size $d.img $d.vhd", (disk) => `${disk}.vhd`],
  ["vmdk", "qemu-img convert -O vmdk $d.img $d.vmdk", (disk) => `${disk}.vmdk`],
  ["nbd", "nbdkit -U $d.sock -P $d.pid file $d.img", (disk) => `nbd+unix:///?socket=${disk}.sock`],
  [
    "qcow2 over nbd in blocks of 4096 bytes",
    "nbdkit -U $d.s -P $d.pid2 --filter=blocksize-policy file $d.qcow2 blocksize-minimum=4096 blocksize-error-policy=error",
    (disk) => `nbd+unix:///?socket=${disk}.s`,
  ],
];
function check(sh: Shell, kind: string, source: (disk: string) => string): void {
  sh.must(
    names.map(([disk, name, bytes]) => `rump disk compare --strict '${source(disk)}${name}' ${bytes}`).join(" && "),
  );
  for (const [disk, name, said] of kind.includes("over") ? wrong : wrong.slice(1, 2)) {
    const r = sh.run(`rump disk compare '${source(disk)}${name}' mbr1`);
    assertEquals([r.status, r.err], [2, `rump.disk compare: ${source(disk)}: ${said}\n`]);
  }
  const { slices } = JSON.parse(sh.must(`rump disk slices -j '${source("mbr")}'`)) as { slices: { name: string }[] };
  assertEquals(
    slices.map((s) => s.name),
    ["MBR:1", "MBR:2", "MBR:3", "MBR:5", "MBR:6", "DISKLABEL:c", "DISKLABEL:e", "DISKLABEL:f"].map((n) =>
      `${source("mbr")}%${n}%`
    ),
  );
}

describe("parts of disks by their names", () => {
  it("are the same on a disk of every kind, and wrong names are told what there is", () =>
    within((sh) => {
      sh.must(DISKS);
      try {
        // Programs start slowly by `deno run`: the likeliest kinds will do there.
        for (const [kind, make, source] of kinds.filter(([kind]) => !isDeno || kind.includes("qcow2"))) {
          for (const d of ["mbr", "gpt"]) sh.must(`d=${d}; ${make}`);
          if (kind.includes("nbd")) sh.until("[ -S mbr.sock ] && [ -S gpt.sock ]");
          if (kind.includes("over")) sh.until("[ -S mbr.s ] && [ -S gpt.s ]");
          check(sh, kind, source);
        }
      } finally {
        sh.run("kill $(cat *.pid *.pid2)");
      }
      assertMatch(
        sh.run("rump.ls --image mbr.qcow2 /").err,
        /has partitions: which one is meant\?\n {2}mbr\.qcow2%MBR:1%/,
      );
    }));
});
