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
  get size(): number {
    return this.#byId.size;
  }
}
