/**
 * Interfaces as JSON, for scripts: `rump.ifconfig -j` writes an array of objects with `name`, `index`, `flags` (names), `mtu`,
 * `inet` and `inet6` (arrays of `address`, `prefixlen`, `flags`, ...), `input` and `output` (numbers). The rest (`address`,
 * `linkstr`, `description`, `metric`, `capabilities`, `vlan`, `tunnel`, `media`, ...) is left out where there is none.
 */
import { AF_INET } from "../../abi/flags.ts";
import type { IfInfo } from "../../abi/if_list.ts";
import { formatMac } from "../../lib/inet.ts";
import { capabilityNames, type Detail, type ShownAddress } from "./if_detail.ts";
import { mediaWord } from "./if_media.ts";
import { bitNames, IFF_NAMES } from "./if_request.ts";

const lasting = (seconds: number) => (seconds === Infinity ? undefined : seconds);
const addressValue = (a: ShownAddress) => ({
  address: a.address,
  prefixlen: a.length,
  broadcast: a.broadcast,
  destination: a.destination,
  scopeid: a.scope || undefined,
  flags: a.flags,
  preference: a.preference || undefined,
  /** Seconds; left out: for ever. */
  preferred: lasting(a.preferred),
  valid: lasting(a.valid),
});
const numbers = ({ data: d }: IfInfo) => ({
  input: {
    packets: d.ipackets,
    bytes: d.ibytes,
    multicasts: d.imcasts,
    errors: d.ierrors,
    drops: d.iqdrops,
    unknown: d.noproto,
  },
  output: {
    packets: d.opackets,
    bytes: d.obytes,
    multicasts: d.omcasts,
    errors: d.oerrors,
    collisions: d.collisions,
  },
});
/** One interface as a value to be stringified; addresses of one family, or of all. */
export function interfaceValue({ info, addresses, ...more }: Detail, family: number | undefined): object {
  const shown = addresses.filter((a) => family === undefined || a.family === family);
  return {
    name: info.name,
    index: info.index,
    flags: bitNames(info.flags, IFF_NAMES),
    mtu: info.data.mtu,
    metric: info.data.metric || undefined,
    address: info.mac.length > 0 ? formatMac(info.mac) : undefined,
    linkstr: more.linkstr,
    description: more.description,
    capabilities: more.able && more.able.can !== 0 ? capabilityNames(more.able.can) : undefined,
    vlan: more.vlan,
    tunnel: more.tunnel,
    media: more.media && mediaWord(more.media.active),
    inet: shown.filter((a) => a.family === AF_INET).map(addressValue),
    inet6: shown.filter((a) => a.family !== AF_INET).map(addressValue),
    ...numbers(info),
  };
}
