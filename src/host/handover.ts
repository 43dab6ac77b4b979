/** Descriptors sent over a local socket beside some bytes (SCM_RIGHTS, unix(7)). */
import { check, hostError } from "./errors.ts";
import { pin, raw, result } from "./ffi.ts";

/** struct msghdr 56 bytes, iovec 16, cmsghdr 16, then the descriptors; behind them what is sent. */
const AT = { message: 0, iov: 64, control: 96, data: 512 } as const;
const HEADER = 16;
const MOST = 64;
const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;
const MSG_CMSG_CLOEXEC = 0x40000000;
const MSG_NOSIGNAL = 0x4000;
const EINTR = -4;
const ROOM = 4096;

interface Frame {
  readonly view: DataView;
  readonly bytes: Uint8Array;
  readonly address: number;
}
function frame(data: number, control: number): Frame {
  const { view, bytes, address } = pin(AT.data + data);
  const put = (at: number, value: number) => view.setBigUint64(at, BigInt(value), true);
  put(AT.iov, address + AT.data);
  put(AT.iov + 8, data);
  put(AT.message + 16, address + AT.iov);
  put(AT.message + 24, 1);
  put(AT.message + 32, address + AT.control);
  put(AT.message + 40, control);
  return { view, bytes, address };
}

/** A message that is ready but for the last of its descriptors, which may come to be when little else can be done. */
export interface Parcel {
  /** Address of its struct msghdr. */
  readonly message: number;
  /** Send it, `last` behind the descriptors it was made with; undefined: there is none. Throws HostError. */
  send(last: number | undefined): void;
}
export function parcel(socket: number, descriptors: readonly number[]): Parcel {
  const { view, address } = frame(1, 0);
  view.setInt32(AT.control + 8, SOL_SOCKET, true);
  view.setInt32(AT.control + 12, SCM_RIGHTS, true);
  for (const [i, fd] of descriptors.entries()) view.setInt32(AT.control + HEADER + 4 * i, fd, true);
  return {
    message: address + AT.message,
    send(last) {
      const n = descriptors.length + (last === undefined ? 0 : 1);
      if (last !== undefined) view.setInt32(AT.control + HEADER + 4 * descriptors.length, last, true);
      view.setBigUint64(AT.control, BigInt(HEADER + 4 * n), true);
      view.setBigUint64(AT.message + 40, BigInt(n === 0 ? 0 : (HEADER + 4 * n + 7) & ~7), true);
      check(result(raw.sendmsg(socket, address + AT.message, MSG_NOSIGNAL)), "handing over");
    },
  };
}

/** Wait for a message and what descriptors come with it; undefined: the other end is gone. Throws HostError. */
export function receiveParcel(socket: number): { readonly bytes: Uint8Array; readonly fds: number[] } | undefined {
  const { view, bytes, address } = frame(ROOM, HEADER + 4 * MOST);
  let n = EINTR;
  while (n === EINTR) n = result(raw.recvmsg(socket, address + AT.message, MSG_CMSG_CLOEXEC));
  if (check(n, "taking over") === 0) return undefined;
  return { bytes: bytes.slice(AT.data, AT.data + n), fds: descriptorsIn(view) };
}
function descriptorsIn(view: DataView): number[] {
  if (view.getUint32(AT.message + 40, true) < HEADER) return []; // what the kernel left of the room for control data
  const n = (view.getUint32(AT.control, true) - HEADER) / 4;
  return Array.from({ length: n }, (_, i) => view.getInt32(AT.control + HEADER + 4 * i, true));
}
/** The one descriptor a message brings. Throws HostError. */
export function receiveDescriptor(socket: number, from: string): number {
  const fd = receiveParcel(socket)?.fds[0];
  if (fd === undefined) throw hostError("EPROTO", from);
  return fd;
}
