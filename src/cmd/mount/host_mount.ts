/** What rump_msdos and its like mount, and who does it: a process in the background, or this one. */
import type { Host } from "../../host/host.ts";
import type { Kernel } from "../../kern/kernel.ts";
import type { FsDriver } from "../../plugin.ts";
import type { OpenImage } from "../disk/image.ts";
import { Failure, reasonOf } from "../cli.ts";
import type { Layer } from "./layers.ts";
import type { MountOptions } from "./mount_options.ts";
import type { ServeOptions } from "./serve_options.ts";

export interface HostMount {
  /** For messages. */
  readonly program: string;
  /** The driver, and the component that has it. */
  readonly type: string;
  readonly component: string;
  /** In the process that serves: the driver that runs in one of its own, in place of the component's. */
  readonly isolated?: (() => Promise<FsDriver>) | undefined;
  /** Opened in the process that serves, and read once that has given up its rights; undefined: none is needed. */
  readonly device: ((kernel: Kernel) => Promise<OpenImage>) | undefined;
  /** What a driver that stands on directories is mounted from. */
  readonly layers?: readonly Layer[] | undefined;
  /** Shown as the source. */
  readonly source: string;
  readonly dir: string;
  readonly driver: Readonly<Record<string, unknown>>;
  readonly options: MountOptions;
  readonly serve: ServeOptions;
}

/** Mount and serve; in the background unless told otherwise. The exit status. */
export async function hostMount(host: Host, m: HostMount): Promise<number> {
  const word = host.daemon;
  if (!m.serve.foreground && !word) return host.daemonize();
  // The command that only starts the daemon need not load the kernel.
  const { serve } = await import("./fuse_mount.ts");
  if (m.serve.foreground || !word) return await serve(host, m, () => {});
  try {
    return await serve(host, m, word);
  } catch (e) {
    word(e instanceof Failure ? e.message : `${m.program}: ${reasonOf(e)}`);
    return 1;
  }
}
