/** Socket addresses and the socket system calls by FFI (Linux sockaddr_un, sockaddr_in, sockaddr_in6). */
import type { SocketAddress } from "../plugin.ts";
import type { SysError } from "../abi/errno.ts";
import { check, errnoName, hostErrno, hostError } from "./errors.ts";
import { raw, result } from "./ffi.ts";
import { late } from "./late.ts";
import { hostStat } from "./stat.ts";

const AF_UNIX = 1;
const AF_INET = 2;
const AF_INET6 = 10;
const STREAM = 1;
export const NONBLOCK = 0o4000;
const CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const SO_ERROR = 4;
const SO_PEERCRED = 17;
const IPPROTO_TCP = 6;
const TCP_NODELAY = 1;
/** sun_path with its end mark. */
const PATH_SPACE = 108;
const ECONNREFUSED = -111;
const EADDRINUSE = -98;
const NO_UID = 0xffffffff;
const EINPROGRESS = -115;

const utf8 = new TextEncoder();

/** The bytes of a sockaddr. Host names are not looked up here: addresses only. */
function sockaddr(address: SocketAddress): { readonly family: number; readonly bytes: Uint8Array } {
  if ("path" in address) {
    const path = utf8.encode(address.path);
    if (path.length >= PATH_SPACE) throw hostError("ENAMETOOLONG");
    const abstract = path[0] === 0;
    const bytes = new Uint8Array(2 + path.length + (abstract ? 0 : 1));
    bytes[0] = AF_UNIX;
    bytes.set(path, 2);
    return { family: AF_UNIX, bytes };
  }
  return address.host.includes(":") ? sockaddr6(address.host, address.port) : sockaddr4(address.host, address.port);
}
function sockaddr4(host: string, port: number): { family: number; bytes: Uint8Array } {
  const parts = host.split(".").map(Number);
  if (parts.length !== 4 || parts.some((n) => !(n >= 0 && n < 256))) throw hostError("EADDRNOTAVAIL");
  const bytes = new Uint8Array(16);
  bytes[0] = AF_INET;
  bytes.set([port >> 8, port & 255, ...parts], 2);
  return { family: AF_INET, bytes };
}
function sockaddr6(host: string, port: number): { family: number; bytes: Uint8Array } {
  const bytes = new Uint8Array(28);
  bytes[0] = AF_INET6;
  bytes.set([port >> 8, port & 255], 2);
  bytes.set(parse6(host), 8);
  return { family: AF_INET6, bytes };
}
/** RFC 4291 text without an embedded IPv4 address or zone. */
function parse6(text: string): number[] {
  const [head = "", tail] = text.split("::", 2);
  const words = (
    s: string,
  ) => (s === "" ? [] : s.split(":").map((w) => /^[0-9a-f]{1,4}$/i.test(w) ? parseInt(w, 16) : NaN));
  const a = words(head);
  const b = tail === undefined ? [] : words(tail);
  const gap = 8 - a.length - b.length;
  if (gap < 0 || (tail === undefined && gap !== 0)) throw hostError("EADDRNOTAVAIL");
  const all = [...a, ...Array<number>(gap).fill(0), ...b];
  if (all.some(Number.isNaN)) throw hostError("EADDRNOTAVAIL");
  return all.flatMap((w) => [w >> 8, w & 255]);
}

const one = new Uint8Array([1, 0, 0, 0]);
function socket(family: number, flags: number): number {
  const fd = check(result(raw.socket(family, STREAM | CLOEXEC | flags, 0)));
  if (family !== AF_UNIX) raw.setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, one, 4);
  return fd;
}

/** Connect, waiting for it. */
export function connectRaw(address: SocketAddress, flags = 0): number {
  const { family, bytes } = sockaddr(address);
  const fd = socket(family, flags);
  const r = result(raw.connect(fd, bytes, bytes.length));
  if (r < 0 && r !== EINPROGRESS) {
    raw.close(fd);
    check(r);
  }
  return fd;
}

/** A listening socket, nonblocking. A socket file nobody answers at is taken over. */
export function listenRaw(address: SocketAddress, backlog = 4096): number {
  const { family, bytes } = sockaddr(address);
  const fd = socket(family, NONBLOCK);
  raw.setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, one, 4);
  try {
    let r = result(raw.bind(fd, bytes, bytes.length));
    if (r === EADDRINUSE && takeOver(address)) r = result(raw.bind(fd, bytes, bytes.length));
    check(r);
    check(result(raw.listen(fd, backlog)));
    return fd;
  } catch (e) {
    raw.close(fd);
    throw hostErrno(e);
  }
}
/**
 * Remove the socket file of a server that is no more; false: there is none, or somebody answers. connect(2) also refuses
 * files that are no sockets: those are somebody's data and stay.
 */
