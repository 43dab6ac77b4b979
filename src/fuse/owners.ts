/** Files of a rump kernel seen on the host: what is not the same there as here. */
import { errno } from "../abi/errno.ts";

/** Whose files are whose: the user who works through us is the one we are there, and the other way round. */
export interface Owners {
  readonly here: { readonly uid: number; readonly gid: number };
  readonly there: { readonly uid: number; readonly gid: number };
}
/** A number of one side on the other. */
function swapped(id: number, here: number, there: number): number {
  return id === there ? here : id === here ? there : id;
}
/** An owner there, as it is here. */
export const ownerHere = (
  { here, there }: Owners,
  uid: number,
  gid: number,
): { readonly uid: number; readonly gid: number } => ({
  uid: swapped(uid, here.uid, there.uid),
  gid: swapped(gid, here.gid, there.gid),
});
/** An owner here, as it is there; who is left out stays as chown(2) has it. */
export function ownerThere(
  { here, there }: Owners,
  uid: number = KEEP,
  gid: number = KEEP,
): { readonly uid: number; readonly gid: number } {
  return { uid: swapped(uid, there.uid, here.uid), gid: swapped(gid, there.gid, here.gid) };
}
const KEEP = 0xffff_ffff;

/** Flags of open(2) on the host (asm-generic/fcntl.h). */
export const HOST_OPEN = { ACCMODE: 3, WRONLY: 1, EXCL: 0o200, TRUNC: 0o1000, APPEND: 0o2000 } as const;

/** A link's absolute target is looked up there, whoever follows it; `prefix`: where the root there is seen here, if it is. */
export function outward(target: string, prefix: string | undefined): string {
  return target.startsWith("/") && prefix !== undefined ? `${prefix}${target === "/" ? "" : target}` : target;
}
/** The way back. */
export function inward(target: string, prefix: string | undefined): string {
  if (prefix === undefined || !`${target}/`.startsWith(`${prefix}/`)) return target;
  return target.slice(prefix.length) || "/";
}
/** Throws EOPNOTSUPP for access lists and the like: they are the host's kernel's to understand, and would be another truth beside the mode. */
export function refuseOwn(attribute: string): void {
  if (attribute.startsWith("system.")) throw errno.EOPNOTSUPP;
}

/** Numbers of files on several file systems as one set of numbers, which tools tell them apart by. */
export class Numbers {
  readonly #devices: number[] = [];
  readonly of = (dev: number, ino: number): number => {
    let i = this.#devices.indexOf(dev);
    if (i < 0) i = this.#devices.push(dev) - 1;
    return (ino % SPAN) + (i % MOST) * SPAN;
  };
}
/** Together 2^53. */
const SPAN = 2 ** 44;
const MOST = 2 ** 9;
