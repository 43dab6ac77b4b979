/** rump.halt: halt a rump kernel (halt(8)): file systems are unmounted, disks synced, the server ends. */
import { RB_DUMP, RB_HALT, RB_NOSYNC } from "../../abi/flags.ts";
import { errno } from "../../abi/errno.ts";
import { type Grammar, parse } from "../cli.ts";
import { server } from "../client.ts";
import type { Run } from "../mod.ts";

const grammar: Grammar = {
  usage: "[-dlnpq]",
  about: "Halt the rump kernel RUMP_SERVER names: unmount and sync its file systems, end its server.",
  letters: "dlnpq",
  help: {
    d: "ask for a crash dump (there is none to take: the kernel halts)",
    l: "do not log the halt",
    n: "do not sync the disks",
    p: "power down; a rump kernel has no power of its own: the same as without",
    q: "halt at once, without ceremony",
  },
};

export const run: Run = (host, argv) => {
  const { options } = parse(host, argv, grammar);
  const has = (letter: string) => options.some(([o]) => o === letter);
  const opt = RB_HALT | (has("d") ? RB_DUMP : 0) | (has("n") || has("q") ? RB_NOSYNC : 0);
  try {
    const sys = server(host, argv[0]!);
    sys.reboot({ opt });
    // It hangs up when everything is written. A client that attaches again would wait for another server instead.
    if (host.env("RUMPHIJACK_RETRYCONNECT") === undefined) sys.getpid();
  } catch (e) {
    // The server may be gone before its answer is: that is what was asked for.
    if (e !== errno.ECONNRESET) throw e;
  }
  return 0;
};
