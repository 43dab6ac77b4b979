/** Serves a mount of the host's with the files of a kernel, as one of its processes sees them. */
import type { Host } from "../host/host.ts";
import type { Kernel } from "../kern/kernel.ts";
import { Lwp, type Proc } from "../kern/proc.ts";
import { then } from "../lib/async.ts";
import type { FuseDevice } from "../lib/socket_end.ts";
import type { Async } from "../plugin.ts";
import { Mount } from "../vfs/mount.ts";
import { lookup } from "../vfs/namei.ts";
import { vfsOf } from "../vfs/vfs.ts";
import { ProcessVolume } from "./process_volume.ts";
import { FuseServer } from "./server.ts";

/** What is seen where: proxy/served_mounts.ts. */
interface Seen {
  readonly root: string;
  readonly prefix: string | undefined;
  readonly uid: number;
  readonly gid: number;
}

/** Serve until closed, or until the host has taken the mount away, which is told. Throws errno, ENOSYS without file systems. */
export function serveProcess(
  host: Host,
  kernel: Kernel,
  { proc, device, seen, ended }: {
    readonly proc: Proc;
    readonly device: FuseDevice;
    readonly seen: Seen;
    readonly ended: () => void;
  },
): Async<{ close(): void }> {
  const { observers } = vfsOf(kernel);
  const { cred: { euid, egid } } = proc;
  const owners = { here: { uid: seen.uid, gid: seen.gid }, there: { uid: euid, gid: egid } };
  const { prefix } = seen;
  return then(lookup(new Lwp(proc), seen.root), (root) => {
    const view = {
      proc,
      prefix,
      owners,
      now: () => host.wall(),
      soon: (fn: () => void) => host.loop.soon(fn),
      callout: kernel.sys.callout,
      tells: ({ info: { type }, volume }: Mount) =>
        volume.validSeconds === undefined && !kernel.registry.fs(type)?.layers,
    };
    const volume = new ProcessVolume(view, root);
    const info = { type: "rump", from: "rump", on: seen.root, flags: 0, owner: euid };
    const mount = new Mount(volume, undefined, info);
    volume.news.changed = (node, name) => mount.touched(node, name);
    const close = () => {
      if (!observers.delete(volume.news)) return;
      fuse.stop();
      volume.locks.close();
      void kernel.outstanding(fuse.nodes.clear());
      device.close();
      ended();
    };
    const fuse = new FuseServer(host, mount, device.fuse, {
      opens: volume,
      ready: () => {},
      ended: close,
      log: kernel.log.write,
      memory: () => ({ cached: 0, dirty: 0 }),
    });
    observers.add(volume.news);
    fuse.start();
    return { close };
  });
}
