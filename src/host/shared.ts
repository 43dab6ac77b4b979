/**
 * Memory two processes share beside a unix socket (Linux): an anonymous file sealed against cutting, so that no access can
 * fault, whose descriptor goes along with a message (memfd_create(2), SCM_RIGHTS in unix(7)).
 */
import type { SharedMemory } from "../plugin.ts";
import { addressOf, cstring, mapped, raw } from "./ffi.ts";
import { cameAlong, receiveWithDescriptor, sendWithDescriptor } from "./rights.ts";
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

/** Make zeroed memory, and send it to the peer of a unix socket with `data`. Undefined: it cannot be, nothing is sent. */
export function shareMemory(
  socket: number,
  size: number,
  data: Uint8Array,
  now: () => number,
): SharedMemory | undefined {
  const fd = memoryFile(size);
  if (fd < 0) return undefined;
  const memory = sendWithDescriptor(socket, data, fd) === data.length ? fd : -1;
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
  const address = addressOf(into);
  let n = receiveWithDescriptor(socket, address, into.length);
  while (n === EINTR) n = receiveWithDescriptor(socket, address, into.length);
  const fd = n < 0 ? undefined : cameAlong();
  if (fd === undefined) return { n };
  const sound = (raw.fcntl(fd, F_GET_SEALS, 0) & SEALS) === SEALS && Number(raw.lseek(fd, 0, SEEK_END)) >= size;
  const memory = sound ? map(fd, size, now) : void raw.close(fd);
  return memory ? { n, memory } : { n };
}
