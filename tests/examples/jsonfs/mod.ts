/** jsonfs: a JSON or TOML file as a tree. Tables and lists are directories, everything else is a file of one line. */
import type { BlockDevice, FsDriver, Sys } from "rump/plugin";
import { parse as parseToml } from "smol-toml";
import * as v from "valibot";

const options = v.strictObject({
  format: v.optional(
    v.pipe(v.picklist(["auto", "json", "toml"]), v.description("auto: JSON when it begins like it, else TOML")),
    "auto",
  ),
  newline: v.optional(v.pipe(v.boolean(), v.description("no: files end without a newline")), true),
});
type Options = v.InferOutput<typeof options>;

interface Node {
  readonly ino: number;
  /** Of a directory. */
  readonly entries?: ReadonlyMap<string, Node>;
  readonly bytes: Uint8Array;
}
/** A document is in memory: nobody mounts a larger one by mistake. */
const MOST = 64 << 20;

async function textOf(device: BlockDevice, sys: Sys): Promise<string> {
  if (device.size > MOST) throw sys.errno.EFBIG;
  const bytes = new Uint8Array(device.size);
  await device.read(bytes, 0);
  return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
}
function parse(text: string, { format }: Options): unknown {
  const isJson = format === "json" ||
    (format === "auto" && /^\s*[[{"]/.test(text) && !/^\s*\[\[?[\w."' -]+\]\]?\s*$/m.test(text));
  return isJson ? JSON.parse(text) : parseToml(text);
}
/** Names are one component of a path. */
const nameOf = (key: string) => key.replaceAll("/", "\u2215").replace(/^(\.{0,2})$/, "$1_").slice(0, 200);

function tree(value: unknown, newline: boolean, next = { ino: 1 }): Node {
  const ino = next.ino++;
  if (typeof value !== "object" || value === null || value instanceof Date) {
    return { ino, bytes: new TextEncoder().encode(`${value}${newline ? "\n" : ""}`) };
  }
  const entries = Object.entries(value).map(([key, part]) => [nameOf(key), tree(part, newline, next)] as const);
  return { ino, entries: new Map(entries), bytes: new Uint8Array(0) };
}

export default {
  kind: "fs",
  name: "jsonfs",
  about: "Mount a JSON or TOML file as a tree.",
  wantsDevice: true,
  readOnly: true,
  options,
  async mount(sys, device, request) {
    let root: Node;
    try {
      root = tree(parse(await textOf(device!, sys), request.options), request.options.newline);
    } catch (e) {
      sys.log(`jsonfs: ${device!.name}: ${(e as Error).message.split("\n")[0]}`);
      throw sys.errno.EINVAL;
    }
    if (!root.entries) throw sys.errno.EINVAL;
    return {
      root,
      readOnly: true,
      label: request.source,
      lookup: (dir, name) => dir.entries?.get(name),
      readdir: (dir) => dir.entries ?? [],
      getattr: ({ ino, entries, bytes }) => ({ ino, type: entries ? "dir" : "file", size: bytes.length }),
      read({ bytes }, into, offset) {
        const part = bytes.subarray(offset, offset + into.length);
        into.set(part);
        return part.length;
      },
    };
  },
} satisfies FsDriver<Options, Node>;
