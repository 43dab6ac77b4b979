/** Where local sockets have their names: the file systems provide it, the sockets use it; neither knows the other. */
import type { Async } from "../plugin.ts";
import type { Kernel } from "./kernel.ts";
import type { Lwp } from "./proc.ts";

export interface SocketNames {
  /** Make a name that leads to `socket`; the result takes the socket from behind it. EADDRINUSE: there is something. */
  bind(lwp: Lwp, path: string, socket: object): Async<() => Async<void>>;
  /** What a name leads to. ENOTSOCK: to something else; ECONNREFUSED: nobody is behind it any more. */
  find(lwp: Lwp, path: string): Async<object>;
}
const KEY = "socket names";

export function provideSocketNames(kernel: Kernel, names: SocketNames): void {
  kernel.faction.set(KEY, names);
}
/** Undefined: the kernel has no file systems. */
export const socketNamesOf = (kernel: Kernel): SocketNames | undefined =>
  kernel.faction.get(KEY) as SocketNames | undefined;
