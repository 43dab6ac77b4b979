/** Files of a rump kernel elsewhere that are open here: they are open there as well, and stay what they were. */
import { errno } from "../abi/errno.ts";
import { O_NONBLOCK, O_RDONLY, O_RDWR, O_TRUNC, O_WRONLY } from "../abi/flags.ts";
import { Stat } from "../abi/structs.ts";
import { HOST_OPEN } from "../fuse/owners.ts";
import { then } from "../lib/async.ts";
import type { Async } from "../plugin.ts";
import { type RemoteCalls, versionOf } from "./remote_calls.ts";
import type { RemoteNode } from "./remote_nodes.ts";

const reads = (flags: number) => (flags & HOST_OPEN.ACCMODE) !== HOST_OPEN.WRONLY;
const writes = (flags: number) => (flags & HOST_OPEN.ACCMODE) !== 0;

/** Count an opening with flags of open(2) here. */
export function counted(node: RemoteNode, flags: number, by: 1 | -1): void {
  if (reads(flags)) node.readers += by;
  if (writes(flags)) node.writers += by;
}

export class OpenFiles {
  readonly #remote: RemoteCalls;
  constructor(remote: RemoteCalls) {
    this.#remote = remote;
  }
  /** Open a file once more. True: its data is as it was when somebody here last looked. */
  open(node: RemoteNode, flags: number): Async<boolean> {
    return then(this.#descriptors(node, flags), (stat) => {
      counted(node, flags, 1);
      const version = versionOf(stat);
      const same = node.seen === version;
      node.seen = version;
      return same;
    });
  }
  /** A descriptor there for reading or writing. Throws ESTALE when the name leads to another file now. */
  descriptor(node: RemoteNode, how: "reading" | "writing"): Async<number> {
    if (node[how] >= 0) return node[how];
    return then(this.#descriptors(node, how === "writing" ? HOST_OPEN.WRONLY : 0), () => node[how]);
  }
  /** See to it that there are descriptors for flags of open(2) here; struct stat of the file. */
  #descriptors(node: RemoteNode, flags: number): Async<Uint8Array> {
    const cut = (flags & HOST_OPEN.TRUNC) !== 0;
    const [read, write] = [reads(flags) && node.reading < 0, writes(flags) && (node.writing < 0 || cut)];
    const stat = new Uint8Array(Stat.size);
    if (!read && !write) return then(this.#remote.sys.fstat({ fd: node.fd, sb: stat }), () => stat);
    const access = read && write ? O_RDWR : write ? O_WRONLY : O_RDONLY;
    const opened = this.#remote.batch((b) => {
      const fd = b.open({ path: node.path, flags: access | (cut ? O_TRUNC : 0) | O_NONBLOCK });
      return { fd, done: b.fstat({ fd, sb: stat }) };
    });
    return then(opened, ({ fd, done }) => {
      if (fd.error === errno.ENOENT) throw errno.ESTALE;
      const descriptor = fd.value;
      if (done.error || !node.is(stat)) return this.#refuse(descriptor, done.error ?? errno.ESTALE);
      return then(this.keep(node, descriptor, { read, write }), () => stat);
    });
  }
  #refuse(fd: number, why: Error): Async<never> {
    return then(this.#remote.sys.close({ fd }), () => {
      throw why;
    });
  }
  /** The node's descriptor is `fd` from now on; one that is of no use any more is closed. */
  keep(
    node: RemoteNode,
    fd: number,
    { read, write }: { readonly read: boolean; readonly write: boolean },
  ): Async<unknown> {
    const old = write ? node.writing : -1;
    if (read) node.reading = fd;
    if (write) node.writing = fd;
    return old >= 0 && old !== node.reading ? this.#remote.sys.close({ fd: old }) : undefined;
  }
  /** An opening with these flags is done with; the last takes the descriptors along. */
  release(node: RemoteNode, flags: number): Async<void> {
    counted(node, flags, -1);
    return node.readers + node.writers > 0 ? undefined : this.close(node);
  }
  close(node: RemoteNode): Async<void> {
    const fds = new Set([node.reading, node.writing].filter((fd) => fd >= 0));
    node.reading = node.writing = -1;
    node.readers = node.writers = 0;
    if (fds.size === 0) return undefined;
    return then(this.#remote.batch((b) => [...fds].forEach((fd) => void b.close({ fd }))), () => undefined);
  }
}
