/** Names in directories of the host by FFI (Linux), which may be of any bytes: node:fs takes and gives text. Throws HostError. */
import process from "node:process";
import type { HostNames, HostTime } from "../lib/host_names.ts";
import { decodeName, decodeNames, encodeName } from "../lib/text.ts";
import type { StatFs } from "../plugin.ts";
import { check } from "./errors.ts";
import { darwin, pin, raw, result } from "./ffi.ts";
import type { Pinned } from "./host.ts";
import { late } from "./late.ts";
import { O_DIRECTORY } from "./open_flags.ts";
import { hostAttr } from "./stat.ts";

const AT_FDCWD = -100;
const AT_SYMLINK_FOLLOW = 0x400;
const O_CLOEXEC = 0o2000000;
const GETDENTS64 = { x64: 217, arm64: 61 } as const;
const LISTING = 64 << 10;
const VALUE = 64 << 10;
const UTIME_OMIT = 0x3ffffffe;
const ERANGE = -34;
const ENODATA = -61;

const path0 = (path: string): Uint8Array => encodeName(`${path}\0`);

let memory: Pinned | undefined;
const room = () => (memory ??= pin(LISTING));

function names(path: string): string[] {
  if (darwin) return late("fs").readdirSync(path);
  const fd = check(result(raw.open(path0(path), O_DIRECTORY | O_CLOEXEC, 0)));
  const { bytes, view, address } = room();
  const list: string[] = [];
  try {
    for (;;) {
      const call = GETDENTS64[process.arch as keyof typeof GETDENTS64];
      const n = check(result(Number(raw.syscall(call, fd, address, LISTING, 0))));
      if (n === 0) return list;
      // struct linux_dirent64: ino, off, reclen, type, name
      for (let at = 0; at < n; at += view.getUint16(at + 16, true)) {
        const name = decodeName(bytes.subarray(at + 19, bytes.indexOf(0, at + 19)));
        if (name !== "." && name !== "..") list.push(name);
      }
    }
  } finally {
    raw.close(fd);
  }
}
function readlink(path: string): string {
  const { address, bytes } = room();
  const n = check(Number(result(Number(raw.readlink(path0(path), address, LISTING)))));
  return decodeName(bytes.subarray(0, n));
}
function utimes(path: string, ...times: (HostTime | undefined)[]): void {
  const specs = new DataView(new ArrayBuffer(32));
  for (const [i, [sec, nsec]] of times.map((t) => t ?? [0, UTIME_OMIT] as const).entries()) {
    specs.setBigInt64(i * 16, BigInt(sec), true);
    specs.setBigInt64(i * 16 + 8, BigInt(nsec), true);
  }
  check(result(raw.utimensat(AT_FDCWD, path0(path), new Uint8Array(specs.buffer), 0)));
}
function statfs(path: string): StatFs {
  const { bsize, blocks, bfree, bavail, files, ffree } = late("fs").statfsSync(path);
  return { blockSize: bsize, blocks, free: bfree, available: bavail, files, filesFree: ffree };
}
function getxattr(path: string, name: string): Uint8Array | undefined {
  const value = new Uint8Array(VALUE);
  const n = Number(result(Number(raw.getxattr(path0(path), path0(name), value, VALUE))));
  return n === ENODATA ? undefined : value.slice(0, check(n));
}
function listxattr(path: string): string[] {
  const list = new Uint8Array(VALUE);
  const n = Number(result(Number(raw.listxattr(path0(path), list, VALUE))));
  return n === ERANGE ? [] : decodeNames(list.subarray(0, check(n)));
}
function removexattr(path: string, name: string): boolean {
  const r = result(raw.removexattr(path0(path), path0(name)));
  return r !== ENODATA && check(r) === 0;
}
const done = (r: number): void => void check(result(r));

export const hostNames: HostNames = {
  attr: hostAttr,
  names,
  readlink,
  utimes,
  statfs,
  getxattr,
  listxattr,
  removexattr,
  setxattr: (path, name, value) => done(raw.setxattr(path0(path), path0(name), value, value.length, 0)),
  mkdir: (path, mode) => done(raw.mkdir(path0(path), mode)),
  mkfifo: (path, mode) => done(raw.mkfifo(path0(path), mode)),
  symlink: (target, path) => done(raw.symlink(path0(target), path0(path))),
  link: (from, to) => done(raw.linkat(AT_FDCWD, path0(from), AT_FDCWD, path0(to), AT_SYMLINK_FOLLOW)),
  unlink: (path) => done(raw.unlink(path0(path))),
  rmdir: (path) => done(raw.rmdir(path0(path))),
  rename: (from, to) => done(raw.rename(path0(from), path0(to))),
  chmod: (path, mode) => done(raw.chmod(path0(path), mode)),
  chown: (path, uid, gid) => done(raw.chown(path0(path), uid, gid)),
};
