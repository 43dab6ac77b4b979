/** Unpacking by the runtime's node:zlib: at once, where DecompressionStream takes a promise a block and has no zstd in Deno. */
import type { OpenUnpacking, Pack, Packing, Unpack } from "../lib/unpack.ts";
import { late } from "./late.ts";

type Zlib = typeof import("node:zlib");
const methods = {
  zlib: "inflateSync",
  deflate: "inflateRawSync",
  gzip: "gunzipSync",
  zstd: "zstdDecompressSync",
} as const satisfies Record<Packing, keyof Zlib>;

const LARGEST_PIECE = 1 << 20;

export const unpack: Unpack = (packing, packed, most) => {
  try {
    // One piece of output with a little to spare: half the time of pieces of 16 KiB put together.
    const chunkSize = Math.min(most, LARGEST_PIECE) + 64;
    const bytes = late("zlib")[methods[packing]](packed, { maxOutputLength: Math.max(most, 1), chunkSize });
    return bytes.length > most ? undefined : new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
  } catch {
    return undefined;
  }
};

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

/** What a stream of node:zlib has inside, in both runtimes: it unpacks at once, where the stream itself gives promises. */
interface Inside {
  readonly _handle: {
    onerror: () => void;
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
export const unpacking: OpenUnpacking = (packing) => {
  const zlib = late("zlib");
  const stream = (packing === "gzip" ? zlib.createGunzip() : zlib.createZstdDecompress()) as unknown as Inside;
  const { Z_NO_FLUSH, Z_FINISH } = zlib.constants;
  const { _handle: handle, _writeState: left } = stream;
  let failed = false;
  handle.onerror = () => failed = true;
  return {
    step(from, into, last) {
      const flush = last && packing === "gzip" ? Z_FINISH : Z_NO_FLUSH;
      try {
        handle.writeSync(flush, from, 0, from.length, into, 0, into.length);
      } catch {
        failed = true;
      }
      return failed ? undefined : { taken: from.length - left[1]!, made: into.length - left[0]! };
    },
    close: () => stream.close(),
  };
};
