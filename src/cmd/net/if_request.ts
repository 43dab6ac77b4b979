/** What programs ask about network interfaces: ioctls on sockets, as few round trips as may be, and the list of all by sysctl. */
import { errno } from "../../abi/errno.ts";
import { AF_INET, AF_UNSPEC, SOCK_DGRAM } from "../../abi/flags.ts";
import { type IfInfo, parseInterfaces } from "../../abi/if_list.ts";
import { Ifreq, IfreqFlags } from "../../abi/net_structs.ts";
import { NET_RT } from "../../abi/route_structs.ts";
import { SIOC, type SiocName } from "../../abi/sockio.ts";
import { viewOf } from "../../lib/struct.ts";
import type { Later } from "../../proxy/batch.ts";
import type { Caller } from "../client.ts";
import { routeDump } from "./route_message.ts";

/** A failure that names its object; who runs the program says its name (`isExpected`). */
export class RequestError extends Error {
  override readonly name = "RequestError";
  readonly code = "EIFREQUEST";
}
/** Calls in a batch, a little less than are allowed. */
const CALLS = 60;
/** Flags of an interface (IFF_*) by their bits, lowest first, as snprintb(3) of NetBSD writes them. */
export const IFF_NAMES: readonly string[] = [
  "UP",
  "BROADCAST",
  "DEBUG",
  "LOOPBACK",
  "POINTOPOINT",
  "NOTRAILERS",
  "RUNNING",
  "NOARP",
  "PROMISC",
  "ALLMULTI",
  "OACTIVE",
  "SIMPLEX",
  "LINK0",
  "LINK1",
  "LINK2",
  "MULTICAST",
];
/** Names of the bits that are on. */
export const bitNames = (value: number, names: readonly string[]): string[] =>
  names.filter((_, i) => Math.floor(value / 2 ** i) % 2 === 1);

/** A command's structure with these values, and behind it more memory that the command points at. */
export function request<V>(
  of: { readonly size: number; write(d: DataView, base: number, values: V): void },
  values: V,
  more: Uint8Array | number = 0,
): Uint8Array {
  const behind = typeof more === "number" ? new Uint8Array(more) : more;
  const data = new Uint8Array(of.size + behind.length);
  of.write(viewOf(data), 0, values);
  data.set(behind, of.size);
  return data;
}
/** What a command is asked with, and on a socket of what family (left out: AF_INET). */
export interface Ask {
  readonly com: SiocName;
  readonly data: Uint8Array;
  readonly family?: number;
}
/** Answers a command: its structure, changed. Throws what it failed with. */
export type Answer = () => Uint8Array;

/** Sockets for ioctls, one a family, and batches of ioctls on them. */
export class Control {
  readonly #caller: Caller;
  readonly #sockets = new Map<number, number>();

  constructor(caller: Caller) {
    this.#caller = caller;
  }
  /** Ask all, in one round trip for each sixty; `stop`: none after one that fails (ECANCELED). */
  ask(asks: readonly Ask[], stop = false): Answer[] {
    const answers: Answer[] = [];
    for (let at = 0; at < asks.length; at += CALLS) answers.push(...this.#some(asks.slice(at, at + CALLS), stop));
    return answers;
  }
  #some(asks: readonly Ask[], stop: boolean): Answer[] {
    const fresh = new Map<number, Later>();
    const made = this.#caller.batch((b) => {
      for (const { family = AF_INET } of asks) {
        if (this.#sockets.has(family) || fresh.has(family)) continue;
        fresh.set(family, b.socket({ domain: family, type: SOCK_DGRAM, protocol: 0 }));
      }
      return asks.map(({ com, data, family = AF_INET }) =>
        b.ioctl({ fd: this.#sockets.get(family) ?? fresh.get(family)!, com: SIOC[com], data })
      );
    }, { stop });
    for (const [family, fd] of fresh) if (!fd.error) this.#sockets.set(family, fd.value);
    return made.map((later, i) => () => {
      const { data, family = AF_INET } = asks[i]!;
      const refused = fresh.get(family)?.error;
      if (refused) throw family === AF_INET ? noNetwork() : refused;
      void later.value;
      return data;
    });
  }
  /** One command. Throws what it failed with. */
  one(com: SiocName, data: Uint8Array, family = AF_INET): Uint8Array {
    return this.ask([{ com, data, family }])[0]!();
  }
  /** IFF_* of an interface. */
  flags(name: string): number {
    return IfreqFlags.get.flags(viewOf(this.one("SIOCGIFFLAGS", request(Ifreq, { name }))), 0);
  }
  /** Some flags on, some off. */
  setFlags(name: string, on: number, off = 0): void {
    this.one("SIOCSIFFLAGS", request(IfreqFlags, { name, flags: (this.flags(name) | on) & ~off }));
  }
}
/** What to say of a server that has no sockets of the Internet, or no interfaces. */
export const NO_NETWORK = "the server has no network: start it with -l rumpnet_netinet";
const noNetwork = () => new RequestError(NO_NETWORK);

/** Every interface, or one by its index, with its addresses: a round trip for up to a hundred or so. */
export function listInterfaces({ sys }: Pick<Caller, "sys">, index = 0): IfInfo[] {
  try {
    return parseInterfaces(routeDump(sys, AF_UNSPEC, NET_RT.IFLIST, index));
  } catch (e) {
    throw e === errno.ENOENT || e === errno.ENOPROTOOPT || e === errno.EOPNOTSUPP ? noNetwork() : e;
  }
}
/** Names of interfaces by their index; they are asked for once, at the first question. An index without an interface is its own. */
export function interfaceNamer(caller: Pick<Caller, "sys">): (index: number) => string {
  let names: Map<number, string> | undefined;
  return (index) => {
    names ??= new Map(listInterfaces(caller).map((i) => [i.index, i.name]));
    return names.get(index) ?? String(index);
  };
}
