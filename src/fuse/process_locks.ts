/** Locks of programs of the host on a kernel's files: the same as those of its own processes. */
import { Lwp, type Proc } from "../kern/proc.ts";
import { type Callout, interrupt } from "../kern/wait.ts";
import { then } from "../lib/async.ts";
import type { Async } from "../plugin.ts";
import type { Vnode } from "../vfs/mount.ts";
import type { HostLock, HostLocks } from "./ops_lock.ts";
import type { ProcessNode } from "./process_nodes.ts";

/** Who has locks: an open file, or a process, of the host. */
interface Owner {
  /** Of the host; 0: it is no process. */
  readonly pid: number;
  /** The files it may have locks on. */
  readonly vnodes: Set<ProcessNode>;
}
const keyOf = ({ world, owner }: Pick<HostLock, "world" | "owner">) => `${world} ${owner}`;

/** See the head of this file. */
export class ProcessLocks implements HostLocks {
  readonly #proc: Proc;
  readonly #callout: Callout;
  readonly #owners = new Map<string, Owner>();

  constructor(proc: Proc, callout: Callout) {
    this.#proc = proc;
    this.#callout = callout;
  }
  conflict(node: ProcessNode, { exclusive, start, end, world, ...who }: HostLock) {
    const owner = this.#owners.get(keyOf({ world, ...who })) ?? {};
    const found = on(node.vnode).conflict({ owner, exclusive, start, end, world });
    if (!found) return undefined;
    const { pid } = found.owner as Partial<Owner>;
    return { ...found, world, pid: "vnodes" in found.owner ? pid! : 0 };
  }
  set(node: ProcessNode, wanted: HostLock, waits: ((cancel: () => void) => void) | undefined): Async<void> {
    this.#proc.guard?.(wanted.world, {});
    const { exclusive, start, end, world, pid } = wanted;
    const key = keyOf(wanted);
    const owner = this.#owners.get(key) ?? { pid: world === "fcntl" ? pid : 0, vnodes: new Set() };
    const lwp = new Lwp(this.#proc);
    waits?.(() => interrupt(lwp));
    const done = on(node.vnode).set(lwp, { owner, exclusive, start, end, world }, waits !== undefined, this.#callout);
    return then(done, () => {
      this.#owners.set(key, owner);
      owner.vnodes.add(node);
    });
  }
  clear(node: ProcessNode, of: Pick<HostLock, "world" | "owner">, range?: Pick<HostLock, "start" | "end">): void {
    const owner = this.#owners.get(keyOf(of));
    if (!owner?.vnodes.has(node)) return;
    if (range) return on(node.vnode).clear(owner, range.start, range.end);
    this.#unlock(node, owner);
    if (owner.vnodes.size === 0) this.#owners.delete(keyOf(of));
  }
  #unlock(node: ProcessNode, owner: Owner): void {
    owner.vnodes.delete(node);
    node.mount.unlock(node.vnode.node, owner);
  }
  /** The mount is gone: so are all. */
  close(): void {
    for (const owner of this.#owners.values()) for (const node of owner.vnodes) this.#unlock(node, owner);
    this.#owners.clear();
  }
}
const on = ({ mount, node }: Vnode) => mount.locksOn(node);
