/** Secrets of the command line, which everybody's ps(1) shows: overwritten where the kernel reads them, as curl does (Linux). */
import { darwin, raw } from "./ffi.ts";
import { readWhole } from "./stat.ts";

/** proc(5): arg_start and arg_end of /proc/self/stat, counted behind the name in parentheses. */
const [ARG_START, ARG_END] = [45, 46];
const X = 0x78;

/** Put x in place of every occurrence of a text in our arguments. What was read of them already stays as it is. */
export function conceal(secret: string): void {
  if (darwin || secret === "") return;
  const stat = new TextDecoder().decode(readWhole("/proc/self/stat"));
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ").map(Number);
  const [start, end] = [fields[ARG_START] ?? 0, fields[ARG_END] ?? 0];
  if (!(start > 0 && end > start)) return; // not shown to us, and to nobody else
  const shown = readWhole("/proc/self/cmdline");
  const bytes = new TextEncoder().encode(secret);
  for (let at = 0; at + bytes.length <= Math.min(shown.length, end - start); at++) {
    if (bytes.every((byte, i) => shown[at + i] === byte)) raw.memset(start + at, X, bytes.length);
  }
}
