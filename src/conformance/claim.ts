/** What conformance claims are made of: the calls they use, how they say what they need, and small helpers. */

import type { Capability } from "../plugin.ts";

export type { Capability };

export interface Stat {
  readonly type: "file" | "dir" | "link" | "fifo" | "other";
  readonly size: number;
  /** Permission bits. */
  readonly mode: number;
  readonly ino: number;
  readonly nlink: number;
  /** Seconds since 1970, with a fraction. */
  readonly atime: number;
  readonly mtime: number;
}
/** As in fopen(3), with x for O_EXCL: "wx" makes a file that must not be there; "o" writes without cutting. */
export type How = "r" | "r+" | "w" | "w+" | "wx" | "a" | "a+";

/** The calls the claims are made of. Failures reject with an Error whose `code` is the errno's name. */
export interface Posix<Fd = unknown> {
  open(path: string, how: How): Promise<Fd>;
  close(fd: Fd): Promise<void>;
  /** At most `n` bytes at `at`; without it at the descriptor's offset. */
  read(fd: Fd, n: number, at?: number): Promise<Uint8Array>;
  write(fd: Fd, bytes: Uint8Array, at?: number): Promise<number>;
  ftruncate(fd: Fd, size: number): Promise<void>;
  fsync(fd: Fd): Promise<void>;
  fstat(fd: Fd): Promise<Stat>;
  stat(path: string): Promise<Stat>;
  lstat(path: string): Promise<Stat>;
  truncate(path: string, size: number): Promise<void>;
  /** Without "." and "..". */
  readdir(path: string): Promise<string[]>;
  mkdir(path: string, mode?: number): Promise<void>;
  rmdir(path: string): Promise<void>;
  unlink(path: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  link(path: string, to: string): Promise<void>;
  symlink(target: string, path: string): Promise<void>;
  readlink(path: string): Promise<string>;
  chmod(path: string, mode: number): Promise<void>;
  /** Seconds since 1970. */
  utimes(path: string, atime: number, mtime: number): Promise<void>;
}

/** What a claim is called and when it is looked at. */
export interface Titled {
  readonly name: string;
  readonly needs?: readonly Capability[];
  /** Also for a file system that cannot be written. */
  readonly readOnly?: boolean;
}
/** One thing that must hold in an empty directory. */
export interface Claim extends Titled {
  run(p: Posix, dir: string): Promise<void>;
}
/** Why a claim is not looked at. */
export function skipped(claim: Titled, lacks: readonly Capability[]): string | false {
  const missing = [...claim.readOnly ? [] : ["write"], ...claim.needs ?? []].filter((c) =>
    lacks.includes(c as Capability)
  );
  return missing.length > 0 && `lacks ${missing.join(", ")}`;
}

/** The errno's name a call is refused with; "ok" when it is not. */
export async function refused(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return "ok";
  } catch (e) {
    const { code } = e as { code?: unknown };
    if (typeof code === "string") return code;
    throw e;
  }
}
/** Make a file with this content. */
export async function put(p: Posix, path: string, content: Uint8Array | string): Promise<void> {
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
  const fd = await p.open(path, "w");
  try {
    for (let at = 0; at < bytes.length;) at += await p.write(fd, bytes.subarray(at), at);
  } finally {
    await p.close(fd);
  }
}
/** All of a file. */
export async function get(p: Posix, path: string): Promise<Uint8Array> {
  const fd = await p.open(path, "r");
  try {
    const parts: Uint8Array[] = [];
    for (;;) {
      const part = await p.read(fd, 1 << 16);
      if (part.length === 0) break;
      parts.push(part);
    }
    return concat(parts);
  } finally {
    await p.close(fd);
  }
}
export const getText = async (p: Posix, path: string): Promise<string> => new TextDecoder().decode(await get(p, path));
function concat(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((n, part) => n + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
/** Bytes that differ from place to place (a linear congruential generator). */
export function pattern(n: number, seed = 1): Uint8Array {
  const bytes = new Uint8Array(n);
  let x = seed;
  for (let i = 0; i < n; i++) bytes[i] = (x = (Math.imul(x, 1103515245) + 12345) & 0x7fffffff) >>> 16;
  return bytes;
}
