/**
 * libc by FFI, the same for Bun and Deno. Addresses are numbers; views are handed over as such ("b"), which both engines
 * do without allocating. A function is bound when it is first used: binding all of them would cost a client milliseconds.
 */
import process from "node:process";
import { hostError } from "./errors.ts";
import type { Pinned } from "./host.ts";

/** i: int, u: unsigned, l: long, size_t or an address as a number, b: a view. Result: i or l (a BigInt under Deno). */
const portable = {
  read: "ill>i",
  write: "ill>i",
  writev: "ili>i",
  ioctl: "ill>i",
  fcntl: "iil>i",
  recvmsg: "ili>i",
  sendmsg: "ili>i",
  recv: "ibli>i",
  send: "ibli>i",
  recvfrom: "illill>i",
  sendto: "illilu>i",
  mmap: "lliiil>l",
  munmap: "ll>i",
  memset: "lil>l",
  poll: "bli>i",
  close: "i>i",
  socket: "iii>i",
  listen: "ii>i",
  shutdown: "ii>i",
  kill: "ii>i",
  isatty: "i>i",
  getuid: ">i",
  getgid: ">i",
  fdatasync: "i>i",
  ftruncate: "il>i",
  lseek: "ili>l",
  pread: "ibll>i",
  memcmp: "bbl>i",
  pwrite: "ibll>i",
  open: "bii>i",
  bind: "ibu>i",
  connect: "ibu>i",
  getsockopt: "iiibb>i",
  setsockopt: "iiibu>i",
  getpeername: "ibb>i",
  getsockname: "ibb>i",
  socketpair: "iiib>i",
  pipe: "b>i",
  access: "bi>i",
  linkat: "ibibi>i",
  readlink: "bll>l",
  mkdir: "bu>i",
  mkfifo: "bu>i",
  symlink: "bb>i",
  unlink: "b>i",
  rmdir: "b>i",
  rename: "bb>i",
  chmod: "bu>i",
  chown: "buu>i",
  utimensat: "ibbi>i",
  realpath: "bl>l",
  chdir: "b>i",
  execvp: "ll>i",
  signal: "il>l",
  unsetenv: "b>i",
  waitpid: "ibi>i",
  posix_spawnp: "llllll>i",
  posix_spawn_file_actions_init: "l>i",
  posix_spawn_file_actions_adddup2: "lii>i",
  posix_spawn_file_actions_addopen: "lilii>i",
  posix_spawnattr_init: "l>i",
  posix_spawnattr_setflags: "li>i",
} as const;
const linux = {
  accept4: "illi>i",
  close_range: "uui>i",
  fallocate: "iill>i",
  getxattr: "bbbl>l",
  setxattr: "bbbli>i",
  listxattr: "bbl>l",
  removexattr: "bb>i",
  epoll_create1: "i>i",
  epoll_ctl: "iiil>i",
  epoll_wait: "ilii>i",
  eventfd: "ui>i",
  memfd_create: "bu>i",
  process_vm_readv: "illlll>i",
  process_vm_writev: "illlll>i",
  inotify_init1: "i>i",
  inotify_add_watch: "ibu>i",
  inotify_rm_watch: "ii>i",
  umount2: "bi>i",
  mount: "bbblb>i",
  sync_file_range: "illu>i",
  pivot_root: "bb>i",
  prctl: "illll>i",
  prlimit: "iill>i",
  unshare: "i>i",
  setgroups: "ll>i",
  setresgid: "uuu>i",
  setresuid: "uuu>i",
  setrlimit: "ib>i",
  statx: "ibiul>i",
  syscall: "lllll>l",
} as const;
/** The same functions again, taking views where the others take addresses. */
const byView = { read: "ibl>i", write: "ibl>i" } as const;

type Callable = (...args: (number | Uint8Array)[]) => number;
type Bound<T> = Readonly<Record<keyof T, Callable>>;

interface Engine {
  /** Bind one function of a library by signature. */
  bind(library: string, name: string, signature: string): Callable;
  addressOf(bytes: Uint8Array): number;
  mapped(address: number, length: number): ArrayBuffer;
  /** A function that reads errno, given the one that tells its address. */
  errno(library: string, symbol: string): () => number;
}

const parse = (signature: string) => signature.split(">") as [string, string];

async function bun(): Promise<Engine> {
  const { dlopen, ptr, read, toArrayBuffer } = await import("bun:ffi");
  const types = { i: "i32", u: "u32", l: "i64_fast", b: "ptr" } as const;
  // bun:ffi's types want literals: the names are those of its FFIType.
  const type = (c: string) => types[c as keyof typeof types] as "i32";
  return {
    bind(library, name, signature) {
      const [args, returns] = parse(signature);
      return dlopen(library, { [name]: { args: [...args].map(type), returns: type(returns) } }).symbols[name] as never;
    },
    addressOf: (bytes) => Number(ptr(bytes)),
    mapped: (address, length) => toArrayBuffer(address as never, 0, length),
    errno(library, symbol) {
      const { symbols } = dlopen(library, { [symbol]: { args: [], returns: "ptr" } });
      const at = (symbols[symbol] as unknown as () => number)();
      return () => read.i32(at as never, 0);
    },
  };
}

