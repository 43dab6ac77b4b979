/** What travels beside data: struct cmsghdr (CMSG_DATA(3), unix(4), ip(4)). */
import { errno } from "../abi/errno.ts";
import { MSG_CMSG_CLOEXEC, SCM_RIGHTS, SCM_TIMESTAMP, SOL_SOCKET } from "../abi/flags.ts";
import { CMSG_DATA, Cmsghdr, Timespec } from "../abi/structs.ts";
import type { File } from "../kern/file.ts";
import type { Lwp } from "../kern/proc.ts";
import { viewOf } from "../lib/struct.ts";
import { type Cmsg, dropRights, type Rights, type Taken } from "./inbox.ts";

const FD = 4;
/** Descriptors one message may carry. */
const MAX_RIGHTS = 253;
/** A message begins at a multiple of that. */
const ALIGN = 7;

/** What a program sends beside its data: open files, and messages for its protocol. */
export interface Control {
  readonly rights: Rights;
  readonly control: readonly Cmsg[];
}
const NOTHING: Control = { rights: [], control: [] };

/** EINVAL: it is malformed; EMSGSIZE: too many descriptors; EBADF. */
export function controlOf({ proc: { files } }: Lwp, bytes: Uint8Array | undefined): Control {
  if (!bytes || bytes.length === 0) return NOTHING;
  const rights: File[] = [];
  const control: Cmsg[] = [];
  const d = viewOf(bytes);
  for (let at = 0; at + Cmsghdr.size <= bytes.length;) {
    const len = Cmsghdr.get.len(d, at);
    if (len < CMSG_DATA || len > bytes.length - at) throw errno.EINVAL;
    const [level, type] = [Cmsghdr.get.level(d, at), Cmsghdr.get.type(d, at)];
    if (level !== SOL_SOCKET || type !== SCM_RIGHTS) {
      control.push({ level, type, data: bytes.slice(at + CMSG_DATA, at + len) });
    } else for (let i = at + CMSG_DATA; i + FD <= at + len; i += FD) rights.push(files.get(d.getInt32(i, true)));
    at += (len + ALIGN) & ~ALIGN;
  }
  if (rights.length > MAX_RIGHTS) throw errno.EMSGSIZE;
  return { rights, control };
}
/** SCM_TIMESTAMP: a struct timeval of the clock, `wall` milliseconds. */
export function timestamp(wall: number): Cmsg {
  const data = new Uint8Array(Timespec.size);
  // of a struct timeval: microseconds
  Timespec.write(viewOf(data), 0, { sec: Math.floor(wall / 1000), nsec: Math.floor((wall % 1000) * 1000) });
  return { level: SOL_SOCKET, type: SCM_TIMESTAMP, data };
}
/** How much of a reader's room was filled, and whether something had none. */
interface Delivered {
  readonly length: number;
  readonly cut: boolean;
}
/** Fill in what came beside data, as much as there is room for. Descriptors without a place are closed. */
export function deliver(lwp: Lwp, taken: Taken, into: Uint8Array | undefined, flags: number): Delivered {
  const had = deliverRights(lwp, taken.rights, into, flags);
  let { length, cut } = had;
  for (const { level, type, data } of taken.beside?.control ?? []) {
    const at = (length + ALIGN) & ~ALIGN;
    if (!into || at + CMSG_DATA + data.length > into.length) cut = true;
    else {
      Cmsghdr.write(viewOf(into), at, { len: CMSG_DATA + data.length, level, type });
      into.set(data, at + CMSG_DATA);
      length = at + CMSG_DATA + data.length;
    }
  }
  return { length, cut };
}
function deliverRights(
  { proc: { files } }: Lwp,
  rights: Rights,
  control: Uint8Array | undefined,
  flags: number,
): Delivered {
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
