/** Options of the hop-by-hop and destination headers (RFC 8200, 4.2). */
import { IP6OPT_PAD1, IP6OPT_PADN, IP6OPT_RTALERT } from "../../wire/ipv6.ts";
import type { Packet } from "../packet.ts";

/** Options one header may have, padding apart (RFC 8504, 5.3). */
const MAX_OPTIONS = 8;
/** What the upper bits of an unknown option's type ask for. */
const SKIP = 0;
const DISCARD = 1;
const TELL = 2;

/** What a header's options make of the packet. */
export type OptionsVerdict =
  /** It goes on. */
  | "on"
  /** It is dropped. */
  | "drop"
  /** It is dropped, and its sender told of the option at `at`; `always`: also of a multicast. */
  | { readonly at: number; readonly always: boolean };

/** Look at the options of the header at `at`, which ends at `end`. */
export function readOptions({ view }: Packet, at: number, end: number): OptionsVerdict {
  let options = 0;
  for (at += 2; at < end;) {
    const kind = view.getUint8(at);
    if (kind === IP6OPT_PAD1) {
      at++;
      continue;
    }
    if (at + 2 > end) return "drop";
    const length = 2 + view.getUint8(at + 1);
    if (at + length > end) return "drop";
    if (kind !== IP6OPT_PADN) {
      if (++options > MAX_OPTIONS) return "drop";
      const verdict = kind === IP6OPT_RTALERT && length === 4 ? "on" : unknown(kind, at);
      if (verdict !== "on") return verdict;
    }
    at += length;
  }
  return "on";
}
function unknown(kind: number, at: number): OptionsVerdict {
  const action = kind >> 6;
  if (action === SKIP) return "on";
  return action === DISCARD ? "drop" : { at, always: action === TELL };
}
