/**
 * A journal that was not played back: what its finished transactions say is laid over the disk in memory, so that a volume
 * that was not unmounted can be read, and its image stays as it is. (jbd2: revoked blocks, checksums of all three versions.)
 */
import { crc32c } from "../../src/lib/crc32c.ts";
import { viewOf } from "../../src/lib/struct.ts";
import {
  BLOCK_COMMIT,
  BLOCK_DESCRIPTOR,
  BLOCK_REVOKE,
  BLOCK_SUPER_2,
  CHECKSUM_CRC32,
  Commit,
  COMPAT_CHECKSUM,
  FastCommitHead,
  FC_TAG_HEAD,
  INCOMPAT_64BIT,
  INCOMPAT_ASYNC_COMMIT,
  INCOMPAT_CSUM_V2,
  INCOMPAT_CSUM_V3,
  INCOMPAT_FAST_COMMIT,
  INCOMPAT_REVOKE,
  JBD2_MAGIC,
  JournalHeader,
  JournalSuper,
  Revoke,
  Tag,
  Tag3,
  TAG_ESCAPED,
  TAG_LAST,
  TAG_SAME_UUID,
  TAIL_SIZE,
  UUID_SIZE,
} from "../../src/wire/jbd2.ts";
import { crc32be } from "./crc32be.ts";

const KNOWN = INCOMPAT_REVOKE | INCOMPAT_64BIT | INCOMPAT_ASYNC_COMMIT | INCOMPAT_CSUM_V2 | INCOMPAT_CSUM_V3 |
  INCOMPAT_FAST_COMMIT;
/** Most blocks a journal may put elsewhere: memory is bounded. */
const MAX_BLOCKS = 1 << 20;
const ZEROS = new Uint8Array(4);

/** A block's newest content: the journal's block it is in, and whether its first word has to be put back. */
export interface Placed {
  readonly from: number;
  readonly escaped: boolean;
}
/** What the journal is asked for. */
export interface JournalFile {
  readonly blockSize: number;
  /** Blocks the file has. */
  readonly blocks: number;
  /** A block of the file. Throws when it cannot be read. */
  read(block: number): Uint8Array;
}
interface TagRow {
  readonly block: number;
  readonly escaped: boolean;
  readonly checksum: number;
}
/** Sequence numbers go round. */
const isBefore = (a: number, b: number) => ((a - b) | 0) < 0;

export class Journal {
  /** Something that was to be played back could not be. */
  readonly faults: string[] = [];
  /** Blocks of the volume, by number. */
  readonly placed = new Map<number, Placed>();
  readonly #file: JournalFile;
  readonly #super: DataView;
  readonly #end: number;
  readonly #seed: number;
  readonly #revoked = new Map<number, number>();

