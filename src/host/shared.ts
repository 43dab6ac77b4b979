/**
 * Memory two processes share beside a unix socket (Linux): an anonymous file sealed against cutting, so that no access can
 * fault, whose descriptor goes along with a message (memfd_create(2), SCM_RIGHTS in unix(7)).
 */
import type { SharedMemory } from "../plugin.ts";
import { addressOf, cstring, mapped, pin, raw, result } from "./ffi.ts";
import type { Pinned } from "./host.ts";
import { Spin } from "./spin.ts";

const MFD_CLOEXEC = 1;
const MFD_ALLOW_SEALING = 2;
const MFD_NOEXEC_SEAL = 8;
const F_ADD_SEALS = 1033;
const F_GET_SEALS = 1034;
/** F_SEAL_SEAL, F_SEAL_SHRINK, F_SEAL_GROW: its size stays. */
const SEALS = 1 | 2 | 4;
const SEEK_END = 2;
const READ_WRITE = 1 | 2;
const MAP_SHARED = 1;
const MSG_CMSG_CLOEXEC = 0x4000_0000;
const MSG_NOSIGNAL = 0x4000;
const EINTR = -4;

/** Map a descriptor, which is closed. Undefined: it cannot be. */
function map(fd: number, size: number, now: () => number): SharedMemory | undefined {
  const address = Number(raw.mmap(0, size, READ_WRITE, MAP_SHARED, fd, 0));
  raw.close(fd);
  if (address <= 0) return undefined;
  const buffer = mapped(address, size);
  const spin = new Spin(now);
  let open = true;
  return {
    bytes: new Uint8Array(buffer),
    words: new Int32Array(buffer),
    worth: () => spin.worth(),
    until: (there) => spin.until(there),
    close() {
      if (open) raw.munmap(address, size);
      open = false;
    },
  };
}

function memoryFile(size: number): number {
  const name = cstring("rump");
  let fd = raw.memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);
  if (fd < 0) fd = raw.memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING); // before Linux 6.3
  if (fd < 0) return fd;
  if (raw.ftruncate(fd, size) === 0 && raw.fcntl(fd, F_ADD_SEALS, SEALS) === 0) return fd;
  raw.close(fd);
  return -1;
}

/** struct msghdr (56 bytes), iovec, room for a cmsghdr with one descriptor (24 bytes); 64-bit. */
let message: Pinned | undefined;
const [IOV, CONTROL, CONTROL_ROOM, CONTROL_LENGTH] = [64, 96, 24, 40];
const HIGH = 0x1_0000_0000;
function msghdr(data: Uint8Array): Pinned {
  const m = (message ??= pin(128));
  const put = (at: number, value: number) => {
    m.view.setUint32(at, value >>> 0, true);
    m.view.setUint32(at + 4, Math.floor(value / HIGH), true);
  };
  m.bytes.fill(0);
  put(IOV, addressOf(data));
  put(IOV + 8, data.length);
  put(16, m.address + IOV);
  put(24, 1);
  put(32, m.address + CONTROL);
  put(CONTROL_LENGTH, CONTROL_ROOM);
  return m;
}

/** Make zeroed memory, and send it to the peer of a unix socket with `data`. Undefined: it cannot be, nothing is sent. */
export function shareMemory(
  socket: number,
  size: number,
  data: Uint8Array,
  now: () => number,
): SharedMemory | undefined {
  const fd = memoryFile(size);
  if (fd < 0) return undefined;
  const m = msghdr(data);
  m.view.setUint32(CONTROL, 20, true); // CMSG_LEN of one int
  m.view.setInt32(CONTROL + 8, 1, true); // SOL_SOCKET
  m.view.setInt32(CONTROL + 12, 1, true); // SCM_RIGHTS
  m.view.setInt32(CONTROL + 16, fd, true);
  const memory = raw.sendmsg(socket, m.address, MSG_NOSIGNAL) === data.length ? fd : -1;
  if (memory < 0) raw.close(fd);
  return memory < 0 ? undefined : map(memory, size, now);
}

/** What comes next on a unix socket, and `size` bytes of memory if they come along: bytes read, or minus the errno. */
export function receiveMemory(
  socket: number,
  size: number,
  into: Uint8Array,
  now: () => number,
): { readonly n: number; readonly memory?: SharedMemory } {
  const m = msghdr(into);
  let n = result(raw.recvmsg(socket, m.address, MSG_CMSG_CLOEXEC));
  while (n === EINTR) n = result(raw.recvmsg(socket, m.address, MSG_CMSG_CLOEXEC));
  if (n < 0 || m.view.getUint32(CONTROL_LENGTH, true) < 20) return { n };
  const fd = m.view.getInt32(CONTROL + 16, true);
  const sound = (raw.fcntl(fd, F_GET_SEALS, 0) & SEALS) === SEALS && Number(raw.lseek(fd, 0, SEEK_END)) >= size;
  const memory = sound ? map(fd, size, now) : void raw.close(fd);
  return memory ? { n, memory } : { n };
}
