/** Layouts and numbers of the NBD protocol (NetworkBlockDevice/nbd: doc/proto.md): big-endian. */
import { bytes, struct, u16, u32, u64 } from "../../src/lib/struct.ts";

export const Hello = struct("be", { magicHigh: u32, magicLow: u32, optionHigh: u32, optionLow: u32, flags: u16 }, 18);
export const NBDMAGIC = [0x4e42444d, 0x41474943] as const;
export const IHAVEOPT = [0x49484156, 0x454f5054] as const;
export const FIXED_NEWSTYLE = 1;
export const NO_ZEROES = 2;

/** A client's option, before its data; a server's answer. */
export const Option = struct("be", { magicHigh: u32, magicLow: u32, option: u32, length: u32 }, 16);
export const Answer = struct("be", { magicHigh: u32, magicLow: u32, option: u32, type: u32, length: u32 }, 20);
export const ANSWER_MAGIC = [0x0003e889, 0x045565a9] as const;
export const OPT = { EXPORT_NAME: 1, STARTTLS: 5, GO: 7, STRUCTURED_REPLY: 8, SET_META_CONTEXT: 10 } as const;
export const REP_ACK = 1;
export const REP_INFO = 3;
export const REP_META_CONTEXT = 4;
/** Types of answers from here on are errors. */
export const REP_ERRORS = 0x8000_0000;
export const REP_UNSUPPORTED = 0x8000_0001;
export const REP_TLS = 0x8000_0005;
export const REP_UNKNOWN = 0x8000_0006;
export const INFO_EXPORT = 0;
export const INFO_BLOCK_SIZE = 3;
export const InfoExport = struct("be", { type: u16, size: u64, flags: u16 }, 12);
export const InfoBlockSize = struct("be", { type: u16, least: u32, best: u32, most: u32 }, 14);
export const OldExport = struct("be", { size: u64, flags: u16 }, 10);
/** Flags of an export. */
export const READ_ONLY = 2;
export const CAN_FLUSH = 4;
export const CAN_TRIM = 32;

export const Request = struct(
  "be",
  { magic: u32, flags: u16, type: u16, handle: bytes(8), offset: u64, length: u32 },
  28,
);
export const REQUEST_MAGIC = 0x25609513;
export const CMD = { READ: 0, WRITE: 1, DISC: 2, FLUSH: 3, TRIM: 4, BLOCK_STATUS: 7 } as const;
export const Simple = struct("be", { magic: u32, error: u32, handle: bytes(8) }, 16);
export const SIMPLE_MAGIC = 0x67446698;
/** A piece of a structured reply; the first 4 bytes of either kind tell which it is. */
export const Chunk = struct("be", { magic: u32, flags: u16, type: u16, handle: bytes(8), length: u32 }, 20);
export const CHUNK_MAGIC = 0x668e33ef;
export const CHUNK_DONE = 1;
export const CHUNK = { NONE: 0, DATA: 1, HOLE: 2, STATUS: 5, ERRORS: 0x8000 } as const;