  /** Reads all of it. Throws a text when it is no journal that is known here. */
  constructor(file: JournalFile) {
    this.#file = file;
    const bytes = file.read(0);
    this.#super = viewOf(bytes);
    const { get } = JournalSuper;
    const s = this.#super;
    const version2 = get.type(s, 0) === BLOCK_SUPER_2;
    if (get.magic(s, 0) !== JBD2_MAGIC || get.blockSize(s, 0) !== file.blockSize) throw "its superblock is damaged";
    if (version2 && get.incompat(s, 0) & ~KNOWN) throw "it has features that are not known here";
    this.#seed = crc32c(bytes, ~0, JournalSuper.at.uuid, JournalSuper.at.uuid + UUID_SIZE);
    const fast = this.#has(INCOMPAT_FAST_COMMIT) ? get.fastCommitBlocks(s, 0) || 256 : 0;
    this.#end = Math.min(get.maxLength(s, 0), file.blocks) - fast;
    const first = get.first(s, 0);
    if (this.#hasTails && !this.#isSound(bytes.subarray(0, 1024), JournalSuper.at.checksum, ~0)) {
      throw "its superblock is damaged";
    }
    if (first < 1 || first >= this.#end) throw "its superblock is damaged";
    const start = get.start(s, 0);
    if (start === 0) return;
    if (start < first || start >= this.#end) throw "its superblock is damaged";
    this.#replay(start);
  }
  #has(bit: number): boolean {
    return JournalSuper.get.type(this.#super, 0) === BLOCK_SUPER_2 &&
      (JournalSuper.get.incompat(this.#super, 0) & bit) !== 0;
  }
  get #hasTails(): boolean {
    return this.#has(INCOMPAT_CSUM_V2) || this.#has(INCOMPAT_CSUM_V3);
  }
  /** A block whose checksum stands in four bytes of it. */
  #isSound(bytes: Uint8Array, at: number, seed = this.#seed): boolean {
    const c = crc32c(bytes, crc32c(ZEROS, crc32c(bytes, seed, 0, at)), at + 4);
    return c === viewOf(bytes).getUint32(at, false);
  }
  #next(block: number, n = 1): number {
    const first = JournalSuper.get.first(this.#super, 0);
    const at = block + n;
    return at >= this.#end ? first + ((at - this.#end) % (this.#end - first)) : at;
  }
  /** As jbd2 does: find the end, then what is revoked, then the blocks. */
  #replay(start: number): void {
    const sequence = JournalSuper.get.sequence(this.#super, 0);
    const end = this.#walk(start, sequence, undefined);
    this.#fastCommits(end);
    this.#walk(start, sequence, { end, use: (bytes, tid) => this.#revoke(bytes, tid), tags: () => {} });
    this.#walk(start, sequence, {
      end,
      use: () => {},
      tags: (rows, at, tid) => rows.forEach((row, i) => this.#place(row, this.#next(at, 1 + i), tid)),
    });
  }
  /** Go through the transactions; the number of the first that is not finished. */
  #walk(start: number, sequence: number, visit: Visit | undefined): number {
    let [at, tid] = [start, sequence];
    let sum = ~0 >>> 0;
    for (let left = this.#end; left > 0; left--) {
      if (visit && tid === visit.end) return tid;
      const bytes = this.#file.read(at);
      const d = viewOf(bytes);
      if (JournalHeader.get.magic(d, 0) !== JBD2_MAGIC || JournalHeader.get.sequence(d, 0) !== tid) return tid;
      switch (JournalHeader.get.type(d, 0)) {
        case BLOCK_DESCRIPTOR: {
          if (this.#hasTails && !this.#isSound(bytes, bytes.length - TAIL_SIZE)) return tid;
          const rows = this.#tags(d);
          if (!visit && this.#isSummed) sum = this.#summed(sum, bytes, at, rows.length);
          visit?.tags(rows, at, tid);
          at = this.#next(at, 1 + rows.length);
          left -= rows.length;
          break;
        }
        case BLOCK_COMMIT:
          if (!visit && !this.#isCommitted(bytes, sum)) return tid;
          sum = ~0 >>> 0;
          tid = (tid + 1) >>> 0;
          at = this.#next(at);
          break;
        case BLOCK_REVOKE:
          if (this.#hasTails && !this.#isSound(bytes, bytes.length - TAIL_SIZE)) return tid;
          visit?.use(bytes, tid);
          at = this.#next(at);
          break;
        default:
          return tid;
      }
    }
    return tid;
  }
  /** Version 1: one sum of all of a transaction's blocks, in its commit block. */
  get #isSummed(): boolean {
    return JournalSuper.get.type(this.#super, 0) === BLOCK_SUPER_2 &&
      (JournalSuper.get.compat(this.#super, 0) & COMPAT_CHECKSUM) !== 0;
  }
  #summed(sum: number, descriptor: Uint8Array, at: number, blocks: number): number {
    let c = crc32be(descriptor, sum);
    for (let i = 1; i <= blocks; i++) c = crc32be(this.#file.read(this.#next(at, i)), c);
    return c;
  }
  #isCommitted(bytes: Uint8Array, sum: number): boolean {
    if (this.#hasTails) return this.#isSound(bytes, Commit.at.checksum);
    if (!this.#isSummed) return true;
    const d = viewOf(bytes);
    const [type, size, stored] = [
      Commit.get.checksumType(d, 0),
      Commit.get.checksumSize(d, 0),
      Commit.get.checksum(d, 0),
    ];
    if (type === 0 && size === 0 && stored === 0) return true;
    return type === CHECKSUM_CRC32 && size === 4 && stored === sum;
  }
  #tags(d: DataView): TagRow[] {
    const v3 = this.#has(INCOMPAT_CSUM_V3);
    const v2 = this.#has(INCOMPAT_CSUM_V2);
    const wide = this.#has(INCOMPAT_64BIT);
    const size = v3 ? Tag3.size : Tag.size + (v2 ? 2 : 0) - (wide ? 0 : 4);
    const room = d.byteLength - (v2 || v3 ? TAIL_SIZE : 0);
    const rows: TagRow[] = [];
    for (let at = JournalHeader.size; at + size <= room;) {
      const { get } = v3 ? Tag3 : Tag;
      const flags = get.flags(d, at);
      const block = get.block(d, at) + (wide ? get.blockHigh(d, at) * 2 ** 32 : 0);
      rows.push({ block, escaped: (flags & TAG_ESCAPED) !== 0, checksum: get.checksum(d, at) });
      if (flags & TAG_LAST) break;
      at += size + (flags & TAG_SAME_UUID ? 0 : UUID_SIZE);
    }
    return rows;
  }
  #revoke(bytes: Uint8Array, tid: number): void {
    const d = viewOf(bytes);
    const size = this.#has(INCOMPAT_64BIT) ? 8 : 4;
    const room = bytes.length - (this.#hasTails ? TAIL_SIZE : 0);
    const used = Math.min(Revoke.get.used(d, 0), room);
    for (let at = Revoke.size; at + size <= used && this.#revoked.size < MAX_BLOCKS; at += size) {
      const block = size === 8 ? d.getUint32(at, false) * 2 ** 32 + d.getUint32(at + 4, false) : d.getUint32(at, false);
      const had = this.#revoked.get(block);
      if (had === undefined || isBefore(had, tid)) this.#revoked.set(block, tid);
    }
  }
  #place(row: TagRow, from: number, tid: number): void {
    const { block, escaped, checksum } = row;
    const revoked = this.#revoked.get(block);
    if (revoked !== undefined && !isBefore(revoked, tid)) return;
    if (this.#hasTails && !this.#isData(this.#file.read(from), tid, checksum)) {
      this.faults.push(`block ${block} in the journal has a wrong checksum`);
      return;
    }
    if (this.placed.size >= MAX_BLOCKS) throw "it has too many blocks";
    this.placed.set(block, { from, escaped });
  }
  #isData(bytes: Uint8Array, tid: number, checksum: number): boolean {
    const head = new Uint8Array(4);
    viewOf(head).setUint32(0, tid, false);
    const c = crc32c(bytes, crc32c(head, this.#seed));
    return this.#has(INCOMPAT_CSUM_V3) ? c === checksum : (c & 0xffff) === checksum;
  }
  /** ext4's own short notes of what changed after the last transaction: they are told of, not followed. */
  #fastCommits(end: number): void {
    if (!this.#has(INCOMPAT_FAST_COMMIT) || this.#end >= this.#file.blocks) return;
    const d = viewOf(this.#file.read(this.#end));
    const { get } = FastCommitHead;
    if (get.tag(d, 0) === FC_TAG_HEAD && get.transaction(d, 0) === end) {
      this.faults.push("fast commits are not played back: the last changes before the crash are missing");
    }
  }
}
/** What a walk through finished transactions does. */
interface Visit {
  /** The first that is not finished. */
  readonly end: number;
  /** A revoke block. */
  readonly use: (bytes: Uint8Array, tid: number) => void;
  /** A descriptor at a place of the log: its blocks follow it. */
  readonly tags: (rows: readonly TagRow[], at: number, tid: number) => void;
}
