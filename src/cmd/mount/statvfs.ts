/** Mounts as the server tells them: getvfsstat(2) and statvfs(2) for df, mount and umount. */
import { ST_NOWAIT, ST_WAIT } from "../../abi/flags.ts";
import { Statvfs } from "../../abi/structs.ts";
import { viewOf } from "../../lib/struct.ts";
import type { SyncCalls } from "../client.ts";

export type Mounted = ReturnType<typeof Statvfs.dump>;

/** All mounts, oldest first. */
export function mounts(sys: SyncCalls): Mounted[] {
  const count = sys.getvfsstat({ flags: ST_NOWAIT });
  const buf = new Uint8Array((count + 4) * Statvfs.size);
  const n = sys.getvfsstat({ buf, flags: ST_WAIT });
  return Array.from({ length: n }, (_, i) => Statvfs.dump(viewOf(buf), i * Statvfs.size));
}
/** The mount a file is on. */
export function mountOf(sys: SyncCalls, path: string): Mounted {
  const buf = new Uint8Array(Statvfs.size);
  sys.statvfs1({ path, buf, flags: ST_WAIT });
  return Statvfs.dump(viewOf(buf), 0);
}
