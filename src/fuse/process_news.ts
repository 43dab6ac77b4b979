/** What others do to files a process of the kernel sees: the host's kernel, which was told what they are, is told that they changed. */
import type { Mount, Observer } from "../vfs/mount.ts";
import type { ProcessNode, ProcessNodes } from "./process_nodes.ts";

/** See the head of this file. */
export class ProcessNews implements Observer {
  /** A file, the names in a directory (`name`), or everything is not as it was told. */
  changed: (node?: ProcessNode, name?: string) => void = () => {};
  /** What happens while this is not 0 is done by us: the host's kernel knows. */
  ours = 0;
  readonly #nodes: ProcessNodes;
  readonly #root: ProcessNode;
  readonly #soon: (fn: () => void) => void;
  /** Names told since this was last changed are believed. */
  #epoch = 0;

  /** `soon`: calls when what is done now is done. */
  constructor(nodes: ProcessNodes, root: ProcessNode, soon: (fn: () => void) => void) {
    this.#nodes = nodes;
    this.#root = root;
    this.#soon = soon;
  }
  /** Names in a directory are about to be told. */
  telling(dir: ProcessNode): void {
    dir.epoch = this.#epoch;
  }

  happened(mount: Mount, node: unknown, names: boolean): void {
    if (this.ours > 0) return;
    const known = node === undefined ? undefined : this.#nodes.find(mount, node);
    if (node === undefined) { for (const each of this.#nodes.of(mount)) this.#touched(each, names); }
    else if (known?.held) this.#touched(known, names);
  }
  #touched(node: ProcessNode, names: boolean): void {
    node.changes++;
    node.stale = true;
    const { told } = node;
    const entries = names && node.epoch === this.#epoch;
    node.told = false;
    if (entries) this.#epoch++;
    if (told || entries) this.changed(node, entries ? "" : undefined);
    if (node.opened === 0) this.#soon(() => this.#removed(node));
  }
  /** The room of a file that others have removed is not kept for the host's kernel's memory of it. */
  #removed(node: ProcessNode): void {
    if (!node.held || node.opened > 0) return;
    const attr = node.mount.volume.getattr(node.vnode.node);
    if (!(attr instanceof Promise) && attr.nlink === 0) this.#lose(node);
  }
  #lose(node: ProcessNode): void {
    node.lost = true;
    void this.#nodes.release(node);
    this.changed(node, "");
  }
  letGo(mount: Mount): void {
    for (const node of this.#nodes.of(mount)) if (node.opened === 0 && node !== this.#root) this.#lose(node);
  }
}
