/** A disk whose writes stay in memory: what is below is only read. */
import type { BlockDevice } from "../plugin.ts";
import type { Async } from "./async.ts";

/** Bytes kept together: of a page that is written to, all are. */
const PAGE = 4096;

/** A disk over another one, which must take transfers of any length; nothing written reaches it. As sync as that one, which it never closes. */
export function overlayDisk(base: BlockDevice): BlockDevice {
  const pages = new Map<number, Uint8Array>();
  /** A page of ours, made of what is below at the first write. */
  function own(n: number): Async<Uint8Array> {
    const had = pages.get(n);
    if (had) return had;
    const made = new Uint8Array(Math.min(PAGE, base.size - n * PAGE));
    const keep = () => {
      if (!pages.has(n)) pages.set(n, made);
      return pages.get(n)!;
    };
    const done = base.read(made, n * PAGE);
    return done instanceof Promise ? done.then(keep) : keep();
  }
  function patch(into: Uint8Array, offset: number): void {
    for (let at = 0; at < into.length;) {
      const [n, from] = [Math.floor((offset + at) / PAGE), (offset + at) % PAGE];
      const part = pages.get(n)?.subarray(from, from + into.length - at);
      if (part) into.set(part, at);
      at += PAGE - from;
    }
  }
  function write(bytes: Uint8Array, offset: number): Async<void> {
    for (let at = 0; at < bytes.length;) {
      const [n, from] = [Math.floor((offset + at) / PAGE), (offset + at) % PAGE];
      const page = own(n);
      if (page instanceof Promise) return page.then(() => write(bytes.subarray(at), offset + at));
      page.set(bytes.subarray(at, at + PAGE - from), from);
      at += PAGE - from;
    }
  }
  return {
    name: base.name,
    blockSize: base.blockSize,
    size: base.size,
    read(into, offset) {
      const done = base.read(into, offset);
      return done instanceof Promise ? done.then(() => patch(into, offset)) : patch(into, offset);
    },
    write(bytes, offset) {
      const inside = offset >= 0 && offset + bytes.length <= base.size;
      // What lies outside the disk below has its own words for.
      return inside ? write(bytes, offset) : base.read(new Uint8Array(bytes.length), offset);
    },
  };
}
