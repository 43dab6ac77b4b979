/** Compressed bytes of file systems and images, as plugins unpack them. */

/** zlib (RFC 1950), bare deflate (RFC 1951), gzip (RFC 1952), Zstandard (RFC 8878). */
export type Packing = "zlib" | "deflate" | "gzip" | "zstd";
/** Bytes more than `most` that memory to unpack to must have. */
export const UNPACK_SPARE = 64;
/**
 * Unpack bytes that are whole, to `most` bytes at the most. Undefined: they are damaged, or there are more. `into`: memory to
 * unpack to, of `most` and UNPACK_SPARE bytes; what is unpacked may lie elsewhere all the same.
 */
export type Unpack = (
  packing: Packing,
  packed: Uint8Array,
  most: number,
  into?: Uint8Array,
) => Uint8Array | undefined;
/** Pack bytes, beside others where there is a processor for it; bare deflate with a window of 4 KiB, which every reader has. */
export type Pack = (packing: Packing, bytes: Uint8Array) => Promise<Uint8Array>;

/** Unpacks what is too long to be had in one. */
export interface Unpacking {
  /** From `from` into `into`, as far as either lasts; `last`: no input follows. Undefined: it is damaged, or cut short. */
  step(
    from: Uint8Array,
    into: Uint8Array,
    last: boolean,
  ): { readonly taken: number; readonly made: number } | undefined;
  close(): void;
}
/** What follows a whole stream of gzip or Zstandard goes on with the next. */
export type OpenUnpacking = (packing: "gzip" | "zstd") => Unpacking;
