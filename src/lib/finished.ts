/** For drivers that run straight through: their disks are files and memory. One whose transfers take their time is refused. */
import type { Async, Errnos } from "../plugin.ts";

/** The value, which must be there. */
export function finished<T>(value: Async<T>, errnos: Errnos): T {
  if (value instanceof Promise) {
    value.catch(() => {}); // its failure has nobody to go to: the mount is refused
    throw errnos.EOPNOTSUPP;
  }
  return value;
}
