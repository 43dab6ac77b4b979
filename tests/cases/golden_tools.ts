/**
 * What the tools print, as recorded on a real NetBSD rump kernel, in our own words: a command, its output, its error
 * output, its exit status. DATE stands for a time, SECS and RATE for what dd measured. Where ours is better on purpose, a
 * comment says so.
 */
export type Row = readonly [command: string, out: string, err?: string, status?: number];

export const sysctl: readonly Row[] = [
  [
    "rump.sysctl kern.ostype kern.osrelease kern.osrevision",
    "kern.ostype = NetBSD\nkern.osrelease = 7.99.34\nkern.osrevision = 799003400\n",
  ],
  ["rump.sysctl -n kern.ostype", "NetBSD\n"],
  ["rump.sysctl -e kern.ostype", "kern.ostype=NetBSD\n"],
  // Ours says whose kernel it is.
  ["rump.sysctl kern.version", "kern.version = NetBSD 7.99.34 (RUMP-TS)\n\n"],
  ["rump.sysctl vfs.generic.fstypes", "vfs.generic.fstypes = rumpfs tmpfs msdos\n"],
  ["rump.sysctl vfs", "vfs.generic.magiclinks = 0\nvfs.generic.fstypes = rumpfs tmpfs msdos\nvfs.sync.delay = 30\n"],
  // Ours has kern.boottime, too; by that name it was refused as this one is.
  ["rump.sysctl kern.boottimes", "", "rump.sysctl: second level name 'boottimes' in 'kern.boottimes' is invalid\n", 1],
  ["rump.sysctl kern.clockrate", "kern.clockrate: tick = 10000, tickadj = 40, hz = 100, profhz = 1, stathz = 1\n"],
  ["rump.sysctl -w kern.hostname=golden | sed 's/: .* ->/: OLD ->/'", "kern.hostname: OLD -> golden\n"],
  ["rump.sysctl kern.hostname", "kern.hostname = golden\n"],
  ["rump.sysctl kern.ostype=foo", "", "rump.sysctl: Must specify -w to set variables\n", 1],
  ["rump.sysctl -w kern.ostype=foo", "", "rump.sysctl: kern.ostype: sysctl() failed with Operation not permitted\n", 1],
  ["rump.sysctl nosuch.name", "", "rump.sysctl: top level name 'nosuch' in 'nosuch.name' is invalid\n", 1],
  ["rump.sysctl kern.nosuch", "", "rump.sysctl: second level name 'nosuch' in 'kern.nosuch' is invalid\n", 1],
  ["rump.sysctl -q kern.nosuch", "", "", 1],
  ["rump.sysctl security", "security.models.suser.name = Traditional NetBSD: Superuser\n"],
  // Ours has descriptions where the recorded kernel had none.
  ["rump.sysctl -d kern.hostname", "kern.hostname: System hostname\n"],
  ["rump.sysctl -nx hw.pagesize", "0x1000\n"],
  ["rump.sysctl -nxx hw.pagesize", "0x00001000\n"],
  ["rump.sysctl -w vfs.sync.delay=0", "", "rump.sysctl: vfs.sync.delay: sysctl() failed with Invalid argument\n", 1],
  [
    "printf 'kern.domainname=x.org # set\\nkern.domainname\\n' > conf; rump.sysctl -f conf",
    "kern.domainname:  -> x.org\nkern.domainname = x.org\n",
  ],
  ["rump.sysctl -n hw.pagesize hw.alignbytes", "4096\n7\n"],
  ["rump.sysctl -r kern.osrevision | od -An -tx4", " 2f9fd308\n"],
  ["rump.sysctl -qw kern.domainname=y.org && rump.sysctl -e kern.domainname", "kern.domainname=y.org\n"],
  ["rump.sysctl -nw kern.domainname=z.org", "z.org\n"],
  ["rump.sysctl -f nosuch", "", "rump.sysctl: nosuch: no such file or directory\n", 1],
  // Tables for other programs are shown by name, and by -A.
  ["rump.sysctl -a | grep -c processes; rump.sysctl -A | grep -c '^rump.sp.processes'", "0\n1\n"],
  ["rump.sysctl -a | wc -l | grep -c .", "1\n"],
  ["rump.sysctl -M | grep hostname", "kern.hostname: 1.10 string read-write\n"],
];

