/** What tables of interface ioctls are made of. A family adds its own to `Stack.controls`. */
import { errno } from "../abi/errno.ts";
import type { Lwp } from "../kern/proc.ts";
import type { Async } from "../plugin.ts";
import type { Interface } from "./interface.ts";
import type { Stack } from "./stack.ts";

/** One call: `data` is the command's structure, and behind it the memory that it points at (abi/sockio.ts `pointedBy`). */
export interface Request {
  readonly stack: Stack;
  readonly lwp: Lwp;
  readonly com: number;
  readonly data: Uint8Array;
  readonly view: DataView;
}
type Run = (iface: Interface, r: Request) => Async<void>;
interface Row {
  readonly root: boolean;
  readonly run: Run;
}
/** Commands about an interface by number: who may, and what is done. */
export type ControlRows = ReadonlyMap<number, Row>;
/** A row that anybody may use; one for the super-user. */
export const anybody = (com: number, run: Run): readonly [number, Row] => [com, { root: false, run }];
export const superuser = (com: number, run: Run): readonly [number, Row] => [com, { root: true, run }];
export const isRoot = ({ lwp }: Request): boolean => lwp.proc.cred.euid === 0;
/** EPERM: not the super-user. */
export function checkRoot(r: Request): void {
  if (!isRoot(r)) throw errno.EPERM;
}
