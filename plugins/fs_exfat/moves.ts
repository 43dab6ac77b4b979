/** Names that move: in a crash a file has its old name or the new one, or both, never none. */
import type { Inodes } from "../../src/lib/dos_inodes.ts";
import { ENTRY } from "./entries.ts";
import type { Folders, Place } from "./folders.ts";
import { Node } from "./node.ts";
import type { WriteBack } from "./writeback.ts";

export class Moves {
  readonly #folders: Folders;
  readonly #back: WriteBack;
  readonly #inodes: Inodes;
  /** Slots of a sector. */
  readonly #perSector: number;

  constructor(folders: Folders, back: WriteBack, inodes: Inodes, sectorSize: number) {
    this.#folders = folders;
    this.#back = back;
    this.#inodes = inodes;
    this.#perSector = sectorSize / ENTRY;
  }
  /** Move a node; `target` gives its place to it. */
  rename(node: Node, to: Node, name: string, target: Node | undefined): void {
    const old = this.#folders.placeOf(node);
    this.#folders.leave(node);
    if (target && node.extra.length === 0 && target.extra.length === 0) this.#replace(node, target);
    else this.#enter(node, to, name, target);
    this.#inodes.moved(node);
    this.#later(old, node);
  }
  /** The new name is on the disk before the old one goes, unless one write does both. */
  #later(old: Place, node: Node): void {
    const now = this.#folders.placeOf(node);
    const sectors = new Set([old, now].flatMap((p) => [this.#sector(p.slot), this.#sector(p.slot + p.slots - 1)]));
    if (old.dir === now.dir && sectors.size === 1) this.#folders.free(old);
    else this.#back.later(() => this.#folders.free(old));
  }
  #sector(slot: number): number {
    return Math.floor(slot / this.#perSector);
  }
  /** The target's set is pointed at the moved file in place; the target's clusters go when nobody holds it. */
  #replace(node: Node, target: Node): void {
    const place = this.#folders.placeOf(target);
    this.#lose(target);
    this.#folders.takeOver(node, place, target.name, target.extra);
  }
  #lose(target: Node): void {
    this.#folders.leave(target);
    this.#folders.lose(target);
    this.#back.loose.add(target);
  }
  #enter(node: Node, to: Node, name: string, target: Node | undefined): void {
    const place = target && this.#folders.placeOf(target);
    try {
      this.#folders.enter(to, node, name);
    } catch (e) {
      this.#folders.stay(node);
      throw e;
    }
    if (!target || !place) return;
    this.#folders.lose(target);
    this.#back.loose.add(target);
    this.#back.later(() => this.#folders.free(place));
  }

  /**
   * Swap two names: one set after the other, each on the disk before the next, or both with one write. The second file has
   * a third name meanwhile, so that both have one at every moment.
   */
  exchange(a: Node, b: Node): void {
    const [one, two] = [this.#folders.placeOf(a), this.#folders.placeOf(b)];
    const isOne = one.dir === two.dir && this.#sector(one.slot) === this.#sector(two.slot + 1) &&
      this.#sector(one.slot + 1) === this.#sector(two.slot);
    const meanwhile = isOne ? undefined : this.#meanwhile(b);
    const [was, will] = [{ name: a.name, extra: a.extra }, { name: b.name, extra: b.extra }];
    this.#folders.leave(a);
    this.#folders.leave(b);
    if (!isOne) this.#synced();
    this.#folders.takeOver(a, two, will.name, will.extra);
    if (!isOne) this.#synced();
    this.#folders.takeOver(b, one, was.name, was.extra);
    if (!meanwhile) return;
    this.#synced();
    this.#folders.remove(meanwhile);
  }
  #meanwhile(node: Node): Node {
    const copy = new Node(node.name, node.raw.slice());
    const dir = node.parent!;
    const { nodes } = this.#folders.of(dir);
    let n = 1;
    while (nodes.has(`EXCHANGE.${n}`)) n++;
    this.#folders.enter(dir, copy, `EXCHANGE.${n}`);
    return copy;
  }
  #synced(): void {
    this.#back.fsync();
    this.#back.dirty();
  }
}
