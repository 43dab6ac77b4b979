/** Journals of writes as files of the host: begun, continued, and read. */
import { errno } from "../../abi/errno.ts";
import type { Host, HostFile } from "../../host/host.ts";
import type { Noted } from "../../lib/journal_disk.ts";
import { LOG_SECTOR, logEntry, type Logged, logHead, parseLogEntry, parseLogHead } from "../../wire/write_log.ts";
import { Failure, reasonOf } from "../cli.ts";

/** Begin a journal: a new file. Throws Failure. */
export function beginLog(host: Host, program: string, path: string): Noted {
  let file: HostFile;
  try {
    file = host.open(path, { write: true, create: true, exclusive: true });
  } catch (e) {
    throw new Failure(`${program}: ${path}: ${reasonOf(e)}`);
  }
  let [end, entries] = [LOG_SECTOR, 0];
  const write = (bytes: Uint8Array, at: number) => {
    try {
      if (file.pwrite(bytes, at) === bytes.length) return;
    } catch {
      // the same as a file that takes no more
    }
    throw errno.EIO;
  };
  const note = (e: Logged, data?: Uint8Array) => {
    write(logEntry(e), end);
    if (data) write(data, end + LOG_SECTOR);
    end += LOG_SECTOR + (data?.length ?? 0);
    // Counted at once: whatever ends us, what was done is told.
    write(logHead(++entries), 0);
  };
  write(logHead(0), 0);
  return {
    write: (offset, bytes) => note({ kind: "write", offset, length: bytes.length }, bytes),
    discard: (offset, length) => note({ kind: "discard", offset, length }),
    flush: () => note({ kind: "flush" }),
    close: () => file.close(),
  };
}

/** An entry, its number from 1 on, and where in the journal what it wrote is. */
export type Found = Logged & { readonly number: number; readonly at: number };
/** The entries of a journal, one after the other. Throws plain Errors for what is none. */
export function* readLog(file: HostFile): Generator<Found> {
  const sectorAt = (at: number, length: number) => {
    const bytes = new Uint8Array(length);
    return bytes.subarray(0, file.pread(bytes, at));
  };
  const head = parseLogHead(sectorAt(0, LOG_SECTOR));
  if (typeof head === "string") throw new Error(head);
  const { sector, entries } = head;
  let at = sector;
  for (let number = 1; number <= entries; number++) {
    const found = at + sector <= file.size ? parseLogEntry(sectorAt(at, sector), sector) : "is missing";
    if (typeof found === "string") throw new Error(`entry ${number} of ${entries}: ${found}`);
    at += sector;
    for (const e of found) {
      if (e.kind === "write" && at + e.length > file.size) throw new Error(`entry ${number} of ${entries}: is cut off`);
      yield { ...e, number, at };
    }
    const written = found.find((e) => e.kind === "write");
    if (written) at += written.length;
  }
}
