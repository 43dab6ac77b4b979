/** A file system mounted on the host by a process of its own: boot a kernel, mount in it, serve the mount over FUSE. */
import { builtins } from "../../../plugins/mod.ts";
import { MNT_RDONLY } from "../../abi/flags.ts";
import { FuseServer } from "../../fuse/server.ts";
import type { FuseMount, Host } from "../../host/host.ts";
import { bootKernel, type Kernel } from "../../kern/kernel.ts";
import { inLoop } from "../../lib/in_loop.ts";
import { hypercalls } from "../../rump.ts";
import type { BlockDevice } from "../../plugin.ts";
import type { Mount } from "../../vfs/mount.ts";
import { Failure, reasonOf } from "../cli.ts";
import type { HostMount } from "./host_mount.ts";
import { openedLayer, type OpenLayer, refuseAbove, SOURCE } from "./layers.ts";
import { mountDisk, prepareMount } from "./mount_disk.ts";
import { showOwn } from "./mount_stats.ts";
import { logTo } from "./serve_options.ts";

/** The mount point as it is now: a directory. */
function mountPoint(
  host: Host,
  m: HostMount,
): { readonly dir: string; readonly over: { uid: number; gid: number; mode: number } } {
  try {
    const { type, uid, gid, mode } = host.stat(m.dir);
    if (type !== "dir") throw new Failure(`${m.program}: ${m.dir}: not a directory`);
    const over = { uid: known(host, "uid", uid), gid: known(host, "gid", gid), mode: mode & 0o777 };
    return { dir: host.realpath(m.dir), over };
  } catch (e) {
    // What a killed server leaves behind is detached when the new mount is made.
    if ((e as { code?: string }).code === "ENOTCONN") {
      return { dir: absolute(host, m.dir), over: { uid: host.uid, gid: host.gid, mode: 0o755 } };
    }
    throw e instanceof Failure ? e : new Failure(`${m.program}: ${m.dir}: ${reasonOf(e)}`);
  }
}
/** A number the user name space we are in has a name for, else our own: nobody may write what belongs to no one known. */
function known(host: Host, which: "uid" | "gid", id: number): number {
  if (host.os !== "linux") return id;
  const map = new TextDecoder().decode(host.readFile(`/proc/self/${which}_map`));
  const ranges = map.trim().split("\n").map((line) => line.trim().split(/\s+/).map(Number));
  return ranges.some(([first = 0, , count = 0]) => id >= first && id < first + count) ? id : host[which];
}
const absolute = (host: Host, path: string) => (path.startsWith("/") ? path : `${host.cwd()}/${path}`);

/** Mount and serve until the mount is gone; `ready` is called when it answers. The exit status. */
export async function serve(host: Host, m: HostMount, ready: () => void): Promise<number> {
  const { dir, over } = mountPoint(host, m);
  refuseTwice(host, m, dir);
  for (const layer of m.layers ?? []) refuseAbove(host, m.program, layer, dir);
  const { loop } = host;
  const isolated = await m.isolated?.();
  const machine = hypercalls(host, (ms, fn) => loop.timer(ms, fn), host.loopSockets);
  const instead = isolated && { load: () => Promise.resolve({ default: isolated }) };
  const builtin = builtins[m.component];
  const boot = bootKernel({ ...machine, ...instead && { import: instead.load } }, {
    builtins: instead && builtin ? { ...builtins, [m.component]: { ...builtin, ...instead } } : builtins,
    components: [m.component],
  });
  const kernel = await heard(host, m, boot);
  kernel.log.console = logTo(host, m.program, m.serve);
  host.onStray(kernel.stray);
  // What needs rights comes first; then they are given up; then the image is read, which nobody need trust.
  await prepareMount(kernel, m.program, m.type, m.source, m.driver);
  const device = await m.device?.(kernel);
  const layers: OpenLayer[] = [];
  for (const layer of m.layers ?? []) layers.push(await openedLayer(host, kernel, m.program, layer));
  const isFixed = layers.some(({ name, writable }) => !writable && !m.layers!.find((l) => l.name === name)!.readOnly);
  const readOnly = (m.options.flags & MNT_RDONLY) !== 0 || device?.writable === false || isFixed;
  const fuse = await onHost(host, m, dir, readOnly);
  leaveOnSignals(host, kernel, fuse);
  try {
    confine(host, kernel, m, fuse, layers.some(({ files }) => files));
    const mount = await heard(host, m, mountInside(kernel, m, layers, await device?.settle(kernel), over));
    if (mount.readOnly && !(m.options.flags & MNT_RDONLY)) {
      kernel.log.write(`${m.program}: ${m.source}: mounted read-only`);
    }
    await run(host, kernel, m, mount, fuse, ready);
  } catch (e) {
    fuse.abandon();
    await kernel.halt().catch(() => {});
    throw e;
  }
  return await end(host, kernel, m);
}
/** What goes on while nobody runs the loop yet, or any more: an isolated driver is heard only in it. */
const heard = <T>(host: Host, m: HostMount, work: Promise<T>): Promise<T> =>
  m.isolated ? inLoop(host.loop, work) : work;
