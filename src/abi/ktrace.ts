/** What a trace of system calls is made of (NetBSD sys/ktrace.h, version 2): records with a header each. */
import { bytes, chars, i16, i32, i64, struct, u16 } from "../lib/struct.ts";

/** struct ktr_header; `len` bytes of the record follow. */
export const KtrHeader = struct("le", {
  len: i32,
  type: u16,
  version: u16,
  pid: i32,
  comm: chars(17),
  pad: bytes(3),
  sec: i64,
  nsec: i64,
  lid: i32,
  pad2: bytes(4),
}, 56);
export const KTR_VERSION = 2;
/** struct ktr_syscall; the argument registers follow. */
export const KtrSyscall = struct("le", { code: i32, argsize: i32 }, 8);
/** struct ktr_sysret. */
export const KtrSysret = struct("le", { code: i16, eosys: i16, error: i32, retval: i64, retval1: i64 }, 24);
/** struct ktr_genio; the bytes that were read (0) or written (1) follow. */
export const KtrGenio = struct("le", { fd: i32, rw: i32 }, 8);

export const KTR_SYSCALL = 1;
export const KTR_SYSRET = 2;
export const KTR_NAMEI = 3;
export const KTR_GENIO = 4;
/** Numbers of a sysctl name. */
export const KTR_MIB = 14;

export const KTROP_MASK = 3;
export const KTROP_SET = 0;
export const KTROP_CLEAR = 1;
export const KTROP_CLEARFILE = 2;
export const KTRFLAG_DESCEND = 4;
export const KTRFAC_MASK = 0x00ff_ffff;
/** Pass the trace to children. */
export const KTRFAC_INHERIT = 0x4000_0000;
/** Of a descriptor's bytes a record has at most these. */
export const GENIO_MAX = 4096;
