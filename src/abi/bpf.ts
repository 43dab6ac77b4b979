/** bpf(4): commands, structures, and the instructions of its filters (NetBSD: net/bpf.h, net/dlt.h). */
import { bytes, chars, i32, i64, struct, u16, u32, u64, u8, viewOf } from "../lib/struct.ts";
import { IFNAMSIZ, Ifreq } from "./net_structs.ts";
import { io, ior, iow, iowr, type Pointed } from "./ioccom.ts";
import { Timespec } from "./structs.ts";

/** struct bpf_program: `length` instructions elsewhere. */
const BpfProgram = struct("le", { length: u32, pad: u32, instructions: u64 }, 16);
/** struct bpf_insn. */
export const BpfInsn = struct("le", { code: u16, jt: u8, jf: u8, k: u32 }, 8);
/** struct bpf_dltlist: room for `length` numbers elsewhere. */
export const BpfDltlist = struct("le", { length: u32, pad: u32, list: u64 }, 16);
/** struct bpf_stat */
export const BpfStat = struct("le", { received: u64, dropped: u64, captured: u64, padding: bytes(104) }, 128);
/** struct bpf_d_ext: an open /dev/bpf, as sysctl net.bpf.peers tells it; `state` is a BPF_STATE. */
export const BpfDExt = struct("le", {
  bufsize: i32,
  promisc: u8,
  state: u8,
  immediate: u8,
  pad: u8,
  hdrcmplt: i32,
  direction: i32,
  pid: i32,
  gap: u32,
  received: u64,
  dropped: u64,
  captured: u64,
  ifname: chars(IFNAMSIZ),
}, 64);
export const BPF_STATE = { IDLE: 0, WAITING: 1, TIMED_OUT: 2 } as const;
/** struct bpf_version */
export const BpfVersion = struct("le", { major: u16, minor: u16 }, 4);
/** struct bpf_hdr, before each packet of a buffer; the packet is `hdrlen` behind its beginning, the next one at a multiple of 8. */
export const BpfHdr = struct("le", { sec: i64, usec: i64, caplen: u32, datalen: u32, hdrlen: u16, pad: bytes(6) }, 32);
const int = { size: 4 };

export const BIOC = {
  BIOCGBLEN: ior("B", 102, int),
  BIOCSBLEN: iowr("B", 102, int),
  BIOCSETF: iow("B", 103, BpfProgram),
  BIOCFLUSH: io("B", 104),
  BIOCPROMISC: io("B", 105),
  BIOCGDLT: ior("B", 106, int),
  BIOCGETIF: ior("B", 107, Ifreq),
  BIOCSETIF: iow("B", 108, Ifreq),
  BIOCGSTATS: ior("B", 111, BpfStat),
  BIOCIMMEDIATE: iow("B", 112, int),
  BIOCVERSION: ior("B", 113, BpfVersion),
  BIOCGHDRCMPLT: ior("B", 116, int),
  BIOCSHDRCMPLT: iow("B", 117, int),
  BIOCSDLT: iow("B", 118, int),
  BIOCGDLTLIST: iowr("B", 119, BpfDltlist),
  BIOCGSEESENT: ior("B", 120, int),
  BIOCSSEESENT: iow("B", 121, int),
  /** A struct timeval. */
  BIOCSRTIMEOUT: iow("B", 122, Timespec),
  BIOCGRTIMEOUT: ior("B", 123, Timespec),
  BIOCGFEEDBACK: ior("B", 124, int),
  BIOCSFEEDBACK: iow("B", 125, int),
} as const;
/** Memory that commands point at. */
export const bpfPointed: Readonly<Record<number, Pointed>> = {
  [BIOC.BIOCSETF]: { pointer: 8, count: 0, countSize: 4, unit: BpfInsn.size, way: "in" },
  [BIOC.BIOCGDLTLIST]: { pointer: 8, count: 0, countSize: 4, unit: 4, way: "out" },
};
/** What frames of an interface begin with (DLT_*). */
export const DLT = { NULL: 0, EN10MB: 1, RAW: 12 } as const;
/** Which packets are seen: BIOCSSEESENT. */
export const BPF_D = { IN: 0, INOUT: 1, OUT: 2 } as const;
/** Most instructions, words of memory; version of the machine. */
export const BPF_MAXINSNS = 512;
export const BPF_MEMWORDS = 16;
export const BPF_VERSION = { major: 1, minor: 1 } as const;

/** One instruction: what it does, where it goes when a comparison holds and when not, its constant. */
export interface Insn {
  readonly code: number;
  readonly jt: number;
  readonly jf: number;
  readonly k: number;
}
/** Codes by what they do: class, size, mode, operation, source. */
export const BPF = {
  LD_W_ABS: 0x20,
  LD_H_ABS: 0x28,
  LD_B_ABS: 0x30,
  LD_W_IND: 0x40,
  LD_H_IND: 0x48,
  LD_B_IND: 0x50,
  LD_IMM: 0x00,
  LD_LEN: 0x80,
  LD_MEM: 0x60,
  LDX_IMM: 0x01,
  LDX_LEN: 0x81,
  LDX_MEM: 0x61,
  LDX_MSH: 0xb1,
  ST: 0x02,
  STX: 0x03,
  ADD: 0x00,
  SUB: 0x10,
  MUL: 0x20,
  DIV: 0x30,
  OR: 0x40,
  AND: 0x50,
  LSH: 0x60,
  RSH: 0x70,
  NEG: 0x80,
  MOD: 0x90,
  XOR: 0xa0,
  ALU: 0x04,
  JMP: 0x05,
  JA: 0x00,
  JEQ: 0x10,
  JGT: 0x20,
  JGE: 0x30,
  JSET: 0x40,
  /** The other operand is X, not the constant. */
  X: 0x08,
  RET_K: 0x06,
  RET_A: 0x16,
  TAX: 0x07,
  TXA: 0x87,
} as const;

/** Instructions as memory has them. */
export function encodeProgram(program: readonly Insn[]): Uint8Array {
  const out = new Uint8Array(program.length * BpfInsn.size);
  const d = viewOf(out);
  for (const [i, insn] of program.entries()) BpfInsn.write(d, i * BpfInsn.size, insn);
  return out;
}
/** BIOCSETF's structure, and the instructions behind it. */
export function programRequest(program: readonly Insn[]): Uint8Array {
  const out = new Uint8Array(BpfProgram.size + program.length * BpfInsn.size);
  BpfProgram.set.length(viewOf(out), 0, program.length);
  out.set(encodeProgram(program), BpfProgram.size);
  return out;
}
/** Where instructions begin in BIOCSETF's structure. */
export const BPF_PROGRAM = BpfProgram.size;