export const files: readonly Row[] = [
  ["rump.mount", "rumpfs on / type rumpfs (local)\n"],
  ["rump.mkdir /tmp", "", "rump.mkdir: /tmp: File exists\n", 1],
  ["rump.mount_tmpfs -s 8M tmpfs /tmp", ""],
  [
    "rump.mount_tmpfs tmpfs /nosuch",
    "",
    "rump.mount_tmpfs: Warning: realpath /nosuch: No such file or directory\nrump.mount_tmpfs: cannot stat `/nosuch': No such file or directory\n",
    1,
  ],
  ["rump.mount", "rumpfs on / type rumpfs (local)\ntmpfs on /tmp type tmpfs (local)\n"],
  [
    "rump.df /tmp",
    "Filesystem   512-blocks       Used      Avail %Cap Mounted on\ntmpfs             16384          0      16384   0% /tmp\n",
  ],
  [
    "rump.df -k /tmp",
    "Filesystem    1K-blocks       Used      Avail %Cap Mounted on\ntmpfs              8192          0       8192   0% /tmp\n",
  ],
  [
    "rump.df -h /tmp",
    "Filesystem         Size       Used      Avail %Cap Mounted on\ntmpfs              8.0M         0B       8.0M   0% /tmp\n",
  ],
  ["rump.df -P /tmp", "Filesystem 512-blocks Used Available Capacity Mounted on\ntmpfs 16384 0 16384 0% /tmp\n"],
  ["rump.ls -la /tmp", "total 1\ndrwxrwxrwt  2 0  0    0 DATE .\ndrwxr-xr-x  2 0  0  512 DATE ..\n"],
  ["rump.mkdir /tmp/d", ""],
  ["rump.mkdir /tmp/d", "", "rump.mkdir: /tmp/d: File exists\n", 1],
  ["rump.mkdir /tmp/x/y", "", "rump.mkdir: /tmp/x/y: No such file or directory\n", 1],
  ["rump.mkdir -p /tmp/x/y/z", ""],
  [
    "rump.dd if=/dev/zero of=/tmp/z bs=1k count=10",
    "",
    "10+0 records in\n10+0 records out\n10240 bytes transferred in SECS secs (RATE bytes/sec)\n",
  ],
  [
    "rump.ls -l /tmp",
    "total 32\ndrwxr-xr-x  2 0  0      0 DATE d\ndrwxr-xr-x  3 0  0     48 DATE x\n-rw-r--r--  1 0  0  10240 DATE z\n",
  ],
  ["rump.cp /tmp/z /tmp/z2", ""],
  ["rump.ln /tmp/z /tmp/zhard", ""],
  ["rump.ln -s /tmp/z /tmp/zsym", ""],
  [
    "rump.ls -la /tmp",
    "total 97\ndrwxrwxrwt  4 0  0    288 DATE .\ndrwxr-xr-x  2 0  0    512 DATE ..\ndrwxr-xr-x  2 0  0      0 DATE d\n" +
    "drwxr-xr-x  3 0  0     48 DATE x\n-rw-r--r--  2 0  0  10240 DATE z\n-rw-r--r--  1 0  0  10240 DATE z2\n" +
    "-rw-r--r--  2 0  0  10240 DATE zhard\nlrwxr-xr-x  1 0  0      6 DATE zsym -> /tmp/z\n",
  ],
  ["rump.chmod 600 /tmp/z", ""],
  ["rump.ls -l /tmp/z", "-rw-------  2 0  0  10240 DATE /tmp/z\n"],
  // Recorded: "10:20: invalid group name". Numbers work here.
  ["rump.chown 10:20 /tmp/z2 && rump.ls -ln /tmp/z2", "-rw-r--r--  1 10  20  10240 DATE /tmp/z2\n"],
  ["rump.mv /tmp/z2 /tmp/z3", ""],
  ["rump.mv /tmp/nosuch /tmp/a", "", "rump.mv: rename /tmp/nosuch to /tmp/a: No such file or directory\n", 1],
  ["rump.rmdir /tmp/x", "", "rump.rmdir: /tmp/x: Directory not empty\n", 1],
  ["rump.rm /tmp/x", "", "rump.rm: /tmp/x: is a directory\n", 1],
  ["rump.rm -r /tmp/x", ""],
  ["rump.rm /tmp/nosuch", "", "rump.rm: /tmp/nosuch: No such file or directory\n", 1],
  ["rump.rm -f /tmp/nosuch", ""],
  ["rump.cat /tmp/nosuch", "", "rump.cat: /tmp/nosuch: No such file or directory\n", 1],
  ["rump.cat /tmp", "", "rump.cat: /tmp: Is a directory\n", 1],
  ["rump.ls /nosuch", "", "rump.ls: /nosuch: No such file or directory\n", 1],
  ["rump.ls -CR /tmp", "d     z     z3    zhard zsym\n\n/tmp/d:\n"],
  [
    "rump.dd if=/dev/zero of=/tmp/big bs=64k count=1024 2>&1 | head -1",
    "rump.dd: /tmp/big: No space left on device\n",
  ],
  ["rump.rm /tmp/big", ""],
  ["rump.mknod /tmp/null c 2 2 && rump.ls -l /tmp/null", "crw-r--r--  1 0  0  2, 2 DATE /tmp/null\n"],
  ["echo hello > host.txt; rump.cp host:host.txt /tmp/ && rump.cat /tmp/host.txt", "hello\n"],
  ["rump.cp /tmp/host.txt host:back.txt && cmp host.txt back.txt", ""],
  [
    "mkdir -p tree/sub && echo 1 > tree/sub/one && rump.cp -R host:tree /tmp && rump.cp -R /tmp/tree host:tree2 && diff -r tree tree2",
    "",
  ],
  ["rump.cp /tmp/d /tmp/e", "", "rump.cp: /tmp/d is a directory (not copied).\n", 1],
  ["rump.dd if=host:host.txt of=/tmp/u conv=ucase status=none && rump.cat /tmp/u", "HELLO\n"],
  ["rump.umount /nosuch", "", "rump.umount: /nosuch: No such file or directory\n", 1],
  ["rump.umount -v /tmp 2>&1 | head -1", "rump.umount: unknown option -- v\n"],
  ["rump.umount /tmp", ""],
  ["rump.mount", "rumpfs on / type rumpfs (local)\n"],
];

