/** Paths below a directory that no symbolic link leads out of, whoever changes the directory meanwhile (open(2), O_PATH). */
import { check } from "./errors.ts";
import { cstring, darwin, raw, result } from "./ffi.ts";
import { O_DIRECTORY, O_NOFOLLOW } from "./open_flags.ts";

const O_PATH = 0o10000000;
const O_CLOEXEC = 0o2000000;

const opened = (path: string, flags: number) => check(result(raw.open(cstring(path), O_PATH | O_CLOEXEC | flags, 0)));

/**
 * Do something to what `names` lead to below `root`, each one a name in the one before and none a symbolic link but the
 * last, which is not followed. `work` gets a path that stands for that very object (a name may be put behind a
 * directory's) and is good until it returns. Where there is no O_PATH the names are joined.
 */
export function beneath<T>(root: string, names: readonly string[], work: (path: string) => T): T {
  if (darwin) return work([root, ...names].join("/"));
  let fd = opened(root, 0);
  try {
    for (const [i, name] of names.entries()) {
      const next = opened(`/proc/self/fd/${fd}/${name}`, O_NOFOLLOW | (i < names.length - 1 ? O_DIRECTORY : 0));
      raw.close(fd);
      fd = next;
    }
    return work(`/proc/self/fd/${fd}`);
  } finally {
    raw.close(fd);
  }
}