/** Signals unmount; what is busy, lazily. */
function leaveOnSignals(host: Host, kernel: Kernel, fuse: FuseMount): void {
  let asked = false;
  const leave = () => {
    if (asked) return;
    asked = true;
    void kernel.outstanding((async () => {
      if (!(await fuse.unmount(false))) await fuse.unmount(true);
    })());
  };
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"]) host.onSignal(signal, leave);
}
/** Everything to the disk. A failure is the last that is logged; the steps of halting are the kernel's own affair. */
async function end(host: Host, kernel: Kernel, m: HostMount): Promise<number> {
  const say = kernel.log.console;
  kernel.log.console = () => {};
  try {
    await heard(host, m, kernel.halt());
    return 0;
  } catch (e) {
    say(`${m.program}: ${m.source}: not everything could be written: ${reasonOf(e)}`);
    return 1;
  }
}
/** A second mount of ours on one directory is nearly always a mistake; the first would be hidden. */
function refuseTwice(host: Host, m: HostMount, dir: string): void {
  const mounts = new TextDecoder().decode(host.os === "linux" ? host.readFile("/proc/self/mounts") : new Uint8Array(0));
  const escaped = dir.replace(/[\\ \t\n]/g, (c) => `\\${c.charCodeAt(0).toString(8).padStart(3, "0")}`);
  const here = mounts.split("\n").filter((line) => line.split(" ")[1] === escaped);
  const alive = here.some((line) => line.split(" ")[2]!.startsWith("fuse.")) && isAlive(host, dir);
  if (alive) throw new Failure(`${m.program}: ${m.dir}: something is mounted there already`);
}
function isAlive(host: Host, dir: string): boolean {
  try {
    host.stat(dir);
    return true;
  } catch {
    return false;
  }
}

async function mountInside(
  kernel: Kernel,
  m: HostMount,
  layers: readonly OpenLayer[],
  device: BlockDevice | undefined,
  over: { uid: number; gid: number; mode: number },
): Promise<Mount> {
  let from = m.source;
  const options: Record<string, unknown> = { ...m.driver };
  for (const layer of layers) {
    const on = await layer.settle();
    if (layer.name === SOURCE) from = on;
    else options[layer.name] = on;
  }
  return await mountDisk(kernel, m.program, m.type, device, { from, flags: m.options.flags, options, over });
}

async function onHost(host: Host, m: HostMount, dir: string, readOnly: boolean): Promise<FuseMount> {
  try {
    const names = ["noexec", "nosuid", "nodev", "noatime", "sync", "relatime"];
    return await host.fuseMount(dir, {
      source: m.source,
      subtype: m.type,
      readOnly,
      // Root's are everybody's anyway; others need fuse.conf's leave, and fusermount3 says so.
      allowOther: host.uid === 0 || m.options.names.includes("allow_other"),
      flags: m.options.names.filter((n) => names.includes(n)),
    });
  } catch (e) {
    const why = reasonOf(e);
    const missing = why.includes("/dev/fuse") && !/permission|permitted/i.test(why);
    const hint = missing ? " (in a container: --device /dev/fuse; elsewhere: modprobe fuse)" : "";
    const object = why.includes(m.dir) || why.includes("/dev/fuse") ? "" : `${m.dir}: `;
    throw new Failure(`${m.program}: ${object}${why}${hint}`);
  }
}

/** Serve until the mount is gone, whoever took it away. */
async function run(
  host: Host,
  kernel: Kernel,
  m: HostMount,
  mount: Mount,
  fuse: FuseMount,
  ready: () => void,
): Promise<void> {
  const server = new FuseServer(host, mount, fuse.fd, {
    ready,
    settles: m.isolated !== undefined,
    ended: () => host.loop.stop(),
    log: (text) => kernel.log.write(text),
    memory: () => ({ cached: kernel.buffers.used, dirty: kernel.buffers.dirty }),
  });
  server.start();
  if (m.serve.stats) showOwn(host, () => server.stats());
  await host.loop.run();
  await heard(host, m, server.nodes.clear());
}

/** Into the sandbox, before anything of the image is read. Throws Failure where it cannot be had and must. */
function confine(host: Host, kernel: Kernel, m: HostMount, fuse: FuseMount, files: boolean): void {
  const { sandbox, sandboxLog } = m.serve;
  host.loop.open();
  if (!m.serve.foreground) host.chdir("/");
  if (files && sandbox === "must") throw new Failure(`${m.program}: no sandbox: a directory of the host is served`);
  if (sandbox === "off" || files) return;
  try {
    if (!fuse.mayGiveUpRights) throw new Failure("no program to unmount with");
    const left = host.sandbox({ log: sandboxLog });
    if (sandbox === "must" && left.length > 0) throw new Failure(left.join("; "));
    for (const why of left) kernel.log.write(`${m.program}: ${m.source}: sandbox: ${why}`);
  } catch (e) {
    const line = `${m.program}: ${m.source}: no sandbox: ${reasonOf(e)}`;
    if (sandbox === "try") return kernel.log.write(line);
    throw new Failure(line);
  }
}