export function takeOver(address: SocketAddress): boolean {
  const file = socketFile(address);
  if (file === undefined || !("path" in address)) return false;
  const { bytes } = sockaddr(address);
  const fd = socket(AF_UNIX, NONBLOCK);
  const r = result(raw.connect(fd, bytes, bytes.length));
  raw.close(fd);
  if (r === ECONNREFUSED) removeSocket(address, file);
  return r === ECONNREFUSED;
}
/** What identifies the socket file at an address; undefined when there is none. */
export function socketFile(address: SocketAddress): string | undefined {
  if (!("path" in address) || address.path.startsWith("\0")) return undefined;
  try {
    const { type, dev, ino } = hostStat(address.path, false);
    return type === "sock" ? `${dev} ${ino}` : undefined;
  } catch {
    return undefined;
  }
}
/** Remove a socket file, unless another one has taken its place. */
export function removeSocket(address: SocketAddress, file: string | undefined): void {
  if (file === undefined || !("path" in address)) return;
  try {
    if (socketFile(address) === file) late("fs").unlinkSync(address.path);
  } catch {
    // somebody removed it before us
  }
}

/** Accept one, nonblocking; minus the errno when there is none. */
export function acceptRaw(fd: number): number {
  const r = result(raw.accept4(fd, 0, 0, NONBLOCK | CLOEXEC));
  if (r >= 0) raw.setsockopt(r, IPPROTO_TCP, TCP_NODELAY, one, 4); // fails, harmlessly, on unix sockets
  return r;
}

/** What became of a connection in progress; undefined: it is made. */
export function socketError(fd: number): SysError | undefined {
  const value = new Uint8Array(4);
  const length = new Uint8Array([4, 0, 0, 0]);
  const r = result(raw.getsockopt(fd, SOL_SOCKET, SO_ERROR, value, length));
  const n = r < 0 ? -r : new DataView(value.buffer).getInt32(0, true);
  return n === 0 ? undefined : hostErrno(hostError(errnoName(n)));
}

/** Who is at the other end of a unix socket. */
export function peerCredentials(
  fd: number,
): { readonly pid: number; readonly uid: number; readonly gid: number } | undefined {
  const ucred = new Uint8Array(12);
  const length = new Uint8Array([12, 0, 0, 0]);
  if (raw.getsockopt(fd, SOL_SOCKET, SO_PEERCRED, ucred, length) < 0) return undefined;
  const d = new DataView(ucred.buffer);
  const uid = d.getUint32(4, true);
  // The pid of a peer in another pid namespace is 0; on other sockets the uid is nobody's.
  return uid === NO_UID ? undefined : { pid: d.getInt32(0, true), uid, gid: d.getUint32(8, true) };
}
type Name = (fd: number, bytes: Uint8Array, length: Uint8Array) => number;
/** What getpeername(2) or getsockname(2) says; undefined for a unix socket. */
function nameOf(ask: Name, fd: number): { readonly bytes: Uint8Array; readonly port: number } | undefined {
  const bytes = new Uint8Array(28);
  if (ask(fd, bytes, new Uint8Array([28, 0, 0, 0])) < 0) return undefined;
  return bytes[0] === AF_INET || bytes[0] === AF_INET6 ? { bytes, port: bytes[2]! << 8 | bytes[3]! } : undefined;
}
/** The port a socket has here; undefined for a unix socket. */
export const portOf = (fd: number): number | undefined => nameOf(raw.getsockname, fd)?.port;
/** The other end's address and port; undefined for a unix socket. */
export function peerName(fd: number): string | undefined {
  const name = nameOf(raw.getpeername, fd);
  if (!name) return undefined;
  const { bytes, port } = name;
  if (bytes[0] === AF_INET) return `${bytes.subarray(4, 8).join(".")}:${port}`;
  const words = Array.from({ length: 8 }, (_, i) => (bytes[8 + 2 * i]! << 8 | bytes[9 + 2 * i]!).toString(16));
  return `[${words.join(":")}]:${port}`;
}
