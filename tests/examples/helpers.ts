/** What the examples' tests share: a disk of some bytes, and a mounted volume to read. */
import { builtins } from "../../plugins/mod.ts";
import { callsPosix } from "../../src/conformance/calls.ts";
import { getText } from "../../src/conformance/claim.ts";
import { mountAgain, mounted } from "../../src/conformance/subject.ts";
import type { BlockDevice, FsDriver } from "../../src/plugin.ts";
import { fakeKernel, memoryDisk } from "../kern/fake.ts";

/** A disk that cannot be written. */
export function bytesDisk(content: string | Uint8Array): BlockDevice {
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
  const { bytes: room, write: _none, ...disk } = memoryDisk(bytes.length);
  room.set(bytes);
  return { ...disk, blockSize: 1 };
}
interface How {
  readonly device?: BlockDevice;
  readonly options?: unknown;
  readonly source?: string;
  /** Lines of the kernel's log go here. */
  readonly log?: string[];
}
/** A driver mounted in a kernel of its own. */
export async function reader<O, N>(driver: FsDriver<O, N>, { device, log, ...how }: How) {
  const boot = async () => {
    const fake = await fakeKernel({ builtins, components: ["rumpvfs"] });
    if (log) fake.kernel.log.console = (line) => void log.push(line);
    return fake;
  };
  const s = await mounted(boot, { driver: driver as FsDriver, ...(device ? { device: () => device } : {}), ...how });
  const p = callsPosix(s.sys);
  return {
    p,
    text: (path: string) => getText(p, `/m${path}`),
    list: async (path: string) => (await p.readdir(`/m${path}`)).sort(),
    again: () => mountAgain(s),
  };
}
