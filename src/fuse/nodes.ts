/** The kernel's node numbers and the driver's nodes: held from the first lookup to the last forget. */
import type { Mount } from "../vfs/mount.ts";
import type { Async } from "../plugin.ts";

export interface Known {
  readonly id: number;
  readonly node: unknown;
  /** Lookups the kernel has not forgotten. */
  lookups: number;
  /** The name it was first found by, and whether others came: a volume that folds case has several. */
  name: string;
  aliased: boolean;
  /** It may have a capability (privileges.ts). */
  capable: boolean;
}
export const ROOT_ID = 1;
/** Nodes the kernel may know of without having asked for them. */
const MOST_UNASKED = 16_384;
const LATELY = 1024;
/** Nodes told of in listings before it is tried again whether they are wanted. */
const TOLD = 16_384;

export class Nodes {
  readonly #mount: Mount;
  readonly #byId = new Map<number, Known>();
  readonly #byNode = new Map<unknown, Known>();
  #next = ROOT_ID + 1;

  constructor(mount: Mount) {
    this.#mount = mount;
    const root: Known = { id: ROOT_ID, node: mount.volume.root, lookups: 1, name: "", aliased: false, capable: true };
    mount.hold(root.node);
    this.#byId.set(ROOT_ID, root);
    this.#byNode.set(root.node, root);
  }
  get(id: number): Known | undefined {
    return this.#byId.get(id);
  }
  of(node: unknown): Known | undefined {
    return this.#byNode.get(node);
  }
  /**
   * A listing tells of a node only by its name: the kernel knows of enough (it keeps them all in memory, and so do we), and
   * has not asked for most of those it was not told of.
   */
  withheld(node: unknown): boolean {
    if (this.#byId.size < MOST_UNASKED || this.#byNode.has(node)) return false;
    const withhold = this.#asked * 2 <= this.#withheld;
    if (withhold) this.#count();
    else if (++this.#told > TOLD) this.#asked = this.#withheld = this.#told = 0;
    return withhold;
  }
  /** What was long ago counts less and less. */
  #count(): void {
    if (++this.#withheld < LATELY) return;
    this.#withheld /= 2;
    this.#asked /= 2;
  }
  /** The kernel asks for a name. */
  asked(): void {
    this.#asked++;
  }
  /** Nodes asked for, and not told of, and then told of again, since this was last tried. */
  #asked = 0;
  #withheld = 0;
  #told = 0;
  /** The kernel learns of a node: one lookup more. */
  found(node: unknown, name: string): Known {
    let known = this.#byNode.get(node);
    if (!known) {
      this.#mount.hold(node);
      known = { id: this.#next++, node, lookups: 0, name, aliased: false, capable: true };
      this.#byId.set(known.id, known);
      this.#byNode.set(node, known);
    }
    known.lookups++;
    if (known.name !== name) known.aliased = true;
    return known;
  }
  /** The kernel forgets `n` lookups; the driver hears of the last. */
  forget(id: number, n: number): Async<void> {
    const known = this.#byId.get(id);
    if (!known || id === ROOT_ID) return undefined;
    known.lookups -= n;
    if (known.lookups > 0) return undefined;
    this.#byId.delete(id);
    this.#byNode.delete(known.node);
    return this.#mount.release(known.node);
  }
  /** The mount is gone: everything is forgotten. */
  async clear(): Promise<void> {
    const all = [...this.#byId.values()];
    this.#byId.clear();
    this.#byNode.clear();
    for (const known of all) await this.#mount.release(known.node);
  }
  [Symbol.iterator](): Iterator<Known> {
    return this.#byId.values();
  }
  get size(): number {
    return this.#byId.size;
  }
}
