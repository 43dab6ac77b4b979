/** The real Linux vfat, in user-mode Linux (Debian: user-mode-linux, busybox-static): its root is the host's, read-only. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";

const KERNEL = "/usr/bin/linux.uml";
const MODULES = "/usr/lib/uml/modules";
const BUSYBOX = ["/bin/busybox", "/usr/bin/busybox"].find((path) => existsSync(path));
/**
 * UML 6.1 keeps extended registers of a traced process in a buffer without room for AMX; newer hosts refuse to set a part.
 * This preload sets all of them: its own first, the process's behind.
 */
const PRELOAD = `
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>
enum { PEEKTEXT = 1, PEEKUSER = 3, GETREGSET = 0x4204, SETREGSET = 0x4205, XSTATE = 0x202 };
static char all[1 << 16];
long ptrace(int request, ...) {
  va_list list;
  va_start(list, request);
  long pid = va_arg(list, int);
  unsigned long address = va_arg(list, unsigned long), data = va_arg(list, unsigned long), word;
  va_end(list);
  if (request >= PEEKTEXT && request <= PEEKUSER) {
    if (syscall(SYS_ptrace, request, pid, address, &word) < 0) return -1;
    errno = 0;
    return word;
  }
  if ((request != GETREGSET && request != SETREGSET) || address != XSTATE)
    return syscall(SYS_ptrace, request, pid, address, data);
  struct iovec *part = (struct iovec *)data, whole = { all, sizeof all };
  if (syscall(SYS_ptrace, GETREGSET, pid, address, &whole) < 0) return -1;
  if (part->iov_len > whole.iov_len) part->iov_len = whole.iov_len;
  if (request == GETREGSET) return memcpy(part->iov_base, all, part->iov_len), 0;
  memcpy(all, part->iov_base, part->iov_len);
  return syscall(SYS_ptrace, SETREGSET, pid, address, &whole);
}
`;

/** Boot, run a script as init with $OUT writable, halt; what the script wrote, by file name. Undefined: it did not start. */
function boot(
  script: string,
  images: readonly string[],
  seconds: number,
  memory = "128M",
): Map<string, string> | undefined {
  const dir = mkdtempSync(join(tmpdir(), "rump-uml-"));
  try {
    mkdirSync(`${dir}/mnt`);
    const init = `#!${BUSYBOX} sh
export PATH=/bin:/usr/bin:/sbin:/usr/sbin OUT=${dir} LC_ALL=C.UTF-8
b() { ${BUSYBOX} "$@"; }
b mount -t proc proc /proc
b mount -t hostfs -o ${dir} none ${dir}
${script}
echo done > $OUT/done
b sync
b poweroff -f
`;
    writeFileSync(`${dir}/init`, init, { mode: 0o755 });
    const disks = images.map((image, i) => `ubd${i}=${image}`);
    const args = [`mem=${memory}`, ...disks, "rootfstype=hostfs", "rootflags=/", "ro", `init=${dir}/init`, "con=null"];
    spawnSync(
      "setsid",
      ["--wait", KERNEL, ...args, "con0=null,fd:1", "quiet", `uml_dir=${dir}/`, "umid=u", "panic=-1"],
      {
        timeout: seconds * 1000,
        killSignal: "SIGKILL",
        env: { ...process.env, TMPDIR: dir, ...preload(dir) },
        stdio: "ignore",
      },
    );
    if (!existsSync(`${dir}/done`)) return undefined;
    const files = readdirSync(dir).filter((name) => name.endsWith(".txt"));
    return new Map(files.map((name) => [name, readFileSync(`${dir}/${name}`, "utf8")]));
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
function preload(dir: string): Record<string, string> {
  if (!/\bamx_tile\b/.test(readFileSync("/proc/cpuinfo", "utf8"))) return {};
  writeFileSync(`${dir}/preload.c`, PRELOAD);
  const r = spawnSync("gcc", ["-O1", "-shared", "-fPIC", "-o", `${dir}/preload.so`, `${dir}/preload.c`]);
  return r.status === 0 ? { LD_PRELOAD: `${dir}/preload.so` } : {};
}

let why: string | false | undefined;
/** Why Linux's vfat cannot be asked here; false: it can. */
export function noUml(): string | false {
  return (why ??= reason());
}
function reason(): string | false {
  if (!existsSync(KERNEL) || !BUSYBOX) return "no user-mode-linux and busybox-static";
  return boot(":", [], 20) ? false : "user-mode Linux does not start";
}

/** Mount each image as vfat, one after the other, and run commands in it; their output, by the image's number. */
export function inLinux(images: readonly string[], commands: string, memory?: string): string[] {
  const fs = `${MODULES}/${readdirSync(MODULES)[0]}/kernel/fs`;
  const modules = ["nls/nls_cp437", "nls/nls_iso8859-1", "nls/nls_utf8", "fat/fat", "fat/vfat"];
  const load = modules.map((m) => `b insmod ${fs}/${m}.ko`).join("\n");
  const options = "utf8=1,codepage=437,iocharset=iso8859-1,shortname=mixed,tz=UTC";
  const each = images.map((_, i) => `
b mount -t vfat -o ${options} /dev/ubd${String.fromCharCode(97 + i)} $OUT/mnt
( cd $OUT/mnt && ${commands} ) >$OUT/${i}.txt 2>&1 || echo "status $?" >>$OUT/${i}.txt
b umount $OUT/mnt || echo "umount failed" >>$OUT/${i}.txt`);
  const out = boot(`${load}\n${each.join("\n")}`, images, 60, memory);
  if (!out) throw new Error("user-mode Linux did not come to its end");
  return images.map((_, i) => out.get(`${i}.txt`) ?? "");
}
