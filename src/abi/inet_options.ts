/** Options at level IPPROTO_IP and what they carry (netinet/in.h). */
import { struct, u32 } from "../lib/struct.ts";

export const IPPROTO_IP = 0;
export const IP_OPTIONS = 1;
export const IP_HDRINCL = 2;
export const IP_TOS = 3;
export const IP_TTL = 4;
export const IP_RECVOPTS = 5;
export const IP_RECVRETOPTS = 6;
export const IP_RECVDSTADDR = 7;
export const IP_RETOPTS = 8;
export const IP_MULTICAST_IF = 9;
export const IP_MULTICAST_TTL = 10;
export const IP_MULTICAST_LOOP = 11;
export const IP_ADD_MEMBERSHIP = 12;
export const IP_DROP_MEMBERSHIP = 13;
export const IP_PORTALGO = 18;
export const IP_PORTRANGE = 19;
export const IP_RECVIF = 20;
export const IP_ERRORMTU = 21;
export const IP_RECVTTL = 23;
export const IP_MINTTL = 24;
export const IP_PKTINFO = 25;
export const IP_RECVPKTINFO = 26;
/** FreeBSD's name: a control message with the source address. */
export const IP_SENDSRCADDR = IP_RECVDSTADDR;
/** 1, HIGH, is the same as the default. */
export const IP_PORTRANGE_DEFAULT = 0;
export const IP_PORTRANGE_LOW = 2;
/** Groups one socket may be a member of. */
export const IP_MAX_MEMBERSHIPS = 20;

/** struct in_pktinfo: the address is in network order. */
export const InPktinfo = struct("le", { address: u32, index: u32 }, 8);
/** struct ip_mreq: a group, and an address of the interface (0: where the route leads). */
export const IpMreq = struct("be", { group: u32, interface: u32 }, 8);
