/** Processes of our own that others of ours start: of a driver that is not trusted, of a disk that makes connections. */
import { builtins } from "../../plugins/mod.ts";
import type { Host } from "../host/host.ts";
import { serveDriver } from "../isolate/child.ts";
import { serveDiskApart } from "../isolate/disk_child.ts";
import { pluginOf } from "../kern/plugins.ts";
import type { Plugin } from "../plugin.ts";
import { hypercalls } from "../rump.ts";

const machineOf = (host: Host) => hypercalls(host, (ms, fn) => host.loop.timer(ms, fn), host.loopSockets);
/** A built-in component's plugin, or a file's. */
const pluginIn = (host: Host) => async (name: string): Promise<Plugin> =>
  Object.hasOwn(builtins, name) ? (await builtins[name]!.load()).default : pluginOf(name, await host.import(name));

/** An isolated driver's, see src/isolate/driver.ts: of a component, or a plugin's file. The exit status. */
export const isolated = (host: Host, [file]: readonly string[]): Promise<number> =>
  serveDriver(host, machineOf(host), { file: file!, plugin: pluginIn(host) });
/** A disk's, see src/isolate/disk.ts. The exit status. */
export const diskApart = (host: Host): Promise<number> => serveDiskApart(host, machineOf(host), pluginIn(host));
