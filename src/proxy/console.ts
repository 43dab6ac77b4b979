/** The console: what a client has as descriptors 0, 1 and 2. Nothing to read; what is written goes to the log. */
import { errno } from "../abi/errno.ts";
import { O_RDWR, S_IFCHR, TIOCGETA } from "../abi/flags.ts";
import { Stat } from "../abi/structs.ts";
import { viewOf } from "../lib/struct.ts";
import { File, type Fileops } from "../kern/file.ts";
import type { Kernel } from "../kern/kernel.ts";
import type { Proc } from "../kern/proc.ts";

/** Bytes taken at once: a megabyte of lines would keep the others waiting for 200 ms. */
const MOST = 4096;

const consoleOf = (kernel: Kernel, proc: Proc): Fileops => ({
  seekable: false,
  read: () => 0,
  about: () => ({ type: "console" }),
  stat(_file, into) {
    const d = viewOf(into);
    const now = Math.floor(kernel.host.wall() / 1000);
    Stat.write(d, 0, { mode: S_IFCHR | 0o600, atime: now, mtime: now, ctime: now });
  },
  // As NetBSD's: a terminal whose settings are all 0, so that what programs print comes line by line.
  ioctl(_file, command) {
    if (command !== TIOCGETA) throw errno.ENOTTY;
    return 0;
  },
  write(_file, from) {
    const some = from.subarray(0, MOST);
    for (const line of new TextDecoder().decode(some).split("\n")) {
      if (line !== "") kernel.log.write(`${proc.comm}: ${line}`);
    }
    return some.length;
  },
});

export function standardFiles(kernel: Kernel, proc: Proc): void {
  const file = new File(consoleOf(kernel, proc), O_RDWR);
  for (let fd = 0; fd < 3; fd++) proc.files.install(file);
}
