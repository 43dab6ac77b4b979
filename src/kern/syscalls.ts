/** System calls of the base kernel: identity, clocks, sysctl, modules, halt; those on descriptors are in descriptors.ts. */
import { errno } from "../abi/errno.ts";
import { MODCTL_LOAD } from "../abi/flags.ts";
import { Timespec } from "../abi/structs.ts";
import { then } from "../lib/async.ts";
import { viewOf } from "../lib/struct.ts";
import { descriptorSyscalls } from "./descriptors.ts";
import type { Handlers } from "./dispatch.ts";
import { identitySyscalls, requireRoot, superuser } from "./identity.ts";
import type { Kernel } from "./kernel.ts";
import { kqueueSyscalls } from "./kqueue.ts";
import { ktraceSyscalls } from "./ktrace.ts";
import { pipeSyscalls } from "./pipe.ts";
import { pollSyscalls } from "./poll.ts";

/** Longest MIB: CTL_MAXNAME. */
const MAX_MIB = 12;

function writeTime(into: Uint8Array, ms: number, perSecond: number): number {
  const d = viewOf(into);
  const seconds = Math.floor(ms / 1000);
  Timespec.set.sec(d, 0, seconds);
  Timespec.set.nsec(d, 0, Math.floor((ms - seconds * 1000) * (perSecond / 1000)));
  return 0;
}
const clocks = ({ host }: Kernel): Handlers<"gettimeofday" | "clock_gettime" | "clock_getres"> => ({
  clock_getres(_lwp, { id, tp }) {
    if (id !== CLOCK_REALTIME && id !== CLOCK_MONOTONIC) throw errno.EINVAL;
    return tp ? writeTime(tp, RESOLUTION, 1e9) : 0;
  },
  gettimeofday: (_lwp, { tp }) => writeTime(tp, host.wall(), 1e6),
  clock_gettime(_lwp, { id, tp }) {
    if (id !== CLOCK_REALTIME && id !== CLOCK_MONOTONIC) throw errno.EINVAL;
    return writeTime(tp, id === CLOCK_REALTIME ? host.wall() : host.now(), 1e9);
  },
});
const CLOCK_REALTIME = 0;
const CLOCK_MONOTONIC = 3;
/** What the host's clock shows: a microsecond, in milliseconds. */
const RESOLUTION = 0.001;

const sysctls = ({ tree }: Kernel): Handlers<"__sysctl"> => ({
  __sysctl(lwp, { name, oldp, oldlenp, newp }) {
    if (name.length % 4 !== 0 || name.length / 4 > MAX_MIB) throw errno.EINVAL;
    const d = viewOf(name);
    const mib = Array.from({ length: name.length / 4 }, (_, i) => d.getInt32(i * 4, true));
    const size = tree.call(mib, oldp, newp, superuser(lwp));
    if (oldlenp) viewOf(oldlenp).setBigUint64(0, BigInt(size), true);
    // As the real one: what did not fit is told by the length, not by an error (the reply of an error carries nothing).
    return 0;
  },
});

/** All the base kernel answers. */
export function baseSyscalls(kernel: Kernel): Handlers<never> {
  const control: Handlers<"reboot" | "modctl"> = {
    reboot(lwp) {
      requireRoot(lwp);
      kernel.haltedBy ??= lwp.proc;
      // The reply goes out first; a halt that fails has said so in the log.
      kernel.sys.callout(0, () => void kernel.halt().catch(() => {}));
      return 0;
    },
    modctl(lwp, { cmd, arg }) {
      requireRoot(lwp);
      if (cmd !== MODCTL_LOAD) throw errno.EINVAL;
      // Files of the host are code of the host: only the server's command line names those.
      if (!kernel.isBuiltin(arg)) throw errno.ENOENT;
      return then(kernel.load(arg), () => 0);
    },
  };
  const files = { ...descriptorSyscalls(kernel.sys.callout), ...pipeSyscalls(kernel.sys) };
  const waits = { ...pollSyscalls(kernel), ...kqueueSyscalls(kernel) };
  return {
    ...ktraceSyscalls(kernel),
    ...identitySyscalls(kernel),
    ...clocks(kernel),
    ...sysctls(kernel),
    ...files,
    ...waits,
    ...control,
  };
}
