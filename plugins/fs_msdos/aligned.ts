/** A disk of blocks, to be read and written at any byte: what is not whole blocks goes through one of its own. */
import type { BlockDevice, Errnos } from "../../src/plugin.ts";
import { finished } from "./sync.ts";

/** The disk itself when it takes any byte. */
export function anyByte(device: BlockDevice, errno: Errnos): BlockDevice {
  const { blockSize } = device;
  if (blockSize <= 1) return device;
  /** Whole blocks around [offset, offset + length), cut at the disk's end. */
  const around = (offset: number, length: number) => {
    const start = Math.floor(offset / blockSize) * blockSize;
    const end = Math.ceil((offset + length) / blockSize) * blockSize;
    if (end > device.size) throw errno.EIO;
    return { start, bytes: new Uint8Array(end - start) };
  };
  const isWhole = (offset: number, length: number) => offset % blockSize === 0 && length % blockSize === 0;
  const read = (into: Uint8Array, offset: number): void => {
    if (isWhole(offset, into.length)) return finished(device.read(into, offset), errno);
    const { start, bytes } = around(offset, into.length);
    finished(device.read(bytes, start), errno);
    into.set(bytes.subarray(offset - start, offset - start + into.length));
  };
  const write = (from: Uint8Array, offset: number): void => {
    if (isWhole(offset, from.length)) return finished(device.write!(from, offset), errno);
    const { start, bytes } = around(offset, from.length);
    finished(device.read(bytes, start), errno);
    bytes.set(from, offset - start);
    finished(device.write!(bytes, start), errno);
  };
  return {
    name: device.name,
    size: device.size,
    blockSize: 1,
    read,
    ...(device.write ? { write } : {}),
    ...(device.flush ? { flush: () => device.flush!() } : {}),
    ...(device.discard ? { discard: (offset: number, length: number) => device.discard!(offset, length) } : {}),
  };
}
