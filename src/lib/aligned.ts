/** A disk of blocks, to be read and written at any byte: what is not whole blocks goes through one of its own. */
import { type Async, then } from "./async.ts";
import type { BlockDevice } from "./disk.ts";

/** The disk itself when it takes any byte. Throws `eio` past its end. */
export function anyByte(device: BlockDevice, eio: Error): BlockDevice {
  const { blockSize } = device;
  if (blockSize <= 1) return device;
  /** Whole blocks around [offset, offset + length), cut at the disk's end. */
  const around = (offset: number, length: number) => {
    const start = Math.floor(offset / blockSize) * blockSize;
    const end = Math.ceil((offset + length) / blockSize) * blockSize;
    if (end > device.size) throw eio;
    return { start, bytes: new Uint8Array(end - start) };
  };
  const isWhole = (offset: number, length: number) => offset % blockSize === 0 && length % blockSize === 0;
  const read = (into: Uint8Array, offset: number): Async<void> => {
    if (isWhole(offset, into.length)) return device.read(into, offset);
    const { start, bytes } = around(offset, into.length);
    return then(
      device.read(bytes, start),
      () => into.set(bytes.subarray(offset - start, offset - start + into.length)),
    );
  };
  const write = (from: Uint8Array, offset: number): Async<void> => {
    if (isWhole(offset, from.length)) return device.write!(from, offset);
    const { start, bytes } = around(offset, from.length);
    return then(device.read(bytes, start), () => {
      bytes.set(from, offset - start);
      return device.write!(bytes, start);
    });
  };
  return {
    name: device.name,
    size: device.size,
    blockSize: 1,
    read,
    ...(device.write ? { write } : {}),
    ...(device.flush ? { flush: () => device.flush!() } : {}),
    ...(device.discard ? { discard: (offset: number, length: number) => device.discard!(offset, length) } : {}),
    ...(device.unit === undefined ? {} : { unit: device.unit }),
    ...(device.nextData ? { nextData: (offset: number) => device.nextData!(offset) } : {}),
    ...(device.close ? { close: () => device.close!() } : {}),
  };
}
