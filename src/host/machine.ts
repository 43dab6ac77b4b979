/** How much memory there is for us. */
import { late } from "./late.ts";
import { readWhole } from "./stat.ts";

/** Where a container's limit stands (cgroup v2, v1); `max`, or a number past all memory: there is none. */
const limits = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"] as const;

let bytes: number | undefined;
/** Bytes of memory of the machine, or of the container we are in; found out once. */
export const memoryOfMachine = (): number => (bytes ??= Math.min(late("os").totalmem(), ...limits.map(limitIn)));

function limitIn(path: string): number {
  try {
    const n = Number(new TextDecoder().decode(readWhole(path)));
    return n > 0 ? n : Infinity;
  } catch {
    return Infinity; // not in one
  }
}
