/** Neighbours, and their link addresses, as netlink(7) tells of them. */
import * as BSD from "../../abi/flags.ts";
import type { RouteMessage } from "../../abi/route_messages.ts";
import { parseSockaddrDl, RTA, RTF } from "../../abi/route_structs.ts";
import { AF, NDA, Ndmsg, NTF_PROXY, NUD, RTN } from "./rtnetlink.ts";
import type { Questions } from "../proc/questions.ts";
import { type Address, addressIn, attribute, joined, packed } from "./build.ts";

const NONE = new Uint8Array(0);
/** `now`: seconds of the clock. */
function stateOf(expire: number, known: boolean, now: number): number {
  if (!known) return NUD.INCOMPLETE;
  if (expire === 0) return NUD.PERMANENT;
  return expire > now ? NUD.REACHABLE : NUD.STALE;
}
function body({ header, addresses }: RouteMessage, { family, bytes }: Address, now: number): Uint8Array {
  const { mac } = parseSockaddrDl(addresses.get(RTA.GATEWAY) ?? NONE) ?? { mac: NONE };
  const state = stateOf(header.expire, mac.length > 0, now);
  const flags = header.flags & RTF.ANNOUNCE ? NTF_PROXY : 0;
  return joined([
    packed(Ndmsg, { family, index: header.index, state, flags, type: RTN.UNICAST }),
    attribute(NDA.DST, bytes),
    ...(mac.length > 0 ? [attribute(NDA.LLADDR, mac)] : []),
  ]);
}
const key = ({ bytes }: Address) => bytes.join(".");
/** Bodies of RTM_NEWNEIGH; `now`: seconds of the clock. */
export async function neighbourBodies(ask: Questions, family: number, now: number): Promise<Uint8Array[]> {
  const own = new Set(
    (await ask.interfaces()).flatMap((i) =>
      i.addresses.flatMap(({ address }) => {
        const told = addressIn(address);
        return told ? [key(told)] : [];
      })
    ),
  );
  const found: Uint8Array[] = [];
  for (const [linux, bsd] of [[AF.INET, BSD.AF_INET], [AF.INET6, BSD.AF_INET6]] as const) {
    if (family !== AF.UNSPEC && family !== linux) continue;
    for (const message of await ask.routes(bsd, RTF.LLDATA)) {
      const address = addressIn(message.addresses.get(RTA.DST));
      if (address && !own.has(key(address))) found.push(body(message, address, now));
    }
  }
  return found;
}