/** On /dev/fat, a FAT16 image of 64 MB as mkfs.fat makes it. */
export const msdos: readonly Row[] = [
  ["rump.mkdir /mnt", ""],
  ["rump.mount_msdos -s /dev/fat /mnt", ""],
  ["rump.mount", "rumpfs on / type rumpfs (local)\n/dev/fat on /mnt type msdos (local)\n"],
  [
    "rump.df -k /mnt",
    "Filesystem    1K-blocks       Used      Avail %Cap Mounted on\n/dev/fat          65390          0      65390   0% /mnt\n",
  ],
  [
    "rump.df -i /mnt",
    "Filesystem   512-blocks       Used      Avail %Cap    iUsed   iAvail %iCap Mounted on\n" +
    "/dev/fat         130780          0     130780   0%      512        0  100% /mnt\n",
  ],
  ["rump.ls -la /mnt", "total 33\ndrwxr-xr-x  1 0  0  16384 Jan  1  1980 .\ndrwxr-xr-x  2 0  0    512 DATE ..\n"],
  ["rump.mkdir /mnt/SUBDIR", ""],
  ["rump.dd if=/dev/zero of=/mnt/short.txt bs=512 count=3 status=none", ""],
  ["rump.dd if=/dev/zero 'of=/mnt/A long file name.text' bs=1 count=1 status=none", ""],
  [
    "rump.ls -la /mnt",
    "total 45\ndrwxr-xr-x  1 0  0  16384 Jan  1  1980 .\ndrwxr-xr-x  2 0  0    512 DATE ..\n-rwxr-xr-x  1 0  0      1 DATE alongf~1.tex\n" +
    "-rwxr-xr-x  1 0  0   1536 DATE short.txt\ndrwxr-xr-x  1 0  0   2048 DATE subdir\n",
  ],
  ["rump.ls /mnt/SHORT.TXT", "/mnt/SHORT.TXT\n"],
  ["rump.ln /mnt/short.txt /mnt/l", "", "rump.ln: /mnt/l: Operation not supported\n", 1],
  ["rump.ln -s a /mnt/l", "", "rump.ln: /mnt/l: Operation not supported\n", 1],
  ["rump.mkdir /mnt/SubDir", "", "rump.mkdir: /mnt/SubDir: File exists\n", 1],
  ["rump.mkdir /mnt/CON '/mnt/a:b' '/mnt/trail.'", ""],
  ["rump.chmod 444 /mnt/short.txt", ""],
  [
    "rump.ls -l /mnt",
    "total 24\ndrwxr-xr-x  1 0  0  2048 DATE ab~1\n-rwxr-xr-x  1 0  0     1 DATE alongf~1.tex\ndrwxr-xr-x  1 0  0  2048 DATE con\n" +
    "-r-xr-xr-x  1 0  0  1536 DATE short.txt\ndrwxr-xr-x  1 0  0  2048 DATE subdir\ndrwxr-xr-x  1 0  0  2048 DATE trail\n",
  ],
  ["rump.rm -f /mnt/short.txt", ""],
  ["rump.mv /mnt/SUBDIR /mnt/renamed && rump.rmdir /mnt/renamed", ""],
  ["rump.dd if=/dev/zero of=/mnt/fill bs=64k 2>&1 | head -1", "rump.dd: /mnt/fill: No space left on device\n"],
  ["rump.rm /mnt/fill && rump.df -k /mnt | tail -1", "/dev/fat          65390          8      65382   0% /mnt\n"],
  ["rump.umount /mnt", ""],
  // The recorded image had a file more, its label.
  ["fsck.fat -n d.img | tail -1", "d.img: 4 files, 4/32695 clusters\n"],
  [
    "rump.mount_msdos /dev/nosuch /mnt",
    "",
    "rump.mount_msdos: Warning: realpath /dev/nosuch: No such file or directory\nrump.mount_msdos: /dev/nosuch on /mnt: No such file or directory\n",
    1,
  ],
  ["rump.mount_msdos /dev/raw /mnt", "", "rump.mount_msdos: /dev/raw on /mnt: Invalid argument\n", 1],
  ["rump.mount_msdos -o ro /dev/fat /mnt && rump.mount | tail -1", "/dev/fat on /mnt type msdos (read-only, local)\n"],
  ["rump.mkdir /mnt/x", "", "rump.mkdir: /mnt/x: Read-only file system\n", 1],
  ["rump.mount_msdos /dev/fat /mnt", "", "rump.mount_msdos: /dev/fat on /mnt: Device busy\n", 1],
  ["rump.umount /dev/fat", ""],
  [
    "rump.mount_msdos -u 100 -g 200 -m 640 -M 750 /dev/fat /mnt && rump.ls -lan /mnt | head -2 | tail -1",
    "drwxr-x---  1 100  200  16384 Jan  1  1980 .\n",
  ],
  [
    "rump.mkdir '/mnt/A Long Directory Name' && rump.ls /mnt",
    "A Long Directory Name\nab~1\nalongf~1.tex\ncon\ntrail\n".replace(
      "ab~1\nalongf~1.tex\ncon\ntrail",
      "AB~1\nALONGF~1.TEX\nCON\nTRAIL",
    ),
  ],
  ["rump.umount /mnt", ""],
  ["mdir -b -i d.img :: | tail -1", "::/A Long Directory Name/\n"],
];

