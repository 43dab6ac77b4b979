/** What a launched program's start and the process apart that serves it say to each other: a line of JSON each. */
import type { ViewName } from "./proc/places.ts";

/** The argument that makes our program the process apart. */
export const APART = "--hijack-apart";
/** Its descriptor to the launcher. */
export const LAUNCHER = 3;

/** A mount in the program's private name space. */
export interface OrderedMount {
  /** Where, here. */
  readonly at: string;
  /** The directory or file there. */
  readonly root: string;
}
/**
 * From the launcher; the answer is followed by the descriptors of the mounts that the server has, in their order, of all
 * views, and then of a listener, if there are sockets.
 */
export interface Order {
  /** Who the client is, for those who list the server's. */
  readonly comm: string;
  /** The process that is to be the program. */
  readonly pid: number;
  readonly mounts: readonly OrderedMount[];
  /** Nobody asked for the mounts: where the server has no file systems there are none. */
  readonly usual: boolean;
  /** What of /proc is the rump kernel's. */
  readonly views: readonly ViewName[];
  /** Where the root directory there is seen here. */
  readonly prefix?: string;
  /** Address families (the host's numbers) whose sockets are the rump kernel's. */
  readonly families: readonly number[];
}
/** The answer: what the roots of the mounts are, or why the program cannot start. */
export type Answer = { readonly types: readonly ("dir" | "file")[] } | { readonly error: string };

const LIMIT = 1 << 20;
/** A line of the other end, which is our own program. Throws an Error when it said nothing. */
export function parsed<T>(line: string): T {
  if (line === "" || line.length > LIMIT) throw new Error("the process apart ended before it was ready");
  return JSON.parse(line) as T;
}
