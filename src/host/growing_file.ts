/** Files that grow at their end. */
import { errno } from "../abi/errno.ts";
import type { GrowingFile, OpenGrowingFile } from "../plugin.ts";
import { hostErrno } from "./errors.ts";
import type { Host, HostFile } from "./host.ts";

const MODE = 0o644;

/** Throws NetBSD's errno for what the host says. */
function asErrno<T>(work: () => T): T {
  try {
    return work();
  } catch (e) {
    throw hostErrno(e);
  }
}
function alone(file: HostFile): HostFile {
  const why = file.type !== "file" ? errno.EFTYPE : file.lock(true, 0, 0) ? errno.EBUSY : undefined;
  if (!why) return file;
  file.close();
  throw why;
}
/** All is written at `end`, or it ends there again. Throws HostError. */
function writeAll(file: HostFile, bytes: Uint8Array, end: number): void {
  try {
    for (let done = 0; done < bytes.length;) done += file.pwrite(bytes.subarray(done), end + done);
  } catch (e) {
    file.truncate(end);
    throw e;
  }
}

/** See GrowingFile. */
export const growingFiles = (open: Host["open"]): OpenGrowingFile => (path): GrowingFile =>
  asErrno(() => {
    const file = alone(open(path, { write: true, create: true, plain: true, mode: MODE }));
    let end = file.size;
    return {
      get size() {
        return end;
      },
      head: (count) =>
        asErrno(() => {
          const into = new Uint8Array(count);
          return into.subarray(0, file.pread(into, 0));
        }),
      append(bytes) {
        asErrno(() => writeAll(file, bytes, end));
        end += bytes.length;
      },
      close: () => file.close(),
    };
  });
