/** Compressions of Squashfs: by the runtime where it has them, else by decoders of ours. */
import { unpackLzma, xzUnpacker } from "../../src/lib/xz.ts";
import type { Sys } from "../../src/plugin.ts";
import { unpackLz4 } from "./lz4.ts";
import { unpackLzo } from "./lzo.ts";

/** Unpack a block to `most` bytes at the most, to memory that may be given as `Unpack` tells; undefined: it is damaged. */
type Unpacker = (packed: Uint8Array, most: number, into?: Uint8Array) => Uint8Array | undefined;

/** In the order of their numbers, of which the first is 1. */
const unpackers = {
  gzip: ({ unpack }) => (packed, most, into) => unpack("zlib", packed, most, into),
  lzma: () => unpackLzma,
  lzo: () => unpackLzo,
  xz: () => xzUnpacker(),
  lz4: () => unpackLz4,
  zstd: ({ unpack }) => (packed, most, into) => unpack("zstd", packed, most, into),
} as const satisfies Readonly<Record<string, (sys: Sys) => Unpacker>>;

export type Compression = keyof typeof unpackers;
/** What unpacks blocks. */
export const unpackerOf = (compression: Compression, sys: Sys): Unpacker => unpackers[compression](sys);
/** A compression by the superblock's number for it; undefined: there is none. */
export const compressionOf = (n: number): Compression | undefined => (Object.keys(unpackers) as Compression[])[n - 1];
