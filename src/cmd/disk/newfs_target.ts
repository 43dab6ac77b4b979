/** The host file or device, or part of one, that a new file system or partition table is written to. */
import type { Host, HostFile } from "../../host/host.ts";
import { Failure, reasonOf } from "../cli.ts";
import { lockImage } from "./image_lock.ts";
import type { Target } from "./newfs_write.ts";

const PIECE = 1 << 20;
export const ZEROS = new Uint8Array(PIECE);

/** Writing into [offset, ...) of an open file. Throws HostError; a disk that takes less is an Error. */
export function targetIn(file: HostFile, offset: number): Target {
  const write = (bytes: Uint8Array, at: number) => {
    if (file.pwrite(bytes, offset + at) < bytes.length) throw new Error("could not be written whole");
  };
  return {
    write,
    zero(from, length) {
      for (let at = from; at < from + length;) {
        // A hole is zeros already: of a sparse image nothing is written.
        const data = file.type === "file" ? file.nextData(offset + at) : offset + at;
        if (data < 0) return;
        at = Math.max(at, data - offset);
        const n = Math.min(PIECE - (at % PIECE), from + length - at);
        if (n > 0) write(ZEROS.subarray(0, n), at);
        at += n;
      }
    },
  };
}

/**
 * Open a file or block device for writing, and lock the part of it nobody else may be using. Throws
 * Failure.
 */
export function openTarget(
  host: Host,
  program: string,
  path: string,
  part: { readonly offset?: number; readonly length?: number },
): HostFile {
  let file: HostFile | undefined;
  try {
    // O_EXCL of a block device: nothing of it is mounted.
    file = host.open(path, { write: true, exclusive: host.stat(path).type === "blk" });
    lockImage(host, path, file, part);
    return file;
  } catch (e) {
    file?.close();
    const busy = (e as { code?: string }).code === "EBUSY";
    throw new Failure(`${program}: ${path}: ${busy ? "in use: it is mounted" : reasonOf(e)}`);
  }
}
/** What is to be formatted must be a file or a block device. Throws Failure. */
export function mustBeDisk(host: Host, program: string, path: string): void {
  let type: string;
  try {
    type = host.stat(path).type;
  } catch (e) {
    throw new Failure(`${program}: ${path}: ${reasonOf(e)}`);
  }
  if (type === "dir") throw new Failure(`${program}: ${path}: is a directory`);
  if (type !== "file" && type !== "blk") throw new Failure(`${program}: ${path}: neither a file nor a block device`);
}
