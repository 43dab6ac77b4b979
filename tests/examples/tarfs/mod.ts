/** tarfs: a tar archive as it would be unpacked: files, directories, symbolic and hard links, modes, owners, times. */
import { type ParsedTarEntryWithData, unpackTar } from "modern-tar";
import type { Attr, FsDriver } from "rump/plugin";

interface Node {
  readonly attr: Attr & { nlink: number };
  readonly entries: Map<string, Node>;
  readonly bytes: Uint8Array;
  readonly target: string;
}
/** An archive is in memory. */
const MOST = 512 << 20;
const types: Readonly<Record<string, Attr["type"]>> = {
  directory: "dir",
  symlink: "link",
  fifo: "fifo",
  "character-device": "chr",
  "block-device": "blk",
};

/** Where a path of the archive leads, without a way out of it. */
const parts = (path: string) => path.split("/").filter((p) => p !== "" && p !== "." && p !== "..");

function made(ino: number, { header, data }: Partial<ParsedTarEntryWithData>): Node {
  const type = types[header?.type ?? "file"] ?? "file";
  const target = type === "link" ? header?.linkname ?? "" : "";
  const bytes = type === "file" ? data ?? new Uint8Array(0) : new Uint8Array(0);
  const attr = {
    ino,
    type,
    size: type === "link" ? new TextEncoder().encode(target).length : bytes.length,
    mode: (header?.mode ?? (type === "dir" ? 0o755 : 0o644)) & 0o7777,
    nlink: 1,
    uid: header?.uid ?? 0,
    gid: header?.gid ?? 0,
    mtime: Math.floor((header?.mtime?.getTime() ?? 0) / 1000),
  };
  return { attr, entries: new Map(), bytes, target };
}
function tree(archive: readonly ParsedTarEntryWithData[]): Node {
  let ino = 1;
  const directory: Partial<ParsedTarEntryWithData> = {
    header: { name: "", size: 0, type: "directory", mtime: new Date(0) },
  };
  const root = made(ino++, directory);
  const at = (path: readonly string[]) =>
    path.reduce((dir, name) => {
      const known = dir.entries.get(name);
      if (known) return known;
      const missing = made(ino++, directory);
      dir.entries.set(name, missing);
      return missing;
    }, root);
  for (const entry of archive) {
    const path = parts(entry.header.name);
    const name = path.pop();
    if (name === undefined) continue;
    const dir = at(path);
    const old = dir.entries.get(name);
    const linked = entry.header.type === "link" ? at(parts(entry.header.linkname ?? "")) : undefined;
    if (linked) linked.attr.nlink++;
    const node = linked ?? made(ino++, entry);
    // A directory that is told of after what is in it.
    for (const [inside, n] of old?.entries ?? []) node.entries.set(inside, n);
    dir.entries.set(name, node);
  }
  return root;
}

export default {
  kind: "fs",
  name: "tarfs",
  about: "Mount a tar archive, also a compressed one (gzip).",
  wantsDevice: true,
  readOnly: true,
  async mount(sys, device, { source }) {
    if (device!.size > MOST) throw sys.errno.EFBIG;
    const archive = new Uint8Array(device!.size);
    await device!.read(archive, 0);
    let root: Node;
    try {
      const gzip = archive[0] === 0x1f && archive[1] === 0x8b;
      const stream = new Blob([archive]).stream();
      root = tree(
        await unpackTar(gzip ? stream.pipeThrough(new DecompressionStream("gzip")) : stream, { strict: true }),
      );
    } catch (e) {
      sys.log(`tarfs: ${device!.name}: ${(e as Error).message.split("\n")[0]}`);
      throw sys.errno.EINVAL;
    }
    return {
      root,
      readOnly: true,
      label: source,
      lookup: (dir, name) => dir.entries.get(name),
      readdir: (dir) => dir.entries,
      getattr: (node) => node.attr,
      readlink: (node) => node.target,
      read({ attr, bytes }, into, offset) {
        if (attr.type !== "file") throw sys.errno.EINVAL;
        const part = bytes.subarray(offset, offset + into.length);
        into.set(part);
        return part.length;
      },
    };
  },
} satisfies FsDriver<unknown, Node>;
