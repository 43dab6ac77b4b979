/** Ethernet II, and ARP for IPv4 over it (RFC 894, RFC 826). */
import { bytes, struct, u16, u32 } from "../lib/struct.ts";

export const Ethernet = struct("be", { destination: bytes(6), source: bytes(6), type: u16 }, 14);
export const ETHERTYPE_IP = 0x0800;
export const ETHERTYPE_ARP = 0x0806;
export const ETHERTYPE_IPV6 = 0x86dd;
/** IEEE 802.1Q: a tag of 16 bits and another type follow. */
export const ETHERTYPE_VLAN = 0x8100;

/** RFC 826, with hardware and protocol addresses of Ethernet and IPv4. */
export const Arp = struct("be", {
  hardware: u16,
  protocol: u16,
  /** Of a hardware and a protocol address, a byte each. */
  lengths: u16,
  operation: u16,
  senderMac: bytes(6),
  senderIp: u32,
  targetMac: bytes(6),
  targetIp: u32,
}, 28);
export const ARP_ETHERNET = 1;
export const ARP_LENGTHS = 0x0604;
export const ARP_REQUEST = 1;
export const ARP_REPLY = 2;
