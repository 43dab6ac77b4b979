/** Commands of ioctl(2): which way a structure goes and how long it is are in the number (NetBSD: sys/ioccom.h). */

/** sys/ioccom.h: nobody gives anything; the kernel gives; the program gives. */
const IOC_VOID = 0x2000_0000;
export const IOC_OUT = 0x4000_0000;
export const IOC_IN = 0x8000_0000;
/** What has a size: a structure. */
export type Sized = { readonly size: number };
function command(direction: number, group: string, number: number, { size }: Sized): number {
  return (direction | (size << 16) | (group.charCodeAt(0) << 8) | number) >>> 0;
}
/** _IO, _IOR, _IOW and _IOWR of C: a command of a group without a structure, or whose structure the kernel gives, the program gives, or both. */
export const io = (group: string, number: number): number => command(IOC_VOID, group, number, { size: 0 });
export const ior = (group: string, number: number, of: Sized): number => command(IOC_OUT, group, number, of);
export const iow = (group: string, number: number, of: Sized): number => command(IOC_IN, group, number, of);
export const iowr = (group: string, number: number, of: Sized): number => command(IOC_IN | IOC_OUT, group, number, of);
/** A command's group, and the bytes of its structure. */
export const groupOf = (com: number): string => String.fromCharCode((com >>> 8) & 255);
export const sizeOf = (com: number): number => (com >>> 16) & 0x1fff;

/** Memory elsewhere that a command's structure points at; it stands behind the structure in what handlers see and our wire carries. */
export interface Pointed {
  /** Where in the structure the pointer stands, and where the number of `unit` bytes each: an int of 32 bits, or a size_t. */
  readonly pointer: number;
  readonly count: number;
  readonly countSize: 4 | 8;
  readonly unit: number;
  /** It is always of so many bytes: no number says so. */
  readonly fixed?: number;
  /** The program's memory is read, written, or both. */
  readonly way: "in" | "out" | "inout";
}
