/** What is asked of the rump kernel for files that show it: variables by name, and lists by number. */
import { errno } from "../../abi/errno.ts";
import { AF_ROUTE, AF_UNSPEC, CTL_QUERY, CTLTYPE_NODE } from "../../abi/flags.ts";
import { type IfInfo, parseInterfaces } from "../../abi/if_list.ts";
import { messagesOf, type RouteMessage, takeApart } from "../../abi/route_messages.ts";
import { CTL_NET, NET_RT } from "../../abi/route_structs.ts";
import { Stat } from "../../abi/structs.ts";
import { type Entry, type Level, mibBytes, nodeAsked, parseLevel, TOP } from "../../abi/sysctl_names.ts";
import { viewOf } from "../../lib/struct.ts";
import type { Async } from "../../plugin.ts";
import { persevering } from "../lasting.ts";
import type { RemoteCalls } from "../remote_calls.ts";
import type { Stand } from "../stand.ts";

/** Bytes of an answer asked for at first, and at most. */
const ROOM = 16 << 10;
const MAX = 16 << 20;
/** How long a level's names are believed. */
const VALID_MS = 100;

/** Calls in a batch, a little less than are allowed. */
const CALLS = 60;

/** What a kernel says that has no such thing, or none of the component. */
const isAbsent = (e: unknown): boolean =>
  e === errno.ENOENT || e === errno.ENOPROTOOPT || e === errno.EOPNOTSUPP || e === errno.EAFNOSUPPORT ||
  e === errno.ENOSYS || e === errno.ENOTDIR;

/** Who is asked. */
export interface Source {
  readonly remote: RemoteCalls;
  /** The server is gone: wait for another. Throws or rejects with ENOTCONN. */
  readonly again: () => Async<unknown>;
  /** Sockets of the programs served, by the inodes these know them by. */
  readonly stands?: ReadonlyMap<number, Pick<Stand, "s" | "state">>;
}

/** See the head of this file. Calls throw what the kernel said, and ENOTCONN when it is gone for good. */
export class Questions {
  readonly #source: Source;
  readonly #now: () => number;
  readonly #levels = new Map<string, { readonly until: number; readonly entries: readonly Entry[] }>();

  constructor(source: Source, now: () => number) {
    this.#source = source;
    this.#now = now;
  }
  /** A variable's value, of any length; `newp` is set. */
  async value(mib: readonly number[], newp?: Uint8Array): Promise<Uint8Array> {
    const name = mibBytes(mib);
    for (let room = ROOM; room <= MAX;) {
      const [oldp, oldlenp] = [new Uint8Array(room), new Uint8Array(new BigUint64Array([BigInt(room)]).buffer)];
      try {
        await this.#sysctl({ name, oldp, oldlenp, ...(newp ? { newp } : {}) });
      } catch (e) {
        if (e !== errno.ENOMEM) throw e;
      }
      const size = Number(viewOf(oldlenp).getBigUint64(0, true));
      if (size <= room) return oldp.subarray(0, size);
      room = size * 2;
    }
    throw errno.ENOMEM;
  }
  #sysctl(args: Parameters<RemoteCalls["sys"]["__sysctl"]>[0]): Async<unknown> {
    const { remote, again } = this.#source;
    return persevering(() => remote.sys.__sysctl(args), again);
  }
  /** The names of a level. */
  async level(at: Level): Promise<readonly Entry[]> {
    const had = this.#levels.get(at.path);
    if (had && this.#now() < had.until) return had.entries;
    const entries = parseLevel(await this.value([...at.mib, CTL_QUERY], nodeAsked()), at);
    this.#levels.set(at.path, { until: this.#now() + VALID_MS, entries });
    return entries;
  }
  /** The variable or directory of a dotted name; undefined: this kernel has none. */
  async find(path: string): Promise<Entry | undefined> {
    let at: Entry | undefined;
    for (const name of path.split(".")) {
      if (at && at.type !== CTLTYPE_NODE) return undefined;
      at = (await this.level(at ?? TOP)).find((e) => e.name === name);
      if (!at) return undefined;
    }
    return at;
  }
  /** A list such as net.inet.tcp.pcblist, or counters; undefined: this kernel does not have it. */
  async list(path: string, more: readonly number[] = []): Promise<Uint8Array | undefined> {
    const entry = await this.find(path);
    return entry && await this.value([...entry.mib, ...more]);
  }
  async #routing(family: number, operation: number, argument = 0): Promise<Uint8Array> {
    try {
      return await this.value([CTL_NET, AF_ROUTE, 0, family, operation, argument]);
    } catch (e) {
      if (isAbsent(e)) return new Uint8Array(0);
      throw e;
    }
  }
  /** None where the kernel has no network. */
  async interfaces(): Promise<IfInfo[]> {
    return parseInterfaces(await this.#routing(AF_UNSPEC, NET_RT.IFLIST));
  }
  /** Routes of a family; with RTF_* `flags` those that have them. */
  async routes(family: number, flags?: number): Promise<RouteMessage[]> {
    const raw =
      await (flags === undefined ? this.#routing(family, NET_RT.DUMP) : this.#routing(family, NET_RT.FLAGS, flags));
    return [...messagesOf(raw)].map(takeApart).filter((m) => m !== undefined);
  }
  /** Inodes by which the programs know their sockets, by the kernel's numbers of those (ki_sockaddr). */
  async inodes(): Promise<ReadonlyMap<number, number>> {
    const { remote, stands = new Map() } = this.#source;
    const open = [...stands].filter(([, { state }]) => state !== "gone");
    const found = new Map<number, number>();
    for (let at = 0; at < open.length; at += CALLS) {
      const some = open.slice(at, at + CALLS).map(([inode, { s: fd }]) => ({
        inode,
        fd,
        sb: new Uint8Array(Stat.size),
      }));
      const told = await remote.batch((b) => some.map(({ fd, sb }) => b.fstat({ fd, sb })));
      for (const [i, { inode, sb }] of some.entries()) {
        const number = told[i]!.error ? 0 : Stat.get.ino(viewOf(sb), 0);
        if (number !== 0) found.set(number, inode); // NetBSD's own does not tell
      }
    }
    return found;
  }
  /** With a socket for ioctls. */
  async withSocket(
    kind: { readonly domain: number; readonly type: number; readonly protocol: number },
    work: (fd: number, sys: RemoteCalls["sys"]) => Promise<void>,
  ): Promise<void> {
    const { remote: { sys }, again } = this.#source;
    const fd = await persevering(() => sys.socket(kind), again) as number;
    try {
      await work(fd, sys);
    } finally {
      await sys.close({ fd });
    }
  }
}
