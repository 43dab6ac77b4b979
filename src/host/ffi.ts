/**
 * libc by FFI, the same for Bun and Deno. Addresses are numbers; views are handed over as such ("b"), which both engines
 * do without allocating. Results below 0 are minus the errno, so that the hot path never asks for it twice.
 */
import { platform } from "node:os";
import type { Pinned } from "./host.ts";

/** i: int, u: unsigned, l: long, size_t or an address as a number, b: a view, n: a NUL-ended name. Result: i or l. */
const byAddress = {
  read: "ill>i",
  write: "ill>i",
  writev: "ili>i",
  ioctl: "ill>i",
  fcntl: "iil>i",
  accept4: "illi>i",
  recvmsg: "ili>i",
  close: "i>i",
  dup2: "ii>i",
  socket: "iii>i",
  listen: "ii>i",
  shutdown: "ii>i",
  getuid: ">i",
  getgid: ">i",
  setsid: ">i",
  fdatasync: "i>i",
  ftruncate: "il>i",
  lseek: "ili>l",
  kill: "ii>i",
} as const;
const byView = {
  pread: "ibll>i",
  pwrite: "ibll>i",
  open: "bii>i",
  bind: "ibu>i",
  connect: "ibu>i",
  getsockopt: "iiibb>i",
  setsockopt: "iiibu>i",
  getsockname: "ibb>i",
  getpeername: "ibb>i",
  socketpair: "iiib>i",
} as const;
const linux = {
  epoll_create1: "i>i",
  epoll_ctl: "iiil>i",
  epoll_wait: "ilii>i",
  eventfd: "ui>i",
  umount2: "bi>i",
  mount: "bbblb>i",
} as const;

type Names = keyof typeof byAddress | keyof typeof byView | keyof typeof linux;
type Symbols = Readonly<Record<Names, (...args: (number | Uint8Array)[]) => number>>;

interface Engine {
  /** Bind functions by signature. */
  open(library: string, signatures: Readonly<Record<string, string>>): Record<string, (...args: never[]) => number>;
  addressOf(bytes: Uint8Array): number;
  /** A function that reads errno. */
  errno(library: string, symbol: string): () => number;
}

const parse = (signature: string) => signature.split(">") as [string, string];

async function bun(): Promise<Engine> {
  const { dlopen, ptr, read } = await import("bun:ffi");
  const types = { i: "i32", u: "u32", l: "i64_fast", b: "ptr" } as const;
  // bun:ffi's types want literals: the names are those of its FFIType.
  const type = (c: string) => types[c as keyof typeof types] as "i32";
  return {
    open: (library, signatures) =>
      dlopen(
        library,
        Object.fromEntries(
          Object.entries(signatures).map((
            [name, s],
          ) => [name, { args: [...parse(s)[0]].map(type), returns: type(parse(s)[1]) }]),
        ),
      ).symbols as never,
    addressOf: (bytes) => Number(ptr(bytes)),
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
  readonly UnsafePointer: { of(b: Uint8Array): object; value(p: object): bigint };
  readonly UnsafePointerView: new (p: object) => { getInt32(at?: number): number };
}
function deno(): Engine {
  const ffi = (globalThis as unknown as { Deno: DenoFfi }).Deno;
  const types = { i: "i32", u: "u32", l: "i64", b: "buffer" } as const;
  const type = (c: string) => types[c as keyof typeof types];
  return {
    open: (library, signatures) =>
      ffi.dlopen(
        library,
        Object.fromEntries(
          Object.entries(signatures).map((
            [name, s],
          ) => [name, { parameters: [...parse(s)[0]].map(type), result: type(parse(s)[1]) }]),
        ),
      ).symbols as never,
    addressOf: (bytes) => Number(ffi.UnsafePointer.value(ffi.UnsafePointer.of(bytes))),
    errno(library, symbol) {
      const { symbols } = ffi.dlopen(library, { [symbol]: { parameters: [], result: "pointer" } });
      const at = new ffi.UnsafePointerView((symbols[symbol] as unknown as () => object)());
      return () => at.getInt32(0);
    },
  };
}

const engine = "Bun" in globalThis ? await bun() : deno();
const darwin = platform() === "darwin";
const library = darwin ? "libSystem.B.dylib" : "libc.so.6";
const errnoNow = engine.errno(library, darwin ? "__error" : "__errno_location");

function bindAll(): Symbols {
  const bound: Record<string, (...args: never[]) => number> = {
    ...engine.open(library, darwin ? without(byAddress, "accept4") : byAddress),
    ...engine.open(library, byView),
    ...(darwin ? {} : engine.open(library, linux)),
  };
  return bound as unknown as Symbols;
}
function without(all: Readonly<Record<string, string>>, name: string): Record<string, string> {
  return Object.fromEntries(Object.entries(all).filter(([k]) => k !== name));
}

/** libc's functions as they are: -1 and errno on failure. Linux-only ones are absent elsewhere. */
export const raw = bindAll();

/** The result, or minus the errno of the call just made. */
export function result(r: number): number {
  return r < 0 ? -errnoNow() : r;
}

/** The address of a view's first byte, valid while the view lives. */
export const addressOf = engine.addressOf;

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
