/** Sockets as netstat -a and sockstat list them: sysctl net.*.*.pcblist (NetBSD: sys/socket.h struct kinfo_pcb). */
import { bytes, i32, struct, u32, u64 } from "../lib/struct.ts";

/** `sockaddr` is the same number for the same socket; a socket of the AF_LOCAL family has those of others in `conn`. */
export const KinfoPcb = struct("le", {
  pcbaddr: u64,
  ppcbaddr: u64,
  sockaddr: u64,
  family: u32,
  type: u32,
  protocol: u32,
  pflags: u32,
  sostate: u32,
  prstate: u32,
  tstate: i32,
  tflags: u32,
  rcvq: u64,
  sndq: u64,
  src: bytes(264),
  dst: bytes(264),
  inode: u64,
  vnode: u64,
  conn: u64,
  refs: u64,
  nextref: u64,
}, 640);
/** Numbers that follow the variable's own: operation, argument, size of a record, how many at most. */
export const PCB_ALL = 0;
/** `sostate` (SS_*), `prstate` (INP_*), `tstate` (TCPS_*). */
export const SS = { NOFDREF: 1, ISCONNECTED: 2, ISCONNECTING: 4, CANTRCVMORE: 0x20, CANTSENDMORE: 0x10 } as const;
export const INP = { ATTACHED: 0, BOUND: 1, CONNECTED: 2 } as const;
export const TCPS = [
  "CLOSED",
  "LISTEN",
  "SYN_SENT",
  "SYN_RECEIVED",
  "ESTABLISHED",
  "CLOSE_WAIT",
  "FIN_WAIT_1",
  "CLOSING",
  "LAST_ACK",
  "FIN_WAIT_2",
  "TIME_WAIT",
] as const;
