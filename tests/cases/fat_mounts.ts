/** FAT volumes mounted in a kernel with options, and short ways to use them. */
import { SysError } from "../../src/abi/errno.ts";
import { Stat } from "../../src/abi/structs.ts";
import { rumpList } from "../../src/cmd/files.ts";
import { viewOf } from "../../src/lib/struct.ts";
import type { BlockDevice } from "../../src/plugin.ts";
import type { SyncCalls } from "../../src/proxy/stubs.ts";
import { fatDisk, type Fs, withFs } from "../vfs/helpers.ts";

/** A mounted volume, and what can be done with it. */
export type Mounted = Fs & {
  readonly disk: { readonly bytes: Uint8Array };
  again(others: object, how?: number): Promise<Mounted>;
  list(path?: string): string[];
};
/** A volume mounted with options; `again` mounts the same disk with others. */
export async function mounted(
  options: object,
  disk: BlockDevice & { readonly bytes: Uint8Array } = fatDisk(16),
  flags = 0,
) {
  const fs = await withFs("msdos", disk, options, flags);
  const again = async (others: object, how = 0): Promise<Mounted> => {
    await fs.sys.chdir({ path: "/" });
    await fs.kernel.halt();
    return mounted(others, disk, how);
  };
  const list = (path = ".") => rumpList(fs.sys as unknown as SyncCalls, path).sort();
  return { ...fs, disk, again, list } satisfies Mounted;
}
export const touch = (sys: Fs["sys"], path: string, data = "") => {
  const fd = sys.open({ path, flags: 0x602, mode: 0o644 }) as number;
  if (data !== "") sys.write({ fd, buf: new TextEncoder().encode(data) });
  sys.close({ fd });
};
export function read(sys: Fs["sys"], path: string): string {
  const fd = sys.open({ path, flags: 0 }) as number;
  const buf = new Uint8Array(65_536);
  try {
    return new TextDecoder().decode(buf.subarray(0, sys.read({ fd, buf }) as number));
  } finally {
    sys.close({ fd });
  }
}
export function stat(sys: Fs["sys"], path: string) {
  const ub = new Uint8Array(Stat.size);
  sys.stat({ path, ub });
  const { get } = Stat;
  const d = viewOf(ub);
  return { mode: get.mode(d, 0) & 0o777, uid: get.uid(d, 0), flags: get.flags(d, 0), mtime: get.mtime(d, 0) };
}
export const answer = (work: () => unknown): string => {
  try {
    work();
    return "ok";
  } catch (e) {
    return e instanceof SysError ? e.code : String(e);
  }
};
