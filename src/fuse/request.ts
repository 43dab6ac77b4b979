/** One request of the kernel and the room for its reply; reading and writing their fields. */
import type { Host, Pinned } from "../host/host.ts";
import { decodeName } from "../lib/text.ts";
import { InHeader, OUT_HEADER } from "../wire/fuse.ts";

/** Most bytes of data a request or reply carries. */
export const MAX_DATA = 1 << 20;
const ROOM = MAX_DATA + 4096;

export class Request {
  readonly in: Pinned;
  readonly out: Pinned;
  /** Bytes of the request. */
  length = 0;

  constructor(host: Host) {
    this.in = host.pin(ROOM);
    this.out = host.pin(ROOM);
  }
  get capacity(): number {
    return ROOM;
  }
  get opcode(): number {
    return this.in.words[1]!;
  }
  get nodeid(): number {
    return InHeader.get.nodeid(this.in.view, 0);
  }
  get uid(): number {
    return this.in.words[6]!;
  }
  get gid(): number {
    return this.in.words[7]!;
  }
  /** A NUL-ended name at `at`; undefined when it is not ended within the request. */
  name(at: number): { readonly name: string; readonly end: number } | undefined {
    const end = this.in.bytes.indexOf(0, at);
    if (end < 0 || end >= this.length || at >= this.length) return undefined;
    return { name: decodeName(this.in.bytes.subarray(at, end)), end: end + 1 };
  }
  /** Make the reply's header: `size` bytes of body, or an errno. The whole length. */
  finish(size: number, linuxErrno: number): number {
    const { words } = this.out;
    const length = OUT_HEADER + (linuxErrno === 0 ? size : 0);
    words[0] = length;
    words[1] = linuxErrno === 0 ? 0 : -linuxErrno >>> 0;
    words[2] = this.in.words[2]!;
    words[3] = this.in.words[3]!;
    return length;
  }
}
