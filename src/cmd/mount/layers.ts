/**
 * What a driver that stands on directories (null, union) is mounted from on the host: a directory, `tmpfs`, or an image with a
 * file system, `[type:]image[%GPT:2%]`. Each is mounted in the kernel of the process that serves.
 */
import { MNT_RDONLY } from "../../abi/flags.ts";
import type { Host } from "../../host/host.ts";
import type { Kernel } from "../../kern/kernel.ts";
import type { BlockDevice } from "../../plugin.ts";
import { hostfs } from "../../vfs/hostfs.ts";
import { vfsOf } from "../../vfs/vfs.ts";
import { Failure, reasonOf } from "../cli.ts";
import { fsOf, fsOfImages, lookAt } from "../disk/disk_formats.ts";
import { builtinType, componentOf } from "./fs_names.ts";
import { openedSource } from "../disk/image.ts";
import { mountDisk } from "./mount_disk.ts";

/** The layer that is a mount's source, and no option. */
export const SOURCE = "source";
/** A layer as a command line asks for it. */
export interface Layer {
  /** The driver's option, or "source". */
  readonly name: string;
  readonly text: string;
  readonly readOnly: boolean;
}
/** One that is open, and not looked at: who reads it may have fewer rights than who opened it. */
export interface OpenLayer {
  readonly name: string;
  readonly writable: boolean;
  /** Files of the host are opened as long as it is mounted: there can be no sandbox. */
  readonly files: boolean;
  /** Mount it in the kernel; where. Throws Failure. */
  settle(): Promise<string>;
}
/** Memory that is gone with the mount. */
const MEMORY = "tmpfs";

/** Open a layer. Throws Failure. */
export async function openedLayer(host: Host, kernel: Kernel, program: string, layer: Layer): Promise<OpenLayer> {
  const { name, text, readOnly } = layer;
  const on = `/${name}`;
  if (text === MEMORY) {
    await kernel.load(componentOf(MEMORY));
    return {
      name,
      writable: true,
      files: false,
      settle: () => mountIn(kernel, program, MEMORY, undefined, { on, text }),
    };
  }
  if (isDirectory(host, text)) return directory(host, kernel, program, layer, on);
  const [type, image] = typed(text);
  const opened = await openedSource(host, kernel, program, image, { readOnly });
  // In a sandbox nothing can be loaded, and only there the image is looked at.
  for (const each of type === undefined ? fsOfImages : [type]) await kernel.load(componentOf(each));
  return {
    name,
    writable: opened.writable,
    files: false,
    async settle() {
      const disk = await opened.settle(kernel);
      const found = type ?? await lookAt(disk, fsOf);
      if (found === undefined) {
        await disk.close?.();
        throw new Failure(`${program}: ${text}: no file system that is known; type:image says which it is`);
      }
      return await mountIn(kernel, program, found, disk, { on, text, readOnly });
    },
  };
}
/** Throws Failure for a directory with the mountpoint below it: whoever serves that would wait for himself, for ever. */
export function refuseAbove(host: Host, program: string, { text }: Layer, mountpoint: string): void {
  if (text === MEMORY || !isDirectory(host, text)) return;
  const above = host.realpath(text).replace(/\/$/, "");
  if (!mountpoint.startsWith(`${above}/`)) return;
  throw new Failure(`${program}: ${text}: the mountpoint ${mountpoint} is in it`);
}
function isDirectory(host: Host, path: string): boolean {
  try {
    return host.stat(path).type === "dir";
  } catch {
    return false; // who opens it says why
  }
}
/** `type:image`, where that is a type. */
function typed(text: string): readonly [type: string | undefined, image: string] {
  const at = text.indexOf(":");
  const type = at > 0 ? builtinType(text.slice(0, at)) : undefined;
  return type === undefined ? [undefined, text] : [type, text.slice(at + 1)];
}
/** Held from now on: the mount may hide it. */
function directory(
  host: Host,
  kernel: Kernel,
  program: string,
  { name, text, readOnly }: Layer,
  on: string,
): OpenLayer {
  try {
    // One union's own, as long as it is mounted; what is mounted a second time by null may be so a third time.
    if (!readOnly && name !== SOURCE) lock(host, text);
    const volume = hostfs(host, text, { readOnly });
    return {
      name,
      writable: true,
      files: true,
      async settle() {
        await vfsOf(kernel).etfsVolume(on, volume, text, "dir");
        return on;
      },
    };
  } catch (e) {
    throw new Failure(`${program}: ${text}: ${e instanceof Failure ? e.message : reasonOf(e)}`);
  }
}
/** Who unmounts waits for its end (fuse_unmount.ts). Directories cannot be locked for writing: a shared lock says the same. */
function lock(host: Host, path: string): void {
  const dir = host.open(path, {});
  const holder = dir.holder(0, 0);
  if (holder) {
    dir.close();
    throw new Failure(
      `in use by ${holder.pid > 0 ? `process ${holder.pid}` : "another process"}: it is mounted already`,
    );
  }
  dir.lock(false, 0, 0);
}
async function mountIn(
  kernel: Kernel,
  program: string,
  type: string,
  disk: BlockDevice | undefined,
  { on, text, readOnly = false }: { readonly on: string; readonly text: string; readonly readOnly?: boolean },
): Promise<string> {
  await kernel.calls(kernel.proc1).mkdir({ path: on, mode: 0o755 });
  await mountDisk(kernel, program, type, disk, { from: text, on, flags: readOnly ? MNT_RDONLY : 0, options: {} });
  return on;
}
