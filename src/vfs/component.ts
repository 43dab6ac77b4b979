/** The component `rumpvfs`: file systems for a kernel. A faction, that is a whole family of system calls: hence a component. */
import type { Kernel } from "../kern/kernel.ts";
import { errno } from "../abi/errno.ts";
import { then } from "../lib/async.ts";
import type { Component, SysctlNode } from "../plugin.ts";
import { provideDeviceNodes } from "../kern/device_nodes.ts";
import { provideSocketNames } from "../kern/sockets.ts";
import { attributeCalls } from "./attributes.ts";
import { extattrCalls } from "./extattr.ts";
import { mountCalls } from "./mounts.ts";
import type { Cwdi } from "./namei.ts";
import type { Vnode } from "./mount.ts";
import { nameCalls } from "./names.ts";
import { pathOf } from "./paths.ts";
import { openCalls } from "./open.ts";
import { socketNames } from "./sockets.ts";
import { Vfs } from "./vfs.ts";
import { roomCalls, xattrCalls } from "./xattr.ts";

function sysctls(vfs: Vfs): Record<string, SysctlNode> {
  return {
    "vfs.generic.magiclinks": {
      type: "int",
      doc: 'Whether "magic" symlinks are expanded',
      read: () => 0,
    },
    "vfs.generic.fstypes": {
      type: "string",
      doc: "List of file systems present",
      read: () => vfs.kernel.registry.ofKind("fs").map((d) => d.name).join(" "),
    },
    "vfs.sync.delay": {
      type: "int",
      doc: "Seconds between writing all changes to the disks",
      read: () => vfs.syncDelay,
      write(seconds) {
        if (!((seconds as number) >= 1 && (seconds as number) <= 3600)) throw errno.EINVAL;
        vfs.restartSyncer(seconds as number);
      },
    },
  };
}

/** Where a process stands, by names. */
function placesOf(cwdi: Cwdi | undefined): { readonly cwd: string | undefined; readonly root: string | undefined } {
  const named = (vnode: Vnode | undefined) => {
    try {
      return vnode && pathOf(vnode);
    } catch {
      return undefined; // it was removed
    }
  };
  return { cwd: named(cwdi?.cwd), root: named(cwdi?.root) };
}

const component: Component = {
  kind: "component",
  name: "rumpvfs",
  setup(services) {
    const kernel = services as Kernel;
    const vfs = new Vfs(kernel);
    kernel.faction.set("vfs", vfs);
    kernel.mountsNow = () =>
      vfs.mounts.filter(({ info }) => info.on !== "").map(({ info: { from, on, type }, readOnly }) => ({
        ...{ from, on, type, readOnly },
      }));
    kernel.placesOf = ({ cwdi }) => placesOf(cwdi as Cwdi | undefined);
    provideSocketNames(kernel, socketNames());
    provideDeviceNodes(kernel, { add: (device) => vfs.addDevice(device) });
    kernel.establish({
      ...openCalls(vfs.devices),
      ...nameCalls,
      ...attributeCalls(() => kernel.host.wall()),
      ...mountCalls(vfs),
      ...xattrCalls,
      ...extattrCalls,
      ...roomCalls,
    });
    kernel.sysctl(sysctls(vfs));
    kernel.atHalt(() => vfs.shutdown());
    return then(vfs.boot(), () => {
      // Clients are forked off the kernel's process: they start in its root.
      kernel.atFork((proc, parent) =>
        vfs.adopt(proc, (parent?.cwdi as Cwdi | undefined) ?? { cwd: vfs.root.root, root: vfs.root.root })
      );
    });
  },
};
export default component;
