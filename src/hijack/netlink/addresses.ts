/** Addresses of interfaces as netlink(7) tells of them. */
import { IFF } from "../../abi/flags.ts";
import type { IfAddress, IfInfo } from "../../abi/if_list.ts";
import { parseIn6Mask, parseInetMask } from "../../abi/inet.ts";
import { AF, IFA, IFA_F_PERMANENT, Ifaddrmsg, SCOPE } from "./rtnetlink.ts";
import { in4, in6 } from "../proc/hex.ts";
import { addresses6, flags6, linuxFlags6 } from "../proc/interfaces.ts";
import type { Questions } from "../proc/questions.ts";
import { type Address, addressIn, attribute, joined, number, packed, text } from "./build.ts";

/** Bits of a mask of IPv4. */
const ones = (mask: number) => Math.clz32(~mask);
/** Bits of a kernel's mask for addresses of a family; what cannot be told is none. */
export function prefixOf(family: number, mask: Uint8Array | undefined): number {
  const from = mask ?? new Uint8Array(0);
  return family === AF.INET ? ones(parseInetMask(from) ?? 0) : Math.max(0, parseIn6Mask(from) ?? 0);
}
function scopeOf(sockaddr: Uint8Array): number {
  const [four, six] = [in4(sockaddr), in6(sockaddr)];
  if (six) return six.loopback ? SCOPE.HOST : six.linkLocal ? SCOPE.LINK : SCOPE.UNIVERSE;
  if (four !== undefined && four >>> 24 === 127) return SCOPE.HOST;
  return four !== undefined && four >>> 16 === 0xa9fe ? SCOPE.LINK : SCOPE.UNIVERSE;
}
/** Whom the addresses of an interface of two ends lead to, or who is all on its link. */
function others({ flags }: IfInfo, { bytes }: Address, other: Address | undefined): Uint8Array[] {
  const peer = flags & IFF.POINTOPOINT ? other : undefined;
  const broadcast = flags & IFF.BROADCAST ? other : undefined;
  return [
    attribute(IFA.ADDRESS, peer?.bytes ?? bytes),
    attribute(IFA.LOCAL, bytes),
    ...(broadcast ? [attribute(IFA.BROADCAST, broadcast.bytes)] : []),
  ];
}
/** The body of an RTM_NEWADDR. */
function body(on: IfInfo, { address, mask, other }: IfAddress, told: Address, flags: number): Uint8Array {
  const { index } = on;
  const prefix = prefixOf(told.family, mask);
  return joined([
    packed(Ifaddrmsg, { family: told.family, prefix, flags: flags & 0xff, scope: scopeOf(address), index }),
    ...(told.family === AF.INET
      ? [...others(on, told, addressIn(other)), text(IFA.LABEL, on.name)]
      : [attribute(IFA.ADDRESS, told.bytes)]),
    number(IFA.FLAGS, flags),
  ]);
}
/** Bodies of RTM_NEWADDR, those of IPv4 first. */
export async function addressBodies(ask: Questions, family: number): Promise<Uint8Array[]> {
  const interfaces = await ask.interfaces();
  const four = family === AF.INET6 ? [] : interfaces.flatMap((on) =>
    on.addresses.flatMap((a) => {
      const told = addressIn(a.address);
      return told?.family === AF.INET ? [body(on, a, told, IFA_F_PERMANENT)] : [];
    })
  );
  if (family === AF.INET) return four;
  const all = addresses6(interfaces);
  const flags = await flags6(ask, all);
  const six = all.map(({ on, of }, i) => body(on, of, addressIn(of.address)!, linuxFlags6(flags[i]!)));
  return [...four, ...six];
}
