/** Mounting FUSE (Linux): mount(2) as root or in a user namespace, fusermount3 for ordinary users. Facts: fuse(4), libfuse's protocol with fusermount. */
import process from "node:process";
import { check, errnoName, hostError } from "./errors.ts";
import { cstring, raw, result } from "./ffi.ts";
import { receiveDescriptor } from "./handover.ts";
import { late } from "./late.ts";
import { readAhead } from "./read_ahead.ts";
import { hostStat } from "./stat.ts";
import type { FuseMount, FuseMountOptions, Loop } from "./host.ts";
import { socketPair, unmounter } from "./unmounter.ts";

const O_RDWR_CLOEXEC = 2 | 0o2000000;
/** MS_* of mount(2), by the names mount(8) uses. */
const flagBits: Readonly<Record<string, number>> = {
  ro: 1,
  nosuid: 2,
  nodev: 4,
  noexec: 8,
  sync: 16,
  dirsync: 128,
  noatime: 1024,
  nodiratime: 2048,
  relatime: 1 << 21,
  strictatime: 1 << 24,
};
const MNT_DETACH = 2;
const EBUSY = -16;
const F_SETFL = 4;
const O_NONBLOCK = 0o4000;
const NOT_FOUND = 127;

/** Mount at `dir` (absolute). A dead mount in the way is detached first. */
export async function fuseMount(dir: string, options: FuseMountOptions, loop: Loop): Promise<FuseMount> {
  const asRoot = raw.getuid() === 0;
  if (isDead(dir)) {
    if (asRoot) raw.umount2(cstring(dir), MNT_DETACH);
    else await run("fusermount3", ["-u", "-z", "--", dir]);
  }
  const fd = asRoot ? mountRoot(dir, options) : await mountUser(dir, options);
  // The loop reads until there is nothing: a blocking read would never come back to it.
  raw.fcntl(fd, F_SETFL, O_NONBLOCK);
  const apart = unmounter(dir, asRoot ? "root" : "user", loop);
  // Without a program for it only this process can, and must not wait for itself.
  const detach = () => result(raw.umount2(cstring(dir), MNT_DETACH)) !== EBUSY;
  return {
    fd,
    unmount: apart?.unmount ?? detach,
    abandon() {
      raw.close(fd);
      if (apart) apart.abandon();
      else detach();
    },
    mayGiveUpRights: apart !== undefined,
  };
}

/** A mount whose server died answers ENOTCONN to everything. */
function isDead(dir: string): boolean {
  try {
    hostStat(dir, true);
    return false;
  } catch (e) {
    return (e as { code?: string }).code === "ENOTCONN";
  }
}

function mountRoot(dir: string, o: FuseMountOptions): number {
  const fd = check(result(raw.open(cstring("/dev/fuse"), O_RDWR_CLOEXEC, 0)), "/dev/fuse");
  const data = `fd=${fd},rootmode=40000,user_id=${raw.getuid()},group_id=${raw.getgid()}` +
    `${o.allowOther ? ",allow_other" : ""},default_permissions`;
  const flags = [...o.flags, ...(o.readOnly ? ["ro"] : []), "nosuid", "nodev"];
  const bits = flags.reduce((all, f) => all | (flagBits[f] ?? 0), 0);
  const r = result(raw.mount(cstring(o.source), cstring(dir), cstring(`fuse.${o.subtype}`), bits, cstring(data)));
  if (r < 0) {
    raw.close(fd);
    throw hostError(errnoName(-r), dir);
  }
  readAhead(dir);
  return fd;
}
function run(
  command: string,
  args: readonly string[],
  extra: { fd?: number } = {},
): Promise<{ status: number; stderr: string }> {
  return new Promise((resolve) => {
    const child = late("child_process").spawn(command, [...args], {
      stdio: ["ignore", "ignore", "pipe", ...(extra.fd === undefined ? [] : [extra.fd])],
      ...(extra.fd === undefined ? {} : { env: { ...process.env, _FUSE_COMMFD: "3" } }),
    });
    let stderr = "";
    child.stderr!.on("data", (d) => (stderr += d));
    child.on(
      "error",
      (e) =>
        resolve({
          status: NOT_FOUND,
          stderr: (e as { code?: string }).code === "ENOENT" ? `${command}: not found` : String(e),
        }),
    );
    child.on("close", (code) => resolve({ status: code ?? 128, stderr: stderr.trim() }));
  });
}

/** fusermount3 opens and mounts, and sends the descriptor over a socket as SCM_RIGHTS. */
async function mountUser(dir: string, o: FuseMountOptions): Promise<number> {
  const [ours, theirs] = socketPair();
  const options = [
    `fsname=${o.source.replace(/[\\,]/g, "\\$&")}`,
    `subtype=${o.subtype}`,
    "nosuid",
    "nodev",
    "default_permissions",
  ];
  if (o.allowOther) options.push("allow_other");
  if (o.readOnly) options.push("ro");
  options.push(...o.flags.filter((f) => Object.hasOwn(flagBits, f) && f !== "strictatime" && f !== "relatime"));
  try {
    const { status, stderr } = await run("fusermount3", ["-o", options.join(","), "--", dir], { fd: theirs });
    if (status !== 0) throw Object.assign(new Error(reason(stderr)), { code: "EPERM" });
    return receiveDescriptor(ours, "fusermount3");
  } finally {
    raw.close(theirs);
    raw.close(ours);
  }
}
/** fusermount3's own words, without its name. */
const reason = (stderr: string) => stderr.split("\n")[0]?.replace(/^fusermount3?: /, "") || "fusermount3 failed";
