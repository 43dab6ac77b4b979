/** /proc/net/dev: interfaces, and what has gone through them; if_inet6: their addresses of IPv6. */
import { errno } from "../../abi/errno.ts";
import { AF_INET6, SOCK_DGRAM } from "../../abi/flags.ts";
import type { IfAddress, IfInfo } from "../../abi/if_list.ts";
import { parseIn6Mask } from "../../abi/inet.ts";
import { IN6_IFF_NAMES, In6Ifreq, In6IfreqFlags } from "../../abi/net_structs.ts";
import { SIOC } from "../../abi/sockio.ts";
import type { In6Addr } from "../../lib/in6.ts";
import { viewOf } from "../../lib/struct.ts";
import { bytes6, hex, in6 } from "./hex.ts";
import type { Questions } from "./questions.ts";

const HEAD = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
`;
const WIDTHS = [7, 7, 4, 4, 4, 5, 10, 9, 8, 7, 4, 4, 4, 5, 7, 10];

/** /proc/net/dev. */
export async function interfaceTable(ask: Questions): Promise<string> {
  const lines = (await ask.interfaces()).map(({ name, data: d }) => {
    const received = [d.ibytes, d.ipackets, d.ierrors, d.iqdrops, 0, 0, 0, d.imcasts];
    const sent = [d.obytes, d.opackets, d.oerrors, 0, 0, d.collisions, 0, 0];
    const numbers = [...received, ...sent].map((n, i) => String(n).padStart(WIDTHS[i]!));
    return `${name.padStart(6)}: ${numbers.join(" ")}\n`;
  });
  return HEAD + lines.join("");
}

/** Linux' flags (linux/if_addr.h IFA_F_*) by NetBSD's names of theirs. */
const FLAGS: Readonly<Partial<Record<(typeof IN6_IFF_NAMES)[number], number>>> = {
  temporary: 0x01,
  nodad: 0x02,
  duplicated: 0x08,
  deprecated: 0x20,
  tentative: 0x40,
};
const PERMANENT = 0x80;
const AUTOCONF = 1 << IN6_IFF_NAMES.indexOf("autoconf");
/** Linux' flags of an address by NetBSD's (IN6_IFF_*). */
export const linuxFlags6 = (there: number): number =>
  IN6_IFF_NAMES.reduce((all, name, i) => all | ((there >> i) & 1 ? FLAGS[name] ?? 0 : 0), 0) |
  (there & AUTOCONF ? 0 : PERMANENT);
/** Linux' scopes (net/ipv6.h IPV6_ADDR_*). */
function scopeOf(address: In6Addr): number {
  if (address.loopback) return 0x10;
  return address.linkLocal ? 0x20 : 0;
}

/** An address of IPv6. */
interface Address6 {
  readonly on: IfInfo;
  readonly of: IfAddress;
  readonly address: In6Addr;
  readonly prefix: number;
}
/** Those of IPv6. */
export const addresses6 = (all: readonly IfInfo[]): Address6[] =>
  all.flatMap((on) =>
    on.addresses.flatMap((of) => {
      const address = in6(of.address);
      return address ? [{ on, of, address, prefix: Math.max(0, parseIn6Mask(of.mask) ?? 0) }] : [];
    })
  );
/** NetBSD's flags of addresses (IN6_IFF_*); 0 for one that has gone meanwhile. */
export async function flags6(ask: Questions, all: readonly Address6[]): Promise<number[]> {
  if (all.length === 0) return [];
  const asked = all.map(({ on, of }) => {
    const data = new Uint8Array(In6Ifreq.size);
    In6Ifreq.set.name(viewOf(data), 0, on.name);
    data.set(of.address.subarray(0, 28), In6Ifreq.at.addr);
    return data;
  });
  const flags: number[] = [];
  await ask.withSocket({ domain: AF_INET6, type: SOCK_DGRAM, protocol: 0 }, async (fd, sys) => {
    for (const data of asked) {
      try {
        await sys.ioctl({ fd, com: SIOC.SIOCGIFAFLAG_IN6, data });
        flags.push(In6IfreqFlags.get.flags(viewOf(data), 0));
      } catch (e) {
        if (e !== errno.EADDRNOTAVAIL && e !== errno.ENXIO) throw e;
        flags.push(0);
      }
    }
  });
  return flags;
}
/** /proc/net/if_inet6. */
export async function address6Table(ask: Questions): Promise<string> {
  const all = addresses6(await ask.interfaces());
  const flags = await flags6(ask, all);
  return all.map(({ on, address, prefix }, i) =>
    `${bytes6(address)} ${hex(on.index, 2)} ${hex(prefix, 2)} ${hex(scopeOf(address), 2)} ` +
    `${hex(linuxFlags6(flags[i]!), 2)} ${on.name.padStart(8)}\n`
  ).join("");
}
