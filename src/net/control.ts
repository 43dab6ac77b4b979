/** What travels beside data: struct cmsghdr, of which there is SCM_RIGHTS (unix(4), CMSG_DATA(3)). */
import { errno } from "../abi/errno.ts";
import { MSG_CMSG_CLOEXEC, SCM_RIGHTS, SOL_SOCKET } from "../abi/flags.ts";
import { CMSG_DATA, Cmsghdr } from "../abi/structs.ts";
import type { File } from "../kern/file.ts";
import type { Lwp } from "../kern/proc.ts";
import { viewOf } from "../lib/struct.ts";
import { dropRights, type Rights } from "./inbox.ts";

const FD = 4;
/** Descriptors one message may carry. */
const MAX_RIGHTS = 253;

/** The open files a control message names. EINVAL: it is malformed, or of a kind there is not. */
export function rightsOf({ proc: { files } }: Lwp, control: Uint8Array | undefined): Rights {
  if (!control || control.length === 0) return [];
  const rights: File[] = [];
  const d = viewOf(control);
  for (let at = 0; at + CMSG_DATA <= control.length;) {
    const len = Cmsghdr.get.len(d, at);
    if (len < CMSG_DATA || len > control.length - at) throw errno.EINVAL;
    if (Cmsghdr.get.level(d, at) !== SOL_SOCKET || Cmsghdr.get.type(d, at) !== SCM_RIGHTS) throw errno.EINVAL;
    for (let i = at + CMSG_DATA; i + FD <= at + len; i += FD) rights.push(files.get(d.getInt32(i, true)));
    at += (len + 7) & ~7;
  }
  if (rights.length > MAX_RIGHTS) throw errno.EMSGSIZE;
  return rights;
}
/**
 * Install what came, as many as there is room for in `control` and in the table; the bytes filled in. What has no place is
 * closed, and `cut`.
 */
export function deliver(
  { proc: { files } }: Lwp,
  rights: Rights,
  control: Uint8Array | undefined,
  flags: number,
): { readonly length: number; readonly cut: boolean } {
  if (rights.length === 0) return { length: 0, cut: false };
  const room = Math.floor(((control?.length ?? 0) - CMSG_DATA) / FD);
  const fds: number[] = [];
  try {
    for (const file of rights.slice(0, Math.max(0, room))) {
      fds.push(files.install(file, (flags & MSG_CMSG_CLOEXEC) !== 0));
    }
  } catch {
    // the table is full
  }
  dropRights(rights); // each was held on its way; who was installed is held by the table
  if (fds.length === 0) return { length: 0, cut: true };
  const d = viewOf(control!);
  const length = CMSG_DATA + fds.length * FD;
  Cmsghdr.write(d, 0, { len: length, level: SOL_SOCKET, type: SCM_RIGHTS });
  for (const [i, fd] of fds.entries()) d.setInt32(CMSG_DATA + i * FD, fd, true);
  return { length, cut: fds.length < rights.length };
}
