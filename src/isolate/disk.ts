/** Disks whose drivers run in processes of their own: what needs connections keeps them there, out of a mount's sandbox. */
import { errno } from "../abi/errno.ts";
import type { Host } from "../host/host.ts";
import type { BlockDevice } from "../plugin.ts";
import { ASK, askedDisk, Asker, type DiskFacts } from "./blocks.ts";

/** The argument that makes our program the other end. */
export const DISK_APART = "--disk-apart";
/** What is to be opened there. */
export interface DiskOrder {
  /** A built-in component, or the file of a plugin. */
  readonly component: string;
  readonly source: string;
  readonly readOnly: boolean;
  /** As texts, for the driver's schema. */
  readonly options: Readonly<Record<string, unknown>>;
}
const FACTS = 64 << 10;

/** Open a disk in a process of its own; it answers at once. Throws errno, after what its driver says has gone to the log. */
export function openApart(host: Host, order: DiskOrder, log: (text: string) => void): BlockDevice {
  const asker = new Asker(host.startApart([DISK_APART]), log);
  try {
    const data = new TextEncoder().encode(JSON.stringify(order));
    const facts = asker.ask(ASK.OPEN, 0, data.length, { data, most: FACTS });
    return askedDisk(asker, checked(JSON.parse(new TextDecoder().decode(facts))));
  } catch (e) {
    asker.close();
    throw e;
  }
}
function checked(facts: DiskFacts): DiskFacts {
  const { size, blockSize } = facts;
  if (!Number.isSafeInteger(size) || size < 0 || !(blockSize >= 1) || !Array.isArray(facts.can)) throw errno.EIO;
  return facts;
}
