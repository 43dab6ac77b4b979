/** VLANs on Ethernet (IEEE 802.1Q), and what programs and vlan(4) say to each other (NetBSD: net/if_vlanvar.h). */
import { IFNAMSIZ, Ifreq } from "../abi/net_structs.ts";
import { bytes, chars, struct, u16 } from "../lib/struct.ts";

export { SIOC } from "../abi/sockio.ts";

/** A frame's header with a tag: priority, drop eligibility, VLAN. */
export const VlanHeader = struct(
  "be",
  { destination: bytes(6), source: bytes(6), type: u16, tag: u16, inner: u16 },
  18,
);
export const VLAN_TAG_SIZE = 4;
export const VLAN_ID = 0xfff;
/** struct vlanreq: of which interface it is a part, and which one. It stands behind the struct ifreq that points at it. */
export const Vlanreq = struct("le", { parent: chars(IFNAMSIZ), tag: u16 }, 18);
export const VLANREQ_AT: number = Ifreq.size;