interface DenoFfi {
  dlopen(
    path: string,
    symbols: Record<string, unknown>,
  ): { readonly symbols: Record<string, (...args: never[]) => unknown> };
  readonly UnsafePointer: { of(b: Uint8Array): object; value(p: object): bigint; create(address: bigint): object };
  readonly UnsafePointerView: {
    new (p: object): { getInt32(at?: number): number };
    getArrayBuffer(p: object, length: number): ArrayBuffer;
  };
}
function deno(): Engine {
  const ffi = (globalThis as unknown as { Deno: DenoFfi }).Deno;
  const types = { i: "i32", u: "u32", l: "i64", b: "buffer" } as const;
  const type = (c: string) => types[c as keyof typeof types];
  return {
    bind(library, name, signature) {
      const [args, returns] = parse(signature);
      const { symbols } = ffi.dlopen(library, { [name]: { parameters: [...args].map(type), result: type(returns) } });
      return symbols[name] as never;
    },
    addressOf: (bytes) => Number(ffi.UnsafePointer.value(ffi.UnsafePointer.of(bytes))),
    mapped: (address, length) =>
      ffi.UnsafePointerView.getArrayBuffer(ffi.UnsafePointer.create(BigInt(address)), length),
    errno(library, symbol) {
      const { symbols } = ffi.dlopen(library, { [symbol]: { parameters: [], result: "pointer" } });
      const at = new ffi.UnsafePointerView((symbols[symbol] as unknown as () => object)());
      return () => at.getInt32(0);
    },
  };
}

/** Which of the two runtimes this is; asked here and nowhere else. */
export const runtime: "bun" | "deno" = "Bun" in globalThis ? "bun" : "deno";
const engine = runtime === "bun" ? await bun() : deno();
export const darwin: boolean = process.platform === "darwin";
/** struct epoll_event is packed on x86-64 only. */
export const packedEvents: boolean = process.arch === "x64";
const library = darwin ? "libSystem.B.dylib" : "libc.so.6";

/** Accessors that put the bound function in their own place. */
function late<T extends Readonly<Record<string, string>>>(into: object, table: T, absent: boolean): Bound<T> {
  for (const [name, signature] of Object.entries(table)) {
    Object.defineProperty(into, name, {
      configurable: true,
      get() {
        if (absent) throw hostError("ENOSYS", `${name} is not supported on ${process.platform}`);
        const value = engine.bind(library, name, signature);
        Object.defineProperty(into, name, { value });
        return value;
      },
    });
  }
  return into as Bound<T>;
}

/** libc's functions as they are: -1 and errno on failure. Linux-only ones throw HostError elsewhere. */
export const raw: Bound<typeof portable & typeof linux> = late(late({}, portable, false), linux, darwin) as Bound<
  typeof portable & typeof linux
>;

/** read(2) and write(2) with a view: of memory the engine may move, as it may the small ones. */
export const views: Bound<typeof byView> = late({}, byView, false);

// Bound at once: binding it after a failure would overwrite what it is to tell.
const errnoNow = engine.errno(library, darwin ? "__error" : "__errno_location");
/** The result, or minus the errno of the call just made. */
export function result(r: number): number {
  return r < 0 ? -errnoNow() : r;
}

/** The address of a view's first byte, valid while the view lives. */
export const addressOf: (bytes: Uint8Array) => number = engine.addressOf;

/** Memory that mmap(2) gave, as a buffer: not to be touched once it is unmapped. */
export const mapped: (address: number, length: number) => ArrayBuffer = engine.mapped;

const PAGE = 4096;
const kept: Uint8Array[] = [];
/** Memory whose address stays, page-aligned, zeroed, never freed: for the few buffers of a process. */
export function pin(length: number): Pinned {
  const whole = new Uint8Array(length + PAGE);
  kept.push(whole);
  const base = addressOf(whole);
  const skip = (PAGE - (base % PAGE)) % PAGE;
  return {
    bytes: new Uint8Array(whole.buffer, skip, length),
    view: new DataView(whole.buffer, skip, length),
    words: new Uint32Array(whole.buffer, skip, length >>> 2),
    address: base + skip,
  };
}

const utf8 = new TextEncoder();
/** A name as C wants it. */
export const cstring = (text: string): Uint8Array => utf8.encode(`${text}\0`);
