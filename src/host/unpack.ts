/** Unpacking by the runtime's node:zlib: at once, where DecompressionStream takes a promise a block and has no zstd in Deno. */
import { type OpenUnpacking, type Pack, type Packing, type Unpack, UNPACK_SPARE } from "../lib/unpack.ts";
import { zstdFrame } from "../lib/zstd.ts";
import { late } from "./late.ts";

type Zlib = typeof import("node:zlib");
const makers: Readonly<Record<Packing, (z: Zlib) => unknown>> = {
  zlib: (z) => z.createInflate(),
  deflate: (z) => z.createInflateRaw(),
  gzip: (z) => z.createGunzip(),
  zstd: (z) => z.createZstdDecompress(),
};

/** What a stream of node:zlib has inside, in both runtimes: it unpacks at once, where the stream itself gives promises. */
interface Inside {
  readonly _handle: {
    onerror: () => void;
    reset(): void;
    writeSync(
      flush: number,
      from: Uint8Array,
      at: number,
      length: number,
      into: Uint8Array,
      to: number,
      room: number,
    ): void;
  };
  /** Bytes left of the output's room, and of the input. */
  readonly _writeState: Uint32Array;
  close(): void;
}
/** One that begins anew with each `reset`. */
function opened(packing: Packing) {
  const zlib = late("zlib");
  const stream = makers[packing](zlib) as Inside;
  const { _handle: handle, _writeState: left } = stream;
  // Zstandard has no such thing: its frames say where they end.
  const finish = packing === "zstd" ? zlib.constants.Z_NO_FLUSH : zlib.constants.Z_FINISH;
  let failed = false;
  handle.onerror = () => failed = true;
  return {
    step(from: Uint8Array, into: Uint8Array, last: boolean) {
      try {
        const flush = last ? finish : zlib.constants.Z_NO_FLUSH;
        handle.writeSync(flush, from, 0, from.length, into, 0, into.length);
      } catch {
        failed = true;
      }
      return failed ? undefined : { taken: from.length - left[1]!, made: into.length - left[0]! };
    },
    reset: () => handle.reset(),
    close: () => stream.close(),
  };
}
export const unpacking: OpenUnpacking = opened;

/** Kept for the next: to make one takes as long as to unpack some KiB. */
const kept: Partial<Record<Packing, ReturnType<typeof opened>>> = {};
export const unpack: Unpack = (packing, packed, most, into) => {
  if (packing === "zstd" && !isWhole(packed)) return undefined;
  const one = kept[packing] ??= opened(packing);
  one.reset();
  const room = into?.subarray(0, most + UNPACK_SPARE) ?? new Uint8Array(most + UNPACK_SPARE);
  const step = one.step(packed, room, true);
  if (step) return step.made > most ? undefined : room.subarray(0, step.made);
  delete kept[packing];
  one.close();
  return undefined;
};
/** Frames and nothing else, the last of them not cut short. */
function isWhole(packed: Uint8Array): boolean {
  let at = 0;
  while (at < packed.length) {
    const size = zstdFrame(packed, at);
    if (size === undefined) return false;
    at += size;
  }
  return at > 0;
}

/** QEMU unpacks with a window of so many bits (block/qcow2-threads.c). */
const WINDOW_BITS = 12;
type Done = (error: Error | null, bytes: Uint8Array) => void;
const packers: Readonly<Record<Packing, (z: Zlib, bytes: Uint8Array, done: Done) => void>> = {
  zlib: (z, bytes, done) => z.deflate(bytes, done),
  deflate: (z, bytes, done) => z.deflateRaw(bytes, { windowBits: WINDOW_BITS }, done),
  gzip: (z, bytes, done) => z.gzip(bytes, done),
  zstd: (z, bytes, done) => z.zstdCompress(bytes, done),
};
/** The runtime's threads do it: of many at once as many go on as there are processors. */
export const pack: Pack = (packing, bytes) =>
  new Promise((resolve, reject) =>
    packers[packing](late("zlib"), bytes, (error, packed) => error ? reject(error) : resolve(packed))
  );