/** A volume of recording 08b: what newfs_msdos is told and says, and the numbers that differ by its geometry. */
interface LongNames {
  readonly image: string;
  readonly size: string;
  readonly newfs: string;
  /** Its first two lines: the geometry below them is as asked for here, where NetBSD's had 255 heads whatever -h said. */
  readonly said: string;
  readonly dfK: string;
  readonly dfI: string;
  readonly root: string;
  readonly cluster: string;
  readonly totals: readonly [root: number, dir: number, rootAfter: number];
  readonly fsck: string;
}
export const longNames: readonly LongNames[] = [
  {
    image: "d1440k",
    size: "1440k",
    newfs: "-F 12 -s 2880 -c 1 -h 2 -u 18",
    said: "2829 sectors in 2829 FAT12 clusters (512 bytes/cluster)\nMBR type: 1\n",
    dfK: "        1414          0       1414   0% /mnt",
    dfI: "        2829          0       2829   0%      512        0  100% /mnt",
    root: "16384",
    cluster: "512",
    totals: [34, 43, 44],
    fsck: "3 files, 21/2829 clusters",
  },
  {
    image: "d16M",
    size: "16m",
    newfs: "-F 16 -c 1 -I 0x12345678 -h 16 -u 63 -r 1 -s 32768",
    said: "32481 sectors in 32481 FAT16 clusters (512 bytes/cluster)\nMBR type: 4\n",
    dfK: "         16240          0      16240   0% /mnt",
    dfI: "         32481          0      32481   0%      512        0  100% /mnt",
    root: "16384",
    cluster: "512",
    totals: [34, 43, 44],
    fsck: "3 files, 21/32481 clusters",
  },
  {
    image: "d64M",
    size: "64m",
    newfs: "-F 16 -c 4 -h 16 -u 63 -r 4 -s 131072",
    said: "130780 sectors in 32695 FAT16 clusters (2048 bytes/cluster)\nMBR type: 6\n",
    dfK: "         65390          0      65390   0% /mnt",
    dfI: "        130780          0     130780   0%      512        0  100% /mnt",
    root: "16384",
    cluster: "2048",
    totals: [37, 48, 49],
    fsck: "3 files, 7/32695 clusters",
  },
  {
    image: "d600M",
    size: "600m",
    newfs: "-F 32 -c 8 -h 64 -u 63 -r 32 -s 1228800",
    said: "1226368 sectors in 153296 FAT32 clusters (4096 bytes/cluster)\nMBR type: 11\n",
    dfK: "       613184          4     613180   0% /mnt",
    dfI: "      1226368          8    1226360   0%        0        0    0% /mnt",
    root: "4096",
    cluster: "4096",
    totals: [17, 32, 33],
    fsck: "3 files, 6/153296 clusters",
  },
];
/** What 08b does with each: names of many parts, in any case, moved and copied. */
export function longNameRows(v: LongNames): Row[] {
  const line = (mode: string, size: string, name: string, width: number, date = "DATE") =>
    `${mode}  1 0  0  ${size.padStart(width)} ${date} ${name}\n`;
  const width = v.root.length;
  const root = (name: string) => line("drwxr-xr-x", v.root, name, width, "Jan  1  1980");
  const dir = (name: string) => line("drwxr-xr-x", v.cluster, name, width);
  const above = `drwxr-xr-x  2 0  0  ${"512".padStart(width)} DATE ..\n`;
  const file = (name: string) => line("-rwxr-xr-x", "5000", name, width);
  const inside = `total ${v.totals[1]}\n${dir(".")}${root("..")}${file("File With Mixed Case.TXT")}`;
  const [a, long] = ["/mnt/A Long Directory Name", "File With Mixed Case.TXT"];
  return [
    ["rump.mkdir -p /mnt", ""],
    [`rump.mount_msdos -l /dev/${v.image} /mnt`, ""],
    ["rump.df -k /mnt | tail -1", `/dev/${v.image}${v.dfK}\n`],
    ["rump.df -i /mnt | tail -1", `/dev/${v.image}${v.dfI}\n`],
    [`rump.mkdir '${a}'`, ""],
    [
      `rump.dd if=/dev/zero 'of=${a}/${long}' bs=1000 count=5`,
      "",
      "5+0 records in\n5+0 records out\n5000 bytes transferred in SECS secs (RATE bytes/sec)\n",
    ],
    [
      `rump.ls -la /mnt '${a}'`,
      `/mnt:\ntotal ${v.totals[0]}\n${root(".")}${above}${dir("A Long Directory Name")}\n${a}:\n${inside}`,
    ],
    [
      `rump.ls -l '/mnt/a long directory name/FILE WITH MIXED CASE.txt'`,
      `-rwxr-xr-x  1 0  0  5000 DATE /mnt/a long directory name/FILE WITH MIXED CASE.txt\n`,
    ],
    [`rump.mv '${a}' /mnt/short`, ""],
    [`rump.cp '/mnt/short/${long}' /mnt/COPY.BIN`, ""],
    [
      "rump.ls -la /mnt /mnt/short",
      `/mnt:\ntotal ${v.totals[2]}\n${root(".")}${above}${file("COPY.BIN")}${dir("short")}\n/mnt/short:\n${inside}`,
    ],
    ["rump.umount /mnt", ""],
    [`fsck.fat -n ${v.image}.img | tail -1`, `${v.image}.img: ${v.fsck}\n`],
    [`mdir -i ${v.image}.img -b ::`, "::/COPY.BIN\n::/short/\n"],
  ];
}
