/** A volume's operations as messages: what their arguments and results are. One table for both ends. */
import type { Volume } from "../plugin.ts";
import type { DiskFacts } from "./blocks.ts";

/** `node`: its number; `bytes`: behind the message; `into`: a length, the bytes come back; `plain`: JSON as it is. */
export type Argument = "node" | "bytes" | "into" | "plain";
export type Result =
  | "nothing"
  | "node"
  | "entries"
  | "attr"
  | "count"
  | "offset"
  | "bytes"
  | "text"
  | "texts"
  | "flag"
  | "statfs";

type Operation = {
  [K in keyof Volume]-?: NonNullable<Volume[K]> extends (...args: never[]) => unknown ? K : never;
}[keyof Volume];

export const operations: Readonly<Record<Operation, readonly [arguments_: readonly Argument[], result: Result]>> = {
  getattr: [["node"], "attr"],
  lookup: [["node", "plain"], "node"],
  readdir: [["node"], "entries"],
  readlink: [["node"], "text"],
  read: [["node", "into", "plain"], "count"],
  write: [["node", "bytes", "plain"], "count"],
  setattr: [["node", "plain"], "nothing"],
  create: [["node", "plain", "plain"], "node"],
  mkdir: [["node", "plain", "plain"], "node"],
  mknod: [["node", "plain", "plain"], "node"],
  symlink: [["node", "plain", "plain", "plain"], "node"],
  link: [["node", "node", "plain"], "nothing"],
  unlink: [["node", "plain", "node"], "nothing"],
  rmdir: [["node", "plain", "node"], "nothing"],
  rename: [["node", "plain", "node", "node", "plain", "node"], "nothing"],
  exchange: [["node", "plain", "node", "plain"], "nothing"],
  allocate: [["node", "plain", "plain", "plain"], "nothing"],
  punch: [["node", "plain", "plain"], "nothing"],
  seek: [["node", "plain", "plain"], "offset"],
  getxattr: [["node", "plain"], "bytes"],
  setxattr: [["node", "plain", "bytes"], "nothing"],
  removexattr: [["node", "plain"], "flag"],
  listxattr: [["node"], "texts"],
  ioctl: [["node", "plain", "bytes"], "bytes"],
  statfs: [[], "statfs"],
  fsync: [["node"], "nothing"],
  sync: [[], "nothing"],
  active: [["node"], "nothing"],
  inactive: [["node"], "nothing"],
  unmount: [[], "nothing"],
  update: [["plain", "plain"], "nothing"],
};

/** To the driver's process: what to do, by number. `forget`: nodes, and how often each was told of. */
export type Order =
  | { readonly id: number; readonly do: "describe" }
  | {
    readonly id: number;
    readonly do: "mount";
    readonly request: unknown;
    readonly boxed: boolean;
    readonly disk: DiskFacts | undefined;
  }
  | { readonly id: number; readonly do: Operation; readonly args: readonly unknown[] }
  | { readonly forget: readonly (readonly [node: number, times: number])[] };
/** From it: what came of it; a line for the log; a change. */
export type Word =
  | { readonly id: number; readonly value?: unknown; readonly error?: string; readonly bug?: string }
  | { readonly log: string }
  | { readonly changed: number | null; readonly name?: string };
/** What a plugin's file has, as far as its process tells. */
export interface Description {
  readonly name: string;
  readonly about?: string;
  readonly wantsDevice?: boolean;
  readonly readOnly?: boolean;
  readonly lacks?: readonly string[];
  /** Its options in JSON Schema; undefined: it does not tell. */
  readonly options?: Readonly<Record<string, unknown>>;
}
/** A volume, once it is mounted. */
export interface Mounted {
  readonly root: number;
  readonly has: readonly string[];
  readonly foldsCase?: boolean;
  readonly readOnly?: boolean;
  readonly changing?: boolean;
  readonly label?: string;
}
