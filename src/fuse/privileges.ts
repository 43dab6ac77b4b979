/**
 * HANDLE_KILLPRIV_V2: the kernel leaves it to us to take set-id bits and file capabilities from a file that is written, cut
 * or given away. Without it every write is preceded by a GETXATTR of security.capability: 4 KiB writes cost twice as much.
 */
import { errno } from "../abi/errno.ts";
import { S_ISGID, S_ISUID } from "../abi/flags.ts";
import { then } from "../lib/async.ts";
import type { Async } from "../plugin.ts";
import { modeOf } from "../vfs/access.ts";
import type { Context } from "./ops.ts";

export const CAPABILITY = "security.capability";
const S_IXGRP = 0o010;

/** Take capabilities away, and with `bits` the set-id bits: the kernel says so for whom they do not survive. */
export function killPrivileges(c: Context, bits: boolean): Async<void> {
  const capability = c.known.capable ? killCapability(c) : undefined;
  return bits ? then(capability, () => killBits(c)) : capability;
}
/** Asked once for a node: afterwards it has one only when somebody sets it here. */
function killCapability(c: Context): Async<void> {
  c.known.capable = false;
  try {
    return then(c.volume.removexattr(c.node, CAPABILITY), () => undefined);
  } catch (e) {
    if (e !== errno.EOPNOTSUPP) throw e;
  }
}
/** Set-group-id without group execution is something else (mandatory locking): it stays. */
function killBits(c: Context): Async<void> {
  return then(c.volume.getattr(c.node), (attr) => {
    const mode = modeOf(attr);
    const gone = mode & (S_ISUID | (mode & S_IXGRP ? S_ISGID : 0));
    if (gone === 0 || attr.type === "dir") return;
    // The kernel does not expect that a write changes the mode it knows.
    return then(c.volume.setattr(c.node, { mode: mode & ~gone }), () => c.server.forgetAttributes(c.known.id));
  });
}
