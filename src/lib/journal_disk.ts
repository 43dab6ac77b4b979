/** A disk that notes what is done to it, in the order in which it gets there: for crash tests. */
import { anyByte } from "./aligned.ts";
import { then } from "./async.ts";
import type { BlockDevice } from "./disk.ts";

/** Where it is noted; what throws fails the transfer, too. */
export interface Noted {
  /** The bytes are lent. */
  write(offset: number, bytes: Uint8Array): void;
  discard(offset: number, length: number): void;
  /** What was written before is on the medium. */
  flush(): void;
  close(): void;
}
/** Transfers are whole sectors of so many bytes. */
const SECTOR = 512;

/** The same disk, cut to whole sectors; what it is asked to do is noted when it is done. Throws `eio` past its end. */
export function journalDisk(device: BlockDevice, noted: Noted, eio: Error): BlockDevice {
  const plain = anyByte(device, eio);
  const size = Math.floor(device.size / SECTOR) * SECTOR;
  const whole = (offset: number, length: number) => {
    if (offset % SECTOR !== 0 || length % SECTOR !== 0 || offset + length > size) throw eio;
  };
  return {
    name: device.name,
    blockSize: Math.max(SECTOR, device.blockSize),
    size,
    read: (into, offset) => plain.read(into, offset),
    ...plain.write && {
      write(from: Uint8Array, offset: number) {
        whole(offset, from.length);
        return then(plain.write!(from, offset), () => noted.write(offset, from));
      },
    },
    ...plain.discard && {
      discard(offset: number, length: number) {
        whole(offset, length);
        return then(plain.discard!(offset, length), () => noted.discard(offset, length));
      },
    },
    flush: () => then(plain.flush?.(), () => noted.flush()),
    close: () => then(plain.close?.(), () => noted.close()),
  };
}
