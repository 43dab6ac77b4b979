/** What programs for Linux ask of FAT and exFAT by ioctl(2): attributes (fatattr), serial number, label (linux/msdos_fs.h, linux/fs.h). */
import type { Errnos } from "../abi/errno.ts";
import { viewOf } from "../lib/struct.ts";

const FAT_IOCTL_GET_ATTRIBUTES = 0x8004_7210;
const FAT_IOCTL_SET_ATTRIBUTES = 0x4004_7211;
const FAT_IOCTL_GET_VOLUME_ID = 0x8004_7213;
const FS_IOC_GETFSLABEL = 0x8100_9431;
const FS_IOC_SETFSLABEL = 0x4100_9432;
const LABEL_ROOM = 256;

/** The file, and its volume. */
export interface IoctlOn {
  readonly attr: number;
  setAttr(attr: number): void;
  readonly label: { readonly text: string; readonly serial: number; set(text: string): void };
}
const word = (value: number): Uint8Array => {
  const out = new Uint8Array(4);
  viewOf(out).setUint32(0, value, true);
  return out;
};
/** The answer's bytes; ENOTTY for what it does not know. */
export function dosIoctl(errno: Errnos, command: number, data: Uint8Array, on: IoctlOn): Uint8Array {
  switch (command) {
    case FAT_IOCTL_GET_ATTRIBUTES:
      return word(on.attr);
    case FAT_IOCTL_SET_ATTRIBUTES: {
      if (data.length < 4) throw errno.EINVAL;
      const attr = viewOf(data).getUint32(0, true);
      if (attr > 0xff) throw errno.EINVAL;
      on.setAttr(attr);
      return new Uint8Array(0);
    }
    case FAT_IOCTL_GET_VOLUME_ID:
      return word(on.label.serial);
    case FS_IOC_GETFSLABEL: {
      const out = new Uint8Array(LABEL_ROOM);
      out.set(new TextEncoder().encode(on.label.text).subarray(0, LABEL_ROOM - 1));
      return out;
    }
    case FS_IOC_SETFSLABEL: {
      const end = data.indexOf(0);
      on.label.set(new TextDecoder().decode(end < 0 ? data : data.subarray(0, end)));
      return new Uint8Array(0);
    }
    default:
      throw errno.ENOTTY;
  }
}
