/** Names that move: in a crash a file has its old name or the new one, or both, never none. */
import { FREE } from "../../src/wire/fat.ts";
import type { Directory } from "./dir.ts";
import type { Inodes } from "../../src/lib/dos_inodes.ts";
import type { Node } from "./node.ts";
import type { SlotMap } from "./slots.ts";
import type { Store } from "./store.ts";
import { finished } from "../../src/lib/finished.ts";
import type { WriteBack } from "./writeback.ts";

/** What moving needs of its volume. */
export interface MovesOwner {
  dir(node: Node): Directory;
  /** Add a node's entry to a directory. ENOSPC when it is full. */
  enter(dir: Node, node: Node, name: string): void;
  /** Write a node's entry where its name stands. */
  entry(node: Node): void;
  /** "." and "..": it has another parent. */
  dots(node: Node, parent: Node): void;
  /** A directory's entries changed. */
  changed(dir: Node): void;
}

export class Moves {
  readonly #store: Store;
  readonly #back: WriteBack;
  readonly #inodes: Inodes;
  readonly #slots: SlotMap;
  readonly #owner: MovesOwner;

  constructor(store: Store, back: WriteBack, inodes: Inodes, slots: SlotMap, owner: MovesOwner) {
    this.#store = store;
    this.#back = back;
    this.#inodes = inodes;
    this.#slots = slots;
    this.#owner = owner;
  }
  /** Move a node; `target` gives its place to it. */
  rename(from: Node, node: Node, to: Node, name: string, target: Node | undefined): void {
    this.#store.mayChange(from);
    const old = { ...node };
    const source = this.#owner.dir(from);
    source.forget(node);
    try {
      if (target) this.#replace(to, node, target);
      else this.#owner.enter(to, node, name);
    } catch (e) {
      Object.assign(node, old);
      source.takeOver(node, node);
      throw e;
    }
    if (node.isDir && from !== to) this.#owner.dots(node, to);
    this.#inodes.moved(node);
    this.#leave(from, old, node);
  }
  /** The new name is on the disk before the old one goes. */
  #leave(from: Node, old: Node, node: Node): void {
    const { buffers, errno, g } = this.#store;
    const places = (dir: Node, n: Node) =>
      Array.from({ length: n.slots }, (_, i) => this.#slots.position(dir, n.slot + i));
    const sectorOf = (position: number) => Math.floor(position / g.sectorSize);
    const gone = places(from, old);
    const source = this.#owner.dir(from);
    const sectors = new Set([...gone, ...places(node.parent!, node)].map(sectorOf));
    if (sectors.size === 1) return source.freeSlots(old.slot, old.slots); // one write does both
    this.#back.later(() => {
      for (const position of gone.reverse()) {
        finished(buffers.modify(sectorOf(position)), errno)[position % g.sectorSize] = FREE;
      }
      source.reuse(old.slot, old.slots);
    });
  }
  /** The target's entry is pointed at the moved file in place; the target's clusters go when nobody holds it. */
  #replace(to: Node, node: Node, target: Node): void {
    this.#owner.dir(to).takeOver(node, target);
    target.parent = undefined;
    this.#inodes.moved(target);
    this.#back.loose.add(target);
    node.parent = to;
    this.#owner.entry(node);
    this.#owner.changed(to);
  }

  /**
   * Swap two names: one entry after the other, each on the disk before the next. The second file has a third name
   * meanwhile, so that both have one at every moment.
   */
  exchange(a: Node, b: Node): void {
    const [from, to] = [a.parent!, b.parent!];
    for (const dir of [from, to]) this.#store.mayChange(dir);
    const meanwhile = { ...b };
    this.#owner.enter(to, meanwhile, this.#unused(to));
    this.#swap(a, b);
    for (const node of [a, b]) {
      this.#synced();
      this.#owner.entry(node);
      if (node.isDir && from !== to) this.#owner.dots(node, node.parent!);
    }
    this.#synced();
    this.#owner.dir(to).remove(meanwhile);
  }
  #synced(): void {
    this.#back.fsync();
    this.#back.dirty();
  }
  #swap(a: Node, b: Node): void {
    const [from, to, was, will] = [a.parent!, b.parent!, { ...a }, { ...b }];
    this.#owner.dir(from).forget(a);
    this.#owner.dir(to).forget(b);
    this.#owner.dir(to).takeOver(a, will);
    this.#owner.dir(from).takeOver(b, was);
    a.parent = to;
    b.parent = from;
    this.#inodes.moved(a);
    this.#inodes.moved(b);
  }
  #unused(dir: Node): string {
    const index = this.#owner.dir(dir);
    let n = 1;
    while (index.find(`EXCHANGE.${n}`)) n++;
    return `EXCHANGE.${n}`;
  }
}
