/** Files as a process of the kernel sees them, one object each for as long as the host's kernel knows them. */
import { errno } from "../abi/errno.ts";
import type { Async, Attr } from "../plugin.ts";
import { type Mount, Vnode } from "../vfs/mount.ts";

/** See the head of this file. */
export class ProcessNode {
  readonly #vnode: Vnode;
  /** The host's kernel knows it, so the file stays. */
  held = false;
  /** The host's kernel knows it, but it is not held any more: the file may be another one by now. */
  lost = false;
  /** Openings on the host, and of those the ones that write. */
  opened = 0;
  writers = 0;
  /** Every change is told of: what is said of it may be believed. */
  exact = false;
  /** Attributes have been told, and are believed. */
  told = false;
  /** Which names in it are believed: those told since. */
  epoch = -1;
  /** Others have changed it since it was opened, or listed. */
  stale = true;
  /** Counts changes by others, and how many there were when attributes were told. */
  changes = 0;
  #changesTold = 0;
  #version = "";
  #odd = 0;

  constructor(vnode: Vnode) {
    this.#vnode = vnode;
  }
  get mount(): Mount {
    return this.#vnode.mount;
  }
  /** The file. Throws ESTALE when it may be another one by now. */
  get vnode(): Vnode {
    if (this.lost) throw errno.ESTALE;
    return this.#vnode;
  }
  hold(): void {
    this.held = true;
    this.#vnode.hold();
  }
  /** Give it back, if it is held. */
  release(): Async<void> {
    if (!this.held) return undefined;
    this.held = false;
    return this.#vnode.release();
  }
  /**
   * Nanoseconds of the time of change to be told. The host's kernel gives its pages up when it sees another time or size;
   * data that was changed twice within what the driver's clock tells apart has the same: then one nanosecond is the difference.
   */
  nanoseconds({ mtime = 0, mtimensec = 0, size }: Attr): number {
    const version = `${mtime}.${mtimensec}/${size}`;
    if (version !== this.#version) this.#odd = 0;
    else if (this.#changesTold !== this.changes) this.#odd ^= 1;
    this.#version = version;
    this.#changesTold = this.changes;
    return mtimensec ^ this.#odd;
  }
  /** Whether time and size are still those last told. */
  isSame({ mtime = 0, mtimensec = 0, size }: Attr): boolean {
    return this.#version === `${mtime}.${mtimensec}/${size}`;
  }
}

/** Nodes that are no objects and that nobody holds: more are not remembered. */
const MOST_LOOSE = 4096;
interface Nodes {
  readonly objects: WeakMap<object, ProcessNode>;
  readonly others: Map<unknown, ProcessNode>;
}

/** The nodes of a name space: the same one for the same file. */
export class ProcessNodes {
  readonly #all = new WeakMap<Mount, Nodes>();
  readonly #held = new Map<Mount, Set<ProcessNode>>();

  /** What there is of a driver's node. */
  find(mount: Mount, node: unknown): ProcessNode | undefined {
    const nodes = this.#all.get(mount);
    return isObject(node) ? nodes?.objects.get(node) : nodes?.others.get(node);
  }
  get(vnode: Vnode): ProcessNode {
    const had = this.find(vnode.mount, vnode.node);
    if (had && !had.lost) return had;
    const made = new ProcessNode(vnode);
    this.#put(vnode, made);
    return made;
  }
  #put({ mount, node }: Vnode, made: ProcessNode): void {
    let nodes = this.#all.get(mount);
    if (!nodes) this.#all.set(mount, nodes = { objects: new WeakMap(), others: new Map() });
    const { objects, others } = nodes;
    if (isObject(node)) objects.set(node, made);
    else {
      if (others.size >= MOST_LOOSE) { for (const [key, { held }] of others) if (!held) others.delete(key); }
      others.set(node, made);
    }
  }
  /** The host's kernel learns of one, or knows it no more. */
  hold(node: ProcessNode): void {
    const { mount } = node;
    this.#held.set(mount, (this.#held.get(mount) ?? new Set()).add(node));
    node.hold();
  }
  release(node: ProcessNode): Async<void> {
    const { mount } = node;
    const all = this.#held.get(mount);
    all?.delete(node);
    if (all?.size === 0) this.#held.delete(mount);
    return node.release();
  }
  /** Those of a mount the host's kernel knows. */
  of(mount: Mount): ProcessNode[] {
    return [...this.#held.get(mount) ?? []];
  }
}
const isObject = (x: unknown): x is object => typeof x === "object" && x !== null;
