/** What programs and bridge(4) say to each other by SIOCSDRVSPEC and SIOCGDRVSPEC (NetBSD: net/if_bridgevar.h). */
import { IFNAMSIZ } from "../abi/net_structs.ts";
import { bytes, chars, i64, struct, u32, u8 } from "../lib/struct.ts";

export { Ifdrv } from "../abi/net_structs.ts";
export { SIOC } from "../abi/sockio.ts";

const name = chars(IFNAMSIZ);
/** struct ifbreq: about a member. */
export const Ifbreq = struct("le", { name, flags: u32, state: u8, priority: u8, cost: u8, port: u8 }, 24);
/** struct ifbareq: about an address: seconds until it is forgotten, IFBAF_*. */
export const Ifbareq = struct("le", { name, expire: i64, flags: u8, address: bytes(6), pad: u8 }, 32);
/** struct ifbrparam: a number, of one to four bytes. */
export const Ifbrparam = struct("le", { value: u32 }, 4);

/** Commands: struct ifdrv's `command`. */
export const BRDG = {
  ADD: 0,
  DEL: 1,
  GIFFLGS: 2,
  SIFFLGS: 3,
  SCACHE: 4,
  GCACHE: 5,
  SADDR: 8,
  STO: 9,
  GTO: 10,
  DADDR: 11,
  FLUSH: 12,
  GPRI: 13,
  SPRI: 14,
  GHT: 15,
  SHT: 16,
  GFD: 17,
  SFD: 18,
  GMA: 19,
  SMA: 20,
  SIFPRIO: 21,
  SIFCOST: 22,
  SFILT: 24,
  GIFS: 25,
  RTS: 26,
} as const;
/** A member's flags. */
export const IFBIF = { LEARNING: 1, DISCOVER: 2, STP: 4 } as const;
/** An address's flags: it was set, not learned. BRDG.FLUSH: those, too. */
export const IFBAF_STATIC = 1;
export const IFBF_FLUSHALL = 1;
