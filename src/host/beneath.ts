/**
 * Paths below a directory that no symbolic link leads out of, whoever changes the directory meanwhile (open(2), openat2(2),
 * O_PATH).
 */
import { check } from "./errors.ts";
import { encodeName } from "../lib/text.ts";
import { darwin, pin, raw, result } from "./ffi.ts";
import type { Held } from "../lib/host_names.ts";
import type { Pinned } from "./host.ts";
import { O_DIRECTORY, O_NOFOLLOW } from "./open_flags.ts";

const O_PATH = 0o10000000;
const O_CLOEXEC = 0o2000000;
/** The same number on every machine. */
const OPENAT2 = 437;
// linux/openat2.h
const RESOLVE_NO_MAGICLINKS = 2;
const RESOLVE_NO_SYMLINKS = 4;
const RESOLVE_BENEATH = 8;
/** struct open_how: flags, mode, resolve. */
const HOW = 24;
const PATH_MAX = 4096;
const ENOSYS = -38;
const EAGAIN = -11;
/** Times the kernel may say that names were moved while it looked. */
const PATIENCE = 128;

const opened = (path: string, flags: number) =>
  check(result(raw.open(encodeName(`${path}\0`), O_PATH | O_CLOEXEC | flags, 0)));

let memory: Pinned | undefined;
/** Whether this kernel has openat2(2), and lets us use it. */
let hasOpenat2 = !darwin;
/** Open by one call; undefined: the names must be walked. */
function openedBeneath(root: number, names: readonly string[]): number | undefined {
  const path = encodeName(`${names.join("/")}\0`);
  if (!hasOpenat2 || names.length === 0 || path.length > PATH_MAX) return undefined;
  const m = (memory ??= pin(HOW + PATH_MAX));
  m.view.setBigUint64(0, BigInt(O_PATH | O_CLOEXEC | O_NOFOLLOW), true);
  m.view.setBigUint64(16, BigInt(RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS), true);
  m.bytes.set(path, HOW);
  for (let i = 0; i < PATIENCE; i++) {
    const fd = result(Number(raw.syscall(OPENAT2, root, m.address + HOW, m.address, HOW)));
    // A link at the end is what O_NOFOLLOW would give, and RESOLVE_NO_SYMLINKS does not.
    if (fd === ENOSYS || fd === EPERM) hasOpenat2 = false;
    if (fd === ENOSYS || fd === EPERM || fd === ELOOP) return undefined;
    if (fd !== EAGAIN) return check(fd);
  }
  return undefined;
}
const EPERM = -1;
const ELOOP = -40;
function walked(root: number, names: readonly string[]): number {
  let fd = root;
  for (const [i, name] of names.entries()) {
    const last = i === names.length - 1;
    try {
      const next = opened(`/proc/self/fd/${fd}/${name}`, O_NOFOLLOW | (last ? 0 : O_DIRECTORY));
      if (fd !== root) raw.close(fd);
      fd = next;
    } catch (e) {
      if (fd !== root) raw.close(fd);
      throw e;
    }
  }
  return fd;
}

/** Throws HostError. */
export function held(path: string): Held {
  if (darwin) return { path, beneath: (names, work) => work([path, ...names].join("/")), close() {} };
  const root = opened(path, 0);
  const own = `/proc/self/fd/${root}`;
  return {
    path: own,
    beneath(names, work) {
      if (names.length === 0) return work(own);
      const fd = openedBeneath(root, names) ?? walked(root, names);
      try {
        return work(`/proc/self/fd/${fd}`);
      } finally {
        raw.close(fd);
      }
    },
    close: () => void raw.close(root),
  };
}
