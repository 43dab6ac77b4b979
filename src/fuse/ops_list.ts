/** Operations that list a directory. */
import type { Async, Attr } from "../plugin.ts";
import { then } from "../lib/async.ts";
import { FOPEN_CACHE_DIR, FOPEN_KEEP_CACHE, ReadIn } from "../wire/fuse.ts";
import { BODY, type Context, type Op } from "./ops.ts";
import { DirWriter } from "./reply.ts";

/** Entries of an open directory: taken when it is read from the start. */
export type Listing = readonly (readonly [name: string, node: unknown])[];
function listing(c: Context, fh: number, offset: number): Async<Listing> {
  const had = offset > 0 ? c.server.listings.get(fh) : undefined;
  if (had) return had;
  return then(c.volume.readdir(c.node), (entries) => {
    const list: Listing = [[".", c.node], ["..", c.server.mount.place(c.node)?.dir ?? c.node], ...entries];
    c.server.listings.set(fh, list);
    return list;
  });
}
/** READDIR, and with `plus` READDIRPLUS: attributes as well. */
export function readdir(plus: boolean): Op {
  return (c) => {
    const d = c.req.in.view;
    const [fh, offset, size] = [ReadIn.get.fh(d, BODY), ReadIn.get.offset(d, BODY), ReadIn.get.size(d, BODY)];
    const out = new DirWriter(c.req, size, plus);
    return then(listing(c, fh, offset), (list) => fillListing(c, list, offset, out));
  };
}
function fillListing(c: Context, list: Listing, from: number, out: DirWriter): Async<number> {
  const { volume } = c;
  const { nodes } = c.server;
  // What was listed by an earlier request may have been forgotten, and removed, since.
  const isOld = from > 0 && volume.forgets;
  const put = (i: number, node: unknown, a: Attr) => {
    const seconds = c.server.seconds(node);
    return out.put(
      list[i]![0],
      a,
      i + 1,
      { name: seconds, attr: seconds },
      () => (i < 2 || nodes.withheld(node) ? 0 : nodes.found(node, list[i]![0]).id),
    );
  };
  const one = (i: number, node: unknown): Async<boolean> => {
    if (node === undefined) return true;
    const a = volume.getattr(node);
    return a instanceof Promise ? a.then((attr) => put(i, node, attr)) : put(i, node, a);
  };
  for (let i = from; i < list.length; i++) {
    const [name, listed] = list[i]!;
    const node = isOld && i >= 2 ? volume.lookup(c.node, name) : listed;
    const more = node instanceof Promise ? node.then((n) => one(i, n)) : one(i, node);
    if (more instanceof Promise) return more.then((yes) => (yes ? fillListing(c, list, i + 1, out) : out.size));
    if (!more) break;
  }
  return out.size;
}

/** Whether the kernel may keep a listing, and the one it has. */
export function listingFlags({ server: { opens }, volume, node }: Context): number {
  const same = opens ? opens.opendir?.(node) : !volume.changing || undefined;
  return same === undefined ? 0 : same ? FOPEN_CACHE_DIR | FOPEN_KEEP_CACHE : FOPEN_CACHE_DIR;
}
