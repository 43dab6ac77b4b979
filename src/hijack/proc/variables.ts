/** The rump kernel's variables as files, a directory for each node: net/inet/ip/forwarding. */
import { errno } from "../../abi/errno.ts";
import { CTLTYPE_NODE } from "../../abi/flags.ts";
import { type Entry, type Level, TOP, valueBytes, valueText } from "../../abi/sysctl_names.ts";
import { type Dir, type File, keeper } from "./files.ts";
import type { Questions } from "./questions.ts";

/** Bytes of a structure that is shown. */
const MOST_SHOWN = 64 << 10;
/** A value as it stands in a file: structures by their bytes, as sysctl(8) shows them. Throws EFBIG for a long one. */
function shown({ type }: Entry, raw: Uint8Array): string {
  if (raw.length > MOST_SHOWN) throw errno.EFBIG;
  return valueText(type, raw) ?? `0x${[...raw].map((b) => b.toString(16).padStart(2, "0")).join("")}`;
}
/** A variable's text. */
export const readVariable = async (ask: Questions, entry: Entry): Promise<string> =>
  shown(entry, await ask.value(entry.mib));
/** Set it; EINVAL for what is no value of its type. */
export async function writeVariable(ask: Questions, entry: Entry, text: string): Promise<void> {
  const bytes = valueBytes(entry.type, text);
  if (!bytes) throw errno.EINVAL;
  await ask.value(entry.mib, bytes);
}

function file(ask: Questions, entry: Entry): File {
  const read = async () => (await readVariable(ask, entry)).replace(/\n?$/, "\n");
  return entry.writable ? { read, write: (text) => writeVariable(ask, entry, text) } : { read };
}
/** A level as a directory; those that are hidden are found by their names. */
function level(ask: Questions, at: Level): Dir {
  const keep = keeper<Dir | File>();
  return {
    names: async () => (await ask.level(at)).filter((e) => !e.hidden).map((e) => e.name),
    async find(name) {
      const entry = (await ask.level(at)).find((e) => e.name === name);
      if (!entry) return undefined;
      // One that went and came again may have another number.
      const key = `${name} ${entry.mib.at(-1)} ${entry.type}`;
      return keep(key, () => entry.type === CTLTYPE_NODE ? level(ask, entry) : file(ask, entry));
    },
  };
}
/** The whole tree. */
export const variableFiles = (ask: Questions): Dir => level(ask, TOP);
