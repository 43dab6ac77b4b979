/** Files past the host's page cache (open(2), O_DIRECT): whole blocks, to and from memory that begins where a block could. */
import { errno } from "../abi/errno.ts";
import { anyByte } from "../lib/aligned.ts";
import { check, hostError } from "./errors.ts";
import { addressOf, pin, raw, result } from "./ffi.ts";
import type { HostFile, Pinned } from "./host.ts";
import { O_DIRECT } from "./open_flags.ts";

const F_GETFL = 3;
const F_SETFL = 4;
const EINVAL = 22;
/** Sizes blocks may have to be of, in bytes: the first that the file takes. */
const BLOCKS = [512, 4096] as const;
const LARGEST = 4096;
/** Bytes that go at once by way of memory of our own. */
const ROOM = 1 << 20;
let room: Pinned | undefined;
const ownMemory = () => (room ??= pin(ROOM)).bytes;

type Move = (bytes: Uint8Array, offset: number) => number;

/**
 * A file that was opened with O_DIRECT, of which any bytes can be read and written: parts of blocks by way of whole ones, and
 * what is behind the last whole one through the cache. Throws EOPNOTSUPP, and it is closed, when it takes no such transfers.
 */
export function directFile(file: HostFile): HostFile {
  const align = blockOf(file);
  const [read, write]: [Move, Move] = [file.pread.bind(file), file.pwrite.bind(file)];
  const wholeSize = () => file.size - file.size % align;
  const blocks = anyByte({
    name: "",
    blockSize: align,
    get size() {
      return wholeSize();
    },
    read: (into, offset) => inPieces(into, offset, align, read, "read"),
    write: (from, offset) => inPieces(from, offset, align, write, "write"),
  }, errno.EIO);
  /** Bytes of a transfer, from its start on, that go past the cache. */
  const past = (bytes: Uint8Array, offset: number) => Math.max(0, Math.min(bytes.length, wholeSize() - offset));
  const rest = (move: Move, bytes: Uint8Array, offset: number, done: number) =>
    done === bytes.length ? done : done + cached(file, () => move(bytes.subarray(done), offset + done));
  return Object.assign(file, {
    align,
    pread(into: Uint8Array, offset: number): number {
      const n = past(into, offset);
      if (n > 0) void blocks.read(into.subarray(0, n), offset);
      return rest(read, into, offset, n);
    },
    pwrite(from: Uint8Array, offset: number): number {
      const grows = offset % align === 0 && from.length % align === 0;
      const n = grows ? from.length : past(from, offset);
      if (n > 0) void blocks.write!(from.subarray(0, n), offset);
      return rest(write, from, offset, n);
    },
  });
}
/** The size of block that a file takes. */
function blockOf(file: HostFile): number {
  if (file.size < LARGEST) return LARGEST;
  // The memory is no better aligned than what is asked about.
  const takes = (n: number) => result(raw.pread(file.fd, ownMemory().subarray(n, 2 * n), n, 0)) !== -EINVAL;
  const found = BLOCKS.find(takes);
  if (found !== undefined) return found;
  file.close();
  throw noDirect();
}
/** Transfer whole blocks, by way of memory of our own where theirs is not aligned. Throws EIO when fewer bytes are moved. */
function inPieces(bytes: Uint8Array, offset: number, align: number, move: Move, way: "read" | "write"): void {
  if (addressOf(bytes) % align === 0) return all(move(bytes, offset), bytes);
  for (let done = 0; done < bytes.length; done += ROOM) {
    const part = bytes.subarray(done, done + ROOM);
    const own = ownMemory().subarray(0, part.length);
    if (way === "write") own.set(part);
    all(move(own, offset + done), part);
    if (way === "read") part.set(own);
  }
}
function all(moved: number, bytes: Uint8Array): void {
  if (moved < bytes.length) throw errno.EIO;
}
/** Do it through the cache: the kernel keeps that in step with what goes past it. */
function cached<T>(file: HostFile, work: () => T): T {
  const flags = check(result(raw.fcntl(file.fd, F_GETFL, 0)));
  check(result(raw.fcntl(file.fd, F_SETFL, flags & ~O_DIRECT)));
  try {
    return work();
  } finally {
    check(result(raw.fcntl(file.fd, F_SETFL, flags)));
  }
}
/** Of file systems that have no O_DIRECT. */
const noDirect = () =>
  Object.assign(hostError("EOPNOTSUPP"), { message: "its file system does not read and write past the cache" });
/** What open(2) with O_DIRECT gave. Throws HostError; EOPNOTSUPP for what it does not go with. */
export function openedDirect(fd: number): number {
  if (fd === -EINVAL) throw noDirect();
  return check(fd);
}
