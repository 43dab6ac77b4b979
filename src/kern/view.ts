/** The kernel as drivers see it that show it (Sys.kernel). */
import { errno } from "../abi/errno.ts";
import type { KernelView, ProcessView } from "../plugin.ts";
import type { Kernel } from "./kernel.ts";
import type { Proc } from "./proc.ts";

/** Room for variables that are as long as one likes. */
const ROOM = 64 << 10;

export function kernelView(kernel: Kernel): KernelView {
  return {
    get: (name) => kernel.tree.find(name)?.read(ROOM),
    set(name, value) {
      const node = kernel.tree.find(name);
      if (!node) throw errno.ENOENT;
      if (!node.write) throw errno.EPERM;
      node.write(value);
    },
    processes: () => [...kernel.procs].map((proc) => processView(kernel, proc)),
    process(pid) {
      const proc = kernel.procs.get(pid);
      return proc && processView(kernel, proc);
    },
    mounts: () => kernel.mountsNow(),
    log: () => kernel.log.lines,
    caller: () => kernel.dispatcher.caller?.proc.pid,
  };
}
function processView(kernel: Kernel, proc: Proc): ProcessView {
  const { pid, ppid, comm, cred, started, sleepers, files } = proc;
  return {
    ...{ pid, ppid, comm, started, sleeping: sleepers.size },
    ...{ uid: cred.uid, euid: cred.euid, gid: cred.gid, egid: cred.egid, groups: cred.groups },
    ...kernel.placesOf(proc),
    files: () => [...files].map(([fd, file]) => ({ fd, type: "?", ...file.ops.about?.(file) })),
  };
}
