/** Files of a rump kernel seen on the host: what is not the same there as here. */
import { errno } from "../abi/errno.ts";

/** Whose files are whose: the user who works through us is the one we are there, and the other way round. */
export interface Owners {
  readonly here: { readonly uid: number; readonly gid: number };
  readonly there: { readonly uid: number; readonly gid: number };
}
/** A number of one side on the other. */
export function swapped(id: number, here: number, there: number): number {
  return id === there ? here : id === here ? there : id;
}

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
