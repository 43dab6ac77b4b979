/** What a server tells of its clients and their files, as sysctl variables: JSON, a row each. */
import * as v from "valibot";

const number = v.number();
const text = v.string();
const Process = v.object({
  pid: number,
  ppid: number,
  uid: number,
  comm: text,
  /** Open descriptors. */
  files: number,
  /** `cbor` or `sysproxy`; "" where no client is behind it. */
  wire: text,
  /** Who is at the other end. */
  peer: text,
  /** Calls made so far, and names of those that wait. */
  calls: number,
  waiting: v.array(text),
  /** Seconds since it came. */
  age: number,
});
const OpenFile = v.object({
  pid: number,
  comm: text,
  fd: number,
  /** file, dir, pipe, kqueue, … */
  type: text,
  /** r, w or rw. */
  mode: text,
  offset: number,
  /** Descriptors that share it. */
  refs: number,
  /** Where its file system is mounted, and the name it was opened by. */
  mount: v.optional(text),
  name: v.optional(text),
  /** Of a socket: `sockaddr` of its record in net.*.pcblist. */
  socket: v.optional(number),
});
export type ProcessRow = v.InferOutput<typeof Process>;
export type OpenFileRow = v.InferOutput<typeof OpenFile>;

/** Variables, and the shapes of their rows. */
const tables = {
  "rump.sp.processes": v.array(Process),
  "rump.sp.files": v.array(OpenFile),
} as const;
export type TableName = keyof typeof tables;
export type Rows<N extends TableName> = v.InferOutput<(typeof tables)[N]>;

/** The rows in a variable's text; undefined: not what was expected. */
export function parseRows<N extends TableName>(name: N, text: string): Rows<N> | undefined {
  try {
    const rows = v.safeParse(tables[name], JSON.parse(text));
    return rows.success ? rows.output as Rows<N> : undefined;
  } catch {
    return undefined;
  }
}
