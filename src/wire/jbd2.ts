/** The journal of ext3 and ext4 (Linux: include/linux/jbd2.h). All big-endian. */
import { bytes, struct, u16, u32, u8 } from "../lib/struct.ts";

export const JBD2_MAGIC = 0xc03b3998;
/** journal_header_t, at the start of every block that is the journal's own. */
export const JournalHeader = struct("be", { magic: u32, type: u32, sequence: u32 }, 12);
export const BLOCK_DESCRIPTOR = 1;
export const BLOCK_COMMIT = 2;
export const BLOCK_SUPER_1 = 3;
export const BLOCK_SUPER_2 = 4;
export const BLOCK_REVOKE = 5;

/** journal_superblock_t. */
export const JournalSuper = struct("be", {
  magic: u32,
  type: u32,
  headerSequence: u32,
  blockSize: u32,
  maxLength: u32,
  first: u32,
  sequence: u32,
  start: u32,
  error: u32,
  compat: u32,
  incompat: u32,
  roCompat: u32,
  uuid: bytes(16),
  users: u32,
  dynSuper: u32,
  maxTransaction: u32,
  maxTransactionData: u32,
  checksumType: u8,
  pad: bytes(3),
  fastCommitBlocks: u32,
  head: u32,
  reserved: bytes(160),
  checksum: u32,
  userIds: bytes(768),
}, 1024);
export const COMPAT_CHECKSUM = 1;
export const INCOMPAT_REVOKE = 1;
export const INCOMPAT_64BIT = 2;
export const INCOMPAT_ASYNC_COMMIT = 4;
export const INCOMPAT_CSUM_V2 = 8;
export const INCOMPAT_CSUM_V3 = 0x10;
export const INCOMPAT_FAST_COMMIT = 0x20;

/** journal_block_tag_t and, with CSUM_V3, journal_block_tag3_t; of the first, the last word is there with 64BIT only. */
export const Tag = struct("be", { block: u32, checksum: u16, flags: u16, blockHigh: u32 }, 12);
export const Tag3 = struct("be", { block: u32, flags: u32, blockHigh: u32, checksum: u32 }, 16);
/** The block begins with the magic number, which was zeroed in the journal. */
export const TAG_ESCAPED = 1;
export const TAG_SAME_UUID = 2;
export const TAG_LAST = 8;
/** A UUID follows a tag without TAG_SAME_UUID. */
export const UUID_SIZE = 16;

/** commit_header: what kind of checksum it has, and where. */
export const Commit = struct(
  "be",
  { header: bytes(12), checksumType: u8, checksumSize: u8, pad: u16, checksum: u32 },
  20,
);
export const CHECKSUM_CRC32 = 1;
/** jbd2_journal_revoke_header_t: how many bytes of the block are used, itself counted. */
export const Revoke = struct("be", { header: bytes(12), used: u32 }, 16);
/** Checksum at the end of descriptors and revoke blocks (CSUM_V2, CSUM_V3). */
export const TAIL_SIZE = 4;

/** ext4's fast commits (fs/ext4/fast_commit.h), little-endian: the tag that begins them, and whose transaction they follow. */
export const FastCommitHead = struct("le", { tag: u16, length: u16, features: u32, transaction: u32 }, 12);
export const FC_TAG_HEAD = 9;
