/** A file that takes its name when it is complete: until then it has none, and whatever ends us leaves nothing behind. */
import type { Host, HostFile } from "../../host/host.ts";

/** A file being made. */
export interface Unfinished {
  readonly file: HostFile;
  /** It can be opened again by this. */
  readonly path: string;
  /** Give it its name; `over` what has it. */
  publish(over: boolean): void;
  /** It is not wanted. */
  drop(): void;
}

/** Begin a file. Throws HostError. */
export function unfinished(host: Host, name: string): Unfinished {
  return unnamed(host, name) ?? hidden(host, name);
}
/** Undefined where the file system, or the system, has no files without names. */
function unnamed(host: Host, name: string): Unfinished | undefined {
  if (host.os !== "linux") return undefined;
  let file: HostFile;
  try {
    file = host.open(directoryOf(name), { write: true, unnamed: true });
    host.stat(`/proc/self/fd/${file.fd}`);
  } catch {
    return undefined; // another reason comes up again
  }
  return {
    file,
    path: `/proc/self/fd/${file.fd}`,
    publish(over) {
      if (over) {
        const beside = besideOf(host, name);
        file.link(beside);
        host.rename(beside, name);
      } else file.link(name);
      file.close();
    },
    drop: () => file.close(),
  };
}
/** With a name of our own beside it. A link somebody may have put there is not followed. */
function hidden(host: Host, name: string): Unfinished {
  const path = besideOf(host, name);
  const file = host.open(path, { write: true, create: true, exclusive: true });
  return {
    file,
    path,
    publish() {
      file.close();
      host.rename(path, name);
    },
    drop() {
      file.close();
      host.unlink(path);
    },
  };
}
const besideOf = (host: Host, path: string) => path.replace(/[^/]*$/, (name) => `.${name}.${host.pid}.part`);
/** "." where the path has none. */
export const directoryOf = (path: string): string => path.slice(0, path.lastIndexOf("/") + 1) || ".";
