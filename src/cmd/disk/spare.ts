/** What drivers of compressed images are lent: a file without a name to unpack to, and a line that shows how far they are. */
import type { Host } from "../../host/host.ts";
import type { BlockDevice, DiskRequest } from "../../plugin.ts";
import { Progress, shownOn } from "../progress.ts";

export interface Spare {
  /** Open a disk with it, of an image of so many bytes; what is not taken is closed. */
  use<T>(size: number, open: (more: Pick<DiskRequest, "scratch" | "progress">) => Promise<T>): Promise<T>;
  /** Nobody wants it. */
  close(): void;
}

/** A file is made now: a sandbox may forbid it later. */
export function spareRoom(host: Host): Spare {
  let room = unnamed(host);
  const show = shownOn(host);
  const close = () => {
    void room?.close?.();
    room = undefined;
  };
  return {
    close,
    async use(size, open) {
      let progress: Progress | undefined;
      let shown = 0;
      try {
        return await open({
          scratch() {
            const taken = room;
            room = undefined;
            return taken;
          },
          progress(part) {
            progress ??= new Progress(host, size, show);
            progress.add(part * size - shown);
            shown = part * size;
          },
        });
      } finally {
        progress?.end();
        close();
      }
    },
  };
}
/** In TMPDIR, or where large files that outlive nothing belong; undefined: nowhere. */
function unnamed(host: Host): BlockDevice | undefined {
  for (const dir of [host.env("TMPDIR"), "/var/tmp", "/tmp"]) {
    if (!dir) continue;
    try {
      return host.diskOn(host.open(dir, { write: true, unnamed: true }), dir, {});
    } catch {
      // Missing, full, not ours, or of a kind that has no such files: the next.
    }
  }
  return undefined;
}
