/** Operations that are one question to the driver: space, room, holes, extended attributes. */
import { errno } from "../abi/errno.ts";
import { then } from "../lib/async.ts";
import { encodeName } from "../lib/text.ts";
import type { Async } from "../plugin.ts";
import {
  FallocateIn,
  FOPEN_KEEP_CACHE,
  IOC_MOUNT_STATS,
  IOCTL_OUT,
  IoctlIn,
  LseekIn,
  OUT_HEADER,
  STATFS_SIZE,
  StatfsOut,
} from "../wire/fuse.ts";
import { CAPABILITY } from "./privileges.ts";
import { BODY, type Context, make, name, type Op, openReply, writable } from "./ops.ts";
import { entryReply } from "./reply.ts";

export function statfs(c: Context): Async<number> {
  return then(c.server.opens ? c.server.opens.statfs(c.node) : c.volume.statfs(), (s) => {
    const d = c.req.out.view;
    const { set } = StatfsOut;
    c.req.out.bytes.fill(0, OUT_HEADER, OUT_HEADER + STATFS_SIZE);
    set.blocks(d, OUT_HEADER, s.blocks);
    set.bfree(d, OUT_HEADER, s.free);
    set.bavail(d, OUT_HEADER, s.available ?? s.free);
    set.files(d, OUT_HEADER, s.files ?? 0);
    set.ffree(d, OUT_HEADER, s.filesFree ?? 0);
    set.bsize(d, OUT_HEADER, s.blockSize);
    set.frsize(d, OUT_HEADER, s.blockSize);
    set.namelen(d, OUT_HEADER, s.nameMax ?? 255);
    return STATFS_SIZE;
  });
}
const KEEP_SIZE = 1;
const PUNCH_HOLE = 2;
export function fallocate(c: Context): Async<number> {
  const d = c.req.in.view;
  const { get } = FallocateIn;
  const [offset, length, mode] = [get.offset(d, BODY), get.length(d, BODY), get.mode(d, BODY)];
  const volume = writable(c);
  if (mode === (KEEP_SIZE | PUNCH_HOLE)) return then(volume.punch(c.node, offset, length), () => 0);
  if (mode & ~KEEP_SIZE) throw errno.EOPNOTSUPP;
  return then(volume.allocate(c.node, offset, length, mode === KEEP_SIZE), () => 0);
}
const SEEK_DATA = 3;
/** Past the end there is neither data nor a hole. */
export function lseek(c: Context): Async<number> {
  const d = c.req.in.view;
  const offset = LseekIn.get.offset(d, BODY);
  const whence = LseekIn.get.whence(d, BODY);
  return then(c.volume.getattr(c.node), ({ size }) => {
    if (offset >= size) throw errno.ENXIO;
    return then(c.volume.seek(c.node, offset, whence !== SEEK_DATA), (at) => {
      if (at < 0) throw errno.ENXIO;
      c.req.out.view.setBigUint64(OUT_HEADER, BigInt(at), true);
      return 8;
    });
  });
}

/** ioccom.h: the command comes with an argument. */
const IOC_WRITE = 1 << 30;
/** What the driver answers; commands that come with an argument are the owner's. */
export function ioctl(c: Context): Async<number> {
  const d = c.req.in.view;
  const { get } = IoctlIn;
  const [command, inSize, outSize] = [get.command(d, BODY), get.inSize(d, BODY), get.outSize(d, BODY)];
  const at = BODY + IoctlIn.size;
  if (at + inSize > c.req.length) throw errno.EINVAL;
  if (command === IOC_MOUNT_STATS && c.node === c.volume.root) return answer(c, outSize, c.server.stats());
  const data = c.req.in.bytes.slice(at, at + inSize);
  const done = command & IOC_WRITE
    ? owned(c, () => writable(c).ioctl(c.node, command, data))
    : c.volume.ioctl(c.node, command, data);
  return then(done, (bytes) => answer(c, outSize, bytes));
}
function answer(c: Context, room: number, bytes: Uint8Array): number {
  if (bytes.length > room) throw errno.EINVAL;
  c.req.out.bytes.fill(0, OUT_HEADER, OUT_HEADER + IOCTL_OUT);
  c.req.out.bytes.set(bytes, OUT_HEADER + IOCTL_OUT);
  return IOCTL_OUT + bytes.length;
}
function owned<T>(c: Context, work: () => Async<T>): Async<T> {
  return then(c.volume.getattr(c.node), ({ uid }) => {
    if (c.req.uid !== 0 && c.req.uid !== (uid ?? 0)) throw errno.EPERM;
    return work();
  });
}

/** A value, or with no room asked for its length. */
function blob(c: Context, value: Uint8Array): number {
  const size = c.req.in.view.getUint32(BODY, true);
  if (size === 0) {
    c.req.out.words[4] = value.length;
    c.req.out.words[5] = 0;
    return 8;
  }
  if (value.length > size) throw errno.ERANGE;
  c.req.out.bytes.set(value, OUT_HEADER);
  return value.length;
}
/** No attributes at all: never asked for again. */
function xattr<T>(work: () => Async<T>): Async<T> {
  try {
    return work();
  } catch (e) {
    throw e === errno.EOPNOTSUPP ? errno.ENOSYS : e;
  }
}
export const getxattr: Op = (c) => {
  const wanted = name(c, BODY + 8).name;
  return then(xattr(() => c.volume.getxattr(c.node, wanted)), (value) => {
    if (!value) throw errno.ENOATTR;
    return blob(c, value);
  });
};
export const setxattr: Op = (c) => {
  const size = c.req.in.view.getUint32(BODY, true);
  const { name: wanted, end } = name(c, BODY + 8);
  if (end + size > c.req.length) throw errno.EINVAL;
  const value = c.req.in.bytes.slice(end, end + size);
  if (wanted === CAPABILITY) c.known.capable = true;
  return then(xattr(() => writable(c).setxattr(c.node, wanted, value)), () => 0);
};
export const removexattr: Op = (c) => {
  const wanted = name(c, BODY).name;
  return then(xattr(() => writable(c).removexattr(c.node, wanted)), (was) => {
    if (!was) throw errno.ENOATTR;
    return 0;
  });
};
export const listxattr: Op = (c) =>
  then(
    xattr(() => c.volume.listxattr(c.node)),
    (names) => blob(c, encodeName([...names].map((n) => `${n}\0`).join(""))),
  );

/** A file without a name: made under one nobody else has, and the name removed. */
export function tmpfile(c: Context): Async<number> {
  const mode = c.req.in.view.getUint32(BODY + 4, true);
  const volume = writable(c);
  const hidden = `.fuse_hidden${c.server.serial()}`;
  return then(volume.create(c.node, hidden, make(c, mode)), (node) => {
    const known = c.server.nodes.found(node, hidden);
    return then(volume.unlink(c.node, hidden, node), () =>
      then(volume.getattr(node), (a) => {
        const n = entryReply(c.req, known.id, a, { name: 0, attr: c.server.seconds(node) });
        return n + openReply(c.req, OUT_HEADER + n, 0, FOPEN_KEEP_CACHE);
      }));
  });
}
