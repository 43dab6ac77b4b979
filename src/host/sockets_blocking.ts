/** A stream socket whose calls block: for the command-line client. */
import { errno } from "../abi/errno.ts";
import type { BlockingChannel } from "../plugin.ts";
import { errnoName, hostErrno, hostError } from "./errors.ts";
import { raw, result, views } from "./ffi.ts";
import { after, writePart, writeParts } from "./gather.ts";
import { receiveMemory } from "./shared.ts";
import { alone, Spin } from "./spin.ts";

/** A result of read or write on a stream whose other end may be gone: ECONNRESET then. */
function alive(n: number): number {
  if (n === -EPIPE) throw errno.ECONNRESET;
  if (n < 0) throw hostErrno(hostError(errnoName(-n)));
  return n;
}
const EPIPE = 32;
const EINTR = -4;
const EAGAIN = 11;
const MSG_DONTWAIT = 0x40;
const POLLIN = 1;

/** Blocking I/O: all of what is sent in as few calls as it takes, read(2) as it comes. `now`: milliseconds. */
export function blockingChannel(fd: number, now: () => number): BlockingChannel {
  let left: readonly Uint8Array[];
  const spin = new Spin(now);
  let n = 0;
  const adopt = (into: Uint8Array, size: number) => {
    const { n, memory } = receiveMemory(fd, size, into, now);
    return { n: alive(n), ...(memory ? { memory } : {}) };
  };
  return {
    send(...parts) {
      const gone = parts.length === 1 ? writePart(fd, parts[0]!) : 0;
      if (gone > 0 && gone === parts[0]!.length) return;
      left = after(parts, gone);
      while (left.length > 0) {
        const n = writeParts(fd, left);
        if (n !== EINTR) left = after(left, alive(n));
      }
    },
    receive(into) {
      n = -EAGAIN;
      if (spin.worth()) spin.until(() => (n = result(raw.recv(fd, into, into.length, MSG_DONTWAIT))) !== -EAGAIN, 1);
      while (n === EINTR || n === -EAGAIN) n = result(views.read(fd, into, into.length));
      return alive(n);
    },
    within(ms) {
      // struct pollfd; whatever is not silence, receive tells.
      const pollfd = new Int32Array([fd, POLLIN]);
      return raw.poll(new Uint8Array(pollfd.buffer), 1, ms) !== 0;
    },
    ...(alone ? {} : { adopt }),
    close: () => void raw.close(fd),
  };
}
