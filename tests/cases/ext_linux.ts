/** Linux's own ext4 driver on an image, through a loop device of the test's own: as root only. */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import process from "node:process";
import { extScratch, run } from "./ext_images.ts";

let why: string | false | undefined;
/** Why Linux cannot be asked; false: it can. */
export function noLinux(): string | false {
  return (why ??= reason());
}
function reason(): string | false {
  if (process.getuid?.() !== 0) return "not root: no loop mounts";
  if (!existsSync("/dev/loop-control")) return "no loop devices";
  if (!/\bext4\b/.test(readFileSync("/proc/filesystems", "utf8"))) return "no ext4 in this kernel";
  try {
    run("rm -f probe.img; mke2fs -q -F -t ext2 probe.img 512k");
    onLinux(new Uint8Array(readFileSync(`${extScratch()}/probe.img`)), "ro", () => {});
    return false;
  } catch (e) {
    return `no loop mounts: ${e instanceof Error ? e.message.slice(0, 80) : e}`;
  }
}
let serial = 0;
/**
 * Mount an image, do something at the mount point, unmount; the image then, and what `work` gave. In a mount name space of
 * its own, so that nobody's copy of another one keeps it mounted: it is reached through /proc.
 */
export function onLinux<T>(bytes: Uint8Array, options: string, work: (dir: string) => T): readonly [Uint8Array, T] {
  const image = `${extScratch()}/linux${serial++}.img`;
  const dir = `${extScratch()}/mnt`;
  mkdirSync(dir, { recursive: true });
  writeFileSync(image, bytes);
  const mount = `mount -t ext4 -o loop,${options} ${image} ${dir}`;
  const pid = run(`rm -f mounted; unshare -m --propagation private sh -ec "${mount}; : > mounted; exec sleep 120" \
    > mount.err 2>&1 & pid=$!; for i in $(seq 500); do [ -e mounted ] && break; kill -0 $pid || break; sleep 0.01; done
    [ -e mounted ] || { cat mount.err >&2; exit 1; }; echo $pid`).trim();
  try {
    const result = work(`/proc/${pid}/root${dir}`);
    run(`nsenter -t ${pid} -m umount ${dir}`);
    return [new Uint8Array(readFileSync(image)), result];
  } finally {
    process.kill(Number(pid));
    rmSync(image);
  }
}
/** EXT4_IOC_SHUTDOWN: what is in the journal stays there, as a crash would leave it. */
const SHUTDOWN = `import fcntl, os, struct, sys
f = os.open(sys.argv[1], os.O_RDONLY); fcntl.ioctl(f, 0x8004587d, struct.pack("I", 1))`;
/** The image after a crash: `work` is in its journal, and was not written anywhere else. */
export function crashedOnLinux<T>(bytes: Uint8Array, options: string, work: (dir: string) => T) {
  return onLinux(bytes, options, (dir) => {
    const result = work(dir);
    run(`python3 -c '${SHUTDOWN}' ${dir}`);
    return result;
  });
}
