/** Descriptors that travel with bytes over a unix socket (SCM_RIGHTS in unix(7)): one at a time, which is all we ask for. */
import { addressOf, pin, raw, result } from "./ffi.ts";
import type { Pinned } from "./host.ts";

const MSG_CMSG_CLOEXEC = 0x4000_0000;
const MSG_NOSIGNAL = 0x4000;
const MSG_DONTWAIT = 0x40;
const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;

/** struct msghdr (56 bytes), iovec, room for a cmsghdr with one descriptor (24 bytes), and short data; 64-bit. */
let message: Pinned | undefined;
const [IOV, CONTROL, CONTROL_ROOM, CONTROL_LENGTH, DATA, SIZE] = [64, 96, 24, 40, 128, 4096];
/** CMSG_LEN of one int. */
const ONE = 20;
const HIGH = 0x1_0000_0000;
function msghdr(address: number, length: number): Pinned {
  const m = (message ??= pin(SIZE));
  const put = (at: number, value: number) => {
    m.words[at >>> 2] = value >>> 0;
    m.words[(at >>> 2) + 1] = Math.floor(value / HIGH);
  };
  put(IOV, address);
  put(IOV + 8, length);
  put(16, m.address + IOV);
  put(24, 1);
  put(32, m.address + CONTROL);
  put(CONTROL_LENGTH, CONTROL_ROOM);
  return m;
}

/** Send bytes and a descriptor, without waiting: bytes, or minus the errno. */
export function sendWithDescriptor(socket: number, bytes: Uint8Array, descriptor: number): number {
  const { length } = bytes;
  // The engine may move what is small.
  const short = length <= SIZE - DATA;
  const m = (message ??= pin(SIZE));
  if (short) m.bytes.set(bytes, DATA);
  msghdr(short ? m.address + DATA : addressOf(bytes), length);
  m.words[CONTROL >>> 2] = ONE;
  m.words[(CONTROL >>> 2) + 1] = 0;
  m.view.setInt32(CONTROL + 8, SOL_SOCKET, true);
  m.view.setInt32(CONTROL + 12, SCM_RIGHTS, true);
  m.view.setInt32(CONTROL + 16, descriptor, true);
  return result(raw.sendmsg(socket, m.address, MSG_NOSIGNAL | MSG_DONTWAIT));
}
/** The descriptor that came with what `receiveWithDescriptor` took last, ours to close; undefined: none. */
export function cameAlong(): number | undefined {
  const m = message!;
  return m.words[CONTROL_LENGTH >>> 2]! < ONE ? undefined : m.view.getInt32(CONTROL + 16, true);
}
/** Bytes received at an address, or minus the errno. Of several descriptors the first one comes along. */
export function receiveWithDescriptor(socket: number, address: number, length: number): number {
  return result(raw.recvmsg(socket, msghdr(address, length).address, MSG_CMSG_CLOEXEC));
}
