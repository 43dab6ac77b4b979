/** The TCP header and its options (RFC 9293, 3.1; 7323; 2018). Sequence numbers are signed: they are compared by their difference. */
import { i32, struct, u16, u8 } from "../lib/struct.ts";

/** Without options. */
export const Tcp = struct("be", {
  source: u16,
  destination: u16,
  seq: i32,
  ack: i32,
  /** Words of the header, in the upper four bits. */
  offset: u8,
  flags: u8,
  window: u16,
  checksum: u16,
  urgent: u16,
}, 20);
export const TH_FIN = 0x01;
export const TH_SYN = 0x02;
export const TH_RST = 0x04;
export const TH_PUSH = 0x08;
export const TH_ACK = 0x10;
export const TH_URG = 0x20;
/** RFC 3168 */
export const TH_ECE = 0x40;
export const TH_CWR = 0x80;

/** Kinds of options; all but the first two have a length in their second byte. */
export const TCPOPT_EOL = 0;
export const TCPOPT_NOP = 1;
export const TCPOPT_MAXSEG = 2;
export const TCPOPT_WINDOW = 3;
export const TCPOPT_SACK_PERMITTED = 4;
export const TCPOPT_SACK = 5;
export const TCPOPT_TIMESTAMP = 8;
/** Most bytes of options a header has. */
export const MAX_OPTIONS = 40;
