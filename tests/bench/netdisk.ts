/** Disks that are elsewhere: NBD beside nbdfuse and nbdcopy, web servers beside curl; and drivers in processes of their own. */
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { best, line, out, sh, work } from "./bench.ts";

const MIB = 128;
const RANDOM = `import os, random, sys, time
f = os.open(sys.argv[1], os.O_RDONLY)
random.seed(1); n = 3000; t = time.time()
for i in range(n): os.pread(f, 4096, random.randrange(0, ${MIB} << 8) * 4096)
print(n / (time.time() - t))`;

const NBD = "nbd+unix:///?socket=nbd.sock";
const unmount = (dir: string) => sh(`for i in 1 2 3 4 5; do umount ${dir} && break; sleep 0.1; done`);
/** MiB a second of a file read once, best of some fresh mounts. */
const sequential = (mount: string, file: string): number =>
  best(3, () => {
    sh(mount);
    try {
      return sh(`dd if=${file} of=/dev/null bs=1M count=${MIB} status=none`);
    } finally {
      unmount(file.split("/")[0]!);
    }
  });
const rate = (seconds: number) => MIB / seconds;
/** 4 KiB reads a second, nothing cached. */
function random(mount: string, file: string): number {
  sh(mount);
  try {
    return Number(out(`python3 random.py ${file}`));
  } finally {
    unmount(file.split("/")[0]!);
  }
}
function nbd(): void {
  sh("nbdkit -U nbd.sock -P nbd.pid file d.img; while ! [ -S nbd.sock ]; do sleep 0.02; done");
  try {
    const peer =
      `nbdfuse peer '${NBD}' > /dev/null 2>&1 & for i in $(seq 100); do [ -e peer/nbd ] && break; sleep 0.05; done`;
    const ours = `rump_msdos -o ro '${NBD}' mnt`;
    line(
      `nbd: read ${MIB} MiB`,
      rate(sequential(ours, "mnt/big")),
      "MiB/s",
      "nbdfuse",
      rate(sequential(peer, "peer/nbd")),
      "more",
    );
    const copy = best(3, () => sh(`nbdcopy '${NBD}' null:`)) * MIB / (MIB + 4);
    line(`nbd: the same`, rate(sequential(ours, "mnt/big")), "MiB/s", "nbdcopy", rate(copy), "more");
    line("nbd: random 4 KiB", random(ours, "mnt/big"), "/s", "nbdfuse", random(peer, "peer/nbd"), "more");
    const apart = `rump_msdos -o ro '${NBD}#reconnect=60' mnt`;
    line("nbd, reconnect=: read", rate(sequential(apart, "mnt/big")), "MiB/s");
    line("nbd, reconnect=: random 4 KiB", random(apart, "mnt/big"), "/s");
  } finally {
    sh("kill $(cat nbd.pid)");
  }
}
function web(): void {
  const key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2";
  sh(
    `openssl req -x509 ${key} -keyout key.pem -out cert.pem -subj /CN=localhost -addext subjectAltName=DNS:localhost 2> /dev/null`,
  );
  writeFileSync(
    `${work}/nginx.conf`,
    `pid ${work}/nginx.pid; error_log ${work}/errors; events {} user root; http { access_log off; server { root ${work};
listen 127.0.0.1:18080; listen 127.0.0.1:18443 ssl; ssl_certificate ${work}/cert.pem; ssl_certificate_key ${work}/key.pem; } }`,
  );
  sh("nginx -c $PWD/nginx.conf -e $PWD/errors");
  try {
    for (
      const [name, url] of [["http", "http://localhost:18080/d.img"], [
        "https",
        "https://localhost:18443/d.img",
      ]] as const
    ) {
      const ours = `rump_msdos -o ro '${url}#${name === "https" ? "cafile=cert.pem" : ""}' mnt`;
      const curl = best(3, () => sh(`curl -s --cacert cert.pem ${url} -o /dev/null`)) * MIB / (MIB + 4);
      line(`${name}: read ${MIB} MiB`, rate(sequential(ours, "mnt/big")), "MiB/s", "curl", rate(curl), "more");
      line(`${name}: random 4 KiB`, random(ours, "mnt/big"), "/s");
    }
  } finally {
    sh("kill $(cat nginx.pid)");
  }
}
function apart(): void {
  const here = "rump_msdos -o ro d.img mnt";
  const there = "rump_msdos --isolate -o ro d.img mnt";
  line(
    "--isolate: read",
    rate(sequential(there, "mnt/big")),
    "MiB/s",
    "without",
    rate(sequential(here, "mnt/big")),
    "more",
  );
  line("--isolate: random 4 KiB", random(there, "mnt/big"), "/s", "without", random(here, "mnt/big"), "more");
  const mounted = (mount: string) =>
    best(5, () => {
      const seconds = sh(mount);
      unmount("mnt");
      return seconds * 1000;
    });
  line("--isolate: mount", mounted(there), "ms", "without", mounted(here));
}
export function netdisk(): void {
  if (spawnSync("id", ["-u"]).stdout.toString() !== "0\n") return;
  sh(`mkdir -p mnt peer && truncate -s ${MIB + 4}M d.img && mkfs.fat -F 32 d.img > /dev/null`);
  sh(`head -c ${MIB}M /dev/urandom > big && mcopy -i d.img big :: && rm big`);
  writeFileSync(`${work}/random.py`, RANDOM);
  nbd();
  web();
  apart();
}
